"""Tell a program of the user's what a build met: `build --notify COMMAND`."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess  # nosec  # without a shell
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from customer_intelligence.errors import CustomerIntelligenceError

VARIABLE = "CUSTOMER_INTELLIGENCE_NOTIFY"
MOVED_SHARE = 0.1
_SECONDS = 60


@contextlib.contextmanager
def notifying(command: str | None, share: float, data_dir: Path) -> Iterator[None]:
    """Run a command after the block if the build failed or what it published needs a look.

    The command is a program with its arguments, run without a shell. It gets JSON on its standard
    input: `reasons`, a list of `kind` (`failed`, `drift`, `set_apart`, `segment_moved`) and
    `sentence`, and `summary`, that of what readers see now (null where nothing is published). How
    it ends does not change how the build ends.

    Parameters
    ----------
    command : str or None
        None runs nothing.
    share : float
        By which share of its customers a segment must grow or shrink to be told.
    data_dir : Path
    """
    if not command:
        yield
        return
    words = _words(command)
    before = _summary(data_dir)
    try:
        yield
    except CustomerIntelligenceError as error:
        _tell(words, [{"kind": "failed", "sentence": str(error)}], _summary(data_dir))
        raise
    now = _summary(data_dir)
    reasons = reasons_of(now, before, share) if now else []
    if reasons:
        _tell(words, reasons, now)


def reasons_of(
    now: dict[str, Any], before: dict[str, Any] | None, share: float
) -> list[dict[str, str]]:
    """Return what of a summary needs a look.

    Examples
    --------
    >>> now = {"drift": {"drifted": {}}, "warnings": [],
    ...        "segments": [{"segment": "At Risk", "customers": 130}]}
    >>> before = {"segments": [{"segment": "At Risk", "customers": 100}]}
    >>> reasons_of(now, before, 0.1)[0]["sentence"]
    'At Risk has 130 customers and had 100.'
    """
    reasons = [
        {"kind": "drift", "sentence": sentence} for sentence in now["drift"]["drifted"].values()
    ]
    reasons += [{"kind": "set_apart", "sentence": sentence} for sentence in now["warnings"]]
    sizes = {row["segment"]: row["customers"] for row in (before or {}).get("segments", [])}
    for row in now["segments"]:
        was = sizes.get(row["segment"])
        if was is not None and abs(row["customers"] - was) > share * was:
            sentence = f"{row['segment']} has {row['customers']:,} customers and had {was:,}."
            reasons.append({"kind": "segment_moved", "sentence": sentence})
    return reasons


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise click.UsageError(f"--notify={command} cannot be read: {error}.") from None
    if not words:
        raise click.UsageError("--notify names no command.")
    return words


def _summary(data_dir: Path) -> dict[str, Any] | None:
    from customer_intelligence.publication.summary import summarise

    try:
        return summarise(data_dir)
    except CustomerIntelligenceError:
        return None


def _tell(words: list[str], reasons: list[dict[str, str]], summary: dict[str, Any] | None) -> None:
    told = json.dumps({"reasons": reasons, "summary": summary})
    sys.stdout.flush()
    try:
        ended = subprocess.run(  # noqa: S603  # nosec  # the user's own program, without a shell
            words, input=told, text=True, timeout=_SECONDS, check=False
        )
        problem = f"ended with {ended.returncode}" if ended.returncode else None
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = f"did not run: {error}"
    if problem:
        print(f"E_NOTIFY: {words[0]} {problem}. The build itself is as said.", file=sys.stderr)
