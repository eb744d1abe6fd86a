"""Customers: who to contact first, and the profile of each customer."""

from __future__ import annotations

from typing import Any

import layout
import links
import marts_reader
import pandas as pd
import streamlit as st
import wording
from charts import customers as charts
from queries import customers as queries

HELD_OUT = "Held out at random and not contacted, so that the effect can be measured."


def draw_actions(currency: str) -> None:
    """Draw the actions with their customers, value at risk and gain."""
    actions = queries.actions()
    st.subheader("Which actions are due?", anchor=False)
    layout.table(
        actions,
        "Actions with their customers, value at risk and expected gain.",
        {
            "action_label": st.column_config.TextColumn("Action", width=100),
            "instruction": st.column_config.TextColumn("What to do", width=195),
            "customers": layout.number_column("Customers"),
            "held_out_customers": layout.number_column("Held out", HELD_OUT),
            "net_revenue": layout.number_column(f"Net revenue, {currency}"),
            "value_at_risk": layout.number_column(f"At risk, {currency}", "Predicted."),
            "offer_cost": layout.number_column(f"Cost, {currency}", "Assumed.", digits=2),
            "expected_gain": layout.number_column(
                f"Gain, {currency}", "Predicted, at the assumed response rates."
            ),
        },
        height="content",
        row_height=72,
    )
    layout.whole_shop("The table of actions")


def draw_list(currency: str) -> str | None:
    """Draw the ranking; return the customer picked in it, by default the first."""
    left, right = st.columns(2, gap="medium")
    with left:
        search = st.text_input(
            "Search by customer",
            key="customer",
            bind="query-params",
            placeholder="A customer id or part of one",
        ).strip()
    with right:
        chosen = links.choose(
            st.multiselect,
            "Action",
            queries.actions()["action_label"].tolist(),
            "action",
            noun="action",
            everything="all actions",
            placeholder="All actions",
        )
    links.tell("action")
    customers = queries.ranked(search, chosen)
    if customers.empty and queries.refuses(search):
        st.info("This customer must not be contacted and is on no list.")
        return search
    if customers.empty:
        st.info("No customer id contains this." if search else "No customer matches these filters.")
        return None
    # Fields that the source does not have get no column.
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
    """Return in words how customers are ranked."""
    if queries.are_scored():
        return "those with the most value at risk"
    return "those who spent the most"


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
            f"Gain, {currency}", "Predicted gain of the action, at the assumed response rates.", 2
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
        "is_holdout": st.column_config.CheckboxColumn("Held out", help=HELD_OUT),
        "valid_until": st.column_config.DateColumn("Valid until", format="YYYY-MM-DD"),
    }


def draw_foot(customers: pd.DataFrame, search: str, chosen: list[str]) -> None:
    """Describe the list, and offer it as a file."""
    total = int(marts_reader.selection()["customers"])
    words = (
        f"{ranked_by().capitalize()} first. Customers who refused contact are not listed. "
        "Pick a row to see the customer."
    )
    if search:
        words = "Search covers all customers, regardless of filters. " + words
    elif not chosen and total > len(customers):
        words = (
            f"The first {wording.whole(len(customers))} of {wording.whole(total)} customers. "
            + words
        )
    st.caption(words)
    layout.download(
        f"Download up to {wording.whole(queries.DOWNLOADED)} customers as CSV",
        queries.ranked_later(search, chosen),
        "customers.csv",
    )


def draw_profile(customer_id: str, currency: str) -> None:
    """Draw the profile of a customer; observed and predicted figures stand apart."""
    facts = queries.profile(customer_id)
    if not facts:
        return
    st.header(f"Customer {wording.as_markdown(customer_id)}", anchor=False)
    st.text(
        f"{facts['segment']} · {facts['cluster_name'] or 'no cluster'} · "
        f"{facts['country'] or 'country unknown'} · "
        f"first order {marts_reader.day(facts['first_order_date'])}, "
        f"last order {marts_reader.day(facts['last_order_date'])}"
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
                "Probability of no purchase in the churn window.",
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
    """Draw the action for the customer."""
    action = queries.action_of(customer_id)
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
        st.text(HELD_OUT)


def draw_reasons(customer_id: str) -> None:
    """Draw the reasons why the model rates the customer's risk high or low."""
    reasons = queries.reasons(customer_id)
    if reasons.empty:
        return
    st.subheader("Why does the model say so?", anchor=False)
    for row in reasons.itertuples():
        st.text(f"{'higher' if row.is_raising_risk else 'lower'} risk: {row.reason}")
    st.caption(
        "The values that move this customer's score furthest from that of a typical customer, "
        "strongest first. They are not causes: they do not say what would change the customer's "
        "mind."
    )


def draw_orders(customer_id: str, currency: str) -> None:
    """Draw the customer's orders over time."""
    orders = queries.orders(customer_id)
    facts = marts_reader.build_info()
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
        "One point is one invoice; grey points were returned in full.",
    )


def main() -> None:
    """Draw the page."""
    currency = marts_reader.currency()
    st.title("Who should we contact?", anchor=False)
    draw_actions(currency)
    searching = bool(str(st.session_state.get("customer") or "").strip())
    if layout.nothing_selected() and not searching:
        return
    if not marts_reader.selection()["all_customers"]:
        return
    st.subheader("Who comes first?", anchor=False)
    if not queries.are_scored():
        st.info(
            "No customer has a churn probability, so those who spent the most come first. "
            f"{marts_reader.why('churn')}"
        )
    st.caption(wording.as_markdown(queries.consent()))
    picked = draw_list(currency)
    if picked:
        draw_profile(picked, currency)


main()
