"""Logistic regressions, and the base rate, which is one without features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np


def compress(values: np.ndarray, is_skewed: np.ndarray) -> np.ndarray:
    """Take sign(x) · log1p(|x|) of the columns that are skewed.

    On columns without negative values, which counts and durations are, that is ``log1p``; the sign
    carries the few customers whose returns exceed their purchases.

    Parameters
    ----------
    values : ndarray, shape (n, k)
    is_skewed : ndarray of bool, shape (k,)

    Returns
    -------
    ndarray, shape (n, k)

    Examples
    --------
    >>> compress(np.array([[0.0, 1], [1000, 4]]), np.array([True, False])).round(2).tolist()
    [[0.0, 1.0], [6.91, 4.0]]
    """
    skewed = values[:, is_skewed]
    found = values.copy()
    found[:, is_skewed] = np.sign(skewed) * np.log1p(np.abs(skewed))
    return found


@dataclass(frozen=True, eq=False)
class Linear:
    """A line on the log-odds that knows a null from the median that stands in for it.

    Log-odds = intercept + Σ coefficient · (x − mean) / scale + Σ null shift of what is null, with
    the median in place of a null, and skewed columns compressed.

    Attributes
    ----------
    features : tuple of str
        The k columns; without any, the intercept is the base rate.
    medians, means, scales, coefficients, null_shifts : ndarray of float64, shape (k,)
        The shift is 0 where training had no null.
    is_skewed : ndarray of bool, shape (k,)
    intercept : float
    """

    ARRAYS: ClassVar[dict[str, type]] = {
        **dict.fromkeys(("medians", "means", "scales", "coefficients", "null_shifts"), float),
        "is_skewed": bool,
    }

    features: tuple[str, ...]
    medians: np.ndarray
    is_skewed: np.ndarray
    means: np.ndarray
    scales: np.ndarray
    coefficients: np.ndarray
    null_shifts: np.ndarray
    intercept: float

    def terms(self, values: np.ndarray, columns: Sequence[int]) -> np.ndarray:
        """Return what these columns add to the log-odds, shape (n,)."""
        columns = list(columns)
        is_null = np.isnan(values[:, columns])
        known = np.where(is_null, self.medians[columns], values[:, columns])
        known = (compress(known, self.is_skewed[columns]) - self.means[columns]) / self.scales[
            columns
        ]
        found: np.ndarray = known @ self.coefficients[columns] + is_null @ self.null_shifts[columns]
        return found

    def logits(self, terms: Sequence[np.ndarray]) -> np.ndarray:
        """Return the log-odds from the terms of all columns, shape (n,)."""
        return np.asarray(sum(terms) + self.intercept)
