"""Download UCI Online Retail, verify its content, and keep it as Parquet.

No hash of the archive is published, so the header, the number of rows and invoices, and the total
are verified. Any other content is discarded.
"""

import http.client
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path, PurePosixPath

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.files import ARCHIVE_ERRORS
from customer_intelligence.ingest.pipeline import dry_run
from customer_intelligence.ingest.presets import preset
from customer_intelligence.ingest.recognise import read_header

URL = "https://archive.ics.uci.edu/static/public/352/online+retail.zip"
HEADER = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 20
PROGRESS_SECONDS = 5
# The archive has some 23 MB, and so has the workbook in it.
MAX_ARCHIVE_BYTES = 200 * 1024**2
MAX_WORKBOOK_BYTES = 400 * 1024**2


@dataclass(frozen=True)
class Known:
    """What is known of a dataset."""

    rows: int
    invoices: int
    total: Decimal


ONLINE_RETAIL = Known(541_909, 25_900, Decimal("9747747.93"))


def download(url: str, out: Path, known: Known = ONLINE_RETAIL) -> None:
    """Fetch an archive, check the workbook in it and write its table as Parquet.

    Parameters
    ----------
    url : str
        Of a ZIP archive with one .xlsx workbook, by http or https.
    out : Path
        Parquet file to write, whole or not at all; its directory is made.
    known : Known, optional
        What the content must be.

    Raises
    ------
    CustomerIntelligenceError
        E_BAD_URL, E_DOWNLOAD, E_BAD_ARCHIVE, E_WRONG_CONTENT or E_IO; nothing is left behind.
    """
    _check_url(url)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".download-") as name:
            archive, workbook = Path(name) / "archive.zip", Path(name) / "workbook.xlsx"
            _fetch(url, archive)
            _extract(archive, workbook)
            with _progress("reading and checking the workbook"):
                pending = Path(name) / "table.parquet"
                _convert(workbook, pending, known)
            pending.replace(out)
    except OSError as error:
        raise CustomerIntelligenceError(
            "E_IO",
            f"{out} could not be written: {error.strerror or error}.",
            "Check free space and permissions, then try again.",
        ) from error


