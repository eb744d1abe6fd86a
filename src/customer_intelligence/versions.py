"""List the published versions and go back to one."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from customer_intelligence import lock
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.marts import (
    READ_ERRORS,
    current_version,
    open_version,
    problem_of,
    reason_of,
    sound_versions,
    version_names,
)
from customer_intelligence.publish import make_current, verify


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
    folder = data_dir / "published" / name
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
    published = data_dir / "published"
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
