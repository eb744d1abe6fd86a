"""Run the models up to the dispositions without dbt: the SQL that dbt compiled, once per run.

What becomes of each line is exactly what a build says, in a tenth of a second.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
from conftest import ROOT
from ledger import VARS, compiled

from customer_intelligence.data_dir.layout import BUILD, WORK_DATABASE
from customer_intelligence.publication.start import start_run


def run(data_dir: Path) -> None:
    """Make the tables that a build makes up to the dispositions."""
    (data_dir / "build").mkdir(exist_ok=True)
    with duckdb.connect(str(data_dir / BUILD / WORK_DATABASE)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        start_run(
            connection,
            data_dir,
            project_dir=str(ROOT),
            variables=VARS,
            given=[],
            started_at=f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S}",
        )
        for name, sql in compiled("rpt_line_dispositions"):
            connection.execute(f"create schema if not exists {name.partition('.')[0]}")
            connection.execute(f"create or replace table {name} as {sql}")
