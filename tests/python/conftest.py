"""Builds that several test files share: each runs `dbt build` as a user would."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import duckdb
import pytest

from customer_intelligence.marts import current_version

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

WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")


def run_dbt(
    data_dir: Path, *arguments: str, variables: Mapping[str, object] | None = None, threads: int = 2
) -> subprocess.CompletedProcess[str]:
    """Run dbt from the project's root on a data directory of its own."""
    (data_dir / "build").mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "CUSTOMER_INTELLIGENCE_DATA_DIR": str(data_dir),
        "CUSTOMER_INTELLIGENCE_THREADS": str(threads),
        "DBT_TARGET_PATH": str(data_dir / "build" / "target"),
        "DBT_LOG_PATH": str(data_dir / "build" / "logs"),
        "NO_COLOR": "1",
    }
    command = [sys.executable, "-m", "dbt.cli.main", *arguments]
    if variables:
        command += ["--vars", json.dumps(variables)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


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
    if REAL_DATA is None:
        pytest.skip("the real dataset is not at hand: make data")
    return REAL_DATA


@pytest.fixture(scope="session")
def published_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory in which the bundled sample was built and published."""
    return build(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def real_dir(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory in which the real dataset was built and published."""
    return build(ingested(real_data, tmp_path_factory.mktemp("real")))


@pytest.fixture
def copy(published_dir, tmp_path) -> Callable[..., Path]:
    """Return a function that publishes a changed copy of the sample in a directory of its own."""
    original = published_dir / "published" / f"marts-{current_version(published_dir)}.duckdb"

    def publish(*statements: str) -> Path:
        # Versions are unique: the dashboard keeps its answers by them.
        version = f"{tmp_path.name}-{len(list(tmp_path.iterdir()))}"
        folder = tmp_path / version / "published"
        folder.mkdir(parents=True)
        path = folder / f"marts-{version}.duckdb"
        shutil.copyfile(original, path)
        with duckdb.connect(str(path)) as marts:
            for statement in statements:
                marts.execute(statement)
        (folder / "CURRENT").write_text(version + "\n")
        return folder.parent

    return publish


def ingested(file: Path, data_dir: Path, *options: str | Path) -> Path:
    """Add a file to a data directory, as `make build DATA=…` does."""
    command = [sys.executable, "-m", "customer_intelligence.ingest", file, "--data-dir", data_dir]
    subprocess.run(
        [*command, *options],
        check=True,
        capture_output=True,
    )
    return data_dir


SAMPLE = ROOT / "data" / "sample"


def load_of(data_dir: Path, query: str) -> Path:
    """Make the rows of a query the first load of a data directory, with the sample's rules."""
    (manifest_path,) = (SAMPLE / "raw").glob("*/load.json")
    manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    load = data_dir / "raw" / "0001-123456789abc"
    load.mkdir(parents=True)
    rows = load / "invoice_lines.parquet"
    ((records,),) = duckdb.execute(f"copy ({query}) to '{rows}'").fetchall()
    manifest |= {
        "load_id": load.name,
        "file_sha256": "123456789abc" + 52 * "0",
        "records": records,
        "accepted": records,
    }
    (load / "load.json").write_text(json.dumps(manifest), encoding="utf-8")
    shutil.copy(SAMPLE / "shop.yml", data_dir)
    return data_dir


@pytest.fixture(scope="session")
def builder() -> Callable[..., Path]:
    """The function that builds a data directory."""
    return build


@contextlib.contextmanager
def another_process_at_work(data_dir: Path) -> Iterator[int]:
    """Hold a data directory in a child process for the time of a block; gives its id."""
    program = (
        "import sys, pathlib; from customer_intelligence import lock; "
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
