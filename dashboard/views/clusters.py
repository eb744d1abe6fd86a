"""Clusters: groups found in the data without the segments' rules, and the choice of k."""

from __future__ import annotations

from collections.abc import Callable

import altair as alt
import layout
import marts_reader
import pandas as pd
import streamlit as st
import wording
from charts import clusters as charts
from queries import clusters as queries


def draw_map(clusters: pd.DataFrame, currency: str) -> None:
    """Draw the selected customers on log axes, as points or, when many, as cells."""
    names = clusters["cluster_name"].tolist()
    count = queries.clustered_customers()
    if count <= queries.MAX_POINTS:
        customers = queries.cluster_points()
        drawn = customers[customers["net_revenue"] > 0]
        left_out = len(customers) - len(drawn)
        draw: Callable[..., alt.Chart] = charts.cluster_points
        note = "One point is one customer."
    else:
        cells = queries.cluster_cells()
        drawn = cells[cells["spend_from"] > 0]
        left_out = count - int(drawn["customers"].sum())
        draw = charts.cluster_cells
        note = (
            f"A 2-D histogram of {wording.whole(count)} customers: darker cells hold more "
            "customers; the colour is that of the most frequent cluster."
        )
    if drawn.empty:
        st.text("No selected customer has a cluster and net revenue above 0.")
        return
    if left_out:
        note += (
            f" {wording.whole(left_out)} customers with no or very low net revenue are left out, "
            "because they do not fit a log axis."
        )
    layout.show(
        "Which customers behave alike?",
        charts.centroids(clusters, draw(drawn, names, currency), currency, names),
        "Days since last order against net revenue on log axes, coloured by cluster.",
        f"{note} Diamonds: the middle of each cluster, of all customers.",
    )


def draw_segments(names: list[str], currency: str) -> None:
    """Draw how clusters and segments overlap."""
    cells = queries.cluster_segments()
    if cells.empty:
        return
    layout.show(
        "Do clusters and segments agree?",
        charts.cluster_segments(cells, names, marts_reader.segment_names(), currency),
        "Share of each cluster's customers who are in each segment.",
        "Share of the customers of a cluster (row) who are in each segment (column). Cluster and "
        "segment agree where a row has one dark cell.",
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
            "purchase_days": clusters["median_purchase_days"],
            "spend": clusters["median_net_revenue"].round(),
            "churn": 100 * clusters["mean_churn_probability"],
        }
    )
    layout.table(
        table,
        "Clusters with their size and their typical customer.",
        {
            "Cluster": st.column_config.TextColumn(width=200),
            "Customers": layout.number_column("Customers"),
            "customer_share": layout.percent_column("of customers"),
            "net_revenue_share": layout.percent_column("of revenue"),
            "days": layout.number_column("Days since last order", "Median"),
            "purchase_days": layout.number_column("Purchase days", "Median"),
            "spend": layout.number_column(f"{currency} spent", "Median net revenue"),
            "churn": layout.percent_column("Expected churn", "Mean predicted probability"),
        },
    )
    st.caption("Days, purchase days and spend are medians; expected churn is predicted.")


def draw_products() -> None:
    """Draw the products with the highest lift in each cluster."""
    products = queries.cluster_products()
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
    layout.table(
        table,
        "The products with the highest lift in each cluster.",
        {
            "Cluster": st.column_config.TextColumn(width=210),
            "support": layout.percent_column(
                "of the cluster", "Support: share of the cluster's customers who ever bought it"
            ),
            "lift": layout.number_column(
                "Lift", "Support in the cluster divided by support among all customers", digits=2
            ),
            "range_adjusted_lift": layout.number_column(
                "Range-adjusted lift",
                "Lift, adjusted for how many different products the cluster buys",
                digits=2,
            ),
        },
        height="content",
    )
    st.caption(
        "Listed are the products with the highest lift "
        "among those that at least 5 % of a cluster and 20 of its customers bought. Customers who "
        "buy many different products have a high lift for all of them. A range-adjusted lift above "
        "1 shows a preference of the cluster."
    )


def draw_choice() -> None:
    """Fold how the number of clusters was chosen under the number."""
    measures = queries.cluster_choice()
    if measures.empty:
        return
    line = "**Is the number of clusters right?**"
    for k in measures.loc[measures["is_chosen"], "k"]:
        line += f" {k} were chosen of {measures['k'].min()} to {measures['k'].max()}."
    with layout.fold(line, "choice") as folded:
        if folded.open:
            draw_measures(measures)


def draw_measures(measures: pd.DataFrame) -> None:
    """Draw what the number of clusters was chosen by."""
    drawn = {
        "silhouette": ("How well separated are the clusters?", "Silhouette (higher is better)"),
        "inertia": ("How compact are they?", "Inertia (look for the elbow)"),
        "stability_ari_mean": ("Are they stable?", "Stability (mean ARI, 1 = identical)"),
    }
    for column, (measure, (question, title)) in zip(
        st.columns(3, gap="medium"), drawn.items(), strict=True
    ):
        if measures[measure].notna().any():
            with column:
                layout.show(
                    question,
                    charts.cluster_choice(measures, measure, title),
                    f"{title.partition(' (')[0]} for each number of clusters; the chosen number is "
                    "marked.",
                )
    chosen = measures[measures["is_chosen"]]
    if not chosen.empty:
        row = chosen.iloc[0]
        words = f"Chosen: k = {row['k']}, {row['chosen_reason']}."
        words += f" Silhouette {row['silhouette']:.3f}"
        if not pd.isna(row["stability_ari_mean"]):
            words += f"; stability {row['stability_ari_mean']:.2f} (mean ARI, 1 = identical)"
        st.text(words + ".")
    picks = {
        "the best silhouette": "is_best_silhouette",
        "the elbow of the inertia": "is_elbow",
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
    currency = marts_reader.currency()
    st.title("Does the data agree with the segments?", anchor=False)
    clusters = queries.clusters()
    if clusters.empty:
        st.info(f"There are no clusters. {marts_reader.why('clusters')}")
        draw_choice()
        return
    if not marts_reader.is_ok("clusters"):
        st.info(marts_reader.why("clusters"))
    if not layout.nothing_selected():
        draw_map(clusters, currency)
        draw_segments(clusters["cluster_name"].tolist(), currency)
    with layout.whole_shop_band():
        draw_profiles(clusters, currency)
        draw_products()
        draw_choice()


main()
