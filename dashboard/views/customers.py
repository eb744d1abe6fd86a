"""Customers: whom to contact first, and what is known of each."""

from __future__ import annotations

from typing import Any

import layout
import links
import pandas as pd
import store
import streamlit as st
import wording
from charts import customers as charts
from questions import customers as questions


def draw_actions(currency: str) -> None:
    """Draw what to do, with how many and for how much."""
    actions = questions.actions()
    st.subheader("What is there to do?", anchor=False)
    layout.table(
        actions,
        "Actions with their customers, what is at risk and what they may bring.",
        {
            "action_label": st.column_config.TextColumn("Action", width=100),
            "instruction": st.column_config.TextColumn("What to do", width=195),
            "customers": layout.number_column("Customers"),
            "held_out_customers": layout.number_column(
                "Left alone", "Drawn by lot to be left alone, so that the effect can be measured."
            ),
            "net_revenue": layout.number_column(f"Net revenue, {currency}"),
            "value_at_risk": layout.number_column(f"At risk, {currency}", "Predicted."),
            "offer_cost": layout.number_column(f"Cost, {currency}", "Assumed.", digits=2),
            "expected_gain": layout.number_column(
                f"Gain, {currency}", "Predicted, under the assumed responses."
            ),
        },
        height="content",
        row_height=72,
    )
    layout.whole_shop("The table of actions")


def draw_list(currency: str) -> str | None:
    """Draw the ranking; returns the customer that was picked in it, by default the first."""
    left, right = st.columns(2, gap="medium")
    with left:
        search = st.text_input(
            "Search by customer",
            key="customer",
            bind="query-params",
            placeholder="A customer id, or a part of it",
        ).strip()
    with right:
        chosen = links.choose(
            st.multiselect,
            "Action",
            questions.actions()["action_label"].tolist(),
            "action",
            noun="action",
            everything="all actions",
            placeholder="All actions",
        )
    links.tell("action")
    customers = questions.ranked(search, chosen)
    if customers.empty and questions.refuses(search):
        st.info("This customer may not be contacted, and is on no list.")
        return search
    if customers.empty:
        st.info("No customer has this in the id." if search else "No customer fits these filters.")
        return None
    # What the file does not have is no column.
    absent = [name for name in ("country", "suggested_description") if customers[name].isna().all()]
    picked = layout.table(
        customers.drop(columns=absent).assign(
            churn_probability=100 * customers["churn_probability"]
        ),
        f"Customers, {ranked_by()} first.",
        {name: kind for name, kind in list_columns(currency).items() if name not in absent},
        height=430,
        on_select="rerun",
        selection_mode="single-row",
        key="customer_list",
    )
    draw_foot(customers, search, chosen)
    rows = picked.selection.rows
    row = rows[0] if rows and rows[0] < len(customers) else 0
    return str(customers["customer_id"].iloc[row])


def ranked_by() -> str:
    """Return by what customers are ranked, in words."""
    if questions.are_scored():
        return "those with the most value at risk"
    return "those who spent most"


def list_columns(currency: str) -> dict[str, Any]:
    """Return how the columns of the list are called and written."""
    text = st.column_config.TextColumn
    return {
        "priority": layout.number_column("Rank", f"From 1 on: {ranked_by()} first."),
        "customer_id": text("Customer", width=90),
        "action_label": text("Action", width=130),
        "segment": text("Segment", width=130),
        "country": text("Country", width=120),
        "churn_risk": text("Risk", help="Predicted."),
        "churn_probability": layout.percent_column("Churn", "Predicted probability."),
        "value_at_risk": layout.number_column(f"At risk, {currency}", "Predicted."),
        "expected_gain": layout.number_column(
            f"Gain, {currency}", "Predicted gain of the action, under the assumed responses.", 2
        ),
        "net_revenue": layout.number_column(f"Spent, {currency}", "Net revenue so far."),
        "predicted_value_90d": layout.number_column(
            f"Next 90 days, {currency}", "Predicted net revenue of the next 90 days."
        ),
        "orders": layout.number_column("Orders"),
        "days_since_last_order": layout.number_column("Days since last order"),
        "last_order_date": st.column_config.DateColumn("Last order", format="YYYY-MM-DD"),
        "suggested_description": text("Suggested product", width=220),
        "campaign": text("Campaign"),
        "is_holdout": st.column_config.CheckboxColumn(
            "Left alone", help="Drawn by lot to be left alone, so that the effect can be measured."
        ),
        "valid_until": st.column_config.DateColumn("Valid until", format="YYYY-MM-DD"),
    }


