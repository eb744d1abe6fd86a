"""Which cutoffs serve which, and what was known, forecast and came at each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from customer_intelligence.frames import numeric
from customer_intelligence.lifetime_value import selection
from customer_intelligence.lifetime_value.forecasts import (
    YEAR_DAYS,
    TwoPart,
    fit_two_part,
    score_forecasts,
)
from customer_intelligence.lifetime_value.pipeline import HORIZON_DAYS, LifetimeValueModel

# How many earlier cutoffs judge a forecast, how far they lie apart, and where a year before is.
EARLIER_CUTOFFS = 3
STEP_DAYS = 28
SEASON_DAYS = 364


@dataclass
class Calendar:
    """The cutoffs of a table of summaries.

    Attributes
    ----------
    days : list of Timestamp
        Ascending.
    holdouts : dict of Timestamp to int or None
        Days of the holdout of each cutoff that is published or tested; None at the present.
    """

    days: list[pd.Timestamp]
    holdouts: dict[pd.Timestamp, int | None]

    @classmethod
    def of(cls, summaries: pd.DataFrame) -> Calendar:
        """Read the cutoffs of `int_btyd_summary`."""
        rows = summaries.drop_duplicates("cutoff_date").sort_values("cutoff_date")
        holdouts = {
            row.cutoff_date: None if row.example_set == "current" else int(row.holdout_days)
            for row in rows.itertuples()
            if row.example_set in ("current", "test")
        }
        return cls(list(rows["cutoff_date"]), holdouts)

    def horizons(self, cutoff: pd.Timestamp) -> tuple[int, ...]:
        """Return the horizons that are predicted at a cutoff: at a test its own."""
        holdout = self.holdouts[cutoff]
        return HORIZON_DAYS if holdout is None else (holdout,)

    def earlier(self, cutoff: pd.Timestamp, horizon_days: int) -> list[pd.Timestamp]:
        """Return the latest cutoffs whose windows are over before a cutoff, 28 days apart."""
        found: list[pd.Timestamp] = []
        for day in reversed(self.days):
            is_over = day + pd.Timedelta(days=horizon_days) <= cutoff
            if is_over and (not found or (found[-1] - day).days >= STEP_DAYS):
                found.append(day)
            if len(found) == EARLIER_CUTOFFS:
                break
        return found

    def year_before(
        self, cutoff: pd.Timestamp, horizon_days: int
    ) -> tuple[pd.Timestamp | None, list[pd.Timestamp]]:
        """Return the cutoff 364 days earlier and those next to it, with windows that are over."""
        centre = cutoff - pd.Timedelta(days=SEASON_DAYS)
        last = cutoff - pd.Timedelta(days=horizon_days)
        if horizon_days >= YEAR_DAYS or centre not in self.days or centre > last:
            return None, []
        distances = {day: (day - centre).days for day in self.days if day <= last}
        sides = (
            [day for day, distance in distances.items() if 14 <= side * distance <= 42]
            for side in (-1, 1)
        )
        return centre, [
            min(side, key=lambda day: abs(abs(distances[day]) - STEP_DAYS))
            for side in sides
            if side
        ]

    def fitted(self) -> dict[pd.Timestamp, bool]:
        """Return the cutoffs that need a fit, and whether each is published or tested itself."""
        needed = dict.fromkeys(self.holdouts, True)
        for cutoff in self.holdouts:
            for horizon_days in self.horizons(cutoff):
                centre, neighbours = self.year_before(cutoff, horizon_days)
                days = [*self.earlier(cutoff, horizon_days), *neighbours]
                for day in days if centre is None else [*days, centre]:
                    needed.setdefault(day, False)
        return needed


class History:
    """Fits, summaries and forecasts of all cutoffs, each made once and only when asked for."""

    def __init__(self, parameters: pd.DataFrame, summaries: pd.DataFrame) -> None:
        self.calendar = Calendar.of(summaries)
        self.summaries = {
            cutoff: summary.sort_values("customer_id", ignore_index=True)
            for cutoff, summary in summaries.groupby("cutoff_date")
        }
        self.models = {
            cutoff: LifetimeValueModel.from_parameters(rows)
            for cutoff, rows in parameters.groupby("cutoff_date")
        }
        self._two_parts: dict[tuple[pd.Timestamp, int], TwoPart | None] = {}
        self._forecasts: dict[tuple[pd.Timestamp, int], dict[str, np.ndarray]] = {}

    def two_part(self, cutoff: pd.Timestamp, horizon_days: int) -> TwoPart | None:
        """Return the regression that was trained before a cutoff."""
        key = cutoff, horizon_days
        if key not in self._two_parts:
            days = self.calendar.earlier(cutoff, horizon_days)
            self._two_parts[key] = fit_two_part([self.summaries[day] for day in days], horizon_days)
        return self._two_parts[key]

    def forecasts(self, cutoff: pd.Timestamp, horizon_days: int) -> dict[str, np.ndarray]:
        """Return what was forecast at a cutoff, empty without a fit."""
        key = cutoff, horizon_days
        if key not in self._forecasts:
            model = self.models.get(cutoff)
            self._forecasts[key] = (
                {}
                if model is None or model.purchases is None
                else score_forecasts(
                    model, self.two_part(*key), self.summaries[cutoff], horizon_days
                )
            )
        return self._forecasts[key]

    def actual(self, cutoff: pd.Timestamp, horizon_days: int) -> np.ndarray:
        """Return the net revenue that came within the horizon, shape (n,)."""
        return numeric(self.summaries[cutoff], f"actual_net_revenue_{horizon_days}d")

    def judged_days(self, cutoff: pd.Timestamp, horizon_days: int) -> list[pd.Timestamp]:
        """Return the earlier cutoffs at which there was a fitted model."""
        return [
            day
            for day in self.calendar.earlier(cutoff, horizon_days)
            if self.forecasts(day, horizon_days)
        ]

    def season(self, cutoff: pd.Timestamp, horizon_days: int, name: str) -> selection.Season:
        """Return actual ÷ forecast of the same forecast a year before."""
        centre, neighbours = self.calendar.year_before(cutoff, horizon_days)

        def pair(day: pd.Timestamp) -> tuple[np.ndarray, np.ndarray] | None:
            forecast = self.forecasts(day, horizon_days).get(name)
            return None if forecast is None else (forecast, self.actual(day, horizon_days))

        forecast, actual = (None if centre is None else pair(centre)) or (None, None)
        return selection.season_of(
            forecast, actual, [found for day in neighbours if (found := pair(day))]
        )
