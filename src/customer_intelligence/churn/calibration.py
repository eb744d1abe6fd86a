"""Calibration of predicted probabilities to outcomes.

A line on the logit (Platt 1999; Cox 1958) is fitted on out-of-fold predictions, whose models never
saw the customer. Where the data contain the same season of the year before, and earlier cutoffs
show that it helps, the level comes from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from customer_intelligence.scoring import MAX_LOGIT

# The same season: a cutoff so many days before, give or take half the step between cutoffs.
YEAR_DAYS = 364
SEASON_TOLERANCE_DAYS = 15

# A level is taken from so many customers at least, with so many of either outcome among them: its
# standard error is then about .15 in log-odds.
MIN_SEASON_CUSTOMERS = 200
MIN_SEASON_OUTCOMES = 50

# So many cutoffs must have shown that a level of the season before helps.
MIN_SEASONS = 3


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


@dataclass(frozen=True)
class SeasonLevel:
    """The level of the season before.

    Attributes
    ----------
    cutoff : Timestamp
        Where the level comes from.
    shifts : Series of float, one for each model
        What it adds to the log-odds.
    helps : Series of bool, one for each model
        Whether earlier cutoffs show that it helps.
    """

    cutoff: pd.Timestamp
    shifts: pd.Series
    helps: pd.Series


class SeasonEvidence:
    """Judged cutoffs, in their order: levels of a season, and whether such levels have helped.

    A cutoff of the year before mixes the season with how old the list of customers was, so its
    level is taken only where it has lowered the log loss at ``MIN_SEASONS`` earlier cutoffs by more
    than one standard error over these cutoffs. A cutoff is known once its window is over.

    Parameters
    ----------
    horizon_days : int
        Length of the window.
    fixed : iterable of str
        Models whose level is part of what is judged and stays.
    """

    def __init__(self, horizon_days: int, fixed: Iterable[str] = ()) -> None:
        self.window = pd.Timedelta(days=horizon_days)
        self.fixed = list(fixed)
        self.judged: dict[pd.Timestamp, tuple[pd.DataFrame, np.ndarray]] = {}
        self.gains: dict[pd.Timestamp, pd.Series] = {}

    def level(self, cutoff: pd.Timestamp) -> SeasonLevel | None:
        """Return the level for a cutoff, None where no season before it is known."""
        known = [day for day in self.judged if day + self.window <= cutoff]
        year_ago = season_before(cutoff, pd.Series(known, dtype="datetime64[us]"))
        if year_ago is None or not is_enough_for_a_level(self.judged[year_ago][1]):
            return None
        then, labels = self.judged[year_ago]
        shifts = pd.Series(
            {
                name: 0.0
                if name in self.fixed or then[name].isna().any()
                else seasonal_shift(then[name].to_numpy(), labels)
                for name in then
            }
        )
        gains = pd.DataFrame(
            [gain for day, gain in self.gains.items() if day + self.window <= cutoff],
            columns=then.columns,
        )
        helps = pd.Series(False, index=then.columns)
        if len(gains) >= MIN_SEASONS:
            helps = gains.mean() > gains.std() / np.sqrt(len(gains))
        return SeasonLevel(year_ago, shifts, helps & (shifts != 0))

    def add(self, cutoff: pd.Timestamp, logits: pd.DataFrame, labels: np.ndarray) -> None:
        """Take in what came of a cutoff, the latest so far.

        Parameters
        ----------
        cutoff : Timestamp
        logits : DataFrame, shape (n, models)
            Predictions, without a level of the season.
        labels : ndarray, shape (n,)
            0 or 1.
        """
        level = self.level(cutoff)
        if level is not None:
            with_level = _log_losses(logits + level.shifts, labels)
            self.gains[cutoff] = _log_losses(logits, labels) - with_level
        self.judged[cutoff] = (logits, labels)


def _log_losses(logits: pd.DataFrame, labels: np.ndarray) -> pd.Series:
    """Return the mean log loss of each model."""
    signed = logits.mul(np.where(labels == 1, -1.0, 1.0), axis=0)
    return pd.Series(np.logaddexp(0, signed.to_numpy()).mean(axis=0), index=logits.columns)


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
