"""One server and two builds of the bundled sample, on Spark and on DuckDB, for all tests here."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCHEMA = "proof"
# What each build took, in words.
TOOK: list[str] = []

try:
    from server import Server, java, server
except ModuleNotFoundError as missing:
    pytest.exit(f"{missing.name} is missing: run `make test-spark`, which installs it", 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip everything, by name, where there is no Java."""
    if java() is None:
        reason = "test-spark needs Java 17 or later (Debian: openjdk-17-jre-headless)"
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what the builds took."""
    for line in TOOK:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of our own."""
    with server(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture(scope="session")
def session(spark: Server) -> Iterator[Any]:
    """A session with it, as the profile opens one, closed while its server still answers."""
    from customer_intelligence.spark.session import open_session

    opened = open_session(
        {
            "spark.remote": spark.address,
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.parquet.inferTimestampNTZ.enabled": "false",
            "spark.sql.ansi.enabled": "false",
        }
    )
    yield opened
    opened.stop()


def cpu_seconds(spark: Server | None) -> tuple[float, float]:
    """Return the processor seconds of programs that have ended, and of the server."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime, spark.cpu_seconds() if spark else 0.0


def build(data_dir: Path, target: str, spark: Server | None = None) -> None:
    """Run `dbt build` of the whole project; say what it took, or why it failed."""
    (data_dir / "build").mkdir(parents=True)
    environment = {
        **os.environ,
        "CUSTOMER_INTELLIGENCE_DATA_DIR": str(data_dir),
        "CUSTOMER_INTELLIGENCE_ROOT": str(ROOT),
        "CUSTOMER_INTELLIGENCE_SPARK_SCHEMA": SCHEMA,
        "DBT_LOG_PATH": str(data_dir / "build" / "logs"),
        "DBT_TARGET_PATH": str(data_dir / "build" / "target"),
        "SPARK_REMOTE": spark.address if spark else "",
    }
    begun, before = time.monotonic(), cpu_seconds(spark)
    result = subprocess.run(
        [
            *(sys.executable, "-m", "dbt.cli.main", "--no-use-colors", "build"),
            *("--target", target, "--exclude-resource-type", "unit_test"),
        ],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    ours, theirs = (now - then for now, then in zip(cpu_seconds(spark), before, strict=True))
    TOOK.append(
        f"{target}: {time.monotonic() - begun:.0f} s elapsed, {ours:.0f} CPU s of dbt and "
        f"{theirs:.0f} of Spark"
    )
    if result.returncode:
        said = [line for line in result.stdout.splitlines() if not line.lstrip().startswith("at ")]
        pytest.fail("\n".join([f"dbt build --target {target} failed:", *said[-120:]]), False)


@pytest.fixture(scope="session")
def on_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of the sample, built on DuckDB."""
    data_dir = tmp_path_factory.mktemp("on_duckdb")
    build(data_dir, "dev")
    return data_dir


@pytest.fixture(scope="session")
def on_spark(tmp_path_factory: pytest.TempPathFactory, spark: Server) -> Path:
    """The data directory of the sample, built on Spark."""
    data_dir = tmp_path_factory.mktemp("on_spark")
    build(data_dir, "spark", spark)
    return data_dir
