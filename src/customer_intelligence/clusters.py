"""Customer clusters: the choice of k, the fit, the assignment and the names.

K-Means on the standardised ``log1p`` of days since last order, frequency and net revenue. All
functions take and return pandas frames or plain arrays and know no engine. What makes the result
the same on every engine and in every run: the fit's customers are chosen by the md5 of their id and
sorted by id, the clusters are put in a canonical order, and scoring is element-wise arithmetic on
plain arrays, so that it may run in batches anywhere. Only the ids may depend on more than the
customers: they are those of an earlier run, where one is given.

A usual run is ``diagnose`` → ``chosen_k`` → ``assign``; where scoring is distributed, ``fit`` and
``align`` once and ``score`` each batch.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import (
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    pairwise_distances_chunked,
)
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

FEATURES = ("days_since_last_order", "frequency", "net_revenue")

# The rule for k, written down before looking at any result.
ELIGIBLE_K = range(3, 9)
MIN_STABILITY = 0.85
MIN_SHARE = 0.05
SILHOUETTE_TOLERANCE = 0.005

# What a word of a name asserts of the median member, whatever the rest of the shop is like. Silent
# is who is not active in the marts' sense: no purchase within 90 days.
RECENT_DAYS = 60
SILENT_DAYS = 90
FREQUENT_ORDERS = 5
REGULAR_ORDERS = 3
# Fewer customers, or a smaller share, have a table of figures and no words.
MIN_DESCRIBED = 30
SMALL_CLUSTER = "Small cluster"

# Bounds on the work: more customers add cost to a fit, hardly any precision.
MAX_FIT_CUSTOMERS = 20_000
MAX_SILHOUETTE_CUSTOMERS = 10_000
DISTANCES_MB = 64

# Restarts of K-Means. Resamples use as many as the reference fit: fewer would measure the luck of
# the start instead of the stability of the clusters. A gap reference is one of several that are
# averaged, and only its inertia counts, which three starts settle.
N_INIT = 10
N_INIT_GAP = 3

# Customers are assigned by a fit that went to its end: scikit-learn's tolerance of 1e-4 stops
# early enough for 2 % of them to depend on the seed. Measures of a k need no such precision.
TOLERANCE = 1e-6

OK = "ok"
INSUFFICIENT_DATA = "insufficient_data"

_DIAGNOSTICS = {
    "k": "int32",
    "status": "string",
    "customers": "int64",
    "fitted_customers": "int64",
    "inertia": "float64",
    "silhouette": "float64",
    "calinski_harabasz": "float64",
    "davies_bouldin": "float64",
    "gap": "float64",
    "gap_s": "float64",
    "smallest_share": "float64",
    "stability_ari_mean": "float64",
    "stability_ari_min": "float64",
    "is_elbow": "bool",
    "is_best_silhouette": "bool",
    "is_best_calinski_harabasz": "bool",
    "is_best_davies_bouldin": "bool",
    "is_gap_pick": "bool",
    "is_most_stable": "bool",
    "is_candidate": "bool",
    "is_chosen": "bool",
    "chosen_reason": "string",
}
_ASSIGNMENT = {
    "customer_id": "string",
    "cluster_id": "Int32",
    "cluster_name": "string",
    "distance_to_centroid": "float64",
    "status": "string",
}
_CENTROIDS = {
    "cluster_id": "int32",
    "cluster_name": "string",
    "days_since_last_order": "float64",
    "frequency": "float64",
    "net_revenue": "float64",
    "z_days_since_last_order": "float64",
    "z_frequency": "float64",
    "z_net_revenue": "float64",
}


@dataclass(frozen=True)
class ClusterParameters:
    """All that scoring needs, as plain arrays, so that it can be sent to any worker.

    Attributes
    ----------
    log_mean, log_scale : ndarray of float64, shape (3,)
        Mean and standard deviation of the ``log1p`` features, in the order of ``FEATURES``.
    centroids : ndarray of float64, shape (k, 3)
        Standardised centroids in canonical order; k is 0 where nothing could be fitted.
    names : tuple of str
        One name for each centroid.
    ids : tuple of int
        One id for each centroid: 0…k−1 in canonical order, or those that ``align`` gave.
    """

    log_mean: np.ndarray
    log_scale: np.ndarray
    centroids: np.ndarray
    names: tuple[str, ...]
    ids: tuple[int, ...]


def text_ids(frame: pd.DataFrame) -> pd.Series:
    """Return ``customer_id`` as text.

    Raises
    ------
    ValueError
        Where the column is missing, holds a null, or holds numbers (17850.0 is not '17850').
    """
    if "customer_id" not in frame.columns:
        raise ValueError("column 'customer_id' is missing")
    ids = frame["customer_id"]
    if ids.isna().any():
        raise ValueError("column 'customer_id' holds a null")
    if len(ids) and pd.api.types.is_numeric_dtype(ids):
        raise ValueError("column 'customer_id' must be text, not numbers")
    return ids.astype("string")


def numeric(frame: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column as float64, shape (n,), with nulls as NaN.

    Raises
    ------
    ValueError
        Where the column is missing or holds an infinite value.
    """
    if column not in frame.columns:
        raise ValueError(f"column {column!r} is missing")
    values = frame[column].to_numpy(dtype="float64", na_value=np.nan)
    if np.isinf(values).any():
        raise ValueError(f"column {column!r} holds an infinite value")
    return values


