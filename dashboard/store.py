"""Read what the pages show from the published marts.

Every question is a fixed text with bound parameters. Answers are kept for each published
version, so a new publication shows at the next rerun.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import duckdb
import pandas as pd
import streamlit as st

from customer_intelligence.marts import current_version, open_marts

VERSION_KEY = "published_version"
FILTER_KEYS = ("segment", "risk", "country")
# More customers than this are drawn as a 2-D histogram.
MAX_POINTS = 5_000

# An empty list of a filter stands for everybody.
SELECTED = """
with selected as (
    select * from dim_customers
    where
        (len($segment::varchar[]) = 0 or list_contains($segment::varchar[], segment))
        and (len($risk::varchar[]) = 0 or list_contains($risk::varchar[], churn_risk))
        and (len($country::varchar[]) = 0 or list_contains($country::varchar[], country))
)
"""


@st.cache_resource(show_spinner=False, max_entries=2)
def _connection(version: str) -> duckdb.DuckDBPyConnection:
    # The version is the key of the cache; `CURRENT` itself says what is opened.
    return open_marts()


@st.cache_data(show_spinner=False, max_entries=500)
def _answer(version: str, sql: str, parameters: dict[str, Any]) -> pd.DataFrame:
    # A cursor for each question: sessions run in threads of their own.
    with _connection(version).cursor() as cursor:
        return cursor.execute(sql, parameters).df()


def follow_publication() -> str:
    """Hold this run of the script to the version that is current now, and return it.

    Raises
    ------
    CustomerIntelligenceError
        When nothing has been published, or the published file cannot be opened.
    """
    version = current_version()
    _connection(version)
    st.session_state[VERSION_KEY] = version
    return version


def query(sql: str, **parameters: Any) -> pd.DataFrame:
    """Return the answer of the published marts as a frame."""
    return _answer(st.session_state[VERSION_KEY], sql, parameters)


def filters() -> dict[str, list[str]]:
    """Return the values chosen in the sidebar for each filter; none stands for all."""
    return {key: list(st.session_state.get(key) or []) for key in FILTER_KEYS}


def query_selected(sql: str, **parameters: Any) -> pd.DataFrame:
    """Return the answer to a question to `selected`, the customers the filters leave."""
    return query(SELECTED + sql, **filters(), **parameters)


def build_info() -> dict[str, Any]:
    """Return the facts of the publication: dates, currency, version, counts."""
    return dict(query("select * from build_info").iloc[0])


def currency() -> str:
    """Return the currency of every amount."""
    return str(build_info()["currency"])


def day(value: date | pd.Timestamp) -> str:
    """Return a date as text that no reader's language turns round; "no day" for none."""
    return "no day" if pd.isna(value) else f"{value:%Y-%m-%d}"


def why(model: str) -> str:
    """Return what a model of customers was fitted on, or why there is none, in a sentence."""
    found = query("select explanation from rpt_model_status where model = $model", model=model)
    return str(found["explanation"].iloc[0])


def segments() -> pd.DataFrame:
    """Return one row for each segment, best first."""
    return query("select * from rpt_segments order by segment_rank")


def segment_names() -> list[str]:
    """Return the names of the segments, best first."""
    return segments()["segment"].tolist()


def countries() -> list[str]:
    """Return the countries, those with most customers first."""
    return query("""
        select country from dim_customers
        where country is not null
        group by country order by count(*) desc, country
    """)["country"].tolist()


def risks() -> list[str]:
    """Return the bands of churn risk that occur."""
    return query("select distinct churn_risk from dim_customers")["churn_risk"].tolist()


def selection() -> dict[str, Any]:
    """Return how much of the shop the filters leave."""
    return dict(
        query_selected("""
        select
            count(*) as customers,
            coalesce(sum(net_revenue), 0) as net_revenue,
            avg(churn_probability) as mean_churn_probability,
            coalesce(sum(value_at_risk), 0) as value_at_risk,
            (select count(*) from dim_customers) as all_customers,
            (select sum(net_revenue) from dim_customers) as all_net_revenue
        from selected
        """).iloc[0]
    )


# --- distributions ---------------------------------------------------------------------


def spread(measure: str) -> pd.DataFrame:
    """Return quantiles of a measure for each segment of the selected customers.

    Parameters
    ----------
    measure : str
        `days`, `orders`, `spend` or `probability`.

    Returns
    -------
    pandas.DataFrame
        `segment`, `customers`, `low` (5 %), `lower_quarter`, `median`, `upper_quarter`,
        `high` (95 %) and `mean`, one row for each segment.
    """
    return query_selected(
        """
        , measured as (
            select
                segment,
                case $measure
                    when 'days' then days_since_last_order
                    when 'orders' then orders
                    when 'spend' then net_revenue::double
                    when 'probability' then churn_probability
                end as value
            from selected
        )

        select
            segment,
            count(*) as customers,
            quantile_cont(value, 0.05) as low,
            quantile_cont(value, 0.25) as lower_quarter,
            quantile_cont(value, 0.5) as median,
            quantile_cont(value, 0.75) as upper_quarter,
            quantile_cont(value, 0.95) as high,
            avg(value) as mean
        from measured
        where value is not null
        group by segment
        """,
        measure=measure,
    )


