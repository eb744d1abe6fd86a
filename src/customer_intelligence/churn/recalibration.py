"""Recalibration: the line on the logit that would have calibrated scores, and its errors.

A slope of 1 and a level shift of 0 say that the scores were right (Cox 1958). This judges what a
model said; ``calibration`` makes it say something else.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from threadpoolctl import threadpool_limits

# Near a sensible model four steps settle all digits; what has not settled after eight has no
# finite answer, as where the scores separate churners from stayers.
STEPS = 8
SETTLED = 1e-6

_KEYS = ["model", "cutoff_date", "population"]
_LINES = {
    "model": "string",
    "cutoff_date": "datetime64[us]",
    "population": "string",
    "line_intercept": "float64",
    "slope": "float64",
    "level_shift": "float64",
    "slope_intercept_covariance": "float64",
    "slope_variance": "float64",
    "level_shift_variance": "float64",
}


def recalibrate(scores: pd.DataFrame) -> pd.DataFrame:
    """Fit the line for each model, cutoff and population.

    Parameters
    ----------
    scores : DataFrame
        One row a customer, model, cutoff and population: model, cutoff_date, population,
        churn_probability, has_churned. Probabilities of exactly 0 or 1 have no logit and are left
        out.

    Returns
    -------
    DataFrame
        One row a model, cutoff and population that has an answer, sorted by them: line_intercept
        and slope of the line, level_shift (the intercept with the slope held at 1),
        slope_intercept_covariance, slope_variance and level_shift_variance. No row where nobody or
        everybody churned, all scores are equal, or scores separate churners from stayers.

    Examples
    --------
    Of four customers at each probability as many churned as was said: the line changes nothing.

    >>> scores = pd.DataFrame({
    ...     "model": "m", "cutoff_date": pd.Timestamp("2011-09-10"), "population": "all_known",
    ...     "churn_probability": [0.25] * 4 + [0.75] * 4,
    ...     "has_churned": [True, False, False, False, True, True, True, False],
    ... })
    >>> recalibrate(scores)[["slope", "level_shift"]].round(6).abs().values.tolist()
    [[1.0, 0.0]]
    """
    known = scores[scores["churn_probability"].between(0, 1, inclusive="neither")]
    lines = []
    for key, rows in known.groupby(_KEYS, sort=True):
        # Sums of floating-point numbers depend on their order, which SQL does not guarantee.
        ordered = rows.sort_values(["churn_probability", "has_churned"])
        logits = logit(ordered["churn_probability"].to_numpy(dtype=float))
        labels = ordered["has_churned"].to_numpy(dtype=float)
        figures = _line(logits, labels)
        if figures is not None:
            lines.append((*key, *figures))
    return pd.DataFrame(lines, columns=list(_LINES)).astype(_LINES)


def _line(logits: np.ndarray, labels: np.ndarray) -> tuple[float, ...] | None:
    """Return the six figures of a line, None where there is no finite answer."""
    if len(np.unique(labels)) < 2 or np.ptp(logits) <= 1e-9:
        return None
    constant = np.ones_like(logits)
    line = _fit(np.column_stack([constant, logits]), labels, 0.0, np.array([0.0, 1.0]))
    level = _fit(constant[:, np.newaxis], labels, logits, np.array([0.0]))
    if line is None or level is None:
        return None
    (coefficients, covariance), ((shift,), ((shift_variance,),)) = line, level
    return (*coefficients, shift, covariance[0, 1], covariance[1, 1], shift_variance)


def _fit(
    design: np.ndarray, labels: np.ndarray, offset: np.ndarray | float, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Fit a logistic regression by Newton's method.

    Parameters
    ----------
    design : ndarray, shape (n, k)
    labels : ndarray, shape (n,)
        0 or 1.
    offset : ndarray, shape (n,), or float
        Added to the logits as it is.
    start : ndarray, shape (k,)

    Returns
    -------
    coefficients : ndarray, shape (k,)
    covariance : ndarray, shape (k, k)
        Or None where the fit has not settled.
    """
    coefficients, step = start, np.full_like(start, np.inf)
    with threadpool_limits(limits=1):
        for _ in range(STEPS):
            fitted = expit(design @ coefficients + offset)
            information = design.T @ (design * (fitted * (1 - fitted))[:, np.newaxis])
            try:
                covariance = np.linalg.inv(information)
            except np.linalg.LinAlgError:
                return None
            step = covariance @ (design.T @ (labels - fitted))
            coefficients = coefficients + step
    return (coefficients, covariance) if np.abs(step).max() < SETTLED else None
