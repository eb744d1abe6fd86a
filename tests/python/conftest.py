"""Builds that several test files share: each runs `dbt build` as a user would.

A build is made once in a run of the tests, by the first of its workers that asks; each worker then
has a copy of its own, which its tests may use as a user would.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import dbt_process
import duckdb
import pytest

from customer_intelligence.cli.loading import load_file
from customer_intelligence.data_dir.files import link_durably
from customer_intelligence.data_dir.layout import BUILD, DATABASE, SUMMARY, WORK_DATABASE
from customer_intelligence.publication.reader import current_version

ROOT = Path(__file__).parents[2]
# Where `make data` puts it, or beside the checkout.
REAL_DATA_PLACES = (ROOT / "data", ROOT.parent / "shared" / "data")
REAL_DATA = next(
    (
        place / "online_retail.parquet"
        for place in REAL_DATA_PLACES
        if (place / "online_retail.parquet").exists()
    ),
    None,
)

# Of copies that tests publish: far above those of builds.
VERSION_NUMBERS = itertools.count(900_000)
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
# With these no model is fitted but the clusters.
WITHOUT_MODELS = {"churn_min_customers": 1_000_000, "clv_min_customers": 1_000_000}
# 90 days before the last of the sample.
AS_OF = {"as_of_date": "2011-09-10", "holdout_share": 0.3}
# With it, whatever needs dbt or much time is left out: `make test-quick`.
QUICK = bool(os.environ.get("CUSTOMER_INTELLIGENCE_QUICK_TESTS"))
# The files that take longest, begun first, so that no worker is left with one of them at the end.
LONG = ("test_build", "test_real_data", "test_degenerate_shops", "test_campaign", "test_check_data")
# Fits, browsers, servers, shops by the dozen and files by the hundred; or tests of what dbt built.
SLOW = (
    *("test_access", "test_analyses", "test_audience", "test_bad_input", "test_browser"),
    *("test_bounds", "test_check_is_build", "test_churn", "test_forget", "test_layout"),
    *("test_ledger", "test_presets", "test_publish", "test_publish_to", "test_relations"),
    *(
        "test_clusters",
        "test_clv_marts",
        "test_drift",
        "test_faults",
        "test_incremental",
        "test_lifetime_value",
    ),
    *("test_dashboard", "test_no_calls_out", "test_products", "test_report", "test_semantic"),
    *("test_simulate", "test_value_forecasts"),
)
# Of builds that the suite of every issue has no time for.
one_more_build = pytest.mark.skipif(
    not os.environ.get("ALL_BUILDS"), reason="one more build: make test-tools"
)
collect_ignore = [f"{name}.py" for name in (*LONG, *SLOW)] if QUICK else []


def watched(notes: Path) -> dict[str, str]:
    """Return what makes Python programs note the calls that leave this machine."""
    paths = [str(ROOT / "tests" / "watch"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths), "WATCH_CALLS_OUT": str(notes)}


def calls_out(notes: Path) -> list[str]:
    """Return the calls that were noted."""
    return notes.read_text("utf-8").splitlines() if notes.exists() else []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the long files first, and leave what is marked slow out of a quick run."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))
    if QUICK:
        slow = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


# ---------- what each file takes of the processor, its child processes included

_measured = 0.0


def processor_seconds() -> float:
    """Return what this process, its ended children and its dbt commands have used so far."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system + dbt_process.spent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Note what was used since the report before."""
    global _measured
    report = yield
    before, _measured = _measured, processor_seconds()
    report.processor_seconds = _measured - before
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what the dearest files took; no test depends on it."""
    files: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if hasattr(report, "processor_seconds"):
                files[report.nodeid.partition("::")[0]] += report.processor_seconds
    if len(files) > 1:
        terminalreporter.section("processor seconds")
        terminalreporter.write_line(f"{sum(files.values()):7.1f} in all")
        for name, seconds in files.most_common(None if os.environ.get("CI") else 12):
            terminalreporter.write_line(f"{seconds:7.1f} {name}")


# ---------- dbt and its builds

_run_directory: Path | None = None


@pytest.fixture(scope="session", autouse=True)
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that the workers of this run share."""
    global _run_directory
    own = tmp_path_factory.getbasetemp()
    _run_directory = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    return _run_directory


