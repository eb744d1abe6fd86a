"""What is done for each promise, and the least that must be counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from . import crowd, damage, disks, early, erasure, gates, kills, sameness, suites
from .lab import Lab, Outcome

Task = Callable[[Lab], Outcome]
LANES = 2
"""Long proofs are cut in two that can run side by side."""


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Parameters
    ----------
    promise : str
        Number of the promise.
    promised : str
        What is promised.
    done : str
        What was done to break it.
    counted : tuple of str
        Names of the counts to show.
    least : mapping of str to int
        What a full proof must reach.
    """

    promise: str
    promised: str
    done: str
    counted: tuple[str, ...]
    least: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Proof:
    """Tasks, and the rows that their counts go into."""

    rows: tuple[Row, ...]
    tasks: Sequence[Task]
    is_alone: bool = False
    """Whether nothing else may run beside it."""


def lanes(work: Callable[[Lab, str, int], Outcome], name: str, full: int) -> list[Task]:
    """Cut so many things to do into lanes."""
    return [
        lambda lab, lane=lane: work(lab, f"{name} {lane}", lab.times(full / LANES, least=2))
        for lane in range(1, LANES + 1)
    ]


def attempts_of(lane: int) -> Task:
    # Some attempts build on the one before: lanes are halves, not every other one.
    half = (len(gates.ATTEMPTS) + 1) // LANES
    attempts = gates.ATTEMPTS[(lane - 1) * half : lane * half]
    return lambda lab: gates.attempt_to_publish(
        lab, f"gate {lane}", attempts[: lab.times(len(attempts), least=3)]
    )


