"""What fits and scores share: checks of a frame's columns, statuses, and a choice of customers.

The ground on which `clusters`, `churn` and `lifetime_value` stand; it knows none of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

OK = "ok"
INSUFFICIENT_DATA = "insufficient_data"


def text_ids(frame: pd.DataFrame) -> pd.Series:
    """Return ``customer_id`` as text.

    Raises
    ------
    ValueError
        Where the column is missing, holds a null, or holds numbers (17850.0 is not '17850').

    Examples
    --------
    >>> text_ids(pd.DataFrame({"customer_id": ["17850", "13047"]})).tolist()
    ['17850', '13047']
    >>> text_ids(pd.DataFrame({"customer_id": [17850.0]}))
    Traceback (most recent call last):
    ValueError: column 'customer_id' must be text, not numbers
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

    Examples
    --------
    >>> numeric(pd.DataFrame({"orders": [1, None]}), "orders")
    array([ 1., nan])
    """
    if column not in frame.columns:
        raise ValueError(f"column {column!r} is missing")
    values = frame[column].to_numpy(dtype="float64", na_value=np.nan)
    if np.isinf(values).any():
        raise ValueError(f"column {column!r} holds an infinite value")
    found: np.ndarray = values
    return found


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

    Examples
    --------
    >>> ids = ["17850", "13047", "12583", "14688"]
    >>> [ids[position] for position in sample_positions(ids, 2)]
    ['12583', '14688']
    """
    ids = list(ids)
    if len(ids) <= size:
        return np.arange(len(ids))
    digests = np.array([hashlib.md5(i.encode(), usedforsecurity=False).hexdigest() for i in ids])
    return np.sort(np.argsort(digests, kind="stable")[:size])
