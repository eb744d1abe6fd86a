"""What all proofs share: a small shop that was built undisturbed, and a place for the result."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from customer_intelligence import open_marts
from tools.simulate import Shop, write_shop

from .marts_state import Fingerprint, fingerprint
from .shop_directory import ROOT, Fault, ShopDirectory

CUSTOMERS, DAYS, LATER_DAYS = 1500, 430, 25
"""Enough for clusters and churn models; the last days arrive as a second file."""


@dataclass
class Outcome:
    """What was counted, and what went wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __iadd__(self, other: Outcome) -> Outcome:
        self.counts += other.counts
        self.failures += other.failures
        self.notes += other.notes
        return self

    def expect(self, is_true: bool, otherwise: str) -> bool:
        """Note a failure unless something is true."""
        if not is_true:
            self.failures.append(otherwise)
        return is_true


@dataclass(frozen=True)
class Prepared:
    """A shop in two generations: before and after its second file arrived."""

    before: ShopDirectory
    after: ShopDirectory
    generations: dict[str, Fingerprint]
    later_load: str
    later_file: Path
    build_seconds: float
    publish_steps: int


class Lab:
    """The shared shop, made when it is first asked for, and the progress on screen.

    Parameters
    ----------
    directory : Path
        Where all data directories of the proofs lie.
    scale : float
        Share of the kills and attempts of a full proof.
    seed : int
        Of every draw.
    """

    def __init__(self, directory: Path, scale: float = 1.0, seed: int = 7) -> None:
        self.directory, self.scale, self.seed = directory, scale, seed
        self._started = time.monotonic()
        self._lock = threading.RLock()
        self._prepared: Prepared | None = None

    def times(self, full: int, least: int = 1) -> int:
        """Return how often to do what a full proof does so often."""
        return max(least, round(full * self.scale))

    def random(self, name: str) -> random.Random:
        return random.Random(f"{self.seed} {name}")

    def say(self, text: str) -> None:
        seconds = int(time.monotonic() - self._started)
        print(f"[{seconds // 60:3d}:{seconds % 60:02d}] {text}", flush=True)

    def progress(self, name: str, total: int) -> Callable[[], None]:
        """Return a function to call after each of `total` things; it tells how far it is."""
        started, done, every = time.monotonic(), 0, max(1, total // 8)

        def step() -> None:
            nonlocal done
            done += 1
            if done % every == 0 or done == total:
                left = (time.monotonic() - started) / done * (total - done)
                self.say(f"{name}: {done} of {total}" + (f", {left:.0f} s left" if left else ""))

        return step

    def shop(self, name: str, generation: str = "before") -> ShopDirectory:
        """Return a copy of the shop, built and published."""
        prepared = self.prepared()
        return getattr(prepared, generation).copied_to(self.directory / name)

    def prepared(self) -> Prepared:
        with self._lock:
            if self._prepared is None:
                self._prepared = self._prepare()
            return self._prepared

    def _prepare(self) -> Prepared:
        self.say("making a small shop and building it undisturbed, twice")
        project = without_unit_tests(copied_project(self.directory / "project"))
        before = ShopDirectory(self.directory / "before", project)
        first, later = self.files()
        succeed(before.ingest(first))
        succeed(before.build())
        after = before.copied_to(self.directory / "after")
        succeed(after.ingest(later))
        started = time.monotonic()
        succeed(after.build())
        seconds = time.monotonic() - started
        (load,) = after.loaded_rows().keys() - before.loaded_rows().keys()
        generations = {shop.path.name: published_state(shop) for shop in (before, after)}
        traced = before.copied_to(self.directory / "traced")
        succeed(traced.publish(before.work_database, times=3))
        steps = traced.publish(
            before.work_database, fault=Fault("step", do="trace"), under="published"
        )
        shutil.rmtree(traced.path)
        self.say(f"ready; a build takes {seconds:.0f} s, a publication {len(steps.met)} steps")
        return Prepared(before, after, generations, load, later, seconds, len(steps.met))

    def files(self) -> tuple[Path, Path]:
        """Make the shop's first file, and the later one with its last days."""
        whole = self.directory / "whole.parquet"
        shop = Shop(customers=CUSTOMERS, days=DAYS)
        write_shop(shop, self.seed, whole, self.directory / "truth.parquet")
        first, later = self.directory / "first.parquet", self.directory / "later.csv"
        lines = f"from (select *, max(InvoiceDate) over () as last_at from '{whole}')"
        bound = f"last_at - interval {LATER_DAYS} days"
        duckdb.execute(
            f"copy (select * exclude (last_at) {lines} where InvoiceDate <= {bound}) to '{first}'"
        )
        duckdb.execute(
            f"copy (select * exclude (last_at) {lines} where InvoiceDate > {bound}) to '{later}'"
        )
        return first, later


def copied_project(target: Path) -> Path:
    """Copy what dbt reads of the project."""
    for name in ("models", "python_models", "macros", "seeds", "analyses", "assets", "src"):
        shutil.copytree(ROOT / name, target / name)
    for name in ("tests", "data"):
        shutil.copytree(
            ROOT / name,
            target / name,
            ignore=shutil.ignore_patterns("python", "faults", "corpus", "local"),
        )
    for name in (".dbtignore", "dbt_project.yml", "profiles.yml"):
        shutil.copyfile(ROOT / name, target / name)
    return target


def without_unit_tests(project: Path) -> Path:
    """Take the unit tests out of a copy: they touch no table, and a third of the time is theirs."""
    for path in (project / "models").rglob("*unit_tests.yml"):
        path.unlink()
    return project


def succeed(ended) -> None:
    """Raise unless a command of the harness itself succeeded."""
    if ended.returncode != 0:
        raise RuntimeError(f"the harness cannot work: {ended.tail()}")


def published_state(shop: ShopDirectory) -> Fingerprint:
    """Return the fingerprint of the current version."""
    with open_marts(shop.path) as marts:
        return fingerprint(marts)


def show_generation(shop: ShopDirectory, prepared: Prepared, generation: str) -> None:
    """Let the later load be there or not."""
    inside = shop.raw / prepared.later_load
    outside = shop.path / "set aside" / prepared.later_load
    source, target = (outside, inside) if generation == "after" else (inside, outside)
    if source.exists():
        target.parent.mkdir(exist_ok=True)
        source.rename(target)


def heal_build(
    outcome: Outcome, shop: ShopDirectory, prepared: Prepared, generation: str, what: str
) -> bool:
    """A plain `dbt build` publishes what the undisturbed build of this generation did."""
    before = shop.current()
    again = shop.build()
    healed = outcome.expect(again.returncode == 0, f"R3: building after {what} {again.tail()}")
    healed &= outcome.expect(shop.current() != before, f"R3: not published after {what}")
    healed &= outcome.expect(
        published_state(shop) == prepared.generations[generation],
        f"R3: other marts than undisturbed after {what}",
    )
    healed &= outcome.expect(not shop.leftovers(), f"R3: left behind: {shop.leftovers()}")
    outcome.counts["builds healed"] += healed
    outcome.counts["work databases set aside"] += "set aside" in again.output
    return healed
