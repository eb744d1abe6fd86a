"""The dbt-duckdb plugin: what the macros of this project call while dbt runs."""

from __future__ import annotations

import datetime as dt
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError

from customer_intelligence import lock, preflight
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.gate import end_command, readers_see
from customer_intelligence.ingest.relation import relation_query
from customer_intelligence.ingest.shop import read_vars
from customer_intelligence.marts import previous_clusters
from customer_intelligence.publish import next_number


class Plugin(BasePlugin):
    """Check the data directory before it is opened, and give SQL its functions."""

    def initialize(self, config: dict[str, Any]) -> None:
        """Check that a build can work, before dbt opens the work database.

        scikit-learn is loaded here, in the main thread: two Python models that import it at
        the same moment, each in its own thread, see it half-initialised and fail.
        """
        try:
            # Held from here on: between this check and the first hook another process could pass
            # the same check, and one of the two would end in DuckDB's own words.
            lock.acquire(self._data_dir())
            preflight.run(self._data_dir())
        except CustomerIntelligenceError as error:
            # Of this class dbt shows the words, of others a traceback.
            raise DbtRuntimeError(f"{error} ({readers_see(self._data_dir())})") from error
        importlib.import_module("customer_intelligence.churn")

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Register the functions; each works on a cursor with a transaction of its own."""

        def begin_run() -> str:
            return _answer(self._begin_run)

        def clusters_before() -> str:
            return _answer(lambda: json.dumps(previous_clusters(self._data_dir())))

        def end(report: str) -> str:
            return _answer(lambda: self._end_command(conn.cursor(), json.loads(report)))

        def raw_lines_of_relation(relation: str, latest: dt.datetime) -> str:
            return _answer(lambda: relation_query(conn.cursor(), relation, latest))

        def shop_vars() -> str:
            return _answer(lambda: json.dumps(read_vars(self._data_dir() / "raw")))

        conn.create_function("shop_vars", shop_vars, [], "VARCHAR", side_effects=True)
        conn.create_function("begin_run", begin_run, [], "VARCHAR", side_effects=True)
        conn.create_function("end_command", end, ["VARCHAR"], "VARCHAR", side_effects=True)
        conn.create_function("previous_clusters", clusters_before, [], "VARCHAR", side_effects=True)
        conn.create_function(
            "raw_lines_of_relation",
            raw_lines_of_relation,
            ["VARCHAR", "TIMESTAMP"],
            "VARCHAR",
            side_effects=True,
        )

    def _begin_run(self) -> None:
        """Hold the data directory, and take the number that the build would publish under."""
        preflight.begin_run(self._data_dir())
        self._number = next_number(self._data_dir())

    def _end_command(self, cursor: duckdb.DuckDBPyConnection, report: dict[str, Any]) -> str:
        """Publish if the command may, and let go of the data directory."""
        errors = [result for result in report["results"] if result["status"] == "error"]
        try:
            return end_command(cursor, self._data_dir(), self._number, report)
        finally:
            preflight.end_run(self._data_dir(), is_sound=not errors)

    def _data_dir(self) -> Path:
        # The profile puts the work database into <data dir>/build.
        return Path(self.creds.path).parent.parent


def _answer(work: Callable[[], object]) -> str:
    """Return what a macro needs: the result, or the error in words instead of a traceback."""
    try:
        result = work()
    except (CustomerIntelligenceError, OSError, duckdb.Error) as error:
        return json.dumps({"error": str(error)})
    return json.dumps({"result": None if result is None else str(result)})
