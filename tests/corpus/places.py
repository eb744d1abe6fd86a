"""Files with odd names, what is no plain file, and files of other formats."""

import contextlib
import gzip
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from corpus.case import HEADER, LINES, Case, bytes_case, good, joined

NOBODY = 65_534
CONTENT = "\n".join([joined(HEADER), *(good(line)[0] for line in LINES)]).encode()


def table(directory: Path, name: str = "orders.csv") -> Path:
    """Write a good file."""
    path = directory / name
    path.write_bytes(CONTENT)
    return path


def linked(directory: Path) -> Path:
    """Write a symbolic link to a good file."""
    path = directory / "link.csv"
    path.symlink_to(table(directory))
    return path


def dangling(directory: Path) -> Path:
    """Write a symbolic link to nothing."""
    path = directory / "link.csv"
    path.symlink_to(directory / "none.csv")
    return path


def below_link(directory: Path) -> Path:
    """Write a good file into a directory that is reached by a link."""
    (directory / "real").mkdir()
    (directory / "linked").symlink_to("real")
    table(directory / "real")
    return directory / "linked" / "orders.csv"


def pipe(directory: Path) -> Path:
    """Make a pipe that nobody writes to."""
    path = directory / "orders.csv"
    os.mkfifo(path)
    return path


def listening(directory: Path) -> Path:
    """Make a socket in the file system."""
    path = directory / "orders.csv"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    return path


@contextlib.contextmanager
def no_permission(path: Path) -> Iterator[None]:
    """Take the right to read a file, from the superuser too."""
    path.chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@contextlib.contextmanager
def growing(path: Path) -> Iterator[None]:
    """Append to a file, again and again."""
    is_read = threading.Event()

    def grow() -> None:
        while not is_read.wait(0.001):
            with path.open("ab") as file:
                file.write(b"\n")

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        yield
    finally:
        is_read.set()
        writer.join()


def huge(directory: Path) -> Path:
    """Write a file of a terabyte that takes no room."""
    path = table(directory)
    os.truncate(path, 1 << 40)
    return path


def root(levels: int) -> Callable[[Path], contextlib.AbstractContextManager[object]]:
    """Return a context in which files are read only from a directory so far above the file."""
    return lambda path: mock.patch.dict(
        os.environ, {"CUSTOMER_INTELLIGENCE_INPUT_ROOT": str(path.parents[levels])}
    )


def elsewhere(path: Path) -> contextlib.AbstractContextManager[object]:
    """Return a context in which files are read only from a directory beside the file."""
    return mock.patch.dict(os.environ, {"CUSTOMER_INTELLIGENCE_INPUT_ROOT": str(path.parent / "x")})


def leading_outside(directory: Path) -> Path:
    """Make a link within a directory that leads outside, and return a file behind it."""
    table(directory)
    (directory / "root").mkdir()
    (directory / "root" / "link").symlink_to("..")
    return directory / "root" / "link" / "orders.csv"


def climbing(directory: Path) -> Path:
    """Return a path that enters a directory and leaves it again."""
    (directory / "root").mkdir()
    return table(directory).parent / "root" / ".." / "orders.csv"


def place_case(name: str, write: Callable[[Path], Path], **expected: object) -> Case:
    """Return the case of a good file in an odd place."""
    if "refused" not in expected:
        expected = {"records": LINES, "line_numbers": (2, 3, 4), **expected}
    return Case(name, write, **expected)


def named(file_name: str) -> Case:
    """Return the case of a good file with an odd name."""
    shown = file_name if len(file_name) < 60 else f"{len(file_name)} characters"
    return place_case(f"a name like {shown!r}", lambda directory: table(directory, file_name))


NAMES = (
    named("orders 'of' \"Mary\" & Söhne; $(id) 100%.csv"),
    named("[2010]*?{a,b}.csv"),
    named("year=2010.csv"),
    named("orders\nof 2010.csv"),
    named("заказы ランタン 🎁.csv"),
    named("orders"),
    named("orders.parquet"),
    named("x" * 251 + ".csv"),
    named(os.fsdecode(b"caf\xe9.csv")),
    place_case(
        "a name that is too long", lambda directory: directory / ("x" * 300), refused="E_UNREADABLE"
    ),
)

PLACES = (
    place_case("no file", lambda directory: directory / "none.csv", refused="E_NOT_FOUND"),
    place_case(
        "a file taken for a directory",
        lambda directory: table(directory) / "orders.csv",
        refused="E_NOT_FOUND",
    ),
    place_case("a directory", lambda directory: directory, refused="E_NOT_A_FILE"),
    place_case("a link", linked, refused="E_SYMLINK"),
    place_case("a link to nothing", dangling, refused="E_SYMLINK"),
    place_case("a file in a directory that is a link", below_link),
    place_case("a pipe", pipe, refused="E_NOT_A_FILE"),
    place_case("a socket", listening, refused="E_NOT_A_FILE"),
    place_case("an endless device", lambda directory: Path("/dev/zero"), refused="E_NOT_A_FILE"),
    place_case("a file of a terabyte", huge, refused="E_TOO_BIG"),
    place_case("a file in the data root", table, during=root(0)),
    place_case(
        "a file outside of the data root", table, refused="E_OUTSIDE_ROOT", during=elsewhere
    ),
    place_case(
        "a link in the data root that leads outside",
        leading_outside,
        refused="E_OUTSIDE_ROOT",
        during=root(1),
    ),
    place_case(
        "a path that climbs out of the data root",
        climbing,
        refused="E_OUTSIDE_ROOT",
        during=root(1),
    ),
    place_case(
        "no file outside of the data root",
        lambda directory: directory / "none.csv",
        refused="E_OUTSIDE_ROOT",
        during=elsewhere,
    ),
    place_case("a file that may not be read", table, refused="E_UNREADABLE", during=no_permission),
    place_case("a file that grows while it is read", table, refused="E_CHANGED", during=growing),
)

FOREIGN = tuple(
    bytes_case(name, content, file_name, refused="E_UNKNOWN_FORMAT", says=says)
    for name, file_name, content, says in (
        ("a compressed file, cut off", "orders.csv.gz", gzip.compress(CONTENT)[:-20], "Decompress"),
        (
            "an old or encrypted workbook",
            "orders.xlsx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504),
            "password",
        ),
        (
            "a web page saved as .xls",
            "orders.xls",
            b"<html><body><table><tr><td>InvoiceNo</td></tr></table></body></html>",
            "HTML",
        ),
        (
            "a workbook of 2003 as XML",
            "orders.xls",
            b'<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n<Workbook/>',
            "XML",
        ),
        ("JSON", "orders.json", b'[{"InvoiceNo": "536365", "Quantity": 6}]', "JSON"),
        ("JSON lines", "orders.csv", b'{"InvoiceNo": "536365", "Quantity": 6}\n' * 3, "JSON"),
        ("a PDF document", "orders.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "PDF"),
        ("an SQLite database", "orders.csv", b"SQLite format 3\x00" + bytes(84), ""),
        ("an Arrow file", "orders.feather", b"ARROW1\x00\x00" + bytes(200), ""),
        ("a picture", "orders.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", ""),
    )
)

CASES = (*NAMES, *PLACES, *FOREIGN)