def sample_positions(ids: Iterable[str], size: int) -> np.ndarray:
    """Choose the same customers on every engine: those with the smallest md5 of their id.

    A filter ``substr(md5(customer_id), 1, 7) < cut`` in SQL leaves the answer as it is, as long as
    at least ``size`` customers pass it, so an engine can cut a large table down beforehand.

    Parameters
    ----------
    ids : iterable of str
        The n customer ids.
    size : int
        The largest number of rows to choose.

    Returns
    -------
    ndarray of int64, shape (min(n, size),)
        Ascending positions.
    """
    ids = list(ids)
    if len(ids) <= size:
        return np.arange(len(ids))
    digests = np.array([hashlib.md5(i.encode(), usedforsecurity=False).hexdigest() for i in ids])
    return np.sort(np.argsort(digests, kind="stable")[:size])


def features(frame: pd.DataFrame) -> np.ndarray:
    """Return the standardised ``log1p`` features, in the frame's row order.

    Parameters
    ----------
    frame : DataFrame
        ``customer_id`` and the columns of ``FEATURES``: days, a count, and money in the source's
        currency. Money that is not positive counts as 0.

    Returns
    -------
    ndarray of float64, shape (n, 3)

    Raises
    ------
    ValueError
        Naming the column that is missing, null, infinite or, but for money, negative.
    """
    logs = _log_features(frame)
    mean, scale = _scaling(logs[np.argsort(text_ids(frame).to_numpy(dtype=object))])
    return _standardise(logs, mean, scale)


