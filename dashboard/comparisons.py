"""What shares can bear: intervals, and whether one exceeds another beyond chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

# Of the normal distribution: 95 % lie within so many standard errors.
Z = 1.96


class Surprise(NamedTuple):
    """A segment that bought again more often than one above it.

    The shares of those who bought on one day only, and the rates of customers who had bought on as
    many days as those of the lower segment, tell why; without such customers these are none.
    """

    upper: str
    lower: str
    upper_rate: float
    lower_rate: float
    upper_once: float
    lower_once: float
    alike: int
    upper_alike: float | None
    lower_alike: float | None
    # 1: it exceeds the upper among equals too; -1: it falls short; 0: chance may explain it.
    alike_sign: int


def interval(part: float, total: float) -> tuple[float, float]:
    """Return the 95 % interval of a share, after Wilson.

    Examples
    --------
    >>> [round(end, 3) for end in interval(5, 10)]
    [0.237, 0.763]
    >>> [round(end, 3) for end in interval(0, 10)]
    [0.0, 0.278]
    """
    share = part / total
    centre = (share + Z**2 / (2 * total)) / (1 + Z**2 / total)
    reach = Z * math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2)) / (1 + Z**2 / total)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def between(at: float, places: Sequence[float], values: Sequence[float]) -> float:
    """Return the value at a place between known ones, on straight lines.

    Examples
    --------
    >>> between(15, [0, 10, 20], [0, 100, 120])
    110.0
    >>> between(30, [0, 10, 20], [0, 100, 120])
    120.0
    """
    return float(np.interp(at, places, values))


def with_intervals(frame: pd.DataFrame, part: str, total: str) -> pd.DataFrame:
    """Return a frame with `low` and `high`, the interval of one column's share of another."""
    ends = [interval(row[part], row[total]) for _, row in frame.iterrows()]
    return frame.assign(low=[low for low, _ in ends], high=[high for _, high in ends])


def surprises(bands: pd.DataFrame) -> list[Surprise]:
    """Return where a segment bought again more often, beyond chance, than one above it.

    Parameters
    ----------
    bands : pandas.DataFrame
        `segment`, `purchase_days_from`, `customers`, `repurchasers`, best segment first.
    """
    segments = bands["segment"].drop_duplicates().tolist()
    of = {name: rows.set_index("purchase_days_from") for name, rows in bands.groupby("segment")}
    found = []
    for place, upper in enumerate(segments):
        for lower in segments[place + 1 :]:
            above, below = of[upper], of[lower]
            rates = [
                part["repurchasers"].sum() / part["customers"].sum() for part in (above, below)
            ]
            error = math.sqrt(
                sum(
                    rate * (1 - rate) / part["customers"].sum()
                    for rate, part in zip(rates, (above, below), strict=True)
                )
            )
            if rates[1] - rates[0] > Z * error:
                found.append(_explained(upper, lower, above, below, *rates))
    return found


def _explained(
    upper: str,
    lower: str,
    above: pd.DataFrame,
    below: pd.DataFrame,
    upper_rate: float,
    lower_rate: float,
) -> Surprise:
    """Compare like with like: as if the upper segment had bought on as many days as the lower."""
    upper_once, lower_once = (
        part.loc[part.index == 1, "customers"].sum() / part["customers"].sum()
        for part in (above, below)
    )
    whole = (upper, lower, upper_rate, lower_rate, upper_once, lower_once)
    both = below.join(above, how="inner", suffixes=("_below", "_above"))
    if both.empty:
        return Surprise(*whole, 0, None, None, 0)
    weights = both["customers_below"] / both["customers_below"].sum()
    rates_above = both["repurchasers_above"] / both["customers_above"]
    rates_below = both["repurchasers_below"] / both["customers_below"]
    upper_alike, lower_alike = (weights * rates_above).sum(), (weights * rates_below).sum()
    variance = (
        weights**2
        * (
            rates_above * (1 - rates_above) / both["customers_above"]
            + rates_below * (1 - rates_below) / both["customers_below"]
        )
    ).sum()
    apart = lower_alike - upper_alike
    sign = 0 if abs(apart) <= Z * math.sqrt(variance) else 1 if apart > 0 else -1
    return Surprise(
        *whole,
        int(both["customers_below"].sum()),
        float(upper_alike),
        float(lower_alike),
        sign,
    )


def classification(
    true_positives: int, false_positives: int, false_negatives: int, true_negatives: int
) -> pd.DataFrame:
    """Return precision, recall and F1 of a confusion matrix, by class and on average.

    As scikit-learn: a class that is never predicted has a precision of zero.

    Examples
    --------
    >>> rows = classification(30, 10, 20, 40)
    >>> rows[["precision_rate", "recall_rate", "support"]].iloc[0].tolist()
    [0.75, 0.6, 50.0]
    >>> rows["f1_score"].round(3).tolist()
    [0.667, 0.727, 0.7, 0.697, 0.697]
    """
    matrix = {
        "Churned": (true_positives, false_positives, false_negatives),
        "Stayed": (true_negatives, false_negatives, false_positives),
    }
    rows = pd.DataFrame(
        [
            (
                name,
                right / (right + wrong) if right + wrong else 0.0,
                right / (right + missed) if right + missed else 0.0,
                2 * right / (2 * right + wrong + missed) if right + wrong + missed else 0.0,
                right + missed,
            )
            for name, (right, wrong, missed) in matrix.items()
        ],
        columns=["class", "precision_rate", "recall_rate", "f1_score", "support"],
    )
    everybody = rows["support"].sum()
    accuracy = (true_positives + true_negatives) / everybody if everybody else 0.0
    measures = ["precision_rate", "recall_rate", "f1_score"]
    weights = rows["support"] / everybody if everybody else 0.5
    averages = [
        ("Accuracy", *[accuracy] * 3, everybody),
        ("Macro average", *rows[measures].mean(), everybody),
        ("Weighted average", *rows[measures].mul(weights, axis=0).sum(), everybody),
    ]
    return pd.concat([rows, pd.DataFrame(averages, columns=rows.columns)], ignore_index=True)
