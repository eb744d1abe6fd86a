"""make hands on what a person says, word for word, and runs none of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")

STUB = """#!/bin/sh
name=${0##*/}
printf '%s\\0' "$(($# + 1))" "$name" "$@" >>"$PROBE/words"
env -0 >>"$PROBE/environment"
"""
VALUES = {
    "plain": "orders.csv",
    "backtick": "x`touch pwned`.csv",
    "substitution": "x$(touch pwned).csv",
    "make function": "$(shell touch pwned)",
    "make function in braces": "${shell touch pwned}",
    "make variable": "$(MAKE)$@$<$$",
    "single quotes": "it's 'so'; touch pwned; '",
    "double quotes": '"; touch pwned; "',
    "line break": "first\ntouch pwned\nthird'\ntouch pwned\n'",
    "semicolon": "a;touch pwned",
    "pipe": "a|touch pwned",
    "and": "a&&touch pwned",
    "redirection": "a>pwned",
    "option": "-h",
    "long option": "--help",
    "comment": "a#b # c",
    "percent": "50%",
    "backslash": "a\\b\\",
    "other letters": "Käse-注文.csv",
    "blank inside": "my orders.csv",
    "home": "~/$HOME/*.csv",
    "empty": "",
    "only blanks": "   ",
}
# What each target hands on: options by the variable that gives them, then words.
TARGETS = {
    "build": ({"mapping": "MAPPING", "vars": "VARS"}, ["DATA"]),
    "check-data": ({"mapping": "MAPPING", "out": "OUT"}, ["DATA"]),
    "report": ({"out": "OUT"}, []),
    "docs": ({"vars": "VARS", "out": "OUT"}, []),
    "metrics": ({"by": "BY", "out": "OUT"}, ["METRICS"]),
    "rollback": ({}, ["VERSION"]),
    "publish": ({"to": "TO", "reader": "READER"}, []),
    "forget": ({"vars": "VARS"}, ["CUSTOMER"]),
    "export": ({"out": "OUT"}, ["MART"]),
    "audience": ({"segment": "SEGMENT", "movement": "MOVEMENT", "out": "OUT"}, ["FROM", "TO"]),
    "campaign": ({"actions": "ACTIONS", "starts": "STARTS", "out": "OUT"}, []),
}
VARIABLES = sorted(
    {name for options, words in TARGETS.values() for name in [*options.values(), *words]}
    | {"URL", "ONLY", "SIZES", "RUNS", "QUICK", "ADD"}
)


def checkout(folder: Path) -> Path:
    """A checkout whose environment writes down how it is called, instead of doing it."""
    binaries = folder / ".venv" / "bin"
    binaries.mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    requirements = ("requirements.txt", "requirements-dev.txt", "requirements-bench.txt")
    for name in (*requirements, "pyproject.toml"):
        (folder / name).touch()
    for name in ("python", "customer-intelligence", "dbt"):
        (binaries / name).write_text(STUB)
        (binaries / name).chmod(0o755)
    (folder / ".venv" / "bench").mkdir()
    for number, name in enumerate(("installed", "installed-dev", "bench/installed"), start=1):
        (folder / ".venv" / name).touch()
        os.utime(folder / ".venv" / name, (2e9 + number, 2e9 + number))
    return folder


@pytest.fixture
def project(tmp_path):
    return checkout(tmp_path / "project")


def make(project: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make in the project; it writes into the folder above it."""
    return subprocess.run(
        ["make", "-C", project, *words],
        env={**os.environ, "PROBE": str(project.parent), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def calls(project: Path) -> list[list[str]]:
    """The commands that were run: name and words of each."""
    written = project.parent / "words"
    if not written.exists():
        return []
    items = iter(written.read_text("utf-8").split("\0")[:-1])
    return [[next(items) for _ in range(int(count))] for count in items]


def assert_nothing_ran(project: Path) -> None:
    assert not [path for path in project.parent.rglob("*") if path.name == "pwned"]


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_every_value_arrives_as_it_was_typed_and_nothing_of_it_runs(project, value):
    said = [f"{name}={value}" for name in VARIABLES]
    result = make(project, *TARGETS, "data", "superset", "test-faults", "bench", *said)
    assert result.returncode == 0, result.stderr
    assert_nothing_ran(project)
    # make takes blanks after the `=` away.
    arrived = value.lstrip(" ")
    data_dir = f"--data-dir={project}/data/local"
    *found, data, superset, faults, bench = calls(project)
    assert found == [
        [
            "customer-intelligence", target, data_dir,
            *(f"--{option}={arrived}" for option in options),
            *(["--", *[arrived] * len(words)] if words else []),
        ]
        for target, (options, words) in TARGETS.items()
    ]  # fmt: skip
    assert data[2] == f"--url={arrived}"
    assert superset == [
        *("python", "-m", "tools.superset", data_dir, f"--to={arrived}", f"--out={arrived}")
    ]
    assert faults == ["python", "-m", "tests.faults", f"--only={arrived}"]
    options = [f"--{name}={arrived}" for name in ("sizes", "runs", "quick", "add")]
    assert bench == ["python", "-m", "benchmarks.speed", *options]


def test_what_is_said_is_not_in_the_environment_of_what_is_run(project):
    """For the environment make would expand it; and the name of a customer would be in a log."""
    make(project, "forget", "CUSTOMER=secret-name", "UNKNOWN=secret-name")
    assert "secret-name" not in (project.parent / "environment").read_text()


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_data_directory_may_have_any_name(project, value):
    result = make(project, "versions", "clean", f"DATA_DIR={value}")
    assert_nothing_ran(project)
    if not value.strip():
        assert result.returncode == 2
        assert "DATA_DIR is empty" in result.stderr
        assert calls(project) == []
        return
    assert result.returncode == 0, result.stderr
    assert calls(project) == [
        ["customer-intelligence", "versions", f"--data-dir={project}/{value}"]
    ]


def test_cleaning_removes_what_was_built_and_leaves_the_loads(project):
    place = project.parent / "my shop's $HOME"
    for name in ("raw/0001/load.json", "build/target/x", "build/warehouse.duckdb.wal"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).touch()
    assert make(project, "clean", f"DATA_DIR={place}").returncode == 0
    left = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    assert left == {"raw/0001/load.json"}


def test_what_the_environment_says_means_nothing(project):
    environment = dict.fromkeys([*VARIABLES, "DATA_DIR"], "$(shell touch pwned)")
    assert make(project, "build", **environment).returncode == 0
    assert make(project, "-e", "build", **environment).returncode == 0
    assert_nothing_ran(project)
    assert (
        calls(project)
        == [["customer-intelligence", "build", f"--data-dir={project}/data/local"]] * 2
    )


def test_a_project_may_lie_anywhere(tmp_path):
    project = checkout(tmp_path / 'it\'s my "shop" $(HOME) `x` #1; 100%')
    result = make(project, "build", "DATA=a b.csv")
    assert result.returncode == 0, result.stderr
    assert calls(project) == [
        ["customer-intelligence", "build", f"--data-dir={project}/data/local", "--", "a b.csv"]
    ]


def test_make_works_from_elsewhere(project):
    elsewhere = project.parent / "elsewhere"
    elsewhere.mkdir()
    command = ["make", "-f", project / "Makefile", "build", "DATA=a.csv", "DATA_DIR=mine"]
    environment = {**os.environ, "PROBE": str(project.parent)}
    subprocess.run(command, cwd=elsewhere, env=environment, check=True, capture_output=True)
    assert calls(project) == [
        [
            "customer-intelligence", "build", f"--data-dir={elsewhere}/mine",
            f"--project-dir={project}", "--", "a.csv",
        ]
    ]  # fmt: skip


def test_make_prints_the_command_but_neither_whom_to_forget_nor_a_password(project):
    assert "customer-intelligence versions --data-dir=" in make(project, "versions").stdout
    assert "12345" not in make(project, "forget", "CUSTOMER=12345").stdout
    assert "12345" not in make(project, "publish", "TO=postgresql://u:12345@h/d").stdout


def test_help_names_every_target_that_users_have(project):
    said = make(project, "help").stdout
    assert all(
        f"make {target}" in said for target in [*TARGETS, "data", "dashboard", "superset", "test"]
    )
