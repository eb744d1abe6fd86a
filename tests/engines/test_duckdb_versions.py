"""Other tools read the published file with the DuckDB they have: its long-term release too.

Each release gets an environment of its own, in `CUSTOMER_INTELLIGENCE_TOOLS` or a temporary
directory. `CUSTOMER_INTELLIGENCE_DATA_DIR` may name a data directory whose publication is read as
well.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import duckdb
import pytest

from customer_intelligence.data_dir.layout import CURRENT, DATABASE

sys.path.append(str(Path(__file__).parents[1]))

from faults.small_marts import build, fill, tables_of

from customer_intelligence.publication.publish import Table, publish

RELEASES = ("1.4", "1.5")
PROGRAM = """
import json, sys, duckdb
with duckdb.connect(sys.argv[1], read_only=True) as file:
    counted = {
        name: file.execute(
            f'select count(*), bit_xor(hash(t)) from marts."{name}" as t'
        ).fetchone()[0]
        for (name,) in file.execute("select table_name from _meta_tables").fetchall()
    }
    stated = dict(file.execute("select table_name, row_count from _meta_tables").fetchall())
    (comments,) = file.execute(
        "select count(comment) from duckdb_columns() where schema_name = 'marts'"
    ).fetchone()
    (version,) = file.execute("select version from _meta").fetchone()
print(json.dumps([duckdb.__version__, counted == stated, comments, version]))
"""


@pytest.fixture(scope="module", params=RELEASES)
def python(request, tmp_path_factory) -> Path:
    """The interpreter of an environment with a release of DuckDB."""
    kept = os.environ.get("CUSTOMER_INTELLIGENCE_TOOLS")
    directory = Path(kept) if kept else tmp_path_factory.mktemp("tools")
    environment = directory / f"duckdb-{request.param}"
    interpreter = environment / "bin" / "python"
    # What an interrupted run has left has no pip.
    if not (environment / "bin" / "pip").exists():
        venv.create(environment, with_pip=True, clear=True)
    install = [interpreter, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
    subprocess.run([*install, f"duckdb=={request.param}.*"], check=True)
    return interpreter


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> list[Path]:
    """Published files: one of small marts, and the one of a build where there is one."""
    data_dir = tmp_path_factory.mktemp("shop")
    with duckdb.connect() as connection:
        fill(connection, 20_000)
        tables = [
            Table(table.name, table.relation, "A table.", {"order_id": "Who ordered."})
            for table in tables_of(connection)
        ]
        publish(connection, data_dir, build(1), tables)
    built = os.environ.get("CUSTOMER_INTELLIGENCE_DATA_DIR")
    return [
        directory / "published" / CURRENT / DATABASE
        for directory in (data_dir, *([Path(built)] if built else []))
    ]


def test_the_published_file_is_read_by_other_releases_of_duckdb(python, published):
    for path in published:
        ended = subprocess.run(
            [python, "-c", PROGRAM, path], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        release, is_whole, comments, version = json.loads(ended.stdout)
        assert release.startswith(python.parents[1].name.removeprefix("duckdb-"))
        assert is_whole
        assert comments > 0
        assert version == str(path.parent.readlink())
