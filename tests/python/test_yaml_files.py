"""Files that people write are read within bounds, and refused in words."""

import os
from pathlib import Path

import pytest

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.ingest.yaml_files import MAX_BYTES, read_yaml


def read(tmp_path: Path, content: str | bytes) -> dict:
    path = tmp_path / "shop.yml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_yaml(path, "E_BAD_SHOP")


def test_text_stays_text_unless_it_can_only_be_a_number_or_a_truth_value(tmp_path):
    assert read(
        tmp_path,
        "columns: {country: No, invoice_no: 007}\n0123: 12\non: true\nprice: 1.10\n"
        "day: 2024-99-99\nnone: ~\nempty:\nquoted: 'true'\nbase: 1:30:00\nlong: " + "9" * 5000,
    ) == {
        "columns": {"country": "No", "invoice_no": "007"},
        "0123": 12,
        "on": True,
        "price": "1.10",
        "day": "2024-99-99",
        "none": None,
        "empty": None,
        "quoted": "true",
        "base": "1:30:00",
        "long": "9" * 5000,
    }
    assert read(tmp_path, "") == {} == read(tmp_path, "# nothing")
    assert read(tmp_path, b"\xef\xbb\xbfa: b") == {"a": "b"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a: &x [1]\nb: *x", "line 1 has an anchor"),
        ("a: *x", "alias"),
        ("a: !!python/object/apply:os.system ['true']", "line 1 has a tag"),
        ("a: !!timestamp 2024-13-01", "has a tag"),
        ("a: 1\na: 2", "line 2 has the key 'a' a second time"),
        ("? [a, b]\n: 1", "a list where a key must be"),
        ("a: " + "[" * 400_000, "nested more than"),
        ("a: " + "{b: " * 2_000, "nested more than"),
        ("\n".join(" " * level + "a:" for level in range(900)), "nested more than"),
        ("a: b\0c", "cannot be read as YAML"),
        (b"a: \xff", "byte 4 is not UTF-8"),
        ("a: b\n---\nc: d", "a second document"),
        ("a: 'b", "line"),
        ("- a\n- b", "does not hold `key: value` lines"),
        ("just words", "does not hold `key: value` lines"),
        ("a: b\n" + "#" * MAX_BYTES, "It has more than 1,000,000 bytes"),
    ],
)
def test_a_file_that_is_not_plain_is_refused_in_words(tmp_path, content, words):
    with pytest.raises(CustomerIntelligenceError, match="E_BAD_SHOP") as refusal:
        read(tmp_path, content)
    assert words in str(refusal.value)
    assert str(refusal.value).isprintable()


def test_links_pipes_devices_and_directories_are_refused_unread(tmp_path):
    (tmp_path / "real.yml").write_text("a: b")
    (tmp_path / "link.yml").symlink_to(tmp_path / "real.yml")
    os.mkfifo(tmp_path / "pipe.yml")
    for path in (tmp_path / "link.yml", tmp_path / "pipe.yml", tmp_path, Path("/dev/zero")):
        with pytest.raises(CustomerIntelligenceError, match="E_BAD_SHOP"):
            read_yaml(path, "E_BAD_SHOP")
    for path in (tmp_path / "none.yml", tmp_path / "real.yml" / "none.yml"):
        with pytest.raises(CustomerIntelligenceError, match="E_NOT_FOUND"):
            read_yaml(path, "E_BAD_SHOP")
    with pytest.raises(CustomerIntelligenceError, match="E_BAD_SHOP"):
        read_yaml(Path("a\0b"), "E_BAD_SHOP")
