"""What a build of the loads finds here: memory, cores, disk, and what to set."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from customer_intelligence.data_dir.layout import BUILD, RAW
from customer_intelligence.data_dir.memory import (
    LARGEST_BYTES,
    MEMORY_VARIABLE,
    SHARE,
    memory_limit,
    there_is,
)
from customer_intelligence.data_dir.preflight import needed_bytes

THREADS_VARIABLE, THREADS = "CUSTOMER_INTELLIGENCE_THREADS", "2"
_PACKAGES = ("customer-intelligence", "duckdb", "dbt-core", "dbt-duckdb")


def findings(data_dir: Path, manifests: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Say what there is and what to set, a subject and a sentence at a time.

    Parameters
    ----------
    data_dir : Path
        Which need not exist yet.
    manifests : sequence of dict
        Of its loads.

    Yields
    ------
    tuple of str
        The subject, and what is found.
    """
    versions = (f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    yield "versions", ", ".join([f"Python {platform.python_version()}", *versions])
    lines = sum(manifest["records"] for manifest in manifests)
    data = f"{lines:,} lines in {len(manifests)} load(s) in {data_dir / RAW}"
    yield "data", data if manifests else f"no load in {data_dir / RAW}: a build takes the sample"
    limit = f"a build takes {memory_limit()} for SQL and spills the rest"
    memory = f"{there_is() / 1e9:.1f} GB here; {limit}"
    half = SHARE * there_is()
    if not os.environ.get(MEMORY_VARIABLE) and half > LARGEST_BYTES:
        memory += f". With {MEMORY_VARIABLE}={half / 1e9:.0f}GB it is faster if it spills now"
    yield "memory", memory
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = os.environ.get(THREADS_VARIABLE, THREADS)
    advice = f"; {THREADS_VARIABLE}={cores} uses them all" if (cores or 1) > int(threads) else ""
    yield "cores", f"{cores} here; dbt builds {threads} tables at a time{advice}"
    place = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    free, needed = shutil.disk_usage(place).free, needed_bytes(data_dir)
    disk = f"{free / 1e9:,.1f} GB free for {data_dir}; a build may need {needed / 1e9:,.1f} GB"
    if free < needed:
        disk += ": free some, or name a directory on another disk with DATA_DIR=…"
    yield "disk", disk
    yield "spill", f"lies in {data_dir / BUILD}, and is gone after the build"
