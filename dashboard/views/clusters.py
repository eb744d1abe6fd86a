"""Clusters: groups found in the data without the segments' rules, and why so many."""

from __future__ import annotations

import charts
import layout
import pandas as pd
import store
import streamlit as st
import wording


def draw_map(names: list[str], currency: str) -> None:
    """Draw the selected customers on log axes, as points or, when many, as cells."""
    counts = store.drawable_customers()
    if not counts["drawable"]:
        st.text("None of the selected customers has a cluster and net revenue above 0.")
        return
    left_out = (
        f" {wording.whole(counts['undrawable'])} customers without net revenue above 0 have no "
        "place on a log axis and are left out."
        if counts["undrawable"]
        else ""
    )
    if counts["drawable"] <= store.MAX_POINTS:
        chart = charts.cluster_points(store.cluster_points(), names, currency)
        note = f"One point is one customer.{left_out}"
    else:
        chart = charts.cluster_cells(store.cluster_cells(), names, currency)
        note = (
            f"{wording.whole(counts['drawable'])} customers, counted in cells: the deeper the "
            f"colour, the more customers; the colour is the commonest cluster.{left_out}"
        )
    layout.show(
        "Which customers behave alike?",
        chart,
        "Days since last order against net revenue on log axes, coloured by cluster.",
        note,
    )


def draw_profiles(clusters: pd.DataFrame, currency: str) -> None:
    """Draw the table of profiles."""
    st.subheader("What is typical of each cluster?", anchor=False)
    table = pd.DataFrame(
        {
            "Cluster": clusters["cluster_name"],
            "Customers": clusters["customers"],
            "customer_share": 100 * clusters["customer_share"],
            "net_revenue_share": 100 * clusters["net_revenue_share"],
            "days": clusters["median_days_since_last_order"],
            "orders": clusters["median_orders"],
            "spend": clusters["median_net_revenue"].round(),
            "churn": 100 * clusters["mean_churn_probability"],
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "Cluster": st.column_config.TextColumn(width=210),
            "Customers": layout.number_column("Customers"),
            "customer_share": layout.percent_column("of customers"),
            "net_revenue_share": layout.percent_column("of revenue"),
            "days": layout.number_column("Days since last order", "Median"),
            "orders": layout.number_column("Orders", "Median"),
            "spend": layout.number_column(f"{currency} spent", "Median net revenue"),
            "churn": layout.percent_column("Expected churn", "Mean predicted probability"),
        },
        alt="Clusters with their size and their typical customer.",
    )
    st.caption(
        "Of all customers, whatever is filtered. Days, orders and spend are medians; expected "
        "churn is predicted."
    )


def draw_products() -> None:
    """Draw the products that are most typical of each cluster."""
    products = store.cluster_products()
    if products.empty:
        return
    st.subheader("What does each cluster buy more than others?", anchor=False)
    table = pd.DataFrame(
        {
            "Cluster": products["cluster_name"],
            "Product": products["description"].fillna(products["stock_code"]),
            "support": 100 * products["support"],
            "lift": products["lift"],
            "range_adjusted_lift": products["range_adjusted_lift"],
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        column_config={
            "Cluster": st.column_config.TextColumn(width=210),
            "support": layout.percent_column("of the cluster", "Customers who ever bought it"),
            "lift": layout.number_column(
                "Lift", "That share, divided by the share of all customers", digits=2
            ),
            "range_adjusted_lift": layout.number_column(
                "Lift for its range",
                "Lift, divided by how many more different products the cluster buys",
                digits=2,
            ),
        },
        alt="The products with the highest lift in each cluster.",
    )
    st.caption(
        "Of all customers, whatever is filtered: products that at least 5 % of a cluster and 20 of "
        "its customers bought, those with the highest lift. Customers who buy many different "
        "products have a high lift for all of them; what a cluster prefers has more than 1 in the "
        "last column."
    )


def draw_choice() -> None:
    """Draw how the number of clusters was chosen."""
    measures = store.cluster_choice()
    if measures.empty:
        return
    left, right = st.columns(2, gap="medium")
    with left:
        layout.show(
            "How well are the clusters apart?",
            charts.cluster_choice(measures, "silhouette", "Silhouette (higher is better)"),
            "Silhouette for each number of clusters, the chosen one marked.",
        )
    with right:
        layout.show(
            "How tight are they?",
            charts.cluster_choice(measures, "inertia", "Inertia (look for the bend)"),
            "Inertia for each number of clusters, the chosen one marked.",
        )
    chosen = measures[measures["is_chosen"]]
    if not chosen.empty:
        row = chosen.iloc[0]
        words = f"Chosen: k = {row['k']}, {row['chosen_reason']}."
        words += f" Silhouette {row['silhouette']:.3f}"
        if not pd.isna(row["stability_ari_mean"]):
            words += f"; stability {row['stability_ari_mean']:.2f} (1 = the same every time)"
        st.text(words + ".")
    picks = {
        "the best silhouette": "is_best_silhouette",
        "the bend of the inertia": "is_elbow",
        "the gap statistic": "is_gap_pick",
        "the highest stability": "is_most_stable",
    }
    named = [
        f"{name} picks k = {measures.loc[measures[column], 'k'].iloc[0]}"
        for name, column in picks.items()
        if measures[column].any()
    ]
    if named:
        st.caption("The criteria need not agree: " + ", ".join(named) + ".")


def main() -> None:
    """Draw the page."""
    currency = store.currency()
    st.title("Does the data agree with the segments?", anchor=False)
    clusters = store.clusters()
    if clusters.empty:
        st.info(f"There are no clusters. {store.why('clusters')}")
        draw_choice()
        return
    if not layout.nothing_selected():
        draw_map(clusters["cluster_name"].tolist(), currency)
    draw_profiles(clusters, currency)
    draw_products()
    draw_choice()


main()
