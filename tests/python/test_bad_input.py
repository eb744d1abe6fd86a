"""Bad files cost nothing: they are refused and leave no trace, or every record is accounted for."""

import contextlib
import csv
import datetime as dt
import hashlib
import io
import json
import os
import re
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpus import CASES, Case, Line, Quarantined, parquet_files, workbooks
from corpus.case import HEADER, LINES
from corpus.damage import DamagedText, damaged_bytes, damaged_texts
from hypothesis import HealthCheck, Phase, event, given, note, settings
from hypothesis import strategies as st

from customer_intelligence.cli.ending import ended
from customer_intelligence.cli.loading import load_file
from customer_intelligence.data_dir.layout import DATABASE
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import SourceMapping, ingest_file
from customer_intelligence.ingest.pseudonyms import plain_id, same_id

MEMORY = Path("/dev/shm")
SECONDS = 60
EPOCH = dt.datetime(1970, 1, 1)
# 10,000 for the proof of the promise; a hundred find most of what can break.
EXAMPLES = int(os.environ.get("CUSTOMER_INTELLIGENCE_EXAMPLES", "25"))


@contextlib.contextmanager
def time_limit() -> Iterator[None]:
    """Fail instead of hanging."""

    def stop(*_: object) -> None:
        pytest.fail(f"took more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def content(directory: Path) -> dict[str, object]:
    """Return the time of change and the digest of every file in a directory; None for others."""
    return {
        str(path.relative_to(directory)): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        if path.is_file()
        else None
        for path in directory.rglob("*")
    }


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """A directory in memory where there is one; others may enter it."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture(scope="module")
def shop(directory: Path) -> Path:
    """A data directory in use: a load, a published version and a work database."""
    data_dir = directory / "shop"
    file = directory / "before.csv"
    file.write_text(
        "Invoice,StockCode,Quantity,InvoiceDate,Price,Customer ID\n1,A,1,2010-12-01,1,1\n"
    )
    ingest_file(file, data_dir)
    version = "000001-20260101T000000Z-00000001"
    for name in ("build/warehouse.duckdb", f"published/{version}/{DATABASE}"):
        path = data_dir / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(name.encode())
    (data_dir / "published" / "current").symlink_to(version)
    return data_dir


def hard(examples: int) -> settings:
    """Return settings under which every run draws the same files, in any number."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def rows_of(load: Path) -> list[dict[str, object]]:
    """Return the raw rows of a load in the order of the file; the dates of accepted ones only.

    The date of a quarantined row may lie beyond what Python can hold.
    """
    table = pq.read_table(load / "invoice_lines.parquet").sort_by("record_number")
    moments = table["invoiced_at"].cast(pa.int64()).to_pylist()
    return [
        {
            **row,
            "invoiced_at": None if row["reasons"] else EPOCH + dt.timedelta(microseconds=moment),
        }
        for row, moment in zip(table.drop_columns("invoiced_at").to_pylist(), moments, strict=True)
    ]


def manifest_of(load: Path) -> dict[str, object]:
    """Return what a load says of itself."""
    return json.loads((load / "load.json").read_text(encoding="utf-8"))


def line_of(row: dict[str, object]) -> Line:
    """Return the values of a row."""
    return Line(*(row[field] for field in Line._fields))


def shown(raw_record: str) -> list[str | None]:
    """Return the source values that a quarantined row keeps."""
    record = json.loads(raw_record)
    return list(record.values()) if isinstance(record, dict) else record


def is_kept(kept: str | None, value: str | None) -> bool:
    """Tell whether a value is kept; of a text that is longer than is of use, its start is."""
    if kept is not None and kept.endswith("…") and len(value) > 1_000_000:
        return len(kept) > 100_000 and value.startswith(kept[:-1])
    return kept == value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_file_is_refused_whole_or_accounted_for(case: Case, directory, shop, capsys):
    with tempfile.TemporaryDirectory(dir=directory) as name:
        Path(name).chmod(0o755)
        inbox, data_dir = Path(name) / "inbox", Path(name) / "data"
        inbox.mkdir()
        shutil.copytree(shop, data_dir, symlinks=True)
        path = case.write(inbox)
        mapping = None
        if case.mapping:
            (Path(name) / "mapping.yml").write_text(case.mapping, encoding="utf-8")
            mapping = str(Path(name) / "mapping.yml")
        before = content(data_dir)
        with time_limit(), case.during(path):
            status = ended(lambda: load_file(path, data_dir, mapping))
        out, err = capsys.readouterr()
        after = content(data_dir)
        if case.refused:
            check_refusal(case, path, status, err)
            assert after == before
        else:
            assert (status, err) == (0, ""), err
            check_records(case, data_dir, out)
            assert before.items() <= after.items()


def check_refusal(case: Case, path: Path, status: int, message: str) -> None:
    """The message says what is wrong, where, and what to do, in one line."""
    assert status == 2
    assert message.startswith(f"{case.refused}: ")
    assert message.count("\n") == 1
    assert path.name in message
    assert case.says in message
    assert ". " in message
    assert message.endswith(".\n")


def check_records(case: Case, data_dir: Path, summary: str) -> None:
    """Every record is in the raw layer once, with its values or with the reasons why not."""
    (load,) = (data_dir / "raw").glob("0002-*")
    rows = rows_of(load)
    manifest = manifest_of(load)
    for number, (row, expected) in enumerate(zip(rows, case.records, strict=True), start=1):
        assert row["record_number"] == number
        if isinstance(expected, Line):
            assert (row["reasons"], row["raw_record"]) == ([], None), number
            assert (line_of(row), row["line_amount"]) == (expected, None)
        else:
            assert row["reasons"] == sorted(expected.reasons), (number, row["raw_record"])
            assert all(map(is_kept, shown(row["raw_record"]), expected.values))
    damaged = [row for row in case.records if isinstance(row, Quarantined)]
    records, quarantined = len(case.records), len(damaged)
    counted = [manifest[name] for name in ("records", "accepted", "quarantined")]
    assert counted == [records, records - quarantined, quarantined]
    assert manifest["reasons"] == Counter(reason for row in damaged for reason in row.reasons)
    assert f": {records:,} records, {quarantined:,} quarantined -> " in summary
    assert case.says in " ".join(manifest["notes"])
    assert [row["line_number"] for row in rows] == list(case.line_numbers)


class Outcome(NamedTuple):
    """What became of a file: the code of its refusal, or its rows and its manifest."""

    refused: str | None
    rows: list[dict[str, object]]
    manifest: dict[str, object]


@hard(EXAMPLES)
@given(file=damaged_texts())
def test_damage_costs_only_the_damaged_records(directory, file: DamagedText):
    mapping = SourceMapping(encoding=file.encoding, dates=file.dates)
    refused, rows, manifest = outcome_of(directory, "orders.csv", file.content, mapping)
    if not file.is_header_whole:
        return
    if refused:
        assert refused == "E_AMBIGUOUS_DATES"
        return
    check_segments(file, rows, manifest["encoding"])
    by_line = {row["line_number"]: row for row in rows}
    for line_number, line in file.untouched.items():
        row = by_line[line_number]
        assert row["reasons"] == [], row
        written = {field: getattr(line, field) or "" for field in CODES}
        assert line_of(row) == line._replace(
            **{field: spelled(field, text) or None for field, text in written.items()}
        )


@hard(EXAMPLES // 5)
@given(content=st.sampled_from([workbooks.GOOD, workbooks.SHARED]).flatmap(damaged_bytes))
def test_damaged_workbook_gives_its_own_values_or_none(directory, content: bytes):
    outcome = outcome_of(directory, "orders.xlsx", content)
    if not outcome.refused:
        assert [line_of(row) for row in outcome.rows if not row["reasons"]] == list(LINES)


# Parquet need not carry checksums, so a changed value can be as good as any other.
@hard(EXAMPLES // 5)
@given(content=damaged_bytes(parquet_files.GOOD))
def test_damaged_parquet_is_refused_or_accounted_for(directory, content: bytes):
    outcome_of(directory, "orders.parquet", content)


def outcome_of(
    directory: Path, name: str, content: bytes, mapping: SourceMapping | None = None
) -> Outcome:
    """Ingest a file that must either leave no trace or lose no record."""
    note(f"the file holds {content!r}")
    with tempfile.TemporaryDirectory(dir=directory) as inbox, time_limit():
        path, data_dir = Path(inbox) / name, Path(inbox) / "data"
        path.write_bytes(content)
        try:
            result = ingest_file(path, data_dir, mapping)
        except CustomerIntelligenceError as error:
            event(f"refused: {error.code}")
            assert not data_dir.exists()
            return Outcome(error.code, [], {})
        event("loaded")
        outcome = Outcome(None, rows_of(result.path), manifest_of(result.path))
    check_conservation(outcome.rows, outcome.manifest)
    return outcome


def check_conservation(rows: list[dict[str, object]], manifest: dict[str, object]) -> None:
    """Every record is there once, accepted or with its reasons."""
    assert [row["record_number"] for row in rows] == list(range(1, len(rows) + 1))
    accepted = sum(not row["reasons"] for row in rows)
    assert (manifest["records"], manifest["accepted"]) == (len(rows), accepted)
    assert manifest["quarantined"] == len(rows) - accepted
    assert all(bool(row["reasons"]) == (row["raw_record"] is not None) for row in rows)


def check_segments(file: DamagedText, rows: list[dict[str, object]], encoding: str) -> None:
    """The lines of the file fall to the records without rest, and hold what the rows hold."""
    text = file.content.decode(encoding, errors="backslashreplace")
    physical = list(io.StringIO(text, newline=""))
    starts = [row["line_number"] for row in rows]
    assert starts == sorted(set(starts))
    filled = [at for at, line in enumerate(physical, start=1) if line.strip("\r\n")]
    if '"' not in text:
        assert starts == filled[1:]
    assert set(starts) <= set(filled[1:])
    assert starts[:1] == filled[1:2]
    ends = [*starts, len(physical) + 1][1:]
    for row, start, end in zip(rows, starts, ends, strict=True):
        segment = "".join(physical[start - 1 : end - 1]).rstrip("\r\n")
        if row["reasons"]:
            kept = "".join(value or "" for value in shown(row["raw_record"]))
            assert bare(kept, file.separator) == bare(segment, file.separator)
            assert not is_plain(segment, file), row
        else:
            check_values(row, fields_of(segment, file), file)


def fields_of(segment: str, file: DamagedText) -> dict[str, str]:
    """Return the fields of one record, read by the csv module."""
    lines = io.StringIO(segment.replace("\0", "\ufdd0"), newline="")
    (fields,) = csv.reader(lines, delimiter=file.separator, strict='"' in segment)
    return dict(zip(file.columns, fields, strict=True))


CODES = ("customer_id", "invoice_no", "stock_code")


def spelled(field: str, text: str) -> str:
    """Return a text as it is stored: ids and codes in one spelling, others as they stand."""
    if field == "customer_id":
        return same_id(text)
    # The case of an address counts in a code.
    return (plain_id if "@" in text else same_id)(text) if field in CODES else text


def check_values(row: dict[str, object], fields: dict[str, str], file: DamagedText) -> None:
    """An accepted row holds what its part of the file says."""
    found = line_of(row)
    for field, name in zip(Line._fields, HEADER, strict=True):
        text, value = fields[name], getattr(found, field)
        if field == "quantity":
            # A number with both marks proves which stands between thousands.
            assert Decimal(text.replace(",", "")) == value
        elif field == "unit_price":
            assert abs(Decimal(text) - value) < Decimal("0.000001")
        elif field == "invoiced_at":
            with contextlib.suppress(ValueError):
                assert dt.datetime.strptime(text.strip(), file.date_style) == value
        else:
            assert value == (spelled(field, text) or None)


def bare(text: str, separator: str) -> str:
    """Return what is left of a text without quotes, separators and line ends."""
    return re.sub(f'[{separator}"\r\n]', "", text)


def is_plain(segment: str, file: DamagedText) -> bool:
    """Tell whether nothing at all is wrong with a record of one line."""
    if re.search(r'["\\\0\r\n]', segment) or segment.count(file.separator) != len(file.columns) - 1:
        return False
    fields = fields_of(segment, file)
    try:
        moment = dt.datetime.strptime(fields["InvoiceDate"], file.date_style)
    except ValueError:
        return False
    return bool(
        dt.datetime(1990, 1, 1) <= moment <= dt.datetime(2024, 1, 1)
        and re.fullmatch(r"C?[0-9]+", fields["InvoiceNo"])
        and re.fullmatch(r"-?[0-9]{1,15}", fields["Quantity"])
        and re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,4})?", fields["UnitPrice"])
        and len(segment) < 131_072
    )
