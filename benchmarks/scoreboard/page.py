"""The tables of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.scoreboard import churn, purchases
from benchmarks.scoreboard.protocol import (
    Shop,
    amount_scores,
    interval,
    outcomes,
    probability_scores,
    resamples,
    run,
)

Scores = dict[str, dict[str, np.ndarray]]
WINDOW_DAYS = 90
TRUTH = "what knows the truth"
AMOUNTS = ("MAE", "RMSE", "bias", "rank")
PROBABILITIES = ("AUC", "Brier", "log loss", "ECE")
OURS = {"purchases": purchases.GATE, "revenue": purchases.CHAMPION, "churn": churn.CHOSEN}


def shop_section(shop: Shop, data_dir: Path | None) -> tuple[list[str], list[list[str]]]:
    """Return the lines of a shop's section, and the rows of the comparisons in it."""
    lines, compared = [f"## {shop.name}", "", shop.about, ""], []

    def add(
        target: str, when: str, told: str, of_cutoffs: Sequence[Scores], more: tuple[str, ...] = ()
    ) -> None:
        title = f"{shop.name}: {target} in {when}"
        names = (*(PROBABILITIES if target == "churn" else AMOUNTS), *more)
        lines.extend([f"### {title}", "", told, ""])
        lines.extend([*_table(names, *of_cutoffs), ""])
        compared.append(_comparison(title, target, of_cutoffs[0]))

    if shop.published is not None:
        cutoff, days, figures = shop.published
        scores, told = _amounts(shop, cutoff, days)["purchases"]
        when = f"{days} days from {cutoff:%Y-%m-%d}"
        add("purchases", when, f"{figures} {told}", [scores], ("MAE ÷ mean",))
    when = f"{WINDOW_DAYS} days from {shop.windows[0]:%Y-%m-%d}"
    of_cutoffs = [
        _amounts(shop, cutoff, WINDOW_DAYS) | {"churn": _churn(shop, cutoff)}
        for cutoff in shop.windows
    ]
    for target, (_, told) in of_cutoffs[0].items():
        add(target, when, told, [found[target][0] for found in of_cutoffs])
    built = data_dir and churn.of_build(data_dir, shop.windows[0], WINDOW_DAYS)
    if built:
        found, actual, features = built
        scores, told = _judged(found, actual)
        add("churn", f"{when} with the {features} features of a build", told, [scores])
    return lines, compared


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table of Markdown, all but the first column to the right."""
    marks = ["|---|" + "--:|" * (len(header) - 1)]
    return [
        "| " + " | ".join(header) + " |",
        *marks,
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def _amounts(shop: Shop, cutoff: pd.Timestamp, days: int) -> dict[str, tuple[Scores, str]]:
    found = run(purchases.forecasts, shop.events, cutoff, days)
    bounds = found.pop("revenue_interval", None)
    customers = found["purchases"].index
    actual = outcomes(shop.events, cutoff, days, customers)
    told = {"purchases": f"The gate chose `{found['purchases'].attrs['gate']}`."}
    if bounds is not None:
        came, bounds = actual["revenue"], bounds.loc[customers]
        inside = came.between(bounds["champion_low"], bounds["champion_high"]).mean()
        champion = bounds.attrs["champion"].replace(" (ours)", "")
        told["revenue"] = (
            f"Earlier cutoffs chose the champion: {champion}. It is put in season where a year"
            f" before is known. Its 90 % interval holds {inside:.1%} of customers."
        )
    if shop.truth is not None:
        of_truth = shop.truth(cutoff, days)
        found = {name: table.assign(**{TRUTH: of_truth[name]}) for name, table in found.items()}
    return {
        target: (_scored(amount_scores, table.loc[customers], actual[target]), told[target])
        for target, table in found.items()
    }


def _churn(shop: Shop, cutoff: pd.Timestamp) -> tuple[Scores, str]:
    found = run(churn.probabilities, shop.events, cutoff, WINDOW_DAYS)
    actual = outcomes(shop.events, cutoff, WINDOW_DAYS, found["churn"].index)
    return _judged(found, actual, None if shop.truth is None else shop.truth(cutoff, WINDOW_DAYS))


def _judged(
    found: dict[str, pd.DataFrame], actual: pd.DataFrame, truth: pd.DataFrame | None = None
) -> tuple[Scores, str]:
    forecast, outcome = found["churn"], actual["churn"].loc[found["churn"].index]
    called = found["called"]["is_called_churned"].loc[forecast.index].astype(float)
    own = _scored(probability_scores, forecast[[churn.LEAKY]], called)[churn.LEAKY]["AUC"][0]
    told = (
        f"Of {len(outcome):,} customers {outcome.mean():.1%} bought nothing. The rule chose"
        f" `{forecast.attrs['chosen']}`. On its own label the tutorial would have reported an AUC"
        f" of {own:.3f}."
    )
    if truth is not None:
        forecast = forecast.assign(**{TRUTH: truth["churn"]})
    return _scored(probability_scores, forecast, outcome), told


def _scored(
    score: Callable[..., dict[str, np.ndarray]], forecasts: pd.DataFrame, actual: pd.Series
) -> Scores:
    outcome, weights = actual.to_numpy(), resamples(len(actual))
    return {name: score(forecasts[name].to_numpy(), outcome, weights) for name in forecasts}


def _table(names: Sequence[str], scores: Scores, *earlier: Scores) -> list[str]:
    first, rows = names[0], []
    for method, found in scores.items():
        row = [_cell(name, found[name]) for name in names]
        if "floor" in found:
            row[names.index("ECE")] += f", floor {_figure(found['floor'][0])}"
        if earlier:
            before = [_figure(one[method][first][0]) for one in earlier if method in one]
            row.append(", ".join(before) or "–")
        rows.append([method, *row])
    return table(["Method", *names, *([f"{first} at earlier cutoffs"] if earlier else [])], rows)


def _comparison(title: str, target: str, scores: Scores) -> list[str]:
    """Compare ours with RFM logistic, or with the naive forecast that turned out nearest."""
    names = ("AUC", "log loss") if target == "churn" else ("MAE", "RMSE")
    rival = churn.SHOWN["rfm_logistic"]
    if target != "churn":
        rival = min(purchases.NAIVE, key=lambda name: scores[name]["MAE"][0])
    row = [title, rival]
    for name in names:
        gap = scores[OURS[target]][name] - scores[rival][name]
        low, high = sorted(-bound if name == "AUC" else bound for bound in interval(gap))
        better = "ours" if high < 0 else "theirs" if low > 0 else "cannot be told"
        row += [f"{name} {_cell('', gap)}", better]
    return row


def _cell(name: str, draws: np.ndarray) -> str:
    """Return a score with its interval."""
    if np.isnan(draws[0]):
        return "–"
    values = [draws[0], *interval(draws)]
    show = "{:+.0%}".format if name == "bias" else _figure
    point, low, high = (show(value).replace("-", "−") for value in values)
    return f"{point} ({low} to {high})" if low != high else point


def _figure(value: float) -> str:
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{digits}f}"
