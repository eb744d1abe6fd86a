"""Words and units of the dashboard, apart from what the marts say themselves."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

NO_BREAK = "\N{NO-BREAK SPACE}"
# An amount of up to this many characters fits on a card.
CARD_LETTERS = 14
# Amounts from this on are shown in short, with all digits on hover.
SHORT_FROM = 10_000

REVENUE_PARTS = {
    "net_revenue_returning_customers": ("Returning customers", "#0072B2"),
    "net_revenue_new_customers": ("New customers", "#009E73"),
    "net_revenue_anonymous": ("Without a customer", "#B8BEC5"),
}

RISKS = ("high", "medium", "low", "unknown")

MODELS = {
    "logit_average": "Average of models",
    "gradient_boosting": "Boosted trees",
    "random_forest": "Random forest",
    "logistic_regression": "Logistic regression",
    "buy_till_you_die": "Buy-till-you-die",
    "rfm_logistic": "Baseline: RFM logistic",
    "recency_only": "Baseline: days since last order",
    "base_rate": "Baseline: base rate",
}

POPULATIONS = {
    "all_known": "All customers",
    "active_90d": "Active in the last 90 days",
    "one_time_buyers": "One-time buyers",
}

FEATURE_GROUPS = {
    "recency": "Recency and recent activity",
    "rhythm": "Number and rhythm of purchases",
    "spending": "Spending",
    "basket": "Basket and prices",
    "variety": "Variety of products",
    "returns": "Returns",
    "season": "Same season a year ago",
}


FORECASTS = {
    "lifetime_value": "Lifetime value forecast",
    "fitted_model": "Purchase model alone",
    "own_average": "Own average so far",
    "last_365_days": "Own last 365 days",
    "last_90_days": "Own last 90 days",
    "overall_average": "One average for all",
}

# Those of them that fit nothing.
SIMPLE_FORECASTS = ("own_average", "last_365_days", "last_90_days", "overall_average")

PARAMETERS_OF = {
    "nbd": "Orders: NBD, without dropout",
    "bg_nbd": "Orders: BG/NBD",
    "mbg_nbd": "Orders: MBG/NBD",
    "pareto_nbd": "Orders: Pareto/NBD",
    "gamma_gamma": "Order value: Gamma-Gamma",
}

MODELS_OF_CUSTOMERS = {
    "churn": "Churn",
    "segments": "Segments",
    "clusters": "Clusters",
    "lifetime_value": "Lifetime value",
}


class Kpi(NamedTuple):
    """Label and group of a key figure."""

    label: str
    group: str


# Why a month differs from the month before.
GROWTH_PARTS = {
    "new_customers": ("New customers", "#009E73"),
    "more": ("Came back or grew", "#0072B2"),
    "other": ("Returns, no customer", "#B8BEC5"),
    "less": ("Bought less", "#E69F00"),
    "lapsed": ("Bought nothing", "#D55E00"),
}
# The figures of a month: what they are called, in which unit, and what they mean.
MONTH_FIGURES = {
    "net_revenue": ("Net revenue", "currency", "Revenue less returns and discounts."),
    "customers": ("Buyers", "customers", "Customers who bought; each counts once."),
    "new_customers": ("New customers", "customers", "Their first purchase was in the month."),
    "orders": ("Orders", "customers", "Invoices of known customers that are not void."),
    "net_revenue_per_order": (
        "Spent per order",
        "currency",
        "Net revenue of known customers in the month for each of their orders.",
    ),
}


class Finding(NamedTuple):
    """A finding in short, from its figure, and where it is followed up."""

    said: str
    page: str
    link: str


FOLLOW_UP = {
    "revenue_concentration": Finding(
        "**{share}** of revenue comes from a tenth of the customers.",
        "views/value.py",
        "What customers are worth",
    ),
    "churn_predictability": Finding(
        "Of one customer who leaves and one who stays, the forecast names the right one in "
        "**{hundred:.0f} of 100** cases.",
        "views/churn.py",
        "Who may churn, and can it be trusted?",
    ),
    "who_to_contact_first": Finding(
        "**{share}** of the money lost later stood in the first tenth of the list.",
        "views/customers.py",
        "Whom to contact",
    ),
}

# Why a customer is in another segment than in the version before.
CAUSES = {
    "own_activity": ("Own orders or returns", "They bought or gave something back since."),
    "time": ("Time", "The days since their last order grew."),
    "others": ("Others", "They did nothing: what others did moved the scores."),
    "rules_or_model": ("Rules", "Rules, settings or the code are others than before."),
    "correction": ("Corrections", "Their earlier lines are no longer what they were."),
}

KPI_GROUPS = ("Customers", "Revenue", "Churn, measured", "Churn, predicted")
KPIS = {
    "customers": Kpi("Customers", "Customers"),
    "active_customers_90d": Kpi("Active in 90 days", "Customers"),
    "repeat_rate": Kpi("Repeat rate", "Customers"),
    "revenue_per_customer": Kpi("Spent per customer", "Customers"),
    "net_revenue": Kpi("Net revenue", "Revenue"),
    "customer_net_revenue": Kpi("Spent by customers", "Revenue"),
    "customer_net_revenue_90d": Kpi("Revenue in 90 days", "Revenue"),
    "average_order_value": Kpi("Average order value", "Revenue"),
    "returned_share": Kpi("Returned share", "Revenue"),
    "anonymous_revenue_share": Kpi("Without a customer", "Revenue"),
    "observed_churn_rate": Kpi("Observed churn", "Churn, measured"),
    "expected_churn_rate": Kpi("Expected churn", "Churn, predicted"),
    "value_at_risk": Kpi("Value at risk", "Churn, predicted"),
}


DRIFT = {
    "drifted": "drifted",
    "may_be_season": "may be season",
    "structural": "structural",
    "steady": "steady",
    "not_enough_data": "too few data",
}


class Metric(NamedTuple):
    """Label, digits and definition of a metric of a model."""

    label: str
    digits: int
    definition: str


METRICS = {
    "roc_auc": Metric(
        "ROC AUC",
        3,
        "Probability that a random churner ranks above a random non-churner: 0.5 is chance, "
        "1 is perfect. Higher is better.",
    ),
    "pr_auc": Metric(
        "PR AUC",
        3,
        "Average precision over all thresholds; random ranking reaches the churn rate. Higher is "
        "better.",
    ),
    "brier_score": Metric(
        "Brier score", 3, "Mean squared error of the probabilities. Lower is better."
    ),
    "log_loss": Metric(
        "Log loss", 3, "Penalises confident probabilities that prove wrong. Lower is better."
    ),
    "expected_calibration_error": Metric(
        "Calibration err.",
        3,
        "Mean absolute difference between predicted and observed churn over deciles. Lower is "
        "better.",
    ),
    "least_calibration_error": Metric(
        "Least calibr. err.",
        3,
        "The calibration error that perfect probabilities would have by chance, with as many "
        "customers.",
    ),
    "calibration_slope": Metric(
        "Calibr. slope",
        2,
        "1 is ideal; below 1 the probabilities are too extreme, above 1 too moderate.",
    ),
    "top_decile_lift": Metric(
        "Top-decile lift",
        2,
        "Churn rate of the decile with the highest probability, divided by the overall churn "
        "rate. Higher is better.",
    ),
}


VALUE_METRICS = {
    "net_revenue_mae": Metric(
        "Error, money",
        0,
        "Mean absolute error of net revenue. Lower is better.",
    ),
    "purchase_days_mae": Metric(
        "Error, purchase days",
        2,
        "Mean absolute error of purchase days. Lower is better.",
    ),
    "rank_correlation": Metric(
        "Rank correlation",
        2,
        "Spearman correlation of predicted and actual net revenue: 1 is perfect, 0 is chance.",
    ),
    "top_decile_capture": Metric(
        "Top-decile share",
        2,
        "Share of actual revenue that came from the decile predicted to spend the most.",
    ),
}


def definition(kpi: Mapping[str, Any]) -> str:
    """Return the definition of a key figure; earlier published versions have none."""
    return as_markdown(str(kpi.get("definition") or ""))


def model_label(model: str) -> str:
    """Return a model's name in words."""
    return MODELS.get(model) or model.replace("_", " ").capitalize()


