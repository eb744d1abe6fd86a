"""R3 and R11: disks that are full, too small or read-only, on a small file system of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from .lab import Lab, Outcome, heal_build, published_state
from .shop_directory import Fault

HANGS_AFTER = 300
GIVES_UP_AFTER = 10


class NoSmallDiskError(Exception):
    """File systems cannot be mounted here."""


class SmallDisk:
    """A file system in memory that can be filled, emptied and made read-only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.filler = path / "filler"

    def fill(self, leave: int = 0) -> None:
        """Fill the disk but for so many bytes."""
        free = os.statvfs(self.path)
        with self.filler.open("ab") as file, contextlib.suppress(OSError):
            end = file.tell()
            os.posix_fallocate(file.fileno(), end, max(1, free.f_bavail * free.f_frsize - leave))

    def fill_when_there(self, folder: Path, pattern: str) -> None:
        """Fill the disk as soon as a folder holds such a file; give up after a while."""
        until = time.monotonic() + GIVES_UP_AFTER
        while not any(folder.glob(pattern)) and time.monotonic() < until:
            time.sleep(0.001)
        self.fill()

    def empty(self) -> None:
        self.filler.unlink(missing_ok=True)

    def make_read_only(self) -> None:
        subprocess.run(["mount", "-o", "remount,ro", self.path], check=True, capture_output=True)


@contextlib.contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a small file system for the block."""
    path.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", path], capture_output=True
    )
    if mounted.returncode != 0:
        raise NoSmallDiskError(mounted.stderr.decode(errors="replace").strip())
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", path], check=True, capture_output=True)


def fill_during_loads(lab: Lab, name: str, times: int) -> Outcome:
    """Add a file while the disk becomes full, or is refused at a step; then with space."""
    outcome, prepared = Outcome(), lab.prepared()
    known, whole = prepared.before.loaded_rows(), prepared.after.loaded_rows()
    scratch = prepared.before.copied_to(lab.directory / f"{name} traced", only=("raw",))
    traced = scratch.ingest(prepared.later_file, fault=Fault("step", do="trace"), under="raw")
    refused = [Fault("step", call=call, do="no_space") for call in range(1, len(traced.met) + 1)]
    faults = [None] * times + lab.random(name).sample(refused, min(len(refused), times))
    step = lab.progress(f"{name}: loads on a full disk", len(faults))
    for number, fault in enumerate(faults):
        with small_disk(lab.directory / f"{name} {number}", 256) as disk:
            shop = prepared.before.copied_to(disk.path / "shop", only=("raw", "published"))
            filling = threading.Thread(target=disk.fill_when_there, args=(shop.raw, ".tmp-*"))
            if fault is None:
                filling.start()
            ended = shop.ingest(prepared.later_file, fault=fault, under="raw")
            what = f"R3: a load on a full disk ({fault}) {ended.tail()}"
            outcome.counts["full disks"] += ended.returncode == 2
            if outcome.expect(ended.returncode in (0, 2), what) and ended.returncode == 2:
                outcome.expect("E_" in ended.output, what)
            # The load may have been complete when there was no space any more.
            outcome.expect(
                shop.loaded_rows() in (known, whole) and not shop.leftovers(), f"{what}: torn"
            )
            if fault is None:
                filling.join()
            disk.empty()
            ended = shop.ingest(prepared.later_file)
            outcome.counts["healed"] += outcome.expect(
                ended.returncode == 0 and shop.loaded_rows() == whole,
                f"R3: a load after a full disk {ended.tail()}",
            )
        step()
    return outcome


def fill_during_publications(lab: Lab, name: str, times: int) -> Outcome:
    """Publish with too little space, by a small disk and by refusing each step, then again."""
    outcome, draw, prepared = Outcome(), lab.random(name), lab.prepared()
    database = lab.directory / f"{name}.duckdb"
    database.write_bytes(prepared.after.work_database.read_bytes())
    size = sum(path.stat().st_size for path in prepared.after.published.glob("[0-9]*/*"))
    refused = [
        Fault("step", call=call, do="no_space") for call in range(1, prepared.publish_steps + 1)
    ]
    refused = draw.sample(refused, min(len(refused), times))
    step = lab.progress(f"{name}: publications on a full disk", times + len(refused))
    for number in range(times):
        with small_disk(lab.directory / f"{name} {number}", 64) as disk:
            shop = prepared.before.copied_to(disk.path / "shop", only=("raw", "published"))
            disk.fill(leave=draw.randrange(0, int(size * 0.45)))
            publish_without_space(outcome, shop, database, prepared, None)
            disk.empty()
            publish_with_space(outcome, shop, database, prepared)
        step()
    for number, fault in enumerate(refused):
        shop = prepared.before.copied_to(
            lab.directory / f"{name} step {number}", only=("raw", "published")
        )
        publish_without_space(outcome, shop, database, prepared, fault)
        publish_with_space(outcome, shop, database, prepared)
        step()
    return outcome


def publish_without_space(outcome, shop, database, prepared, fault) -> None:
    before = shop.current()
    ended = shop.publish(database, fault=fault, under="published")
    outcome.counts["full disks"] += 1
    # After the commit point the new version is whole; before it the old one is untouched.
    is_new = shop.current() != before
    outcome.expect(
        ended.returncode == (0 if is_new else 1) or bool(fault and is_new),
        f"R3: a publication on a full disk ({fault}) {ended.tail()}",
    )
    whole = prepared.generations["after" if is_new else "before"]
    outcome.expect(published_state(shop) == whole, f"R3: torn marts on a full disk ({fault})")


def publish_with_space(outcome, shop, database, prepared) -> None:
    ended = shop.publish(database)
    outcome.counts["healed"] += outcome.expect(
        ended.returncode == 0
        and published_state(shop) == prepared.generations["after"]
        and not shop.leftovers(),
        f"R3: publishing after a full disk {ended.tail()}; left: {shop.leftovers()}",
    )


def fill_during_builds(lab: Lab, name: str, times: int) -> Outcome:
    """Let the disk become full at a random time of `dbt build`, then build again with space."""
    outcome, draw, prepared = Outcome(), lab.random(name), lab.prepared()
    step = lab.progress(f"{name}: builds on a full disk", times)
    for number in range(times):
        with small_disk(lab.directory / f"{name} {number}", 400) as disk:
            shop = prepared.before.copied_to(disk.path / "shop")
            before = shop.publication()
            timer = threading.Timer(draw.uniform(4, 0.8 * prepared.build_seconds), disk.fill)
            timer.start()
            ended = shop.build(kill_after=HANGS_AFTER)
            timer.cancel()
            if ended.returncode == 0:
                # It needed no more space when the disk became full: then it is whole.
                outcome.expect(
                    published_state(shop) == prepared.generations["before"],
                    "R3: a build on a full disk published other marts",
                )
            elif outcome.expect(
                ended.returncode in (1, 2), f"R3: a build on a full disk {ended.tail()}"
            ):
                outcome.counts["full disks"] += 1
                outcome.expect(
                    shop.publication() == before, "R3: a build on a full disk changed the marts"
                )
                outcome.expect(
                    "No space left" in ended.output or "E_NO_SPACE" in ended.output,
                    f"R3: no word of it: {ended.tail()}",
                )
            disk.empty()
            if heal_build(outcome, shop, prepared, "before", "a full disk"):
                outcome.counts["healed"] += 1
        step()
    return outcome
