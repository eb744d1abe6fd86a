"""The tables of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

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
AMOUNTS, PROBABILITIES = ("MAE", "RMSE", "bias", "rank"), ("AUC", "Brier", "log loss", "ECE")
OURS = {"purchases": purchases.GATE, "revenue": purchases.CHAMPION, "churn": churn.CHOSEN}
RFM = churn.SHOWN["rfm_logistic"]


def shop_section(shop: Shop) -> tuple[list[str], list[list[str]]]:
    """Return the lines of a shop's section, and the rows of the comparisons in it."""
    lines, compared = [f"## {shop.name}", "", shop.about, ""], []
    if shop.published is not None:
        cutoff, days, figures = shop.published
        scores = _amounts(shop, cutoff, days)[0]["purchases"]
        lines += [*_title("Purchases", shop, cutoff, days), figures, ""]
        lines += [*_table(scores, AMOUNTS, []), ""]
        compared.append(_comparison(shop, cutoff, days, "purchases", scores))
    of_windows = [_amounts(shop, cutoff, WINDOW_DAYS) for cutoff in shop.windows]
    cutoff, (latest, told) = shop.windows[0], of_windows[0]
    for target, scores in latest.items():
        earlier = [found[target] for found, _ in of_windows[1:]]
        lines += _title(target.capitalize(), shop, cutoff, WINDOW_DAYS)
        lines += [told, ""] if target == "revenue" else []
        lines += [*_table(scores, AMOUNTS, earlier), ""]
        compared.append(_comparison(shop, cutoff, WINDOW_DAYS, target, scores))
    judged = [_churn(shop, cutoff) for cutoff in shop.windows]
    scores, told = judged[0]
    lines += [*_title("Churn", shop, cutoff, WINDOW_DAYS), told, ""]
    lines += [*_table(scores, PROBABILITIES, [found for found, _ in judged[1:]]), ""]
    compared.append(_comparison(shop, cutoff, WINDOW_DAYS, "churn", scores))
    return lines, compared


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table of Markdown, all but the first column to the right."""
    marks = ["|---|" + "--:|" * (len(header) - 1)]
    return [
        "| " + " | ".join(header) + " |",
        *marks,
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def difference(name: str, ours: np.ndarray, theirs: np.ndarray) -> tuple[str, str]:
    """Return ours less theirs on the same customers, with its interval, and who is better."""
    gap = (ours - theirs) * (-1 if name in ("AUC", "rank") else 1)
    low, high = interval(gap)
    word = "ours" if high < 0 else "theirs" if low > 0 else "cannot be told"
    return f"{name} {cell('', ours - theirs)}", word


def _amounts(shop: Shop, cutoff: pd.Timestamp, days: int) -> tuple[dict[str, Scores], str]:
    found = run(purchases.forecasts, shop.events, cutoff, days)
    bounds = found.pop("revenue_interval", None)
    customers = found["purchases"].index
    actual, weights = outcomes(shop.events, cutoff, days, customers), resamples(len(customers))
    told = ""
    if bounds is not None:
        came = actual["revenue"].to_numpy()
        ordered = bounds.loc[customers].to_numpy()
        inside = (came >= ordered[:, 0]) & (came <= ordered[:, 1])
        told = (
            f"The champion is the {bounds.attrs['champion'].replace(' (ours)', '')}, put in season"
            f" where a year before is known. Its 90 % interval holds {inside.mean():.1%} of"
            " customers."
        )
    if shop.truth is not None:
        of_truth = shop.truth(cutoff, days).loc[customers]
        found = {name: table.assign(**{TRUTH: of_truth[name]}) for name, table in found.items()}
    return {
        target: _scored(amount_scores, table.loc[customers], actual[target], weights)
        for target, table in found.items()
    }, told


def _churn(shop: Shop, cutoff: pd.Timestamp) -> tuple[Scores, str]:
    found = run(churn.probabilities, shop.events, cutoff, WINDOW_DAYS)
    forecast, called = found["churn"], found["called"]["is_called_churned"]
    customers = forecast.index
    actual, weights = (
        outcomes(shop.events, cutoff, WINDOW_DAYS, customers),
        resamples(len(customers)),
    )
    own = probability_scores(
        forecast[churn.LEAKY].to_numpy(), called.loc[customers].to_numpy(float), weights[:1]
    )
    told = (
        f"{actual['churn'].mean():.1%} bought nothing. The rule chose {forecast.attrs['chosen']}."
        f" On its own label the tutorial would have reported an AUC of {own['AUC'][0]:.3f}."
    )
    if shop.truth is not None:
        forecast = forecast.assign(**{TRUTH: shop.truth(cutoff, WINDOW_DAYS)["churn"]})
    return _scored(probability_scores, forecast, actual["churn"], weights), told


def _scored(
    score: Callable[..., dict[str, np.ndarray]],
    forecasts: pd.DataFrame,
    actual: pd.Series,
    weights: np.ndarray,
) -> Scores:
    outcome = actual.to_numpy()
    return {name: score(forecasts[name].to_numpy(), outcome, weights) for name in forecasts}


def _title(what: str, shop: Shop, cutoff: pd.Timestamp, days: int) -> list[str]:
    return [f"### {shop.name}: {what.lower()} in {days} days from {cutoff:%Y-%m-%d}", ""]


def _table(scores: Scores, names: Sequence[str], earlier: Sequence[Scores]) -> list[str]:
    first = names[0]
    header = ["Method", *names, *([f"{first} at earlier cutoffs"] if earlier else [])]
    rows = []
    for method, found in scores.items():
        row = [cell(name, found[name]) for name in names]
        if "floor" in found:
            row[names.index("ECE")] += f", floor {_figure(found['floor'][0])}"
        if earlier:
            row.append(
                ", ".join(_figure(one[method][first][0]) for one in earlier if method in one) or "–"
            )
        rows.append([method, *row])
    return table(header, rows)


def _comparison(
    shop: Shop,
    cutoff: pd.Timestamp,
    days: int,
    target: str,
    scores: Mapping[str, dict[str, np.ndarray]],
) -> list[str]:
    """Compare ours with RFM logistic, or with the naive forecast that turned out nearest."""
    if target == "churn":
        rival, names = RFM, ("AUC", "log loss")
    else:
        rival, names = (
            min(purchases.NAIVE, key=lambda name: scores[name]["MAE"][0]),
            ("MAE", "RMSE"),
        )
    ours, theirs = scores[OURS[target]], scores[rival]
    cells = [difference(name, ours[name], theirs[name]) for name in names]
    what = f"{shop.name}, {target}, {days} days from {cutoff:%Y-%m-%d}"
    return [what, rival, *(cell for pair in cells for cell in pair)]


def cell(name: str, draws: np.ndarray) -> str:
    """Return a score with its interval."""
    if np.isnan(draws[0]):
        return "–"
    values = [draws[0], *interval(draws)]
    if name == "bias":
        return "{:+.0%} ({:+.0%} to {:+.0%})".format(*values).replace("-", "−")
    point, low, high = (_figure(value) for value in values)
    return f"{point} ({low} to {high})" if low != high else point


def _figure(value: float) -> str:
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{digits}f}".replace("-", "−")
