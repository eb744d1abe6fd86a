"""Customers: who to contact, why and with what, and the profile of each customer."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import layout
import links
import marts_reader
import pandas as pd
import streamlit as st
import wording
from charts import customers as charts
from queries import customers as queries

HELD_OUT = "Held out at random and not contacted, so that the effect can be measured."
DUE_SHOWN = 5


def draw_counts(chosen: list[str], currency: str) -> int:
    """Draw how many are to be contacted, and who is left out; return the first."""
    counts = queries.to_contact(chosen)

    def money(name: str) -> tuple[str | None, str]:
        amount = counts[name]
        if pd.isna(amount):
            return None, ""
        exactly = f" Exactly {wording.money(amount, currency)}."
        return wording.short_money(amount, currency), exactly

    at_risk, exact_risk = money("value_at_risk")
    gain, exact_gain = money("expected_gain")
    figures = [
        (
            "To contact",
            wording.whole(counts["customers"]),
            "Customers with an action that contacts them, without those held out.",
        ),
        (
            "Spending at risk",
            at_risk,
            "Predicted: what they are expected to spend in the churn window, times their risk to "
            f"stay away.{exact_risk}",
        ),
        (
            "Expected gain",
            gain,
            "Predicted, after the cost of the offers, at the assumed or measured response."
            f"{exact_gain}",
        ),
        ("Held out", wording.whole(counts["held_out_customers"]), HELD_OUT),
        (
            "Nothing to send",
            wording.whole(counts["idle_customers"]),
            "Customers that no action contacts now.",
        ),
    ]
    layout.figures(figures)
    return int(counts["customers"])


def draw_list(chosen: list[str], total: int, currency: str) -> str | None:
    """Draw who is to be contacted, in order; return the customer picked, by default the first."""
    customers = queries.ranked(chosen)
    if customers.empty:
        st.info("Nobody is to be contacted under these filters.")
        return None
    due = queries.due_first(customers["customer_id"].tolist())
    shown = customers.assign(
        why=[
            " · ".join(str(reason) for reason in reasons if not pd.isna(reason))
            for reasons in customers[["reason_1", "reason_2", "reason_3"]].itertuples(index=False)
        ],
        say=[what_to_say(row, due.get(row.customer_id)) for row in customers.itertuples()],
    )
    text = st.column_config.TextColumn
    columns = {
        "place": layout.number_column("#", f"{ranked_by().capitalize()} first."),
        "customer_id": text("Customer", width=80),
        "action_label": text("Action", width=105),
        "why": text("Why", width=335, help="The customer's group and risk, what is at stake."),
        "say": text("What to say", width=210),
        "value_at_risk": layout.number_column(f"At risk, {currency}", "Predicted spending."),
        "expected_gain": layout.number_column(
            f"Gain, {currency}", "Predicted, at the assumed or measured response.", 2
        ),
    }
    if shown["value_at_risk"].isna().all():
        del columns["value_at_risk"], columns["expected_gain"]
    picked = layout.table(
        shown[list(columns)],
        f"Customers to contact, {ranked_by()} first, with why and what to say.",
        columns,
        height=518,
        row_height=80,
        on_select="rerun",
        selection_mode="single-row",
        key="customer_list",
    )
    first = (
        f"The first {wording.whole(len(customers))} of {wording.counted(total, 'customer')}; "
        if total > len(customers)
        else ""
    )
    st.caption(
        f"{first or 'Ranked: '}{ranked_by()} first. Customers who are held out, refused contact or "
        "have no action that contacts them are not listed. Pick a row to see the customer."
    )
    layout.download(
        f"Download up to {wording.whole(queries.DOWNLOADED)} customers as CSV",
        queries.ranked_later(chosen),
        "customers.csv",
    )
    ids = customers["customer_id"]
    return layout.customer_picked(picked, ids) or str(ids.iloc[0])


def what_to_say(row: Any, due: str | None) -> str:
    """Return what an action says to a customer, with a product where one fits."""
    if not pd.isna(row.suggested_description):
        return f"{row.instruction}. Suggest: {row.suggested_description}"
    # Complaints are heard before anything is offered.
    if due and row.action != "service_check":
        return f"{row.instruction}. Due again: {due}"
    return str(row.instruction)


def ranked_by() -> str:
    """Return in words how customers are ranked."""
    if queries.are_scored():
        return "those with the most value at risk"
    return "those who spent the most"


def draw_commands(chosen: list[str]) -> None:
    """Show the commands that save a list and start a campaign, and the link to this one."""
    actions = queries.contact_actions()
    names = actions.loc[actions["action_label"].isin(chosen), "action"].tolist()
    filters = marts_reader.filters()
    with st.expander("Send it, save it, link to it"):
        st.text("Write the contacts and record who is held out, so that the effect is measured:")
        st.code(
            "make campaign OUT=contacts.csv" + (f" ACTIONS={','.join(names)}" if names else ""),
            language="bash",
        )
        days = queries.snapshots()
        if days:
            segments = filters["segment"]
            which = f' SEGMENT="{segments[0]}"' if len(segments) == 1 else ""
            st.text("Write who entered, left and stayed in a segment:")
            st.code(
                f"make audience FROM={days[0]} TO={days[1]} OUT=audience.csv{which}",
                language="bash",
            )
        st.text("Link to what this page shows now:")
        asked = {"action": chosen, **filters}
        address = urlencode({key: values for key, values in asked.items() if values}, doseq=True)
        st.code(f"/customers?{address}" if address else "/customers", language=None)
        st.caption("The commands take the whole shop; filters of the sidebar do not apply to them.")
        st.page_link("views/campaigns.py", label="What a campaign can show, and what past ones did")


def draw_actions(currency: str) -> None:
    """Draw the actions with their customers, value at risk and gain."""
    with st.expander("All actions, and what they are expected to bring"):
        layout.table(
            queries.actions(),
            "Actions with their customers, value at risk and expected gain.",
            {
                "action_label": st.column_config.TextColumn("Action", width=110),
                "instruction": st.column_config.TextColumn("What to do", width=220),
                "customers": layout.number_column("Customers"),
                "held_out_customers": layout.number_column("Held out", HELD_OUT),
                "net_revenue": layout.number_column(f"Spent, {currency}", "Net revenue so far."),
                "value_at_risk": layout.number_column(f"At risk, {currency}", "Predicted."),
                "offer_cost": layout.number_column(f"Cost, {currency}", "Assumed."),
                "expected_gain": layout.number_column(
                    f"Gain, {currency}", "Predicted, at the assumed or measured response rates."
                ),
            },
            height="content",
            row_height=72,
        )
        st.caption("This table shows the whole shop, regardless of filters.")


def draw_search(search: str) -> str | None:
    """Show who was searched for; return the customer whose profile is wanted."""
    ids = queries.found(search)
    if not ids:
        st.info("No customer id contains this.")
        return None
    if len(ids) == 1 or ids[0].casefold() == search.casefold():
        return ids[0]
    more = f"the first {len(ids)}" if len(ids) == queries.FOUND else str(len(ids))
    return str(st.selectbox(f"Customers whose id contains this: {more}", ids))


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
                "Last order",
                f"{wording.counted(facts['days_since_last_order'], 'day')} ago",
                "Days from the last order to the as-of date.",
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
        layout.figures(cards)
    draw_action(customer_id)
    draw_orders(facts, currency)
    left, right = st.columns(2, gap="large")
    with left:
        draw_reasons(customer_id)
    with right:
        draw_due(customer_id)


def draw_action(customer_id: str) -> None:
    """Draw the action for the customer, or why there is none."""
    st.subheader("What should we do?", anchor=False)
    if queries.refuses(customer_id):
        st.info("This customer must not be contacted and is on no list.")
        return
    action = queries.action_of(customer_id)
    if not action:
        return
    words = str(action["action_label"])
    told = [action[f"reason_{n}"] for n in (1, 2, 3) if not pd.isna(action[f"reason_{n}"])]
    if told:
        words += ": " + "; ".join(told)
    st.text(words)
    if action["is_holdout"]:
        st.info(HELD_OUT)
    elif not action["is_contact"]:
        st.text("No action contacts this customer now, so the list leaves them out.")
    elif not pd.isna(action["suggested_description"]):
        st.text(f"Product to suggest: {action['suggested_description']}")


def draw_reasons(customer_id: str) -> None:
    """Draw the reasons why the model rates the customer's risk high or low."""
    reasons = queries.reasons(customer_id)
    if reasons.empty:
        return
    told = "; ".join(
        f"{'higher' if raising else 'lower'} risk: {reason}"
        for reason, raising in reasons[["reason", "is_raising_risk"]].itertuples(index=False)
    )
    layout.show(
        "Why does the model say so?",
        charts.waterfall(reasons),
        f"What moves the risk away from that of a typical customer, strongest first. {told}.",
        "The values that move this customer's score furthest from that of a typical customer, one "
        "after the other. They are not causes: they do not say what would change the customer's "
        "mind.",
    )


