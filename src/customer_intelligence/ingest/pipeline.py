"""From one file to one load: recognise, read, check, publish."""

import contextlib
import datetime as dt
import glob
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ArrowException

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import alarm, load, shop, stage, text
from customer_intelligence.ingest.checks import (
    NO_FINDINGS,
    date_survey_query,
    literal,
    proven_date_order,
    raw_rows_query,
)
from customer_intelligence.ingest.derived import Expression
from customer_intelligence.ingest.files import (
    check_regular_file,
    check_space,
    detect_format,
    file_sha256,
    shown_name,
    unreadable,
)
from customer_intelligence.ingest.mapping import (
    SourceMapping,
    is_unique,
    matching_preset,
    preset,
    resolve_columns,
    resolve_derived,
    resolve_fallbacks,
    resolve_order_amount,
    used_positions,
)
from customer_intelligence.ingest.privacy import Privacy
from customer_intelligence.ingest.pseudonyms import check_key, key_id
from customer_intelligence.ingest.tombstones import read_tombstones
from customer_intelligence.ingest.workbook import Workbook

LOGGER = logging.getLogger(__name__)
PROBED_RECORDS = 200_000
MEMORY_LIMIT = "2GB"
# Clocks and time zones differ; a date further ahead than this is wrong.
FUTURE_TOLERANCE = dt.timedelta(days=1)


@dataclass
class Source:
    """A recognised file: its header, its fields, and how to make it the view ``source``."""

    path: Path
    format: str
    header: list[str]
    columns: dict[str, int]
    types: list[str]
    readers: list[Callable[[duckdb.DuckDBPyConnection, Path], int]]
    """Ways to create the view, fastest first; each returns the records it must hold."""
    encoding: str | None = None
    notes: list[str] = field(default_factory=list)
    derivations: dict[str, tuple[Expression, dict[str, int]]] = field(default_factory=dict)
    """Fields that are worked out: how, and from which columns."""
    order_amount: tuple[Expression, dict[str, int]] | None = None
    """What the lines of an order add up to, and from which columns."""
    fallbacks: dict[str, list[int]] = field(default_factory=dict)
    """Columns that stand in where that of a field is blank."""
    used: set[int] = field(default_factory=set)
    """Positions of the columns that are read into fields."""

    @property
    def keys(self) -> list[str]:
        """Names of the columns in ``raw_record``."""
        return stage.record_keys(self.header)

    @property
    def named_columns(self) -> dict[str, str]:
        """Field to the name of its column in the file."""
        return {field: self.header[position] for field, position in self.columns.items()}


class Written(NamedTuple):
    """What was written for a file."""

    records: int
    quarantined: int
    reasons: dict[str, int]
    erased: int
    date_order: str | None
    currency: str | None


class DryRun(NamedTuple):
    """What a load would make of a file."""

    source: Source
    mapping: SourceMapping
    written: Written
    connection: duckdb.DuckDBPyConnection
    """Holds the view ``source``."""
    rows: Path
    """The raw rows, as Parquet."""


