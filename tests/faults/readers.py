"""Readers that poll the published marts, and judge all they see.

`python -m faults.readers KIND DATA_DIR GENERATIONS` reads until its input is closed, then
prints its counts as JSON. `GENERATIONS` is a JSON file of the fingerprints that are whole.
`KIND` is `path`: a fresh process for each read that opens the published path with plain DuckDB, as
other tools do; or `marts`: one process that opens what is current through the project's own
function and keeps the version before open, as the dashboard does.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import duckdb

from customer_intelligence.data_dir.layout import CURRENT, DATABASE
from customer_intelligence.publication.reader import open_marts

from .marts_state import (
    OF_THE_BUILD,
    Fingerprint,
    differing,
    fingerprint,
    stated_rows,
    version,
)
from .shop_directory import ROOT, ShopDirectory

KINDS = ("path", "marts")
PAUSE_SECONDS = 0.15
State = tuple[str, Fingerprint, dict[str, int]]
"""Version, fingerprint and stated rows of what was read."""


@dataclass
class Seen:
    """What readers saw."""

    reads: int = 0
    versions: int = 0
    inconsistent: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    backwards: list[str] = field(default_factory=list)

    def failures(self) -> list[str]:
        return [
            *(f"inconsistent: {text}" for text in self.inconsistent),
            *(f"error: {text}" for text in self.errors),
            *(f"backwards: {text}" for text in self.backwards),
        ]


def state_of(marts: duckdb.DuckDBPyConnection) -> State:
    return version(marts), fingerprint(marts), stated_rows(marts)


def read_by_path(data_dir: str) -> State:
    """Read in a child process: nothing is open in it, or known to it, from the read before."""
    path = Path(data_dir, "published", CURRENT, DATABASE)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with os.fdopen(writing, "w") as answer:
            try:
                with duckdb.connect(str(path), read_only=True) as marts:
                    json.dump(state_of(marts), answer)
            except Exception as error:
                json.dump(f"{type(error).__name__}: {error}", answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    told = json.loads(said)
    if isinstance(told, str):
        raise RuntimeError(told)
    read, found, stated = told
    return read, {mart: tuple(state) for mart, state in found.items()}, stated


def poll(kind: str, data_dir: str, generations: dict[str, Fingerprint]) -> Seen:
    """Read again and again: once before this says that it is ready, once after the input is closed.

    So whatever becomes current in between is met, however slow a reader is.
    """
    seen, last, ended, held = Seen(), "", False, None
    while True:
        seen.reads += 1
        try:
            if kind == "path":
                read, found, stated = read_by_path(data_dir)
            else:
                marts = open_marts(data_dir)
                read, found, stated = state_of(marts)
                # The version read before stays open while the next is opened.
                held = marts
        except Exception as error:
            seen.errors.append(f"{kind}: {type(error).__name__}: {error}")
        else:
            rows = {name: count for name, (count, _) in found.items()}
            if rows != {name: count for name, count in stated.items() if name in rows} or (
                stated.keys() - rows != OF_THE_BUILD & stated.keys()
            ):
                seen.inconsistent.append(f"{read}: rows are not those of _meta_tables")
            differences = {name: differing(found, whole) for name, whole in generations.items()}
            if all(differences.values()):
                seen.inconsistent.append(f"{read}: not a whole generation: {differences}")
            if read < last:
                seen.backwards.append(f"{read} after {last}")
            seen.versions += read != last
            last = read
        if seen.reads == 1:
            print("ready", flush=True)
        if ended:
            del held
            return seen
        ended = bool(select.select([sys.stdin], [], [], PAUSE_SECONDS)[0])


@contextlib.contextmanager
def polling(
    shop: ShopDirectory, generations: dict[str, Fingerprint], readers: int = 1
) -> Iterator[Seen]:
    """Let readers of each kind poll during the block; what they saw is complete after it."""
    total = Seen()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(generations, file)
        file.flush()
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "faults.readers", kind, str(shop.path), file.name],
                cwd=ROOT,
                env=shop.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for kind in KINDS * readers
        ]
        for process in processes:
            process.stdout.readline()
        try:
            yield total
        finally:
            for process in processes:
                output, _ = process.communicate()
                if process.returncode != 0:
                    total.errors.append(f"a reader ended with {process.returncode}")
                    continue
                for name, value in json.loads(output).items():
                    setattr(total, name, getattr(total, name) + value)


if __name__ == "__main__":
    reader_kind, read_from, generations_file = sys.argv[1:]
    known = {
        name: {mart: tuple(state) for mart, state in marts.items()}
        for name, marts in json.loads(Path(generations_file).read_text()).items()
    }
    print(json.dumps(asdict(poll(reader_kind, read_from, known))))
