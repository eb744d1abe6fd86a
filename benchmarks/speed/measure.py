"""Run a command, and note what its processes took of the machine. Linux only: it reads /proc."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

# How often memory is looked at, in seconds.
POLL = 0.05
PAGE = os.sysconf("SC_PAGE_SIZE")


class Used(NamedTuple):
    """What a command took."""

    cpu: float
    """CPU seconds, user and system, of the process and all descendants that were waited for."""
    peak: float
    """Largest sum of resident GB of its processes. Pages that two of them share count twice."""
    wall: float
    """Seconds from start to end."""


def used(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> Used:
    """Run a command in a session of its own and return what it took.

    Parameters
    ----------
    command : sequence of str or Path
    log : Path
        File for what it prints.
    environment : mapping, optional
        Variables beside those of this process.

    Raises
    ------
    SystemExit
        When the command fails, with the end of what it printed.
    """
    started = time.perf_counter()
    with log.open("w", encoding="utf-8") as output:
        child = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        peak = process_id = 0
        try:
            while True:
                # wait4 and not Popen.wait: it says what this child and its descendants took.
                process_id, status, usage = os.wait4(child.pid, os.WNOHANG)
                if process_id:
                    break
                peak = max(peak, resident(child.pid))
                time.sleep(POLL)
        finally:
            if not process_id:
                # Ctrl-C does not reach another session.
                os.killpg(child.pid, signal.SIGKILL)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        said = log.read_text("utf-8", "replace")[-3000:]
        raise SystemExit(f"{said}\n{' '.join(map(str, command))}: status {child.returncode}")
    return Used(usage.ru_utime + usage.ru_stime, peak / 1e9, time.perf_counter() - started)


def resident(session: int) -> int:
    """Return the resident bytes of all processes of a session."""
    total = 0
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            fields = (process / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            # Ended since the folder was listed.
            continue
        if int(fields[3]) == session:
            total += int(fields[21]) * PAGE
    return total
