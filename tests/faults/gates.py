"""R2 and R5: what did not pass whole is not published, and what is refused changes nothing."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .lab import Lab, Outcome, copied_project, heal_build
from .shop_directory import TESTS, ShopDirectory, tree_hash

PART = "not published: this build was a part of the project"
FAILED = "readers still see version"


@dataclass(frozen=True)
class Attempt:
    """A command that must not publish.

    Parameters
    ----------
    arguments : tuple of str
        Arguments of dbt.
    says : str
        Words that the output holds.
    variables, environment : mapping
        dbt vars and environment variables on top.
    files : mapping of str to str
        Files of the project that are new or other than they should be.
    interrupted_after : float, optional
        Seconds until Ctrl-C.
    """

    arguments: tuple[str, ...]
    says: str
    variables: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    interrupted_after: float | None = None

    def __str__(self) -> str:
        parts = [*self.arguments, *map(str, self.variables.items()), *self.files]
        parts += [f"{name}={value}" for name, value in self.environment.items()]
        parts += ["Ctrl-C"] if self.interrupted_after else []
        return f"dbt {' '.join(parts)}"


BROKEN = "models/marts/core/rpt_broken"
NO_CONTRACT = "{{ config(contract={'enforced': false}) }}\n"
ONE = NO_CONTRACT + "select as_of_date, 1 as one, null as nothing from {{ ref('int_as_of') }}\n"
FAILING_TEST = {"tests/marts/assert_never.sql": "select 1 as row_that_fails\n"}
MENDED_TEST = {"tests/marts/assert_never.sql": "select 1 as no_row where false\n"}
DISABLED = "{{ config(enabled=false) }}\nselect 1\n"
ATTEMPTS = (
    # A part of the project, however it is named.
    Attempt(("build", "--select", "rpt_kpis"), PART),
    Attempt(("build", "--select", "path:models/marts"), PART),
    Attempt(("build", "--select", "rpt_insights", "--indirect-selection", "empty"), PART),
    Attempt(("build", "--exclude", "rpt_insights"), PART),
    Attempt(("build", "--exclude-resource-type", "test"), PART),
    Attempt(("build", "--exclude-resource-type", "unit_test"), PART),
    Attempt(("build", "--resource-type", "model"), PART),
    Attempt(("build", "--resource-type", "seed"), PART),
    Attempt(("build",), PART, environment={"DBT_EXCLUDE_RESOURCE_TYPES": "unit_test"}),
    Attempt(("build", "--empty"), "not published: "),
    Attempt(
        ("build", "--selector", "figures"),
        PART,
        files={
            "selectors.yml": "selectors: [{name: figures, "
            "definition: {method: fqn, value: rpt_kpis}}]"
        },
    ),
    Attempt(
        ("build",),
        PART,
        files={
            "selectors.yml": "selectors: [{name: figures, default: true, "
            "definition: {method: fqn, value: rpt_kpis}}]"
        },
    ),
    # Commands that are no build.
    Attempt(("run",), "not published: `dbt run` publishes nothing"),
    Attempt(("test",), "not published: `dbt test` publishes nothing"),
    Attempt(("seed",), "not published: `dbt seed` publishes nothing"),
    Attempt(("compile",), ""),
    Attempt(("run-operation", "publish_marts", "--args", "{results: []}"), ""),
    # Tests that fail.
    Attempt(("build",), FAILED, files=FAILING_TEST),
    Attempt(("retry",), "", files=MENDED_TEST),
    Attempt(("build", "--fail-fast"), FAILED, files=FAILING_TEST),
    Attempt(
        ("build",),
        FAILED,
        files={
            f"{BROKEN}.sql": ONE,
            f"{BROKEN}.yml": "models: [{name: rpt_broken, columns: "
            "[{name: nothing, data_tests: [not_null]}]}]",
        },
    ),
    Attempt(
        ("build",),
        FAILED,
        files={
            f"{BROKEN}.sql": ONE,
            f"{BROKEN}.yml": "unit_tests: [{name: one_is_two, model: rpt_broken, "
            "given: [{input: ref('int_as_of'), rows: [{as_of_date: 2011-12-09}]}], "
            "expect: {rows: [{one: 2}]}}]",
        },
    ),
    Attempt(("build",), "E_BAD_VARS", variables={"offer_cost": "1 + 1"}),
    Attempt(("build",), FAILED, variables={"as_of_date": "2001-01-01"}),
    # What fails while it is built.
    Attempt(
        ("build",), FAILED, files={f"{BROKEN}.sql": NO_CONTRACT + "select error('broken') as one"}
    ),
    Attempt(
        ("build",),
        "This model has an enforced contract that failed",
        files={
            f"{BROKEN}.sql": "select 'text' as one",
            f"{BROKEN}.yml": "models: [{name: rpt_broken, config: {contract: {enforced: true}}, "
            "columns: [{name: one, data_type: integer}]}]",
        },
    ),
    Attempt(
        ("build",),
        FAILED,
        files={
            "python_models/ml/clusters/ml_broken.py": "def model(dbt, session):\n"
            "    dbt.config(materialized='table')\n"
            "    frame = dbt.ref('int_as_of').df()\n"
            "    frame['missing'].sum()\n"
            "    return frame\n"
        },
    ),
    Attempt(
        ("build",),
        FAILED,
        files={
            "seeds/broken.csv": "number\none\n",
            "seeds/broken.yml": "seeds: [{name: broken, "
            "config: {column_types: {number: integer}}}]",
        },
    ),
    # What is refused before anything runs.
    Attempt(("build",), "Unknown var", variables={"clusterk": 4}),
    Attempt(("build",), "not a day such as", variables={"as_of_date": "yesterday"}),
    Attempt(
        ("build",),
        "which is not in the graph",
        files={"models/intermediate/core/int_as_of.sql": DISABLED},
    ),
    Attempt(("build",), "Compilation Error", files={f"{BROKEN}.sql": "{% if %}"}),
    # A person who gave up.
    Attempt(("build",), "", interrupted_after=8),
    Attempt(("build",), "", interrupted_after=16),
)


@contextlib.contextmanager
def changed(project: Path, files: Mapping[str, str]) -> Iterator[None]:
    """Let files of a project be other than they are during the block."""
    before = {
        project / name: (project / name).read_text() if (project / name).exists() else None
        for name in files
    }
    try:
        for name, text in files.items():
            (project / name).write_text(text)
        yield
    finally:
        for path, text in before.items():
            path.unlink() if text is None else path.write_text(text)


def attempt_to_publish(lab: Lab, name: str, attempts: tuple[Attempt, ...]) -> Outcome:
    """Run commands that must leave `published` byte for byte as it is, then one that publishes."""
    outcome, prepared = Outcome(), lab.prepared()
    project = copied_project(lab.directory / f"{name} project")
    shop = ShopDirectory(lab.shop(name).path, project)
    step = lab.progress(f"{name}: attempts to publish what did not pass", len(attempts))
    before = shop.publication()
    for attempt in attempts:
        with changed(shop.project, attempt.files):
            ended = shop.dbt(
                *attempt.arguments,
                variables=attempt.variables,
                environment=attempt.environment,
                kill_after=attempt.interrupted_after,
                kill_with=signal.SIGINT if attempt.interrupted_after else signal.SIGKILL,
            )
        outcome.counts["attempts"] += 1
        if not outcome.expect(shop.publication() == before, f"R2: {attempt} published"):
            before = shop.publication()
        outcome.expect(
            attempt.says in ended.output, f"R2: {attempt} does not say so; {ended.tail()}"
        )
        step()
    # The directory could have published all the time.
    heal_build(outcome, shop, prepared, "before", "attempts that did not publish")
    shutil.rmtree(shop.path)
    return outcome


def refuse_files(lab: Lab, name: str) -> Outcome:
    """Add every file of the corpus that is refused to a shop in use."""
    # The corpus is imported as the tests in tests/python do.
    sys.path.append(str(TESTS))
    from corpus import CASES

    outcome = Outcome()
    shop = lab.shop(name)
    # What also needs something around the file, such as other rights, tests/python looks at.
    cases = [case for case in CASES if case.refused and case.during is contextlib.nullcontext]
    cases = cases[: lab.times(len(cases), least=5)]
    step = lab.progress(f"{name}: files refused", len(cases))
    before = tree_hash(shop.path)
    for number, case in enumerate(cases):
        inbox = lab.directory / f"{name} inbox" / str(number)
        inbox.mkdir(parents=True)
        file = case.write(inbox)
        options = []
        if case.mapping:
            (inbox / "mapping.yml").write_text(case.mapping)
            options = ["--mapping", str(inbox / "mapping.yml")]
        ended = shop.ingest(file, *options)
        outcome.counts["files refused"] += 1
        outcome.expect(
            ended.returncode == 2 and f"{case.refused}: " in ended.output,
            f"R5: {case.name} was not refused with {case.refused}; {ended.tail()}",
        )
        outcome.expect(tree_hash(shop.path) == before, f"R5: {case.name} changed something")
        step()
    shutil.rmtree(shop.path)
    return outcome


def empty_marts(lab: Lab, name: str) -> Outcome:
    """A file with a header and no records takes the place of the shop only when it is told to."""
    outcome = Outcome()
    shop = lab.shop(name)
    for directory in shop.raw.glob("[0-9]*"):
        shutil.rmtree(directory)
    file = lab.directory / f"{name}.csv"
    file.write_text("InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID\n")
    outcome.expect(shop.ingest(file).returncode == 0, "harness: the header was not loaded")
    before = shop.publication()
    ended = shop.build()
    outcome.counts["attempts"] += 1
    outcome.expect(shop.publication() == before, "R2: empty marts were published")
    outcome.expect("E_EMPTY: " in ended.output, f"R2: empty marts do not say so; {ended.tail()}")
    told = shop.build(variables={"publish_empty": True})
    outcome.expect(
        told.returncode == 0 and shop.publication() != before,
        f"R2: publish_empty does not publish; {told.tail()}",
    )
    shutil.rmtree(shop.path)
    return outcome
