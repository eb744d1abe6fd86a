"""R9: an erased customer's bytes are nowhere, and the scan that says so finds them before."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb

from .lab import Lab, Outcome, succeed
from .shop_directory import ShopDirectory

CANARY = "canary.bird+1@example.com"
ANOTHER = "sparrow@example.com"


def scan(directory: Path) -> Iterator[str]:
    """Yield every file, and every text column of a table in it, that names the canary."""
    needles = [CANARY.encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be")]
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        data = path.read_bytes()
        name = path.relative_to(directory)
        if any(needle in data for needle in needles) or CANARY in path.name:
            yield f"{name}: bytes"
        if path.suffix == ".parquet":
            with duckdb.connect() as connection:
                connection.execute(f"create view lines as from read_parquet('{path}')")
                yield from (f"{name}: {column}" for column in columns_naming(connection))
        if path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as connection:
                yield from (f"{name}: {column}" for column in columns_naming(connection))


def columns_naming(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the columns, of any type, whose text holds the canary."""
    found = []
    for schema, table, column in connection.execute(
        "select schema_name, table_name, column_name from duckdb_columns() where not internal"
    ).fetchall():
        if connection.execute(
            f'select 1 from "{schema}"."{table}" where contains("{column}"::varchar, ?) limit 1',
            [CANARY],
        ).fetchone():
            found.append(f"{schema}.{table}.{column}")
    return found


def canary_files(lab: Lab, name: str) -> list[Path]:
    """A first file of accepted lines, and a second one with lines in quarantine too."""
    header = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice",
              "CustomerID", "Country")  # fmt: skip
    files = []
    for number in (1, 2):
        path = lab.directory / f"{name} {number}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for day in range(1, 29):
                for customer in (CANARY, ANOTHER):
                    writer.writerow(
                        (f"{number}{day:02d}{customer[0]}", "85123A", "Bird seed", 1 + day % 3,
                         f"2021-{number:02d}-{day:02d} 10:00", "2.55", customer, "France")
                    )  # fmt: skip
            if number == 2:
                writer.writerow(
                    ("9001", "85123A", "Bird seed", "many", "2021-02-28 10:00", "2.55", CANARY, "")
                )
                writer.writerow(("9002", f"for {CANARY}", "no quantity"))
        files.append(path)
    return files


def forget_a_canary(lab: Lab, name: str) -> Outcome:
    """Build three versions with the canary, erase it, build, and scan every byte."""
    outcome = Outcome()
    shop = ShopDirectory(lab.directory / name, lab.prepared().before.project)
    for file in canary_files(lab, name):
        succeed(shop.ingest(file))
        succeed(shop.build())
    # A killed build leaves a log of changes and half a publication.
    shop.build(kill_after=15)
    newest = shop.versions()[-1]
    shutil.copytree(shop.published / newest, shop.published / f".building-{newest}-left-behind")
    found = list(scan(shop.path))
    outcome.counts["places before"] += len(found)
    for place in ("raw/0001", "raw/0002", "build/warehouse.duckdb", "published/0"):
        outcome.expect(
            any(text.startswith(place) for text in found),
            f"harness: the scan does not find the canary in {place}: {found}",
        )
    outcome.expect(any("raw_record" in text for text in found), "harness: no canary in quarantine")
    before = shop.step("verify", CANARY)
    outcome.expect(before.returncode == 1, f"R9: verify does not find the canary {before.tail()}")
    erased = shop.step("erase", CANARY)
    outcome.expect(erased.returncode == 0, f"R9: forget {erased.tail()}")
    built = shop.build()
    outcome.expect(built.returncode == 0, f"R9: the build after forgetting {built.tail()}")
    found = list(scan(shop.path))
    files = [path for path in shop.path.rglob("*") if path.is_file()]
    outcome.counts["files scanned"] += len(files)
    outcome.counts["MB scanned"] += round(sum(path.stat().st_size for path in files) / 1e6)
    outcome.failures += [f"R9: still named: {place}" for place in found]
    verified = shop.step("verify", CANARY)
    outcome.expect(verified.returncode == 0, f"R9: verify {verified.tail()}")
    outcome.expect(shop.published.joinpath("current").exists(), "R9: nothing is published")
    # Adding a file that names the canary brings nobody back.
    again = lab.directory / f"{name} 3.csv"
    later = (lab.directory / f"{name} 2.csv").read_text().replace("85123A", "85123B")
    # Of who was erased only a hash is known: it is found as a value, not within a sentence.
    again.write_text(later.replace(f"for {CANARY}", CANARY))
    succeed(shop.ingest(again))
    outcome.failures += [f"R9: came back: {place}" for place in scan(shop.raw)]
    shutil.rmtree(shop.path)
    return outcome
