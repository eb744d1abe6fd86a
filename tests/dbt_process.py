"""dbt as a user starts it, forked from a process that has imported it already.

Every command is a process of its own, with its own environment, as on the command line; only the
five seconds of imports are paid once for each worker. What dbt keeps of a parse is valid in any
data directory, and under all vars but the few of `DECIDING`: one parse serves nearly all commands.
"""

from __future__ import annotations

import atexit
import json
import multiprocessing
import os
import re
import resource
import runpy
import shutil
import subprocess
import sys
import tempfile
import types
from collections.abc import Mapping, Sequence
from pathlib import Path

# Processor seconds of the commands so far: they are no children of the process that asks.
spent = 0.0
PARSED = "partial_parse.msgpack"
BEGINS_WITH = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*with\b(?:\s+recursive\b)?", re.I | re.S)
# Vars that decide on what is parsed, as `test_project.py` proves: they enable a test, choose a
# macro or stand in the configuration of Python models. SQL reads all others when it runs.
DECIDING = frozenset(
    {
        *("churn_features", "churn_min_customers", "churn_training_cutoffs", "cleaning_policy"),
        *("clusters_k", "clv_annual_discount_rate", "clv_dropout_model", "clv_margin"),
        *("clv_min_customers", "clv_min_repeat_customers", "random_seed", "rfm_window_days"),
    }
)


_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(
    ["dbt.cli.main", "dbt.adapters.duckdb", "customer_intelligence.churn"]
)


def run(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    variables: Mapping[str, object] | None = None,
    parsed: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run one dbt command to its end.

    Parameters
    ----------
    arguments : sequence of str
        What follows `dbt` on the command line.
    cwd : Path
        Where it is started.
    environment : mapping of str to str
        The whole environment, with `DBT_TARGET_PATH`.
    variables : mapping, optional
        The vars of the command line.
    parsed : Path, optional
        What an earlier command kept of its parse, if it did.
    """
    global spent
    if variables:
        arguments = [*arguments, "--vars", json.dumps(variables, sort_keys=True)]
    own = Path(environment["DBT_TARGET_PATH"]) / PARSED
    if parsed and parsed.exists():
        own.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(parsed, own)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        process = _server.Process(
            target=_child, args=(list(arguments), str(cwd), dict(environment), folder)
        )
        # A page that was run in this process calls itself its main module, which the child would
        # run again.
        main, sys.modules["__main__"] = sys.modules["__main__"], types.ModuleType("__main__")
        try:
            process.start()
        finally:
            sys.modules["__main__"] = main
        process.join()
        usage = place / "usage"
        spent += float(usage.read_text()) if usage.exists() else 0
        stdout, stderr = (
            (place / name).read_text(encoding="utf-8", errors="replace")
            for name in ("stdout", "stderr")
        )
    return subprocess.CompletedProcess(["dbt", *arguments], process.exitcode, stdout, stderr)


def _child(arguments: list[str], cwd: str, environment: dict[str, str], streams: str) -> None:
    """Be the command: in its directory, in its environment, with streams of its own."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        file = os.open(Path(streams, name), os.O_WRONLY | os.O_CREAT)
        os.dup2(file, descriptor)
        os.close(file)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["dbt", *arguments]
    # What Python does when it starts.
    for folder in environment.get("PYTHONPATH", "").split(os.pathsep):
        customize = Path(folder, "sitecustomize.py")
        if folder and customize.exists():
            runpy.run_path(str(customize))

    from dbt.cli.main import cli

    _adapt()
    code = 1
    try:
        cli(arguments, prog_name="dbt")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        atexit._run_exitfuncs()  # a forked process would leave them out
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        Path(streams, "usage").write_text(str(sum(u.ru_utime + u.ru_stime for u in used)))
        sys.stdout.flush()
        sys.stderr.flush()
    sys.exit(code)


def _adapt() -> None:
    """Let dbt take a parse over from another database and vars that it does not depend on.

    And check more strictly what it parses, and set the inputs of unit tests more quickly.
    """
    from dbt import compilation
    from dbt.adapters.duckdb.credentials import DuckDBCredentials
    from dbt.jsonschemas import jsonschemas
    from dbt.parser.manifest import ManifestLoader

    keys, state = DuckDBCredentials._connection_keys, ManifestLoader.build_manifest_state_check

    def other_keys(self: DuckDBCredentials) -> tuple[str, ...]:
        return tuple(key for key in keys(self) if key not in ("path", "attach"))

    def other_state(self: ManifestLoader) -> object:
        said = self.root_project.cli_vars
        self.root_project.cli_vars = {n: v for n, v in said.items() if n in DECIDING}
        try:
            return state(self)
        finally:
            self.root_project.cli_vars = said

    DuckDBCredentials._connection_keys = other_keys
    ManifestLoader.build_manifest_state_check = other_state
    # Half of what a unit test costs is the analysis of its SQL, to find the first WITH.
    inject = compilation.inject_ctes_into_sql

    def quickly_injected(sql: str, ctes: Sequence[object]) -> str:
        start = BEGINS_WITH.match(sql)
        if not ctes or start is None:
            return inject(sql, ctes)
        return f"{start[0]}{', '.join(cte.sql for cte in ctes)}, {sql[start.end() :]}"

    compilation.inject_ctes_into_sql = quickly_injected
    # dbt runs its newer deprecation checks for some adapters only; here they are on.
    jsonschemas._JSONSCHEMA_SUPPORTED_ADAPTERS.add("duckdb")
