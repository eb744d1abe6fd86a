"""Queries of metrics: checked, made into SQL by MetricFlow, run on a published version."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantics.errors.error_classes import InvalidQueryException
from metricflow_semantics.model.dbt_manifest_parser import (
    parse_manifest_from_dbt_generated_manifest,
)
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from customer_intelligence.errors import CustomerIntelligenceError

TIME = "metric_time"
GRAINS = ("day", "week", "month", "quarter", "year")


@dataclass(frozen=True)
class Metric:
    """What can be asked for.

    Attributes
    ----------
    name, label, definition : str
    dimensions : tuple of str
        By which it can be grouped, by their short names; `month` and the like are periods in
        which it happened.
    """

    name: str
    label: str
    definition: str
    dimensions: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """A question.

    Parameters
    ----------
    metrics : sequence of str
        Names, at least one.
    by : sequence of str
        Dimensions, such as `segment`, and periods: `day`, `week`, `month`, `quarter`, `year`.
    where : mapping of str to sequence of str
        Values of dimensions that count, as text; all others are left out.
    since, until : date, optional
        First and last day that count, by the day on which a metric happened.
    order : sequence of str
        Names of metrics and dimensions, with a `-` in front for the largest first. By default
        what it is grouped by.
    limit : int, optional
        Rows at most.
    """

    metrics: Sequence[str]
    by: Sequence[str] = ()
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    since: dt.date | None = None
    until: dt.date | None = None
    order: Sequence[str] = ()
    limit: int | None = None


@dataclass(frozen=True)
class Answer:
    """A table of figures.

    Attributes
    ----------
    columns, types : list of str
        Names, and DuckDB's names of their types.
    rows : list of tuple
    """

    columns: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]


class _NoClient:
    """What MetricFlow needs to know of a database to write SQL for it; it is given none."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()


