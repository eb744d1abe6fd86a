"""The published file in the hands of others: DuckDB 1.4 and 1.5 read it as 2.0 does.

Each release comes from the package index into an environment of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

READ = """
import json, sys, duckdb
with duckdb.connect(sys.argv[1], read_only=True) as marts:
    names = sorted(name for (name,) in marts.execute("select mart from _meta").fetchall())
    print(json.dumps([duckdb.__version__, {
        name: marts.execute(f'select count(*), count(columns(*)) from "{name}"').fetchone()
        for name in names
    }]))
"""


def read(python: str | Path, file: Path) -> tuple[str, dict[str, list[int]]]:
    """Return the engine's version, and of every mart its rows and the values of each column."""
    result = subprocess.run([python, "-c", READ, file], check=True, capture_output=True, text=True)
    return json.loads(result.stdout)


@pytest.mark.parametrize("release", ["1.4", "1.5"])
def test_an_earlier_engine_reads_every_mart(release, published_dir, tmp_path):
    environment = tmp_path / "environment"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--python", sys.executable, environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run([*uv, "pip", "install", "--python", python, f"duckdb=={release}.*"], check=True)
    (file,) = (published_dir / "published").rglob("*.duckdb")
    version, found = read(python, file)
    ours, expected = read(sys.executable, file)
    assert version.startswith(f"{release}.")
    assert ours == duckdb.__version__
    assert len(found) > 20
    assert found == expected
