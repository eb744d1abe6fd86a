"""The dbt-duckdb plugin: the functions that this project's macros call while dbt runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError

from customer_intelligence.data_dir import lock, preflight
from customer_intelligence.data_dir.memory import MEMORY_VARIABLE, memory_limit
from customer_intelligence.dbt_command import Command, answer
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.publication.gate import readers_see
from customer_intelligence.variables import VARIABLES


class Plugin(BasePlugin):
    """Check the data directory before it is opened, and give SQL its functions."""

    def initialize(self, config: dict[str, Any]) -> None:  # noqa: ARG002
        """Check that a build can work, before dbt opens the work database."""
        # One for all connections.
        self._command = Command(self._data_dir())
        try:
            # Held from here on: between this check and the first hook another process could pass
            # the same check, and one of the two would end in DuckDB's own words.
            lock.acquire(self._data_dir())
            preflight.run(self._data_dir())
        except CustomerIntelligenceError as error:
            # Of this class dbt shows the words, of others a traceback.
            raise DbtRuntimeError(f"{error} ({readers_see(self._data_dir())})") from error

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Bound the memory, and register the functions; hooks work on cursors of their own."""
        try:
            conn.execute("set memory_limit = ?", [memory_limit()])
        except duckdb.Error as error:
            raise DbtRuntimeError(
                f"E_BAD_MEMORY: {MEMORY_VARIABLE} is no size of memory. Write, for example, 2GB."
            ) from error

        def start(request: str) -> str:
            return answer(lambda: self._command.start(conn.cursor(), json.loads(request)))

        def end(report: str) -> str:
            return answer(lambda: self._command.end(conn.cursor(), json.loads(report)))

        def names_of_vars() -> str:
            return answer(lambda: json.dumps(list(VARIABLES)))

        conn.create_function("names_of_vars", names_of_vars, [], "VARCHAR")
        conn.create_function("start_run", start, ["VARCHAR"], "VARCHAR", side_effects=True)
        conn.create_function("end_command", end, ["VARCHAR"], "VARCHAR", side_effects=True)

    def _data_dir(self) -> Path:
        if self.creds is None:
            raise TypeError("dbt has given the plugin no credentials")
        # The profile puts the work database into <data dir>/build.
        return Path(self.creds.path).parent.parent
