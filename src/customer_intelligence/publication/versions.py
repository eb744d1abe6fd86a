"""List the published versions, verify one, and make one current."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

from customer_intelligence.data_dir import files, lock
from customer_intelligence.data_dir.layout import CURRENT, PUBLISHED, version_names
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.publication.reader import (
    READ_ERRORS,
    current_version,
    open_version,
    problem_of,
    reason_of,
    sound_versions,
)

log = logging.getLogger(__name__)


class Facts(NamedTuple):
    """The facts of a version."""

    built_at: str
    as_of_date: str
    rows_in: int
    tests_passed: int


class Version(NamedTuple):
    """A published version: its facts, or the reason why it is damaged."""

    name: str
    is_current: bool
    facts: Facts | None
    problem: str | None = None

    def __str__(self) -> str:
        mark = "*" if self.is_current else " "
        if self.facts is None:
            return f"{mark} {self.name}  damaged: {self.problem}"
        return (
            f"{mark} {self.name}  built {self.facts.built_at} UTC  "
            f"as of {self.facts.as_of_date}  {self.facts.rows_in:,} records  "
            f"{self.facts.tests_passed} tests passed"
        )


def list_versions(data_dir: Path) -> list[Version]:
    """Return the versions that are kept, newest first, damaged ones among them.

    Every value of every version is read.

    Raises
    ------
    CustomerIntelligenceError
        `E_NOT_PUBLISHED` or `E_OLD_LAYOUT` when there is none.

    Examples
    --------
    >>> [version.is_current for version in list_versions(Path("data/local"))]
    [True]
    """
    names = version_names(data_dir)
    current = None
    try:
        current = current_version(data_dir)
    except CustomerIntelligenceError:
        if not names:
            raise
    # A damaged `current` may lead to what is not there any more: that is listed, too.
    missing = [current] if current is not None and current not in names else []
    return [_version(data_dir, name, current) for name in [*missing, *names]]


def _version(data_dir: Path, name: str, current: str | None) -> Version:
    folder = data_dir / PUBLISHED / name
    problem = problem_of(folder, name)
    facts = None
    if problem is None:
        try:
            with open_version(folder) as marts:
                found = marts.execute(
                    "select strftime(built_at, '%Y-%m-%d %H:%M:%S'), "
                    "coalesce(cast(as_of_date as varchar), 'none'), rows_in, tests_passed "
                    "from build_info"
                ).fetchone()
            facts = None if found is None else Facts(*found)
            problem = "build_info is empty" if found is None else None
        except READ_ERRORS as error:
            problem = reason_of(error)
    return Version(name, name == current, facts, problem)


def roll_back(data_dir: Path, version: str) -> None:
    """Show readers an earlier version until the next build publishes a new one.

    Parameters
    ----------
    data_dir : Path
        The data directory.
    version : str
        The name of a version that is kept.

    Raises
    ------
    CustomerIntelligenceError
        `E_NO_VERSION` when it is not there, `E_NOT_VERIFIED` when it is damaged, `E_LOCKED` while a
        build is running, `E_DATA_DIR` when the directory cannot be written to; nothing changes
        then.
    """
    published = data_dir / PUBLISHED
    with lock.held(data_dir):
        if version not in version_names(data_dir):
            raise CustomerIntelligenceError(
                "E_NO_VERSION",
                f"There is no version {version!r} in {published}.",
                f"Versions are: {', '.join(sound_versions(data_dir)) or 'none'}.",
            )
        verify(published / version, version)
        try:
            make_current(published, version)
        except OSError as error:
            raise lock.not_writable(published, error) from error


def verify(folder: Path, version: str, rows: dict[str, int] | None = None) -> None:
    """Check that a directory holds a whole version.

    Parameters
    ----------
    folder : Path
        The directory of the version.
    version : str
        The version it must be.
    rows : dict of str to int, optional
        Rows that each table must have; by default what the version itself states.

    Raises
    ------
    CustomerIntelligenceError
        `E_NOT_VERIFIED` when anything differs.
    """
    problem = problem_of(folder, version, rows)
    if problem is not None:
        raise CustomerIntelligenceError(
            "E_NOT_VERIFIED",
            f"The version {version} cannot be trusted ({problem}); nothing was changed.",
            "Check the disk, then build again.",
        )


def check_current(published: Path) -> None:
    """Refuse a directory in place of the link: it cannot be replaced in one step."""
    if files.is_directory(published / CURRENT):
        raise CustomerIntelligenceError(
            "E_CANNOT_PUBLISH",
            f"{published / CURRENT} is a directory, and a link to a version must have its place.",
            "Move it away, then build again. Copy data directories with `cp -a`: it keeps links.",
        )


def make_current(published: Path, version: str) -> None:
    """Let `current` lead to the version, in one step that survives a crash."""
    check_current(published)
    current = published / CURRENT
    try:
        files.link_durably(current, version)
    except OSError as error:
        # Once the link is replaced the version is published, whatever the disk says to syncing it.
        if files.kind_of(current) != "a symbolic link" or str(current.readlink()) != version:
            raise
        log.warning("%s could not be synced: %s", published, error)
