"""The examples in the docstrings run as they stand."""

from __future__ import annotations

import ast
import doctest
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

# What a notebook imports: their functions and classes have an example.
ROOMS = ("customer_intelligence", "customer_intelligence.ingest")
# Of the models' rooms, what is of use without a build.
MODELS = {
    "churn": ("feature_groups", "recalibrate"),
    "clusters": ("assign", "diagnose", "elbow", "fit", "gap_pick"),
    "lifetime_value": ("BGNBD", "GammaGamma", "NBD"),
    "scoring": ("compress",),
}
RESULTS = {"LoadResult"}
# Examples of these read what a build has published.
READERS = (
    *("customer_intelligence.publication.reader", "customer_intelligence.publication.versions"),
    "customer_intelligence.metrics.engine",
)


def modules() -> Iterator[str]:
    """Yield the modules with examples, without importing any."""
    for root, package in ((ROOT / "src", "customer_intelligence"), (ROOT, "tools")):
        for path in sorted((root / package).rglob("*.py")):
            if ">>> " in path.read_text("utf-8"):
                yield ".".join(path.relative_to(root).with_suffix("").parts)


def run(name: str) -> None:
    """Run the examples of a module and compare what they show."""
    module = importlib.import_module(name.removesuffix(".__init__"))
    options = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL | doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(module, optionflags=options)
    assert result.attempted > 0, name
    assert result.failed == 0, name


@pytest.mark.parametrize("name", [name for name in modules() if name not in READERS])
def test_the_examples_are_true(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_the_examples_are_true_of_published_marts(name, published_dir, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "local").symlink_to(published_dir)
    monkeypatch.chdir(tmp_path)
    run(name)


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_notebook_calls_has_an_example(room):
    module = importlib.import_module(room)
    for name in module.__all__:
        if name not in RESULTS:
            assert ">>> " in (getattr(module, name).__doc__ or ""), f"{room}.{name}: add Examples"


@pytest.mark.parametrize("room", MODELS)
def test_a_model_of_use_without_a_build_has_an_example(room):
    module = importlib.import_module(f"customer_intelligence.{room}")
    for name in MODELS[room]:
        assert ">>> " in (getattr(module, name).__doc__ or ""), f"{room}.{name}: add Examples"


def test_an_example_stands_in_a_docstring():
    """One in a comment or a text would never run."""
    for name in modules():
        root = ROOT if name.startswith("tools") else ROOT / "src"
        path = Path(root, *name.split(".")).with_suffix(".py")
        tree = ast.parse(path.read_text("utf-8"))
        nodes = (
            n for n in ast.walk(tree) if isinstance(n, (ast.Module, ast.ClassDef, ast.FunctionDef))
        )
        shown = sum((ast.get_docstring(node) or "").count(">>> ") for node in nodes)
        assert shown == path.read_text("utf-8").count(">>> "), name
