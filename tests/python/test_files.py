"""A name that leads elsewhere, or to no file at all, is neither followed nor waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from customer_intelligence.data_dir import files


def make(kind: str, path: Path) -> Path:
    """Put something that is no regular file at a path."""
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "link to nothing":
        path.symlink_to(path.with_name("nothing"))
    else:
        path.with_name("victim").write_text("precious")
        path.symlink_to("victim")
    return path


KINDS = ["fifo", "directory", "link to nothing", "link to a file"]


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_regular_file_is_opened(tmp_path, kind):
    path = make(kind, tmp_path / "name")
    for use in (
        files.check_regular,
        files.open_regular,
        files.read_bytes,
        files.read_text,
        lambda path: files.open_descriptor(path, os.O_RDWR | os.O_CREAT),
        lambda path: files.open_descriptor(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        with pytest.raises(files.SpecialFileError, match=r"a FIFO|a directory|a symbolic link"):
            use(path)
    with pytest.raises(FileExistsError):
        files.create(path, "new")
    assert not (tmp_path / "nothing").exists()
    assert not files.is_regular(path)


@pytest.mark.parametrize("kind", ["fifo", "link to nothing", "link to a file"])
def test_writing_replaces_what_has_the_name_and_spares_what_it_leads_to(tmp_path, kind):
    path = make(kind, tmp_path / "name")
    files.write_atomically(path, "new")
    assert files.is_regular(path)
    assert files.read_text(path) == "new"
    assert not (tmp_path / "nothing").exists()
    if kind == "link to a file":
        assert (tmp_path / "victim").read_text() == "precious"
    assert sorted(item.name for item in tmp_path.iterdir() if item.name.startswith(".")) == []


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "name"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_atomically(path, "new")
    assert [item.name for item in tmp_path.iterdir()] == ["name"]
    assert path.read_text() == "old"


def test_a_long_text_is_refused_and_a_missing_one_named(tmp_path):
    path = tmp_path / "name"
    with pytest.raises(FileNotFoundError):
        files.check_regular(path)
    path.write_text("0123456789")
    assert files.read_text(path, max_bytes=10) == "0123456789"
    with pytest.raises(OSError, match="more than 9 bytes"):
        files.read_bytes(path, max_bytes=9)


def test_a_link_is_replaced_in_one_step_and_not_followed(tmp_path):
    for version in ("a", "b"):
        (tmp_path / version).mkdir()
        files.link_durably(tmp_path / "current", version)
        assert (tmp_path / "current").readlink() == Path(version)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a", "b", "current"]
    assert list((tmp_path / "a").iterdir()) == []


def test_removing_a_link_spares_what_it_leads_to(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("precious")
    (tmp_path / "link").symlink_to("kept")
    files.remove(tmp_path / "link")
    files.remove(tmp_path / "nothing")
    assert (tmp_path / "kept" / "file").read_text() == "precious"
    files.remove(tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []


def test_a_name_cannot_steer_the_terminal_it_is_printed_on():
    assert files.printable("a\x1b[2J\nb\u202ec\udcff") == "a\\x1b[2J\\nb\\u202ec\\udcff"
    assert files.printable(Path("/Zürich/naïve 🙂")) == "/Zürich/naïve 🙂"
