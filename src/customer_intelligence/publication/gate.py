"""Decide at the end of a dbt command whether it publishes, and report what readers see.

Only a `dbt build` of the whole project in which every node ran and passed publishes. Everything
else leaves readers with what they had, and ends with one sentence that says so and why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from customer_intelligence.data_dir.layout import CURRENT, DATABASE, PUBLISHED
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.publication.publish import Build, Table, publish
from customer_intelligence.publication.reader import READ_ERRORS, open_marts

# Commands that change the work database. Nobody expects the others to publish.
WORKING = ("build", "run", "test", "seed", "snapshot", "retry", "clone")
PASSED = ("success", "pass", "warn", "no-op")
BUILT = ("model", "test", "seed", "snapshot")
SEMANTICS = "semantic_manifest.json"  # dbt's name for it
_NAMES_SHOWN = 5


def end_command(
    connection: DuckDBPyConnection, data_dir: Path, number: int, report: Mapping[str, Any]
) -> str:
    """Publish if the command may, and return the sentence on what readers see now.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Open on the work database, outside any transaction.
    data_dir : Path
        The data directory.
    number : int
        The number that the command was given when it began.
    report : mapping
        What the macro `publish_marts` reports about the command: `command`, `started_at`,
        `invocation_id`, `publish_empty`; `narrowed`, the options that leave out a part;
        `target`, where dbt has written its semantic manifest, null where it writes none;
        `rules`, as `Build` takes them;
        `results` with `id`, `name`, `type` and `status`; `nodes` with `id`, `name` and `type` of
        all that is enabled; `models` and `keys` as `tables` takes them.

    Returns
    -------
    str
        Empty for a command that changes nothing.

    Raises
    ------
    CustomerIntelligenceError
        Those of `publish`; what they say ends with what readers see now.
    """
    if report["command"] not in WORKING:
        return ""
    reason = refusal(report)
    if reason is not None:
        return f"not published: {reason}; {readers_see(data_dir)}"
    build = Build(
        number=number,
        started_at=report["started_at"],
        invocation_id=report["invocation_id"],
        tests_passed=tests_passed(report["results"]),
        publish_empty=report["publish_empty"],
        semantics=_semantics(report["target"]),
        rules=report["rules"],
    )
    try:
        version = publish(connection, data_dir, build, tables(report["models"], report["keys"]))
    except CustomerIntelligenceError as error:
        raise CustomerIntelligenceError(
            error.code, error.what, f"{error.hint} Not published; {readers_see(data_dir)}."
        ) from error
    return (
        f"published: readers see version {version} from now on "
        f"({data_dir / PUBLISHED / CURRENT / DATABASE})"
    )


def _semantics(target: str | None) -> str:
    path = None if target is None else Path(target, SEMANTICS)
    return path.read_text("utf-8") if path is not None and path.is_file() else ""


def tests_passed(results: Sequence[Mapping[str, str]]) -> int:
    """Return how many data tests passed; unit tests see no data and do not count."""
    return sum(result["type"] == "test" and result["status"] == "pass" for result in results)


def refusal(report: Mapping[str, Any]) -> str | None:
    """Return the reason why a command does not publish, or None if it may."""
    if report["command"] != "build":
        return (
            f"`dbt {report['command']}` publishes nothing, only `dbt build` of the whole "
            "project does"
        )
    skipped = [result for result in report["results"] if result["status"] == "skipped"]
    failed = [
        result["name"]
        for result in report["results"]
        if result["status"] not in (*PASSED, "skipped")
    ]
    if failed or skipped:
        more = len(failed) - _NAMES_SHOWN
        names = ", ".join([*failed[:_NAMES_SHOWN], *([f"{more} more"] if more > 0 else [])])
        named = f" ({names})" if names else ""
        return f"{len(failed)} failed{named}, {len(skipped)} skipped"
    ran = {result["id"] for result in report["results"]}
    left_out = any(node["type"] in BUILT and node["id"] not in ran for node in report["nodes"])
    if left_out or report["narrowed"]:
        return (
            "this build was a part of the project; run `dbt build` without a selection to publish"
        )
    return None


def readers_see(data_dir: Path) -> str:
    """Return what readers see now, as a clause."""
    try:
        with open_marts(data_dir) as marts:
            version, built_at = marts.execute(
                "select version, strftime(built_at, '%Y-%m-%d %H:%M') from main._meta"
            ).fetchall()[0]
    except CustomerIntelligenceError as error:
        if error.code == "E_NOT_PUBLISHED":
            return "nothing is published yet"
        return f"readers see nothing ({error.code}: {error.what})"
    except (*READ_ERRORS, IndexError):
        return "readers see a damaged version"
    return f"readers still see version {version} of {built_at} UTC"


def tables(models: Sequence[Mapping[str, Any]], tests: Sequence[Mapping[str, Any]]) -> list[Table]:
    """Return what to publish, with the keys that were tested.

    Parameters
    ----------
    models : sequence of mapping
        `id`, `name`, `schema`, `relation`, `description` and `columns` (description by name).
    tests : sequence of mapping
        `kind`, `model` (an id) and `arguments` of each test of a key.
    """
    published = {model["name"] for model in models}
    return [
        Table(
            name=model["name"],
            relation=model["relation"],
            schema=model["schema"],
            description=model["description"],
            columns=model["columns"],
            keys=_keys(model, tests),
            foreign_keys=_foreign_keys(model, tests, published),
        )
        for model in models
    ]


def _keys(model: Mapping[str, Any], tests: Sequence[Mapping[str, Any]]) -> list[str]:
    found = set()
    for test in tests:
        if test["model"] == model["id"]:
            if test["kind"] == "is_unique_key":
                found.add(", ".join(test["arguments"]["column_names"]))
            elif test["kind"] == "unique":
                found.add(test["arguments"]["column_name"])
    return sorted(found)


def _foreign_keys(
    model: Mapping[str, Any], tests: Sequence[Mapping[str, Any]], published: set[str]
) -> list[str]:
    found = set()
    for test in tests:
        if test["model"] == model["id"] and test["kind"] == "relationships":
            column, field = test["arguments"]["column_name"], test["arguments"]["field"]
            target = re.fullmatch(r"ref\(['\"](\w+)['\"]\)", test["arguments"]["to"].strip())
            if target is not None and target[1] in published:
                found.add(f"{column} -> {target[1]}.{field}")
    return sorted(found)
