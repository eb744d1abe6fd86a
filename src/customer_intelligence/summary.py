"""Say in a few lines what a build has published, and keep it as `summary.json`.

Run as `python -m customer_intelligence.summary [--data-dir DIR]`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.marts import data_directory, open_marts


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
        segments, the churn model's AUC with its interval, and the findings.
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
            """,
            [build["churn_scoring_model"]],
        ).fetchone()
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
        "as_of_date": str(build["as_of_date"]),
        "cleaning_policy": build["cleaning_policy"],
        "currency": build["currency"],
        "rows_in": build["rows_in"],
        "rows_quarantined": build["rows_quarantined"],
        "tests_passed": build["tests_passed"],
        "customers": int(kpis["customers"]),
        "net_revenue": None if kpis["net_revenue"] is None else float(kpis["net_revenue"]),
        "segments": [
            {"segment": name, "customers": customers, "net_revenue_share": share}
            for name, customers, share in segments
        ],
        "churn": None
        if churn is None
        else dict(zip(("model", "roc_auc", "ci_low", "ci_high"), churn, strict=True)),
        "findings": findings,
    }


def as_lines(summary: dict[str, Any], published: Path) -> list[str]:
    """Put a summary into at most 15 lines of text."""
    segments = " · ".join(
        f"{row['segment']} {row['customers']:,} ({row['net_revenue_share'] or 0:.0%})"
        for row in summary["segments"]
    )
    churn = summary["churn"]
    if churn is None:
        skill = "churn: not modelled, too little data (see model_status in dim_customers)"
    else:
        skill = (
            f"churn: {churn['model']} reaches AUC {churn['roc_auc']:.3f} "
            f"[{churn['ci_low']:.3f}–{churn['ci_high']:.3f}] on later purchases"
        )
    revenue = f"{summary['net_revenue'] or 0:,.2f}"
    return [
        f"as of {summary['as_of_date']} ({summary['cleaning_policy']} cleaning): "
        f"{summary['rows_in']:,} rows in, {summary['rows_quarantined']:,} quarantined, "
        f"{summary['tests_passed']} tests passed",
        f"{summary['customers']:,} customers; net revenue {summary['currency']} {revenue}",
        f"segments (share of revenue): {segments}",
        skill,
        *summary["findings"],
        f"marts: {published}",
        "next: `make dashboard` to look at them, `make docs` for lineage and definitions",
    ]


def main(arguments: list[str] | None = None) -> int:
    """Print the summary and write `summary.json` beside the published marts."""
    parser = argparse.ArgumentParser(prog="customer_intelligence.summary", description=__doc__)
    parser.add_argument("--data-dir", help="data directory of the build")
    options = parser.parse_args(arguments)
    try:
        summary = summarise(options.data_dir)
    except CustomerIntelligenceError as error:
        print(error, file=sys.stderr)
        return 2
    published = data_directory(options.data_dir) / "published"
    pending = published / ".summary.json.tmp"
    pending.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    pending.replace(published / "summary.json")
    print("\n".join(as_lines(summary, published / f"marts-{summary['version']}.duckdb")))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
