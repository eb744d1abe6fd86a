"""Fit clusters, keep the ids of an earlier run, and assign customers to centroids."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from threadpoolctl import threadpool_limits

from customer_intelligence.clusters.names import cluster_names
from customer_intelligence.clusters.preparation import (
    FEATURES,
    MAX_FIT_CUSTOMERS,
    N_INIT,
    distinct_rows,
    fit_sample,
    kmeans,
    log_features,
    scaling,
    standardise,
)
from customer_intelligence.frames import INSUFFICIENT_DATA, OK, text_ids

# Customers are assigned by a fit that went to its end: scikit-learn's tolerance of 1e-4 stops
# early enough for 2 % of them to depend on the seed. Measures of a k need no such precision.
TOLERANCE = 1e-6

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

    Examples
    --------
    >>> import pandas as pd
    >>> customers = pd.DataFrame({
    ...     "customer_id": list("abcdefgh"),
    ...     "days_since_last_order": [1, 2, 3, 2, 200, 210, 190, 205],
    ...     "frequency": [9, 10, 8, 11, 1, 1, 2, 1],
    ...     "net_revenue": [900, 1100, 800, 1200, 40, 50, 60, 30],
    ... })
    >>> parameters = fit(customers, 2, random_state=0)
    >>> score(parameters, customers.head(1))["cluster_name"].item()
    'Small cluster (more recent)'
    """
    sample = fit_sample(frame, max_fit_customers)
    logs = log_features(sample)
    mean, scale = scaling(logs)
    x = standardise(logs, mean, scale)
    if k is None or distinct_rows(x) <= k:
        return ClusterParameters(mean, scale, np.empty((0, len(FEATURES))), (), ())
    with threadpool_limits(limits=1):
        model = kmeans(k, random_state, n_init).set_params(tol=TOLERANCE).fit(x)
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
    before = standardise(log_features(previous), parameters.log_mean, parameters.log_scale)
    distances = np.linalg.norm(parameters.centroids[:, np.newaxis] - before, axis=2)
    clusters, partners = linear_sum_assignment(distances)
    kept = dict(zip(clusters, previous["cluster_id"].iloc[partners].astype(int), strict=True))
    free = (i for i in itertools.count() if i not in kept.values())
    ids = tuple(kept[i] if i in kept else next(free) for i in range(len(parameters.ids)))
    return replace(parameters, ids=ids)


def score(parameters: ClusterParameters, frame: pd.DataFrame) -> pd.DataFrame:
    """Assign every customer to the nearest centroid.

    A customer's result depends on nobody else in the frame, to the last bit, so the frame may be
    any batch of a larger table.

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
    x = standardise(log_features(frame), parameters.log_mean, parameters.log_scale)
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

    Examples
    --------
    >>> import pandas as pd
    >>> customers = pd.DataFrame({
    ...     "customer_id": list("abcdefgh"),
    ...     "days_since_last_order": [1, 2, 3, 2, 200, 210, 190, 205],
    ...     "frequency": [9, 10, 8, 11, 1, 1, 2, 1],
    ...     "net_revenue": [900, 1100, 800, 1200, 40, 50, 60, 30],
    ... })
    >>> assign(customers, 2, random_state=0)["cluster_id"].tolist()
    [0, 0, 0, 0, 1, 1, 1, 1]
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
