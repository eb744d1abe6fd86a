"""Calibration of predicted probabilities to outcomes.

A line on the logit (Platt 1999; Cox 1958) is fitted on out-of-fold predictions, whose models never
saw the customer. If the data contain the same season of the year before, the level comes from
there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from customer_intelligence.churn.models import MAX_LOGIT

# The same season: a cutoff so many days before, give or take half the step between cutoffs.
YEAR_DAYS = 364
SEASON_TOLERANCE_DAYS = 15

# A level is taken from so many customers at least, with so many of either outcome among them: its
# standard error is then about .15 in log-odds.
MIN_SEASON_CUSTOMERS = 200
MIN_SEASON_OUTCOMES = 50


@dataclass(frozen=True)
class Calibration:
    """A line on the logit.

    Attributes
    ----------
    intercept, slope : float
        Calibrated logit = intercept + slope · logit.
    """

    intercept: float = 0.0
    slope: float = 1.0

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """Return calibrated logits, of the same shape, no surer than models may be."""
        line = self.intercept + self.slope * np.asarray(logits)
        return np.clip(line, -MAX_LOGIT, MAX_LOGIT)


def fit_calibration(logits: np.ndarray, labels: np.ndarray) -> Calibration:
    """Fit the line by logistic regression.

    Parameters
    ----------
    logits, labels : ndarray, shape (n,)
        Out-of-fold log-odds, and 0 or 1.

    Returns
    -------
    Calibration
        That changes nothing where there is nothing to learn from: one label, one score, or scores
        that rank customers backwards.
    """
    if np.isnan(logits).any() or np.ptp(logits) < 1e-9 or len(np.unique(labels)) < 2:
        return Calibration()
    line = LogisticRegression(C=np.inf).fit(logits.reshape(-1, 1), labels)
    if line.coef_[0, 0] <= 0:
        return Calibration()
    return Calibration(float(line.intercept_[0]), float(line.coef_[0, 0]))


def season_before(cutoff: pd.Timestamp, known: pd.Series) -> pd.Timestamp | None:
    """Return the labelled cutoff nearest to one year (52 weeks) before, None without one.

    Parameters
    ----------
    cutoff : Timestamp
        Of the examples to predict.
    known : Series of datetime
        Cutoffs of out-of-fold predictions.

    Returns
    -------
    Timestamp or None
    """
    if known.empty:
        return None
    target = cutoff - pd.Timedelta(days=YEAR_DAYS)
    nearest = min(known.unique(), key=lambda day: (abs(day - target), day))
    is_near = abs(nearest - target) <= pd.Timedelta(days=SEASON_TOLERANCE_DAYS)
    return pd.Timestamp(nearest) if is_near else None


def is_enough_for_a_level(labels: np.ndarray) -> bool:
    """Return whether these outcomes, 0 or 1, shape (n,), are enough to take a level from."""
    churned = labels.sum()
    return (
        len(labels) >= MIN_SEASON_CUSTOMERS
        and min(churned, len(labels) - churned) >= MIN_SEASON_OUTCOMES
    )


def seasonal_shift(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return what to add to the logits so that their mean probability is the share of churners.

    Whether there are enough customers for it, ``is_enough_for_a_level`` says.

    Parameters
    ----------
    logits, labels : ndarray, shape (n,)
        Calibrated out-of-fold log-odds of the season before, and 0 or 1.

    Returns
    -------
    float
    """
    logits, rate = np.asarray(logits), labels.mean()
    return float(brentq(lambda shift: expit(logits + shift).mean() - rate, -60, 60))
