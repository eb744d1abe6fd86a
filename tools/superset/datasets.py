"""Datasets of Superset: the tables that metrics are made of, with their descriptions.

Everything is read of the published version: comments, the semantic manifest, the currency.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from customer_intelligence.quoting import identifier
from tools.superset.measures import aggregates

# Ids follow from names, so that charts which ship know the datasets, and an import replaces them.
OURS = uuid.UUID("8b0d1b5c-6f2c-5c59-9d44-0f7b7c3a4f10")
DATABASE_ID = str(uuid.uuid5(OURS, "database"))
FORMATS = {"customers": ",d", "currency": ",.2f", "share": ".1%"}


def dataset_id(model: str) -> str:
    """Return the id of the dataset of a semantic model.

    Examples
    --------
    >>> dataset_id("customers")
    '75a88f1d-f800-585d-9254-f47539ead713'
    """
    return str(uuid.uuid5(OURS, f"dataset/{model}"))


@dataclass(frozen=True)
class Column:
    """A column of a dataset: its SQL, type and description."""

    sql: str
    kind: str
    description: str | None


def datasets(marts: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """Return the datasets of what is published, as Superset imports them, by semantic model.

    Parameters
    ----------
    marts : duckdb.DuckDBPyConnection
        As `open_marts` opens it.
    """
    ((manifest,),) = marts.execute("select manifest from main._meta_semantics").fetchall()
    semantics = json.loads(manifest)
    made = aggregates(semantics)
    units = dict(marts.execute("select kpi, unit from rpt_kpis").fetchall())
    ((currency,),) = marts.execute("select currency from build_info").fetchall()
    found = {}
    for model in semantics["semantic_models"]:
        columns = _columns(marts, model)
        metrics = [
            _metric(metric, made[metric["name"]][0], _unit(metric, units, model, columns), currency)
            for metric in semantics["metrics"]
            if made[metric["name"]][1] == model["name"]
        ]
        joins, theirs = _joined(marts, model, semantics["semantic_models"], columns)
        found[model["name"]] = _dataset(marts, model, columns | theirs, joins, metrics)
    return found


def _columns(marts: duckdb.DuckDBPyConnection, model: Mapping[str, Any]) -> dict[str, Column]:
    """Return the columns of a model's table."""
    relation = model["node_relation"]
    return {
        name: Column(f"{identifier(model['name'])}.{identifier(name)}", kind, comment)
        for name, kind, comment in marts.execute(
            "select column_name, data_type, comment from duckdb_columns() "
            "where schema_name = $schema and table_name = $table order by column_index",
            {"schema": relation["schema_name"], "table": relation["alias"]},
        ).fetchall()
    }


def _joined(
    marts: duckdb.DuckDBPyConnection,
    model: Mapping[str, Any],
    models: Iterable[Mapping[str, Any]],
    own: Mapping[str, Column],
) -> tuple[list[str], dict[str, Column]]:
    """Return joins with the models of which one row belongs to each row, and their dimensions."""
    wanted = {of["name"]: of["expr"] for of in model["entities"] if of["type"] == "foreign"}
    joins, brought = [], {}
    for other in models:
        for entity in other["entities"]:
            if entity["type"] != "primary" or entity["name"] not in wanted:
                continue
            theirs = identifier(other["name"])
            joins.append(
                f"left join {other['node_relation']['relation_name']} as {theirs} "
                f"on {identifier(model['name'])}.{wanted[entity['name']]} = "
                f"{theirs}.{entity['expr']}"
            )
            columns = _columns(marts, other)
            brought |= {
                of["name"]: columns[of["expr"] or of["name"]]
                for of in other["dimensions"]
                if of["name"] not in own
            }
    return joins, brought


def _dataset(
    marts: duckdb.DuckDBPyConnection,
    model: Mapping[str, Any],
    columns: Mapping[str, Column],
    joins: list[str],
    metrics: list[dict[str, Any]],
) -> dict[str, Any]:
    relation = model["node_relation"]
    ((comment,),) = marts.execute(
        "select comment from duckdb_tables() where schema_name = $schema and table_name = $table",
        {"schema": relation["schema_name"], "table": relation["alias"]},
    ).fetchall()
    fields = ",\n    ".join(f"{of.sql} as {identifier(name)}" for name, of in columns.items())
    tables = [f"from {relation['relation_name']} as {identifier(model['name'])}", *joins]
    return {
        # A query has a name of its own, a table that of the table.
        "table_name": model["name"] if joins else relation["alias"],
        "schema": relation["schema_name"],
        "sql": "\n".join([f"select\n    {fields}", *tables]) if joins else None,
        "main_dttm_col": (model.get("defaults") or {}).get("agg_time_dimension"),
        "description": comment,
        "uuid": dataset_id(model["name"]),
        "database_uuid": DATABASE_ID,
        "filter_select_enabled": True,
        "columns": [
            {
                "column_name": name,
                "type": of.kind,
                "description": of.description,
                "is_dttm": of.kind in ("DATE", "TIMESTAMP"),
                "groupby": True,
                "filterable": True,
            }
            for name, of in columns.items()
        ],
        "metrics": metrics,
        "version": "1.0.0",
    }


def _metric(
    metric: Mapping[str, Any], sql: str, unit: str | None, currency: str | None
) -> dict[str, Any]:
    is_money = unit == "currency" and re.fullmatch(r"[A-Z]{3}", currency or "")
    return {
        "metric_name": metric["name"],
        "verbose_name": metric["label"],
        "expression": sql,
        "description": metric["description"],
        "d3format": FORMATS.get(unit or ""),
        "currency": {"symbol": currency, "symbolPosition": "prefix"} if is_money else None,
    }


def _unit(
    metric: Mapping[str, Any],
    units: Mapping[str, str],
    model: Mapping[str, Any],
    columns: Mapping[str, Column],
) -> str | None:
    """Return what a metric counts, as the headline figures say; else by what is summed up."""
    if metric["name"] in units:
        return units[metric["name"]]
    if metric["type"] != "simple":
        return None
    name = metric["type_params"]["measure"]["name"]
    (measure,) = (of for of in model["measures"] if of["name"] == name)
    if measure["agg"] in ("average", "min", "max"):
        return None
    summed = columns.get(measure["expr"] or name)
    is_money = measure["agg"] == "sum" and summed and summed.kind.startswith("DECIMAL")
    return "currency" if is_money else "customers"
