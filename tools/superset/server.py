"""A Superset on loopback in a scratch directory: metadata, user and secrets end with it."""

from __future__ import annotations

import contextlib
import http.cookiejar
import json
import os
import secrets
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.browser import ROOT

PYTHON = ROOT / ".venv" / "superset" / "bin" / "python"
USER = "owner"
SECONDS_TO_START = 180


@dataclass(frozen=True)
class Superset:
    """A Superset that runs.

    Attributes
    ----------
    address, user, password : str
        Where it is, and who may sign in.
    """

    address: str
    user: str
    password: str

    def session(self) -> Session:
        """Return a session of its API, signed in."""
        return Session(self)


class Session:
    """Superset's API, as a program uses it."""

    def __init__(self, superset: Superset) -> None:
        self._address = superset.address
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar)
        self._headers: dict[str, str] = {}
        token = self.post(
            "security/login",
            {"username": superset.user, "password": superset.password, "provider": "db"},
        )["access_token"]
        self._headers["Authorization"] = f"Bearer {token}"
        self._headers["X-CSRFToken"] = self.get("security/csrf_token/")["result"]

    def get(self, path: str, **query: object) -> Any:
        """Return the answer to a GET; `query` is written as Superset reads it (Rison, JSON)."""
        asked = f"?{urllib.parse.urlencode(query)}" if query else ""
        return self._answer(urllib.request.Request(f"{self._address}/api/v1/{path}{asked}"))  # noqa: S310

    def post(self, path: str, content: object) -> Any:
        """Return the answer to a POST of JSON."""
        return self._send(path, json.dumps(content).encode(), "application/json")

    def load(self, path: str, field: str, archive: bytes, **fields: str) -> None:
        """Send a ZIP file to an endpoint that imports one."""
        mark = secrets.token_hex(16)
        parts = [
            f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()
            for name, value in fields.items()
        ]
        parts.append(
            f'Content-Disposition: form-data; name="{field}"; filename="bundle.zip"\r\n'
            "Content-Type: application/zip\r\n\r\n".encode()
            + archive
        )
        body = b"".join(b"--%s\r\n%s\r\n" % (mark.encode(), part) for part in parts)
        body += b"--%s--\r\n" % mark.encode()
        self._send(path, body, f"multipart/form-data; boundary={mark}")

    def rows(self, chart: int) -> list[dict[str, Any]]:
        """Return the rows that a chart shows."""
        (result,) = self.get(f"chart/{chart}/data/")["result"]
        return list(result["data"])

    def _send(self, path: str, body: bytes, kind: str) -> Any:
        request = urllib.request.Request(  # noqa: S310  # an address of our own
            f"{self._address}/api/v1/{path}", body, {"Content-Type": kind}, method="POST"
        )
        return self._answer(request)

    def _answer(self, request: urllib.request.Request) -> Any:
        for name, value in self._headers.items():
            request.add_header(name, value)
        try:
            with self._opener.open(request, timeout=120) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            said = error.read()[:2000].decode(errors="replace")
            raise RuntimeError(f"{request.full_url}: {error.code} {said}") from error


@contextmanager
def served(port: int = 0, python: Path = PYTHON) -> Iterator[Superset]:
    """Run a Superset that has nothing in it yet, until the block ends.

    Parameters
    ----------
    port : int
        Where it listens on loopback; by default one that is free.
    python : Path
        The interpreter of an environment with Superset.

    Raises
    ------
    RuntimeError
        When it does not start; with the end of its log.
    """
    with tempfile.TemporaryDirectory(prefix="superset-") as place:
        password = secrets.token_urlsafe(12)
        environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            "SUPERSET_HOME": place,
            "SUPERSET_SECRET_KEY": secrets.token_urlsafe(42),
            "SUPERSET_USER": USER,
            # Its pages would call a counter of another host.
            "SCARF_ANALYTICS": "false",
        }
        log = Path(place, "log")
        with log.open("wb") as written:
            prepared = subprocess.run(  # noqa: S603  # an interpreter and a file of our own
                [python, "-P", Path(__file__).with_name("prepare.py")],
                cwd=place,
                env={**environment, "SUPERSET_PASSWORD": password},
                stdout=written,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if prepared.returncode:
            raise RuntimeError(f"Superset made no database: {_end(log)}")
        port = port or _free_port()
        command = [
            *(python, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1"),
            *("--threads", "8", "--timeout", "120", "--no-control-socket"),
            "superset.app:create_app()",
        ]
        with (
            log.open("ab") as written,
            subprocess.Popen(  # noqa: S603  # as above
                command, cwd=place, env=environment, stdout=written, stderr=subprocess.STDOUT
            ) as process,
        ):
            try:
                _wait(process, f"http://127.0.0.1:{port}/health", log)
                yield Superset(f"http://127.0.0.1:{port}", USER, password)
            finally:
                process.terminate()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(address).close()  # noqa: S310  # an address of our own
            return
        time.sleep(0.2)
    raise RuntimeError(f"Superset did not start: {_end(log)}")


def _end(log: Path) -> str:
    return log.read_text("utf-8", errors="replace")[-3000:]
