"""A data directory under test, and the commands that people run on it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
INJECT = Path(__file__).with_name("inject")
OURS = ("CUSTOMER_INTELLIGENCE_", "DBT_")


@dataclass(frozen=True)
class Fault:
    """Where a process is killed or finds the disk full; see `inject/sitecustomize.py`."""

    at: str
    when: str = "before"
    call: int = 1
    do: str = "kill"

    def __str__(self) -> str:
        return f"{self.do} {self.when} {self.at} {self.call if self.at == 'step' else ''}".strip()


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    returncode: int
    output: str
    met: list[str] = field(default_factory=list)
    """What the injected fault wrote down; empty when its point was never reached."""

    @property
    def was_killed(self) -> bool:
        return self.returncode == -signal.SIGKILL

    def tail(self, characters: int = 1500) -> str:
        return f"ended with {self.returncode}: …{self.output[-characters:]}"


@dataclass(frozen=True)
class ShopDirectory:
    """A data directory, and the project that builds it."""

    path: Path
    project: Path = ROOT

    @property
    def raw(self) -> Path:
        return self.path / "raw"

    @property
    def work_database(self) -> Path:
        return self.path / "build" / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        return self.path / "published"

    def copied_to(self, path: Path, only: tuple[str, ...] = ()) -> ShopDirectory:
        """Copy the directory, or only some folders of it and the rules of the shop."""
        path.mkdir(parents=True, exist_ok=True)
        for item in self.path.iterdir():
            if item.is_file():
                shutil.copy2(item, path)
            elif not only or item.name in only:
                shutil.copytree(item, path / item.name, symlinks=True)
        return ShopDirectory(path, self.project)

    # --- commands ----------------------------------------------------------------------

    def dbt(self, *arguments: str, variables: Mapping[str, object] | None = None, **how) -> Ended:
        options = ["--vars", json.dumps(variables)] if variables else []
        return self.run("-m", "dbt.cli.main", *arguments, *options, **how)

    def build(self, **how) -> Ended:
        return self.dbt("build", **how)

    def step(self, name: str, *words: str, **how) -> Ended:
        """Do one step of a command alone."""
        return self.run("-m", "faults.one_step", name, str(self.path), *words, **how)

    def ingest(self, file: Path, **how) -> Ended:
        return self.step("load", str(file), **how)

    def preflight(self, **how) -> Ended:
        return self.step("preflight", **how)

    def publish(self, *databases: Path, times: int = 1, **how) -> Ended:
        """Publish the marts of prepared work databases in turn, without dbt."""
        command = ("-m", "faults.publish_alone", str(self.path), str(times))
        return self.run(*command, *map(str, databases), **how)

    def run(
        self,
        *arguments: str,
        fault: Fault | None = None,
        under: str = "",
        kill_after: float | None = None,
        kill_with: signal.Signals = signal.SIGKILL,
        after_line: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run Python with these arguments on this data directory.

        Parameters
        ----------
        fault : Fault, optional
            What happens to the process at a point of its own.
        under : str
            The folder of the data directory whose changes are steps.
        kill_after : float, optional
            Seconds after which the process is killed.
        kill_with : signal.Signals
            What it is killed with.
        after_line : str, optional
            The line of output from which these seconds count; by default from the start.
        environment : dict of str to str, optional
            Variables on top.
        """
        (self.path / "build").mkdir(parents=True, exist_ok=True)
        variables = self.environment(environment)
        log = Path(tempfile.gettempdir()) / f"fault-{os.getpid()}-{threading.get_ident()}"
        if fault is not None:
            variables["PYTHONPATH"] = os.pathsep.join([str(INJECT), variables["PYTHONPATH"]])
            variables["CUSTOMER_INTELLIGENCE_FAULT"] = json.dumps(
                {**vars(fault), "under": str(self.path / under), "log": str(log)}
            )
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.project,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            # A shell that starts tests in the background has them ignore the interrupt.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        output = ""
        while after_line is not None and after_line not in output:
            line = process.stdout.readline()
            if not line:
                break
            output += line
        try:
            output += process.communicate(timeout=kill_after)[0]
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, kill_with)
            output += process.communicate()[0]
        met = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return Ended(process.returncode, output, met)

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a user who set nothing but the data directory."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        return {
            **inherited,
            "PYTHONPATH": os.pathsep.join(
                filter(None, [str(self.project / "src"), str(TESTS), inherited.get("PYTHONPATH")])
            ),
            "CUSTOMER_INTELLIGENCE_DATA_DIR": str(self.path),
            "CUSTOMER_INTELLIGENCE_THREADS": "1",
            "DBT_TARGET_PATH": str(self.path / "build" / "target"),
            "DBT_LOG_PATH": str(self.path / "build" / "logs"),
            "DBT_USE_COLORS": "0",
            "OMP_NUM_THREADS": "1",
            **(more or {}),
        }

    # --- what is there -----------------------------------------------------------------

    def steps(self, ended: Ended) -> int:
        """Number of steps that a traced command took."""
        return len(ended.met)

    def current(self) -> str:
        """What the link `current` leads to."""
        return str((self.published / "current").readlink())

    def versions(self) -> list[str]:
        """Names of the versions that are there, oldest first."""
        return sorted(path.name for path in self.published.glob("[0-9]*"))

    def publication(self) -> dict[str, str]:
        """Name and content of everything in `published`, and where `current` leads to."""
        return {**tree_hash(self.published), "current": self.current()}

    def leftovers(self) -> list[str]:
        """Files of publications and loads that did not end."""
        published = [path.name for path in self.published.glob(".*") if path.name != ".last-number"]
        return published + [path.name for path in self.raw.glob(".*")]

    def loaded_rows(self) -> dict[str, tuple[int, str]]:
        """Rows and their hash for each load; a load with a torn manifest or rows raises."""
        loads = {}
        for directory in sorted(self.raw.glob("[0-9]*")):
            manifest = json.loads((directory / "load.json").read_text())
            # Proofs run side by side, and a connection answers one at a time.
            with duckdb.connect() as connection:
                rows = connection.execute(
                    "select count(*), coalesce(sum(hash(r)::hugeint), 0)::varchar "
                    "from read_parquet(?) as r",
                    [str(directory / "invoice_lines.parquet")],
                ).fetchone()
            assert rows[0] == manifest["records"], directory
            loads[directory.name] = rows
        return loads


def tree_hash(directory: Path) -> dict[str, str]:
    """SHA-256 of every file below a directory by its relative path."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
