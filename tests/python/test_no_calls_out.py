"""Nothing calls another host: neither the dashboard, whoever asks it, nor dbt and its docs.

`tests/watch` notes every address that a program looks up or connects to; `run_dbt` has it in every
run of dbt, and `test_semantic.py` watches the metrics in its own way.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from contextlib import closing

import pytest
from conftest import ROOT, calls_out, dbt_environment, watched
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tools import browser

FOREIGN_ORIGINS = [
    "http://evil.example",
    "https://evil.example:{port}",
    "http://203.0.113.9:{port}",
    # Another program of this machine, whose pages are not ours.
    "http://localhost:3000",
    "http://127.0.0.1.evil.example:{port}",
    "http://127.0.0.1:{port}@evil.example",
    "http://[",
    "null",
    "",
]


def get(port: int, path: str, **headers: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path, headers={n.replace("_", "-"): headers[n] for n in headers})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")


def opened(port: int, host: str, origin: str | None) -> int:
    """Open a WebSocket as a page of the origin would; returns the status of the answer."""
    try:
        with connect(
            f"ws://{host}/_stcore/stream",
            sock=socket.create_connection(("127.0.0.1", port)),
            origin=origin,
            subprotocols=["streamlit"],
        ):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize(
    "call",
    [
        "socket.getaddrinfo('192.0.2.1', 80)",
        "socket.gethostbyname('192.0.2.1')",
        "socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9))",
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('192.0.2.1', 9))",
    ],
)
def test_the_watch_sees_what_leaves_and_nothing_else(tmp_path, call):
    notes = tmp_path / "calls-out"
    here = "socket.getaddrinfo('localhost', 80); socket.socketpair()"
    program = f"import socket\n{here}\ntry:\n    {call}\nexcept OSError: pass"
    subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **watched(notes)}, check=True
    )
    (noted,) = calls_out(notes)
    assert "192.0.2.1" in noted


@pytest.mark.parametrize(
    "options",
    [[], ["--server.address=0.0.0.0"], ["--server.corsAllowedOrigins=http://partner.example"]],
    ids=["as it is", "every address", "an origin let in"],
)
def test_no_origin_and_no_host_makes_the_dashboard_look_anything_up(tmp_path, options):
    notes = tmp_path / "calls-out"
    # From another folder: the configuration is that of the dashboard all the same.
    with browser.served(tmp_path, *options, environment=watched(notes), folder=tmp_path) as (
        address,
        _,
    ):
        port = int(address.rpartition(":")[2])
        own = f"127.0.0.1:{port}"
        assert opened(port, own, None) == 101
        assert opened(port, own, f"http://{own}") == 101
        assert opened(port, "evil.example", None) == 403
        assert opened(port, "evil.example", "http://evil.example") == 403
        for foreign in [*FOREIGN_ORIGINS, "http://partner.example"]:
            origin = foreign.format(port=port)
            assert opened(port, own, origin) == 403, origin
            for path in ("/", "/_stcore/health", "/_stcore/host-config"):
                assert get(port, path, Origin=origin)[0] == 403, origin
        status, words = get(port, "/churn/below", Sec_Fetch_Dest="document")
        assert status == 404
        assert "no page at this address" in words
        assert get(port, "/churn", Sec_Fetch_Dest="document")[0] == 200
    assert calls_out(notes) == []


def test_the_docs_are_served_without_a_call_out(published_dir, tmp_path):
    notes = tmp_path / "calls-out"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dbt.cli.main", "docs", "serve", "--no-browser"]
    server = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        cwd=ROOT,
        env={**dbt_environment(published_dir), **watched(notes)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            try:
                status, page = get(port, "/", Host="evil.example", Origin="http://evil.example")
                break
            except OSError:
                assert server.poll() is None
                time.sleep(0.1)
        assert status == 200
        assert "dbt" in page
    finally:
        server.terminate()
        server.wait(timeout=10)
    assert calls_out(notes) == []
