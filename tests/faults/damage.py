"""R3: a work database that is torn, garbled or of another version is built again from raw."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random

from .lab import Lab, Outcome, heal_build
from .shop_directory import ShopDirectory

HEADER_BYTES = 4096
VERSION_AT = 12
A_LATER_STORAGE_VERSION = 9_999

Damage = Callable[[ShopDirectory, Random], object]


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def wal_of(shop: ShopDirectory) -> Path:
    return shop.work_database.with_name(f"{shop.work_database.name}.wal")


def empty(shop: ShopDirectory, draw: Random) -> None:
    os.truncate(shop.work_database, 0)


def truncate(shop: ShopDirectory, draw: Random) -> None:
    os.truncate(shop.work_database, draw.randrange(1, shop.work_database.stat().st_size))


def garble_header(shop: ShopDirectory, draw: Random) -> None:
    overwrite(shop.work_database, draw.randrange(3 * HEADER_BYTES), draw.randbytes(64))


def garble_blocks(shop: ShopDirectory, draw: Random) -> None:
    size = shop.work_database.stat().st_size
    for _ in range(20):
        overwrite(shop.work_database, draw.randrange(3 * HEADER_BYTES, size), draw.randbytes(64))


def replace_by_text(shop: ShopDirectory, draw: Random) -> None:
    shop.work_database.write_text("This is no database.\n" * 1000)


def change_version(shop: ShopDirectory, draw: Random) -> None:
    """State a later storage version, with a header that is sound otherwise."""
    with shop.work_database.open("rb") as file:
        header = bytearray(file.read(HEADER_BYTES))
    header[VERSION_AT : VERSION_AT + 8] = struct.pack("<Q", A_LATER_STORAGE_VERSION)
    header[:8] = struct.pack("<Q", checksum(header[8:]))
    overwrite(shop.work_database, 0, header)


def checksum(block: bytes) -> int:
    """DuckDB's checksum of a block."""
    result = 5381
    for (word,) in struct.iter_unpack("<Q", block):
        result ^= word * 0xBF58476D1CE4E5B9 % (1 << 64)
    return result


def add_strange_wal(shop: ShopDirectory, draw: Random) -> None:
    wal_of(shop).write_bytes(draw.randbytes(draw.randrange(1, 100_000)))


def truncate_wal(shop: ShopDirectory, draw: Random) -> None:
    os.truncate(wal_of(shop), draw.randrange(1, wal_of(shop).stat().st_size))


def garble_wal(shop: ShopDirectory, draw: Random) -> None:
    overwrite(wal_of(shop), draw.randrange(wal_of(shop).stat().st_size), draw.randbytes(64))


def lose_wal(shop: ShopDirectory, draw: Random) -> None:
    wal_of(shop).unlink()


OF_THE_FILE: tuple[Damage, ...] = (
    change_version, add_strange_wal, truncate, garble_header, garble_blocks, empty,
    replace_by_text,
)  # fmt: skip
OF_A_KILLED_BUILD: tuple[Damage, ...] = (truncate_wal, garble_wal, lose_wal)
# No build can work with these: it says that it starts from the raw files.
UNREADABLE = {change_version, replace_by_text}


def damage_work_databases(lab: Lab, name: str, times: int) -> Outcome:
    """Damage the work database, then run a plain build."""
    outcome, draw, prepared = Outcome(), lab.random(name), lab.prepared()
    step = lab.progress(f"{name}: damaged work databases", times)
    # Every third time a build is killed before and the log of its changes is damaged.
    kinds = [
        OF_A_KILLED_BUILD[number // 3 % 3] if number % 3 == 2 else OF_THE_FILE[number * 2 // 3 % 7]
        for number in range(times)
    ]
    for number, damage in enumerate(kinds):
        shop = lab.shop(f"{name} {number}")
        if damage in OF_A_KILLED_BUILD and not kill_with_wal(shop, draw, prepared.build_seconds):
            outcome.failures.append(f"harness: no killed build left a WAL for {damage.__name__}")
            continue
        damage(shop, draw)
        outcome.counts["damaged"] += 1
        asides = outcome.counts["work databases set aside"]
        if heal_build(outcome, shop, prepared, "before", damage.__name__):
            outcome.counts["healed"] += 1
        if damage in UNREADABLE:
            outcome.expect(
                outcome.counts["work databases set aside"] == asides + 1,
                f"R3: {damage.__name__}: it is not said that the work database was set aside",
            )
        shutil.rmtree(shop.path)
        step()
    return outcome


def kill_with_wal(shop: ShopDirectory, draw: Random, build_seconds: float) -> bool:
    """Kill builds until one leaves a log of changes that were not yet in the file."""
    for _ in range(20):
        shop.build(kill_after=draw.uniform(0.4, 0.9) * build_seconds)
        if wal_of(shop).exists() and wal_of(shop).stat().st_size > 1:
            return True
    return False
