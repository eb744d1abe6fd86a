"""Command line: `python -m tests.faults [--only R1,R3] [--quick] [--write]`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from . import report
from .disks import NoSmallDiskError
from .lab import Lab, Outcome
from .proofs import PROOFS, Proof, Task

QUICK_SCALE = 0.05


def run_task(lab: Lab, task: Task) -> Outcome:
    """Run a task; what cannot be done here is noted, what breaks is a failure."""
    try:
        return task(lab)
    except NoSmallDiskError as error:
        lab.say(f"skipped: {error}")
        return Outcome(notes=[f"skipped, no small disk can be mounted here: {error}"])
    except Exception:
        return Outcome(failures=[f"harness: {traceback.format_exc()}"])


def run_proofs(lab: Lab, proofs: Sequence[Proof], jobs: int) -> dict[int, Outcome]:
    """Run the tasks of all proofs, those that must be alone at the end."""
    outcomes = {number: Outcome() for number in range(len(proofs))}
    for is_alone, at_once in ((False, jobs), (True, 1)):
        futures: list[tuple[int, Future[Outcome]]] = []
        with ThreadPoolExecutor(at_once) as pool:
            for number, proof in enumerate(proofs):
                if proof.is_alone == is_alone:
                    futures += [(number, pool.submit(run_task, lab, task)) for task in proof.tasks]
        for number, future in futures:
            outcomes[number] += future.result()
    return outcomes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proofs and print the table; 1 when anything failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description="Prove the promises R1 to R11."
    )
    parser.add_argument("--only", default="", help="promises such as R1,R3; by default all")
    parser.add_argument("--scale", type=float, default=1.0, help="share of a full proof")
    parser.add_argument("--quick", action="store_true", help=f"the same as --scale {QUICK_SCALE}")
    parser.add_argument("--jobs", type=int, default=2, help="proofs side by side")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the results to this file too")
    parser.add_argument(
        "--write", action="store_true", help="put the results into docs/reliability.md"
    )
    options = parser.parse_args(arguments)
    scale = QUICK_SCALE if options.quick else options.scale
    if options.write and scale < 1:
        parser.error("--write is for full proofs")
    wanted = set(filter(None, options.only.upper().split(",")))
    proofs = [
        proof for proof in PROOFS if not wanted or wanted & {row.promise for row in proof.rows}
    ]
    if not proofs:
        parser.error("--only names no promise")

    started = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="faults-"))
    lab = Lab(directory, scale, options.seed)
    outcomes = run_proofs(lab, proofs, options.jobs)
    results = [
        report.judge(row, proof.rows, outcomes[number], is_full=scale >= 1)
        for number, proof in enumerate(proofs)
        for row in proof.rows
        if not wanted or row.promise in wanted
    ]
    failures = [(result.promise, text) for result in results for text in result.failures]
    for promise, text in failures:
        print(f"\n{promise} FAILED: {text}")
    lab.say(f"done in {(time.monotonic() - started) / 60:.0f} min, {len(failures)} failures")
    print(report.table(results))
    if options.json:
        options.json.write_text(report.as_json(results), encoding="utf-8")
    if options.write:
        report.write(results)
    if failures:
        print(f"what is left of the data directories: {directory}")
    else:
        shutil.rmtree(directory)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
