"""The package as others install it: a wheel, in an environment with nothing but what it names."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

UV = [sys.executable, "-m", "uv"]
READ = """
import json, sys
from customer_intelligence import open_marts
print(json.dumps(open_marts(sys.argv[1]).execute("select count(*) from fct_orders").fetchone()))
"""


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
