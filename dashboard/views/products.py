"""Products: what sells, what goes together, what brings customers back and who is due."""

from __future__ import annotations

from typing import Any

import layout
import links
import marts_reader
import pandas as pd
import streamlit as st
import wording
from charts import products as charts
from queries import products as queries

FEWEST_FIRST = 30
FEWEST_BUYERS = 50
FEWEST_RETURNED = 20


def named(products: pd.DataFrame) -> pd.DataFrame:
    """Return products with a label each; where two have one name, their codes tell them apart."""
    is_shared = products["product"].duplicated(keep=False)
    codes = products["product"] + " " + products["stock_code"]
    return products.assign(label=products["product"].mask(is_shared, codes))


def draw_totals(totals: dict[str, Any], currency: str) -> None:
    """Draw four figures of all products."""
    share = totals["returned_amount"] / totals["gross_revenue"] if totals["gross_revenue"] else 0.0
    net = totals["net_revenue"]
    figures = [
        (
            "Net of returns",
            wording.short_money(net, currency),
            f"Exactly {wording.money(net, currency)}. With sales without a customer; discounts on "
            "whole orders are not taken off products.",
        ),
        (
            "Returned",
            wording.percent(share),
            f"{wording.money(totals['returned_amount'], currency)} of "
            f"{wording.money(totals['gross_revenue'], currency)} sold.",
        ),
        ("Products sold", wording.whole(totals["products"]), "Codes that were sold at all."),
        (
            "Bring half of it",
            wording.whole(totals["half_products"]),
            "This many best-selling products bring half of net revenue.",
        ),
    ]
    layout.figures(figures)


def draw_best(currency: str) -> None:
    """Draw what sells most, net of returns."""
    best = queries.best()
    layout.show(
        "What sells, net of returns?",
        charts.best_sellers(named(best), currency),
        f"The {len(best)} products with the most net revenue, with what was returned of them.",
        "Over the whole history. A wide pale end: much of it comes back.",
    )
    layout.download("Download all products as CSV", queries.everything(), "products.csv")


def draw_first() -> None:
    """Draw which first products bring second orders; the verdict comes first."""
    st.subheader("Which first purchase brings people back?", anchor=False)
    products = queries.first_products()
    if products.empty:
        st.info(
            f"No product was in the first orders of {FEWEST_FIRST} customers whose 90 days are "
            "over. With fewer, chance decides."
        )
        return
    known = products.iloc[0]
    among = (
        f"Of {wording.counted(known['first_customers'], 'first order')} "
        f"{wording.percent(known['all_second_order_rate'], 0)} led to a second within 90 days."
    )
    standing = products[products["is_outstanding"]]
    is_better = standing["second_order_rate"] > standing["expected_second_order_rate"]
    if standing.empty:
        verdict = (
            f"None of {wording.whole(len(products))} products stands out: what a first order holds "
            f"says no more than how much it holds. {among}"
        )
    else:
        verdict = (
            f"{wording.whole(is_better.sum())} of {wording.whole(len(products))} products bring "
            f"people back more often than first orders as large, "
            f"{wording.whole((~is_better).sum())} less often. {among}"
        )
    st.text(verdict)
    shown = named(products.head(queries.SHOWN).sort_values("second_order_rate", ascending=False))
    layout.draw(
        charts.first_products(shown),
        "Share of customers with a second order within 90 days by product of the first order, "
        "with its 95 % interval and the share for first orders as large.",
    )
    st.caption(
        f"The {len(shown)} products {'that stand out, or ' if len(standing) else ''}that most "
        "customers began with. Tick: first orders as large. Grey: 95 % interval. Orange: beyond "
        f"what chance does among so many products. At least {FEWEST_FIRST} customers each. "
        "What goes with coming back need not cause it."
    )


def draw_partners(code: str, name: str) -> None:
    """Draw what goes with a product."""
    st.subheader("What goes with it?", anchor=False)
    partners = queries.partners(code)
    if partners.empty:
        st.info(
            f"Nothing goes with {wording.as_markdown(name)} more often than chance would have it, "
            "and again later."
        )
        return
    layout.table(
        partners,
        f"Products that go with {name}, the surest first.",
        {
            "product": st.column_config.TextColumn("Goes with", width=245),
            "customers_together": layout.number_column("Bought both", "Customers."),
            "confidence": layout.percent_column(
                "Of buyers", "Share of the product's customers who bought the other one, too.", 0
            ),
            "range_adjusted_lift": layout.number_column(
                "× chance",
                "Against customers who buy as many different products.",
                digits=1,
            ),
            "later_range_adjusted_lift": layout.number_column(
                "Later", "The same in a later period, in which it was checked.", digits=1
            ),
        },
        height="content",
    )
    st.caption("Only pairs that go together beyond chance, and did so again later.")


