"""The dbt project that a command works in, its data directory, and dbt itself."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from customer_intelligence.cli.ending import NotSo
from customer_intelligence.data_dir.layout import (
    BUILD,
    DATA_DIR_VARIABLE,
    DBT_LOGS,
    DBT_TARGET,
    DEFAULT_DATA_DIR,
    PROJECT_VARIABLE,
)
from customer_intelligence.errors import CustomerIntelligenceError

PROJECT_FILE = "dbt_project.yml"
# Where this package lies in its checkout, unless it was installed without one.
CHECKOUT = Path(__file__).parents[3]


def find_project(project_dir: str | None = None) -> Path:
    """Return the dbt project: the one named, else the nearest one above, else the checkout's.

    Raises
    ------
    CustomerIntelligenceError
        `E_NO_PROJECT` when there is none.
    """
    if project_dir is not None:
        named = Path(project_dir).resolve()
        if _is_project(named):
            return named
        raise CustomerIntelligenceError(
            "E_NO_PROJECT",
            f"{project_dir} holds no {PROJECT_FILE} of customer_intelligence.",
            "Name the directory of the cloned project.",
        )
    here = Path.cwd()
    for folder in (here, *here.parents, CHECKOUT):
        if _is_project(folder):
            return folder
    raise CustomerIntelligenceError(
        "E_NO_PROJECT",
        f"There is no {PROJECT_FILE} of customer_intelligence in {here} or above it.",
        "Change to the project's directory, or name it with --project-dir.",
    )


def _is_project(folder: Path) -> bool:
    try:
        text = (folder / PROJECT_FILE).read_text("utf-8", "replace")
    except OSError:
        return False
    return re.search(r"^name:\s*['\"]?customer_intelligence\b", text, re.MULTILINE) is not None


def find_data_dir(data_dir: str | None, project: Path | None = None) -> Path:
    """Return the data directory: the one named, else the environment's, else the project's own.

    Parameters
    ----------
    data_dir : str, optional
        What was given on the command line.
    project : Path, optional
        The project; by default it is looked for.

    Returns
    -------
    Path
        Absolute, since dbt works in the project's directory and not in that of the command.
    """
    named = data_dir or os.environ.get(DATA_DIR_VARIABLE)
    if named:
        return Path(os.path.abspath(named))  # noqa: PTH100  # `..` behind a link stays as typed
    if project is None:
        with contextlib.suppress(CustomerIntelligenceError):
            project = find_project()
    return (project or Path.cwd()) / DEFAULT_DATA_DIR


def enter(project: Path, data_dir: Path) -> None:
    """Work in the project from here on, with the settings that dbt and the dashboard read."""
    os.environ[DATA_DIR_VARIABLE] = str(data_dir)
    os.environ[PROJECT_VARIABLE] = str(project)
    os.environ["DBT_TARGET_PATH"] = str(data_dir / BUILD / DBT_TARGET)
    os.environ["DBT_LOG_PATH"] = str(data_dir / BUILD / DBT_LOGS)
    os.chdir(project)


@contextlib.contextmanager
def left_as_found() -> Iterator[None]:
    """Undo after a block what `enter` did to this process."""
    variables, here = dict(os.environ), os.open(".", os.O_RDONLY)
    try:
        yield
    finally:
        os.fchdir(here)
        os.close(here)
        os.environ.clear()
        os.environ.update(variables)


def run_dbt(project: Path, data_dir: Path, *arguments: str) -> None:
    """Run dbt in this process, as `dbt ARGUMENTS` would run in the project's directory.

    Parameters
    ----------
    project, data_dir : Path
        Where dbt works.
    *arguments : str
        What follows the word `dbt`.

    Raises
    ------
    NotSo
        `E_DBT_FAILED` when dbt ran and a node failed.
    CustomerIntelligenceError
        The refusal of this project that dbt met, or `E_DBT` with dbt's own words.
    KeyboardInterrupt
        When the run was interrupted.
    """
    (data_dir / BUILD).mkdir(parents=True, exist_ok=True)
    enter(project, data_dir)
    from dbt.adapters.duckdb import connections
    from dbt.cli.main import dbtRunner

    from customer_intelligence.cli.parsed import parsed

    # Without types.
    manager: Any = connections.DuckDBConnectionManager

    places = ["--project-dir", str(project), "--profiles-dir", str(project)]
    said = list(arguments[arguments.index("--vars") :][:2]) if "--vars" in arguments else []
    target = data_dir / BUILD / DBT_TARGET

    failed: list[Any] = []

    def parse() -> bool:
        result = dbtRunner().invoke(["--quiet", "parse", *said, *places])
        if not result.success:
            failed.append(result)
        return result.success

    with _called("dbt", *arguments):
        try:
            # What only serves files needs no parse.
            manifest = None if "serve" in arguments else parsed(project, target, said, parse)
            runner = dbtRunner(manifest=manifest)
            result = failed[0] if failed else runner.invoke([*arguments, *places])
        finally:
            # What follows in this process opens the same files with settings of its own.
            environment = manager._ENV
            manager.close_all_connections()
            if environment is not None:
                environment.close()
    if result.exception is not None:
        if not isinstance(result.exception, Exception):
            raise result.exception
        raise _refusal(result.exception) from result.exception
    if not result.success:
        raise NotSo(
            "E_DBT_FAILED",
            f"`dbt {arguments[0]}` failed; its lines above name the failures.",
            "Readers see what they saw before. Fix the cause and run the command again.",
        )


@contextlib.contextmanager
def _called(*words: str) -> Iterator[None]:
    # dbt writes the command line into its artifacts and log, and the command line of an erasure
    # names the customer.
    before, sys.argv = sys.argv, list(words)
    try:
        yield
    finally:
        sys.argv = before


def _refusal(error: Exception) -> CustomerIntelligenceError:
    text = " ".join(str(error).split())
    own = re.search(r"\b(E_[A-Z_]+): (.*)", text)
    if own:
        return CustomerIntelligenceError(own[1], own[2], "")
    return CustomerIntelligenceError(
        "E_DBT", f"{text or type(error).__name__}.", "dbt's lines above may say more."
    )
