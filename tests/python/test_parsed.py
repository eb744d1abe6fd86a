"""One parse of the project serves every data directory, until something it is made of changes."""

import shutil
from pathlib import Path

import pytest
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumaro_encoder

from customer_intelligence.cli.parsed import parsed

FILES = ("partial_parse.msgpack", "manifest.json", "semantic_manifest.json")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project" / "models").mkdir(parents=True)
    (tmp_path / "project" / "models" / "lines.sql").write_text("select 1")
    return tmp_path / "project"


class Parser:
    """Stands for dbt: writes what a parse leaves, and counts."""

    def __init__(self, project: Path) -> None:
        self.project, self.parses = project, 0

    def __call__(self, name: str, *variables: str, fails: bool = False) -> Manifest | None:
        target = self.project.parent / name

        def parse() -> bool:
            self.parses += 1
            if not fails:
                target.mkdir(exist_ok=True)
                (target / FILES[0]).write_bytes(Manifest().to_msgpack(extended_mashumaro_encoder))
                for page in FILES[1:]:
                    (target / page).write_text(f"parse {self.parses}")
            return not fails

        return parsed(self.project, target, variables, parse)


@pytest.fixture
def read(project: Path) -> Parser:
    return Parser(project)


def test_another_data_directory_takes_the_parse_over(read):
    assert isinstance(read("one"), Manifest)
    assert isinstance(read("other"), Manifest)
    assert read.parses == 1
    assert (read.project.parent / "other" / "manifest.json").read_text() == "parse 1"
    assert (read.project.parent / "other" / "semantic_manifest.json").read_text() == "parse 1"


def test_other_vars_and_other_files_are_parsed(read):
    read("one", "--vars", "{}")
    read("one", "--vars", "{random_seed: 1}")
    assert read.parses == 2
    (read.project / "models" / "lines.sql").write_text("select 2")
    read("one", "--vars", "{}")
    assert read.parses == 3
    (read.project / "models" / "more.yml").write_text("version: 2")
    read("one", "--vars", "{}")
    assert read.parses == 4


def test_a_parse_that_fails_is_not_kept_and_leaves_nothing_of_the_one_before(read):
    read("one")
    (read.project / "models" / "lines.sql").write_text("select")
    assert read("one", fails=True) is None
    assert not (read.project.parent / "one" / "manifest.json").exists()
    assert isinstance(read("one"), Manifest)
    assert read.parses == 3


def test_a_project_that_cannot_be_written_to_is_parsed_each_time(read):
    (read.project / "target").write_text("no directory")
    assert isinstance(read("one"), Manifest)
    assert isinstance(read("other"), Manifest)
    assert read.parses == 2


def test_few_parses_are_kept(read):
    for number in range(7):
        read("one", str(number))
    assert len(list((read.project / "target").iterdir())) == 4
    shutil.rmtree(read.project / "target")
    assert isinstance(read("one", "6"), Manifest)