def ingest_file(
    path: Path, data_dir: Path, mapping: SourceMapping | None = None
) -> load.LoadResult:
    """Add one file of invoice lines to the raw layer.

    Parameters
    ----------
    path : Path
        A Parquet, CSV or XLSX file; its bytes decide which.
    data_dir : Path
        The load is written to ``<data_dir>/raw/<load_id>/``.
    mapping : SourceMapping, optional
        Column names and formats that the file cannot tell by itself. Without one, a preset is
        taken where the header is that of the preset.

    Returns
    -------
    LoadResult
        The new load, or the earlier one when the same content was loaded before.

    Raises
    ------
    CustomerIntelligenceError
        The file is refused and nothing is written.
    """
    before = check_regular_file(path)
    source, mapping = recognise_file(path, mapping)
    check_space(before.st_size, data_dir)
    sha256 = file_sha256(path)
    with load.open_raw(data_dir) as raw:
        manifests = load.read_manifests(raw)
        rules = shop.shop_of_loads(data_dir) if manifests else shop.read_shop(data_dir)
        privacy = Privacy(
            check_key(manifests),
            read_tombstones(raw),
            source.keys[source.columns["customer_id"]],
            [source.keys[position] for position in sorted(source.used)],
        )
        for manifest in manifests:
            if manifest["file_sha256"] == sha256:
                skipped = _skipped(path, raw, manifest, source, mapping)
                stated = shop.stated_rules(mapping, mapping.currency)
                for note in shop.compare(path.name, stated, rules or {}):
                    LOGGER.info("%s %s", path.name, note)
                return skipped
        number = 1 + max((manifest["load_number"] for manifest in manifests), default=0)
        try:
            with load.temporary_load(raw) as directory:
                result, manifest, currency = _write_load(
                    source, directory, number, sha256, mapping, privacy
                )
                stated = shop.stated_rules(mapping, currency)
                after = path.stat()
                if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                    raise CustomerIntelligenceError(
                        "E_CHANGED",
                        f"{path.name} changed while it was being read.",
                        "Wait until it is written completely, then try again.",
                    )
                notes = [] if rules is None else shop.compare(path.name, stated, rules)
                load.publish(directory, manifest, shop.shop_text(stated) if rules is None else None)
        except OSError as error:
            raise CustomerIntelligenceError(
                "E_IO",
                f"The load of {path.name} could not be written to {raw}: {error}.",
                "Check free space and permissions, then try again.",
            ) from error
    for note in (*result.notes, *notes):
        LOGGER.info("%s %s", path.name, note)
    return result


def recognise_file(
    path: Path, mapping: SourceMapping | None = None
) -> tuple[Source, SourceMapping]:
    """Find out how to read a file that `check_regular_file` allows.

    Returns
    -------
    source : Source
    mapping : SourceMapping
        The one given, or a preset, or an empty one.

    Raises
    ------
    CustomerIntelligenceError
        The file is refused.
    """
    if mapping is not None:
        _check_date_format(mapping)
        return _recognise(path, mapping), mapping
    try:
        source = _recognise(path, SourceMapping())
    except CustomerIntelligenceError as refusal:
        name = matching_preset(read_header(path)) if refusal.code == "E_MISSING_COLUMNS" else None
        if name is None:
            raise
        chosen = preset(name)
        source = _recognise(path, chosen)
    else:
        # Its columns are known by their names: a preset tells what the shop means by them.
        name = matching_preset(source.header)
        if name is None:
            return source, SourceMapping()
        chosen = preset(name)
        if chosen.derived or chosen.order_amount or source.named_columns != chosen.columns:
            source = _recognise(path, chosen)
    source.notes.append(f"has the header of the preset {name}, and is read so")
    return source, chosen


@contextlib.contextmanager
def dry_run(path: Path, mapping: SourceMapping | None) -> Iterator[DryRun]:
    """Read a file exactly as a load would, into a directory that is gone afterwards.

    Yields
    ------
    DryRun

    Raises
    ------
    CustomerIntelligenceError
        The refusal that a load would meet.
    """
    check_regular_file(path)
    source, mapping = recognise_file(path, mapping)
    parameters = {
        "load_number": 0,
        "load_id": "",
        "source_file": shown_name(path),
        "file_sha256": file_sha256(path),
        "latest": dt.datetime.now(dt.timezone.utc).replace(tzinfo=None) + FUTURE_TOLERANCE,
    }
    with tempfile.TemporaryDirectory(prefix="check-data-") as name:
        directory = Path(name)
        rows, work = directory / load.ROWS_FILE, directory / "work"
        work.mkdir()
        with _connect(work / "spill") as connection:
            privacy = Privacy(None, None, "", [])
            written = _write_rows(connection, source, mapping, parameters, privacy, rows, work)
            yield DryRun(source, mapping, written, connection, rows)


@contextlib.contextmanager
def probe(path: Path) -> Iterator[tuple[list[str], duckdb.DuckDBPyConnection]]:
    """Show the first records of a file of which no column is known.

    Yields
    ------
    header : list of str
    connection : DuckDBPyConnection
        With the table ``probe``, whose columns are ``c0``, ``c1``, … and ``date_cell``.
    """
    check_regular_file(path)
    header = read_header(path)
    # Any column that has a name of its own stands for all fields, until something is known.
    name = next((name for name in header if name.strip() and is_unique(name, header)), header[0])
    fields = ("invoice_no", "invoice_date", "customer_id", "line_amount", "unit_price")
    fields += ("description", "country")
    anything = SourceMapping(columns=dict.fromkeys(fields, name), absent=("stock_code", "quantity"))
    source = _recognise(path, anything)
    with (
        tempfile.TemporaryDirectory(prefix="check-data-") as directory,
        _connect(Path(directory) / "spill") as connection,
    ):
        for read in source.readers:
            try:
                read(connection, Path(directory))
                connection.execute(f"create table probe as from source limit {PROBED_RECORDS}")
                break
            except (_NotWellFormedError, duckdb.Error) as error:
                if isinstance(error, _MISTAKES):
                    raise
                failure: Exception = error
        else:
            raise unreadable(path, failure) from failure
        yield source.header, connection


