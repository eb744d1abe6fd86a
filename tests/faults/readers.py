"""Readers that poll the published marts as a dashboard does, and judge all they see.

`python -m faults.readers DATA_DIR GENERATIONS` reads until its input is closed, then
prints its counts as JSON. `GENERATIONS` is a JSON file of the fingerprints that are whole.
"""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from customer_intelligence.marts import open_marts

from .marts_state import Fingerprint, differing, fingerprint, stated_rows, version
from .shop_directory import ROOT, ShopDirectory

PAUSE_SECONDS = 0.15


@dataclass
class Seen:
    """What readers saw."""

    reads: int = 0
    versions: int = 0
    inconsistent: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    backwards: list[str] = field(default_factory=list)

    def failures(self) -> list[str]:
        return [
            *(f"inconsistent: {text}" for text in self.inconsistent),
            *(f"error: {text}" for text in self.errors),
            *(f"backwards: {text}" for text in self.backwards),
        ]


def poll(data_dir: str, generations: dict[str, Fingerprint]) -> Seen:
    """Read again and again until the input is closed."""
    seen, last, held = Seen(), "", None
    while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
        seen.reads += 1
        try:
            marts = open_marts(data_dir)
            read, found, stated = version(marts), fingerprint(marts), stated_rows(marts)
        except Exception as error:
            seen.errors.append(f"{type(error).__name__}: {error}")
            continue
        rows = {name: count for name, (count, _) in found.items()}
        if rows != {name: count for name, count in stated.items() if name in rows} or (
            stated.keys() - rows != {"build_info"}
        ):
            seen.inconsistent.append(f"{read}: rows are not those of _meta")
        differences = {name: differing(found, whole) for name, whole in generations.items()}
        if all(differences.values()):
            seen.inconsistent.append(f"{read}: not a whole generation: {differences}")
        if read < last:
            seen.backwards.append(f"{read} after {last}")
        seen.versions += read != last
        # The version read before stays open while the next is opened, as in a dashboard.
        last, held = read, marts
    del held
    return seen


@contextlib.contextmanager
def polling(
    shop: ShopDirectory, generations: dict[str, Fingerprint], readers: int = 1
) -> Iterator[Seen]:
    """Let readers poll during the block; what they saw is complete after it."""
    total = Seen()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(generations, file)
        file.flush()
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "faults.readers", str(shop.path), file.name],
                cwd=ROOT,
                env=shop.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(readers)
        ]
        try:
            yield total
        finally:
            for process in processes:
                output, _ = process.communicate()
                if process.returncode != 0:
                    total.errors.append(f"a reader ended with {process.returncode}")
                    continue
                for name, value in json.loads(output).items():
                    setattr(total, name, getattr(total, name) + value)


if __name__ == "__main__":
    read_from, generations_file = sys.argv[1:]
    known = {
        name: {mart: tuple(state) for mart, state in marts.items()}
        for name, marts in json.loads(Path(generations_file).read_text()).items()
    }
    print(json.dumps(asdict(poll(read_from, known))))
