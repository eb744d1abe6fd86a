"""The charts, as functions of frames, by page: no data is read and nothing is shown here.

Every colour is a constant of `colours`, so that `in_dark` can exchange it.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import altair as alt
import colours
from altair.utils import schemapi

# Visitors do not wait for Altair to check what the tests have checked.
schemapi.disable_debug_mode()

# Values on log-like axes of days and money; the axes show those that fit.
DAY_TICKS = [0, 1, 3, 7, 14, 30, 60, 120, 240, 365, 730, 1460]
SHORT_MONEY = "replace(format(datum.value, '~s'), 'G', 'bn')"

LINES = "split(datum.label, '\\n')"


def in_dark(spec: Any) -> Any:
    """Return a chart's specification in the colours that a dark page needs.

    Parameters
    ----------
    spec : dict
        What `to_dict` of a chart returns; its data stay as they are.
    """
    if isinstance(spec, str):
        return colours.DARK.get(spec, spec)
    if isinstance(spec, list):
        return [in_dark(part) for part in spec]
    if isinstance(spec, dict):
        return {
            key: part if key in ("data", "datasets") else in_dark(part)
            for key, part in spec.items()
        }
    return spec


def coloured(named: dict[str, str]) -> alt.Scale:
    """Return the scale that gives each name its colour."""
    return alt.Scale(domain=list(named), range=list(named.values()))


def rows_height(rows: Sequence[str]) -> int:
    """Return the height of a chart with a bar for each row."""
    return 36 * max(len(rows), 1) + 70


def log_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2, 5, 10 … on a short log axis, 1, 10, 100 … on a long one."""
    digits = (1, 2, 5) if high / low <= 300 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in digits]
    return [tick for tick in ticks if low <= tick <= high]


def interval(low: str, high: str, number_format: str = ".1%") -> tuple[alt.Tooltip, alt.Tooltip]:
    """Return what a mark says of its interval, by the names of the two bounds."""
    return (
        alt.Tooltip(f"{low}:Q", title="95 % interval from", format=number_format),
        alt.Tooltip(f"{high}:Q", title="to", format=number_format),
    )


def in_lines(label: str, letters: int = 20) -> str:
    """Return a label in lines of so many letters, of which `LINES` draws each on its own."""
    return "\n".join(textwrap.wrap(label, letters))


def heat_map(
    cells: Any,
    x: alt.X,
    y: alt.Y,
    value: str,
    label: str,
    tooltip: list[alt.Tooltip],
    *,
    row_height: int = 44,
    rows: int,
    top: float | None = None,
    label_size: int = 12,
) -> alt.LayerChart:
    """Draw cells whose depth is a value, with a label in each.

    Parameters
    ----------
    cells : pandas.DataFrame
        One row for each cell; a cell without a value is left blank.
    x, y : altair channels
        Where the cell stands.
    value : str
        The column, 0 and more, that the depth shows.
    label : str
        The column with the text in the cell.
    tooltip : list of altair.Tooltip
        What a pointer brings up.
    row_height : int
        Height of a row in pixels.
    rows : int
        Number of rows.
    top : float, optional
        The value of the deepest colour; the largest by default.
    label_size : int
        Size of the labels in pixels.
    """
    drawn = cells.dropna(subset=value)
    deepest = drawn[value].max() if top is None else top
    # Cells of nothing but zeros are pale.
    top = top or (None if deepest > 0 else 1.0)
    drawn = drawn.assign(is_deep=drawn[value] > 0.55 * deepest)
    base = alt.Chart(drawn).encode(x=x, y=y, tooltip=tooltip)
    boxes = base.mark_rect(stroke=colours.PAGE, strokeWidth=2).encode(
        color=alt.Color(
            f"{value}:Q",
            scale=alt.Scale(
                domainMin=0,
                domainMax=alt.Undefined if top is None else top,
                range=[colours.HEAT_LOW, colours.HEAT_HIGH],
                clamp=True,
            ),
            legend=None,
        )
    )
    texts = base.mark_text(fontSize=label_size).encode(
        text=alt.Text(f"{label}:N"),
        color=alt.ColorValue(
            colours.STRONG_INK,
            condition=[{"test": "datum.is_deep", "value": colours.ON_HEAT}],
        ),
    )
    chart: alt.LayerChart = (boxes + texts).properties(height=row_height * rows + 60)
    return chart
