"""The name of a cluster: what its median members did, in words."""

from __future__ import annotations

import numpy as np

from customer_intelligence.clusters.choice import MIN_SHARE

# What a word of a name asserts of the median member, whatever the rest of the shop is like. Silent
# is who is not active in the marts' sense: no purchase within 90 days.
RECENT_DAYS = 60
SILENT_DAYS = 90
FREQUENT_ORDERS = 5
REGULAR_ORDERS = 3
# Fewer customers, or a smaller share, have a table of figures and no words.
MIN_DESCRIBED = 30
SMALL_CLUSTER = "Small cluster"
# Each feature in words: more of it, less of it, and the sign that sorts most first.
_DISTINCTIONS = (
    ("more recent", "less recent", "recency", 1),
    ("more frequent", "less frequent", "frequency", -1),
    ("higher spend", "lower spend", "spend", -1),
)


def cluster_names(
    centroids: np.ndarray,
    medians: np.ndarray,
    member_medians: np.ndarray,
    *,
    shares: np.ndarray | None = None,
    customers: int | None = None,
    longest_silence: float = np.inf,
) -> tuple[str, ...]:
    """Name clusters by what their median members did, also compared with the median customer.

    A name is ``[Recent|Lapsed] frequent|regular|occasional|repeat|one-time big|medium|small
    spenders``. Every word holds twice: beside the median customer, and in days and orders of the
    median member (``RECENT_DAYS`` …). ``Occasional`` needs a history in which somebody can be seen
    to stay away; where the median member spent nothing net, the name says so. A cluster that is
    too small to be described is a ``SMALL_CLUSTER``. Clusters of the same name are told apart by
    the feature in which their median members differ most: ``(more recent)`` and ``(less recent)``,
    or ``(1 of 3 by recency)``.

    Parameters
    ----------
    centroids : ndarray, shape (k, 3)
        Days since last order, frequency, money, in canonical order.
    medians : ndarray, shape (3,)
        The medians of all customers.
    member_medians : ndarray, shape (k, 3)
        The medians of each cluster's members.
    shares : ndarray, shape (k,), optional
        Share of customers of each cluster; by default none is too small.
    customers : int, optional
        All customers.
    longest_silence : float
        Days since the last order of the customer who has been silent for longest.

    Returns
    -------
    tuple of str
        k different names in the order of the centroids.
    """
    typical = np.asarray(member_medians, dtype="float64")
    ratios = (1 + np.asarray(centroids)) / (1 + np.asarray(medians))
    is_small = np.zeros(len(typical), dtype="bool")
    if shares is not None and customers is not None:
        is_small = (shares < MIN_SHARE) | (shares * customers < MIN_DESCRIBED)
    names = [
        SMALL_CLUSTER
        if small
        else _plain_name(ratio, centre[1], members, medians, longest_silence >= SILENT_DAYS)
        for small, ratio, centre, members in zip(is_small, ratios, centroids, typical, strict=True)
    ]
    result = list(names)
    for name in {n for n in names if names.count(n) > 1}:
        same = [i for i, n in enumerate(names) if n == name]
        for position, label in zip(same, _distinctions(typical[same]), strict=True):
            result[position] = f"{name} ({label})"
    return tuple(result)


def _distinctions(members: np.ndarray) -> list[str]:
    """Tell clusters apart by their median members, shape (n, 3), where these differ."""
    logs = np.log1p(members.clip(min=0))
    axis = int(np.argmax(np.ptp(logs, axis=0)))
    more, less, noun, sign = _DISTINCTIONS[axis]
    values = sign * logs[:, axis]
    count = len(values)
    if len(np.unique(values)) < count:
        # Some are alike in their medians, and nothing is said of which has more.
        return [f"{number} of {count}" for number in range(1, count + 1)]
    ranks = np.argsort(np.argsort(values))
    if count == 2:
        return [(more, less)[rank] for rank in ranks]
    return [f"{rank + 1} of {count} by {noun}" for rank in ranks]


def _plain_name(
    ratio: np.ndarray,
    frequency: float,
    typical: np.ndarray,
    medians: np.ndarray,
    shows_silence: bool,
) -> str:
    """Name one cluster from its centroid's ratios to the median customer and its median member."""
    days_ratio, frequency_ratio, money_ratio = ratio
    days, orders, money = typical
    is_above, is_below = typical > medians, typical < medians
    words = []
    if days_ratio <= 0.6 and is_below[0] and days <= RECENT_DAYS:
        words.append("recent")
    elif days_ratio >= 1.5 and is_above[0] and days >= SILENT_DAYS:
        words.append("lapsed")
    if frequency < 1.5 and orders < 2:
        words.append("one-time")
    elif frequency_ratio >= 2 and is_above[1] and orders >= FREQUENT_ORDERS:
        words.append("frequent")
    elif orders >= FREQUENT_ORDERS or (frequency_ratio >= 1.25 and orders >= REGULAR_ORDERS):
        words.append("regular")
    elif shows_silence:
        words.append("occasional")
    else:
        words.append("repeat" if orders >= 2 else "mostly one-time")
    if money <= 0:
        words.append("customers without net spending")
    elif money_ratio >= 2.5 and is_above[2]:
        words.append("big spenders")
    elif money_ratio <= 0.75 and is_below[2]:
        words.append("small spenders")
    else:
        words.append("medium spenders")
    return " ".join(words).capitalize()