def draw_curve(code: str) -> None:
    """Draw when a product is bought again."""
    st.subheader("When do they buy it again?", anchor=False)
    curve, cycle = queries.curve(code), queries.cycle(code)
    if curve.empty or not cycle:
        st.info(
            f"Too few customers bought it again: it takes {FEWEST_BUYERS} customers and "
            f"{FEWEST_RETURNED} who came back for it."
        )
        return
    low, middle, high = (
        int(cycle[name]) for name in ("cycle_low_days", "cycle_days", "cycle_high_days")
    )
    layout.draw(
        charts.repurchase_curve(curve, low, middle, high),
        "Share of customers who bought the product again, by days since their first purchase, "
        "with its 95 % interval.",
    )
    last = curve["repurchase_rate"].iloc[-1]
    st.caption(
        f"Of {wording.counted(cycle['customers'], 'customer')} {wording.percent(last, 0)} buy it "
        f"again within {wording.whole(cycle['followed_days'])} days. Those who do usually come "
        f"after {low} to {high} days (grey), half of them by day {middle}. Customers who "
        "have not come back yet count for as long as they could be followed."
    )


def draw_due(code: str, name: str, currency: str) -> None:
    """Draw who is due for a product; a row opens the customer."""
    st.subheader("Who is due for it?", anchor=False)
    due = queries.due(code)
    if due.empty:
        st.info(
            "Nobody is due now: no customer who has bought it more than once bought it last as "
            "long ago as it usually takes."
        )
        return
    picked = layout.table(
        due,
        f"Customers who are due for {name}, those who spent the most first.",
        {
            "customer_id": st.column_config.TextColumn("Customer", width=100),
            "days_since_purchase": layout.number_column("Days since", "Since they last bought it."),
            "last_purchase_date": st.column_config.DateColumn("Last bought", format="YYYY-MM-DD"),
            "due_until_date": st.column_config.DateColumn(
                "Due until",
                format="YYYY-MM-DD",
                help="By then three quarters of those who come back have done so.",
            ),
            "segment": st.column_config.TextColumn("Segment", width=150),
            "net_revenue": layout.number_column(f"Spent, {currency}", "Net revenue so far."),
        },
        height=290 if len(due) > 7 else "content",
        on_select="rerun",
        selection_mode="single-row",
        key="due_list",
    )
    customer = layout.customer_picked(picked, due["customer_id"])
    if customer:
        layout.customer_link(customer)
    first = f"The {len(due)} who spent the most. " if len(due) == queries.LISTED else ""
    st.caption(
        f"{first}They bought it on more than one day, last as long ago as it usually takes. Those "
        "held out or not to be contacted are left out. Pick a row to open the customer."
    )
    layout.download("Download who is due as CSV", queries.due_later(code), "due.csv")


def draw_overviews() -> None:
    """Fold what holds for the whole range: the surest pairs, and what is bought again."""
    pairs, cycles = queries.pairs(), queries.cycles()
    if not pairs.empty:
        with st.expander("The surest pairs of the shop"):
            layout.table(
                pairs,
                "Pairs of products that go together, the surest first.",
                {
                    "product": st.column_config.TextColumn("Product", width=300),
                    "other_product": st.column_config.TextColumn("Goes with", width=300),
                    "customers_together": layout.number_column("Bought both", "Customers."),
                    "range_adjusted_lift": layout.number_column("× chance", digits=1),
                },
                height="content",
            )
    if not cycles.empty:
        with st.expander("All products that are bought again"):
            layout.table(
                cycles,
                "Products with the share of customers who buy them again and the usual days.",
                {
                    "product": st.column_config.TextColumn("Product", width=260),
                    "customers": layout.number_column("Customers"),
                    "repurchase_rate_90d": layout.percent_column(
                        "Again in 90 d", "Share who buy it again within 90 days.", 0
                    ),
                    "repurchase_rate_180d": layout.percent_column("In 180 d", digits=0),
                    "cycle_low_days": layout.number_column(
                        "From day", "A quarter of those who come back have by then."
                    ),
                    "cycle_days": layout.number_column("Half by day"),
                    "cycle_high_days": layout.number_column(
                        "To day", "Three quarters of those who come back have by then."
                    ),
                    "due_customers": layout.number_column(
                        "Due now", "Customers who bought it last as long ago as it usually takes."
                    ),
                },
                height=420 if len(cycles) > 11 else "content",
            )


def main() -> None:
    """Draw the page."""
    currency = marts_reader.currency()
    st.title("What sells, and what brings people back?", anchor=False)
    layout.whole_shop()
    totals = queries.totals()
    if not totals["products"]:
        st.info("Nothing was sold yet, so there are no products.")
        return
    draw_totals(totals, currency)
    if not marts_reader.selection()["all_customers"]:
        layout.nothing_selected()
        draw_best(currency)
        return
    left, right = st.columns(2, gap="large")
    with left:
        draw_best(currency)
    with right:
        draw_first()
    choices = queries.choices()
    st.header("One product", anchor=False)
    if not choices:
        st.info(
            "No product is bought again, or goes with another, often enough to say more about it."
        )
        return
    code = links.choose(
        st.selectbox,
        "Product",
        list(choices),
        "product",
        noun="product",
        format_func=choices.__getitem__,
    )
    links.tell("product")
    left, right = st.columns([2, 3], gap="large")
    with left:
        draw_curve(code)
    with right:
        draw_partners(code, choices[code])
    draw_due(code, choices[code], currency)
    draw_overviews()


main()