def draw_foot(customers: pd.DataFrame, search: str, chosen: list[str]) -> None:
    """Say what the list holds, and offer it as a file."""
    total = int(store.selection()["customers"])
    words = (
        f"{ranked_by().capitalize()} first. Whoever refused is not listed. "
        "Pick a row to see the customer."
    )
    if search:
        words = "Found among all customers, whatever is filtered. " + words
    elif not chosen and total > len(customers):
        words = (
            f"The first {wording.whole(len(customers))} of {wording.whole(total)} customers. "
            + words
        )
    st.caption(words)
    layout.download(
        f"Download up to {wording.whole(questions.DOWNLOADED)} customers as CSV",
        questions.ranked_later(search, chosen),
        "customers.csv",
    )


def draw_profile(customer_id: str, currency: str) -> None:
    """Draw what is known of a customer, observed apart from predicted."""
    facts = questions.profile(customer_id)
    if not facts:
        return
    st.header(f"Customer {wording.as_markdown(customer_id)}", anchor=False)
    st.text(
        f"{facts['segment']} · {facts['cluster_name'] or 'no cluster'} · "
        f"{facts['country'] or 'country unknown'} · "
        f"first order {store.day(facts['first_order_date'])}, "
        f"last order {store.day(facts['last_order_date'])}"
    )

    def money(amount: Any) -> str | None:
        return None if pd.isna(amount) else wording.money(float(amount), currency)

    churn = facts["churn_probability"]
    groups = {
        "Observed": [
            ("Net revenue", money(facts["net_revenue"]), "Over the whole history."),
            ("Orders", wording.whole(facts["orders"]), "Invoices that are not void."),
            (
                "Average order",
                money(facts["average_order_value"]),
                "Net revenue divided by orders.",
            ),
            (
                "Days since last order",
                wording.whole(facts["days_since_last_order"]),
                "Until the as-of date.",
            ),
        ],
        "Predicted": [
            (
                "Churn",
                None if pd.isna(churn) else wording.percent(churn),
                "Probability to buy nothing in the churn window.",
            ),
            (
                "Value at risk",
                money(facts["value_at_risk"]),
                "Mean net revenue of a churn window times the probability of churn.",
            ),
            (
                "Next 90 days",
                money(facts["predicted_value_90d"]),
                "Predicted net revenue of the next 90 days.",
            ),
        ],
    }
    for group, cards in groups.items():
        st.markdown(f"**{group}**")
        with st.container(horizontal=True):
            for label, value, definition in cards:
                layout.card(label, value, definition, definition)
    draw_action(customer_id)
    draw_reasons(customer_id)
    draw_orders(customer_id, currency)


def draw_action(customer_id: str) -> None:
    """Say what to do with the customer."""
    action = questions.action_of(customer_id)
    if not action:
        return
    st.subheader("What should we do?", anchor=False)
    words = str(action["action_label"])
    told = [action[f"reason_{n}"] for n in (1, 2, 3) if not pd.isna(action[f"reason_{n}"])]
    if told:
        words += ": " + "; ".join(told)
    st.text(words)
    if not pd.isna(action["suggested_description"]):
        st.text(f"Product to suggest: {action['suggested_description']}")
    if action["is_holdout"]:
        st.text("Drawn by lot to be left alone, so that the effect can be measured.")


def draw_reasons(customer_id: str) -> None:
    """Draw why the model finds the customer's risk high or low."""
    reasons = questions.reasons(customer_id)
    if reasons.empty:
        return
    st.subheader("Why does the model say so?", anchor=False)
    for row in reasons.itertuples():
        st.text(f"{'higher' if row.is_raising_risk else 'lower'} risk: {row.reason}")
    st.caption(
        "What sets the customer apart from the typical one in the eyes of the model, strongest "
        "first. It says nothing about what would change the customer's mind."
    )


def draw_orders(customer_id: str, currency: str) -> None:
    """Draw the customer's orders over time."""
    orders = questions.orders(customer_id)
    facts = store.build_info()
    if orders.empty:
        return
    layout.show(
        "When did they buy?",
        charts.timeline(
            orders,
            pd.Timestamp(facts["first_invoice_date"]),
            pd.Timestamp(facts["as_of_date"]),
            currency,
        ),
        "Orders of the customer over time, by net revenue.",
        "One point is one invoice; grey ones were wholly taken back.",
    )


def main() -> None:
    """Draw the page."""
    currency = store.currency()
    st.title("Whom do we contact?", anchor=False)
    draw_actions(currency)
    searching = bool(str(st.session_state.get("customer") or "").strip())
    if layout.nothing_selected() and not searching:
        return
    if not store.selection()["all_customers"]:
        return
    st.subheader("Who first?", anchor=False)
    if not questions.are_scored():
        st.info(
            "Nobody is given a probability of churn, so those who spent most come first. "
            f"{store.why('churn')}"
        )
    st.caption(wording.as_markdown(questions.consent()))
    picked = draw_list(currency)
    if picked:
        draw_profile(picked, currency)


main()
