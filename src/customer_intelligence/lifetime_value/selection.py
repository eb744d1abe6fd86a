"""The forecast of value that is published: chosen, put in season and given an interval.

All of it is learned at earlier cutoffs, whose windows are over before the cutoff it is for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import norm, rankdata

from customer_intelligence.lifetime_value.forecasts import (
    FITTED_MODEL,
    FORECASTS,
    YEAR_DAYS,
    TwoPart,
)

# Customers are grouped by the size of their forecast: half, quarter, 15 % and top decile.
GROUP_SHARES = (0.5, 0.75, 0.9)
MIN_GROUP_ROWS = 20
# Added to forecast and outcome before the logarithm, as a share of the mean revenue of those with
# any: a miss of pennies is none.
OFFSET_SHARE = 0.01
# Standard deviation of the log level of a season that no year before shows.
UNKNOWN_SEASON_SPREAD = 0.5
SEASON_BOOTSTRAPS = 200
_NORMAL = norm.ppf((np.arange(9) + 0.5) / 9)

# How an interval was made: calibrated on earlier cutoffs, with or without a known season; or the
# predictive distribution of the fitted model, where no earlier cutoff is there.
CONFORMAL = "conformal"
CONFORMAL_ANY_SEASON = "conformal_any_season"
PREDICTIVE = "predictive"


@dataclass(frozen=True)
class Judgement:
    """How a forecast did at the earlier cutoffs.

    Attributes
    ----------
    cutoffs, customers : int
        How many cutoffs, and customers on all of them, were judged.
    mae, rmse : float
        Over all customers of all cutoffs.
    rank_correlation : float
        Spearman's, mean over the cutoffs.
    """

    cutoffs: int
    customers: int
    mae: float
    rmse: float
    rank_correlation: float


@dataclass(frozen=True)
class Season:
    """Actual ÷ forecast a year before.

    Attributes
    ----------
    factor : float
        1 where no year before is known.
    spread : float
        Standard deviation of its logarithm.
    is_known : bool
        Whether a year before is known.
    """

    factor: float
    spread: float
    is_known: bool


@dataclass(frozen=True)
class Interval:
    """Conformal factors by size of the forecast.

    Attributes
    ----------
    offset : float
        In money, added to the forecast before multiplying.
    edges : tuple of float
        Ascending sizes of the forecast (before the season) that separate the groups.
    low, high : tuple of float, one longer than ``edges``
        Factors of each group; 0 where 5 % or more of the group bring nothing.
    """

    offset: float
    edges: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class ValueForecast:
    """Plain parameters of the published forecast of one cutoff and horizon.

    Attributes
    ----------
    horizon_days : int
    name : str
        The champion, one of ``FORECASTS``.
    two_part : TwoPart or None
        Fitted for the cutoff, whether or not it is the champion.
    season : Season
    interval : Interval or None
        None: the predictive distribution of the fitted model holds.
    """

    horizon_days: int
    name: str
    two_part: TwoPart | None
    season: Season
    interval: Interval | None

    def to_json(self) -> str:
        """Return the parameters as text, for a column of a table."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ValueForecast:
        """Return the forecast that ``to_json`` wrote."""
        values = json.loads(text)
        two_part, interval = values["two_part"], values["interval"]
        return cls(
            horizon_days=values["horizon_days"],
            name=values["name"],
            two_part=None if two_part is None else TwoPart(**_tuples(two_part)),
            season=Season(**values["season"]),
            interval=None if interval is None else Interval(**_tuples(interval)),
        )


def judge(
    forecasts: Sequence[Mapping[str, np.ndarray]], outcomes: Sequence[np.ndarray]
) -> dict[str, Judgement]:
    """Judge every forecast that exists at all earlier cutoffs.

    Parameters
    ----------
    forecasts : sequence of mappings of str to ndarray, shape (n,)
        One mapping per cutoff.
    outcomes : sequence of ndarray, shape (n,)
        Net revenue that came, one array per cutoff.

    Returns
    -------
    dict of str to Judgement
        From the simplest forecast on; empty without cutoffs.
    """
    judged = {}
    for name in FORECASTS:
        if not forecasts or not all(name in of_cutoff for of_cutoff in forecasts):
            continue
        found = [of_cutoff[name] for of_cutoff in forecasts]
        errors = np.concatenate(found) - np.concatenate(outcomes)
        judged[name] = Judgement(
            cutoffs=len(found),
            customers=len(errors),
            mae=float(np.abs(errors).mean()),
            rmse=float(np.sqrt((errors**2).mean())),
            rank_correlation=float(
                np.mean([_rank_correlation(f, y) for f, y in zip(found, outcomes, strict=True)])
            ),
        )
    return judged


def choose(judged: Mapping[str, Judgement]) -> str:
    """Name the champion.

    Among the forecasts whose RMSE is at most and whose rank correlation at least that of the fitted
    model, the least MAE; equal errors go to the simpler. Without earlier cutoffs, the fitted model.
    """
    if FITTED_MODEL not in judged:
        return FITTED_MODEL
    model = judged[FITTED_MODEL]
    eligible = [name for name, judgement in judged.items() if is_not_worse(judgement, model)]
    return min(eligible, key=lambda name: (judged[name].mae, FORECASTS.index(name)))


def is_not_worse(judgement: Judgement, model: Judgement) -> bool:
    """Return whether a forecast is not worse than the fitted model in RMSE and rank."""
    return judgement.rmse <= model.rmse and judgement.rank_correlation >= model.rank_correlation


