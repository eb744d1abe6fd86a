"""Whoever reads while versions are published, and with whatever tool, is told one version whole."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from postgres_server import PASSWORD, Server, running
from small_shop import QUESTIONS, SmallShop

from customer_intelligence.data_dir.layout import CURRENT, DATABASE, PUBLISHED
from customer_intelligence.publication.destinations import Destination, publish_to

PUBLICATIONS = 20
# The kernel stays, and its cells are run again and again.
NOTEBOOK = """
import json, pathlib, sys, time
data_dir, stop, *questions = sys.argv[1:]
cells = [
    "from customer_intelligence import open_marts; marts = open_marts(data_dir)",
    "frames = [marts.sql(question).df() for question in questions]",
    "print(json.dumps([str(frame.iloc[0, 0]).removesuffix('.0') for frame in frames]), flush=True)",
    "marts.close()",
]
while not pathlib.Path(stop).exists():
    for cell in cells:
        exec(cell)
    time.sleep(0.5)
"""
# It starts, answers and ends, as the command line of DuckDB does.
COMMAND = """
import json, sys, duckdb
path, *questions = sys.argv[1:]
with duckdb.connect(path, read_only=True) as marts:
    print(json.dumps([str(marts.execute(question).fetchone()[0]) for question in questions]))
"""
# A connection for each look at the figures, which are read in one transaction.
POSTGRES = """
import json, pathlib, sys, time, psycopg
url, stop, *questions = sys.argv[1:]
while not pathlib.Path(stop).exists():
    with psycopg.connect(url) as marts:
        told = [str(marts.execute(question).fetchone()[0]) for question in questions]
    print(json.dumps(told), flush=True)
    time.sleep(0.5)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as found:
        yield found


class Readers:
    """Programs that read until a file is there, and what they were told."""

    def __init__(self, stop) -> None:
        self._stop = stop
        self._threads: list[threading.Thread] = []
        self.told: dict[str, list[list[str]]] = {}
        self.errors: list[str] = []

    def start(self, name: str, program: str, *words: object, again: bool = False) -> None:
        """Start a program; one that ends by itself is started again and again."""
        self.told[name] = []

        def run() -> None:
            while True:
                ended = subprocess.run(
                    [sys.executable, "-c", program, *map(str, words), *QUESTIONS],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                self.told[name] += [json.loads(line) for line in ended.stdout.splitlines()]
                if ended.returncode:
                    self.errors.append(f"{name}: {ended.stderr}")
                if not again or self._stop.exists():
                    return
                time.sleep(1)

        self._threads.append(threading.Thread(target=run))
        self._threads[-1].start()

    def end(self) -> None:
        """Wait until all have ended."""
        self._stop.touch()
        for thread in self._threads:
            thread.join()


def test_all_tools_tell_the_same_figures_while_twenty_versions_are_published(
    server, tmp_path, monkeypatch
):
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    shop, stop, url = SmallShop(tmp_path / "shop"), tmp_path / "stop", server.url("postgres")
    shop.publish(90)
    publish_to(shop.data_dir, Destination(url))
    readers = Readers(stop)
    path = shop.data_dir / PUBLISHED / CURRENT / DATABASE
    readers.start("a notebook", NOTEBOOK, shop.data_dir, stop)
    readers.start("DuckDB", COMMAND, path, again=True)
    readers.start("Postgres", POSTGRES, url, stop)
    try:
        for number in range(1, PUBLICATIONS + 1):
            shop.publish(90 + 7 * number)
            publish_to(shop.data_dir, Destination(url))
    finally:
        readers.end()
    assert readers.errors == []
    assert {name: shop.mixtures(read) for name, read in readers.told.items()} == {
        name: [] for name in readers.told
    }
    # They were there all the time.
    versions = {name: len({told[0] for told in read}) for name, read in readers.told.items()}
    assert min(versions.values()) > PUBLICATIONS // 5, versions
