"""Building blocks of every page."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import altair as alt
import charts
import links
import marts_reader
import pandas as pd
import streamlit as st
import wording

from customer_intelligence.lists.export import defuse

Chart = alt.Chart | alt.LayerChart | alt.FacetChart
# Name of the selection that a click on a chart makes.
PICKED = "picked"
# What a click on a segment does; the other pages show the whole shop, and say so.
CLICK = (
    "A click on a segment sets the sidebar filter, which applies to the pages Segments, Clusters, "
    "Churn, Value and Customers."
)
# Altair's name for how data get theirs.
NUMBERED = "numbered"
# Four in a row on a laptop, two on a phone.
CARD_WIDTH = 171


def tell(title: str, what: str, todo: str) -> None:
    """Explain as plain text why there is nothing to show and what to do about it."""
    st.title(title, anchor=False)
    with st.container(border=True):
        st.text(what)
        st.text(todo)


def show(
    question: str,
    chart: Chart,
    alt_text: str,
    note: str | None = None,
    *,
    picks: str | None = None,
    several: bool = True,
) -> None:
    """Show a chart under the question it answers.

    Parameters
    ----------
    question : str
        The title.
    chart : altair chart
        What is drawn.
    alt_text : str
        What the chart shows, for people who do not see it.
    note : str, optional
        How to read it; plain words of the dashboard, not of the data.
    picks : str, optional
        The control, and the field of the chart, that a click on a mark sets.
    several : bool
        Whether the control takes several values.
    """
    st.subheader(question, anchor=False)
    draw(chart, alt_text, picks=picks, several=several)
    if note:
        st.caption(note)


def number(frame: pd.DataFrame, frames: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Name a frame by its position among the chart's frames, and note it there."""
    known = [name for name, other in frames.items() if other is frame]
    name = known[0] if known else f"frame_{len(frames)}"
    frames[name] = frame
    return {"name": name}


alt.data_transformers.register(NUMBERED, number)


# Streamlit would move the first and the last label of an axis off the middle of what they name.
CONFIG = {"axisDiscrete": {"labelFlush": False}}


class Drawing:
    """A chart as Streamlit takes it, in the colours of the page.

    Altair would check the specification against its schema each time, which takes longer than
    all else on a page; the tests check it instead.
    """

    checks = False

    def __init__(self, chart: Chart) -> None:
        self._chart = chart

    def to_dict(self) -> dict[str, Any]:
        """Return the specification, with the data under names that stay.

        Altair names data by their content, and a browser draws a chart with new names from scratch;
        if the specification is the same, it only replaces the data. Altair's settings are shared
        by all threads: Streamlit holds a lock while it calls this.
        """
        frames: dict[str, pd.DataFrame] = {}
        with alt.data_transformers.enable(NUMBERED, frames=frames):
            spec = self._chart.to_dict(validate=self.checks)
        spec = charts.in_dark(spec) if st.context.theme.type == "dark" else spec
        return {**spec, "config": {**spec.get("config", {}), **CONFIG}, "datasets": frames}


def draw(chart: Chart, alt_text: str, *, picks: str | None = None, several: bool = True) -> None:
    """Draw a chart in the colours of the page."""
    # Of a chart Streamlit uses `to_dict` alone, which a drawing has.
    drawing: Any = Drawing(chart)
    if picks is None:
        st.altair_chart(drawing, width="stretch", alt=alt_text)
        return
    key = f"click on {picks}"
    clicked = alt.selection_point(name=PICKED, fields=[picks], on="click")
    drawing = Drawing(chart.add_params(clicked))
    st.altair_chart(
        drawing,
        width="stretch",
        alt=alt_text,
        key=key,
        on_select=lambda: follow_click(key, picks, several=several),
    )


def follow_click(key: str, picks: str, *, several: bool = True) -> None:
    """Set a control to what was clicked on; a second click takes it out again."""
    points = st.session_state[key].selection.get(PICKED, [])
    found = [point[picks] for point in points if picks in point]
    st.session_state[picks] = found if several else (found or [""])[0]
    links.forget(picks)


def card(
    label: str,
    value: str | None,
    definition: str,
    unit: str,
    delta: str | None = None,
) -> None:
    """Draw a figure with its unit and what it means, which shows on hover.

    Parameters
    ----------
    label, value, definition, unit, delta : str
        Where the value is too long for a card, `wording.in_short` of it is shown, and all of it on
        hover.
    """
    if value and len(value) > wording.CARD_LETTERS:
        definition += f" In full: {wording.as_markdown(value)}."
        value = wording.in_short(value)
    with st.container(border=True, width=CARD_WIDTH, height="stretch", gap="xsmall"):
        st.metric(
            label,
            value,
            delta,
            delta_color="blue",
            delta_description="vs. before" if delta else None,
            help=definition or None,
        )
        st.caption(unit)


def figures(cards: Iterable[tuple[str, str | None, str]]) -> None:
    """Draw figures side by side, two in a row on a phone; what each means shows on hover.

    Parameters
    ----------
    cards : iterable of tuple
        Label, value and definition, in plain words.
    """
    with st.container(horizontal=True):
        for label, value, definition in cards:
            st.metric(
                label, value, help=wording.as_markdown(definition), border=True, width=CARD_WIDTH
            )