def read_header(path: Path, encoding: str | None = None) -> list[str]:
    """Return the names of the columns, whatever they mean.

    Raises
    ------
    CustomerIntelligenceError
        The file is refused.
    """
    kind = detect_format(path)
    try:
        if kind == "parquet":
            return list(pq.read_schema(path).names)
        if kind == "xlsx":
            return Workbook(path, None).header
        return text.widest_header(path, text.detect_encoding(path, encoding))
    except (OSError, ArrowException, UnicodeError) as error:
        raise unreadable(path, error) from error


def _check_date_format(mapping: SourceMapping) -> None:
    if mapping.dates is None or "%" not in mapping.dates:
        return
    with _connect() as connection:
        try:
            connection.execute(f"select try_strptime('', {literal(mapping.dates)})")
        except duckdb.InvalidInputException as error:
            raise CustomerIntelligenceError(
                "E_BAD_MAPPING",
                f"The mapping's dates does not allow {mapping.dates!r}.",
                "Use ymd, mdy, dmy or a strptime format such as '%d.%m.%Y %H:%M'.",
            ) from error


def _recognise(path: Path, mapping: SourceMapping) -> Source:
    kind = detect_format(path)
    try:
        recognise = {"parquet": _parquet_source, "xlsx": _workbook_source, "csv": _text_source}
        source = recognise[kind](path, mapping)
    except (OSError, ArrowException, UnicodeError) as error:
        raise unreadable(path, error) from error
    source.derivations = resolve_derived(source.header, mapping, path.name)
    source.order_amount = resolve_order_amount(source.header, mapping, path.name)
    source.fallbacks = resolve_fallbacks(source.header, mapping, path.name)
    source.used = used_positions(source.columns, source.header, mapping, path.name)
    extra = [name for position, name in enumerate(source.header) if position not in source.used]
    if extra:
        source.notes.append(f"has columns that are not used: {', '.join(map(repr, extra))}")
    return source


def _parquet_source(path: Path, mapping: SourceMapping) -> Source:
    header = list(pq.read_schema(path).names)
    if any("\0" in name for name in header):
        raise unreadable(path, "the name of a column holds a NUL")
    columns = resolve_columns(header, mapping, path.name)
    scan = (
        f"read_parquet({literal(glob.escape(str(path)))}, hive_partitioning = false, "
        f"binary_as_string = true"
    )
    # Numbers from the file allow several threads, but not beside a column of that name.
    is_numbered = "file_row_number" not in map(str.lower, header)
    number = "file_row_number + 1" if is_numbered else "row_number() over ()"
    with _connect() as connection:
        try:
            described = connection.execute(f"describe select * from {scan})").fetchall()  # noqa: S608  # nosec
        except (duckdb.Error, UnicodeEncodeError) as error:
            raise unreadable(path, error) from error
    names, types = zip(*[row[:2] for row in described], strict=True)

    def read(connection: duckdb.DuckDBPyConnection, directory: Path) -> int:
        selected = ", ".join(
            f'"{name.replace(chr(34), chr(34) * 2)}" as c{position}'
            for position, name in enumerate(names)
        )
        connection.execute(
            f"create or replace view source as select {number} as record_number, "  # noqa: S608  # nosec
            f"cast(null as bigint) as line_number, {selected}, {NO_FINDINGS} "
            f"from {scan}, file_row_number = {is_numbered})"
        )
        return int(pq.read_metadata(path).num_rows)

    return Source(path, "parquet", header, columns, list(types), [read])