class Metrics:
    """The metrics of a published version.

    Parameters
    ----------
    marts : duckdb.DuckDBPyConnection
        As `open_marts` opens it.

    Raises
    ------
    CustomerIntelligenceError
        `E_NO_METRICS` where the version was published without any.

    Examples
    --------
    >>> from customer_intelligence import open_marts
    >>> with open_marts("data/local") as marts:
    ...     Metrics(marts).answer(Query(["customers"], by=["segment"], order=["-customers"])).rows
    [('Lost Customers', ...), ...]
    """

    def __init__(self, marts: duckdb.DuckDBPyConnection) -> None:
        self._marts = marts
        found = marts.execute(
            "select count(*) from duckdb_tables() where table_name = '_meta_semantics'"
        ).fetchall()
        manifests = (
            marts.execute("select manifest from main._meta_semantics").fetchall()
            if found == [(1,)]
            else []
        )
        if not manifests or not manifests[0][0]:
            raise CustomerIntelligenceError(
                "E_NO_METRICS",
                "The published version has no metrics.",
                "Build again, without --no-write-json.",
            )
        semantics = parse_manifest_from_dbt_generated_manifest(manifests[0][0])
        self._labels = {metric.name: metric.label or metric.name for metric in semantics.metrics}
        client: Any = _NoClient()
        self._engine = MetricFlowEngine(SemanticManifestLookup(semantics), client)

    def known(self) -> list[Metric]:
        """Return all metrics, sorted by name."""
        return [
            Metric(
                metric.name,
                self._labels[metric.name],
                metric.description or "",
                tuple(self._dimensions([metric.name])),
            )
            for metric in self._engine.list_metrics(include_dimensions=False)
        ]

    def definition_of(self, dimension: str) -> str | None:
        """Return what a dimension is, None where no metric has it."""
        for found in self._engine.list_dimensions():
            if found.name == dimension:
                return found.description
        return None

    def sql(self, query: Query) -> tuple[str, dict[str, object]]:
        """Return the SQL of a question, and the values of its parameters.

        Raises
        ------
        CustomerIntelligenceError
            `E_UNKNOWN_METRIC`, `E_UNKNOWN_DIMENSION` for one that the metrics do not share,
            `E_BAD_QUERY` for what does not go together.
        """
        return self._made(query, self._checked(query))

    def _made(self, query: Query, dimensions: Mapping[str, str]) -> tuple[str, dict[str, object]]:
        where = {
            f"value_{number}": (dimensions[name], list(values))
            for number, (name, values) in enumerate(query.where.items())
        }
        order = [self._ordered(word, query, dimensions) for word in query.order or query.by]
        try:
            request = MetricFlowQueryRequest.create(
                metric_names=list(dict.fromkeys(query.metrics)),
                group_by_names=[dimensions[name] for name in dict.fromkeys(query.by)] or None,
                where_constraints=[
                    # The values are bound when the query runs, and never become a part of it.
                    f"list_contains(${parameter}, cast({_reference(name)} as varchar))"
                    for parameter, (name, _) in where.items()
                ]
                or None,
                time_constraint_start=_midnight(query.since),
                time_constraint_end=_midnight(query.until),
                order_by_names=order or None,
                limit=query.limit,
            )
            made = self._engine.explain(request).sql_statement.without_descriptions.sql
        except InvalidQueryException as error:
            raise CustomerIntelligenceError(
                "E_BAD_QUERY", _first_message(error), "`customer-intelligence metrics` lists them."
            ) from error
        return made, {parameter: values for parameter, (_, values) in where.items()}

    def answer(self, query: Query) -> Answer:
        """Return the figures, without rows that have none; raises as `sql`."""
        shared = self._checked(query)
        text, parameters = self._made(query, shared)
        result = self._marts.execute(text, parameters)
        kinds = {name: str(kind) for name, kind, *_ in result.description or []}
        names = {name: shared[name] for name in query.by} | {name: name for name in query.metrics}
        positions = [list(kinds).index(name) for name in names.values()]
        rows = [[row[position] for position in positions] for row in result.fetchall()]
        grouped = len(set(query.by))
        return Answer(
            list(names),
            # MetricFlow gives periods as moments.
            [kinds[name].replace("TIMESTAMP", "DATE") for name in names.values()],
            [
                tuple(cell.date() if isinstance(cell, dt.datetime) else cell for cell in row)
                for row in rows
                if not grouped or any(cell is not None for cell in row[grouped:])
            ],
        )

    def _dimensions(self, metrics: Sequence[str]) -> dict[str, str]:
        """Return what all of the metrics share to group by: MetricFlow's names by short ones."""
        shared = None
        for metric in metrics:
            found: dict[str, str] = {}
            for dimension in self._engine.simple_dimensions_for_metrics([metric]):
                name = dimension.granularity_free_dunder_name
                if name == TIME and dimension.type_params is not None:
                    finest = GRAINS.index(dimension.type_params.time_granularity.value)
                    found |= {grain: f"{TIME}__{grain}" for grain in GRAINS[finest:]}
                else:
                    short = name.rpartition("__")[2]
                    found[name if short in found else short] = name
            # Each has its own finest period; the others are shared.
            shared = found if shared is None else {k: v for k, v in shared.items() if k in found}
        return shared or {}

    def _checked(self, query: Query) -> dict[str, str]:
        """Return MetricFlow's names of the dimensions that a question may use."""
        known = set(self._labels)
        if not query.metrics:
            raise CustomerIntelligenceError(
                "E_UNKNOWN_METRIC", "No metric is named.", f"There are {', '.join(sorted(known))}."
            )
        for metric in query.metrics:
            if metric not in known:
                raise CustomerIntelligenceError(
                    "E_UNKNOWN_METRIC",
                    f"There is no metric {metric!r}.",
                    f"There are {', '.join(sorted(known))}.",
                )
        if query.limit is not None and query.limit < 1:
            raise CustomerIntelligenceError(
                "E_BAD_QUERY", f"A limit of {query.limit} shows no row.", "Give one of 1 or more."
            )
        shared = self._dimensions(query.metrics)
        for name in (*query.by, *query.where):
            if name not in shared:
                raise CustomerIntelligenceError(
                    "E_UNKNOWN_DIMENSION",
                    f"{' and '.join(query.metrics)} cannot be told apart by {name!r}.",
                    f"There are {', '.join(shared)}.",
                )
        return shared

    def _ordered(self, word: str, query: Query, dimensions: Mapping[str, str]) -> str:
        name = word.removeprefix("-")
        if name not in (*query.metrics, *query.by):
            raise CustomerIntelligenceError(
                "E_BAD_QUERY",
                f"The answer has no column {name!r} to sort by.",
                f"It has {', '.join((*query.by, *query.metrics))}.",
            )
        sign = word[: len(word) - len(name)]
        return sign + (name if name in query.metrics else dimensions[name])


def _reference(name: str) -> str:
    """Return MetricFlow's reference to a dimension, whose name is one of its own."""
    if name.startswith(f"{TIME}__"):
        period = name.removeprefix(f"{TIME}__")
        return f"cast({{{{ TimeDimension('{TIME}', '{period}') }}}} as date)"
    return f"{{{{ Dimension('{name}') }}}}"


def _midnight(day: dt.date | None) -> dt.datetime | None:
    return None if day is None else dt.datetime.combine(day, dt.time())


def _first_message(error: InvalidQueryException) -> str:
    """Return the first message of an error of several lines with headings."""
    text = str(error).partition("Message:")[2].partition("Suggestions:")[0]
    text = text.partition("Query Input:")[0]
    return " ".join(text.split()) or "These do not go together."
