"""`build --notify`: a program of the user's hears of what needs a look, and of nothing else."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from customer_intelligence.cli import commands
from customer_intelligence.cli.commands import main
from customer_intelligence.cli.ending import NotSo
from customer_intelligence.publication import summary as summaries

QUIET = {
    "version": "000001-20261128T031610Z-a65db821",
    "drift": {"drifted": {}},
    "warnings": [],
    "segments": [{"segment": "At Risk", "customers": 100}],
}


@pytest.fixture
def heard(tmp_path, monkeypatch):
    """Return a function that builds with what is published before and after, and what was heard."""
    note = tmp_path / "heard 'quoted'.json"
    program = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    command = shlex.join([sys.executable, "-c", program, str(note)])

    def build(before, after, *, error=None, notify=command, options=()):
        published = iter([before, after])
        monkeypatch.setattr(summaries, "summarise", lambda _: next(published))

        def work(*_: object) -> None:
            if error:
                raise error

        monkeypatch.setattr(commands, "_build", work)
        status = main(["build", f"--data-dir={tmp_path}", f"--notify={notify}", *options])
        return status, json.loads(note.read_text()) if note.exists() else None

    return build


def test_nothing_is_said_of_a_build_that_is_as_usual(heard):
    assert heard(QUIET, QUIET) == (0, None)


def test_a_failed_build_is_told_with_its_reason(heard):
    error = NotSo("E_DBT_FAILED", "A test failed.", "Look at the lines above.")
    status, told = heard(QUIET, QUIET, error=error)
    assert status == 1
    assert told["summary"] == QUIET
    assert told["reasons"] == [{"kind": "failed", "sentence": str(error)}]


def test_drift_money_set_apart_and_moved_segments_are_told(heard):
    now = {
        **QUIET,
        "drift": {"drifted": {"days": "Days changed."}},
        "warnings": ["Much is set apart."],
        "segments": [{"segment": "At Risk", "customers": 111}],
    }
    status, told = heard(QUIET, now)
    assert status == 0
    assert [reason["kind"] for reason in told["reasons"]] == [
        "drift", "set_apart", "segment_moved",
    ]  # fmt: skip
    assert told["summary"] == now


@pytest.mark.parametrize(
    ("customers", "share", "is_told"),
    [(110, "0.1", False), (111, "0.1", True), (89, "0.1", True), (111, "0.2", False),
     (101, "0", True), (100, "0", False)],
)  # fmt: skip
def test_a_segment_is_told_beyond_the_stated_share(heard, customers, share, is_told):
    now = {**QUIET, "segments": [{"segment": "At Risk", "customers": customers}]}
    _, told = heard(QUIET, now, options=[f"--notify-share={share}"])
    assert (told is not None) == is_told


def test_a_first_version_has_not_moved(heard, monkeypatch):
    assert heard({"segments": []}, QUIET) == (0, None)


@pytest.mark.parametrize(
    "command", ["/no/such/program", f"{sys.executable} -c 'raise SystemExit(3)'"]
)
def test_a_program_that_fails_does_not_fail_the_build(heard, command, capsys):
    now = {**QUIET, "warnings": ["Much is set apart."]}
    assert heard(QUIET, now, notify=command)[0] == 0
    assert capsys.readouterr().err.startswith("E_NOTIFY: ")


def test_no_shell_reads_the_command(heard, tmp_path):
    bait = tmp_path / "bait"
    now = {**QUIET, "warnings": ["Much is set apart."]}
    heard(QUIET, now, notify=f"echo $(touch {bait}) ; touch {bait}")
    assert not bait.exists()


@pytest.mark.parametrize("command", ["'unclosed", "   "])
def test_a_command_that_cannot_be_read_is_refused_before_the_build(heard, command):
    assert heard(QUIET, QUIET, notify=command, error=RuntimeError("built"))[0] == 2


def test_the_environment_may_name_the_program(tmp_path, monkeypatch):
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_NOTIFY", "'unclosed")
    assert main(["build", f"--data-dir={tmp_path}"]) == 2
    assert not Path(tmp_path, "build").exists()
