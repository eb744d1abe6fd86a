"""Truths about the project itself: strict parsing, descriptions, layers, what files may say."""

from __future__ import annotations

import graphlib
import json
import re
import tomllib

import dbt_process
import duckdb
import jinja2
import pytest
import yaml
from conftest import QUICK, ROOT, one_more_build, parse, run_dbt

import customer_intelligence
from tools import doc_tables, model_tables

# What each layer reads; evidence reads dimensions and snapshots of the marts besides.
LAYERS = {
    "staging": {"staging"},
    "intermediate": {"staging", "intermediate"},
    "ml": {"intermediate", "ml"},
    "marts": {"staging", "intermediate", "ml", "marts"},
    "evidence": {"staging", "intermediate", "ml", "evidence"},
    "findings": {"staging", "intermediate", "ml", "marts", "evidence", "findings"},
}
READ_BY_EVIDENCE = re.compile(r"dim_\w+|fct_customer_snapshots")
PUBLISHED = ("marts", "evidence", "findings")
MOST_LINES, MOST_CTES = 200, 15
# They resample what the models predict, and are rewritten together with the models.
GIANTS = {"ml_churn_metrics", "rpt_clv_validation"}


@pytest.fixture(scope="module")
def manifest(published_dir):
    return json.loads((published_dir / "build" / "target" / "manifest.json").read_text())


@pytest.fixture(scope="module")
def own(manifest):
    """Nodes of the project by kind."""
    return {
        kind: [n for n in manifest["nodes"].values() if n["resource_type"] == kind]
        for kind in ("model", "seed", "test")
    }


def test_strict_parsing_finds_no_deprecation():
    if QUICK:
        pytest.skip("runs dbt: make test")
    parsed = parse()
    assert (parsed / "code").read_text() == "0", (parsed / "said").read_text("utf-8")[-3000:]


@one_more_build
def test_few_vars_decide_on_what_is_parsed():
    """Else what a command kept of its parse would be wrong under others: see dbt_process."""
    variables = yaml.safe_load((ROOT / "dbt_project.yml").read_text("utf-8"))["vars"]
    assert variables.keys() > dbt_process.DECIDING
    others = {name: 7 for name in variables if name not in dbt_process.DECIDING}
    others |= {"as_of_date": "2011-09-10", "raw_relation": "till.shop.lines"}
    found = [
        {
            kind: {
                key: {name: value for name, value in node.items() if name != "created_at"}
                for key, node in manifest[kind].items()
            }
            for kind in ("nodes", "sources", "exposures", "metrics", "unit_tests")
        }
        for place in (parse(), parse(variables=others))
        for manifest in [json.loads((place / "build/target/manifest.json").read_text("utf-8"))]
    ]
    for kind, nodes in found[0].items():
        assert nodes.keys() == found[1][kind].keys()
        assert [key for key, node in nodes.items() if node != found[1][kind][key]] == []


def test_everything_is_described(manifest, own):
    silent = []
    for node in own["model"] + own["seed"]:
        silent += [node["name"]] * (not node["description"].strip())
        silent += [
            f"{node['name']}.{column['name']}"
            for column in node["columns"].values()
            if not column["description"].strip()
        ]
        silent += [f"{node['name']} names no columns"] * (not node["columns"])
    for macro in manifest["macros"].values():
        if macro["package_name"] == "customer_intelligence":
            silent += [macro["name"]] * (not macro["description"].strip())
            given = {argument["name"] for argument in macro["arguments"]}
            signature = re.search(
                rf"(?:macro|test) {macro['name'].removeprefix('test_')}\((.*?)\)",
                macro["macro_sql"],
                re.S,
            )
            asked = {part.split("=")[0].strip() for part in signature[1].split(",") if part.strip()}
            silent += [f"{macro['name']}({name})" for name in asked - given]
    assert silent == []


def test_the_documented_columns_are_those_of_the_tables(published_dir, own):
    result = run_dbt(published_dir, "docs", "generate", "--no-compile")
    assert result.returncode == 0, result.stdout[-3000:]
    catalog = json.loads((published_dir / "build" / "target" / "catalog.json").read_text())
    for node in own["model"]:
        found = [c.lower() for c in catalog["nodes"][node["unique_id"]]["columns"]]
        assert found == list(node["columns"]), node["name"]


