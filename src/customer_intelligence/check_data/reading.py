"""Read a file as a load and a build would, in a temporary directory."""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from customer_intelligence.data_dir.layout import (
    BUILD,
    MANIFEST_FILE,
    RAW,
    ROWS_FILE,
    SHOP_FILE,
    WORK_DATABASE,
)
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest import load
from customer_intelligence.ingest.apart import Apart, quarantined
from customer_intelligence.ingest.mapping import SourceMapping
from customer_intelligence.ingest.pipeline import ingest_file
from customer_intelligence.ingest.shop import read_shop
from customer_intelligence.quoting import path_literal

Build = Callable[[Path], None]


class Found(NamedTuple):
    """The result that a load and a build would have for a file."""

    load: load.LoadResult
    manifest: dict[str, Any]
    mapping: SourceMapping
    currency: str | None
    rows: duckdb.DuckDBPyConnection
    """With the view ``raw_rows``."""
    ledger: list[Apart]
    """What became of the lines, by disposition, and what was quarantined, by reason."""
    anonymous_before: float | None
    """Share of the money of nobody known in the last load of the data directory."""


@contextlib.contextmanager
def read(
    path: Path, mapping: SourceMapping, build: Build, data_dir: Path | None
) -> Iterator[Found]:
    """Load a file into a scratch directory and run the models there up to the dispositions.

    Yields
    ------
    Found

    Raises
    ------
    CustomerIntelligenceError
        The refusal that a load or a build would meet.
    """
    with _scratch(path) as scratch:
        # The rules of a shop that has loads are its own, whatever a mapping says.
        if data_dir is not None and (data_dir / SHOP_FILE).is_file():
            shutil.copyfile(data_dir / SHOP_FILE, scratch / SHOP_FILE)
        result = ingest_file(path, scratch, mapping)
        if result.accepted:
            build(scratch)
        manifest = json.loads((result.path / MANIFEST_FILE).read_text("utf-8"))
        with duckdb.connect() as connection:
            rows = path_literal(result.path / ROWS_FILE)
            connection.execute(f"create view raw_rows as from read_parquet({rows})")
            ledger = _ledger(connection, scratch if result.accepted else None, result)
            yield Found(
                result,
                manifest,
                mapping,
                (read_shop(scratch) or {}).get("currency"),
                connection,
                ledger,
                _anonymous_before(data_dir),
            )


@contextlib.contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix="check-data-") as name:
            yield Path(name).resolve()
    except OSError as error:
        raise CustomerIntelligenceError(
            "E_IO",
            f"{path.name} could not be read into {tempfile.gettempdir()}: {error}.",
            "Free some space there, or name another directory in TMPDIR.",
        ) from error


def _ledger(
    connection: duckdb.DuckDBPyConnection, scratch: Path | None, result: load.LoadResult
) -> list[Apart]:
    found = []
    if scratch is not None:
        connection.execute(
            f"attach {path_literal(scratch / BUILD / WORK_DATABASE)} as warehouse (read_only)"
        )
        ((schema,),) = connection.execute(
            "select table_schema from information_schema.tables "
            "where table_catalog = 'warehouse' and table_name = 'rpt_line_dispositions'"
        ).fetchall()
        found = [
            Apart(*row)
            for row in connection.execute(
                "select disposition, label, counts_in, lines, amount "  # noqa: S608  # nosec
                f'from warehouse."{schema}".rpt_line_dispositions order by rule_order desc'
            ).fetchall()
        ]
    return [*found, *quarantined(result.reasons, result.amounts)]


def _anonymous_before(data_dir: Path | None) -> float | None:
    """Return the share of anonymous records in the last load of a data directory."""
    if data_dir is None or not (data_dir / RAW).is_dir():
        return None
    loads = load.read_manifests(data_dir / RAW)
    if not loads:
        return None
    rows = path_literal(data_dir / RAW / loads[-1]["load_id"] / ROWS_FILE)
    with duckdb.connect() as connection:
        ((share,),) = connection.execute(
            "select avg((nullif(trim(customer_id), '') is null)::int) "  # noqa: S608  # nosec
            f"from read_parquet({rows}) where len(reasons) = 0"
        ).fetchall()
    return None if share is None else float(share)
