"""R10: fifty readers of the dashboard's own questions while version after version is published.

`python -m faults.crowd DATA_DIR THREADS` reads with so many threads of one process, as a
dashboard does, until its input is closed; then it prints what it measured as JSON.
"""

from __future__ import annotations

import json
import random
import select
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import duckdb
import pandas as pd

from customer_intelligence.publication.reader import current_version, cursor, open_marts

from .lab import Lab, Outcome
from .shop_directory import ROOT

THREADS, PROCESSES, PUBLICATIONS = 46, 4, 24
SECONDS_BETWEEN_PUBLICATIONS = 1.0
# A person looks at a page before asking for the next.
MEAN_SECONDS_BETWEEN_PAGES = 5.0
TARGET_MILLISECONDS = 250


class Reader(threading.local):
    """What one thread is reading from."""

    cursor: duckdb.DuckDBPyConnection
    milliseconds: list[float]


def dashboard_reader(reader: Reader) -> ModuleType:
    """Return the dashboard's own questions, asked through the reader's cursor and timed."""
    sys.path.append(str(ROOT / "dashboard"))
    import marts_reader

    def query(sql: str, **parameters: Any) -> pd.DataFrame:
        started = time.perf_counter()
        answer = reader.cursor.execute(sql, parameters).df()
        reader.milliseconds.append(1000 * (time.perf_counter() - started))
        return answer

    marts_reader.query = query
    marts_reader.later = lambda sql, **parameters: lambda: query(sql, **parameters)
    marts_reader.filters = lambda: {key: [] for key in marts_reader.FILTER_KEYS}
    return marts_reader


def pages(marts_reader: ModuleType) -> list[Callable[[], object]]:
    """Return for each page of the dashboard the questions that it asks."""
    everywhere = (
        marts_reader.build_info,
        marts_reader.segments,
        marts_reader.countries,
        marts_reader.risks,
        marts_reader.selection,
    )

    # Only now, so that they ask through the reader's cursor.
    from queries import about, churn, clusters, cohorts, customers, segments, value

    def overview_page() -> None:
        marts_reader.query("select * from rpt_kpis")
        marts_reader.query("select * from rpt_monthly_revenue order by month_start_date")
        marts_reader.query("select * from rpt_insights order by insight_order")

    def segments_page() -> None:
        for question in (segments.rfm_grid, segments.scores, segments.sizes,
                         segments.repurchase, segments.migration):  # fmt: skip
            question()
        segments.members(0, 0)
        for measure in ("days", "purchase_days", "spend"):
            segments.bands(measure, segments.edges(measure))
            segments.spread(measure)

    def clusters_page() -> None:
        for question in (clusters.clusters, clusters.cluster_choice, clusters.cluster_products,
                         clusters.clustered_customers, clusters.cluster_points,
                         clusters.cluster_cells, clusters.cluster_segments):  # fmt: skip
            question()

    def churn_page() -> None:
        segments.spread("probability")
        for question in (churn.value_at_risk, churn.forecast, churn.actions,
                         churn.churn_horizon, churn.churn_choice, churn.churn_leak,
                         churn.churn_importance, churn.churn_drivers, churn.origins,
                         churn.lost_revenue, churn.offer_terms):  # fmt: skip
            question()
        for question in (churn.churn_metrics, churn.churn_curve, churn.churn_gains):
            question("all_known")
        for question in (churn.churn_calibration, churn.churn_thresholds):
            question("all_known", "logistic_regression")
        churn.churn_confusion("all_known", "logistic_regression", 0.5)

    def value_page() -> None:
        for question in (value.by_segment, value.concentration, value.validation,
                         value.tracking, value.parameters):  # fmt: skip
            question()

    def customers_page() -> None:
        customers.actions()
        listed = customers.ranked("", [])
        customers.ranked_later("", [])()
        for question in (customers.profile, customers.orders, customers.reasons,
                         customers.action_of):  # fmt: skip
            question(listed["customer_id"].iloc[0])

    def about_page() -> None:
        for question in (about.dispositions, about.non_products, about.loads,
                         about.quarantine, about.models):  # fmt: skip
            question()

    def page(own: Callable[[], None]) -> Callable[[], None]:
        def ask() -> None:
            for question in everywhere:
                question()
            own()

        return ask

    return [
        page(own)
        for own in (overview_page, segments_page, clusters_page, churn_page, value_page,
                    cohorts.cohorts, customers_page, about_page)
    ]  # fmt: skip