def draw_due(customer_id: str) -> None:
    """Draw the products that are due again for the customer."""
    due = queries.due_products(customer_id)
    st.subheader("What are they due for?", anchor=False)
    if due.empty:
        st.text("Nothing that they bought more than once is due again now.")
        return
    layout.table(
        due.head(DUE_SHOWN),
        "Products that the customer usually buys again about now.",
        {
            "product": st.column_config.TextColumn("Product", width=210),
            "last_purchase_date": st.column_config.DateColumn("Last bought", format="YYYY-MM-DD"),
            "days_since_purchase": layout.number_column("Days since"),
            "due_until_date": st.column_config.DateColumn("Due until", format="YYYY-MM-DD"),
        },
        height="content",
    )
    more = f"The {DUE_SHOWN} that end first, of {len(due)}. " if len(due) > DUE_SHOWN else ""
    st.caption(f"{more}Bought on more than one day, last as long ago as it usually takes.")


def next_order(facts: dict[str, Any]) -> tuple[charts.NextOrder | None, str]:
    """Return when the customer's next order is expected, for the chart and in words."""
    today = pd.Timestamp(facts["as_of_date"])
    days = [facts[f"next_order_days_p{level}"] for level in (10, 50, 90)]
    if pd.isna(days[0]):
        return None, "There is no forecast of the next order."
    low, middle, high = (
        None if pd.isna(after) else today + pd.Timedelta(days=int(after)) for after in days
    )
    far = "more than a year from now"
    words = (
        f"Next order, predicted: 10 % by {marts_reader.day(low)}, as likely as not by "
        f"{far if middle is None else marts_reader.day(middle)}, 90 % by "
        f"{far if high is None else marts_reader.day(high)} (blue band)."
    )
    return charts.NextOrder(low, middle, high or today + pd.Timedelta(days=365)), words


