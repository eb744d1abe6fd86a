"""List the published versions and go back to one."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import duckdb

from customer_intelligence import lock
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.marts import READER_CONFIG, current_version
from customer_intelligence.publish import make_current, verify


class Version(NamedTuple):
    """A published version, as its own `build_info` tells it."""

    name: str
    is_current: bool
    built_at: str
    as_of_date: str
    rows_in: int
    tests_passed: int


def list_versions(data_dir: Path) -> list[Version]:
    """Return the versions that are kept, newest first.

    Raises
    ------
    CustomerIntelligenceError
        `E_NOT_PUBLISHED` when there is none.
    """
    current = current_version(data_dir)
    versions = []
    for path in sorted((data_dir / "published").glob("marts-*.duckdb"), reverse=True):
        name = path.stem.removeprefix("marts-")
        with duckdb.connect(str(path), read_only=True, config=dict(READER_CONFIG)) as marts:
            facts = marts.execute(
                "select strftime(built_at, '%Y-%m-%d %H:%M:%S'), "
                "coalesce(cast(as_of_date as varchar), 'none'), rows_in, tests_passed "
                "from build_info"
            ).fetchone()
        if facts is not None:
            versions.append(Version(name, name == current, *facts))
    return versions


def roll_back(data_dir: Path, version: str) -> None:
    """Let readers see an earlier version, until the next build publishes a new one.

    Parameters
    ----------
    data_dir : Path
        The data directory.
    version : str
        The name of a version that is kept.

    Raises
    ------
    CustomerIntelligenceError
        `E_NO_VERSION` when it is not there, `E_NOT_VERIFIED` when its file is damaged,
        `E_LOCKED` while a build is running; nothing changes then.
    """
    published = data_dir / "published"
    with lock.held(data_dir):
        paths = {path.stem.removeprefix("marts-"): path for path in published.glob("marts-*")}
        if version not in paths:
            raise CustomerIntelligenceError(
                "E_NO_VERSION",
                f"There is no version {version!r} in {published}.",
                f"Versions are: {', '.join(sorted(paths, reverse=True)) or 'none'}.",
            )
        verify(paths[version], version)
        make_current(published, version)
