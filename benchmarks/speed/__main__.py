"""Measure the product beside what a user would write instead, and write docs/performance.md.

Run as `make bench [SIZES=1,10,100] [RUNS=5] [QUICK=1] [ADD=1]`. A size is a number of copies of
Online Retail, or of the bundled sample where Online Retail is not at hand. Every run does each step
once, one after the other, so that whatever else the machine does falls on all of them. Measurements
are kept in the scratch directory; ADD=1 adds runs or sizes to them.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from benchmarks.speed import generate, page
from benchmarks.speed.measure import used
from customer_intelligence.data_dir.layout import BUILD, DATA_DIR_VARIABLE, DBT_TARGET, SAMPLE

ROOT = Path(__file__).parents[2]
BIN, BENCH_BIN = ROOT / ".venv" / "bin", ROOT / ".venv" / "bench" / "bin"
PEERS = {
    page.POLARS: (BENCH_BIN, "polars_pipeline.py"),
    page.DUCKDB: (BIN, "duckdb_sql.py"),
    page.SCAN: (BIN, "scan.py"),
    page.COPY: (BIN, "copy_all.py"),
    page.PANDAS: (BIN, "pandas_notebook.py"),
}
REAL_DATA = (ROOT / "data", ROOT.parent / "shared" / "data")
SIZES, RUNS, RUNS_OF_MANY = "1,10,100", 5, 3
# With more lines fewer runs do, and pandas does not fit into the memory of most machines.
MANY, TOO_MANY_FOR_PANDAS = 20_000_000, 10_000_000
LOAD = (
    "import sys; from customer_intelligence.cli.loading import load_file; load_file(*sys.argv[1:])"
)
PACKAGES = ("duckdb", "dbt-core", "dbt-duckdb", "pandas", "scikit-learn")

BUSY = (
    " **The machine was busy with other work**, which raises CPU seconds, most of all of steps"
    " with several threads: measure again on an idle one."
)


def main() -> None:
    """Measure what the command line asks for, and write or print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", default=SIZES, help="numbers of copies, such as 1,10")
    parser.add_argument("--runs", type=int, help=f"by default {RUNS}; {RUNS_OF_MANY} of many lines")
    parser.add_argument("--quick", help="any word: one run of one copy, printed only")
    parser.add_argument("--add", help="any word: keep what was measured before")
    parser.add_argument("--source", type=Path, default=source(), help="a file or a data directory")
    parser.add_argument("--scratch", type=Path, default=ROOT / "data" / "bench")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "performance.md")
    said = parser.parse_args()
    sizes = [1] if said.quick else [int(size) for size in said.sizes.split(",")]
    said.scratch.mkdir(parents=True, exist_ok=True)
    known = said.scratch / ("quick.jsonl" if said.quick else "measured.jsonl")
    if not said.add or said.quick:
        known.unlink(missing_ok=True)
    folders = {copies: shop(said.source, said.scratch, copies) for copies in sizes}
    runs = {
        copies: 1 if said.quick else said.runs or runs_of(folder)
        for copies, folder in folders.items()
    }
    for number in range(max(runs.values())):
        # Sizes take turns, too: growth is measured within a run.
        run = f"{time.time():.0f}"
        for copies in (copies for copies in sizes if number < runs[copies]):
            print(f"bench: size {copies}, run {number + 1} of {runs[copies]}", flush=True)
            for row in measured(folders[copies], copies, is_quick=bool(said.quick)):
                print(f"bench: {row['step']}: {row['cpu']:.1f} CPU s", flush=True)
                with known.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"run": run, **row}) + "\n")
    rows = [json.loads(row) for row in known.read_text("utf-8").splitlines()]
    text = page.figures(rows, about(rows, said.source))
    if said.quick:
        print(text)
    else:
        said.out.write_text(page.filled(said.out.read_text("utf-8"), text), "utf-8")


def runs_of(folder: Path) -> int:
    """Return how many runs a shop gets where nobody says."""
    lines, _ = generate.size(folder / "lines.parquet")
    return RUNS_OF_MANY if lines >= MANY else RUNS


def source() -> Path:
    """Return Online Retail where it is at hand, else the bundled sample."""
    files = (place / "online_retail.parquet" for place in REAL_DATA)
    return next((file for file in files if file.exists()), ROOT / SAMPLE)


def shop(source: Path, scratch: Path, copies: int) -> Path:
    """Return the folder with the lines of a shop of this size, and those of its last day."""
    folder = scratch / f"{source.stem}-{copies}"
    if not (folder / "last_day.parquet").exists():
        folder.mkdir(exist_ok=True)
        file = source
        if source.is_dir():
            file = folder / "flat.parquet"
            generate.flatten(source, file)
        generate.replicate(file, folder / "all.parquet", copies)
        generate.split(
            folder / "all.parquet", folder / "lines.parquet", folder / "last_day.parquet"
        )
        for used_up in ("flat.parquet", "all.parquet"):
            (folder / used_up).unlink(missing_ok=True)
    return folder


