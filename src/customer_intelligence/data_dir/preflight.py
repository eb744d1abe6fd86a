"""Checks before a build: refuse early what cannot succeed.

Every dbt command that opens the work database runs this first (see `dbt_plugin`).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess  # nosec
import sys
import tempfile
from pathlib import Path

from customer_intelligence.data_dir import files, lock
from customer_intelligence.data_dir.layout import BUILD, RAW, SET_ASIDE, UNFINISHED, WORK_DATABASE
from customer_intelligence.errors import CustomerIntelligenceError

SPACE_FACTOR = 3
# Before the first build, the work database is guessed from the raw files: it took 8 to 35 times
# their size on shops of 50 thousand to 5 million lines, most for the smallest.
WORK_BYTES_PER_RAW_BYTE = 16
SMALLEST_WORK_BYTES = 32 * 1024**2

# Opened in a process of its own: a damaged file can bring down the one that reads it.
_PROBE = """
import sys, duckdb
with duckdb.connect(sys.argv[1], config={"memory_limit": "1GB"}) as database:
    tables = database.execute(
        "select schema_name, table_name from duckdb_tables() where not internal"
    ).fetchall()
    for schema, table in tables if sys.argv[2] == "deep" else []:
        database.execute(f'select bit_xor(hash(t)) from "{schema}"."{table}" as t').fetchall()
"""


def run(data_dir: Path) -> None:
    """Check that a build in this data directory can work.

    A work database that cannot be read is set aside, and the build starts from the raw files.
    All of it is read where the last run did not end in order, else only its catalogue.

    Parameters
    ----------
    data_dir : Path
        The data directory.

    Raises
    ------
    CustomerIntelligenceError
        `E_DATA_DIR` or `E_NO_TEMP` when a directory cannot be written to, `E_NO_SPACE` when
        less is free than three times the work database, `E_LOCKED` when another process holds
        the directory or its work database.
    """
    with lock.held(data_dir):
        _check_temporary_directory()
        try:
            _check_space(data_dir)
            _check_work_database(data_dir / BUILD)
        except OSError as error:
            raise lock.not_writable(data_dir / BUILD, error) from error


def begin_run(data_dir: Path) -> None:
    """Hold the data directory for a run, and note that the run has not ended."""
    lock.acquire(data_dir)
    mark = data_dir / BUILD / UNFINISHED
    try:
        os.close(files.open_descriptor(mark, os.O_WRONLY | os.O_CREAT, 0o644))
    except OSError as error:
        raise lock.not_writable(mark, error) from error


def end_run(data_dir: Path, *, is_sound: bool) -> None:
    """Release the data directory.

    Parameters
    ----------
    data_dir : Path
        The data directory.
    is_sound : bool
        Whether no node ended in an error; otherwise the next command checks the work database.
    """
    if is_sound:
        (data_dir / BUILD / UNFINISHED).unlink(missing_ok=True)
    lock.release(data_dir)


def _check_temporary_directory() -> None:
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"0" * 4096)
    except OSError as error:
        raise CustomerIntelligenceError(
            "E_NO_TEMP",
            f"The temporary directory cannot be written to: {error.strerror}.",
            "Name another one in the environment variable TMPDIR.",
        ) from error


def needed_bytes(data_dir: Path) -> int:
    """Return the bytes of disk that a build may need, by its loads and its work database."""
    build = data_dir / BUILD
    raw_bytes = sum(path.stat().st_size for path in (data_dir / RAW).glob("*/*.parquet"))
    work_bytes = max(
        sum(path.stat().st_size for path in build.glob(f"{WORK_DATABASE}*") if path.is_file()),
        raw_bytes * WORK_BYTES_PER_RAW_BYTE,
        SMALLEST_WORK_BYTES,
    )
    return SPACE_FACTOR * work_bytes


def _check_space(data_dir: Path) -> None:
    build, needed = data_dir / BUILD, needed_bytes(data_dir)
    free = shutil.disk_usage(build).free
    if free < needed:
        raise CustomerIntelligenceError(
            "E_NO_SPACE",
            f"{free / 1e6:,.0f} MB are free for {build}, and a build may need "
            f"{needed / 1e6:,.0f} MB.",
            "Free some space, or name a directory on another disk with DATA_DIR=….",
        )


def _check_work_database(build: Path) -> None:
    database = build / WORK_DATABASE
    log = build / f"{WORK_DATABASE}.wal"
    for path in (database, log):
        # DuckDB would follow a link and wait for a FIFO.
        kind = files.kind_of(path)
        if kind not in (None, "a file"):
            raise CustomerIntelligenceError(
                "E_DATA_DIR",
                f"{path} is {kind}; a build needs a file of its own there.",
                "Remove it, then try again: the work database is built from the raw files.",
            )
    if not database.exists():
        log.unlink(missing_ok=True)
        return
    depth = "deep" if (build / UNFINISHED).exists() else "catalogue"
    probe = subprocess.run(  # noqa: S603  # nosec  # this interpreter, this program, a path of our own
        [sys.executable, "-c", _PROBE, str(database), depth],
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode == 0:
        return
    lines = probe.stderr.strip().splitlines()
    reason = lines[-1] if lines else f"its reader ended with {probe.returncode}"
    if "Could not set lock" in reason:
        holder = re.search(r"held in (.*?) \(PID (\d+)\)", reason)
        raise lock.locked(database, f"{holder[2]}, {holder[1]}" if holder else "")
    if re.search("Permission denied|No space left|Out of Memory", reason):
        raise CustomerIntelligenceError(
            "E_DATA_DIR",
            f"The work database {database} cannot be opened: {reason}.",
            "Fix the cause, then try again.",
        )
    # What was set aside before makes room, whatever it is.
    for found, aside in ((database, SET_ASIDE), (log, f"{SET_ASIDE}.wal")):
        files.remove(build / aside)
        if found.exists():
            found.replace(build / aside)
    (build / UNFINISHED).unlink(missing_ok=True)
    print(
        f"The work database could not be read ({reason}). It is set aside as "
        f"{build / SET_ASIDE}; everything is built again from the raw files.",
        file=sys.stderr,
        flush=True,
    )
