"""Metrics of dbt's semantic manifest as SQL aggregates, which BI tools keep with a dataset."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Of the expression and a condition; every engine that marts are published to has them.
AGGREGATES = {
    "sum": "sum({case})",
    "count": "count({case})",
    "count_distinct": "count(distinct {case})",
    "average": "avg({case})",
    "min": "min({case})",
    "max": "max({case})",
    "sum_boolean": "sum(case when {both} then 1 else 0 end)",
}
DIMENSION = re.compile(r"\{\{ *Dimension\('(?:\w+__)?(\w+)'\) *\}\}")
WORD = re.compile(r"\b[a-z_][a-z0-9_]*\b")


def aggregates(manifest: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the SQL of each metric, and the semantic model whose rows it is of.

    Parameters
    ----------
    manifest : mapping
        dbt's semantic manifest. A filter may name dimensions, which must be columns.

    Raises
    ------
    ValueError
        For a metric that is no aggregate of one model's rows.

    Examples
    --------
    >>> measure = {"name": "spent", "agg": "sum", "expr": "price"}
    >>> metric = {"name": "spent", "type": "simple", "type_params": {"measure": {"name": "spent"}}}
    >>> aggregates({"semantic_models": [{"name": "sales", "measures": [measure]}],
    ...     "metrics": [metric]})
    {'spent': ('sum(price)', 'sales')}
    """
    measures = {
        measure["name"]: (model["name"], measure)
        for model in manifest["semantic_models"]
        for measure in model["measures"]
    }
    metrics = {metric["name"]: metric for metric in manifest["metrics"]}
    return {name: _aggregate(name, metrics, measures) for name in metrics}


def _aggregate(
    name: str, metrics: Mapping[str, Any], measures: Mapping[str, tuple[str, Any]]
) -> tuple[str, str]:
    metric = metrics[name]
    kind, parameters = metric["type"], metric["type_params"]
    if kind == "simple":
        model, measure = measures[parameters["measure"]["name"]]
        if parameters["measure"].get("filter") or measure.get("non_additive_dimension"):
            raise ValueError(f"{name}: its measure is no plain aggregate")
        return _simple(measure, _condition(metric)), model
    if kind not in ("ratio", "derived") or metric.get("filter"):
        raise ValueError(f"{name}: a metric of type {kind} with filter {metric.get('filter')}")
    inputs = (
        [parameters["numerator"], parameters["denominator"]]
        if kind == "ratio"
        else parameters["metrics"]
    )
    special = ("filter", "alias", "offset_window", "offset_to_grain")
    if any(of.get(key) for of in inputs for key in special):
        raise ValueError(f"{name}: its inputs are filtered, renamed or of another time")
    made = {of["name"]: _aggregate(of["name"], metrics, measures) for of in inputs}
    models = {model for _, model in made.values()}
    if len(models) != 1:
        raise ValueError(f"{name}: made of {', '.join(sorted(models))}")
    if kind == "ratio":
        top, bottom = (made[of["name"]][0] for of in inputs)
        sql = f"cast({top} as double precision) / nullif({bottom}, 0)"
    else:
        sql = WORD.sub(
            lambda word: f"({made[word[0]][0]})" if word[0] in made else word[0],
            parameters["expr"],
        )
    return sql, models.pop()


def _simple(measure: Mapping[str, Any], condition: str | None) -> str:
    expression = measure.get("expr") or measure["name"]
    case = f"case when {condition} then {expression} end" if condition else expression
    both = f"({condition}) and ({expression})" if condition else expression
    return AGGREGATES[measure["agg"]].format(case=case, both=both)


def _condition(metric: Mapping[str, Any]) -> str | None:
    filters = (metric.get("filter") or {}).get("where_filters", [])
    made = " and ".join(DIMENSION.sub(r"\1", of["where_sql_template"]) for of in filters)
    if "{" in made:
        raise ValueError(f"{metric['name']}: its filter names more than dimensions: {made}")
    return made or None
