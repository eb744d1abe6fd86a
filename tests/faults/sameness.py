"""R6: the same input gives the same marts, whatever the threads and the run."""

from __future__ import annotations

import shutil

from .lab import Lab, Outcome, published_state
from .marts_state import differing
from .shop_directory import ShopDirectory

THREADS = (1, 2, 4, 1)


def build_again(lab: Lab, name: str, threads: tuple[int, ...] = THREADS) -> Outcome:
    """Build from the raw files alone, in a directory of its own each time."""
    outcome, prepared = Outcome(), lab.prepared()
    step = lab.progress(f"{name}: builds of the same input", len(threads))
    for number, count in enumerate(threads):
        raw_files = prepared.before.copied_to(lab.directory / f"{name} {number}", only=("raw",))
        # All of the project, with its unit tests.
        shop = ShopDirectory(raw_files.path)
        ended = shop.build(environment={"CUSTOMER_INTELLIGENCE_THREADS": str(count)})
        if outcome.expect(ended.returncode == 0, f"R6: with {count} threads {ended.tail()}"):
            outcome.counts["builds"] += 1
            marts = differing(published_state(shop), prepared.generations["before"])
            outcome.expect(not marts, f"R6: with {count} threads other marts: {marts}")
        shutil.rmtree(shop.path)
        step()
    return outcome
