"""Campaigns: what the next can show, which are running, what those that are over did."""

from __future__ import annotations

import layout
import links
import marts_reader
import pandas as pd
import streamlit as st
import wording
from charts import campaigns as charts
from queries import campaigns as queries

from customer_intelligence.lists.design import Design, design

VERDICTS = {
    "buys_more": "More bought",
    "no_difference_seen": "No difference seen",
    "buys_less": "Fewer bought",
}
# Shares to hold out that are drawn, and how far below and above the present audience.
SHARES = (0.1, 0.2, 0.5)
SIZES = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)


def points(share: float | None) -> str:
    """Return a difference of shares in points."""
    return "–" if share is None else f"{100 * share:.1f} points"


def draw_verdict(readouts: pd.DataFrame) -> None:
    """Say first what the last campaign that is over did."""
    whole = readouts[readouts["action"] == "all"]
    over = whole[whole["status"] != "running"]
    running = whole[whole["status"] == "running"]
    if not over.empty:
        last = over.iloc[0]
        st.text(
            f"The last campaign that is over, {last['campaign']} of "
            f"{marts_reader.day(last['starts_on'])}: {last['finding']}"
        )
    if not running.empty:
        with st.container(border=True):
            for row in running.itertuples():
                st.text(
                    f"Running: {row.campaign} since {marts_reader.day(row.starts_on)}, "
                    f"{wording.counted(row.contacted_customers, 'customer')} contacted, "
                    f"{wording.whole(row.held_out_customers)} held out. {row.finding}"
                )


def draw_effects(readouts: pd.DataFrame) -> None:
    """Draw how many more bought in each campaign that is over."""
    over = readouts[readouts["status"].isin(VERDICTS)]
    if over.empty:
        return
    shown = over.assign(
        label=[
            f"{row.campaign}, {marts_reader.day(row.starts_on)}: {row.action_label}"
            for row in over.itertuples()
        ],
        verdict=over["status"].map(VERDICTS),
        points=100 * over["purchase_rate_difference"],
        points_low=100 * over["purchase_rate_difference_low"],
        points_high=100 * over["purchase_rate_difference_high"],
    )
    layout.show(
        "Did more of those contacted buy?",
        charts.effects(shown),
        "Difference in the share who bought between those contacted and those held out, by "
        "campaign and action, with its 95 % interval.",
        "An interval that holds 0: chance alone may do as much. All customers assigned to contact "
        "count, whether or not a message arrived.",
    )


def draw_figures(readouts: pd.DataFrame, currency: str) -> None:
    """Draw the figures of the campaigns that are over."""
    over = readouts[readouts["status"] != "running"]
    if over.empty:
        return
    st.subheader("What did they bring?", anchor=False)
    layout.table(
        over.assign(
            contacted=100 * over["contacted_purchase_rate"],
            held_out=100 * over["held_out_purchase_rate"],
        )[
            [
                *("campaign", "starts_on", "action_label", "contacted_customers"),
                *("held_out_customers", "contacted", "held_out", "net_revenue_difference"),
                *("net_revenue_difference_low", "net_revenue_difference_high"),
            ]
        ],
        "Campaigns that are over: who was contacted and held out, who bought, and revenue.",
        {
            "campaign": st.column_config.TextColumn("Campaign", width=110),
            "starts_on": st.column_config.DateColumn("Start", format="YYYY-MM-DD"),
            "action_label": st.column_config.TextColumn("Action", width=120),
            "contacted_customers": layout.number_column("Contacted"),
            "held_out_customers": layout.number_column("Held out"),
            "contacted": layout.percent_column("Bought", "Of those contacted.", 0),
            "held_out": layout.percent_column("Held out bought", "Of those held out.", 0),
            "net_revenue_difference": layout.number_column(
                f"More, {currency}",
                "Net revenue for each customer: those contacted less those held out. Each counts "
                "up to the 99 % quantile.",
                digits=2,
            ),
            "net_revenue_difference_low": layout.number_column("From", "95 % interval.", digits=2),
            "net_revenue_difference_high": layout.number_column("To", "95 % interval.", digits=2),
        },
        height="content",
    )


def draw_responses() -> None:
    """Draw what all finished campaigns together say."""
    responses = queries.responses()
    if responses.empty:
        return
    st.subheader("What do all campaigns together say?", anchor=False)
    for row in responses.itertuples():
        used = (
            "The list of customers uses it."
            if row.is_response_measured
            else "The list keeps the assumed response until 100 were contacted and 100 held out."
        )
        st.text(
            f"{row.action_label}: of customers who would have stayed away "
            f"{wording.percent(row.measured_response_rate)} bought "
            f"(95 % interval {wording.percent(row.measured_response_low)} to "
            f"{wording.percent(row.measured_response_high)}). {used}"
        )


def designed(audience: pd.DataFrame) -> Design:
    """Return what a campaign to these customers can show."""
    customers = audience["customers"].sum()
    return design(
        1 - audience["leavers"].sum() / customers,
        audience["kept"].sum() / customers,
        int(audience["contacts"].sum()),
        int(audience["held_out"].sum()),
    )


