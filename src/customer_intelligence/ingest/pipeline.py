"""The path of a file through the ingest, forward only.

============================ ==================================================================
Step                         What it adds to a `Reading`
============================ ==================================================================
`files`, `recognise`         format, header, types, the column of each field; `together` does so for
                             several files that belong together
`read`                       a view ``source`` over its records, whatever the format
`survey`                     what only all values together show: order of day and month, currency
`type_fields`, `complete`    SQL of every field, from its own value and from its order's lines
`check`                      one query: typed rows, each with its reasons for the quarantine
`write`                      the rows as a file, counted, and the manifest beside it
============================ ==================================================================

A step knows the steps before it and none after it. All of them use what a person stated (`mapping`,
`presets`, `columns`), the formats (`formats`) and the engine.
"""

import contextlib
import dataclasses
import datetime as dt
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from customer_intelligence.data_dir.layout import ROWS_FILE
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import alarm, load, replacing, shop
from customer_intelligence.ingest.check import claims_query
from customer_intelligence.ingest.columns import is_unique
from customer_intelligence.ingest.engine import MISTAKES, connect
from customer_intelligence.ingest.files import (
    check_regular_file,
    check_space,
    content_sha256,
    identity,
    shown_name,
    unreadable,
)
from customer_intelligence.ingest.mapping import SourceMapping
from customer_intelligence.ingest.privacy import Privacy
from customer_intelligence.ingest.pseudonyms import check_key
from customer_intelligence.ingest.read import NotWellFormedError, create_source, readers
from customer_intelligence.ingest.reading import Reading, SheetsLayout
from customer_intelligence.ingest.recognise import read_header, recognise
from customer_intelligence.ingest.survey import survey
from customer_intelligence.ingest.tombstones import read_tombstones
from customer_intelligence.ingest.write import Written, manifest_of, write_rows

LOGGER = logging.getLogger(__name__)
PROBED_RECORDS = 200_000
# Clocks and time zones differ; a date further ahead than this is wrong.
FUTURE_TOLERANCE = dt.timedelta(days=1)


class DryRun(NamedTuple):
    """The result that a load would have."""

    reading: Reading
    written: Written
    connection: duckdb.DuckDBPyConnection
    """Holds the view ``source``."""
    rows: Path
    """The raw rows, as Parquet."""


def ingest_file(
    path: Path, data_dir: Path, mapping: SourceMapping | None = None
) -> load.LoadResult:
    r"""Add one file of invoice lines to the raw layer, or files that belong together.

    Parameters
    ----------
    path : Path
        A Parquet, CSV or XLSX file; its bytes decide which. A directory where the mapping, or a
        preset that knows it, names several files in it.
    data_dir : Path
        The load is written to ``<data_dir>/raw/<load_id>/``.
    mapping : SourceMapping, optional
        Column names and formats that the file does not show by itself. Without one, the preset
        with this header is used, if there is one.

    Returns
    -------
    LoadResult
        The new load, or the earlier one when the same content was loaded before.

    Raises
    ------
    CustomerIntelligenceError
        The file is refused and nothing is written.

    Examples
    --------
    >>> lines = "order_id,order_date,customer_id,sku,qty,price\n1,2024-01-05,a,MUG,2,2.50\n"
    >>> _ = Path("orders.csv").write_text(lines)
    >>> loaded = ingest_file(Path("orders.csv"), Path("shop"), SourceMapping(currency="EUR"))
    >>> loaded.records, loaded.quarantined, loaded.accepted_amount
    (1, 0, Decimal('5.0000'))
    """
    reading = recognise(path, mapping)
    check_space(sum(file.first_status.st_size for file in reading.files), data_dir)
    sha256 = content_sha256({file.file for file in reading.files})
    with load.open_raw(data_dir) as raw:
        manifests = load.read_manifests(raw)
        rules = shop.shop_of_loads(data_dir) if manifests else shop.read_shop(data_dir)
        privacy = Privacy(
            check_key(manifests),
            read_tombstones(raw),
            [
                reading.keys[position]
                for position in reading.columns.positions.get("customer_id", ())
            ],
            [reading.keys[position] for position in sorted(reading.columns.used)],
            (reading.mapping.rules if rules is None else rules).get("nobody", ()),
        )
        for manifest in manifests:
            if manifest["file_sha256"] == sha256:
                skipped = _skipped(raw, manifest, reading)
                stated = shop.stated_rules(reading.mapping, reading.mapping.currency)
                for note in shop.compare(reading.name, stated, rules or {}):
                    LOGGER.info("%s %s", reading.name, note)
                return skipped
        number = 1 + max((manifest["load_number"] for manifest in manifests), default=0)
        try:
            with load.temporary_load(raw) as directory:
                result, manifest, currency = _write_load(
                    reading, directory, number, sha256, privacy, manifests, rules or {}
                )
                stated = shop.stated_rules(reading.mapping, currency)
                for file in reading.files:
                    if identity(file.first_status) != identity(file.file.lstat()):
                        raise CustomerIntelligenceError(
                            "E_CHANGED",
                            f"{file.name} changed while it was being read.",
                            "Wait until it is written completely, then try again.",
                        )
                notes = [] if rules is None else shop.compare(reading.name, stated, rules)
                load.publish(directory, manifest, shop.shop_text(stated) if rules is None else None)
        except OSError as error:
            raise CustomerIntelligenceError(
                "E_IO",
                f"The load of {reading.name} could not be written to {raw}: {error}.",
                "Check free space and permissions, then try again.",
            ) from error
    for note in (*result.notes, *notes):
        LOGGER.info("%s %s", reading.name, note)
    return result


