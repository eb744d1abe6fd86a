"""What dbt has parsed of the project, kept beside it for every data directory.

dbt keeps a parse for one database, so each new data directory would cost one: a fifth of a build of
half a million lines. It is the same for all of them. Here it is kept under a hash of all that it is
made of, files, vars and versions, and handed to dbt as its API provides (`dbtRunner(manifest=…)`).
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from customer_intelligence.data_dir.layout import DBT_TARGET
from customer_intelligence.sources import digest_of

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_FOLDERS = ("analyses", "assets", "macros", "models", "python_models", "seeds", "tests")
_VERSIONS = ("dbt-core", "dbt-adapters", "dbt-duckdb", "dbt-common")
_PARSE, _PAGES = "partial_parse.msgpack", ("manifest.json", "semantic_manifest.json")
_KEPT, _MOST_KEPT = "parsed-", 4


def parsed(
    project: Path, target: Path, variables: Sequence[str], parse: Callable[[], bool]
) -> Manifest | None:
    """Return the parse of the project, which is made where there is none.

    Parameters
    ----------
    project : Path
        The dbt project.
    target : Path
        Where dbt writes, in the data directory.
    variables : sequence of str
        What the command line says of vars.
    parse : function
        Lets dbt parse into `target`, and returns whether it could.

    Returns
    -------
    Manifest or None
        None where `parse` has failed.
    """
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    kept = project / DBT_TARGET / f"{_KEPT}{_digest(project, variables)}"
    if not kept.exists():
        for name in (_PARSE, *_PAGES):
            (target / name).unlink(missing_ok=True)
        if not parse():
            return None
        # What cannot be kept costs time, and nothing else.
        with contextlib.suppress(OSError):
            _keep(target, kept)
    else:
        target.mkdir(parents=True, exist_ok=True)
        for name in _PAGES:
            shutil.copyfile(kept / name, target / name)
    content = ((kept if kept.exists() else target) / _PARSE).read_bytes()
    manifest = Manifest.from_msgpack(content, decoder=extended_mashumuro_decoder)
    manifest.build_flat_graph()  # type: ignore[no-untyped-call]
    return manifest


def _keep(target: Path, kept: Path) -> None:
    """Copy the parse; it appears whole."""
    kept.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        pending = Path(folder) / kept.name
        pending.mkdir()
        for name in (_PARSE, *_PAGES):
            shutil.copyfile(target / name, pending / name)
        with contextlib.suppress(FileExistsError):
            pending.rename(kept)
    others = sorted(kept.parent.glob(f"{_KEPT}*"), key=lambda path: path.stat().st_mtime)
    for old in others[:-_MOST_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _digest(project: Path, variables: Sequence[str]) -> str:
    parts = (project, digest_of(project, _FOLDERS), sys.version, *map(version, _VERSIONS))
    return hashlib.sha256("\n".join(map(str, (*parts, *variables))).encode()).hexdigest()[:16]