def diagnose(
    frame: pd.DataFrame,
    k_values: Iterable[int] = range(2, 11),
    *,
    random_state: int,
    forced_k: int | None = None,
    n_resamples: int = 12,
    n_references: int = 10,
    n_init: int = N_INIT,
    max_fit_customers: int = MAX_FIT_CUSTOMERS,
    max_silhouette_customers: int = MAX_SILHOUETTE_CUSTOMERS,
) -> pd.DataFrame:
    """Measure every k and choose one.

    Each k is fitted on at most ``max_fit_customers`` customers. Its stability is the adjusted Rand
    index between that fit and fits on bootstrap resamples, each predicting all fitted customers;
    the resamples are the same ones for every k, and a customer drawn several times is one row of
    that weight. The gap statistic (Tibshirani, Walther and Hastie,
    2001, doi 10.1111/1467-9868.00293) compares the log inertia with that of uniform data in the
    box along the principal axes. The silhouette is exact up to ``max_silhouette_customers``
    customers and computed on a fixed sample of that many above.

    Parameters
    ----------
    frame : DataFrame
        As for ``features``; one row a customer, in any order.
    k_values : iterable of int
        The numbers of clusters to measure; ``forced_k`` is added to them.
    random_state : int
        Seed of the fits, the resamples and the references.
    forced_k : int, optional
        Choose this k whatever the rule says.
    n_resamples, n_references : int
        Bootstrap resamples and gap references for each k.
    n_init : int
        Restarts of K-Means; the best of them counts.
    max_fit_customers, max_silhouette_customers : int
        Bounds on the work.

    Returns
    -------
    DataFrame
        One row for each k, ascending. A k that has no more distinct customers than clusters has
        the status ``insufficient_data`` and no measures.

    Raises
    ------
    ValueError
        For a k below 2, too few resamples, or a frame that ``features`` refuses.
    """
    ks = sorted({int(k) for k in k_values} | ({int(forced_k)} if forced_k is not None else set()))
    if not ks or ks[0] < 2:
        raise ValueError("k_values and forced_k must be 2 or more")
    if n_resamples < 2 or n_references < 2:
        raise ValueError("n_resamples and n_references must be 2 or more")
    sample = _fit_sample(frame, max_fit_customers)
    logs = _log_features(sample)
    x = _standardise(logs, *_scaling(logs))
    shown = sample_positions(sample["customer_id"], max_silhouette_customers)
    fittable = [k for k in ks if _distinct_rows(x) > k]

    measured: dict[int, dict[str, float]] = {}
    labels: dict[int, np.ndarray] = {}
    with threadpool_limits(limits=1):
        resamples = _resamples(len(x), n_resamples, random_state)
        references = _uniform_references(x, n_references, random_state) if fittable else []
        for k in fittable:
            model = _kmeans(k, random_state, n_init).fit(x)
            log_inertias = np.array(
                [np.log(_kmeans(k, random_state, N_INIT_GAP).fit(r).inertia_) for r in references]
            )
            stability = _stability(x, model.labels_, k, resamples, random_state, n_init)
            labels[k] = model.labels_
            measured[k] = {
                "inertia": model.inertia_,
                "calinski_harabasz": calinski_harabasz_score(x, model.labels_),
                "davies_bouldin": davies_bouldin_score(x, model.labels_),
                "gap": log_inertias.mean() - np.log(model.inertia_),
                "gap_s": log_inertias.std() * np.sqrt(1 + 1 / n_references),
                "smallest_share": np.bincount(model.labels_, minlength=k).min() / len(x),
                "stability_ari_mean": min(stability.mean(), 1.0),
                "stability_ari_min": stability.min(),
            }
        silhouettes = _silhouettes(x[shown], [labels[k][shown] for k in fittable])
        for k, silhouette in zip(fittable, silhouettes, strict=True):
            measured[k]["silhouette"] = silhouette
    rows = [
        {
            "k": k,
            "status": OK if k in measured else INSUFFICIENT_DATA,
            "customers": len(frame),
            "fitted_customers": len(x),
            **measured.get(k, {}),
        }
        for k in ks
    ]
    return mark_choices(pd.DataFrame(rows), forced_k)


def mark_choices(measures: pd.DataFrame, forced_k: int | None = None) -> pd.DataFrame:
    """Add which criterion picks which k, the k that the rule chooses, and why, or why none.

    Parameters
    ----------
    measures : DataFrame
        ``k``, ``status`` and the measures of ``diagnose``, one row for each k.
    forced_k : int, optional
        Choose this k whatever the rule says.

    Returns
    -------
    DataFrame
        The table that ``diagnose`` returns, sorted by k.
    """
    # A measure that no k could be given is a column of nulls.
    table = measures.reindex(columns=list(_DIAGNOSTICS)).sort_values("k", ignore_index=True)
    fitted = table[table["status"] == OK].set_index("k")
    k, reason = choose_k(table, forced_k)
    picks = {
        "is_elbow": elbow(fitted.index, fitted["inertia"]),
        "is_best_silhouette": _arg(fitted["silhouette"], "max"),
        "is_best_calinski_harabasz": _arg(fitted["calinski_harabasz"], "max"),
        "is_best_davies_bouldin": _arg(fitted["davies_bouldin"], "min"),
        "is_gap_pick": gap_pick(fitted.index, fitted["gap"], fitted["gap_s"]),
        "is_most_stable": _arg(fitted["stability_ari_mean"], "max"),
        "is_chosen": k,
    }
    for column, pick in picks.items():
        table[column] = table["k"] == (-1 if pick is None else pick)
    table["is_candidate"] = _is_candidate(table)
    told = table["is_chosen"] | (k is None)
    table["chosen_reason"] = [reason if is_told else None for is_told in told]
    return table.astype(_DIAGNOSTICS)