def _text_source(path: Path, mapping: SourceMapping) -> Source:
    encoding = text.detect_encoding(path, mapping.encoding)
    header, separator, columns = text.find_header(path, encoding, mapping)
    width = len(header)

    def read_fast(connection: duckdb.DuckDBPyConnection, directory: Path) -> int:
        readable = path
        # DuckDB reads UTF-8, in text and in the names of files.
        if encoding.name not in ("utf-8", "utf-8-sig", "ascii") or shown_name(path) != path.name:
            readable = directory / "text.csv"
            text.transcode(path, encoding, readable)
        structure = text.measure_structure(readable, separator, width)
        if not structure.is_well_formed:
            raise _NotWellFormedError
        types = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(width))
        line_number = _line_number(connection, structure.line_shifts)
        connection.execute(
            "create or replace view source as "  # noqa: S608  # nosec
            f"select record_number, {line_number} as line_number, * exclude (record_number), "
            f"{NO_FINDINGS} from (select row_number() over () as record_number, * "
            f"from read_csv({literal(glob.escape(str(readable)))}, auto_detect = false, "
            f"header = true, columns = {{{types}}}, delim = {literal(separator)}, quote = '\"', "
            "escape = '\"', strict_mode = true, null_padding = false, ignore_errors = false, "
            "hive_partitioning = false))"
        )
        return structure.records - 1

    def read_slowly(connection: duckdb.DuckDBPyConnection, directory: Path) -> int:
        with text.open_text(path, encoding) as stream:
            records = stage.text_records(
                stream,
                separator,
                stage.record_keys(header),
                may_be_damaged=not encoding.is_valid,
            )
            return _stage(connection, directory, records, width)

    return Source(
        path,
        "csv",
        header,
        columns,
        ["VARCHAR"] * width,
        [read_fast, read_slowly] if encoding.is_valid else [read_slowly],
        encoding.name,
        [encoding.note] if encoding.note else [],
    )


def _workbook_source(path: Path, mapping: SourceMapping) -> Source:
    workbook = Workbook(path, mapping)
    width = len(workbook.header)

    def read(connection: duckdb.DuckDBPyConnection, directory: Path) -> int:
        return _stage(connection, directory, stage.workbook_records(workbook), width)

    source = Source(path, "xlsx", workbook.header, workbook.columns, ["VARCHAR"] * width, [read])
    if len(workbook.sheets) > 1:
        source.notes.append(f"has the table on several sheets: {', '.join(workbook.sheets)}")
    if workbook.other_sheets:
        source.notes.append(
            f"has sheets with another header, not read: {', '.join(workbook.other_sheets)}"
        )
    return source


def _line_number(connection: duckdb.DuckDBPyConnection, shifts: text.LineShifts) -> str:
    """Write the line on which a record starts as SQL of the record's number."""
    if shifts.records.size == 1:
        return f"record_number + {shifts.shifts[0]}"

    def line_of_record(records: pa.ChunkedArray) -> pa.Array:
        return pa.array(shifts.lines(records.to_numpy()))

    connection.create_function("line_of_record", line_of_record, ["BIGINT"], "BIGINT", type="arrow")
    return "line_of_record(record_number)"


class _NotWellFormedError(Exception):
    """The text needs reading record by record."""


# A mistake of this program; anything else that DuckDB raises comes of a damaged file.
_MISTAKES = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ParserException,
    duckdb.SyntaxException,
)


def _stage(
    connection: duckdb.DuckDBPyConnection,
    directory: Path,
    records: Iterable[stage.StagedRecord],
    width: int,
) -> int:
    path = directory / "stage.parquet"
    written = stage.write_stage(path, records, width)
    connection.execute(
        f"create or replace view source as from read_parquet({literal(glob.escape(str(path)))}, "
        "hive_partitioning = false)"
    )
    return written


