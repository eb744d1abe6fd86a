"""Words, units and colours of the dashboard, apart from what the marts say themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

NO_BREAK = "\N{NO-BREAK SPACE}"

# Best to worst, to be told apart without colour vision; new customers stand outside.
SEGMENT_COLOURS = {
    "Champions": "#0072B2",
    "Loyal Customers": "#56B4E9",
    "New Customers": "#009E73",
    "Regular Customers": "#E69F00",
    "At Risk": "#D55E00",
    "Lost Customers": "#4A4A4A",
}
# For clusters, which are sorted best to worst, and for segments of one's own.
COLOURS = (
    *("#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#4A4A4A"),
    *("#009E73", "#CC79A7", "#8C6D31", "#7A5195", "#999999"),
)
ACCENT = "#D55E00"
MAIN = "#0072B2"
MUTED = "#B8BEC5"
INK = "#4A4A4A"

REVENUE_PARTS = {
    "net_revenue_returning_customers": ("Returning customers", "#0072B2"),
    "net_revenue_new_customers": ("New customers", "#009E73"),
    "net_revenue_anonymous": ("Without a customer", "#B8BEC5"),
}

RISKS = ("high", "medium", "low", "unknown")

MODELS = {
    "logit_average": ("Average of three models", "#009E73"),
    "gradient_boosting": ("Boosted trees", "#CC79A7"),
    "random_forest": ("Random forest", "#D55E00"),
    "logistic_regression": ("Logistic regression", "#0072B2"),
    "buy_till_you_die": ("Buy till you die", "#8C6D31"),
    "rfm_logistic": ("Baseline: RFM logistic", "#56B4E9"),
    "recency_only": ("Baseline: days since last order", "#E69F00"),
    "base_rate": ("Baseline: one rate for all", "#4A4A4A"),
}

CLASSES = {
    "churned": "Left",
    "stayed": "Stayed",
    "accuracy": "Accuracy",
    "macro avg": "Mean of both",
    "weighted avg": "Weighted mean",
}

POPULATIONS = {
    "all_known": "Everyone who ever bought",
    "active_90d": "Active in the 90 days before",
    "one_time_buyers": "Bought on a single day",
}

THRESHOLDS = {
    "fixed": "A fixed probability",
    "profit_optimal": "What would have paid best in training",
}

FEATURE_GROUPS = {
    "recency": "Recency and recent activity",
    "rhythm": "Number and rhythm of orders",
    "spending": "Spending",
    "basket": "Basket and prices",
    "variety": "Variety of products",
    "returns": "Returns",
    "season": "Same season a year ago",
}


class Kpi(NamedTuple):
    """How a key figure is presented."""

    label: str
    group: str


KPI_GROUPS = ("Customers", "Revenue", "Churn, measured", "Churn, predicted")
KPIS = {
    "customers": Kpi("Customers", "Customers"),
    "active_customers_90d": Kpi("Active in 90 days", "Customers"),
    "repeat_rate": Kpi("Repeat rate", "Customers"),
    "revenue_per_customer": Kpi("Revenue per customer", "Customers"),
    "net_revenue": Kpi("Net revenue", "Revenue"),
    "customer_net_revenue": Kpi("Revenue of customers", "Revenue"),
    "customer_net_revenue_90d": Kpi("Revenue in 90 days", "Revenue"),
    "average_order_value": Kpi("Average order value", "Revenue"),
    "returned_share": Kpi("Returned share", "Revenue"),
    "anonymous_revenue_share": Kpi("Without a customer", "Revenue"),
    "observed_churn_rate": Kpi("Observed churn", "Churn, measured"),
    "expected_churn_rate": Kpi("Expected churn", "Churn, predicted"),
    "value_at_risk": Kpi("Value at risk", "Churn, predicted"),
}


class Metric(NamedTuple):
    """How a measure of a churn model is presented."""

    label: str
    digits: int
    definition: str


METRICS = {
    "roc_auc": Metric(
        "ROC AUC",
        3,
        "Chance that a customer who left was ranked above one who stayed: 0.5 is a coin, "
        "1 is perfect. Higher is better.",
    ),
    "pr_auc": Metric(
        "PR AUC",
        3,
        "Average precision over all thresholds; a model that knows nothing reaches the churn "
        "rate. Higher is better.",
    ),
    "brier_score": Metric(
        "Brier score", 3, "Mean squared error of the probabilities. Lower is better."
    ),
    "log_loss": Metric(
        "Log loss", 3, "Punishes confident probabilities that prove wrong. Lower is better."
    ),
    "expected_calibration_error": Metric(
        "Calibration err.",
        3,
        "Mean distance between predicted and observed churn over ten groups. Lower is better.",
    ),
    "calibration_slope": Metric(
        "Calibr. slope",
        2,
        "1 is right; below 1 the probabilities are too extreme, above 1 too timid.",
    ),
    "top_decile_lift": Metric(
        "Top-tenth lift",
        2,
        "Churn rate of the tenth with the highest probability, divided by that of everyone. "
        "Higher is better.",
    ),
}


def model_label(model: str) -> str:
    """Return a model's name in words."""
    return MODELS[model][0] if model in MODELS else model.replace("_", " ").capitalize()


def model_colours(models: Sequence[str]) -> dict[str, str]:
    """Return the colour of each model by its name in words."""
    spare = iter([colour for colour in COLOURS if colour not in {c for _, c in MODELS.values()}])
    return {
        model_label(model): MODELS[model][1] if model in MODELS else next(spare, MUTED)
        for model in models
    }


def segment_colours(segments: Sequence[str]) -> dict[str, str]:
    """Return the colour of each segment; segments of one's own get the colours left over."""
    spare = iter([colour for colour in COLOURS if colour not in SEGMENT_COLOURS.values()])
    return {segment: SEGMENT_COLOURS.get(segment) or next(spare, MUTED) for segment in segments}


def cluster_colours(clusters: Sequence[str]) -> dict[str, str]:
    """Return the colour of each cluster, which come sorted best to worst."""
    return {
        cluster: COLOURS[rank] if rank < len(COLOURS) else MUTED
        for rank, cluster in enumerate(clusters)
    }


def as_markdown(text: str) -> str:
    """Return Markdown that shows the text as it is, for places that take Markdown only."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def whole(value: float) -> str:
    """Return a count with separators of thousands."""
    return f"{value:,.0f}"


def percent(share: float, digits: int = 1) -> str:
    """Return a share (0…1) as a percentage."""
    return f"{100 * share:.{digits}f}{NO_BREAK}%"


def money(amount: float, currency: str) -> str:
    """Return an amount with its currency; small ones to the hundredth."""
    digits = 2 if abs(amount) < 10_000 else 0
    return f"{currency}{NO_BREAK}{amount:,.{digits}f}"


def short_number(value: float) -> str:
    """Return a round number in short: 500, 2k, 10M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def figure(value: float | None, unit: str, currency: str) -> str | None:
    """Return a key figure in its unit (`customers`, `currency` or `share`)."""
    if value is None or value != value:
        return None
    if unit == "share":
        return percent(value)
    return money(value, currency) if unit == "currency" else whole(value)


def change(value: float, previous: float, unit: str) -> str | None:
    """Return the change against the period before: in points for a share, else in percent."""
    if value != value or previous != previous:
        return None
    if unit == "share":
        return f"{100 * (value - previous):+.1f}{NO_BREAK}points"
    if previous <= 0:
        return None
    return f"{100 * (value / previous - 1):+.1f}{NO_BREAK}%"
