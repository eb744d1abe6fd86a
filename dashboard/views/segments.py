"""Segments: the map of customers, what to do with each segment, and where customers move."""

from __future__ import annotations

import comparisons
import layout
import links
import marts_reader
import pandas as pd
import streamlit as st
import wording
from charts import segments as charts
from queries import segments as queries

MEASURES = {
    "days": ("How long ago did they buy?", "Days since last order"),
    "purchase_days": ("How often do they buy?", "Purchase days"),
    "spend": ("How much do they spend?", "Net revenue"),
}
NOT_YET = "Not yet a customer"


def draw_map(currency: str) -> None:
    """Draw the customers by their scores, and beside it those of one cell or of all."""
    cells = queries.rfm_grid()
    if cells.empty:
        return
    scores = queries.scores()
    bands = {
        measure: {
            int(row.score): wording.whole(row.lowest)
            if row.lowest == row.highest
            else f"{wording.whole(row.lowest)}–{wording.whole(row.highest)}"
            for row in scores[scores["measure"] == measure].itertuples()
        }
        for measure in ("days", "purchase_days")
    }
    drawn = cells.assign(
        days=cells["r_score"].map(bands["days"]),
        purchase_days=cells["f_score"].map(bands["purchase_days"]),
        cell=[f"{row.r_score}-{row.f_score}" for row in cells.itertuples()],
    )
    left, right = st.columns([3, 2], gap="large")
    with left:
        layout.show(
            "How recently and how often did they buy?",
            charts.rfm_grid(
                drawn,
                marts_reader.segment_names(),
                list(bands["days"].values()),
                list(bands["purchase_days"].values()),
                currency,
            ),
            "Customers by days since the last order and by purchase days, in the colour of the "
            "most frequent segment.",
            "Customers, and their net revenue. Each column and each row holds about a fifth of all "
            "customers, the best at the top right; the colour is that of the most frequent "
            "segment. A click on a cell lists its customers.",
            picks="cell",
            several=False,
        )
    with right:
        draw_members(bands, currency)


def draw_members(bands: dict[str, dict[int, str]], currency: str) -> None:
    """Draw the customers of the chosen cell; a pick of one leads to the profile."""
    st.subheader("Who are they?", anchor=False)
    named = {"": "the whole map"} | {
        f"{r_score}-{f_score}": f"{days} days ago, {often} purchase "
        f"{'day' if often == '1' else 'days'}"
        for r_score, days in reversed(bands["days"].items())
        for f_score, often in reversed(bands["purchase_days"].items())
    }
    cell = links.choose(
        st.selectbox,
        "Customers in",
        list(named),
        "cell",
        noun="cell",
        format_func=named.__getitem__,
        help="Set by a click on the map, too.",
    )
    links.tell("cell")
    r_score, f_score = map(int, (cell or "0-0").split("-"))
    members = queries.members(r_score, f_score)
    if members.empty:
        st.text("No selected customer is here.")
        return
    picked = layout.table(
        members,
        f"Customers in {named[cell]}, those who spent the most first.",
        {
            "customer_id": st.column_config.TextColumn("Customer", width=75),
            **{
                name: {**layout.number_column(label, definition), "width": 80}
                for name, (label, definition) in {
                    "net_revenue": (f"Spent, {currency}", "Net revenue so far."),
                    "purchase_days": ("Bought on", "Days with a purchase."),
                    "days_since_last_order": ("Days ago", "Days since last order."),
                }.items()
            },
        },
        height=400,
        on_select="rerun",
        selection_mode="single-row",
        key="members",
    )
    customer = layout.customer_picked(picked, members["customer_id"])
    if customer:
        layout.customer_link(customer)
    else:
        st.caption(
            f"Those who spent the most first, {queries.LISTED} at most. Pick one to open the "
            "profile."
        )


