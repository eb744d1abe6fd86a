"""Shops that grow load by load, through the tables of lines in a fraction of a second.

`dbt compile` writes the SQL of the models twice: as they are made anew, and as they are brought up
to date. `Growing` runs either on a database in memory. What the note of the last build says
(`publication.already_read`) is played here, as the loads are.
"""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import duckdb
import jinja2
from conftest import ROOT, once, run_dbt
from ledger import TARGETS, VARS

from customer_intelligence.ingest.raw_schema import LATER_COLUMNS, LOAD_COLUMNS
from customer_intelligence.publication.start import start_run

MODELS = (*TARGETS, "rpt_loads")
_NULL_DATE, _MACROS = "cast(null as date)", ("last_load_read", "of_changed", "forget_changed")


class Model:
    """A model as dbt compiles it."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.name, self.schema, self.kind = said["name"], said["schema"], said["kind"]
        self.anew, self.added, self.forgotten = said["anew"], said["added"], said["forgotten"]

    @property
    def relation(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"


def models(as_of: dt.date | None = None) -> list[Model]:
    """Return the models, each after all that it reads."""
    said = json.loads((once("incremental", _compile) / "models.json").read_text())
    if as_of is not None:
        for model in said:
            for form in ("anew", "added"):
                model[form] = model[form].replace(_NULL_DATE, f"date '{as_of}'")
    return [Model(model) for model in said]


def _compile(directory: Path) -> None:
    wanted = ("--select", *(f"+{name}" for name in MODELS))
    data_dir = directory / "data"

    def nodes() -> dict[str, Any]:
        result = run_dbt(data_dir, "compile", *wanted)
        assert result.returncode == 0, result.stdout[-4000:]
        manifest = json.loads((data_dir / "build" / "target" / "manifest.json").read_text())
        return {
            key: node | {"sql": (ROOT / node["compiled_path"]).read_text()}
            for key, node in manifest["nodes"].items()
            if node.get("compiled_path") and node["resource_type"] == "model"
        }

    anew = nodes()
    with duckdb.connect(str(data_dir / "build" / "warehouse.duckdb")) as warehouse:
        warehouse.execute("create schema if not exists intermediate")
        for node in anew.values():
            if node["config"]["materialized"] == "incremental":
                warehouse.execute(f"create table {node['schema']}.{node['name']} (found integer)")
    added = nodes()
    ordered: list[str] = []

    def visit(key: str) -> None:
        if key in anew and key not in ordered:
            for parent in anew[key]["depends_on"]["nodes"]:
                visit(parent)
            ordered.append(key)

    for key in anew:
        visit(key)
    (directory / "models.json").write_text(
        json.dumps(
            [
                {
                    "name": anew[key]["name"],
                    "schema": anew[key]["schema"],
                    "kind": anew[key]["config"]["materialized"],
                    "anew": anew[key]["sql"],
                    "added": added[key]["sql"],
                    "forgotten": [_hook(hook["sql"], anew[key]) for hook in _hooks(anew[key])],
                }
                for key in ordered
            ]
        )
    )


def _hooks(node: dict[str, Any]) -> list[dict[str, Any]]:
    return node["config"]["pre-hook"]


def _hook(text: str, node: dict[str, Any]) -> str:
    """Render a hook with the macros of the project, as dbt does where the table is there."""
    macros = "".join((ROOT / "macros" / f"{name}.sql").read_text() for name in _MACROS)
    return (
        jinja2.Environment()
        .from_string(macros + text)
        .render(
            none=None,
            is_incremental=lambda: True,
            this=f"{node['schema']}.{node['name']}",
            ref=lambda name: f"intermediate.{name}",
            source=lambda schema, name: f"raw.{name}",
        )
    )


class Growing:
    """A shop whose loads come one after the other."""

    def __init__(self, data_dir: Path, rules: str, as_of: dt.date | None) -> None:
        (data_dir / "build").mkdir(parents=True, exist_ok=True)
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("attach ':memory:' as warehouse; use warehouse")
        self.models = models(as_of)
        start_run(
            self.connection,
            data_dir,
            project_dir=str(ROOT),
            variables=VARS,
            given=[],
            started_at="2030-01-01 00:00:00",
        )
        later = ", ".join(f"cast(null as {kind}) as {name}" for name, kind in LATER_COLUMNS.items())
        self.connection.execute(
            f"""
            create table all_lines as
            select {later} where false union all by name (from raw.invoice_lines where false);
            update raw.shop_rules set {rules};
            drop view raw.invoice_lines; create view raw.invoice_lines as from all_lines;
            delete from raw.loads; create schema reference; create schema staging;
            create schema intermediate; create schema marts; create schema evidence;
            """
        )
        for seed in (ROOT / "seeds").glob("*.csv"):
            self.connection.execute(
                f"create table reference.{seed.stem} as from read_csv('{seed}', header = true)"
            )
        self.read = 0

    def load(self, number: int, lines: list[dict[str, Any]]) -> None:
        """Add a load."""
        for record, line in enumerate(lines, start=1):
            row = {
                "load_number": number,
                "load_id": f"{number:04d}",
                "record_number": record,
            } | line
            self.connection.execute(
                f"insert into all_lines by name select {', '.join(f'${n} as {n}' for n in row)}",
                row,
            )
        row = dict.fromkeys(LOAD_COLUMNS) | {"load_id": f"{number:04d}", "load_number": number}
        row["records"] = len(lines)
        self._insert("raw.loads", row)

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        columns = ", ".join(f"${name} as {name}" for name in row)
        self.connection.execute(f"insert into {table} by name select {columns}", row)

    def build(self, *, anew: bool) -> None:
        """Make the tables anew, or bring them up to date."""
        self.connection.execute("delete from raw.already_read")
        if not anew:
            self.connection.execute(
                "insert into raw.already_read select $read, first_invoice_date, "
                "last_invoice_date, as_of_date from intermediate.int_as_of",
                {"read": self.read},
            )
        for model in self.models:
            if model.kind == "incremental" and not anew:
                for sql in model.forgotten:
                    self.connection.execute(sql)
                self.connection.execute(f"create or replace temp table added as {model.added}")
                self.connection.execute(f"insert into {model.relation} by name from temp.added")
            else:
                kind = "view" if model.kind == "view" else "table"
                self.connection.execute(
                    f"create or replace {kind} {model.relation} as {model.anew}"
                )
        (self.read,) = self.connection.execute("select max(load_number) from raw.loads").fetchone()

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return the rows of all tables, sorted."""
        return {
            model.name: self.connection.execute(f"from {model.relation} order by all").fetchall()
            for model in self.models
            if model.kind != "view" and model.name != "int_changed_lines"
        }
