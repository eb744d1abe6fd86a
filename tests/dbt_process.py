"""dbt as a user starts it, forked from a process that has imported it already.

Every command is a process of its own, with its own environment, as on the command line; only the
five seconds of imports are paid once for each worker. What dbt keeps of a parse is valid in any
data directory that is built under the same settings, so that it is handed on as well.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import multiprocessing
import os
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
        A directory of what earlier commands parsed: one file for each set of vars.
    """
    global spent
    said = json.dumps(variables or {}, sort_keys=True)
    if variables:
        arguments = [*arguments, "--vars", said]
    own = Path(environment["DBT_TARGET_PATH"]) / PARSED
    kept = parsed and parsed / f"{hashlib.sha256(said.encode()).hexdigest()[:16]}.msgpack"
    if kept and kept.exists():
        own.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept, own)
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
    if kept and own.exists() and not kept.exists():
        parsed.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}-{process.pid}")
        shutil.copyfile(own, part)
        part.replace(kept)
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

    from dbt.adapters.duckdb.credentials import DuckDBCredentials
    from dbt.cli.main import cli

    # Where the work database lies is no setting: nothing that dbt parses depends on it.
    keys = DuckDBCredentials._connection_keys
    DuckDBCredentials._connection_keys = lambda self: tuple(k for k in keys(self) if k != "path")
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