def test_every_mart_has_an_enforced_contract_and_a_key(own):
    keys = {
        test["attached_node"]
        for test in own["test"]
        if (test.get("test_metadata") or {}).get("name") == "is_unique_key"
    }
    for node in own["model"]:
        # Lines are counted in the ledger, and this table is grouped by its key (DECISIONS 144).
        is_known = "line_id" in node["columns"] or node["name"] == "int_customer_products"
        assert is_known or node["unique_id"] in keys, (
            f"{node['name']} has no test of its key. Give it is_unique_key under data_tests in "
            f"{node['patch_path'].partition('://')[2]}."
        )
        # A step that reads marts lies beside the mart that it is part of: no layer before may.
        is_published = node["fqn"][1] in PUBLISHED and not node["name"].startswith("int_")
        assert node["config"]["contract"]["enforced"] == is_published, node["name"]
        assert (node["access"] == "public") == is_published, node["name"]


@pytest.mark.parametrize("document", model_tables.DOCUMENTS)
def test_every_published_table_answers_the_questions_that_the_documents_name(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    described = model_tables.descriptions(ROOT, document)
    assert len(described) > 15
    assert text == model_tables.filled(text, described), f"{document}: run `make tables`"


@pytest.mark.parametrize("room", ["queries", "charts"])
def test_every_query_and_every_chart_is_shown_on_a_page(room):
    sources = {path: path.read_text("utf-8") for path in (ROOT / "dashboard").rglob("*.py")}
    for path, source in sources.items():
        if path.parent.name != room:
            continue
        elsewhere = "".join(text for other, text in sources.items() if other != path)
        for name in re.findall(r"^def ([a-z]\w*)", source, re.MULTILINE):
            assert re.search(rf"\b{name}\b", elsewhere), (
                f"dashboard/{room}/{path.name}: no page calls {name}(). Call it in "
                f"dashboard/views/{path.name}, or remove it."
            )


def test_the_methodology_of_the_dbt_docs_is_that_of_the_documents():
    pages = (ROOT / "docs" / "methodology").glob("*.md")
    blocks = (ROOT / "models" / "methodology.md").read_text(encoding="utf-8")
    assert blocks == doc_tables.doc_blocks(pages), "run `make methodology`"
    assert "<!--" not in blocks


def test_data_flows_one_way(own):
    wrong = []
    for node, parent in _edges(own):
        is_allowed = parent["fqn"][1] in LAYERS[node["fqn"][1]]
        if node["fqn"][1] == "evidence":
            is_allowed |= READ_BY_EVIDENCE.fullmatch(parent["name"]) is not None
        if not is_allowed:
            wrong.append(f"{node['name']} reads {parent['name']}")
    assert wrong == []


def test_no_circle_leads_through_folders(own):
    reads = {}
    for node, parent in _edges(own):
        folder, other = ("/".join(n["fqn"][1:-1]) for n in (node, parent))
        reads.setdefault(folder, set()).update({other} - {folder})
    list(graphlib.TopologicalSorter(reads).static_order())


def test_the_name_of_a_model_says_its_layer(own):
    prefixes = {
        "staging": r"stg_[a-z]+__\w+",
        "intermediate": r"int_\w+",
        "ml": r"ml_\w+",
        "marts": r"(dim|fct|rpt)_\w+|build_info|int_\w+",
        "evidence": r"(fct|rpt)_\w+|customer_(cube|sample)",
        "findings": r"(rpt|int)_\w+",
    }
    assert [
        node["name"] for node in own["model"]
        if re.fullmatch(prefixes[node["fqn"][1]], node["name"]) is None
    ] == []  # fmt: skip
    assert len({node["name"] for node in own["model"]}) == len(own["model"])


def test_exposures_read_what_is_published(manifest):
    public = {
        key for key, node in manifest["nodes"].items()
        if node["resource_type"] != "model" or node["access"] == "public"
    }  # fmt: skip
    wrong = {
        exposure["name"]: private
        for exposure in manifest["exposures"].values()
        if (private := set(exposure["depends_on"]["nodes"]) - public)
    }
    assert wrong == {}


def test_every_published_table_is_read_by_somebody(manifest, own):
    """A page, a list, a metric or another model; the calendar is there for BI tools."""
    read = {
        parent
        for kind in ("nodes", "exposures", "semantic_models")
        for node in manifest[kind].values()
        if node["resource_type"] != "test"
        for parent in node["depends_on"].get("nodes", [])
    }
    unread = {
        node["name"] for node in own["model"]
        if node["access"] == "public" and node["unique_id"] not in read
    }  # fmt: skip
    assert unread == {"dim_dates"}, (
        f"nobody reads {', '.join(sorted(unread - {'dim_dates'}))}: name it in "
        "models/_exposures.yml under the page or report that does"
    )


def test_no_model_is_a_giant(own):
    cte = re.compile(r"^ {0,4}(?:with )?(?:\w+|\{\{ \w+ \}\}) as \($", re.M)
    giants = {
        node["name"]
        for node in own["model"]
        if node["raw_code"].count("\n") >= MOST_LINES
        or len(cte.findall(node["raw_code"])) > MOST_CTES
    }
    assert giants == GIANTS


def _edges(own):
    """Yield each model with each model that it reads."""
    by_id = {node["unique_id"]: node for node in own["model"]}
    for node in own["model"]:
        for parent in node["depends_on"]["nodes"]:
            if parent in by_id:
                yield node, by_id[parent]


def test_every_test_is_named_by_what_it_asserts(own):
    generated = re.compile(r"^(not_null|unique|accepted_values|relationships)_")
    assert [t["name"] for t in own["test"] if generated.match(t["name"])] == []


def test_no_model_is_pickled_and_no_file_names_this_machine():
    tracked = [
        path
        for folder in ("src", "models", "python_models", "macros", "seeds", "dashboard", "docs")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".sql", ".yml", ".md", ".csv", ".toml"}
    ]
    forbidden = re.compile(r"\b(import|from) (pickle|joblib|dill)\b|/home/\w|/root/|/tmp/\w")
    assert [str(p) for p in tracked if forbidden.search(p.read_text(encoding="utf-8"))] == []