def draw_table(currency: str) -> None:
    """Draw what each segment is, how large, and what to do."""
    st.subheader("What does each segment mean, and what should we do?", anchor=False)
    if not marts_reader.is_ok("segments"):
        st.info(marts_reader.why("segments"))
    sizes = queries.sizes().set_index("segment")
    segments = marts_reader.segments()
    segments = segments[segments["segment"].isin(sizes.index)]
    sizes = sizes.loc[segments["segment"]]
    # Of a large shop's sample, which may miss a few customers.
    medians = {
        measure: queries.spread(measure).set_index("segment")["median"].reindex(sizes.index)
        for measure in MEASURES
    }
    table = pd.DataFrame(
        {
            "Segment": segments["segment"].tolist(),
            "customers": sizes["customers"].tolist(),
            "customer_share": (100 * sizes["customer_share"]).tolist(),
            "net_revenue_share": (100 * sizes["net_revenue_share"]).tolist(),
            "days": medians["days"].tolist(),
            "purchase_days": medians["purchase_days"].tolist(),
            "spend": medians["spend"].tolist(),
            "churn": (100 * sizes["churn"]).tolist(),
            "What to do": segments["recommended_action"].tolist(),
        }
    )
    layout.table(
        table,
        "Segments with their size, their typical customer and what to do.",
        {
            "Segment": st.column_config.TextColumn(width=125),
            "What to do": st.column_config.TextColumn(width=270),
            "customers": layout.number_column("Customers"),
            "customer_share": layout.percent_column("of customers"),
            "net_revenue_share": layout.percent_column("of revenue"),
            "days": layout.number_column("Days ago", "Median of the days since the last order."),
            "purchase_days": layout.number_column("Bought on", "Median of the purchase days."),
            "spend": layout.number_column(f"Spent, {currency}", "Median net revenue."),
            "churn": layout.percent_column("May leave", "Predicted: mean probability of churn."),
        },
        row_height=72,
        height="content",
    )
    st.caption(
        "Days ago, bought on and spent are those of the typical (median) customer; who may leave "
        "is predicted."
    )
    with st.expander("Which scores make a segment?"):
        for row in segments.itertuples():
            st.text(f"{row.segment}: {row.meaning}")
        st.caption("Scores go from 1, the lowest fifth of all customers, to 5. Whole shop.")


def draw_distributions(currency: str) -> None:
    """Draw distributions of days, purchase days and spend of the selected customers by segment."""
    names = marts_reader.segment_names()
    for measure, (column, (question, title)) in zip(
        MEASURES, zip(st.columns(3, gap="medium"), MEASURES.values(), strict=True), strict=True
    ):
        is_spend = measure == "spend"
        unit = f"{title} ({currency})" if is_spend else title
        edges = queries.edges(measure)
        labels = wording.band_labels(edges, money=is_spend)
        with column:
            layout.show(
                question,
                charts.histogram(queries.bands(measure, edges), labels, names, unit),
                f"Customers by {title.lower()}, stacked by segment.",
            )
            quantiles = queries.spread(measure)
            if not quantiles.empty:
                layout.draw(
                    charts.spread(quantiles, names, unit, log=measure != "days"),
                    f"{title} of each segment: range, middle half and median.",
                )
    st.caption(
        "Above: customers in each band, stacked by segment; bands grow wider to the right. Below: "
        "the middle half (bar), 5th to 95th percentile (line) and median (dot) of each "
        "segment; purchase days and spend have log axes."
        + (
            " The quantiles below are those of a sample of "
            f"{wording.whole(quantiles['customers'].sum())} customers."
            if queries.is_sampled()
            else ""
        )
    )


def draw_repurchase() -> None:
    """Draw whether the segments said who would buy again, and explain where they did not."""
    bands = queries.repurchase()
    if bands.empty:
        return
    st.subheader("Did the segments say who buys again?", anchor=False)
    day = marts_reader.day(bands["as_of_date"].max())
    rates = bands.groupby("segment", sort=False)[["customers", "repurchasers"]].sum().reset_index()
    rates["rate"] = rates["repurchasers"] / rates["customers"]
    left, right = st.columns([3, 2], gap="large")
    with left:
        layout.draw(
            charts.repurchase(
                comparisons.with_intervals(rates, "repurchasers", "customers"),
                marts_reader.segment_names(),
            ),
            "Share of each segment that bought again within 90 days, with its interval.",
        )
        st.caption(
            f"Measured: the customers of each segment on {day} who bought within the next 90 days. "
            "Line: 95 % interval."
        )
    with right:
        found = comparisons.surprises(bands)
        if not found:
            st.text("Yes: no segment bought again more often than one above it, beyond chance.")
        for surprise in found:
            for sentence in told(surprise):
                st.text(sentence)