def is_baseline(model: str) -> bool:
    """Return whether a model is a simple rule that others have to beat."""
    return model_label(model).startswith("Baseline")


def as_markdown(text: str) -> str:
    """Return Markdown that shows the text as it is, for elements that take only Markdown."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def whole(value: float) -> str:
    """Return a count with thousands separators."""
    return f"{value:,.0f}"


def counted(number: float, noun: str) -> str:
    """Return a count with its noun: `1 customer`, `1,200 customers`."""
    return f"{whole(number)} {noun}{'' if number == 1 else 's'}"


def percent(share: float, digits: int = 1) -> str:
    """Return a share (0…1) as a percentage."""
    return f"{100 * share:.{digits}f}{NO_BREAK}%"


def whole_percent(share: float) -> str:
    """Return a share (0…1) in whole per cent; a small share is `<1 %`, not `0 %`."""
    return f"<1{NO_BREAK}%" if 0 < share < 0.005 else percent(share, 0)


def money(amount: float, currency: str) -> str:
    """Return an amount with its currency; small ones to the hundredth."""
    digits = 2 if abs(amount) < 10_000 else 0
    return f"{currency}{NO_BREAK}{amount:,.{digits}f}"


def short_money(amount: float, currency: str) -> str:
    """Return an amount as a figure shows it: a large one with three digits, others in full."""
    exact = money(amount, currency)
    return in_short(exact) if abs(amount) >= SHORT_FROM else exact


def exactly(amount: float, currency: str) -> str:
    """Return Markdown of an amount in full, for the explanation of a figure that is short."""
    return f"Exactly {as_markdown(money(amount, currency))}."


def in_short(amount: str) -> str:
    """Return an amount of `money` with three digits: `EUR 123M` for `EUR 123,456,789`."""
    currency, _, digits = amount.rpartition(NO_BREAK)
    return f"{currency}{NO_BREAK}{short_amount(float(digits.replace(',', '')))}"


def short_number(value: float) -> str:
    """Return a round number in short: 500, 2k, 10M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def short_amount(value: float) -> str:
    """Return any amount in short, with three digits at most: 8.74M, 312k, 95."""
    for size, letter in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{float(f'{value / size:.3g}'):g}{letter}"
    return f"{value:.0f}"


