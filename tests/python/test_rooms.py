"""The package in rooms: each imports only what lies before it, and none spells another's names."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from conftest import ROOT

from customer_intelligence.data_dir import layout

PACKAGE = ROOT / "src" / "customer_intelligence"
# The arrows between rooms, as they are: what a room imports, wherever it does so.
ARROWS = {
    "errors": set(),
    "quoting": set(),
    "frames": set(),
    "sources": set(),
    "variables": {"errors"},
    "data_dir": {"errors"},
    "ingest": {"data_dir", "errors", "quoting"},
    "check_data": {"data_dir", "errors", "ingest", "quoting"},
    "publication": {"data_dir", "errors", "ingest", "quoting", "sources", "variables"},
    "lists": {"data_dir", "errors", "ingest", "publication", "quoting"},
    "metrics": {"errors", "lists", "quoting"},
    "agents": {"data_dir", "errors", "ingest", "lists", "metrics", "publication"},
    "erasure": {"data_dir", "errors", "ingest", "lists", "publication"},
    "clusters": {"frames"},
    "lifetime_value": {"frames"},
    "scoring": {"lifetime_value"},
    "churn": {"errors", "frames", "lifetime_value", "scoring"},
    "dbt_command": {"churn", "data_dir", "errors", "ingest", "publication"},
    "dbt_plugin": {"data_dir", "dbt_command", "errors", "publication", "variables"},
    "spark": {
        *("data_dir", "dbt_command", "errors", "ingest", "publication", "quoting", "variables"),
    },
    "cli": {
        *("agents", "check_data", "data_dir", "erasure", "errors", "ingest", "lists", "metrics"),
        *("publication", "sources", "variables"),
    },
    "__init__": {"publication"},
    "__main__": {"cli"},
}
# With more, a module is several.
MOST_LINES = 480


def modules() -> dict[str, Path]:
    """Return the modules of the package by name, `ingest.load` and so on."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def imports(path: Path, *, lazy: bool = True) -> Iterator[str]:
    """Yield what a file imports; without `lazy`, what it imports when it is imported itself."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree) if lazy else tree.body:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "importlib.import_module":
            # A name that is put together is one of the room's own.
            yield from (word.value for word in node.args if isinstance(word, ast.Constant))


def own(name: str) -> str | None:
    """Return the module of the package that an import names, with what is taken from it."""
    package, _, rest = name.partition(".")
    return rest if package == "customer_intelligence" else None


def test_each_room_imports_what_its_arrows_say_and_nothing_comes_back():
    found = {
        room: {
            imported.split(".")[0]
            for name, path in modules().items()
            if name.split(".")[0] == room
            for imported in filter(None, map(own, imports(path)))
        }
        - {room}
        for room in ARROWS
    }
    assert found == ARROWS
    assert {name.split(".")[0] for name in modules()} == set(ARROWS)
    # Raises where arrows run in a circle.
    TopologicalSorter(ARROWS).prepare()


def test_no_two_modules_import_each_other():
    known = modules()
    graph = {
        name: {
            imported if imported in known else imported.rpartition(".")[0]
            for imported in filter(None, map(own, imports(path, lazy=False)))
        }
        - {name}
        for name, path in known.items()
    }
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("part", ["src", "dashboard", "python_models"])
def test_the_product_imports_neither_tests_nor_tools(part):
    for path in (ROOT / part).rglob("*.py"):
        roots = {name.split(".")[0] for name in imports(path)}
        assert not roots & {"tests", "tools", "benchmarks", "conftest"}, path


def test_only_the_layout_spells_names_of_the_data_directory():
    names = {
        value
        for name, value in vars(layout).items()
        if name.isupper() and isinstance(value, str) and not name.endswith("_VARIABLE")
    }
    assert {"raw", "published", "shop.yml", "current", "warehouse.duckdb"} <= names
    for part in ("src", "dashboard"):
        for path in (ROOT / part).rglob("*.py"):
            if path == Path(layout.__file__):
                continue
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                joined = node.right if isinstance(node, ast.BinOp) else node
                is_path = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
                if isinstance(joined, ast.Constant) and joined.value in names:
                    # Words such as `build` mean other things, too, where no path is joined.
                    spelled = is_path or "." in joined.value
                    assert not spelled, f"{path}:{node.lineno} spells {joined.value!r}"


def test_no_module_is_too_long_to_read():
    assert [
        str(path)
        for path in PACKAGE.rglob("*.py")
        if len(path.read_text("utf-8").splitlines()) > MOST_LINES
    ] == []


# ---------- what each installation brings


ONLY = """
import importlib.abc, sys, time
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        own = {"click", "duckdb", "customer_intelligence"} | sys.stdlib_module_names
        if root not in own and not root.startswith("_"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
"""


def with_the_base_only(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program as where nothing but click, DuckDB and this package is installed."""
    return subprocess.run(
        [sys.executable, "-c", ONLY + program, *map(str, arguments)], capture_output=True, text=True
    )


def test_the_package_is_imported_at_once():
    program = (
        "started = time.process_time()\nimport customer_intelligence\n"
        "print(time.process_time() - started)"
    )
    assert float(with_the_base_only(program).stdout) < 0.3


@pytest.mark.slow
def test_the_base_installation_reads_marts_and_writes_lists(published_dir, tmp_path):
    program = (
        "from customer_intelligence import open_marts\n"
        "marts = open_marts(sys.argv[1])\n"
        "print(marts.execute('select count(*) > 1000, sum(net_revenue) > 0 from fct_orders')"
        ".fetchone())"
    )
    result = with_the_base_only(program, published_dir)
    assert result.stdout == "(True, True)\n", result.stderr
    command = "from customer_intelligence.cli.commands import main\nsys.exit(main(sys.argv[1:]))"
    place = f"--data-dir={published_dir}"
    for words in (
        ("versions", place),
        ("export", place, f"--out={tmp_path / 'customers.csv'}", "dim_customers"),
        ("audience", place, f"--out={tmp_path / 'left.csv'}", "2011-06-30", "2011-09-30"),
    ):
        result = with_the_base_only(command, *words)
        assert result.returncode == 0, result.stderr


LACKING = {
    "build": [
        *(["build"], ["build", "lines.csv"], ["check-data", "lines.csv"], ["shop"], ["docs"]),
        *(["forget", "17850"], ["campaign", "--out=contacts.csv"], ["data", "--out=lines.parquet"]),
    ],
    "dashboard": [["dashboard"], ["report"]],
    "postgres": [["publish", "--to=postgresql://shop@localhost/marts"]],
    "semantic": [["metrics"]],
    "mcp": [["mcp"]],
}


def test_a_command_names_the_extra_that_it_lacks(tmp_path):
    program = (
        "import json, os\n"
        "os.chdir(sys.argv[1])\n"
        "from customer_intelligence.cli.commands import main\n"
        "for words in json.loads(sys.argv[2]):\n"
        "    print('ended', main(words), *words, file=sys.stderr)\n"
    )
    asked = [words for commands in LACKING.values() for words in commands]
    told = with_the_base_only(program, tmp_path, json.dumps(asked)).stderr.splitlines()
    hints = {extra: f"python -m pip install 'customer-intelligence[{extra}]'." for extra in LACKING}
    assert told[1::2] == [" ".join(["ended", "2", *words]) for words in asked]
    assert all(line.startswith("E_NO_EXTRA: ") for line in told[::2])
    expected = [hints[extra] for extra, commands in LACKING.items() for _ in commands]
    assert [line[-len(hint) :] for line, hint in zip(told[::2], expected, strict=True)] == expected
