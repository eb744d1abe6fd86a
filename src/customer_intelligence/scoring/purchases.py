"""The probability of no purchase in the window, by a buy-till-you-die model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.special import logit

from customer_intelligence.lifetime_value.gate import PURCHASE_MODELS
from customer_intelligence.lifetime_value.nbd import NBD

FEATURES = ("purchase_days", "tenure_days", "days_since_last_order")


def history(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return repeat purchases, weeks from the first to the last, and weeks since the first.

    Explanations mix features of several customers; what no customer could have is taken for the
    nearest that one could.

    Parameters
    ----------
    values : ndarray, shape (n, 3)
        The columns of ``FEATURES``.
    """
    purchase_days, tenure_days, silent_days = values.T
    age = np.maximum(tenure_days, 0) / 7
    repeats = np.floor(np.maximum(purchase_days - 1, 0))
    recency = np.clip(age - silent_days / 7, 0, age)
    return repeats, np.where(repeats > 0, recency, 0.0), age


@dataclass(frozen=True, eq=False)
class Purchases:
    """BG/NBD (Fader, Hardie and Lee 2005, doi 10.1287/mksc.1040.0098), or NBD.

    P(alive) would rank customers backwards: with a single purchase it is 1.

    Attributes
    ----------
    name : str
        A key of ``lifetime_value.gate.PURCHASE_MODELS``.
    parameters : dict of str to float
    horizon_days : int
        Length of the window.
    """

    ARRAYS: ClassVar[dict[str, type]] = {}
    features: ClassVar[tuple[str, ...]] = FEATURES

    name: str
    parameters: dict[str, float]
    horizon_days: int

    @cached_property
    def model(self) -> NBD:
        """The model with these parameters."""
        return PURCHASE_MODELS[self.name].from_parameters(**self.parameters)

    def terms(self, values: np.ndarray, columns: Sequence[int]) -> np.ndarray:
        """Return these columns in their places and 0 in the others, shape (n, 3)."""
        placed = np.zeros((len(values), len(FEATURES)))
        placed[:, list(columns)] = values[:, list(columns)]
        return placed

    def logits(self, terms: Sequence[np.ndarray]) -> np.ndarray:
        """Return the log-odds of no purchase from the terms of all columns, shape (n,)."""
        weeks = self.horizon_days / 7
        return np.asarray(logit(self.model.p_no_purchase(weeks, *history(np.asarray(sum(terms))))))
