"""What this project does at the start and at the end of a dbt command, whichever engine works."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from customer_intelligence.data_dir import preflight
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.raw_schema import Shop
from customer_intelligence.publication.already_read import leave_note
from customer_intelligence.publication.gate import WORKING, end_command
from customer_intelligence.publication.project_parts import check_parts
from customer_intelligence.publication.publish import next_number
from customer_intelligence.publication.start import Started, start_run


class Command:
    """A dbt command in a data directory.

    Parameters
    ----------
    data_dir : Path
    """

    # Of a command whose start was refused: no version can be published under it.
    _number = 0
    _project_dir = Path()

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.started: Started | None = None

    def start(
        self,
        connection: duckdb.DuckDBPyConnection,
        request: dict[str, Any],
        find: Callable[..., Shop] | None = None,
    ) -> str:
        """Prepare the command, and take the number that the build would publish under.

        Before any model runs scikit-learn is loaded: two Python models that import it at the same
        moment, each in its own thread, see it half-initialised and fail. What only compiles runs
        none, and does not wait for it.

        Parameters
        ----------
        connection : DuckDBPyConnection
            Where the schema ``raw`` is made.
        request : dict
            What the macro `start_run` says.
        find : callable
            How to find the shop, see `start_run`.
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
        self.started = start_run(connection, self.data_dir, find=find, **request)
        self._number = next_number(self.data_dir)
        return json.dumps(
            {
                "source": self.started.words,
                "keeps_lines": self.started.already_read is not None,
            }
        )

    def end(self, connection: duckdb.DuckDBPyConnection, report: dict[str, Any]) -> str:
        """Publish if the command may, and let go of the data directory.

        Parameters
        ----------
        connection : DuckDBPyConnection
            Where the relations of the report are.
        report : dict
            What the macro `publish_marts` says.
        """
        errors = [result for result in report["results"] if result["status"] == "error"]
        as_of = report.pop("as_of")
        report["rules"] = self.started.lines.rules if self.started else ""
        if report["target"] is not None:
            report["target"] = str(self._project_dir / report["target"])
        try:
            if as_of and self.started is not None and self.started.is_whole:
                leave_note(connection, self.started.lines, as_of)
            return end_command(connection, self.data_dir, self._number, report)
        finally:
            preflight.end_run(self.data_dir, is_sound=not errors)


def answer(work: Callable[[], object]) -> str:
    """Return a result for a macro, or the error as text instead of a traceback."""
    try:
        result = work()
    except (CustomerIntelligenceError, OSError, duckdb.Error) as error:
        return json.dumps({"error": str(error)})
    return json.dumps({"result": None if result is None else str(result)})
