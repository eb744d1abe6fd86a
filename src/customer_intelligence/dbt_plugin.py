"""The dbt-duckdb plugin: the functions that this project's macros call while dbt runs."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError
from scipy.special import chdtrc, chdtri

from customer_intelligence.data_dir import lock, preflight
from customer_intelligence.data_dir.memory import MEMORY_VARIABLE, memory_limit
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.publication.already_read import leave_note
from customer_intelligence.publication.gate import WORKING, end_command, readers_see
from customer_intelligence.publication.project_parts import check_parts
from customer_intelligence.publication.publish import next_number
from customer_intelligence.publication.start import Started, start_run
from customer_intelligence.variables import VARIABLES


class Plugin(BasePlugin):
    """Check the data directory before it is opened, and give SQL its functions."""

    # Of a command whose start was refused: no version can be published under it.
    _number = 0
    _started: Started | None = None
    _project_dir = Path()

    def initialize(self, config: dict[str, Any]) -> None:  # noqa: ARG002
        """Check that a build can work, before dbt opens the work database."""
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
            return _answer(lambda: self._start(conn.cursor(), json.loads(request)))

        def end(report: str) -> str:
            return _answer(lambda: self._end_command(conn.cursor(), json.loads(report)))

        def names_of_vars() -> str:
            return _answer(lambda: json.dumps(list(VARIABLES)))

        def chi_square_survival(statistic: float) -> float:
            return float(chdtrc(1, statistic))

        def chi_square_quantile(degrees_of_freedom: float, p_value: float) -> float:
            return float(chdtri(degrees_of_freedom, p_value))

        conn.create_function("chi_square_survival", chi_square_survival, ["DOUBLE"], "DOUBLE")
        conn.create_function(
            "chi_square_quantile", chi_square_quantile, ["DOUBLE", "DOUBLE"], "DOUBLE"
        )
        conn.create_function("names_of_vars", names_of_vars, [], "VARCHAR")
        conn.create_function("start_run", start, ["VARCHAR"], "VARCHAR", side_effects=True)
        conn.create_function("end_command", end, ["VARCHAR"], "VARCHAR", side_effects=True)

    def _start(self, cursor: duckdb.DuckDBPyConnection, request: dict[str, Any]) -> str:
        """Prepare the command, and take the number that the build would publish under.

        Before any model runs scikit-learn is loaded: two Python models that import it at the same
        moment, each in its own thread, see it half-initialised and fail. What only compiles runs
        none, and does not wait for it.
        """
        models, undescribed = request.pop("models"), request.pop("undescribed")
        self._project_dir = Path(request["project_dir"])
        if request["command"] in WORKING:
            churn_models = importlib.import_module("customer_intelligence.churn").models
            check_parts(
                self._project_dir,
                request["variables"],
                models,
                undescribed,
                churn_models.names(churn_models.MODELS),
            )
        self._started = start_run(cursor, self._data_dir(), **request)
        self._number = next_number(self._data_dir())
        return json.dumps(
            {
                "source": self._started.words,
                "keeps_lines": self._started.already_read is not None,
            }
        )

    def _end_command(self, cursor: duckdb.DuckDBPyConnection, report: dict[str, Any]) -> str:
        """Publish if the command may, and let go of the data directory."""
        errors = [result for result in report["results"] if result["status"] == "error"]
        as_of = report.pop("as_of")
        report["rules"] = self._started.lines.rules if self._started else ""
        if report["target"] is not None:
            report["target"] = str(self._project_dir / report["target"])
        try:
            if as_of and self._started is not None and self._started.is_whole:
                leave_note(cursor, self._started.lines, as_of)
            return end_command(cursor, self._data_dir(), self._number, report)
        finally:
            preflight.end_run(self._data_dir(), is_sound=not errors)

    def _data_dir(self) -> Path:
        if self.creds is None:
            raise TypeError("dbt has given the plugin no credentials")
        # The profile puts the work database into <data dir>/build.
        return Path(self.creds.path).parent.parent


def _answer(work: Callable[[], object]) -> str:
    """Return a result for a macro, or the error as text instead of a traceback."""
    try:
        result = work()
    except (CustomerIntelligenceError, OSError, duckdb.Error) as error:
        return json.dumps({"error": str(error)})
    return json.dumps({"result": None if result is None else str(result)})