def nothing_selected() -> bool:
    """Show the size of the filtered selection; return true when it is empty."""
    chosen = marts_reader.filters()
    left = marts_reader.selection()
    if not left["all_customers"]:
        st.info("This shop has no customers: no valid purchase names a customer.")
        return True
    if not any(chosen.values()):
        return False
    if not left["customers"]:
        st.info("No customer matches these filters. Remove one of them in the sidebar.")
        return True
    currency = marts_reader.currency()
    share = left["net_revenue"] / left["all_net_revenue"] if left["all_net_revenue"] else 0
    words = [
        f"{wording.whole(left['customers'])} of {wording.whole(left['all_customers'])} customers",
        f"{wording.money(left['net_revenue'], currency)} net revenue "
        f"({wording.percent(share)} of all customers')",
    ]
    if not pd.isna(left["mean_churn_probability"]):
        words.append(f"expected churn {wording.percent(left['mean_churn_probability'])}")
        words.append(f"{wording.money(left['value_at_risk'], currency)} value at risk")
    with st.container(border=True):
        st.text("Your selection: " + " · ".join(words))
    return False


def whole_shop(what: str = "This page") -> None:
    """Say that filters do not apply, if any are set."""
    if any(marts_reader.filters().values()):
        st.caption(f"{what} shows the whole shop, regardless of filters.")


def fold(label: str, key: str, inside: Sequence[str] = ()) -> Any:
    """Return an expander that the address keeps; its `open` says whether to draw what it holds.

    Parameters
    ----------
    label : str
        The verdict: what a reader knows without opening it.
    key : str
        Its name, in the address too.
    inside : sequence of str
        Controls within it; an address that names one of them opens it.
    """
    if key not in st.session_state and set(inside) & set(st.query_params):
        st.session_state[key] = True
    return st.expander(label, key=key, bind="query-params")


@contextmanager
def whole_shop_band() -> Iterator[None]:
    """Set what filters do not change apart from what they do, in a frame that says so."""
    with st.container(border=True):
        st.caption("**Whole shop**: filters do not change what stands in this frame.")
        yield


def download(label: str, make: Callable[[], pd.DataFrame], file_name: str) -> None:
    """Offer a table as a CSV file that is safe in a spreadsheet: no text runs as a formula.

    Parameters
    ----------
    label : str
        What the button says.
    make : callable
        Gives the table; it is called when somebody clicks.
    file_name : str
        What the file is called.
    """
    st.download_button(label, lambda: as_csv(make()), file_name, mime="text/csv", on_click="ignore")


def as_csv(frame: pd.DataFrame) -> bytes:
    """Return a table as CSV, with the byte order mark that marks UTF-8 for spreadsheets."""
    is_text = [not pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes]
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([defuse(str(name)) for name in frame.columns])
    for row in frame.itertuples(index=False, name=None):
        writer.writerow(
            [
                "" if pd.isna(cell) else defuse(str(cell)) if text else cell
                for cell, text in zip(row, is_text, strict=True)
            ]
        )
    return file.getvalue().encode("utf-8-sig")


def table(frame: pd.DataFrame, alt_text: str, columns: Mapping[str, Any], **options: Any) -> Any:
    """Draw a table: a dash for unknown values, no decimals in whole numbers.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows.
    alt_text : str
        What the table shows, for people who do not see it.
    columns : mapping
        What a column is called and how it is written, by its name.
    **options
        Passed on to `st.dataframe`.
    """
    whole = [name for name in frame.columns if columns.get(name, {}).get("digits") == 0]
    settings: dict[str, Any] = {
        name: {key: value for key, value in column.items() if key != "digits"}
        for name, column in columns.items()
    }
    return st.dataframe(
        frame.assign(**{name: frame[name].astype(float).round() for name in whole}),
        hide_index=True,
        placeholder="–",
        column_config=settings,
        alt=alt_text,
        **options,
    )


def customer_picked(picked: Any, customers: pd.Series) -> str | None:
    """Return the customer whose row of a table was picked, if one was.

    Parameters
    ----------
    picked : streamlit.dataframe_util.DataframeState
        What `table` returns for rows that can be picked.
    customers : pandas.Series
        The customer of each row.
    """
    rows = picked.selection.rows
    # The rows may have become fewer since.
    return str(customers.iloc[rows[0]]) if rows and rows[0] < len(customers) else None


def customer_link(customer: str, label: str = "Open customer") -> None:
    """Draw a link to the profile of a customer."""
    st.page_link(
        "views/customers.py",
        label=f"{label} {wording.as_markdown(customer)}",
        query_params={"customer": customer},
    )


def percent_column(label: str, explanation: str | None = None, digits: int = 1) -> Any:
    """Return the configuration of a table's column of shares, given in percent."""
    return st.column_config.NumberColumn(label, help=explanation, format=f"%.{digits}f %%")


def number_column(label: str, explanation: str | None = None, digits: int = 0) -> Any:
    """Return the configuration of a table's column of numbers with thousands separated."""
    column = st.column_config.NumberColumn(
        label, help=explanation, format="localized" if not digits else f"%.{digits}f"
    )
    return {**column, "digits": digits}
