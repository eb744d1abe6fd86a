"""The headline figures of a build: `summary.json` of each version, and its text.

Publication writes the file before the version becomes current, so it is right however the build
was run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from customer_intelligence.data_dir import files
from customer_intelligence.data_dir.layout import (
    CURRENT,
    DATABASE,
    PUBLISHED,
    SUMMARY,
    data_dir_option,
    data_directory,
)
from customer_intelligence.ingest import apart
from customer_intelligence.publication.reader import (
    READ_ERRORS,
    current_version,
    damaged,
    read_summary,
    reason_of,
)

SHOWN_STATUSES = 5
_CAUSES = {
    "correction": "corrections of earlier lines",
    "own_activity": "own orders or returns",
    "rules_or_model": "other rules",
    "time": "time",
    "others": "what others did",
}


def summarise(data_dir: str | Path | None = None) -> dict[str, Any]:
    """Read the summary of the current version.

    Parameters
    ----------
    data_dir : path, optional
        The data directory; by default that of the environment.

    Returns
    -------
    dict
        As `collect` returns it.

    Raises
    ------
    CustomerIntelligenceError
        Those of `current_version`; `E_DAMAGED` when the file cannot be read.
    """
    directory = data_directory(data_dir)
    version = current_version(directory)
    folder = directory / PUBLISHED / version
    try:
        return read_summary(folder, version)
    except READ_ERRORS as error:
        what = f"{folder / SUMMARY} cannot be read: {reason_of(error)}."
        raise damaged(directory, what) from error


def collect(marts: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Collect the headline figures of a version.

    Parameters
    ----------
    marts : duckdb.DuckDBPyConnection
        Open on the version.

    Returns
    -------
    dict
        JSON-ready: version, as_of_date, currency, rows and tests, customers, net revenue,
        what counts by a rule that the source does not confirm, what is dated far off (null where
        nothing is), segments, the churn model's AUC with its interval (null where it was not
        tested, or nothing was left to rank), status and explanation of each model, the findings,
        how many customers changed segment since the version before, by cause (null without one),
        and what drifted: how many things could be told and would count, a sentence for each
        that did, and one for each whose change may be the season.
    """
    marts.execute("select * from build_info")
    names = [column[0] for column in marts.description or []]
    build = dict(zip(names, marts.fetchone() or (), strict=True))
    kpis = dict(marts.execute("select kpi, value from rpt_kpis").fetchall())
    segments = marts.execute(
        "select segment, customers, net_revenue_share from rpt_segments order by segment_rank"
    ).fetchall()
    churn = marts.execute(
        """
        select model, value, ci_low, ci_high from rpt_churn_metrics
        where metric = 'roc_auc' and population = 'all_known' and model = ?
            and value is not null
        """,
        [build["churn_scoring_model"]],
    ).fetchone()
    months = marts.execute(
        """
        select count(roc_auc), min(roc_auc), max(roc_auc) from rpt_churn_rolling_origins
        where model = ?
        """,
        [build["churn_scoring_model"]],
    ).fetchone()
    models = marts.execute(
        "select model, model_status, explanation from rpt_model_status order by model"
    ).fetchall()
    drift = marts.execute(
        "select subject_label, status, sentence from rpt_drift order by kind, subject"
    ).fetchall()
    far_off = marts.execute(
        "select lines, amount from rpt_line_dispositions where disposition = 'far_off_date'"
    ).fetchone()
    findings = [
        row[0]
        for row in marts.execute(
            """
            select finding from rpt_insights
            where insight in ('revenue_concentration', 'who_to_contact_first', 'consent')
            order by insight_order
            """
        ).fetchall()
    ]
    ledger = _ledger(marts)
    return {
        "version": build["version"],
        "as_of_date": build["as_of_date"] and str(build["as_of_date"]),
        "cleaning_policy": build["cleaning_policy"],
        "currency": build["currency"],
        "rows_in": build["rows_in"],
        "rows_quarantined": build["rows_quarantined"],
        "far_off_dates": None
        if far_off is None
        else {"lines": far_off[0], "amount": float(far_off[1])},
        "tests_passed": build["tests_passed"],
        "ledger": [
            {**part._asdict(), "amount": None if part.amount is None else float(part.amount)}
            for part in ledger
        ],
        "warnings": apart.warnings(ledger),
        "customers": int(kpis["customers"]),
        "net_revenue": float(kpis["net_revenue"]),
        "customer_net_revenue": float(kpis["customer_net_revenue"]),
        "taken_for_granted": taken_for_granted(marts),
        "segments": [
            {"segment": name, "customers": customers, "net_revenue_share": share}
            for name, customers, share in segments
        ],
        "churn": None
        if churn is None
        else {
            **dict(zip(("model", "roc_auc", "ci_low", "ci_high"), churn, strict=True)),
            **dict(
                zip(("cutoffs", "lowest_roc_auc", "highest_roc_auc"), months or (), strict=True)
            ),
        },
        "churn_horizon_days": {
            "now": build["churn_horizon_days"],
            "before": build["previous_churn_horizon_days"],
        },
        "models": {
            model: {"model_status": status, "explanation": explanation}
            for model, status, explanation in models
        },
        "findings": findings,
        "changes": _changes(marts),
        "drift": {
            "watched": sum(
                status in ("steady", "drifted", "may_be_season") for _, status, _ in drift
            ),
            **{
                kind: {label: sentence for label, status, sentence in drift if status == kind}
                for kind in ("drifted", "may_be_season")
            },
        },
    }


