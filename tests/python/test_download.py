"""What is downloaded is what it should be, or nothing is kept; never beyond the web."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import io
import threading
import zipfile
from decimal import Decimal

import duckdb
import openpyxl
import pytest

from customer_intelligence.cli import download as module
from customer_intelligence.cli.commands import main
from customer_intelligence.cli.download import HEADER, Known, download
from customer_intelligence.errors import CustomerIntelligenceError

LINES = [
    ("536365", "85123A", "HEART", 6, dt.datetime(2010, 12, 1, 8, 26), 2.55, 17850, "UK"),
    ("536365", "71053", "LANTERN", 6, dt.datetime(2010, 12, 1, 8, 26), 3.39, 17850, "UK"),
    ("C536379", "D", "Discount", -1, dt.datetime(2010, 12, 1, 9, 41), 27.5, None, "UK"),
]
KNOWN = Known(rows=3, invoices=2, total=Decimal("8.14"))


def workbook(header=HEADER, lines=LINES) -> bytes:
    book = openpyxl.Workbook()
    for row in (header, *lines):
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    book.close()
    return stream.getvalue()


def archive(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as content:
        for name, data in members.items():
            content.writestr(name, data)
    return stream.getvalue()


GOOD = {"Online Retail.xlsx": workbook()}


@contextlib.contextmanager
def served(body: bytes, *, status: int = 200, stated: int | None = None, location: str = ""):
    """Serve one answer on 127.0.0.1; gives its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if stated is None else stated))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/archive.zip"
        finally:
            server.shutdown()
            thread.join()


def test_a_workbook_that_is_as_known_becomes_parquet(tmp_path):
    out = tmp_path / "data" / "online_retail.parquet"
    with served(archive({"readme.txt": b"", **GOOD})) as url:
        download(url, out, KNOWN)
    rows = duckdb.execute("select * from read_parquet(?)", [str(out)]).fetchall()
    assert [
        (no, code, units, at, float(price), who) for no, code, _, units, at, price, who, _ in rows
    ] == [
        (no, code, units, at, price, who and str(who))
        for no, code, _, units, at, price, who, _ in LINES
    ]
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        (
            {"a.xlsx": workbook(lines=LINES[:2])},
            "E_WRONG_CONTENT",
            "number of rows should be 3, not 2",
        ),
        (
            {"a.xlsx": workbook(lines=[LINES[0]] * 3)},
            "E_WRONG_CONTENT",
            "invoices should be 2, not 1",
        ),
        (
            {"a.xlsx": workbook(lines=[*LINES[:2], (*LINES[2][:5], 27.49, None, "UK")])},
            "E_WRONG_CONTENT",
            "total should be 8.14, not 8.15",
        ),
        ({"a.xlsx": workbook(header=["Invoice", *HEADER[1:]])}, "E_WRONG_CONTENT", "the header"),
        ({"a.csv": b"InvoiceNo"}, "E_BAD_ARCHIVE", "it has 'a.csv'"),
        ({"a.xlsx": b"", "b.xlsx": b""}, "E_BAD_ARCHIVE", "should hold one"),
    ],
)
def test_anything_else_leaves_nothing(tmp_path, members, code, words):
    out = tmp_path / "online_retail.parquet"
    with served(archive(members)) as url, pytest.raises(CustomerIntelligenceError) as refusal:
        download(url, out, KNOWN)
    assert refusal.value.code == code
    assert words in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ({"body": b"<html>not found</html>", "status": 404}, "E_DOWNLOAD", "answers 404"),
        ({"body": b"<html>hello</html>"}, "E_BAD_ARCHIVE", "no whole ZIP archive"),
        ({"body": archive(GOOD)[:-100]}, "E_BAD_ARCHIVE", "no whole ZIP archive"),
        ({"body": archive(GOOD), "stated": 10**6}, "E_DOWNLOAD", "1,000,000 bytes"),
        ({"body": b"", "status": 302, "location": "file:///etc/hosts"}, "E_DOWNLOAD", "not allow"),
        ({"body": b"", "status": 302, "location": "ftp://127.0.0.1/a"}, "E_BAD_URL", "ftp:"),
    ],
)
def test_a_server_that_misbehaves_is_named(tmp_path, answer, code, words):
    with served(**answer) as url, pytest.raises(CustomerIntelligenceError) as refusal:
        download(url, tmp_path / "online_retail.parquet", KNOWN)
    assert refusal.value.code == code
    assert words in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def test_no_name_in_an_archive_becomes_a_path(tmp_path):
    out = tmp_path / "a" / "online_retail.parquet"
    with served(archive({"../../../evil.xlsx": workbook()})) as url:
        download(url, out, KNOWN)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [out.name]


@pytest.mark.parametrize("limit", ["MAX_ARCHIVE_BYTES", "MAX_WORKBOOK_BYTES"])
def test_what_is_too_large_is_not_kept(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(module, limit, 1000)
    with served(archive(GOOD)) as url, pytest.raises(CustomerIntelligenceError) as refusal:
        download(url, tmp_path / "online_retail.parquet", KNOWN)
    assert refusal.value.code == "E_BAD_ARCHIVE"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["file:///etc/hosts", "ftp://host/a.zip", "online+retail.zip"])
def test_only_the_web_is_asked(tmp_path, url, capsys):
    assert main(["data", "--url", url, "--out", str(tmp_path / "a.parquet")]) == 2
    assert "E_BAD_URL" in capsys.readouterr().err


def test_without_a_network_it_says_what_to_do(tmp_path, capsys):
    with served(b"") as url:
        pass
    assert main(["data", "--url", url, "--out", str(tmp_path / "a.parquet")]) == 2
    error = capsys.readouterr().err
    assert "E_DOWNLOAD" in error
    assert "with a browser" in error


def test_what_is_there_is_not_downloaded_again(tmp_path, capsys):
    out = tmp_path / "online_retail.parquet"
    out.write_bytes(b"kept")
    assert main(["data", "--out", str(out)]) == 0
    assert "next: make build DATA=" in capsys.readouterr().out
    assert out.read_bytes() == b"kept"
