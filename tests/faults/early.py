"""R11: what cannot work is refused before it changes anything, with a code and a reason."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from .disks import small_disk
from .lab import Lab, Outcome, heal_build, published_state
from .shop_directory import Ended, Fault, ShopDirectory, tree_hash

KEPT = ("raw", "published", "build/warehouse.duckdb")
HOLDS_LOCK = (
    "import sys, pathlib; from customer_intelligence.data_dir import lock; "
    "lock.acquire(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
)
HOLDS_DATABASE = (
    "import sys, pathlib, duckdb; "
    "held = duckdb.connect(str(pathlib.Path(sys.argv[1]) / 'build' / 'warehouse.duckdb')); "
    "print('held', flush=True); sys.stdin.read()"
)
MEMORY_LIMITS = ("30MB", "60MB", "100MB", "200MB")


def kept(shop: ShopDirectory) -> dict[str, str]:
    """Hashes of all that a refusal must leave as it is."""
    return {name: digest for name, digest in tree_hash(shop.path).items() if name.startswith(KEPT)}


@contextlib.contextmanager
def another_process(program: str, shop: ShopDirectory) -> Iterator[int]:
    """Run a program that holds the shop during the block; gives its process id."""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(shop.path)],
        env=shop.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.stdin.close()


def expect_refusal(
    outcome: Outcome, shop: ShopDirectory, what: str, command: Callable[[], Ended], *words: str
) -> None:
    """Expect a command to fail with words, and all that matters to stay."""
    before = kept(shop)
    ended = command()
    outcome.counts["refused"] += 1
    outcome.expect(
        ended.returncode in (1, 2) and all(word in ended.output for word in words),
        f"R11: {what}: {ended.tail()}",
    )
    outcome.expect("Traceback" not in ended.output, f"R11: {what}: {ended.tail(4000)}")
    outcome.expect(kept(shop) == before, f"R11: {what} changed something")


def refuse_early(lab: Lab, name: str) -> Outcome:
    """Builds with too little space, no temporary directory, or another process at work."""
    outcome, prepared = Outcome(), lab.prepared()
    shop = lab.shop(name)
    no_temp = Fault("tempfile:TemporaryFile", do="no_space")
    for what, command in (("preflight", shop.preflight), ("dbt build", shop.build)):
        expect_refusal(
            outcome,
            shop,
            f"{what} without a temporary directory",
            lambda command=command: command(fault=no_temp),
            "E_NO_TEMP: ",
        )
        for program in (HOLDS_LOCK, HOLDS_DATABASE):
            with another_process(program, shop) as process:
                expect_refusal(
                    outcome, shop, f"{what} while held", command, "E_LOCKED: ", str(process)
                )
    current = shop.current()
    rollback = ("-m", "customer_intelligence", "rollback", f"--data-dir={shop.path}")
    erase = ("-m", "faults.one_step", "erase", str(shop.path))
    with another_process(HOLDS_LOCK, shop) as process:
        for arguments in ((*rollback, current), (*erase, "1")):
            expect_refusal(
                outcome,
                shop,
                f"{arguments[2]} while held",
                lambda arguments=arguments: shop.run(*arguments),
                "E_LOCKED: ",
                str(process),
            )
    heal_build(outcome, shop, prepared, "before", "refusals")
    shutil.rmtree(shop.path)
    return outcome


def refuse_disks(lab: Lab, name: str) -> Outcome:
    """Builds on a disk that is too small, and on one that cannot be written to."""
    outcome, prepared = Outcome(), lab.prepared()
    with small_disk(lab.directory / name, 400) as disk:
        shop = prepared.before.copied_to(disk.path / "shop")
        disk.fill(leave=40 << 20)
        for what, command in (("preflight", shop.preflight), ("dbt build", shop.build)):
            expect_refusal(outcome, shop, f"{what} with little space", command, "E_NO_SPACE: ")
        disk.empty()
        disk.make_read_only()
        expect_refusal(
            outcome, shop, "preflight on a read-only disk", shop.preflight, "E_DATA_DIR: "
        )
    return outcome


def build_twice_at_once(lab: Lab, name: str, times: int) -> Outcome:
    """Start two builds on one data directory together: one publishes, the other is refused."""
    outcome, draw, prepared = Outcome(), lab.random(name), lab.prepared()
    shop = lab.shop(name)
    step = lab.progress(f"{name}: pairs of builds", times)
    for _ in range(times):
        before = shop.current()
        ready = threading.Barrier(2)
        delays = (0.0, draw.uniform(0, 2))

        def build(delay: float, ready: threading.Barrier = ready) -> Ended:
            ready.wait()
            threading.Event().wait(delay)
            return shop.build()

        with ThreadPoolExecutor(2) as pool:
            endings = sorted(pool.map(build, delays), key=lambda ended: ended.returncode)
        outcome.counts["pairs of builds"] += 1
        outcome.expect(
            [ended.returncode == 0 for ended in endings] == [True, False],
            f"R11: two builds at once: {[ended.tail() for ended in endings]}",
        )
        outcome.expect(
            "E_LOCKED: Another process (" in endings[1].output
            and "Traceback" not in endings[1].output,
            f"R11: the second build {endings[1].tail()}",
        )
        outcome.expect(
            shop.current() != before
            and published_state(shop) == prepared.generations["before"]
            and not shop.leftovers(),
            "R11: two builds at once published something else",
        )
        step()
    shutil.rmtree(shop.path)
    return outcome


def limit_memory(lab: Lab, name: str, limits: tuple[str, ...] = MEMORY_LIMITS) -> Outcome:
    """Build with little memory: it works or it fails, and nothing is published half."""
    outcome, prepared = Outcome(), lab.prepared()
    shop = lab.shop(name)
    for limit in limits:
        before = shop.publication()
        ended = shop.build(environment={"CUSTOMER_INTELLIGENCE_MEMORY": limit})
        outcome.counts["memory limits"] += 1
        if ended.returncode == 0:
            outcome.notes.append(f"built with {limit}")
        else:
            outcome.notes.append(f"failed with {limit}")
            outcome.expect(shop.publication() == before, f"R11: {limit}: failed and published")
        outcome.expect(
            published_state(shop) == prepared.generations["before"],
            f"R11: {limit}: other marts than with more memory",
        )
        lab.say(f"{name}: {outcome.notes[-1]}")
    heal_build(outcome, shop, prepared, "before", "too little memory")
    shutil.rmtree(shop.path)
    return outcome