def _changes(marts: duckdb.DuckDBPyConnection) -> dict[str, Any] | None:
    """Return who changed segment since the version before, or None where nothing was compared."""
    causes = marts.execute(
        "select cause, count(*), max(previous_as_of_date)::varchar from rpt_changes "
        "where attribute = 'segment' group by cause order by 2 desc, cause"
    ).fetchall()
    if not causes:
        return None
    return {
        "previous_as_of_date": causes[0][2],
        "segment": {cause: customers for cause, customers, _ in causes},
    }


def _change_lines(changes: dict[str, Any] | None) -> list[str]:
    """Return one line on who changed segment, or none; earlier summaries have none."""
    if not changes:
        return []
    causes = changes["segment"]
    told = ", ".join(f"{count:,} by {_CAUSES[cause]}" for cause, count in causes.items())
    return [
        f"since the version as of {changes['previous_as_of_date']}: {sum(causes.values()):,} in "
        f"another segment ({told})"
    ]


def taken_for_granted(marts: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """Collect what counts by a default rule, because the source does not state it.

    Parameters
    ----------
    marts : duckdb.DuckDBPyConnection
        With fct_returns and rpt_order_statuses.

    Returns
    -------
    dict
        ``refunds_estimated``, ``orders_not_paid`` and ``orders_of_unknown_status``, each with its
        count and amount, the last one with its words.
    """
    ((refunds, refunded),) = marts.execute(
        "select count(*), sum(amount) from fct_returns where is_estimated"
    ).fetchall()
    found: dict[str, dict[str, Any]] = {}
    if refunds:
        found["refunds_estimated"] = {"count": refunds, "amount": float(refunded)}
    statuses = marts.execute(
        "select status_class, sum(invoices), sum(amount), list(order_status order by order_status) "
        "from rpt_order_statuses where status_class in ('pending', 'unknown') group by 1"
    ).fetchall()
    for kind, invoices, amount, words in sorted(statuses):
        told = {"count": int(invoices), "amount": float(amount)}
        if kind == "pending":
            found["orders_not_paid"] = told
        else:
            found["orders_of_unknown_status"] = {**told, "statuses": words}
    return found


def _ledger(marts: duckdb.DuckDBPyConnection) -> list[apart.Apart]:
    """Return the lines and amounts of all dispositions, then of all reasons of the quarantine."""
    dispositions = marts.execute(
        "select disposition, label, counts_in, lines, amount from rpt_line_dispositions "
        "order by rule_order desc"
    ).fetchall()
    reasons = marts.execute(
        "select reason, sum(records)::bigint, sum(amount) from rpt_quarantine group by reason"
    ).fetchall()
    return [
        *(apart.Apart(*row) for row in dispositions),
        *apart.quarantined(
            {reason: records for reason, records, _ in reasons},
            {reason: amount for reason, _, amount in reasons if amount is not None},
        ),
    ]


def _apart_lines(summary: dict[str, Any]) -> list[str]:
    """Return one line on amounts that do not count, and one for each that is large."""
    set_apart = apart.listed([apart.Apart(**part) for part in summary.get("ledger", [])])
    much = summary.get("warnings", [])
    return [
        *([f"set apart: {set_apart}"] if set_apart else []),
        *([f"WARNING: {'; '.join(much)}"] if much else []),
    ]


def as_lines(summary: dict[str, Any], data_dir: Path) -> list[str]:
    """Put the summary of what a data directory has published into at most 15 lines of text."""
    customers = "1 customer" if summary["customers"] == 1 else f"{summary['customers']:,} customers"
    segments = [_segment_text(row) for row in summary["segments"]]
    hint = data_dir_option(data_dir)
    churn = summary["churn"]
    is_told = churn is not None and summary["models"]["churn"]["model_status"] == "ok"
    skill = [_skill_text(churn)] if is_told else []
    skill += _horizon_lines(summary.get("churn_horizon_days", {}))
    # What could not be modelled, or not be judged, is said in the words of the marts.
    skill += [
        status["explanation"]
        for model, status in summary["models"].items()
        if status["model_status"] != "ok" or (model == "churn" and churn is None)
    ]
    return [
        f"as of {summary['as_of_date'] or 'no day'} ({summary['cleaning_policy']} cleaning): "
        f"{summary['rows_in']:,} rows in, {summary['rows_quarantined']:,} quarantined, "
        f"{summary['tests_passed']} tests passed",
        *_far_off_lines(summary),
        f"{customers}; net revenue {summary['currency']} {summary['net_revenue']:,.2f}, "
        f"{summary['customer_net_revenue']:,.2f} of it by them",
        *_granted_lines(summary.get("taken_for_granted", {}), summary["currency"]),
        *_apart_lines(summary),
        *([f"segments (share of revenue): {' · '.join(segments)}"] if segments else []),
        *_change_lines(summary.get("changes")),
        *skill,
        *summary["findings"],
        *_drift_lines(summary["drift"]),
        f"marts: {files.printable(data_dir / PUBLISHED / CURRENT / DATABASE)}",
        f"next: `make dashboard{hint}` to look at them, `make docs{hint}` for lineage and "
        "definitions",
    ]


def _granted_lines(granted: dict[str, dict[str, Any]], currency: str) -> list[str]:
    """Return one line on what counts by a rule, or none."""
    words = {
        "refunds_estimated": "refunds are estimates: the goods' part of an order's refund",
        "orders_not_paid": "unpaid orders count",
        "orders_of_unknown_status": "orders of unknown status count",
    }
    parts = []
    for key, told in granted.items():
        shown = [files.printable(word) for word in told.get("statuses", [])[:SHOWN_STATUSES]]
        named = f" ({', '.join(shown)}: see statuses in shop.yml)" if shown else ""
        parts.append(f"{told['count']:,} {words[key]}{named}, {currency} {told['amount']:,.2f}")
    return [f"assumed: {'; '.join(parts)}"] if parts else []


def _far_off_lines(summary: dict[str, Any]) -> list[str]:
    """Return one line on lines dated far off, with the way out; earlier summaries have none."""
    found = summary.get("far_off_dates")
    if found is None:
        return []
    lines = "1 line is" if found["lines"] == 1 else f"{found['lines']:,} lines are"
    return [
        f"WARNING: {lines} dated far from all others and set apart ({summary['currency']} "
        f"{found['amount']:,.2f}): correct the dates, or write `far_off_dates: count` into shop.yml"
    ]


def _segment_text(row: dict[str, Any]) -> str:
    """Return a segment with its customers and, where there is one, its share of revenue."""
    share = row["net_revenue_share"]
    return f"{row['segment']} {row['customers']:,}" + ("" if share is None else f" ({share:.0%})")


def _skill_text(churn: dict[str, Any]) -> str:
    """Return how well the churn model ranks; rare churners may leave it without an interval."""
    interval = ""
    if churn["ci_low"] is not None:
        interval = f" [{churn['ci_low']:.3f}–{churn['ci_high']:.3f}]"
    months = ""
    if churn.get("cutoffs", 0) > 1:
        months = (
            f", {churn['lowest_roc_auc']:.3f} to {churn['highest_roc_auc']:.3f} over "
            f"{churn['cutoffs']} cutoffs"
        )
    return (
        f"churn: {churn['model']} reaches AUC {churn['roc_auc']:.3f}{interval} on later "
        f"purchases{months}"
    )


def _horizon_lines(horizon: dict[str, Any]) -> list[str]:
    """Return one line where churn is judged over another window than before, or none."""
    if horizon.get("before") is None:
        return []
    return [
        f"WARNING: the churn window is {horizon['now']} days now and was {horizon['before']} days: "
        "churn figures cannot be compared with those of the version before"
    ]


def _drift_lines(drift: dict[str, Any]) -> list[str]:
    """Return one line on what drifted, or none if nothing could be judged."""
    if not drift["watched"]:
        return []
    # A summary of before knows no season.
    seasonal = drift.get("may_be_season", {})
    words = [
        f"{len(drift['drifted']) or 'none'} of {drift['watched']} things watched"
        + (f" ({', '.join(drift['drifted'])})" if drift["drifted"] else "")
    ]
    if seasonal:
        words.append(f"{len(seasonal)} changed as the season may ({', '.join(seasonal)})")
    if drift["drifted"] or seasonal:
        words.append("rpt_drift says what it means")
    return [f"drift: {'; '.join(words)}"]


def print_summary(data_dir: Path) -> None:
    """Print the summary of the current version."""
    print("\n".join(as_lines(summarise(data_dir), data_dir)))
