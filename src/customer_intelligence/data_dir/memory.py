"""How much memory a build may use: what the machine has, or what its container allows."""

from __future__ import annotations

import os
from pathlib import Path

MEMORY_VARIABLE = "CUSTOMER_INTELLIGENCE_MEMORY"
# The Python models and the rest of the machine need some, too.
SHARE = 0.5
LARGEST_BYTES = 4 * 1024**3

PROCESS_GROUPS = Path("/proc/self/cgroup")
CONTROL_GROUPS = Path("/sys/fs/cgroup")


def memory_limit() -> str:
    """Return DuckDB's memory limit, as DuckDB reads it: what is set, else what fits the machine.

    Examples
    --------
    >>> os.environ[MEMORY_VARIABLE] = "2GB"
    >>> memory_limit()
    '2GB'
    >>> del os.environ[MEMORY_VARIABLE]
    """
    return os.environ.get(MEMORY_VARIABLE) or f"{int(fitting_bytes() / 1024**2)}MiB"


def fitting_bytes(groups: Path = PROCESS_GROUPS, limits: Path = CONTROL_GROUPS) -> float:
    """Return half of the memory there is, 4 GiB at most.

    Parameters
    ----------
    groups : Path
        File that names the control group of this process.
    limits : Path
        Where the limits of control groups are mounted (version 2 or 1).
    """
    return min(SHARE * there_is(groups, limits), LARGEST_BYTES)


def there_is(groups: Path = PROCESS_GROUPS, limits: Path = CONTROL_GROUPS) -> float:
    """Return the bytes of memory that the machine has, or that its container allows."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits(groups, limits)])


def _limits(groups: Path, limits: Path) -> list[int]:
    """Return the limits of the groups that this process is in, in bytes."""
    try:
        lines = groups.read_text("utf-8").splitlines()
    except OSError:
        lines = []
    paths = [Path(line.split(":", 2)[2]) for line in lines if line.count(":") >= 2]
    # In a container its own group is often mounted as the root.
    paths.append(Path("/"))
    files = {
        limits / top / folder.relative_to("/") / name
        for path in paths
        for folder in (path, *path.parents)
        for top, name in (("", "memory.max"), ("memory", "memory.limit_in_bytes"))
    }
    found = []
    for file in files:
        try:
            found.append(int(file.read_text("utf-8")))
        except (OSError, ValueError):
            # No such group here, or "max": no limit.
            continue
    return [limit for limit in found if limit > 0]
