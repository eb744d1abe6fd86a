"""Query metrics with MetricFlow: sorted, in plain decimals, without network access."""

from __future__ import annotations

import importlib
import os
import sys
import types
from pathlib import Path
from typing import Any

# As many as the decimals of the marts have.
DECIMALS = 4


class _NoUpdates:
    """Stands in for `update_checker.UpdateChecker`."""

    def check(self, package_name: str, package_version: str) -> None:
        """Know of no newer version."""


class _NoWheel:
    """Stands in for `halo.Halo`, whose turning wheel is control characters: says how it ended."""

    def __init__(self, text: str = "", **_: Any) -> None:
        self.text = text

    def start(self, text: str | None = None) -> None:
        """Start silently."""

    def stop(self) -> None:
        """Stop silently."""

    def succeed(self, text: str | None = None) -> None:
        """Report how it ended."""
        print(text if text is not None else self.text, flush=True)

    fail = warn = info = succeed


def load_mf() -> Any:
    """Import MetricFlow's command line and fit it to this project.

    At every start `mf` asks a package index for a newer version of itself, and reads the last
    answer from a pickle in the directory for temporary files, where anybody may put one. It has no
    switch for either, so the module that does both is never imported. And it looks for the metrics
    in `target`, wherever dbt has put them.

    Returns
    -------
    click.Group
        The command `mf`.

    Raises
    ------
    ModuleNotFoundError
        Where the extra `semantic` is not installed.
    """
    silent = types.ModuleType("update_checker")
    silent.UpdateChecker = _NoUpdates  # type: ignore[attr-defined]
    sys.modules["update_checker"] = silent
    program: Any = importlib.import_module("dbt_metricflow.cli.main")
    from dbt_metricflow.cli.dbt_connectors.dbt_config_accessor import dbtArtifacts
    from metricflow_semantics.model.dbt_manifest_parser import (
        parse_manifest_from_dbt_generated_manifest as parsed,
    )

    def semantic_manifest(project_root: Path) -> Any:
        target = Path(project_root, os.environ.get("DBT_TARGET_PATH", "target"))
        return parsed((target / "semantic_manifest.json").read_text("utf-8"))

    program.Halo = _NoWheel
    artifacts: Any = dbtArtifacts
    artifacts.build_semantic_manifest_from_dbt_project_root = staticmethod(semantic_manifest)
    _answer_in_order(program.cli.commands["query"])
    return program.cli


def _answer_in_order(query: Any) -> None:
    """Let a query sort by what it groups by and write numbers out, unless it says otherwise."""
    asked = query.callback

    def sorted_and_written_out(**options: Any) -> Any:
        if options.get("group_by") and not options.get("order"):
            options["order"] = list(options["group_by"])
        if options.get("decimals") is None:
            options["decimals"] = DECIMALS
        return asked(**options)

    query.callback = sorted_and_written_out