def season_of(
    forecast: np.ndarray | None,
    actual: np.ndarray | None,
    neighbours: Sequence[tuple[np.ndarray, np.ndarray]] = (),
) -> Season:
    """Return actual ÷ forecast of the same forecast 364 days earlier.

    Parameters
    ----------
    forecast, actual : ndarray, shape (n,), or None
        Of the cutoff 364 days earlier; None where it does not exist.
    neighbours : sequence of pairs of ndarray
        The same at the cutoffs next to it, about 28 days away, whose windows are over too.

    Returns
    -------
    Season
        Its spread adds up the bootstrap over customers (fixed seed) and half the difference from
        the more similar of the neighbours: a season may come two weeks earlier or later.
    """
    if forecast is None or actual is None or not min(forecast.sum(), actual.sum()) > 0:
        return Season(1.0, UNKNOWN_SEASON_SPREAD, is_known=False)
    factor = _level(forecast, actual)
    # Poisson weights: the sums of a resample are those of independent customers.
    weights = np.random.default_rng(0).poisson(size=(SEASON_BOOTSTRAPS, len(actual)))
    sums = np.maximum(weights @ actual, 0), weights @ forecast
    told = (sums[0] > 0) & (sums[1] > 0)
    variance = float(np.var(np.log(sums[0][told] / sums[1][told])))
    steps = [abs(np.log(_level(f, a) / factor)) for f, a in neighbours if min(f.sum(), a.sum()) > 0]
    if steps:
        variance += (min(steps) / 2) ** 2
    return Season(factor, float(np.sqrt(variance)), is_known=True)


def calibrate(
    forecasts: Sequence[np.ndarray],
    outcomes: Sequence[np.ndarray],
    season: Season,
    *,
    horizon_days: int,
    level: float = 0.9,
) -> Interval | None:
    """Learn the interval from earlier cutoffs: split conformal, log scale, by size of forecast.

    Lower and upper bound are the 5 % and 95 % quantile of outcome ÷ forecast in the group. Where
    5 % or more brought nothing, the lower bound is 0. It cannot be missed, so the upper bound then
    takes the whole 10 %, unless the season ahead is unknown.

    Where the season is known, its factor sets the level and its spread says how sure the level is;
    each earlier cutoff then counts relative to its own level, so that no other season comes in.

    Parameters
    ----------
    forecasts : sequence of ndarray, shape (n,)
        Of the champion at each earlier cutoff, before the season.
    outcomes : sequence of ndarray, shape (n,)
        Net revenue that came; below 0 counts as 0.
    season : Season
        Of the cutoff ahead. Unless it is known, a spread of 0.5 stands for it.
    horizon_days : int
        Over a year or more no season is unknown: a year holds each once.
    level : float
        Probability that the interval covers.

    Returns
    -------
    Interval or None
        None without cutoffs, or with fewer than 20 customers in a group.
    """
    if not forecasts:
        return None
    raw = np.concatenate(forecasts)
    actual = np.maximum(np.concatenate(outcomes), 0)
    edges = np.quantile(raw, GROUP_SHARES)
    groups = np.searchsorted(edges, raw, side="right")
    if not (actual > 0).any() or (
        min(np.bincount(groups, minlength=len(edges) + 1)) < MIN_GROUP_ROWS
    ):
        return None
    spread = season.spread if season.is_known or horizon_days < YEAR_DAYS else 0.0
    is_unknown = spread > 0 and not season.is_known
    levels = [
        _level(f, y) if season.is_known else 1.0 for f, y in zip(forecasts, outcomes, strict=True)
    ]
    expected = np.concatenate([f * q for f, q in zip(forecasts, levels, strict=True)])
    offset = OFFSET_SHARE * float(actual[actual > 0].mean())
    ratios = np.log(actual + offset) - np.log(expected + offset)
    tail = (1 - level) / 2
    low, high = [], []
    for group in range(len(edges) + 1):
        rows = groups == group
        shifts = np.where(actual[rows] > 0, spread, 0.0)
        found = (ratios[rows, None] + shifts[:, None] * _NORMAL).ravel()
        has_atom = (actual[rows] == 0).mean() >= tail
        upper = level if has_atom and not is_unknown else 1 - tail
        low.append(0.0 if has_atom else float(np.exp(np.quantile(found, tail))))
        # The finite-sample quantile of split conformal prediction.
        n = rows.sum()
        high.append(float(np.exp(np.quantile(found, min(1.0, upper * (n + 1) / n)))))
    return Interval(offset, tuple(edges.tolist()), tuple(low), tuple(high))


def score_interval(
    interval: Interval, forecast: np.ndarray, factor: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return low and high of each customer, shape (n,), for forecasts before the season."""
    group = np.searchsorted(interval.edges, forecast, side="right")
    shifted = factor * forecast + interval.offset
    low, high = (
        np.maximum(shifted * np.array(factors)[group] - interval.offset, 0)
        for factors in (interval.low, interval.high)
    )
    return low, high


def _level(forecast: np.ndarray, actual: np.ndarray) -> float:
    """Return actual ÷ forecast in all, 1 where either is not positive."""
    totals = float(forecast.sum()), float(actual.sum())
    return totals[1] / totals[0] if min(totals) > 0 else 1.0


def _rank_correlation(forecast: np.ndarray, actual: np.ndarray) -> float:
    """Return Spearman's rank correlation, 0 where one of the two is constant."""
    a, b = rankdata(forecast), rankdata(actual)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with lists, which JSON knows, as tuples."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