def histogram(measure: str, edges: list[float]) -> pd.DataFrame:
    """Count the selected customers by segment and bin.

    Parameters
    ----------
    measure : str
        `days`, `orders` or `spend`.
    edges : list of float
        Lower edges of the bins, rising; what lies below the first falls into no bin.

    Returns
    -------
    pandas.DataFrame
        `segment`, `lower_edge`, `customers`.
    """
    return query_selected(
        """
        , measured as (
            select
                segment,
                case $measure
                    when 'days' then days_since_last_order
                    when 'orders' then orders
                    else net_revenue::double
                end as value
            from selected
        ),

        bins as (select unnest($edges::double[]) as lower_edge)

        select measured.segment, bins.lower_edge, count(*) as customers
        from measured
        asof join bins on measured.value >= bins.lower_edge
        group by all
        order by bins.lower_edge
        """,
        measure=measure,
        edges=edges,
    )


def ranges() -> dict[str, float]:
    """Return what the bins must cover, for all customers, so that filters do not move them."""
    return dict(
        query("""
        select
            max(days_since_last_order)::double as last_day,
            max(orders)::double as most_orders,
            quantile_cont(net_revenue::double, 0.02) as low_spend,
            quantile_cont(net_revenue::double, 0.98) as high_spend
        from dim_customers
        """).iloc[0]
    )


def day_edges(last_day: float) -> list[float]:
    """Return lower edges of at most 16 equal bins of days, in weeks, months or years."""
    width = next((width for width in (7, 14, 30, 60, 90, 180, 365) if last_day / width <= 15), 730)
    return [float(edge) for edge in range(0, int(last_day) + 1, width)]


def order_edges(most_orders: float) -> list[float]:
    """Return lower edges of bins of orders: single ones first, wider ones later."""
    return [
        edge for edge in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 10.0, 20.0, 50.0) if edge <= most_orders
    ]


def spend_edges(low: float, high: float) -> list[float]:
    """Return lower edges of bins of spend in steps of 1, 2, 5; the first bin has no floor."""
    first = math.floor(math.log10(max(low, 1.0)))
    last = math.ceil(math.log10(max(high, 10.0)))
    steps = [digit * 10.0**power for power in range(first, last + 1) for digit in (1.0, 2.0, 5.0)]
    return [-math.inf, *[step for step in steps if low <= step <= high]]


# --- clusters --------------------------------------------------------------------------


def clusters() -> pd.DataFrame:
    """Return one row for each cluster, the one with the highest median spend first."""
    return query("""
        select * from rpt_cluster_profiles
        where cluster_id is not null
        order by median_net_revenue desc, cluster_id
    """)


def cluster_products(most: int = 5) -> pd.DataFrame:
    """Return the products with the highest lift in each cluster, clusters as in `clusters`."""
    return query(
        """
        select products.*
        from rpt_cluster_products as products
        inner join rpt_cluster_profiles as profiles using (cluster_id)
        where products.product_rank <= $most
        order by profiles.median_net_revenue desc, cluster_id, products.product_rank
        """,
        most=most,
    )


def cluster_choice() -> pd.DataFrame:
    """Return the measures of every number of clusters that was tried."""
    return query("""
        select * from rpt_cluster_selection where inertia is not null order by k
    """)


def drawable_customers() -> dict[str, Any]:
    """Count the selected customers that log axes can show, and those they cannot."""
    return dict(
        query_selected("""
        select
            count(*) filter (net_revenue > 0) as drawable,
            count(*) filter (not net_revenue > 0) as undrawable
        from selected where cluster_name is not null
        """).iloc[0]
    )


def cluster_points() -> pd.DataFrame:
    """Return one row for each selected customer with a cluster and net revenue above 0."""
    return query_selected("""
        select
            customer_id, cluster_name, segment, days_since_last_order, orders,
            net_revenue::double as net_revenue
        from selected
        where cluster_name is not null and net_revenue > 0
        order by hash(customer_id)
    """)


def cluster_cells() -> pd.DataFrame:
    """Count the same customers in cells of a grid that is even on log axes.

    Returns
    -------
    pandas.DataFrame
        Bounds of the cell (`days_from`, `days_to` in days, `spend_from`, `spend_to` in the
        currency), `customers` and `cluster_name`, the commonest cluster in it.
    """
    return query_selected("""
        , cells as (
            select
                cluster_name,
                floor(ln(1 + days_since_last_order) * 5) as day_step,
                floor(log10(net_revenue::double) * 8) as spend_step
            from selected
            where cluster_name is not null and net_revenue > 0
        )

        select
            exp(day_step / 5) - 1 as days_from,
            exp((day_step + 1) / 5) - 1 as days_to,
            pow(10, spend_step / 8) as spend_from,
            pow(10, (spend_step + 1) / 8) as spend_to,
            count(*) as customers,
            mode(cluster_name order by cluster_name) as cluster_name
        from cells
        group by day_step, spend_step
        order by day_step, spend_step
    """)