def choose_k(measures: pd.DataFrame, forced_k: int | None = None) -> tuple[int | None, str]:
    """Apply the rule for k.

    Among k = 3…8 with a mean ARI of at least 0.85 and a smallest share of at least 5 %, the best
    silhouette; within 0.005 of it, the higher ARI. Where none qualifies, the best mean ARI among
    3…8. A forced k overrides. Ties go to the smaller k.

    Parameters
    ----------
    measures : DataFrame
        ``k``, ``status``, ``silhouette``, ``smallest_share``, ``stability_ari_mean``.
    forced_k : int, optional
        The k to take instead.

    Returns
    -------
    k : int or None
        None where no k could be fitted.
    reason : str
        In words.
    """
    fitted = measures[measures["status"] == OK].sort_values("k").set_index("k")
    span = f"k = {ELIGIBLE_K[0]}…{ELIGIBLE_K[-1]}"
    if forced_k is not None:
        if forced_k in fitted.index:
            return int(forced_k), "forced by configuration"
        return None, f"too few distinct customers for the forced k = {forced_k}"
    eligible = fitted[fitted.index.isin(ELIGIBLE_K)]
    if eligible.empty:
        return None, f"too few distinct customers for any of {span}"
    candidates = eligible[_is_candidate(eligible.reset_index()).to_numpy()]
    if candidates.empty:
        return _arg(eligible["stability_ari_mean"], "max"), (
            f"no {span} has a mean ARI of at least {MIN_STABILITY} and a smallest share of at "
            f"least {MIN_SHARE:.0%}: the best mean ARI"
        )
    best = _arg(candidates["silhouette"], "max")
    # The margin forgives the rounding of a difference that is meant to be exactly the tolerance.
    floor = candidates["silhouette"].max() - SILHOUETTE_TOLERANCE - 1e-12
    chosen = _arg(candidates.loc[candidates["silhouette"] >= floor, "stability_ari_mean"], "max")
    if chosen == best:
        return chosen, f"the best silhouette among the stable {span}"
    return chosen, (
        f"the highest mean ARI within {SILHOUETTE_TOLERANCE} of the best silhouette (k = {best}) "
        f"among the stable {span}"
    )


def elbow(k: Iterable[int], inertia: Iterable[float]) -> int | None:
    """Return the k at the largest distance below the chord of the inertia curve.

    Both axes are scaled to 0…1, so the chord runs from (0, 1) to (1, 0) and the distance of a
    point below it is (1 − x − y) / √2 (Satopaa et al., 2011, doi 10.1109/ICDCSW.2011.20).

    Parameters
    ----------
    k, inertia : iterables of equal length
        The curve, k ascending.

    Returns
    -------
    int or None
        None with fewer than three points or where no point lies below the chord.
    """
    ks, curve = np.asarray(list(k), dtype="float64"), np.asarray(list(inertia), dtype="float64")
    if len(ks) < 3 or curve[0] <= curve[-1]:
        return None
    below = 1 - (ks - ks[0]) / (ks[-1] - ks[0]) - (curve - curve[-1]) / (curve[0] - curve[-1])
    return int(ks[below.argmax()]) if below.max() > 1e-12 else None


def gap_pick(k: Iterable[int], gap: Iterable[float], gap_s: Iterable[float]) -> int | None:
    """Return the smallest k whose gap reaches the next gap less its standard error.

    Parameters
    ----------
    k, gap, gap_s : iterables of equal length
        The gap statistic, k ascending.

    Returns
    -------
    int or None
        None where the gap is still growing at the last k: it sees no end within the range.
    """
    ks, gaps, errors = list(k), list(gap), list(gap_s)
    for i in range(len(ks) - 1):
        if gaps[i] >= gaps[i + 1] - errors[i + 1]:
            return int(ks[i])
    return None


def chosen_k(diagnostics: pd.DataFrame) -> int | None:
    """Return the chosen k of a table of ``diagnose``, None where there is none."""
    chosen = diagnostics.loc[diagnostics["is_chosen"], "k"]
    return int(chosen.iloc[0]) if len(chosen) else None


def describe_choice(diagnostics: pd.DataFrame) -> str:
    """Return one progress line on the choice of k.

    Parameters
    ----------
    diagnostics : DataFrame
        Of ``diagnose``.

    Returns
    -------
    str
    """
    ks, customers = diagnostics["k"], int(diagnostics["customers"].iloc[0])
    line = f"clusters: k={ks.min()}…{ks.max()} on {customers:,} customers … "
    if chosen_k(diagnostics) is None:
        return line + "skipped (too few distinct customers)"
    row = diagnostics[diagnostics["is_chosen"]].iloc[0]
    return line + (
        f"k={row['k']} chosen (silhouette {row['silhouette']:.2f}, "
        f"ARI {row['stability_ari_mean']:.2f})"
    )


