"""What agents can ask: each answer with its version, what it leaves out, and what judges it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from customer_intelligence.data_dir.layout import PUBLISHED, RAW, version_names, version_number
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.do_not_contact import not_listed
from customer_intelligence.lists.export import not_erased
from customer_intelligence.metrics import Metrics, Query
from customer_intelligence.publication.reader import READ_ERRORS, open_version, reading

# Metrics that a model predicts.
PREDICTED = ("expected_churn_rate", "value_at_risk")
# Metrics that count lines without a customer, too.
OF_EVERYBODY = ("net_revenue", "net_revenue_anonymous", "anonymous_revenue_share")
MOST_ROWS = 500
_REASONS = 5

Answer = dict[str, Any]


def about(data_dir: Path) -> Answer:
    """Return what the marts were made of, their key figures, and which models may be trusted."""
    with reading(data_dir) as marts:
        (build,) = _rows(marts, "select * exclude (version, built_at, as_of_date) from build_info")
        figures = _rows(
            marts,
            "select kpi, unit, value, previous_value, definition from rpt_kpis order by kpi_order",
        )
        set_apart = _rows(
            marts,
            "select disposition, lines, amount from rpt_line_dispositions order by lines desc",
        )
        return _answer(
            marts,
            {"build": build, "key_figures": figures, "lines_by_disposition": set_apart},
            models=("segments", "clusters", "churn", "lifetime_value"),
        )


def findings(data_dir: Path) -> Answer:
    """Return what stands out in the data, as sentences, with figures and intervals."""
    with reading(data_dir) as marts:
        rows = _rows(
            marts,
            "select insight, finding, figure, ci_low, ci_high, source_mart from rpt_insights "
            "order by insight_order",
        )
        return _answer(marts, rows, models=("churn", "lifetime_value"), covers_everybody=True)


def list_metrics(data_dir: Path) -> Answer:
    """Return the metrics, what they mean, and what each can be grouped by."""
    with reading(data_dir) as marts:
        known = [
            {
                "metric": metric.name,
                "definition": metric.definition,
                "by": list(metric.dimensions),
                "is_prediction": metric.name in PREDICTED,
            }
            for metric in Metrics(marts).known()
        ]
        return _answer(marts, known)


def query_metrics(
    data_dir: Path,
    metrics: Sequence[str],
    by: Sequence[str] = (),
    where: Mapping[str, Sequence[str]] | None = None,
    since: str | None = None,
    until: str | None = None,
    order: Sequence[str] = (),
    limit: int = 100,
) -> Answer:
    """Return figures of metrics.

    Parameters
    ----------
    data_dir : Path
    metrics, by, where, order, limit
        As for `metrics.Query`; at most 500 rows.
    since, until : str, optional
        First and last day that count, as YYYY-MM-DD.

    Raises
    ------
    CustomerIntelligenceError
        `E_BAD_DAY`, and those of `Metrics.sql`.
    """
    query = Query(
        metrics=metrics,
        by=by,
        where=where or {},
        since=_day(since),
        until=_day(until),
        order=order,
        limit=min(limit, MOST_ROWS),
    )
    with reading(data_dir) as marts:
        table = Metrics(marts).answer(query)
        rows = [dict(zip(table.columns, map(plain, row), strict=True)) for row in table.rows]
        return _answer(
            marts,
            rows,
            models=("churn",) if set(metrics) & set(PREDICTED) else (),
            covers_everybody=set(metrics) <= set(OF_EVERYBODY),
        )


def segments(data_dir: Path) -> Answer:
    """Return the segments: what they mean, their size, worth and risk, and what to do."""
    with reading(data_dir) as marts:
        rows = _rows(marts, "select * from rpt_segments order by segment_rank")
        return _answer(marts, rows, models=("segments", "churn"))


def explain_customer(data_dir: Path, customer_id: str) -> Answer:
    """Return what is known of a customer, the reasons of the churn probability, and what to do.

    Raises
    ------
    CustomerIntelligenceError
        `E_NO_CUSTOMER` for a customer who is not in the marts, or was erased since they were built.
    """
    with reading(data_dir) as marts:
        condition, known = not_erased("customer_id", data_dir / RAW)
        found = _rows(
            marts,
            f"select * exclude (as_of_date) from dim_customers where customer_id = $customer "  # noqa: S608  # nosec
            f"{condition and 'and ' + condition}",
            {"customer": customer_id, **known},
        )
        if not found:
            raise CustomerIntelligenceError(
                "E_NO_CUSTOMER",
                "There is no customer of that id who bought anything that was not taken back.",
                "Ids are written as the source has them.",
            )
        parameters: dict[str, object] = {"customer": customer_id}
        reasons = _rows(
            marts,
            "select reason, is_raising_risk, feature_value, typical_value from fct_churn_reasons "
            "where customer_id = $customer order by reason_rank limit $most",
            {**parameters, "most": _REASONS},
        )
        actions = _rows(
            marts,
            "select action_label, is_contact, is_holdout, reason_1, reason_2, reason_3, "
            "expected_gain, suggested_description, campaign, valid_until "
            "from fct_customer_actions where customer_id = $customer",
            parameters,
        )
        unlisted, listed = not_listed("customer_id", data_dir)
        if unlisted and actions:
            may = marts.execute(
                f"select {unlisted} from dim_customers where customer_id = $customer",  # noqa: S608  # nosec
                {**parameters, **listed},
            ).fetchall()
            if may != [(True,)]:
                actions = [{"action_label": "Do not contact", "is_contact": False}]
                found[0]["may_be_contacted"] = False
        return _answer(
            marts,
            {
                "customer": found[0],
                "reasons_of_churn": reasons,
                "action": next(iter(actions), None),
            },
            models=("segments", "churn", "lifetime_value"),
        )


def what_changed(data_dir: Path) -> Answer:
    """Return how key figures and segments differ from the version published before.

    Raises
    ------
    CustomerIntelligenceError
        `E_NO_VERSION_BEFORE` where no earlier version can be read.
    """
    with reading(data_dir) as marts:
        (now,) = _rows(marts, "select version, as_of_date from main._meta")
        before = _version_before(data_dir, now["version"])
        with before:
            (then,) = _rows(before, "select version, as_of_date from main._meta")
            figures = {row["kpi"]: row["value"] for row in _rows(before, _FIGURES)}
        return _answer(
            marts,
            {
                "compared_with": then,
                "key_figures": [
                    {"kpi": row["kpi"], "before": figures.get(row["kpi"]), "now": row["value"]}
                    for row in _rows(marts, _FIGURES)
                ],
                "customers_who_changed": _rows(
                    marts,
                    "select attribute, value_before, value_now, cause, count(*) as customers "
                    "from rpt_changes where previous_version = $version "
                    "group by attribute, value_before, value_now, cause "
                    "order by attribute, customers desc, value_before, value_now, cause",
                    {"version": then["version"]},
                ),
            },
            models=("segments", "churn"),
        )


def definition(data_dir: Path, name: str) -> Answer:
    """Return what a table, column, metric or dimension of that name means.

    Raises
    ------
    CustomerIntelligenceError
        `E_NO_DEFINITION` for a name that nothing has.
    """
    with reading(data_dir) as marts:
        found = _rows(
            marts,
            """
            select 'table' as kind, [table_name] as of_tables, comment as meaning
            from duckdb_tables()
            where table_name = $name
            union all
            select 'column', list(table_name order by table_name), comment
            from duckdb_columns()
            where column_name = $name and comment is not null
            group by comment
            order by all
            """,
            {"name": name},
        )
        metrics = Metrics(marts)
        found += [
            {"kind": "metric", "meaning": metric.definition}
            for metric in metrics.known()
            if metric.name == name
        ]
        dimension = metrics.definition_of(name)
        if dimension and not any(known["meaning"] == dimension for known in found):
            found.append({"kind": "dimension", "meaning": dimension})
        if not found:
            raise CustomerIntelligenceError(
                "E_NO_DEFINITION",
                f"Nothing here is called {name!r}.",
                "list_metrics names metrics; the tables are those of the marts.",
            )
        return _answer(marts, found)


_FIGURES = "select kpi, value from rpt_kpis order by kpi_order"


def _answer(
    marts: duckdb.DuckDBPyConnection,
    answer: object,
    *,
    models: Sequence[str] = (),
    covers_everybody: bool = False,
) -> Answer:
    """Put an answer into what must be known to read it."""
    (meta,) = _rows(
        marts, "select version, built_at, as_of_date, schema_version, tests_passed from main._meta"
    )
    ((share,),) = marts.execute(
        "select value from rpt_kpis where kpi = 'anonymous_revenue_share'"
    ).fetchall()
    cautions = []
    if not covers_everybody and share:
        cautions.append(
            f"{float(share):.1%} of net revenue has no known customer and is in no figure about "
            "customers."
        )
    states = _rows(
        marts,
        "select model, model_status, explanation from rpt_model_status "
        "where list_contains($models, model) order by model",
        {"models": list(models)},
    )
    judged = (
        _rows(
            marts,
            "select finding, figure, ci_low, ci_high from rpt_insights "
            "where insight = 'churn_predictability'",
        )
        if "churn" in models
        else []
    )
    return {
        "answer": answer,
        "version": meta,
        "cautions": cautions,
        "models": states,
        "evidence": judged,
    }


def _version_before(data_dir: Path, current: str) -> duckdb.DuckDBPyConnection:
    for name in version_names(data_dir):
        if version_number(name) < version_number(current):
            try:
                return open_version(data_dir / PUBLISHED / name)
            except READ_ERRORS:
                continue
    raise CustomerIntelligenceError(
        "E_NO_VERSION_BEFORE",
        "No version before this one can be read.",
        "Ask again after the next build.",
    )


def _rows(
    marts: duckdb.DuckDBPyConnection, statement: str, parameters: Mapping[str, object] | None = None
) -> list[dict[str, Any]]:
    result = marts.execute(statement, dict(parameters or {}))
    names = [name for name, *_ in result.description or []]
    return [dict(zip(names, map(plain, row), strict=True)) for row in result.fetchall()]


def plain(cell: object) -> object:
    """Return a value as JSON has it: money as a number, days and moments as ISO 8601."""
    if isinstance(cell, Decimal):
        return float(cell)
    if isinstance(cell, dt.date):
        return cell.isoformat()
    return cell


def _day(text: str | None) -> dt.date | None:
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise CustomerIntelligenceError(
            "E_BAD_DAY", f"{text!r} is no day.", "Write it as YYYY-MM-DD."
        ) from None
