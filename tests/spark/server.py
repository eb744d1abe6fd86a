"""A Spark Connect server on loopback, for as long as a block lasts."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyspark

LONGEST_START_SECONDS = 180
SCRIPT = Path(pyspark.__file__).parent / "sbin" / "start-connect-server.sh"


def java() -> str | None:
    """Return where Java is, or None."""
    home = os.environ.get("JAVA_HOME")
    return (home and shutil.which(f"{home}/bin/java")) or shutil.which("java")


class Server(NamedTuple):
    """A server that runs."""

    address: str
    group: int

    def cpu_seconds(self) -> float:
        """Return the processor seconds that its processes have taken so far."""
        ticks = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.group:
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def server(place: Path, *, cores: int = 2, memory: str = "4g") -> Iterator[Server]:
    """Start a server, yield it, and stop it with everything that it started.

    Parameters
    ----------
    place : Path
        For its tables and its log.
    cores, memory
        What it may take.
    """
    port = _free_port()
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": "-Duser.timezone=UTC",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(2 * cores),
        "spark.sql.warehouse.dir": str(place / "warehouse"),
        "spark.ui.enabled": "false",
    }
    options = [word for item in settings.items() for word in ("--conf", "=".join(item))]
    environment = {name: value for name, value in os.environ.items() if name != "SPARK_REMOTE"}
    environment |= {
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_HOME": str(SCRIPT.parents[1]),
        "SPARK_LOCAL_IP": "127.0.0.1",
        # In the foreground, so that it ends with its group.
        "SPARK_NO_DAEMONIZE": "1",
        "TZ": "UTC",
    }
    log = place / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [SCRIPT, "--master", f"local[{cores}]", "--driver-memory", memory, *options],
            cwd=place,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(process, port, log)
        yield Server(f"sc://127.0.0.1:{port}", process.pid)
    finally:
        _stop(process)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + LONGEST_START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.5)
    raise RuntimeError(f"Spark did not start:\n{log.read_text('utf-8', 'replace')[-4000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
            # Its group may outlive it, such as the workers in Python.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return