def fit(
    frame: pd.DataFrame,
    k: int | None,
    *,
    random_state: int,
    n_init: int = N_INIT,
    max_fit_customers: int = MAX_FIT_CUSTOMERS,
) -> ClusterParameters:
    """Fit k clusters and name them.

    Clusters are ordered by z(log frequency) + z(log money) − z(log days), descending, so neither
    the seed nor the version of K-Means decides which one is number 0.

    Parameters
    ----------
    frame : DataFrame
        As for ``features``; one row a customer, in any order.
    k : int or None
        Number of clusters; None where ``chosen_k`` found none.
    random_state : int
        Seed.
    n_init : int
        Restarts of K-Means; the best of them counts.
    max_fit_customers : int
        The fit uses at most this many customers.

    Returns
    -------
    ClusterParameters
        Without centroids where k is None or there are no more distinct customers than clusters.
    """
    sample = _fit_sample(frame, max_fit_customers)
    logs = _log_features(sample)
    mean, scale = _scaling(logs)
    x = _standardise(logs, mean, scale)
    if k is None or _distinct_rows(x) <= k:
        return ClusterParameters(mean, scale, np.empty((0, len(FEATURES))), (), ())
    with threadpool_limits(limits=1):
        model = _kmeans(k, random_state, n_init).set_params(tol=TOLERANCE).fit(x)
    days, frequency, money = model.cluster_centers_.T
    order = np.lexsort((-money, days, -(frequency + money - days)))
    centroids = model.cluster_centers_[order]
    values = np.expm1(logs)
    names = cluster_names(
        np.expm1(centroids * scale + mean),
        np.median(values, axis=0),
        np.array([np.median(values[model.labels_ == label], axis=0) for label in order]),
        shares=np.bincount(model.labels_, minlength=k)[order] / len(x),
        customers=len(frame),
        longest_silence=values[:, 0].max(),
    )
    return ClusterParameters(mean, scale, centroids, names, tuple(range(k)))


def align(parameters: ClusterParameters, previous: pd.DataFrame) -> ClusterParameters:
    """Let every cluster keep the id of the earlier cluster that it continues.

    Clusters and earlier clusters are paired one to one so that the sum of the distances between
    their centroids, in the standardised logs of this fit, is smallest (Kuhn, 1955,
    doi 10.1002/nav.3800020109). A cluster without a partner takes the lowest free id. Names are
    not touched.

    Parameters
    ----------
    parameters : ClusterParameters
        Of ``fit``.
    previous : DataFrame
        ``cluster_id`` and the columns of ``FEATURES``: the earlier centroids in days, frequency and
        money; no rows where there are none.

    Returns
    -------
    ClusterParameters
        The same clusters with the ids of the earlier run.
    """
    before = _standardise(_log_features(previous), parameters.log_mean, parameters.log_scale)
    distances = np.linalg.norm(parameters.centroids[:, np.newaxis] - before, axis=2)
    clusters, partners = linear_sum_assignment(distances)
    kept = dict(zip(clusters, previous["cluster_id"].iloc[partners].astype(int), strict=True))
    free = (i for i in itertools.count() if i not in kept.values())
    ids = tuple(kept[i] if i in kept else next(free) for i in range(len(parameters.ids)))
    return replace(parameters, ids=ids)


