"""Say in a few lines what a build has published, and keep it as `summary.json`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from customer_intelligence.files import write_atomically
from customer_intelligence.marts import open_marts


def summarise(data_dir: str | Path | None = None) -> dict[str, Any]:
    """Collect the headline figures of the current version.

    Parameters
    ----------
    data_dir : path, optional
        The data directory; by default that of the environment.

    Returns
    -------
    dict
        JSON-ready: version, as_of_date, currency, rows and tests, customers, net revenue,
        segments, the churn model's AUC with its interval (null where it was not tested, or
        nothing was left to rank), status and explanation of each model, the findings, and
        what drifted: how many things could be told and would count, and a sentence for each
        that did.
    """
    with open_marts(data_dir) as marts:
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
        models = marts.execute(
            "select model, model_status, explanation from rpt_model_status order by model"
        ).fetchall()
        drift = marts.execute(
            "select subject_label, status, sentence from rpt_drift order by kind, subject"
        ).fetchall()
        findings = [
            row[0]
            for row in marts.execute(
                """
                select finding from rpt_insights
                where insight in ('revenue_concentration', 'whom_to_act_on')
                order by insight_order
                """
            ).fetchall()
        ]
    return {
        "version": build["version"],
        "as_of_date": build["as_of_date"] and str(build["as_of_date"]),
        "cleaning_policy": build["cleaning_policy"],
        "currency": build["currency"],
        "rows_in": build["rows_in"],
        "rows_quarantined": build["rows_quarantined"],
        "tests_passed": build["tests_passed"],
        "customers": int(kpis["customers"]),
        "net_revenue": float(kpis["net_revenue"]),
        "customer_net_revenue": float(kpis["customer_net_revenue"]),
        "segments": [
            {"segment": name, "customers": customers, "net_revenue_share": share}
            for name, customers, share in segments
        ],
        "churn": None
        if churn is None
        else dict(zip(("model", "roc_auc", "ci_low", "ci_high"), churn, strict=True)),
        "models": {
            model: {"model_status": status, "explanation": explanation}
            for model, status, explanation in models
        },
        "findings": findings,
        "drift": {
            "watched": sum(status in ("steady", "drifted") for _, status, _ in drift),
            "drifted": {
                label: sentence for label, status, sentence in drift if status == "drifted"
            },
        },
    }


def as_lines(summary: dict[str, Any], published: Path) -> list[str]:
    """Put a summary into at most 15 lines of text."""
    customers = "1 customer" if summary["customers"] == 1 else f"{summary['customers']:,} customers"
    segments = [_segment_text(row) for row in summary["segments"]]
    hint = _data_dir_hint(published)
    churn = summary["churn"]
    skill = [] if churn is None else [_skill_text(churn)]
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
        f"{customers}; net revenue {summary['currency']} {summary['net_revenue']:,.2f}, "
        f"{summary['customer_net_revenue']:,.2f} of it by them",
        *([f"segments (share of revenue): {' · '.join(segments)}"] if segments else []),
        *skill,
        *summary["findings"],
        *_drift_lines(summary["drift"]),
        f"marts: {published}",
        f"next: `make dashboard{hint}` to look at them, `make docs{hint}` for lineage and "
        "definitions",
    ]


def _data_dir_hint(published: Path) -> str:
    """Return what `make` needs to find marts that do not lie in its own data directory."""
    data_dir = published.parent.parent
    if data_dir.resolve() == Path(__file__).parents[2] / "data" / "local":
        return ""
    return f" DATA_DIR={shlex.quote(str(data_dir))}"


def _segment_text(row: dict[str, Any]) -> str:
    """Return a segment with its customers and, where there is one, its share of revenue."""
    share = row["net_revenue_share"]
    return f"{row['segment']} {row['customers']:,}" + ("" if share is None else f" ({share:.0%})")


def _skill_text(churn: dict[str, Any]) -> str:
    """Return how well the churn model ranks; rare churners may leave it without an interval."""
    interval = ""
    if churn["ci_low"] is not None:
        interval = f" [{churn['ci_low']:.3f}–{churn['ci_high']:.3f}]"
    return (
        f"churn: {churn['model']} reaches AUC {churn['roc_auc']:.3f}{interval} on later purchases"
    )


def _drift_lines(drift: dict[str, Any]) -> list[str]:
    """Return one line on what drifted, or none where nothing could be told."""
    if not drift["watched"]:
        return []
    if not drift["drifted"]:
        return [f"drift: none of {drift['watched']} things watched"]
    return [
        f"drift: {len(drift['drifted'])} of {drift['watched']} things watched "
        f"({', '.join(drift['drifted'])}); rpt_drift says what it means"
    ]


def print_summary(data_dir: Path) -> None:
    """Print the summary and write `summary.json` beside the published marts."""
    summary = summarise(data_dir)
    published = data_dir / "published"
    write_atomically(
        published / "summary.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
    )
    print("\n".join(as_lines(summary, published / f"marts-{summary['version']}.duckdb")))
