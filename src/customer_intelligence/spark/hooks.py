"""What the project does on Spark when a dbt command begins and ends."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from customer_intelligence.data_dir import lock, preflight
from customer_intelligence.data_dir.layout import BUILD
from customer_intelligence.data_dir.memory import memory_limit
from customer_intelligence.dbt_command import Command, answer
from customer_intelligence.ingest.raw_schema import Shop
from customer_intelligence.publication.gate import WORKING, refusal
from customer_intelligence.publication.start import find_shop_to_build
from customer_intelligence.quoting import identifier
from customer_intelligence.spark.arrow import from_spark
from customer_intelligence.spark.raw import hand_over, lines_of_loads
from customer_intelligence.spark.relation import shop_of_table
from customer_intelligence.spark.session import spoken
from customer_intelligence.variables import VARIABLES


class SparkCommand:
    """A dbt command whose models run on Spark.

    Parameters
    ----------
    data_dir : Path
        With loads, rules and what is published.
    schema : str
        Start of the names of all schemas on Spark.
    session : callable
        How to get the session.
    """

    def __init__(self, data_dir: Path, schema: str, session: Callable[[], Any]) -> None:
        self._command = Command(data_dir)
        self._schema = schema
        self._session = session
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._shop: Shop | None = None
        self._lines: Any = None

    def call(self, function: str, request: str) -> str:
        """Do what a macro asks for; return the answer as JSON.

        Parameters
        ----------
        function : str
            `names_of_vars`, `start_run` or `end_command`.
        request : str
            JSON, see the macros of these names.
        """
        if function == "names_of_vars":
            return answer(lambda: json.dumps(list(VARIABLES)))
        if function == "start_run":
            return answer(lambda: self._start(json.loads(request)))
        if function == "end_command":
            return answer(lambda: self._end(json.loads(request)))
        raise ValueError(f"a macro asks for {function!r}, which nobody answers")

    def _start(self, request: dict[str, Any]) -> str:
        data_dir, command = self._command.data_dir, request["command"]
        (data_dir / BUILD).mkdir(parents=True, exist_ok=True)
        lock.acquire(data_dir)
        preflight.run(data_dir)
        self._connection = duckdb.connect(
            config={"memory_limit": memory_limit(), "temp_directory": str(data_dir / BUILD / "tmp")}
        )
        self._connection.execute("set TimeZone = 'UTC'")
        started = self._command.start(self._connection, request, self._find)
        session = self._session()
        if command in WORKING:
            if self._lines is None and self._shop is not None:
                self._lines = lines_of_loads(session, self._shop)
            hand_over(self._connection, session, f"{self._schema}_raw", self._lines)
        return started

    def _find(
        self,
        connection: duckdb.DuckDBPyConnection,
        data_dir: Path,
        relation: object,
        latest: dt.datetime,
        project: Path,
    ) -> Shop:
        if relation is None:
            self._shop = find_shop_to_build(connection, data_dir, relation, latest, project)
        else:
            self._shop, self._lines = shop_of_table(
                connection, self._session(), data_dir, str(relation), latest
            )
        return self._shop

    def _end(self, report: dict[str, Any]) -> str:
        # The tables of Spark are built whole each time: there is nothing to note.
        report["as_of"] = None
        connection = self._connection or duckdb.connect()
        try:
            if report["command"] in WORKING and refusal(report) is None:
                self._fetch(connection, report["models"])
            return self._command.end(connection, report)
        finally:
            self._connection = None
            with contextlib.suppress(duckdb.Error):
                connection.close()

    def _fetch(self, connection: duckdb.DuckDBPyConnection, models: list[dict[str, Any]]) -> None:
        """Copy the tables to publish into DuckDB, one after the other."""
        session = self._session()
        connection.execute("create schema fetched")
        for model in models:
            with spoken(
                f"The table {model['relation']} cannot be read from Spark",
                "Fix the cause, then build again.",
            ):
                table = from_spark(session.table(model["relation"]))
            model["relation"] = f"fetched.{identifier(model['name'])}"
            connection.register("arrived", table)
            connection.execute(f"create table {model['relation']} as from arrived")
            connection.unregister("arrived")