def measured(folder: Path, copies: int, *, is_quick: bool) -> Iterator[dict[str, object]]:
    """Do every step once, and give what each took as soon as it has ended."""
    lines = folder / "lines.parquet"
    count, customers = generate.size(lines)
    data_dir, loaded = folder / "built", folder / "loaded"
    project = ("--project-dir", ROOT, "--profiles-dir", ROOT)
    build = (BIN / "customer-intelligence", "build", f"--data-dir={data_dir}")
    # The vars of `customer-intelligence build`: with others dbt would parse the project anew.
    untested = (
        *("--quiet", "--vars", "{}", "--exclude-resource-type", "test", "unit_test", *project),
    )
    selected = (*untested, "--selector", "customer_tables")
    # Peers stand between the steps of the product.
    steps: list[tuple[str, tuple[str | Path, ...]]] = [
        (page.WHOLE, (*build, f"--project-dir={ROOT}", "--", lines)),
        (page.LOAD, (BIN / "python", "-c", LOAD, lines, loaded)),
        # A parse first, so that the two that follow start alike.
        (page.PARSE, (BIN / "dbt", "list", *selected)),
        (page.START, (BIN / "dbt", "list", *selected)),
        (page.TABLES, (BIN / "dbt", "build", *selected)),
        (page.DAY, (*build, f"--project-dir={ROOT}", "--", folder / "last_day.parquet")),
        # What Python models gave is there already; all lines are read, as for every part.
        (page.SQL, (BIN / "dbt", "build", *untested, "--exclude", "path:python_models")),
    ]
    places = dict.fromkeys((page.PARSE, page.START, page.TABLES), loaded)
    peers: list[tuple[str, tuple[str | Path, ...]]] = [
        (name, (place / "python", ROOT / "benchmarks" / "speed" / "peers" / script, lines, folder))
        for name, (place, script) in PEERS.items()
        if name != page.PANDAS or count < TOO_MANY_FOR_PANDAS
    ]
    if is_quick:
        steps = [step for step in steps if step[0] not in (page.DAY, page.SQL)]
    for old in (data_dir, loaded):
        shutil.rmtree(old, ignore_errors=True)
    turns = [steps.pop(0), *(step for pair in zip(steps, peers, strict=False) for step in pair)]
    for step, command in [*turns, *peers[len(steps) :], *steps[len(peers) :]]:
        load = os.getloadavg()[0]
        took = used(command, folder / "log.txt", environment(places.get(step, data_dir)))
        yield {
            **{"copies": copies, "lines": count, "customers": customers},
            **{"step": step, "load": load, **took._asdict()},
            "nodes": node_seconds(data_dir) if step in (page.WHOLE, page.DAY) else {},
        }


def environment(data_dir: Path) -> dict[str, str]:
    """Return what dbt is told of a data directory."""
    return {
        DATA_DIR_VARIABLE: str(data_dir),
        "CUSTOMER_INTELLIGENCE_ROOT": str(ROOT),
        "DBT_TARGET_PATH": str(data_dir / BUILD / DBT_TARGET),
        "DBT_LOG_PATH": str(data_dir / BUILD / "logs"),
    }


def node_seconds(data_dir: Path) -> dict[str, float]:
    """Return the seconds that each node of the last dbt command took, by its unique id."""
    target = data_dir / BUILD / DBT_TARGET
    results = json.loads((target / "run_results.json").read_text("utf-8"))["results"]
    nodes = json.loads((target / "manifest.json").read_text("utf-8"))["nodes"]
    found = {}
    for result in results:
        name = result["unique_id"]
        is_python = nodes.get(name, {}).get("language") == "python"
        found[f"python {name}" if is_python else name] = result["execution_time"]
    return found


def about(rows: list[dict[str, object]], source: Path) -> str:
    """Say on what and with what was measured."""
    asked = [str(BENCH_BIN / "python"), "-c", "import polars; print(polars.__version__)"]
    polars = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    cores = os.cpu_count() or 1
    loads = [float(str(row["load"])) for row in rows]
    sizes = ",".join(map(str, sorted({int(str(row["copies"])) for row in rows})))
    name = "the bundled sample" if source.is_dir() else source.name
    return (
        f"Written by `make bench SIZES={sizes}` on {date.today()}: {name}, copied with new"
        f" customers and invoices. {', '.join([*versions, f'polars {polars}'])};"
        f" {cores} cores, {memory:.0f} GB. Load average as steps began: {min(loads):.1f}–"
        f"{max(loads):.1f}.{BUSY if statistics.median(loads) > 1.5 * cores else ''}"
    )


if __name__ == "__main__":
    main()