class Crowd:
    """Threads that share one connection for each version, each with cursors of its own."""

    def __init__(self, data_dir: str, threads: int) -> None:
        self.data_dir = data_dir
        self.errors: list[str] = []
        self.query_milliseconds: list[float] = []
        self.page_milliseconds: list[float] = []
        self.versions: set[str] = set()
        self._reader = Reader()
        self._pages = pages(dashboard_reader(self._reader))
        self._connections: dict[str, duckdb.DuckDBPyConnection] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._read, args=(number,)) for number in range(threads)
        ]

    def read_until_input_is_closed(self) -> None:
        for thread in self._threads:
            thread.start()
        select.select([sys.stdin], [], [])
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _connection(self) -> duckdb.DuckDBPyConnection:
        version = current_version(self.data_dir)
        with self._lock:
            if version not in self._connections:
                # As the dashboard's cache: the last two versions stay open.
                for old in sorted(self._connections)[:-1]:
                    del self._connections[old]
                self._connections[version] = open_marts(self.data_dir)
                self.versions.add(version)
            return self._connections[version]

    def _read(self, number: int) -> None:
        draw = random.Random(number)
        self._reader.milliseconds = []
        while not self._stop.wait(draw.expovariate(1 / MEAN_SECONDS_BETWEEN_PAGES)):
            self._reader.milliseconds = []
            started = time.perf_counter()
            try:
                with cursor(self._connection()) as self._reader.cursor:
                    draw.choice(self._pages)()
            except Exception as error:
                self.errors.append(f"{type(error).__name__}: {error}")
            self.page_milliseconds.append(1000 * (time.perf_counter() - started))
            self.query_milliseconds += self._reader.milliseconds


def read_while_publishing(lab: Lab, name: str) -> Outcome:
    """Let fifty readers read while prepared marts are published again and again."""
    outcome, prepared = Outcome(), lab.prepared()
    shop = lab.shop(name)
    databases = []
    for generation in ("after", "before"):
        databases.append(shop.path / "build" / f"{generation}.duckdb")
        shutil.copyfile(getattr(prepared, generation).work_database, databases[-1])
    publications = lab.times(PUBLICATIONS, least=4)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "faults.crowd", str(shop.path), str(threads)],
            cwd=ROOT,
            env=shop.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for threads in (THREADS, *[1] * PROCESSES)
    ]
    step = lab.progress(f"{name}: publications in front of readers", publications)
    # Readers are there first.
    time.sleep(MEAN_SECONDS_BETWEEN_PAGES)
    for number in range(publications):
        ended = shop.publish(databases[number % 2])
        outcome.expect(ended.returncode == 0, f"R10: publishing {ended.tail()}")
        time.sleep(SECONDS_BETWEEN_PUBLICATIONS)
        step()
    queries, on_page = [], []
    for process in processes:
        output, _ = process.communicate()
        if not outcome.expect(process.returncode == 0, "harness: readers ended"):
            continue
        measured = json.loads(output)
        outcome.failures += [f"R10: {error}" for error in measured["errors"]]
        queries += measured["query_milliseconds"]
        on_page += measured["page_milliseconds"]
    outcome.counts["readers"] += THREADS + PROCESSES
    outcome.counts["publications"] += publications
    outcome.counts["queries"] += len(queries)
    outcome.counts["pages"] += len(on_page)
    outcome.notes.append(
        f"p95 of a query {percentile(queries):.0f} ms (target {TARGET_MILLISECONDS} ms), "
        f"of all queries of a page {percentile(on_page):.0f} ms"
    )
    shutil.rmtree(shop.path)
    return outcome


def percentile(values: list[float]) -> float:
    """Return the 95th percentile."""
    return sorted(values)[int(0.95 * len(values))] if values else float("nan")


if __name__ == "__main__":
    read_from, thread_count = sys.argv[1:]
    crowd = Crowd(read_from, int(thread_count))
    crowd.read_until_input_is_closed()
    measured_values = ("errors", "query_milliseconds", "page_milliseconds")
    print(json.dumps({name: getattr(crowd, name) for name in measured_values}))
