"""YAML that people write: plain text, lists and keys, within bounds and without surprises.

A scalar is the text that stands there, except for ``null``, ``~`` and nothing (None), ``true`` and
``false`` (bool), and whole numbers (int). So ``no``, ``1.10``, ``007`` and ``2024-01-31`` are text,
and a key is always text.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from customer_intelligence.data_dir import files
from customer_intelligence.errors import CustomerIntelligenceError

MAX_BYTES = 1_000_000
MAX_DEPTH = 12
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NULLS = ("", "~", "null")
_BOOLEANS = {"true": True, "false": False}
# The parser written in C is a hundred times as fast; some platforms come without it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path, code: str) -> dict[str, Any]:
    """Read a file of ``key: value`` lines.

    Parameters
    ----------
    path : Path
        A regular file of at most `MAX_BYTES`; links, pipes and devices are refused unread.
    code : str
        Code of the error when the file is refused, such as ``E_BAD_MAPPING``.

    Returns
    -------
    dict
        Of None, bool, int, str, lists and dicts. Empty for an empty file.

    Raises
    ------
    CustomerIntelligenceError
        ``E_NOT_FOUND`` when there is no such file, else `code`, with the place and the way out.
    """
    try:
        content = files.read_bytes(path, MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CustomerIntelligenceError(
            "E_NOT_FOUND", f"There is no file {_shown(str(path))}.", "Check the path."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CustomerIntelligenceError(
            code,
            f"{_shown(str(path))} cannot be read: {reason}.",
            f"Give a plain text file of at most {MAX_BYTES:,} bytes.",
        ) from error
    return parse_yaml(content, path.name, code)


def parse_yaml(content: bytes, name: str, code: str) -> dict[str, Any]:
    """Read ``key: value`` lines; `name` is that of the file, for messages. See `read_yaml`."""
    name = _shown(name)
    try:
        # PyYAML takes some damaged bytes for another encoding: the text is decoded here.
        found = _document(yaml.parse(content.decode("utf-8-sig"), Loader=_LOADER))
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise CustomerIntelligenceError(
            code, f"{name} cannot be read as YAML: {_reason(error)}.", "Correct the file."
        ) from error
    if not isinstance(found, dict):
        raise CustomerIntelligenceError(
            code, f"{name} does not hold `key: value` lines.", "Write `key: value` lines."
        )
    return found


def _document(events: Iterator[yaml.Event]) -> Any:
    value: Any = None
    documents = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise ValueError(f"a second document begins in {_place(event)}")
            value = _value(next(events), events, 1)
    return {} if value is None else value


def _value(event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Any:
    if getattr(event, "anchor", None) is not None:
        raise ValueError(f"{_place(event)} has an anchor (&) or alias (*); quote the text")
    if getattr(event, "tag", None) is not None:
        raise ValueError(f"{_place(event)} has a tag (!); quote the text")
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if depth > MAX_DEPTH:
        raise ValueError(f"{_place(event)} is nested more than {MAX_DEPTH} levels deep")
    if isinstance(event, yaml.SequenceStartEvent):
        items = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(_value(event, events, depth + 1))
        return items
    content: dict[str, Any] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        if not isinstance(event, yaml.ScalarEvent):
            raise ValueError(f"{_place(event)} has a list where a key must be")
        _value(event, events, depth)
        if event.value in content:
            raise ValueError(f"{_place(event)} has the key {event.value!r} a second time")
        content[event.value] = _value(next(events), events, depth + 1)
    return content


def _scalar(event: yaml.ScalarEvent) -> object:
    text = str(event.value)
    # Quoted, or a block of text.
    if event.style:
        return text
    if text.lower() in _NULLS:
        return None
    if text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    return int(text) if _INTEGER.fullmatch(text) and text != "-0" else text


def _place(event: yaml.Event) -> str:
    mark = event.start_mark
    return "a line" if mark is None else f"line {mark.line + 1}"


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is not UTF-8"
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    if mark is not None and problem is not None:
        return f"line {mark.line + 1}: {problem}"
    return _shown(" ".join(str(error).split()).rstrip("."))


def _shown(text: str) -> str:
    """Return a text without control characters, shortened for a message."""
    seen = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
    return seen if len(seen) <= 300 else f"{seen[:299]}…"