def _write_load(
    source: Source,
    directory: Path,
    number: int,
    sha256: str,
    mapping: SourceMapping,
    privacy: Privacy,
) -> tuple[load.LoadResult, dict[str, object], str | None]:
    """Write the rows of a load; return what became of the file, its manifest and currency."""
    load_id = f"{number:04d}-{sha256[:12]}"
    final = directory.parent / load_id
    loaded_at = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
    provenance = {
        "load_number": number,
        "load_id": load_id,
        "source_file": shown_name(source.path),
        "file_sha256": sha256,
    }
    parameters = {**provenance, "latest": loaded_at.replace(tzinfo=None) + FUTURE_TOLERANCE}
    rows = directory / load.ROWS_FILE
    work = directory / "work"
    work.mkdir()
    with _connect(work / "spill") as connection:
        privacy.register(connection)
        written = _write_rows(connection, source, mapping, parameters, privacy, rows, work)
        warning = None
        if written.quarantined > alarm.ALARMING_SHARE * written.records:
            keys = {field: source.keys[position] for field, position in source.columns.items()}
            warning = alarm.warning(connection, rows, written.records, written.reasons, keys, final)
    shutil.rmtree(work)
    notes = [*source.notes, *_warnings(written)]
    result = load.LoadResult(
        provenance["source_file"],
        load_id,
        final,
        written.records,
        written.quarantined,
        written.reasons,
        tuple(notes),
        warning=warning,
    )
    manifest = {
        **provenance,
        "format": source.format,
        "encoding": source.encoding,
        "date_order": written.date_order,
        "header": source.header,
        "columns": source.named_columns,
        "mapping": mapping.as_dict(),
        "pseudonym_key": key_id(privacy.key) if privacy.key is not None else None,
        "records": result.records,
        "accepted": result.accepted,
        "quarantined": result.quarantined,
        "reasons": result.reasons,
        "erased": written.erased,
        "notes": notes,
        "loaded_at": loaded_at.isoformat(),
    }
    return result, manifest, written.currency


def _write_rows(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    mapping: SourceMapping,
    parameters: dict[str, object],
    privacy: Privacy,
    rows: Path,
    work: Path,
) -> Written:
    """Read the file, by the first of its readers that loses nothing."""
    for read in source.readers:
        try:
            expected = read(connection, work)
            date_order = _date_order(connection, source, mapping)
            currency = _currency(connection, source, mapping)
            erased = _copy_rows(connection, source, mapping, date_order, parameters, privacy, rows)
            records, quarantined, reasons = _count(connection, rows)
        except (_NotWellFormedError, duckdb.Error) as error:
            if isinstance(error, _MISTAKES):
                raise
            # The load's own files, or memory for want of a place to spill to.
            own = str(rows.parent) in str(error)
            if own or isinstance(error, duckdb.OutOfMemoryException):
                raise OSError(str(error).splitlines()[0]) from error
            failure: Exception = error
            continue
        if records == expected:
            break
        failure = ValueError(f"{expected:,} records were counted and {records:,} read")
    else:
        raise unreadable(source.path, failure) from failure
    if read is not source.readers[0]:
        source.notes.append("is not well formed; it was read record by record")
    return Written(records, quarantined, reasons, erased, date_order, currency)


def _date_order(
    connection: duckdb.DuckDBPyConnection, source: Source, mapping: SourceMapping
) -> str | None:
    """Return the configured or proven order of day and month; refuse when there is neither."""
    position = source.columns["invoice_date"]
    if source.types[position] != "VARCHAR":
        return None
    if mapping.dates is not None:
        return mapping.dates
    survey = connection.execute(date_survey_query(f"c{position}")).fetchone()
    slashed = next((example for example in survey or () if example), None)
    has_cells = connection.execute(
        "select exists(select 1 from source where date_cell is not null)"
    ).fetchone()
    if slashed and has_cells == (True,):
        raise CustomerIntelligenceError(
            "E_AMBIGUOUS_DATES",
            f'Column "{source.header[position]}" of {source.path.name} holds true dates and the '
            f'text "{slashed}": a spreadsheet of another region may have swapped day and month of '
            "those it took for dates.",
            "Check them there; set `dates: dmy` or `dates: mdy` in mapping.yml if they are right.",
        )
    return proven_date_order(survey, source.header[position], source.path.name)


def _currency(
    connection: duckdb.DuckDBPyConnection, source: Source, mapping: SourceMapping
) -> str | None:
    """Return the currency that the mapping or the file's own column names; refuse several."""
    position = source.columns.get("currency")
    if position is None:
        return mapping.currency
    named = f"upper(trim(cast(c{position} as varchar)))"
    found = connection.execute(
        f"select distinct {named} from source where {named} <> '' order by 1 limit 4"  # noqa: S608  # nosec
    ).fetchall()
    codes = sorted({code for (code,) in found} | ({mapping.currency} - {None}))
    if len(codes) > 1 or not all(re.fullmatch("[A-Z]{3}", code) for code in codes):
        raise CustomerIntelligenceError(
            "E_MIXED_CURRENCIES",
            f'Column "{source.header[position]}" of {source.path.name} does not name one currency '
            f"by its three-letter code: {', '.join(codes)}.",
            "Split the file by currency, with a DATA_DIR for each; amounts are not converted.",
        )
    return codes[0] if codes else None