def draw_orders(customer: dict[str, Any], currency: str) -> None:
    """Draw the customer's orders over time, and when the next is expected."""
    orders = queries.orders(str(customer["customer_id"]))
    facts = marts_reader.build_info()
    if orders.empty:
        return
    expected, words = next_order(customer)
    layout.show(
        "When did they buy, and when will they again?",
        charts.timeline(
            orders,
            pd.Timestamp(facts["first_invoice_date"]),
            pd.Timestamp(facts["as_of_date"]),
            currency,
            expected,
        ),
        f"Orders of the customer over time, by net revenue. {words}",
        f"One point is one invoice; grey points were returned in full. {words}",
    )


def main() -> None:
    """Draw the page."""
    currency = marts_reader.currency()
    st.title("Who should we contact?", anchor=False)
    left, right = st.columns(2, gap="medium")
    with left:
        chosen = links.choose(
            st.multiselect,
            "Action",
            queries.contact_actions()["action_label"].tolist(),
            "action",
            noun="action",
            everything="all actions",
            placeholder="All actions that contact customers",
        )
    with right:
        search = st.text_input(
            "Find any customer",
            key="customer",
            bind="query-params",
            placeholder="A customer id or part of one",
        ).strip()
    links.tell("action")
    if search:
        picked = draw_search(search)
        if picked:
            draw_profile(picked, currency)
        st.caption("Clear the search to see the list of customers to contact.")
        return
    if layout.nothing_selected():
        return
    if not queries.are_scored():
        st.info(
            "No customer has a churn probability, so those who spent the most come first. "
            f"{marts_reader.why('churn')}"
        )
    total = draw_counts(chosen, currency)
    picked = draw_list(chosen, total, currency)
    st.caption(wording.as_markdown(queries.consent()))
    draw_commands(chosen)
    draw_actions(currency)
    if picked:
        draw_profile(picked, currency)
        layout.customer_link(picked, "Link to customer")


main()