def sized(plan: Design) -> pd.DataFrame:
    """Return the smallest effect that campaigns of other sizes and holdouts could show."""
    now = plan.contacts + plan.held_out
    rows = []
    for share in SHARES:
        for factor in SIZES:
            size = max(round(now * factor), 10)
            held_out = round(size * share)
            other = design(plan.base_rate, 0.0, size - held_out, held_out)
            if other.smallest_effect is not None:
                rows.append((size, wording.percent(share, 0), 100 * other.smallest_effect))
    return pd.DataFrame(rows, columns=["customers", "held_out", "points"])


def draw_plan(plan: Design, actions: list[str]) -> None:
    """Say what a campaign to the present audience can show, and how to begin it."""
    days = queries.window_days()
    layout.figures(
        [
            (
                "To contact",
                wording.whole(plan.contacts),
                "Customers that these actions contact now.",
            ),
            (
                "Held out",
                wording.whole(plan.held_out),
                "Drawn at random and left alone, to compare with. The setting holdout_share says "
                "how many.",
            ),
            (
                "Would buy anyway",
                wording.percent(plan.base_rate, 0),
                "Predicted share who buy in the churn window without any contact.",
            ),
            (
                "Smallest effect",
                points(plan.smallest_effect),
                "A difference of this size in the share who buy is found with a power of 80 % "
                "(two-sided 5 %).",
            ),
        ]
    )
    if plan.smallest_effect is None:
        st.info("With so few customers, or nobody held out, no effect can be shown.")
    elif plan.assumed_effect <= 0:
        st.text("These actions assume no response, so there is nothing to compare that with.")
    elif plan.power >= 0.8:
        st.text(
            f"Large enough: the assumed effect of {points(plan.assumed_effect)} would be found "
            f"with a chance of {wording.percent(plan.power, 0)}."
        )
    else:
        st.text(
            f"Too small to count on: the assumed effect of {points(plan.assumed_effect)} would be "
            f"found with a chance of {wording.percent(plan.power, 0)} only. " + remedy(plan)
        )
    sizes = sized(plan)
    left, right = st.columns([3, 2], gap="large")
    with left:
        if not sizes.empty:
            layout.show(
                "How many customers does it take?",
                charts.detectable(sizes, plan.contacts + plan.held_out, 100 * plan.assumed_effect),
                "The smallest effect that a campaign can show, by the number of customers and the "
                "share held out.",
                "Dashed: the customers that there are now. Orange: the effect that is assumed. "
                "Where a line is below it, the assumed effect would be found.",
            )
    with right:
        st.subheader("How do I begin?", anchor=False)
        st.text("1. Write the contacts; who is held out is recorded:")
        st.code(
            "make campaign OUT=contacts.csv" + (f" ACTIONS={','.join(actions)}" if actions else ""),
            language="bash",
            wrap_lines=True,
        )
        st.text("2. Send the messages to those in contacts.csv, and to nobody else of the list.")
        after = f" after {days} days" if days else " once the churn window is over"
        st.text(f"3. Build again with the new orders. This page shows the effect{after}.")


def remedy(plan: Design) -> str:
    """Return what would make a campaign large enough."""
    ways = []
    if plan.needed_share is not None:
        ways.append(f"hold out {wording.percent(plan.needed_share, 0)}")
    if plan.needed_customers is not None:
        ways.append(f"take {wording.counted(plan.needed_customers, 'customer')}")
    ways.append("pool several campaigns")
    said = f"{', '.join(ways[:-1])} or {ways[-1]}" if len(ways) > 1 else ways[0]
    return f"To be sure, {said}."


def draw_design() -> None:
    """Draw what the next campaign could show."""
    st.header("What could the next one show?", anchor=False)
    audience = queries.audience()
    if audience.empty:
        st.info("No customer has an action that contacts them now, so there is no audience.")
        return
    labels = links.choose(
        st.multiselect,
        "Action",
        audience["action_label"].tolist(),
        "action",
        noun="action",
        everything="all actions",
        placeholder="All actions that contact customers",
    )
    links.tell("action")
    chosen = audience[audience["action_label"].isin(labels)] if labels else audience
    draw_plan(designed(chosen), chosen["action"].tolist() if labels else [])


def main() -> None:
    """Draw the page."""
    currency = marts_reader.currency()
    st.title("Did our campaigns work?", anchor=False)
    layout.whole_shop()
    if not marts_reader.selection()["all_customers"]:
        layout.nothing_selected()
        return
    readouts = queries.readouts()
    if readouts.empty:
        st.info(
            "No campaign has been started yet. A campaign leaves some customers alone, at random, "
            "so that its effect can be measured. Below: what one could show, and how to begin."
        )
    else:
        draw_verdict(readouts)
        draw_effects(readouts)
        draw_figures(readouts, currency)
        draw_responses()
    draw_design()


main()