def told(surprise: comparisons.Surprise) -> list[str]:
    """Return what contradicts the order of the segments, and why, in sentences."""
    percent = wording.whole_percent
    upper, lower = surprise.upper, surprise.lower
    words = [
        f"Not everywhere: {lower} bought again more often ({percent(surprise.lower_rate)}) than "
        f"{upper} ({percent(surprise.upper_rate)}), the segment above."
    ]
    if surprise.lower_once < surprise.upper_once:
        words.append(
            "Why: a segment goes first by how recent the last order is, but who has bought on "
            f"several days comes back more often. {percent(1 - surprise.lower_once)} of {lower} "
            f"had, and {percent(1 - surprise.upper_once)} of {upper}."
        )
    if surprise.upper_alike is None or surprise.lower_alike is None:
        words.append("No customers of the two had bought on as many days, to compare like to like.")
        return words
    alike = (
        f"Of those who had bought on as many days ({wording.whole(surprise.alike)} of {lower}), "
        f"{percent(surprise.lower_alike)} of {lower} came back and "
        f"{percent(surprise.upper_alike)} of {upper}: "
    )
    words.append(
        alike
        + {
            1: "the order is wrong there too.",
            0: "no difference beyond chance.",
            -1: "among equals the order is right.",
        }[surprise.alike_sign]
    )
    return words


def periods(pairs: pd.DataFrame) -> tuple[pd.DataFrame, str, str]:
    """Draw the two dates, and return the movement between them, period by period."""
    start_of = {
        row.to_date: row.from_date
        for row in pairs[["from_date", "to_date"]].drop_duplicates().itertuples()
    }
    left, right, _ = st.columns([1, 1, 2], gap="medium")
    with right:
        until = links.choose(
            st.selectbox,
            "Until",
            sorted(start_of, reverse=True),
            "until",
            noun="day",
            format_func=marts_reader.day,
        )
    steps = [until]
    while steps[-1] in start_of:
        steps.append(start_of[steps[-1]])
    with left:
        since = links.choose(
            st.selectbox,
            "From",
            steps[1:],
            "since",
            noun="day",
            format_func=marts_reader.day,
            help="In steps of at least 90 days before the other date.",
        )
    links.tell("since", "until")
    shown = steps[: steps.index(since) + 1]
    chosen = pairs[pairs["to_date"].isin(shown[:-1]) & pairs["from_date"].isin(shown)]
    chosen = chosen.sort_values("to_date").assign(
        from_date=chosen["from_date"].map(marts_reader.day),
        to_date=chosen["to_date"].map(marts_reader.day),
    )
    return chosen, marts_reader.day(since), marts_reader.day(until)


def draw_movement(currency: str) -> None:
    """Draw the movement of customers between segments from one date to another."""
    st.subheader("Where do customers move?", anchor=False)
    pairs = queries.migration()
    if pairs.empty:
        st.info(
            "The data are too short to show movement: it needs an earlier date to compare with."
        )
        return
    chosen, since, until = periods(pairs)
    names = marts_reader.segment_names()
    layout.draw(
        charts.movement(chosen, names, currency),
        f"Customers who moved from segment to segment between {since} and {until}.",
    )
    last = chosen[chosen["to_date"] == until]
    rank = {name: place for place, name in enumerate(names)}
    moved = last[last["from_segment"].isin(rank) & last["to_segment"].isin(rank)]
    # Nobody may have moved: an empty column of names is one of texts.
    places = moved[["from_segment", "to_segment"]].map(rank.get).astype(float)
    steps = places["to_segment"] - places["from_segment"]
    counts = {
        "moved up": moved.loc[steps < 0, "customers"].sum(),
        "moved down": moved.loc[steps > 0, "customers"].sum(),
        "stayed": moved.loc[steps == 0, "customers"].sum(),
        "bought for the first time": last.loc[last["from_segment"] == NOT_YET, "customers"].sum(),
    }
    st.caption(
        f"From {last['from_date'].iloc[0]} to {until} "
        + ", ".join(f"{wording.whole(count)} {what}" for what, count in counts.items())
        + ". The width of a band is the number of customers; its colour is that of the segment "
        "they came from."
    )


def main() -> None:
    """Draw the page."""
    currency = marts_reader.currency()
    st.title("Who are our customers?", anchor=False)
    if layout.nothing_selected():
        return
    draw_map(currency)
    draw_table(currency)
    draw_distributions(currency)
    with layout.whole_shop_band():
        draw_repurchase()
        draw_movement(currency)


main()