def score(parameters: ClusterParameters, frame: pd.DataFrame) -> pd.DataFrame:
    """Assign every customer to the nearest centroid.

    Row-wise: each customer is scored independently, to the last bit, so the frame may be any batch
    of a larger table.

    Parameters
    ----------
    parameters : ClusterParameters
        Of ``fit``.
    frame : DataFrame
        As for ``features``, n rows.

    Returns
    -------
    DataFrame
        n rows in the frame's order: customer_id, cluster_id, cluster_name,
        distance_to_centroid (standard deviations of the log features), status. Without centroids
        the status is ``insufficient_data`` and the rest null.
    """
    x = _standardise(_log_features(frame), parameters.log_mean, parameters.log_scale)
    result = pd.DataFrame({"customer_id": text_ids(frame).to_numpy()}, index=range(len(x)))
    nearest = np.full(len(x), -1)
    distance = np.full(len(x), np.inf)
    for position, centre in enumerate(parameters.centroids):
        # Sums of three columns rather than a matrix product, whose rounding depends on the batch.
        squares = (x - centre) ** 2
        candidate = np.sqrt(squares[:, 0] + squares[:, 1] + squares[:, 2])
        closer = candidate < distance
        nearest[closer], distance[closer] = position, candidate[closer]
    found = len(parameters.centroids) > 0
    result["cluster_id"] = [parameters.ids[i] if found else None for i in nearest]
    result["cluster_name"] = [parameters.names[i] if found else None for i in nearest]
    result["distance_to_centroid"] = distance if found else np.nan
    result["status"] = OK if found else INSUFFICIENT_DATA
    return result.astype(_ASSIGNMENT)


def assign(
    frame: pd.DataFrame,
    k: int | None,
    previous: pd.DataFrame | None = None,
    *,
    random_state: int,
    n_init: int = N_INIT,
    max_fit_customers: int = MAX_FIT_CUSTOMERS,
) -> pd.DataFrame:
    """Fit, align and score in one call, sorted by customer_id.

    Parameters and the returned columns are those of ``fit``, ``align`` and ``score``; without
    ``previous`` the ids are 0…k−1 in canonical order.
    """
    parameters = fit(
        frame, k, random_state=random_state, n_init=n_init, max_fit_customers=max_fit_customers
    )
    if previous is not None:
        parameters = align(parameters, previous)
    return score(parameters, frame).sort_values("customer_id", ignore_index=True)


def centroids(parameters: ClusterParameters) -> pd.DataFrame:
    """Return one row for each cluster: its centroid in days, frequency and money, and standardised.

    The centroid of logarithms, taken back, is close to the geometric mean of the members.
    """
    natural = np.expm1(parameters.centroids * parameters.log_scale + parameters.log_mean)
    table = pd.DataFrame(
        np.hstack([natural, parameters.centroids]),
        columns=[*FEATURES, *(f"z_{name}" for name in FEATURES)],
    )
    table["cluster_id"] = list(parameters.ids)
    table["cluster_name"] = list(parameters.names)
    return table[list(_CENTROIDS)].astype(_CENTROIDS)


def cluster_names(
    centroids: np.ndarray,
    medians: np.ndarray,
    member_medians: np.ndarray,
    *,
    shares: np.ndarray | None = None,
    customers: int | None = None,
    longest_silence: float = np.inf,
) -> tuple[str, ...]:
    """Name clusters by their median members, in absolute terms and against the median customer.

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


# Each feature in words: more of it, less of it, and the sign that sorts most first.
_DISTINCTIONS = (
    ("more recent", "less recent", "recency", 1),
    ("more frequent", "less frequent", "frequency", -1),
    ("higher spend", "lower spend", "spend", -1),
)


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


def _log_features(frame: pd.DataFrame) -> np.ndarray:
    """Return the checked ``log1p`` features, shape (n, 3)."""
    columns = []
    for name in FEATURES:
        values = numeric(frame, name)
        if np.isnan(values).any():
            raise ValueError(f"column {name!r} holds a null")
        if name == "net_revenue":
            values = values.clip(min=0)
        elif (values < 0).any():
            raise ValueError(f"column {name!r} holds a negative value")
        # Sums of money differ in the last bits between runs and engines; without the rounding,
        # scaling would blow that noise up where customers are otherwise the same.
        columns.append(np.log1p(values).round(9))
    return np.column_stack(columns)


def _fit_sample(frame: pd.DataFrame, size: int) -> pd.DataFrame:
    """Return the customers that a fit may use, sorted by id."""
    ids = text_ids(frame)
    if ids.duplicated().any():
        raise ValueError("column 'customer_id' holds a customer twice")
    ordered = frame.assign(customer_id=ids).sort_values("customer_id", ignore_index=True)
    return ordered.iloc[sample_positions(ordered["customer_id"], size)]


def _scaling(logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and scale, each of shape (3,); a constant feature has scale 1."""
    if not len(logs):
        return np.zeros(len(FEATURES)), np.ones(len(FEATURES))
    scaler = StandardScaler().fit(logs)
    return scaler.mean_, scaler.scale_