def once(name: str, make: Callable[[Path], object]) -> Path:
    """Return the directory of this name, which the first worker that asks for it makes."""
    directory, is_made = _run_directory / name, _run_directory / f"{name}.made"
    with (_run_directory / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_made.exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
            make(directory)
            is_made.touch()
    return directory


def dbt_environment(data_dir: Path, threads: int = 2) -> dict[str, str]:
    """Return the environment in which dbt works on a data directory."""
    return {
        **os.environ,
        "CUSTOMER_INTELLIGENCE_DATA_DIR": str(data_dir),
        "CUSTOMER_INTELLIGENCE_THREADS": str(threads),
        "DBT_TARGET_PATH": str(data_dir / "build" / "target"),
        "DBT_LOG_PATH": str(data_dir / "build" / "logs"),
        "NO_COLOR": "1",
    }


def parse(**options: object) -> Path:
    """Return the directory of a strict parse, with what dbt said of it."""

    def make(directory: Path) -> None:
        result = dbt_process.run(
            ("--warn-error", "parse"), cwd=ROOT, environment=dbt_environment(directory), **options
        )
        (directory / "said").write_text(f"{result.stdout}{result.stderr}", "utf-8")
        (directory / "code").write_text(str(result.returncode))

    return once("-".join(["parse", *options]), make)


def run_dbt(
    data_dir: Path, *arguments: str, variables: Mapping[str, object] | None = None, threads: int = 2
) -> subprocess.CompletedProcess[str]:
    """Run dbt from the project's root on a data directory of its own; it may call no other host."""
    if QUICK:
        pytest.skip("runs dbt: make test")
    (data_dir / "build").mkdir(parents=True, exist_ok=True)
    notes = data_dir / "build" / "calls-out"
    result = dbt_process.run(
        arguments,
        cwd=ROOT,
        environment={**dbt_environment(data_dir, threads), **watched(notes)},
        variables=variables,
        parsed=parse() / "build" / "target" / dbt_process.PARSED,
    )
    assert calls_out(notes) == []
    return result


def build(data_dir: Path, *, unit_tests: bool = False, **options: object) -> Path:
    """Build everything and return the data directory, or fail with dbt's own words.

    Unit tests see no data, so `make build` leaves them out; a few builds here have them.
    """
    without = () if unit_tests else WITHOUT_UNIT_TESTS
    result = run_dbt(data_dir, "build", *without, **options)
    assert result.returncode == 0, result.stdout[-4000:]
    return data_dir


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The real dataset, where it is at hand."""
    if QUICK:
        pytest.skip("reads the real dataset: make test")
    if REAL_DATA is None:
        pytest.skip("the real dataset is not at hand: make data")
    return REAL_DATA


@pytest.fixture(scope="session")
def published_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory in which the bundled sample was built and published, unit tests included."""
    made = once("sample", lambda directory: build(directory, unit_tests=True))
    return _copied(made, tmp_path_factory)


@pytest.fixture(scope="session")
def real_dir(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory in which the real dataset was built and published."""
    made = once("real", lambda directory: build(ingested(real_data, directory)))
    return _copied(made, tmp_path_factory)


@pytest.fixture(scope="session")
def as_of_dir(published_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample as of 90 days before it ends, with three of ten customers held out.

    What models are given is built, and the list of actions; published beside it is the sample with
    the list of that day.
    """

    def make(directory: Path) -> None:
        result = run_dbt(
            directory,
            *("build", "--select", "+path:models/intermediate", "+rpt_actions"),
            *("--exclude-resource-type", "test", *WITHOUT_UNIT_TESTS),
            variables=AS_OF,
        )
        assert result.returncode == 0, result.stdout[-4000:]
        publish_changed(
            published_dir,
            directory,
            f"attach '{directory / BUILD / WORK_DATABASE}' as built (read_only)",
            *(
                f"create or replace table marts.{name} as from built.marts.{name}"
                for name in ("fct_customer_actions", "rpt_actions")
            ),
            f"update build_info set as_of_date = '{AS_OF['as_of_date']}'",
            "detach built",
        )

    return _copied(once("as-of", make), tmp_path_factory)


def _copied(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(made, tmp_path_factory.mktemp(made.name) / "data", symlinks=True)


def publish_changed(original: Path, data_dir: Path, *statements: str) -> str:
    """Publish a copy of what a data directory has published in another one, with changes.

    Each copy is a version of its own; returns its name.
    """
    version = f"{next(VERSION_NUMBERS):06d}-20260101T000000Z-{secrets.token_hex(4)}"
    folder = data_dir / "published" / version
    folder.mkdir(parents=True)
    current = original / "published" / current_version(original)
    shutil.copyfile(current / DATABASE, folder / DATABASE)
    with duckdb.connect(str(folder / DATABASE)) as database:
        database.execute("set search_path = 'marts,evidence'")
        for statement in (
            *statements,
            f"update main._meta set version = '{version}'",
            f"update build_info set version = '{version}'",
        ):
            database.execute(statement)
    summary = json.loads((current / SUMMARY).read_text())
    (folder / SUMMARY).write_text(json.dumps({**summary, "version": version}))
    link_durably(data_dir / "published" / "current", version)
    return version


@pytest.fixture
def copy(published_dir, tmp_path) -> Callable[..., Path]:
    """Return a function that publishes a changed copy of the sample in a directory of its own."""

    def publish(*statements: str) -> Path:
        data_dir = tmp_path / f"copy-{len(list(tmp_path.iterdir()))}"
        publish_changed(published_dir, data_dir, *statements)
        return data_dir

    return publish


def ingested(file: Path, data_dir: Path, mapping: str | Path | None = None) -> Path:
    """Add a file to a data directory, as `make build DATA=…` does."""
    load_file(file, data_dir, None if mapping is None else str(mapping))
    return data_dir


SAMPLE = ROOT / "data" / "sample"


def load_of(data_dir: Path, query: str) -> Path:
    """Make the rows of a query the first load of a data directory, with the sample's rules."""
    (manifest_path,) = (SAMPLE / "raw").glob("*/load.json")
    manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    load = data_dir / "raw" / "0001-123456789abc"
    load.mkdir(parents=True)
    rows = load / "invoice_lines.parquet"
    copied = f"copy (select * replace ('{load.name}' as load_id) from ({query})) to '{rows}'"
    with duckdb.connect() as connection:
        ((records,),) = connection.execute(copied).fetchall()
    manifest |= {
        "load_id": load.name,
        "file_sha256": "123456789abc" + 52 * "0",
        "records": records,
        "accepted": records,
    }
    (load / "load.json").write_text(json.dumps(manifest), encoding="utf-8")
    shutil.copy(SAMPLE / "shop.yml", data_dir)
    return data_dir


@pytest.fixture
def ledger(tmp_path: Path) -> Callable[..., Any]:
    """Return a function that loads files and runs the models of the ledger: see ledger.py."""
    from ledger import read_ledger

    numbers = itertools.count(1)

    def read(files: Any, mapping: Mapping[str, Any] | None = None, **options: Any) -> Any:
        return read_ledger(files, mapping, tmp_path / f"shop-{next(numbers)}", **options)

    return read


@contextlib.contextmanager
def another_process_at_work(data_dir: Path) -> Iterator[int]:
    """Hold a data directory in a child process for the time of a block; gives its id."""
    program = (
        "import sys, pathlib; from customer_intelligence.data_dir import lock; "
        "lock.acquire(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        child.stdout.readline()
        try:
            yield child.pid
        finally:
            child.stdin.close()