# --- churn -----------------------------------------------------------------------------


def churn_horizon() -> int | None:
    """Return the days of silence that count as churn, if they could be chosen."""
    found = query("select horizon_days from rpt_churn_horizon where is_chosen")
    return None if found.empty else int(found["horizon_days"].iloc[0])


def churn_metrics(population: str) -> pd.DataFrame:
    """Return the measures of each model at the last test date."""
    return query(
        """
        select model, cutoff_date, metric, value, ci_low, ci_high from rpt_churn_metrics
        where population = $population
            and cutoff_date = (select max(cutoff_date) from rpt_churn_metrics)
        order by model, metric
        """,
        population=population,
    )


def churn_roc(population: str) -> pd.DataFrame:
    """Return the points of each model's ROC curve at the last test date."""
    return query(
        """
        select model, point, threshold, false_positive_rate, true_positive_rate
        from rpt_churn_roc_curve
        where population = $population
            and cutoff_date = (select max(cutoff_date) from rpt_churn_roc_curve)
        order by model, point
        """,
        population=population,
    )


def churn_calibration(population: str, model: str) -> pd.DataFrame:
    """Return predicted and observed churn of a model in groups of equal size."""
    return query(
        """
        select probability_bin, customers, mean_churn_probability, churn_rate
        from rpt_churn_calibration
        where population = $population and model = $model
            and cutoff_date = (select max(cutoff_date) from rpt_churn_calibration)
        order by probability_bin
        """,
        population=population,
        model=model,
    )


def churn_confusion(population: str, model: str, threshold_name: str) -> pd.DataFrame:
    """Return the confusion matrix of a model at a threshold, one row at most."""
    return query(
        """
        select threshold, true_positives, false_positives, false_negatives, true_negatives
        from rpt_churn_confusion_matrix
        where population = $population and model = $model
            and threshold_name = $threshold_name
            and cutoff_date = (select max(cutoff_date) from rpt_churn_confusion_matrix)
        """,
        population=population,
        model=model,
        threshold_name=threshold_name,
    )


def churn_importance() -> pd.DataFrame:
    """Return what each group of features is worth to the scoring model, largest first."""
    return query("""
        select feature_group, mean_auc_loss, lowest_auc_loss, highest_auc_loss
        from rpt_churn_importance
        order by mean_auc_loss desc
    """)


def churn_choice() -> pd.DataFrame:
    """Return the model that scores customers and why, one row at most."""
    return query("select model, chosen_reason from rpt_churn_model_selection where is_chosen")


def churn_leak() -> pd.DataFrame:
    """Return the ROC AUC of the leaky tutorial model by what it is judged by."""
    return query("""
        select judged_by, roc_auc from rpt_churn_leaky_baseline
        where roc_auc is not null
        order by judged_by
    """)


def churn_report(population: str, model: str, threshold_name: str) -> pd.DataFrame:
    """Return precision, recall and F1 of a model for leavers and stayers."""
    return query(
        """
        select class, precision_rate, recall_rate, f1_score, support
        from rpt_churn_classification_report
        where population = $population and model = $model
            and threshold_name = $threshold_name
            and cutoff_date = (select max(cutoff_date) from rpt_churn_classification_report)
        order by list_position(
            ['churned', 'stayed', 'accuracy', 'macro avg', 'weighted avg'], class
        )
        """,
        population=population,
        model=model,
        threshold_name=threshold_name,
    )


def customers_at_risk() -> pd.DataFrame:
    """Return ten of the selected customers, those with the most value at risk, with reasons."""
    return query_selected("""
        , worst as (
            select
                customer_id,
                segment,
                churn_probability,
                round(value_at_risk)::double as value_at_risk,
                round(predicted_value_90d)::double as predicted_value_90d
            from selected
            where churn_probability is not null
            order by selected.value_at_risk desc, customer_id
            limit 10
        )

        select
            worst.*,
            if(bool_or(is_raising_risk), 'higher: ', 'lower: ')
            || string_agg(reason, '; ' order by reason_rank) as reasons
        from worst
        left join fct_churn_reasons as reasons on worst.customer_id = reasons.customer_id
        group by all
        order by value_at_risk desc, worst.customer_id
    """)


def value_at_risk() -> pd.DataFrame:
    """Sum the value at risk of the selected customers for each segment and band of risk."""
    return query_selected("""
        select segment, churn_risk, count(*) as customers,
            sum(value_at_risk)::double as value_at_risk
        from selected
        where churn_probability is not null
        group by segment, churn_risk
    """)