def test_requirements_hold_names_versions_and_hashes_only():
    for name, least in (
        *(("requirements.txt", 50), ("requirements-dev.txt", 50)),
        *(("requirements-conventions.txt", 10), ("requirements-bench.txt", 1)),
        *(("requirements-spark.txt", 50), ("requirements-superset.txt", 100)),
    ):
        text = (ROOT / name).read_text()
        assert "://" not in text
        pinned = re.findall(r"^[a-z0-9][^\s=]*==\S+", text, re.M)
        assert len(pinned) == len(re.findall(r"^[a-z0-9]", text, re.M)) > least
        # dbt-bouncer and Superset need an earlier DuckDB, polars none.
        is_of_others = any(word in name for word in ("conventions", "superset", "bench"))
        assert (re.search(r"^duckdb==2\.0\.", text, re.M) is None) == is_of_others


def test_the_model_functions_know_no_engine_and_few_modules_know_dbt():
    package = ROOT / "src" / "customer_intelligence"
    imports = {
        path.relative_to(package).as_posix(): set(
            re.findall(r"^\s*(?:from|import) (\w+)", path.read_text("utf-8"), re.MULTILINE)
        )
        for path in package.rglob("*.py")
    }
    rooms = r"(churn|clusters|lifetime_value|scoring)/"
    functions = [name for name in imports if re.match(rooms, name)]
    assert len(functions) > 10
    assert not [name for name in functions if imports[name] & {"duckdb", "dbt"}]
    dbt = {"dbt", "dbt_common"}
    assert {name for name in imports if imports[name] & dbt} <= {
        *("dbt_plugin.py", "cli/parsed.py", "cli/project.py")
    }


def test_a_key_with_a_null_in_any_column_is_no_key():
    source = (ROOT / "tests" / "generic" / "is_unique_key.sql").read_text("utf-8")
    macro = source.replace("{% test ", "{% macro ").replace("{% endtest %}", "{% endmacro %}")
    render = jinja2.Environment(autoescape=False).from_string(macro).module
    for rows, wrong in (
        ("(1, 1), (1, 2)", 0),
        ("(1, 1), (1, 1)", 1),
        ("(null, 1), (1, 2)", 1),
        ("(1, null), (2, 2)", 1),
    ):
        query = render.is_unique_key(f"(values {rows}) as keyed(a, b)", ["a", "b"])
        with duckdb.connect() as database:
            assert len(database.execute(query).fetchall()) == wrong, rows


def test_dbt_and_the_dashboard_call_the_same_data_stale(manifest):
    [loads] = [source for source in manifest["sources"].values() if source["name"] == "loads"]
    script = (ROOT / "dashboard" / "main.py").read_text("utf-8")
    days = int(re.search(r"^STALE_DAYS = (\d+)$", script, re.MULTILINE)[1])
    assert loads["freshness"]["warn_after"] == {"count": days, "period": "day"}


def test_the_targets_dev_and_prod_differ_by_their_data_directory_alone():
    outputs = yaml.safe_load((ROOT / "profiles.yml").read_text("utf-8"))["customer_intelligence"][
        "outputs"
    ]
    dev, prod = ({**outputs[name]} for name in ("dev", "prod"))
    places = dev.pop("path"), prod.pop("path")
    assert dev == prod
    assert places[0].replace("/data/local", "/data/prod") == places[1] != places[0]


def test_a_release_has_one_version_and_the_changelog_tells_of_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    dbt_project = yaml.safe_load((ROOT / "dbt_project.yml").read_text("utf-8"))
    headings = re.findall(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert project["version"] == customer_intelligence.__version__ == dbt_project["version"]
    assert project["version"] == headings[0]
