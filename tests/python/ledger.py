"""A shop's file through the ingest and the models of the ledger, in a fraction of a second.

`dbt compile` writes the SQL of the models once in a run of the tests; each case then loads its file
as a user would and runs that SQL, in the order of its references, on a database in memory::

    def test_three_scans_of_milk_are_three(ledger):
        shop = ledger("receipt,sold,sku,qty,price\\n1,2024-01-05,MILK,1,1.00\\n", mapping)
        assert shop.net_revenue == 3

`ledger` is the fixture of this name in ``conftest.py``. It takes the file's path, or its text, a
mapping (a dict of the keys of mapping.yml; None where a preset knows the header) and, in place of
one file, several; what ``shop.yml`` says later goes into `shop`. `Ledger` answers queries over all
models up to `TARGETS`, and has held them to the project's own tests of the ledger (`TESTS`).
"""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import yaml
from conftest import ROOT, once, run_dbt

from customer_intelligence.ingest import ingest_file
from customer_intelligence.ingest.mapping import mapping_of
from customer_intelligence.publication.start import start_run

CASES = ROOT / "tests" / "cases"
TARGETS = (
    *("fct_orders", "fct_returns", "dim_products", "rpt_line_dispositions", "rpt_quarantine"),
    *("rpt_order_statuses", "rpt_non_product_amounts", "rpt_monthly_revenue", "int_customer_days"),
)
TESTS = (
    "assert_no_line_and_no_penny_is_lost",
    "assert_returns_take_each_unit_once_and_later",
    "assert_sales_and_returns_equal_the_ledger",
)
SEARCH_PATH = "set search_path = 'marts,evidence,intermediate,staging,reference,raw'"
VARS = yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"]


def compiled(*wanted: str) -> list[tuple[str, str]]:
    """Return schema.name and SQL of models and of all that they read, in that order.

    By default these are `TARGETS`, and `TESTS` after them.
    """
    directory = once("compiled", _compile)
    models = json.loads((directory / "models.json").read_text())
    needed = set(wanted or (*TARGETS, *TESTS))
    for name, _, parents in reversed(models):
        if name.rpartition(".")[2] in needed:
            needed.update(parents)
    return [(name, sql) for name, sql, _ in models if name.rpartition(".")[2] in needed]


def _compile(directory: Path) -> None:
    wanted = [f"+{name}" for name in TARGETS]
    result = run_dbt(directory / "data", "compile", "--select", *wanted, *TESTS)
    assert result.returncode == 0, result.stdout[-4000:]
    target = directory / "data" / "build" / "target"
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    done: dict[str, tuple[str, str, list[str]]] = {}

    def visit(key: str) -> None:
        node = nodes.get(key)
        if node is None or key in done:
            return
        parents = [parent for parent in node["depends_on"].get("nodes", []) if parent in nodes]
        for parent in parents:
            visit(parent)
        if node["resource_type"] == "seed":
            types = node["config"]["column_types"]
            columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
            path = str(ROOT / node["original_file_path"])
            sql = f"from read_csv('{path}', header = true, columns = {{{columns}}})"
        else:
            sql = (ROOT / node["compiled_path"]).read_text()
        read = [nodes[parent]["name"] for parent in parents]
        done[key] = (f"{node['schema']}.{node['name']}", sql, read)

    by_name = {node["name"]: key for key, node in nodes.items()}
    for name in (*TARGETS, *TESTS):
        visit(by_name[name])
    (directory / "models.json").write_text(json.dumps(list(done.values())))


class Ledger:
    """The models of one shop."""

    def __init__(self, data_dir: Path, variables: Mapping[str, object], setup: str = "") -> None:
        (data_dir / "build").mkdir(parents=True, exist_ok=True)
        self.data_dir = data_dir
        self.connection = duckdb.connect()
        self.connection.execute(f"attach ':memory:' as warehouse; use warehouse; {setup}")
        start_run(
            self.connection,
            data_dir,
            project_dir=str(ROOT),
            variables={**VARS, **variables},
            given=list(variables),
            started_at="2030-01-01 00:00:00",
        )
        for name, sql in compiled():
            if name.rpartition(".")[2] in TESTS:
                assert self.rows(sql) == [], name
            else:
                self.connection.execute(f"create schema if not exists {name.partition('.')[0]}")
                self.connection.execute(f"create table {name} as {sql}")
        self.connection.execute(SEARCH_PATH)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        return self.connection.execute(query).fetchall()

    def value(self, query: str) -> Any:
        """Return the one value of a query."""
        ((value,),) = self.rows(query)
        return value

    @property
    def dispositions(self) -> dict[str, tuple[int, Decimal]]:
        """Lines and money of every disposition."""
        rows = self.rows("select disposition, lines, amount from rpt_line_dispositions")
        return {name: (lines, amount) for name, lines, amount in rows}

    @property
    def gross_revenue(self) -> Decimal:
        """What all orders came to, before returns."""
        return self.value("select coalesce(sum(gross_revenue), 0) from fct_orders")

    @property
    def net_revenue(self) -> Decimal:
        """What is left after returns and the discounts of customers."""
        return self.value("select coalesce(sum(net_revenue), 0) from rpt_monthly_revenue")

    @property
    def customers(self) -> dict[str, Decimal]:
        """Net revenue of each customer."""
        query = "select customer_id, sum(net_revenue) from int_customer_days group by all"
        return dict(self.rows(query))

    @property
    def purchase_days(self) -> dict[str, int]:
        """Days on which each customer bought something that was kept, at least on that day."""
        query = (
            "select customer_id, count(*) filter (has_purchase) from int_customer_days group by all"
        )
        return dict(self.rows(query))

    @property
    def orders(self) -> int:
        """Orders that are not void."""
        return self.value("select count(*) from fct_orders where not is_void")


class BuiltLedger(Ledger):
    """The same of a whole build."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        warehouse = data_dir / "build" / "warehouse.duckdb"
        self.connection = duckdb.connect(str(warehouse), read_only=True)
        self.connection.execute(SEARCH_PATH)


def read_ledger(
    files: Path | str | Sequence[Path | str],
    mapping: Mapping[str, Any] | None,
    data_dir: Path,
    *,
    shop: Mapping[str, Any] | None = None,
    variables: Mapping[str, object] | None = None,
) -> Ledger:
    """Load files into an empty data directory and run the models.

    Parameters
    ----------
    files : path, text, or a list of them
        A text is written to a file first.
    mapping : dict, optional
        Keys of mapping.yml.
    data_dir : Path
        Where to load to.
    shop : dict, optional
        What ``shop.yml`` says in place of what the first load wrote.
    variables : dict, optional
        Vars that are read when a command starts. Those that the SQL reads are the defaults.
    """
    said = None if mapping is None else mapping_of(mapping, "mapping.yml")
    for number, file in enumerate([files] if isinstance(files, Path | str) else files, start=1):
        if isinstance(file, str):
            path = data_dir.parent / f"{data_dir.name}-{number}.csv"
            path.write_text(re.sub(r"^ +", "", file, flags=re.M), encoding="utf-8")
            file = path
        ingest_file(file, data_dir, said)
    if shop is not None:
        (data_dir / "shop.yml").write_text(yaml.safe_dump(dict(shop)), encoding="utf-8")
    return Ledger(data_dir, variables or {})