def band_labels(edges: Sequence[int], *, money: bool = False) -> dict[int, str]:
    """Name bands by lower bound: `0–6`, `7–13`, `14+`; money `under 50`, `50–100`, `100+`."""
    labels = {}
    for lower, upper in zip(edges, [*edges[1:], None], strict=True):
        if money and lower == edges[0]:
            labels[lower] = "all" if upper is None else f"under {short_number(upper)}"
        elif upper is None:
            labels[lower] = f"{short_number(lower) if money else lower}+"
        elif money:
            labels[lower] = f"{short_number(lower)}–{short_number(upper)}"
        else:
            labels[lower] = f"{lower}" if upper == lower + 1 else f"{lower}–{upper - 1}"
    return labels


def figure(value: float | None, unit: str, currency: str) -> str | None:
    """Return a key figure in its unit (`customers`, `currency` or `share`)."""
    if value is None or math.isnan(value):
        return None
    if unit == "share":
        return percent(value)
    return money(value, currency) if unit == "currency" else whole(value)


def change(value: float, previous: float, unit: str) -> str | None:
    """Return the change against the period before: in points for a share, else in percent."""
    if math.isnan(value) or math.isnan(previous):
        return None
    if unit == "share":
        return f"{100 * (value - previous):+.1f}{NO_BREAK}points"
    if previous <= 0:
        return None
    growth = 100 * (value / previous - 1)
    return f"{growth:+,.{0 if growth >= 100 else 1}f}{NO_BREAK}%"