@contextlib.contextmanager
def dry_run(path: Path, mapping: SourceMapping | None) -> Iterator[DryRun]:
    """Read a file exactly as a load would, into a temporary directory.

    Yields
    ------
    DryRun

    Raises
    ------
    CustomerIntelligenceError
        The refusal that a load would meet.
    """
    reading = recognise(path, mapping)
    parameters = {
        "load_number": 0,
        "load_id": "",
        "source_file": shown_name(path),
        "file_sha256": content_sha256({file.file for file in reading.files}),
        "latest": _latest(dt.datetime.now(dt.UTC)),
    }
    with _scratch(path) as directory:
        rows, work = directory / ROWS_FILE, directory / "work"
        work.mkdir()
        with connect(work / "spill", reading.spill_bytes) as connection:
            privacy = Privacy(None, None, [], [])
            reading, written = _convert(connection, reading, parameters, privacy, rows, work)
            yield DryRun(reading, written, connection, rows)


@contextlib.contextmanager
def probe(
    path: Path, files: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[tuple[list[str], duckdb.DuckDBPyConnection]]:
    """Return the first records of a file whose columns are unknown.

    Parameters
    ----------
    path : Path
    files : dict, optional
        Files that belong together, as a mapping names them.

    Yields
    ------
    header : list of str
    connection : DuckDBPyConnection
        With the table ``probe``, whose columns are ``c0``, ``c1``, … and ``date_cell``.
    """
    if not files:
        check_regular_file(path)
    header = read_header(path, files)
    # Any column that has a name of its own stands for all fields, until something is known.
    name = next((name for name in header if name.strip() and is_unique(name, header)), header[0])
    fields = (
        *("invoice_no", "invoice_date", "customer_id", "line_amount", "unit_price"),
        *("description", "country"),
    )
    anything = SourceMapping(
        columns=dict.fromkeys(fields, name), absent=("stock_code", "quantity"), files=files or {}
    )
    reading = recognise(path, anything, whole=True)
    if isinstance(reading.layout, SheetsLayout):
        # Of a sheet with other columns nothing is known yet.
        alike = [table for table in reading.layout.sheets if table.order is None]
        layout = dataclasses.replace(reading.layout, sheets=alike)
        reading = dataclasses.replace(reading, layout=layout)
    with (
        _scratch(path) as directory,
        connect(directory / "spill", reading.spill_bytes) as connection,
    ):
        for read in readers(reading):
            try:
                create_source(connection, read(reading, connection, directory))
                connection.execute(f"create table probe as from source limit {PROBED_RECORDS}")
                break
            except (NotWellFormedError, duckdb.Error) as error:
                if isinstance(error, MISTAKES):
                    raise
                failure: Exception = error
        else:
            raise unreadable(path, failure) from failure
        yield list(reading.header), connection


@contextlib.contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """Yield a temporary directory to read a file into."""
    try:
        with tempfile.TemporaryDirectory(prefix="check-data-") as name:
            yield Path(name)
    except OSError as error:
        raise CustomerIntelligenceError(
            "E_IO",
            f"{path.name} could not be read into {tempfile.gettempdir()}: {error}.",
            "Free some space there, or name another directory in TMPDIR.",
        ) from error


def _convert(
    connection: duckdb.DuckDBPyConnection,
    reading: Reading,
    parameters: Mapping[str, object],
    privacy: Privacy,
    rows: Path,
    work: Path,
) -> tuple[Reading, Written]:
    """Write the raw rows of a file, by the first of its readers that loses nothing."""

    def fetch(query: str) -> list[tuple[Any, ...]]:
        return connection.execute(query).fetchall()

    ways = readers(reading)
    for read in ways:
        try:
            source = read(reading, connection, work)
            create_source(connection, source)
            surveyed = survey(reading, fetch)
            written = write_rows(connection, surveyed, parameters, privacy, rows)
            claims = claims_query(surveyed)
            disagreement = _disagreement(fetch(claims)[0]) if claims else None
        except (NotWellFormedError, duckdb.Error) as error:
            if isinstance(error, MISTAKES):
                raise
            # The load's own files, or memory for want of a place to spill to.
            own = str(rows.parent) in str(error)
            if own or isinstance(error, duckdb.OutOfMemoryException):
                raise OSError(str(error).splitlines()[0]) from error
            failure: Exception = error
            continue
        if written.records == source.records:
            break
        failure = ValueError(
            f"{source.records:,} records were counted and {written.records:,} read"
        )
    else:
        raise unreadable(reading.file, failure) from failure
    surveyed = dataclasses.replace(surveyed, notes=(*surveyed.notes, *source.notes))
    if disagreement is not None:
        surveyed = dataclasses.replace(surveyed, notes=(*surveyed.notes, disagreement))
    if read is not ways[0]:
        note = "is not well formed; it was read record by record"
        surveyed = dataclasses.replace(surveyed, notes=(*surveyed.notes, note))
    return surveyed, written


def _disagreement(claims: tuple[Any, ...]) -> str | None:
    """Return how far the two amounts of lines differ, in words."""
    lines, stated, computed = claims
    if not lines:
        return None
    return (
        f"has {lines:,} lines whose stated amounts ({stated:,.2f}) are not price times quantity "
        f"({computed:,.2f}); map `line_amount` to count what is stated, or leave it out"
    )


def _write_load(
    reading: Reading,
    directory: Path,
    number: int,
    sha256: str,
    privacy: Privacy,
    manifests: list[dict[str, Any]],
    rules: Mapping[str, Any],
) -> tuple[load.LoadResult, dict[str, Any], str | None]:
    """Write the rows of a load; return the result, its manifest and its currency."""
    load_id = f"{number:04d}-{sha256[:12]}"
    final = directory.parent / load_id
    loaded_at = dt.datetime.now(dt.UTC).replace(microsecond=0)
    provenance: dict[str, Any] = {
        "load_number": number,
        "load_id": load_id,
        "source_file": shown_name(reading.file),
        "file_sha256": sha256,
    }
    parameters = {**provenance, "latest": _latest(loaded_at)}
    rows = directory / ROWS_FILE
    work = directory / "work"
    work.mkdir()
    with connect(work / "spill", reading.spill_bytes) as connection:
        privacy.register(connection)
        reading, written = _convert(connection, reading, parameters, privacy, rows, work)
        again = replacing.compare(connection, rows, manifests, rules, provenance["source_file"])
        warning = alarm.without_number(connection, rows, written.reasons)
        if alarm.is_alarming(written.records, written.reasons, written.quarantined):
            keys = {field: reading.keys[at[0]] for field, at in reading.columns.positions.items()}
            warning = alarm.warning(connection, rows, written.records, written.reasons, keys, final)
    shutil.rmtree(work)
    manifest = manifest_of(reading, written, provenance, privacy, loaded_at)
    manifest["notes"] += again
    result = load.LoadResult(
        provenance["source_file"],
        load_id,
        final,
        written.records,
        written.quarantined,
        written.reasons,
        written.amounts,
        tuple(manifest["notes"]),
        warning=warning,
        accepted_amount=written.accepted_amount,
    )
    return result, manifest, reading.currency


def _latest(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=None) + FUTURE_TOLERANCE


def _skipped(raw: Path, manifest: dict[str, Any], reading: Reading) -> load.LoadResult:
    directory = raw / str(manifest["load_id"])
    before = {**SourceMapping().as_dict(), **dict(manifest["mapping"])}
    if "currency" in manifest and before["currency"] is None:
        # Loads of before took a file by its column names where today a preset names it.
        before["currency"] = reading.mapping.currency
    if _reading(before, dict(manifest["columns"])) != _reading(
        reading.mapping.as_dict(), reading.named_columns
    ):
        raise CustomerIntelligenceError(
            "E_OTHER_MAPPING",
            f"{reading.name} was loaded before with another mapping, as {manifest['load_id']}.",
            f"Remove {directory} to load it again, or use the same mapping as then.",
        )
    return load.LoadResult(
        shown_name(reading.file),
        str(manifest["load_id"]),
        directory,
        int(str(manifest["records"])),
        int(str(manifest["quarantined"])),
        dict(manifest["reasons"]),
        first_source_file=str(manifest["source_file"]),
    )


def _reading(mapping: dict[str, Any], columns: dict[str, str]) -> dict[str, object]:
    """Return what decides how a file is read, as the manifest records it."""
    several = {
        field: column
        for field, column in dict(mapping["columns"]).items()
        if not isinstance(column, str)
    }
    # Rules say nothing of how a file is read; `vars` is what they were called once.
    return {**mapping, "columns": {**columns, **several}, "rules": None, "vars": None}