PROOFS = (
    Proof(
        (
            Row(
                "R1",
                "readers see only complete, audited versions",
                "kill -9 of ingest, `dbt build` and publication, at every step, before and after "
                "named functions and at random times, while readers poll and compare all marts "
                "with those of undisturbed builds",
                ("kills", "kills at named points", "kills at random times", "reads"),
                {"kills": 200, "reads": 5000},
            ),
            Row(
                "R3",
                "a plain re-run heals",
                "the same kills; the same command again gives the loads and marts of an "
                "undisturbed run",
                (
                    "builds healed",
                    "loads healed",
                    "publications healed",
                    "work databases set aside",
                ),
                {"builds healed": 50},
            ),
        ),
        [
            *lanes(kills.kill_builds, "builds", 52),
            *lanes(kills.kill_publications, "publications", 140),
            *lanes(kills.kill_loads, "loads", 60),
        ],
    ),
    Proof(
        (
            Row(
                "R2",
                "a failing or partial build never publishes",
                "selections, other commands, failing and broken tests, models and seeds, wrong "
                "settings, Ctrl-C, a file without records",
                ("attempts",),
                {"attempts": 20},
            ),
        ),
        [attempts_of(1), attempts_of(2), lambda lab: gates.empty_marts(lab, "empty")],
    ),
    Proof(
        (
            Row(
                "R3",
                "a plain re-run heals: full disk",
                "the disk becomes full during ingest, publication (and is refused at each of its "
                "steps) and `dbt build`; the same command again with space",
                ("full disks", "healed"),
                {"full disks": 30},
            ),
        ),
        [
            lambda lab: disks.fill_during_loads(lab, "full loads", lab.times(10, least=2)),
            lambda lab: disks.fill_during_publications(lab, "full marts", lab.times(16, least=4)),
            lambda lab: disks.fill_during_builds(lab, "full builds", lab.times(8)),
        ],
    ),
    Proof(
        (
            Row(
                "R3",
                "a plain re-run heals: damaged work database",
                "work database truncated, garbled, emptied, replaced or of a later version; its "
                "log torn, garbled, lost or strange; then `dbt build`",
                ("damaged", "healed", "work databases set aside"),
                {"damaged": 15},
            ),
        ),
        [lambda lab: damage.damage_work_databases(lab, "damage", lab.times(18, least=3))],
    ),
    Proof(
        (
            Row(
                "R4",
                "no row is lost",
                "corpus of files and 10,000 generated ones: accepted + quarantined = records",
                ("tests of files",),
                {"tests of files": 40},
            ),
        ),
        [
            lambda lab: suites.run_suite(
                lab,
                "test_bad_input",
                "R4",
                "tests of files",
                {"CUSTOMER_INTELLIGENCE_EXAMPLES": str(lab.times(10_000))},
            )
        ],
    ),
    Proof(
        (
            Row(
                "R12",
                "no silent wrong number",
                "generated files of many shops: what check-data says, against what a build then "
                "says, to the penny",
                ("files checked and built",),
                {"files checked and built": 1_000},
            ),
        ),
        [
            lambda lab: suites.run_suite(
                lab,
                "test_check_is_build",
                "R12",
                "files checked and built",
                {"CHECKED_FILES": str(lab.times(1_000))},
            )
        ],
    ),
    Proof(
        (
            Row(
                "R5",
                "a refused file changes nothing",
                "every file of the corpus that is refused is added to a shop in use: a coded "
                "error, and every byte of the data directory as before",
                ("files refused",),
                {"files refused": 20},
            ),
        ),
        [lambda lab: gates.refuse_files(lab, "refusals")],
    ),
    Proof(
        (
            Row(
                "R6",
                "same input, same marts",
                "builds from the raw files in directories of their own, with 1, 2, 4 and again "
                "1 threads: hashes of the sets of rows, doubles to nine decimals",
                ("builds",),
                {"builds": 4},
            ),
        ),
        [lambda lab: sameness.build_again(lab, "same")],
    ),
    Proof(
        (
            Row(
                "R7",
                "degenerate data never crashes",
                "shops at the edge of the definitions through whole builds",
                ("tests of shops",),
                {"tests of shops": 12},
            ),
        ),
        [
            lambda lab: suites.run_suite(
                lab,
                "test_degenerate_shops",
                "R7",
                "tests of shops",
                {"ALL_SHOPS": "1"},
            )
        ],
    ),
    Proof(
        (
            Row(
                "R8",
                "the dashboard lets no one in",
                "probes of files, extensions, other databases, settings and the server",
                ("probes",),
                {"probes": 25},
            ),
        ),
        [lambda lab: suites.run_suite(lab, "test_access", "R8", "probes")],
    ),
    Proof(
        (
            Row(
                "R9",
                "an erased customer is gone",
                "an e-mail address as customer id in accepted and quarantined rows, in several "
                "versions, a killed build and a half publication; erased, built again; every "
                "byte in three encodings and every column of every table scanned",
                ("files scanned", "MB scanned", "places before"),
                {"files scanned": 5},
            ),
        ),
        [lambda lab: erasure.forget_a_canary(lab, "canary")],
    ),
    Proof(
        (
            Row(
                "R10",
                "many readers",
                "readers ask the dashboard's own questions, uncached, from threads of one "
                "process and from processes, while new versions are published",
                ("readers", "publications", "pages", "queries"),
                {"readers": 50, "publications": 20},
            ),
        ),
        [lambda lab: crowd.read_while_publishing(lab, "crowd")],
        is_alone=True,
    ),
    Proof(
        (
            Row(
                "R11",
                "it says early that it cannot",
                "too little space, a read-only disk, no temporary directory, a held lock or work "
                "database, pairs of builds at once, little memory",
                ("refused", "pairs of builds", "memory limits"),
                {"refused": 10},
            ),
        ),
        [
            lambda lab: early.refuse_early(lab, "early"),
            lambda lab: early.refuse_disks(lab, "early disks"),
            lambda lab: early.build_twice_at_once(lab, "pairs", lab.times(4)),
            lambda lab: early.limit_memory(lab, "memory"),
        ],
    ),
)
