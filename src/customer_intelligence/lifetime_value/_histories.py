"""What the purchase models know of a customer: number, recency and age, checked and grouped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Histories:
    """Customers grouped by equal histories, sorted, so that the order of rows means nothing.

    Attributes
    ----------
    x : ndarray of float64, shape (k,)
        The distinct numbers of repeat purchases, ascending.
    x_customers : ndarray of float64, shape (k,)
        How many customers have each.
    row_x : ndarray of int64, shape (m,)
        Which x a distinct history has.
    recency, age, customers : ndarray of float64, shape (m,)
        Weeks from the first to the last purchase, weeks from the first purchase to the end of
        observation, and how many customers have this history.
    """

    x: np.ndarray
    x_customers: np.ndarray
    row_x: np.ndarray
    recency: np.ndarray
    age: np.ndarray
    customers: np.ndarray

    @property
    def total(self) -> float:
        """Number of customers."""
        return float(self.customers.sum())

    @property
    def rate(self) -> float:
        """Repeat purchases a week, kept away from 0: where a search may start."""
        exposure = max(float(self.customers @ self.age), 1e-6)
        return max(float(self.x_customers @ self.x), 0.5) / exposure


def checked(
    frequency: ArrayLike, recency: ArrayLike, T: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the three as float64, shape (n,).

    Raises
    ------
    ValueError
        Naming what is not finite, not a whole number, negative, or later than it can be.
    """
    x, t_x, age = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(values, dtype="float64")) for values in (frequency, recency, T))
    )
    for name, values in (("frequency", x), ("recency", t_x), ("T", age)):
        if not (np.isfinite(values) & (values >= 0)).all():
            raise ValueError(f"{name} must be finite and not negative")
    if (x != np.floor(x)).any():
        raise ValueError("frequency must hold whole numbers")
    if (t_x > age).any():
        raise ValueError("recency must not exceed T")
    if (t_x[x == 0] > 0).any():
        raise ValueError("recency must be 0 where frequency is 0")
    return x, t_x, age


def group(
    frequency: ArrayLike, recency: ArrayLike, T: ArrayLike, weights: ArrayLike | None = None
) -> Histories:
    """Group equal histories.

    Parameters
    ----------
    frequency, recency, T : array-like, shape (n,)
        Repeat purchases, weeks from the first to the last purchase, weeks observed.
    weights : array-like, shape (n,), optional
        How many customers a row stands for; 1 without.

    Returns
    -------
    Histories

    Raises
    ------
    ValueError
        As ``checked``; also without any customer.
    """
    x, t_x, age = checked(frequency, recency, T)
    w = np.ones(len(x)) if weights is None else np.asarray(weights, dtype="float64")
    if w.shape != x.shape or not (np.isfinite(w) & (w >= 0)).all() or not w.sum() > 0:
        raise ValueError("weights must be finite, not negative, one a row, and not all 0")
    order = np.lexsort((w, age, t_x, x))
    x, t_x, age, w = x[order], t_x[order], age[order], w[order]
    is_new = np.append(True, (np.diff(x) != 0) | (np.diff(t_x) != 0) | (np.diff(age) != 0))
    customers = np.add.reduceat(w, np.flatnonzero(is_new))
    distinct, row_x = np.unique(x[is_new], return_inverse=True)
    return Histories(
        x=distinct,
        x_customers=np.bincount(row_x, weights=customers),
        row_x=row_x,
        recency=t_x[is_new],
        age=age[is_new],
        customers=customers,
    )
