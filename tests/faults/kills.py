"""R1 and R3: processes are killed at every step and at random times while readers poll."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

from customer_intelligence.publication.publish import KEPT_VERSIONS

from .lab import Lab, Outcome, heal_build, published_state, show_generation
from .readers import polling
from .shop_directory import Ended, Fault, ShopDirectory

PUBLISH_POINTS = [
    f"customer_intelligence.publication.publish:{name}"
    for name in ("publish", "_copy", "_write_summary", "verify", "make_current", "_tidy")
]
BUILD_POINTS = [*PUBLISH_POINTS, "customer_intelligence.data_dir.preflight:run"]
INGEST_POINTS = [
    "customer_intelligence.ingest.load:publish",
    "customer_intelligence.ingest.load:temporary_load",
    "customer_intelligence.ingest.pipeline:_write_load",
    "customer_intelligence.ingest.pipeline:write_rows",
]


def named(points: list[str]) -> list[Fault]:
    return [Fault(point, when) for point in points for when in ("before", "after")]


def every_step(steps: int) -> list[Fault]:
    return [Fault("step", call=call) for call in range(1, steps + 1)]


def count_kill(outcome: Outcome, ended: Ended, fault: Fault | None) -> bool:
    """Count a kill; a named point that was not reached proves nothing and is a failure."""
    if ended.was_killed:
        outcome.counts["kills"] += 1
        outcome.counts["kills at named points" if fault else "kills at random times"] += 1
    elif fault is not None:
        outcome.failures.append(f"harness: {fault} was not reached; {ended.tail()}")
    return ended.was_killed


# --- publications ------------------------------------------------------------------------


def kill_publications(lab: Lab, name: str, kills: int) -> Outcome:
    """Publish two generations in turn from prepared work databases, and kill it each time."""
    outcome, draw, prepared = Outcome(), lab.random(name), lab.prepared()
    shop = lab.shop(name)
    databases = [shop.path / "build" / f"{generation}.duckdb" for generation in ("after", "before")]
    shutil.copyfile(prepared.after.work_database, databases[0])
    shutil.copyfile(prepared.before.work_database, databases[1])
    # Four versions in all: from now on each publication also prunes.
    publish_and_heal(outcome, shop, databases, times=KEPT_VERSIONS)
    faults = every_step(prepared.publish_steps) + named(PUBLISH_POINTS)
    faults = draw.sample(faults, len(faults))
    step = lab.progress(f"{name}: publications killed", kills)
    with polling(shop, prepared.generations) as seen:
        for number in range(kills):
            fault = faults[number] if number < len(faults) else None
            if fault:
                ended = shop.publish(databases[number % 2], fault=fault, under="published")
            else:
                ended = shop.publish(
                    *databases,
                    times=10_000,
                    after_line="ready",
                    kill_after=draw.uniform(0.01, 1.0),
                )
            count_kill(outcome, ended, fault)
            state = published_state(shop)
            outcome.expect(
                state in prepared.generations.values(), f"R1: torn marts after {fault or 'a kill'}"
            )
            if number % 5 == 4 or number == kills - 1:
                publish_and_heal(outcome, shop, databases)
            step()
    outcome.counts["reads"] += seen.reads
    outcome.failures += [f"R1: {text}" for text in seen.failures()]
    shutil.rmtree(shop.path)
    return outcome


def publish_and_heal(
    outcome: Outcome, shop: ShopDirectory, databases: list[Path], times: int = 1
) -> None:
    """Publish undisturbed; nothing of what was killed may be left."""
    ended = shop.publish(*databases, times=times)
    healed = outcome.expect(ended.returncode == 0, f"R3: publishing again {ended.tail()}")
    versions = len(shop.versions())
    healed &= outcome.expect(versions <= KEPT_VERSIONS, f"R3: {versions} versions are kept")
    healed &= outcome.expect(not shop.leftovers(), f"R3: left behind: {shop.leftovers()}")
    outcome.counts["publications healed"] += healed


# --- loads ---------------------------------------------------------------------------------


def kill_loads(lab: Lab, name: str, kills: int) -> Outcome:
    """Add a file by the fast path and by the slow one, kill it each time, and add it again."""
    outcome, draw, prepared = Outcome(), lab.random(name), lab.prepared()
    shop = lab.shop(name)
    ragged = lab.directory / f"{name}.csv"
    ragged.write_text(prepared.later_file.read_text() + "too,few,fields\n")
    step = lab.progress(f"{name}: loads killed", kills)
    known = shop.loaded_rows()
    with polling(shop, prepared.generations) as seen:
        for file, share in ((prepared.later_file, kills // 2), (ragged, kills - kills // 2)):
            traced = shop.ingest(file, fault=Fault("step", do="trace"), under="raw")
            whole = shop.loaded_rows()
            outcome.expect(len(whole) == len(known) + 1, f"harness: no load; {traced.tail()}")
            remove_loads(shop, known)
            faults = named(INGEST_POINTS) + every_step(len(traced.met))
            # Some kills are left for random times, also where there are fewer than steps.
            faults = draw.sample(faults, min(len(faults), share * 3 // 4))
            for number in range(share):
                fault = faults[number] if number < len(faults) else None
                ended = shop.ingest(
                    file,
                    fault=fault,
                    under="raw",
                    kill_after=None if fault else draw.uniform(0.2, 1.2),
                )
                if count_kill(outcome, ended, fault):
                    check_load(outcome, shop, file, whole, str(fault or "a random kill"))
                remove_loads(shop, known)
                step()
    outcome.counts["reads"] += seen.reads
    outcome.failures += [f"R1: {text}" for text in seen.failures()]
    shutil.rmtree(shop.path)
    return outcome


def check_load(
    outcome: Outcome, shop: ShopDirectory, file: Path, whole: dict[str, tuple[int, str]], what: str
) -> None:
    """The load is there whole or not at all, and adding the file again makes it whole."""
    try:
        outcome.expect(
            shop.loaded_rows().items() <= whole.items(), f"R1: another load after {what}"
        )
    except Exception as error:
        outcome.failures.append(f"R1: a torn load after {what}: {error}")
    again = shop.ingest(file)
    healed = outcome.expect(again.returncode == 0, f"R3: after {what} {again.tail()}")
    healed &= outcome.expect(
        healed and shop.loaded_rows() == whole, f"R3: other rows in the load after {what}"
    )
    healed &= outcome.expect(not shop.leftovers(), f"R3: left behind: {shop.leftovers()}")
    outcome.counts["loads healed"] += healed


def remove_loads(shop: ShopDirectory, known: dict[str, tuple[int, str]]) -> None:
    for directory in shop.raw.glob("[0-9]*"):
        if directory.name not in known:
            shutil.rmtree(directory)


# --- builds ----------------------------------------------------------------------------------


def kill_builds(lab: Lab, name: str, kills: int) -> Outcome:
    """Kill `dbt build`, run it again, and compare what it publishes with undisturbed builds."""
    outcome, draw, prepared = Outcome(), lab.random(name), lab.prepared()
    shop = lab.shop(name, "after")
    # What lies inside the build's publication is killed there; the rest at random times.
    faults = named(BUILD_POINTS) + every_step(prepared.publish_steps)
    faults = draw.sample(faults, len(faults))
    step = lab.progress(f"{name}: builds killed and healed", kills)
    with polling(shop, prepared.generations) as seen:
        # A build that ends before its kill is not counted; another one is killed instead.
        for number in itertools.takewhile(
            lambda number: outcome.counts["kills"] < kills, range(2 * kills)
        ):
            generation = ("before", "after")[number % 2]
            show_generation(shop, prepared, generation)
            fault = faults[number // 3 % len(faults)] if number % 3 == 0 else None
            ended = shop.build(
                fault=fault,
                under="published",
                kill_after=None if fault else draw.uniform(2, prepared.build_seconds),
            )
            if count_kill(outcome, ended, fault):
                heal_build(outcome, shop, prepared, generation, str(fault or "a random kill"))
                step()
    outcome.counts["reads"] += seen.reads
    outcome.failures += [f"R1: {text}" for text in seen.failures()]
    shutil.rmtree(shop.path)
    return outcome
