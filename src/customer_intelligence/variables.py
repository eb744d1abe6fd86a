"""The dbt vars of the project: types and bounds.

Most vars become part of SQL, so unexpected text is refused. The meaning of a shop's codes and
numbers is not a var: see `customer_intelligence.ingest.rules`.
"""

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping

import yaml

from customer_intelligence.errors import CustomerIntelligenceError

Check = Callable[[object], bool]
_COLUMN = re.compile("[a-z][a-z0-9_]{0,62}")


def _number(low: float, high: float) -> tuple[str, Check]:
    def is_allowed(value: object) -> bool:
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and math.isfinite(value)
            and low <= value <= high
        )

    return f"a number from {low:g} to {high:g}", is_allowed


def _whole(low: int, high: int) -> tuple[str, Check]:
    def is_allowed(value: object) -> bool:
        return type(value) is int and low <= value <= high

    return f"a whole number from {low:,} to {high:,}", is_allowed


def _one_of(*words: str) -> tuple[str, Check]:
    return f"one of {', '.join(words)}", lambda value: isinstance(value, str) and value in words


def _text(what: str, pattern: str) -> tuple[str, Check]:
    return what, lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _or_null(kind: tuple[str, Check]) -> tuple[str, Check]:
    what, is_allowed = kind
    return f"null or {what}", lambda value: value is None or is_allowed(value)


def _day() -> tuple[str, Check]:
    def is_allowed(value: object) -> bool:
        try:
            return isinstance(value, str) and str(dt.date.fromisoformat(value)) == value
        except ValueError:
            return False

    return "a day such as 2011-09-10", is_allowed


def _columns() -> tuple[str, Check]:
    def is_allowed(value: object) -> bool:
        return (
            isinstance(value, list)
            and 0 < len(value) <= 100
            and all(
                isinstance(name, str) and re.fullmatch("[a-z][a-z0-9_]{0,62}", name)
                for name in value
            )
            and len(set(value)) == len(value)
        )

    return "a list of different columns of int_customer_features", is_allowed


SHARE = _number(0, 1)
COUNT = _whole(0, 1_000_000_000)
VARIABLES: dict[str, tuple[str, Check]] = {
    "raw_relation": _or_null(
        _text(
            "the name of a relation such as shop.lines, or a folder of Parquet files",
            r"[^\x00-\x1f\x7f]{1,1000}",
        )
    ),
    # The macro hands a mapping on as text.
    "relations": (
        "{}: only a project that has this one as a package names its relations",
        lambda value: value in ({}, "{}"),
    ),
    "as_of_date": _or_null(_day()),
    "cleaning_policy": _one_of("net", "classic"),
    "rfm_window_days": _or_null(_whole(1, 36_500)),
    "new_customer_days": _whole(0, 36_500),
    "churn_horizon_days": _or_null(_whole(1, 3_650)),
    "churn_training_cutoffs": _whole(1, 1_000),
    "churn_decision_threshold": SHARE,
    "offer_cost": _number(0, 1e9),
    "offer_response_rate": SHARE,
    "offer_margin": SHARE,
    "campaign": _text("a name of letters, digits, - and _", "[0-9A-Za-z][0-9A-Za-z_-]{0,63}"),
    "holdout_share": SHARE,
    "churn_risk_medium": SHARE,
    "churn_risk_high": SHARE,
    "dashboard_countries": _whole(0, 1_000),
    "dashboard_sample": COUNT,
    "churn_scoring_model": _or_null(
        _text("a model of seeds/churn_models.csv", "[a-z][a-z0-9_]{0,62}")
    ),
    "churn_min_customers": COUNT,
    "churn_suspicious_auc": SHARE,
    "churn_features": _or_null(_columns()),
    "bootstrap_resamples": _whole(1, 100_000),
    "bootstrap_customers": _whole(1, 1_000_000_000),
    "clusters_k": _or_null(_whole(1, 1_000)),
    "clv_margin": SHARE,
    "clv_annual_discount_rate": _number(0, 10),
    "clv_dropout_model": _one_of("bg_nbd", "mbg_nbd"),
    "clv_min_customers": COUNT,
    "clv_min_repeat_customers": COUNT,
    "random_seed": _whole(0, 2**32 - 1),
    "publish_empty": ("true or false", lambda value: isinstance(value, bool)),
}


def check_variables(values: Mapping[str, object], given: Iterable[str]) -> None:
    """Refuse vars that are unknown, of the wrong type or out of bounds.

    Parameters
    ----------
    values : mapping
        The value of every var in this run; days are text.
    given : iterable of str
        Names of those on the command line.

    Raises
    ------
    CustomerIntelligenceError
        E_BAD_VARS, with the var and what it may be.
    """
    for name in given:
        if name not in VARIABLES:
            raise CustomerIntelligenceError(
                "E_BAD_VARS",
                f"Unknown var {name!r:.60}.",
                f"Vars are: {', '.join(VARIABLES)}. What a shop's codes mean, and its currency, "
                "stands in shop.yml of its data directory.",
            )
    for name, (what, is_allowed) in VARIABLES.items():
        value = values.get(name)
        if not is_allowed(value):
            raise CustomerIntelligenceError(
                "E_BAD_VARS", f"The var {name} is {value!r:.60}.", f"It must be {what}."
            )


def given_variables(text: str | None) -> str:
    """Return the vars that a person typed, as dbt takes them.

    Parameters
    ----------
    text : str, optional
        YAML such as ``{as_of_date: 2011-09-10}``; nothing stands for no vars.

    Returns
    -------
    str
        A JSON object.

    Raises
    ------
    CustomerIntelligenceError
        E_BAD_VARS when the text is no mapping.

    Examples
    --------
    >>> given_variables("{clusters_k: 4}")
    '{"clusters_k": 4}'
    """
    try:
        found = yaml.safe_load(text or "{}") or {}
        if not isinstance(found, dict):
            raise ValueError("no mapping")
        return json.dumps(found, default=str)
    except (ValueError, TypeError, RecursionError, yaml.YAMLError):
        raise CustomerIntelligenceError(
            "E_BAD_VARS", f"VARS is {text!r}.", "Write VARS='{name: value}'."
        ) from None