def _copy_rows(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    mapping: SourceMapping,
    date_order: str | None,
    parameters: dict[str, object],
    privacy: Privacy,
    target: Path,
) -> int:
    """Write the raw rows and return how many of them named a customer who was erased."""
    rows = raw_rows_query(
        source.columns,
        source.derivations,
        source.types,
        source.keys,
        mapping,
        date_order,
        fallbacks=source.fallbacks,
        order_amount=source.order_amount,
    )
    query, parameters, erased = privacy.rows_query(connection, rows, parameters)
    connection.execute(
        f"copy ({query}) to $target (format parquet, compression zstd)",
        {**parameters, "target": str(target)},
    )
    return erased


def _count(connection: duckdb.DuckDBPyConnection, rows: Path) -> tuple[int, int, dict[str, int]]:
    path = glob.escape(str(rows))
    counts = connection.execute(
        "select count(*), count(*) filter (len(reasons) > 0) from read_parquet(?)", [path]
    ).fetchone()
    reasons = connection.execute(
        "select reason, count(*) from "
        "(select unnest(reasons) as reason from read_parquet(?) where len(reasons) > 0) "
        "group by reason order by reason",
        [path],
    ).fetchall()
    records, quarantined = counts or (0, 0)
    return records, quarantined, dict(reasons)


def _warnings(written: Written) -> list[str]:
    warnings = []
    if written.records == 0:
        warnings.append("has a header and no records")
    if written.quarantined:
        listed = ", ".join(f"{reason} {count:,}" for reason, count in written.reasons.items())
        warnings.append(f"has quarantined records: {listed}")
    if written.erased:
        warnings.append(
            f"names customers who were erased, in {written.erased:,} records; they stay erased"
        )
    return warnings


def _skipped(
    path: Path,
    raw: Path,
    manifest: dict[str, object],
    source: Source,
    mapping: SourceMapping,
) -> load.LoadResult:
    directory = raw / str(manifest["load_id"])
    before = {**SourceMapping().as_dict(), **dict(manifest["mapping"])}
    if "currency" in manifest and before["currency"] is None:
        # Loads of before took a file by its column names where today a preset names it.
        before["currency"] = mapping.currency
    if _reading(before, dict(manifest["columns"])) != _reading(
        mapping.as_dict(), source.named_columns
    ):
        raise CustomerIntelligenceError(
            "E_OTHER_MAPPING",
            f"{path.name} was loaded before with another mapping, as {manifest['load_id']}.",
            f"Remove {directory} to load it again, or use the same mapping as then.",
        )
    return load.LoadResult(
        shown_name(path),
        str(manifest["load_id"]),
        directory,
        int(str(manifest["records"])),
        int(str(manifest["quarantined"])),
        dict(manifest["reasons"]),
        (),
        str(manifest["source_file"]),
    )


def _reading(mapping: dict[str, object], columns: dict[str, str]) -> dict[str, object]:
    """Return what decides how a file is read, however its columns were found."""
    several = {
        field: column
        for field, column in dict(mapping["columns"]).items()
        if not isinstance(column, str)
    }
    # Rules say nothing of how a file is read; `vars` is what they were called once.
    return {**mapping, "columns": {**columns, **several}, "rules": None, "vars": None}


def _connect(spill: Path | None = None) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        config={
            "memory_limit": MEMORY_LIMIT,
            "threads": str(min(4, os.cpu_count() or 1)),
            "temp_directory": "" if spill is None else str(spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "true",
        }
    )
    # Dates that carry an offset, and stored instants, are read as UTC.
    connection.execute("set timezone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    # The slow path writes again what the fast one wrote; no remembered block may stand in for it.
    connection.execute("set enable_external_file_cache = false")
    # A damaged Parquet file may state bounds that its values do not keep to.
    connection.execute("set disabled_optimizers = 'statistics_propagation'")
    return connection
