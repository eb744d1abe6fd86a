"""What a fit works on: the features, scaled, and the customers that it may use."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from customer_intelligence.frames import numeric, sample_positions, text_ids

FEATURES = ("days_since_last_order", "frequency", "net_revenue")

# A bound on the work: more customers add cost to a fit, hardly any precision.
MAX_FIT_CUSTOMERS = 10_000
# Restarts of K-Means. Resamples use as many as the reference fit: fewer would measure the luck of
# the start instead of the stability of the clusters.
N_INIT = 10


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
    logs = log_features(frame)
    mean, scale = scaling(logs[np.argsort(text_ids(frame).to_numpy(dtype=object))])
    return standardise(logs, mean, scale)


def log_features(frame: pd.DataFrame) -> np.ndarray:
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


def fit_sample(frame: pd.DataFrame, size: int) -> pd.DataFrame:
    """Return the customers that a fit may use, sorted by id."""
    ids = text_ids(frame)
    if ids.duplicated().any():
        raise ValueError("column 'customer_id' holds a customer twice")
    ordered = frame.assign(customer_id=ids).sort_values("customer_id", ignore_index=True)
    return ordered.iloc[sample_positions(ordered["customer_id"], size)]


def scaling(logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and scale, each of shape (3,); a constant feature has scale 1."""
    if not len(logs):
        return np.zeros(len(FEATURES)), np.ones(len(FEATURES))
    scaler = StandardScaler().fit(logs)
    return scaler.mean_, scaler.scale_


def standardise(logs: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return features in standard deviations from their mean."""
    found: np.ndarray = (logs - mean) / scale
    return found


def distinct_rows(x: np.ndarray) -> int:
    """Return how many different customers there are, for a fit."""
    return len(np.unique(x, axis=0))


def kmeans(k: int, random_state: int, n_init: int) -> KMeans:
    """Return the estimator of all fits."""
    return KMeans(n_clusters=k, n_init=n_init, random_state=random_state)