def _check_url(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CustomerIntelligenceError(
            "E_BAD_URL", f"{url!r} is no address on the web.", "Give one that starts with https://."
        )


class _WebOnly(urllib.request.HTTPRedirectHandler):
    """Follow redirections to other web addresses, and to nothing else."""

    def redirect_request(self, request, file, code, message, headers, new_url):  # type: ignore[no-untyped-def]
        try:
            _check_url(new_url)
        except CustomerIntelligenceError:
            file.close()
            raise
        return super().redirect_request(request, file, code, message, headers, new_url)


def _fetch(url: str, target: Path) -> None:
    opener = urllib.request.build_opener(_WebOnly)
    try:
        # The scheme was checked, here and at every redirection: no file and no other protocol.
        with opener.open(url, timeout=TIMEOUT_SECONDS) as answer, target.open("wb") as file:
            stated = answer.headers.get("Content-Length")
            said = time.monotonic()
            received = 0
            while chunk := answer.read(CHUNK_BYTES):
                received += len(chunk)
                if received > MAX_ARCHIVE_BYTES:
                    raise _bad_archive(url, f"has more than {MAX_ARCHIVE_BYTES:,} bytes")
                file.write(chunk)
                if time.monotonic() - said > PROGRESS_SECONDS:
                    said = time.monotonic()
                    print(f"  {received / 1e6:,.0f} MB received", file=sys.stderr, flush=True)
    except urllib.error.HTTPError as error:
        error.close()
        raise _not_downloaded(url, f"the server answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _not_downloaded(url, str(error.reason)) from error
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise _not_downloaded(url, str(error) or type(error).__name__) from error
    if stated is not None and stated.isdecimal() and received != int(stated):
        raise _not_downloaded(url, f"{received:,} of {int(stated):,} bytes came")


def _extract(archive: Path, workbook: Path) -> None:
    """Copy the one workbook of an archive to a name of our own; no name in it is used as a path."""
    try:
        with zipfile.ZipFile(archive) as content:
            found = [
                member
                for member in content.infolist()
                if PurePosixPath(member.filename).suffix.lower() == ".xlsx"
            ]
            if len(found) != 1:
                names = ", ".join(repr(name) for name in content.namelist()[:5]) or "nothing"
                raise _bad_archive("The archive", f"should hold one .xlsx workbook; it has {names}")
            if found[0].file_size > MAX_WORKBOOK_BYTES:
                raise _bad_archive("The workbook", f"would have {found[0].file_size:,} bytes")
            with content.open(found[0]) as source, workbook.open("wb") as target:
                # What the archive says of sizes may be wrong.
                while chunk := source.read(CHUNK_BYTES):
                    if target.tell() + len(chunk) > MAX_WORKBOOK_BYTES:
                        raise _bad_archive(
                            "The workbook", f"has more than {MAX_WORKBOOK_BYTES:,} bytes"
                        )
                    target.write(chunk)
    except ARCHIVE_ERRORS as error:
        raise _bad_archive("What came", f"is no whole ZIP archive ({error})") from error


def _convert(workbook: Path, target: Path, known: Known) -> None:
    header = read_header(workbook)
    if tuple(header) != HEADER:
        raise _wrong("the header", ", ".join(HEADER), ", ".join(header))
    # The ingest's own reading: what is kept here is what a load of the workbook would hold.
    with dry_run(workbook, preset("online_retail")) as run:
        found = run.connection.execute(
            "select count(*), count(distinct invoice_no), sum(quantity * unit_price), "
            "count(*) filter (len(reasons) > 0) from read_parquet($1)",
            [str(run.rows)],
        ).fetchone()
        rows, invoices, total, unreadable = found or (0, 0, None, 0)
        if unreadable:
            raise _wrong("unreadable rows", "0", f"{unreadable:,}")
        if rows != known.rows:
            raise _wrong("the number of rows", f"{known.rows:,}", f"{rows:,}")
        if invoices != known.invoices:
            raise _wrong("the number of invoices", f"{known.invoices:,}", f"{invoices:,}")
        if total is None or round(total, 2) != known.total:
            raise _wrong("the total", f"{known.total:,.2f}", f"{total or 0:,.2f}")
        run.connection.execute(
            """
            copy (
                select
                    invoice_no as "InvoiceNo", stock_code as "StockCode",
                    description as "Description", quantity as "Quantity",
                    invoiced_at as "InvoiceDate", unit_price as "UnitPrice",
                    customer_id as "CustomerID", country as "Country"
                from read_parquet($rows) order by record_number
            ) to $target (format parquet, compression zstd)
            """,
            {"rows": str(run.rows), "target": str(target)},
        )


@contextmanager
def _progress(what: str) -> Iterator[None]:
    started = time.monotonic()
    print(f"{what} (about a minute) …", file=sys.stderr, flush=True)
    yield
    print(f"  done in {time.monotonic() - started:,.0f} s", file=sys.stderr, flush=True)


def _not_downloaded(url: str, reason: str) -> CustomerIntelligenceError:
    return CustomerIntelligenceError(
        "E_DOWNLOAD",
        f"{url} could not be downloaded: {reason}.",
        "Check the network, name another address (URL=…), or fetch the file with a browser and "
        "run `make build DATA=` with it.",
    )


def _bad_archive(what: str, reason: str) -> CustomerIntelligenceError:
    return CustomerIntelligenceError(
        "E_BAD_ARCHIVE", f"{what} {reason}.", "Nothing was kept. Check the address."
    )


def _wrong(what: str, expected: str, found: str) -> CustomerIntelligenceError:
    return CustomerIntelligenceError(
        "E_WRONG_CONTENT",
        f"This is not UCI Online Retail as it is known: {what} should be {expected}, not {found}.",
        "Nothing was kept. You can build another file of this kind as your own data.",
    )


def fetch(url: str, out: Path) -> None:
    """Download, check and convert, unless the file is there already; say so and what comes next."""
    if out.exists():
        print(f"{out} is there already; remove it to download it again")
    else:
        print(f"downloading {url}", file=sys.stderr, flush=True)
        download(url, out)
        print(
            f"{out}: {ONLINE_RETAIL.rows:,} rows, {ONLINE_RETAIL.invoices:,} invoices, "
            f"GBP {ONLINE_RETAIL.total:,.2f}, as expected"
        )
    print(f"next: make build DATA={out} DATA_DIR=data/online-retail")
