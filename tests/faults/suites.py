"""R4, R7 and R8: suites of `tests/python` in their full size, counted from pytest's report."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from xml.etree import ElementTree

from .lab import Lab, Outcome
from .shop_directory import ROOT


def run_suite(
    lab: Lab, name: str, promise: str, counted: str, environment: Mapping[str, str] | None = None
) -> Outcome:
    """Run a test file and count its tests.

    Parameters
    ----------
    name : str
        Name of the file in `tests/python`, without `.py`.
    promise : str
        The promise that it proves.
    counted : str
        What one test of it is.
    environment : dict of str to str, optional
        What makes the suite run in full.
    """
    outcome = Outcome()
    report = lab.directory / f"{name}.xml"
    lab.say(f"{name}: started")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"tests/python/{name}.py", f"--junitxml={report}"],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
    )
    outcome.expect(
        ended.returncode == 0,
        f"{promise}: {name} ended with {ended.returncode}: {ended.stdout[-3000:]}",
    )
    if report.exists():
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            if case.find("skipped") is None:
                outcome.counts[counted] += 1
            else:
                outcome.notes.append(f"skipped: {case.get('name')}")
    lab.say(f"{name}: {outcome.counts[counted]} {counted}")
    return outcome