def _standardise(logs: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return (logs - mean) / scale


def _distinct_rows(x: np.ndarray) -> int:
    return len(np.unique(x, axis=0))


def _kmeans(k: int, random_state: int, n_init: int) -> KMeans:
    return KMeans(n_clusters=k, n_init=n_init, random_state=random_state)


def _resamples(n: int, count: int, random_state: int) -> list[np.ndarray]:
    """Return bootstrap resamples: ``count`` arrays of n weights, how often each row was drawn."""
    rng = np.random.default_rng(random_state)
    return [np.bincount(rng.integers(0, n, size=n), minlength=n) for _ in range(count)] if n else []


def _uniform_references(x: np.ndarray, count: int, random_state: int) -> list[np.ndarray]:
    """Return data of the shape of x, uniform in its box along the principal axes."""
    rng = np.random.default_rng(random_state)
    centre = x.mean(axis=0)
    axes = np.linalg.svd(x - centre, full_matrices=False)[2]
    rotated = (x - centre) @ axes.T
    low, high = rotated.min(axis=0), rotated.max(axis=0)
    return [rng.uniform(low, high, size=rotated.shape) @ axes + centre for _ in range(count)]


def _stability(
    x: np.ndarray,
    labels: np.ndarray,
    k: int,
    resamples: list[np.ndarray],
    random_state: int,
    n_init: int,
) -> np.ndarray:
    """Return the adjusted Rand index of each resample against the reference labels.

    A resample with fewer distinct customers than clusters cannot find them again and counts as 0.
    """
    found = []
    for weights in resamples:
        drawn, weight = x[weights > 0], weights[weights > 0]
        if _distinct_rows(drawn) <= k:
            found.append(0.0)
            continue
        model = _kmeans(k, random_state, n_init).fit(drawn, sample_weight=weight)
        found.append(adjusted_rand_score(labels, model.predict(x)))
    return np.array(found)


def _silhouettes(x: np.ndarray, labellings: list[np.ndarray]) -> list[float]:
    """Return the mean silhouette of each labelling, NaN where it shows one cluster only.

    The distances between all rows, nearly all of the work, are computed once for all labellings.
    """
    if not labellings:
        return []
    members = [np.eye(labels.max() + 1)[labels] for labels in labellings]
    stacked = np.hstack(members)
    sums = np.vstack(
        [rows @ stacked for rows in pairwise_distances_chunked(x, working_memory=DISTANCES_MB)]
    )
    ends = np.cumsum([member.shape[1] for member in members])
    return [
        _mean_silhouette(own, labels)
        for own, labels in zip(np.split(sums, ends[:-1], axis=1), labellings, strict=True)
    ]


def _mean_silhouette(sums: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean of (b − a) / max(a, b) (Rousseeuw, 1987, doi 10.1016/0377-0427(87)90125-7).

    Parameters
    ----------
    sums : ndarray, shape (n, clusters)
        Summed distances of each row to the members of each cluster.
    labels : ndarray of int, shape (n,)
        The cluster of each row.
    """
    sizes = np.bincount(labels)
    if not 1 < np.count_nonzero(sizes) < len(labels):
        return float("nan")
    rows = np.arange(len(labels))
    within = sums[rows, labels] / np.maximum(sizes[labels] - 1, 1)
    means = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.inf)
    means[rows, labels] = np.inf
    between = means.min(axis=1)
    largest = np.maximum(within, between)
    # Alone in its cluster, or on top of another cluster: as good as on the border.
    is_border = (sizes[labels] == 1) | (largest == 0)
    largest[is_border] = 1
    shapes = np.where(is_border, 0, (between - within) / largest)
    return float(np.clip(shapes.mean(), -1, 1))


def _is_candidate(table: pd.DataFrame) -> pd.Series:
    """Tell which rows the rule may choose from."""
    return (
        table["k"].isin(ELIGIBLE_K)
        & (table["status"] == OK)
        & (table["stability_ari_mean"] >= MIN_STABILITY)
        & (table["smallest_share"] >= MIN_SHARE)
    ).astype("bool")


def _arg(values: pd.Series, which: str) -> int | None:
    """Return the index of the largest or smallest value, the first of ties, None without one."""
    known = values.dropna()
    if known.empty:
        return None
    return int(known.idxmax() if which == "max" else known.idxmin())
