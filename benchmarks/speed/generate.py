"""Replicate a shop: each copy has customers and invoices of its own.

    python -m benchmarks.speed.generate SOURCE OUT --copies N

SOURCE is a Parquet file of invoice lines, and OUT a file then; or it is a data directory with
loads, and OUT a new one, which `make build DATA_DIR=OUT` builds. Copy 0 has the ids of the source.
In copy k a text id ends in `-k`, and an integer id is larger by k times a power of ten. No id is
in two copies, an id that is null stays null, and everything else is repeated as it is. The same
source gives the same file.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import duckdb

from customer_intelligence.data_dir.layout import MANIFEST_FILE, RAW, ROWS_FILE, SHOP_FILE
from customer_intelligence.quoting import path_literal

# Names of ids, without case and punctuation, as files and loads have them.
IDS = ("customerid", "invoiceno")
# Numbers of a load that each copy repeats.
NUMBERED = ("record_number", "line_number")
COUNTS = ("records", "accepted", "quarantined", "erased")
# The columns that tutorials and the preset online_retail know, by those of a load.
HEADER = {
    "InvoiceNo": "invoice_no",
    "StockCode": "stock_code",
    "Description": "description",
    "Quantity": "quantity::integer",
    "InvoiceDate": "invoiced_at",
    "UnitPrice": "unit_price::double",
    "CustomerID": "customer_id",
    "Country": "country",
}


def replicate(source: Path, out: Path, copies: int) -> None:
    """Write a file of lines, or the loads of a data directory, with so many copies."""
    if source.is_file():
        _replicate([source], {source: out}, copies)
        return
    loads = _loads(source)
    if out.exists():
        raise SystemExit(f"{out} exists: name a new directory.")
    targets = {load: out / RAW / load.parent.name / ROWS_FILE for load in loads}
    _replicate(loads, targets, copies)
    for load, target in targets.items():
        manifest = json.loads((load.parent / MANIFEST_FILE).read_text("utf-8"))
        for count in COUNTS:
            manifest[count] = manifest.get(count, 0) * copies
        reasons = manifest.get("reasons", {}).items()
        manifest["reasons"] = {reason: count * copies for reason, count in reasons}
        (target.parent / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2), "utf-8")
    shutil.copy(source / SHOP_FILE, out)


def _loads(data_dir: Path) -> list[Path]:
    loads = sorted((data_dir / RAW).glob(f"*/{ROWS_FILE}"))
    if not loads:
        raise SystemExit(f"{data_dir} is neither a file nor a data directory with loads in {RAW}/.")
    return loads


def _replicate(files: list[Path], targets: Mapping[Path, Path], copies: int) -> None:
    with _connected() as database:
        # What makes ids different is the same in all loads, as they share customers.
        everything = f"read_parquet([{', '.join(map(path_literal, files))}])"
        database.execute(f"create view every_line as from {everything}")
        described = database.execute("describe every_line").fetchall()
        changed, ids = [], 0
        for name, kind, *_ in described:
            if "".join(filter(str.isalnum, name)).lower() in IDS:
                changed.append(_id_of_copy(database, f'"{name}"', kind))
                ids += 1
            elif name in NUMBERED:
                least, most = _range(database, f'"{name}"')
                changed.append(f'"{name}" + copy * {most - least + 1} as "{name}"')
        if ids != len(IDS):
            raise SystemExit(f"The lines need two columns of ids: {' and '.join(IDS)}.")
        for file, target in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            database.execute(
                f"copy (select * exclude (copy) replace ({', '.join(changed)})"
                f" from range({copies}) as copies(copy) cross join {path_literal(file)})"
                f" to {path_literal(target)} (compression zstd)"
            )


def _id_of_copy(database: duckdb.DuckDBPyConnection, column: str, kind: str) -> str:
    """Return the SQL of an id in a copy."""
    if kind == "VARCHAR":
        # Longer than any run of hyphens in an id: no id of the source looks like that of a copy.
        runs = f"select unnest(regexp_extract_all({column}, '-+')) as run from every_line"
        query = f"select coalesce(max(length(run)), 0) from ({runs})"
        hyphens = "-" * (1 + database.execute(query).fetchall()[0][0])
        return (
            f"case copy when 0 then {column} else {column} || '{hyphens}' || copy end as {column}"
        )
    least, most = _range(database, column)
    whole = f"{column}::hugeint + copy * {10 ** len(str(most - least))}"
    return f"({whole})::{'double' if kind in ('DOUBLE', 'FLOAT') else 'bigint'} as {column}"


def _range(database: duckdb.DuckDBPyConnection, column: str) -> tuple[int, int]:
    query = f"select min({column}), max({column}) from every_line"
    least, most = database.execute(query).fetchall()[0]
    return int(least or 0), int(most or 0)


def flatten(data_dir: Path, out: Path) -> None:
    """Write the loads of a data directory as one file with the columns of Online Retail."""
    columns = ", ".join(f"{of_load} as {name}" for name, of_load in HEADER.items())
    loads = ", ".join(map(path_literal, _loads(data_dir)))
    with _connected() as database:
        database.execute(
            f"copy (select {columns} from read_parquet([{loads}])"
            " order by load_number, record_number)"
            f" to {path_literal(out)} (compression zstd)"
        )


def split(file: Path, before: Path, last_day: Path) -> None:
    """Write the lines before the last day and those of that day, as files of their own."""
    lines = path_literal(file)
    with _connected() as database:
        for target, sign in ((before, "<"), (last_day, "=")):
            database.execute(
                f"copy (from {lines} where InvoiceDate::date {sign}"
                f" (select max(InvoiceDate)::date from {lines}))"
                f" to {path_literal(target)} (compression zstd)"
            )


def size(file: Path) -> tuple[int, int]:
    """Return the numbers of lines and of customers in a file."""
    with _connected() as database:
        query = f"select count(*), count(distinct CustomerID) from {path_literal(file)}"
        ((lines, customers),) = database.execute(query).fetchall()
    return lines, customers


def _connected() -> duckdb.DuckDBPyConnection:
    # One thread writes rows in the order in which it reads them.
    return duckdb.connect(config={"threads": 1})


def main() -> None:
    """Replicate what the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--copies", type=int, required=True)
    said = parser.parse_args()
    replicate(said.source, said.out, said.copies)


if __name__ == "__main__":
    main()
