"""How good each number of clusters is: inertia, silhouette, gap and stability."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from sklearn.metrics import (
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    pairwise_distances_chunked,
)
from threadpoolctl import threadpool_limits

from customer_intelligence.clusters.choice import mark_choices
from customer_intelligence.clusters.preparation import (
    MAX_FIT_CUSTOMERS,
    N_INIT,
    distinct_rows,
    fit_sample,
    kmeans,
    log_features,
    scaling,
    standardise,
)
from customer_intelligence.frames import INSUFFICIENT_DATA, OK, sample_positions

# The silhouettes of resamples only say how much a silhouette varies.
MAX_RESAMPLED_SILHOUETTE_CUSTOMERS = 2_000
DISTANCES_MB = 64
# Restarts of the fits of which only the mean counts. On the real shop, resamples with three starts
# in place of ten have a mean ARI lower by .01 to .03.
N_INIT_RESAMPLE = 4
N_INIT_GAP = 2


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
) -> pd.DataFrame:
    """Measure every k and choose one.

    Each k is fitted on at most ``max_fit_customers`` customers. Its stability is the adjusted Rand
    index between that fit and fits on bootstrap resamples, each predicting all fitted customers;
    the resamples are the same ones for every k, and a customer drawn several times is one row of
    that weight. The gap statistic (Tibshirani, Walther and Hastie,
    2001, doi 10.1111/1467-9868.00293) compares the log inertia with that of uniform data in the
    box along the principal axes. The silhouette is exact on the fitted customers. Its standard
    error is that of a mean over them, together with the spread between the clusters of the
    resamples, on at most 2,000 customers.

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
        Restarts of K-Means; the best of them counts. Resamples and references take fewer.
    max_fit_customers : int
        A bound on the work.

    Returns
    -------
    DataFrame
        One row for each k, ascending. A k that has no more distinct customers than clusters has
        the status ``insufficient_data`` and no measures.

    Raises
    ------
    ValueError
        For a k below 2, too few resamples, or a frame that ``features`` refuses.

    Examples
    --------
    >>> import pandas as pd
    >>> customers = pd.DataFrame({
    ...     "customer_id": list("abcdefgh"),
    ...     "days_since_last_order": [1, 2, 3, 2, 200, 210, 190, 205],
    ...     "frequency": [9, 10, 8, 11, 1, 1, 2, 1],
    ...     "net_revenue": [900, 1100, 800, 1200, 40, 50, 60, 30],
    ... })
    >>> measures = diagnose(customers, [2, 3], random_state=0, n_resamples=2, n_references=2)
    >>> measures[["k", "silhouette", "smallest_share"]].round(2).values.tolist()
    [[2.0, 0.89, 0.5], [3.0, 0.69, 0.12]]
    """
    ks = sorted({int(k) for k in k_values} | ({int(forced_k)} if forced_k is not None else set()))
    if not ks or ks[0] < 2:
        raise ValueError("k_values and forced_k must be 2 or more")
    if n_resamples < 2 or n_references < 2:
        raise ValueError("n_resamples and n_references must be 2 or more")
    sample = fit_sample(frame, max_fit_customers)
    logs = log_features(sample)
    x = standardise(logs, *scaling(logs))
    compared = sample_positions(sample["customer_id"], MAX_RESAMPLED_SILHOUETTE_CUSTOMERS)
    fittable = [k for k in ks if distinct_rows(x) > k]

    measured: dict[int, dict[str, float]] = {}
    labels: dict[int, np.ndarray] = {}
    resampled: dict[int, list[np.ndarray | None]] = {}
    with threadpool_limits(limits=1):
        resamples = _resamples(len(x), n_resamples, random_state)
        references = _uniform_references(x, n_references, random_state) if fittable else []
        for k in fittable:
            model = kmeans(k, random_state, n_init).fit(x)
            log_inertias = np.array(
                [
                    np.log(kmeans(k, random_state, min(n_init, N_INIT_GAP)).fit(r).inertia_)
                    for r in references
                ]
            )
            resampled[k] = _resampled_labels(
                x, k, resamples, random_state, min(n_init, N_INIT_RESAMPLE)
            )
            stability = _stability(model.labels_, resampled[k])
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
        silhouettes = _silhouettes(x, [labels[k] for k in fittable])
        spreads = _silhouette_spreads(x[compared], compared, list(resampled.values()))
        for k, (silhouette, error), spread in zip(fittable, silhouettes, spreads, strict=True):
            measured[k] |= {"silhouette": silhouette, "silhouette_error": np.hypot(error, spread)}
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


def _resampled_labels(
    x: np.ndarray, k: int, resamples: list[np.ndarray], random_state: int, n_init: int
) -> list[np.ndarray | None]:
    """Return everybody's cluster by a fit on each resample.

    None where a resample has too few distinct customers for k clusters.
    """
    found: list[np.ndarray | None] = []
    for weights in resamples:
        drawn, weight = x[weights > 0], weights[weights > 0]
        if distinct_rows(drawn) <= k:
            found.append(None)
            continue
        model = kmeans(k, random_state, n_init).fit(drawn, sample_weight=weight)
        found.append(model.predict(x))
    return found


def _stability(labels: np.ndarray, resampled: list[np.ndarray | None]) -> np.ndarray:
    """Return the adjusted Rand index of each resample against the reference labels.

    A resample that could not find the clusters again counts as 0.
    """
    return np.array(
        [0.0 if found is None else adjusted_rand_score(labels, found) for found in resampled]
    )


def _silhouette_spreads(
    x: np.ndarray, positions: np.ndarray, resampled: list[list[np.ndarray | None]]
) -> list[float]:
    """Return for each k the standard deviation of the silhouettes of its resamples.

    Parameters
    ----------
    x : ndarray, shape (m, 3)
        The customers that are looked at.
    positions : ndarray of int, shape (m,)
        Where they are among all customers.
    resampled : list of list of ndarray of int, shape (n,), or None
        Of ``_resampled_labels``, one list for each k.
    """
    spreads = []
    for of_k in resampled:
        labellings = [labels[positions] for labels in of_k if labels is not None]
        means = np.array([mean for mean, _ in _silhouettes(x, labellings)])
        known = means[np.isfinite(means)]
        spreads.append(float(known.std(ddof=1)) if len(known) > 1 else 0.0)
    return spreads


def _silhouettes(x: np.ndarray, labellings: list[np.ndarray]) -> list[tuple[float, float]]:
    """Return the mean silhouette of each labelling and its standard error.

    NaN where a labelling shows one cluster only.

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


def _mean_silhouette(sums: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return mean and standard error of (b − a) / max(a, b).

    Rousseeuw (1987, doi 10.1016/0377-0427(87)90125-7).

    Parameters
    ----------
    sums : ndarray, shape (n, clusters)
        Summed distances of each row to the members of each cluster.
    labels : ndarray of int, shape (n,)
        The cluster of each row.
    """
    sizes = np.bincount(labels)
    if not 1 < np.count_nonzero(sizes) < len(labels):
        return float("nan"), float("nan")
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
    return float(np.clip(shapes.mean(), -1, 1)), float(shapes.std(ddof=1) / np.sqrt(len(shapes)))
