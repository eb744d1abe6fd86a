"""Debian's PostgreSQL on loopback, in a directory of its own, for the tests that need one."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

PASSWORD = "p@ss:w/rd"
# The pipe ends with the tests, also where they are killed.
UNTIL_THE_END = """
"$0" -D "$1/data" -w -l "$1/log" -o "$2" start >"$1/starting" || exit 1
echo started
cat
"$0" -D "$1/data" -m immediate stop >/dev/null
rm -rf "$1"
"""


def binaries() -> Path | None:
    """Return the folder of the newest server that Debian's package has installed."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(found, key=lambda path: int(path.parts[-3]), default=None)
    on_path = shutil.which("initdb")
    return newest.parent if newest else Path(on_path).parent if on_path else None


@dataclass(frozen=True)
class Server:
    """A server that listens on loopback; its superuser is `shop`."""

    port: int

    def url(self, database: str, user: str = "shop") -> str:
        """Return the URL without a password, which PGPASSWORD holds."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str, user: str = "shop") -> psycopg.Connection:
        return psycopg.connect(self.url(database, user), password=PASSWORD, autocommit=True)


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """Start a server for a block; skip where there is none, by the name of what is missing."""
    bin_ = binaries()
    if bin_ is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    # A server refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else None
    place = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        password = place / "password"
        password.write_text(PASSWORD)
        if user:
            for path in (place, password):
                shutil.chown(path, user)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]

        def run(*words: str | Path) -> None:
            subprocess.run(
                [str(word) for word in words],
                user=user,
                cwd=place,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
                check=True,
                stdout=subprocess.DEVNULL,
            )

        run(
            *(bin_ / "initdb", "-D", place / "data", "-U", "shop", "--auth=scram-sha-256"),
            *("--pwfile", password, "--no-sync", "-E", "UTF8"),
        )
        settings = (
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        )
        with subprocess.Popen(
            ["sh", "-c", UNTIL_THE_END, bin_ / "pg_ctl", place, settings],
            user=user,
            cwd=place,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as keeper:
            assert keeper.stdout.readline() == "started\n", (place / "log").read_text()
            yield Server(port)
    finally:
        shutil.rmtree(place, ignore_errors=True)
