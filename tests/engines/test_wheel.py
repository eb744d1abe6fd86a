"""What a release consists of, as others install it: the wheel, and the archive of the project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT

UV = [sys.executable, "-m", "uv"]
READ = """
import json, sys
from customer_intelligence import open_marts
print(json.dumps(open_marts(sys.argv[1]).execute("select count(*) from fct_orders").fetchone()))
"""


def version() -> str:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def said(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment into which the wheel was installed, without any extra."""
    folder = tmp_path_factory.mktemp("wheel")
    own = ["--no-build-isolation", "--python", sys.executable]
    subprocess.run([*UV, "build", "--wheel", *own, "--out-dir", folder, ROOT], check=True)
    (wheel,) = folder.glob("*.whl")
    made = folder / "environment"
    subprocess.run([*UV, "venv", "--python", sys.executable, made], check=True)
    subprocess.run([*UV, "pip", "install", "--python", made / "bin" / "python", wheel], check=True)
    return made


def test_the_wheel_brings_click_and_duckdb_only_and_reads_marts(
    environment, published_dir, tmp_path
):
    python = environment / "bin" / "python"
    listed = subprocess.run(
        [*UV, "pip", "list", "--format=json", "--python", python],
        check=True,
        capture_output=True,
        text=True,
    )
    installed = {package["name"] for package in json.loads(listed.stdout)}
    assert installed == {"click", "customer-intelligence", "duckdb"}
    # Outside of the checkout: nothing but the environment is found.
    assert f"version {version()}" in said(
        environment / "bin" / "customer-intelligence", "--version"
    )
    read = subprocess.run(
        [python, "-c", READ, published_dir], cwd=tmp_path, check=True, capture_output=True
    )
    assert json.loads(read.stdout)[0] > 1000


def test_the_command_of_the_wheel_says_what_it_lacks(environment, published_dir, tmp_path):
    command = environment / "bin" / "customer-intelligence"
    versions = subprocess.run([command, "versions", f"--data-dir={published_dir}"], cwd=tmp_path)
    assert versions.returncode == 0
    build = subprocess.run(
        [command, "build", f"--project-dir={ROOT}", f"--data-dir={tmp_path}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert build.returncode == 2
    assert build.stderr.startswith("E_NO_EXTRA: ")
    assert "'customer-intelligence[build]'" in build.stderr


def test_the_archive_builds_the_sample_with_what_it_pins_alone(tmp_path):
    archive = tmp_path / "project.tar"
    subprocess.run(["git", "archive", "--output", archive, "HEAD"], cwd=ROOT, check=True)
    project = tmp_path / "project"
    with tarfile.open(archive) as files:
        files.extractall(project, filter="data")
    # Of the checkout nothing is seen but the package index.
    outside = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CUSTOMER_INTELLIGENCE", "DBT_", "PYTHON", "VIRTUAL_ENV"))
    }
    built = subprocess.run(
        ["make", "build", f"PYTHON={sys.executable}"],
        cwd=project,
        env=outside,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr[-3000:]
    command = project / ".venv" / "bin" / "customer-intelligence"
    assert f"version {version()}" in said(command, "--version")
    assert len(said(command, "versions", f"--data-dir={project / 'data' / 'local'}").split()) > 1
