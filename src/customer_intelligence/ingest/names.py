"""The meanings of the words in a column's name, and how well the name fits a field.

The words, in five languages, and the points are data: ``words.yml`` beside this file.
"""

import csv
import os
import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from customer_intelligence.data_dir.layout import PROJECT_VARIABLE
from customer_intelligence.ingest.yaml_files import read_yaml

WORDS = Path(__file__).with_name("words.yml")
FILLER = "filler"
# Against a field, for a meaning that it does not know, and for a word that nobody knows.
OTHER_MEANING, UNKNOWN_WORD = 5, 1
# Words that tie the parts of a compound together.
_LINKS = ("", "s", "n", "en", "es")
# Shorter ones are no parts of a compound: too many words hold them by chance.
_SHORTEST_PART = 2
_LONGEST_PHRASE = 4
_LONGEST_NAME = 120


class Said(NamedTuple):
    """The meanings of a name."""

    meanings: frozenset[str]
    unknown: int
    """Words that nobody knows."""


class _Field(NamedTuple):
    is_: Mapping[str, int]
    with_: Mapping[str, int]
    against: Mapping[str, int]


@cache
def said(name: str) -> Said:
    """Return the meanings of the words in a name.

    Examples
    --------
    >>> sorted(said("Rechnungsnummer").meanings)
    ['invoice', 'number']
    """
    words, found, unknown = _words(name[:_LONGEST_NAME]), set(), 0
    while words:
        for size in range(min(_LONGEST_PHRASE, len(words)), 0, -1):
            meaning = _table()[0].get(" ".join(words[:size]))
            if meaning is not None:
                found.add(meaning)
                break
        else:
            size = 1
            parts = _parts(words[0])
            found.update(parts)
            unknown += not parts and not words[0].isdigit()
        words = words[size:]
    return Said(frozenset(found - {FILLER}), unknown)


def points(field: str, name: str) -> int:
    """Return how well a name fits a field; 0 if nothing in it does."""
    meanings, unknown = said(name)
    rules = _table()[1][field]
    says = {meaning: rules.is_[meaning] for meaning in meanings if meaning in rules.is_}
    if not says:
        return 0
    # The telling meaning is the one that gives most beside the others.
    best = max(says, key=lambda meaning: says[meaning] - rules.with_.get(meaning, 0))
    found = says[best]
    for meaning in meanings - {best}:
        known = meaning in rules.with_
        found += (
            (rules.with_[meaning] if known else -rules.against.get(meaning, OTHER_MEANING))
            if meaning not in rules.is_ or known
            else 0
        )
    return found - UNKNOWN_WORD * unknown


@cache
def status_classes() -> Mapping[str, str]:
    """Return the meaning of common status words, as `rules.plain_word` writes them."""
    return _seed("order_status_words.csv")


@cache
def consent_words() -> Mapping[str, str]:
    """Return common words for a customer's consent: ``true``, ``false``, or blank for neither."""
    return _seed("consent_words.csv")


@cache
def nobody_words() -> frozenset[str]:
    """Return the words that shops write for an unknown customer, as `plain` writes them."""
    listed = read_yaml(WORDS, "E_BAD_MAPPING")["nobody_words"]
    return frozenset(plain(word) for word in listed.split(","))


def plain(text: str) -> str:
    """Return the words of a text without accents, case and marks."""
    return " ".join(_words(text))


def _seed(name: str) -> dict[str, str]:
    # Words that the models look up are the project's, which may lie elsewhere than this package.
    project = os.environ.get(PROJECT_VARIABLE) or Path(__file__).parents[3]
    with Path(project, "seeds", name).open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return dict(rows)


def code_class(code: str) -> str | None:
    """Return the class of a code if all its words mean that class, or None."""
    words, found = _words(code), set()
    kinds, neutral = _code_words()
    while words:
        for size in range(min(_LONGEST_PHRASE, len(words)), 0, -1):
            phrase = " ".join(words[:size])
            if phrase in kinds:
                found.add(kinds[phrase])
                break
            if phrase in neutral or phrase.isdigit() or phrase in "#%":
                break
        else:
            return None
        words = words[size:]
    # A discount on shipping is one.
    if found == {"shipping", "discount"}:
        return "discount"
    return found.pop() if len(found) == 1 else None


def first_word(code: str) -> str:
    """Return the letters that a code begins with."""
    match = re.match(r"[^\W\d_]+", code)
    return match[0] if match else re.escape(code)


@cache
def _code_words() -> tuple[dict[str, str], frozenset[str]]:
    content = read_yaml(WORDS, "E_BAD_MAPPING")
    kinds = {
        " ".join(_words(word)): kind
        for kind, listed in content["code_words"].items()
        for word in listed.split(",")
    }
    neutral = frozenset(" ".join(_words(word)) for word in content["code_neutral"].split(","))
    return kinds, neutral


@cache
def _table() -> tuple[dict[str, str], dict[str, _Field]]:
    content = read_yaml(WORDS, "E_BAD_MAPPING")
    words = {
        " ".join(_words(word)) or word.strip().strip('"'): meaning
        for meaning, listed in content["meanings"].items()
        for word in listed.split(",")
    }
    fields = {
        field: _Field(rules["is"], rules["with"], rules.get("against", {}))
        for field, rules in content["fields"].items()
    }
    return words, fields


def _words(name: str) -> list[str]:
    """Cut a name at blanks, marks and changes of case; without accents and case."""
    name = re.sub(r"[ºª°]", "o", name)
    name = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})", " ", name)
    for sign, plain in (("ß", "ss"), ("ä", "ae"), ("ö", "oe"), ("ü", "ue")):
        name = name.replace(sign, plain).replace(sign.upper(), plain)
    plain = unicodedata.normalize("NFKD", name)
    folded = "".join(sign for sign in plain if not unicodedata.combining(sign)).casefold()
    return re.findall(r"[^\W_\d]+|\d+|[#%]", folded)


@cache
def _parts(word: str) -> tuple[str, ...]:
    """Return the meanings of the parts of a compound; none if a part is unknown."""
    words = _table()[0]
    if word in words:
        return (words[word],)
    for size in range(len(word) - _SHORTEST_PART, _SHORTEST_PART - 1, -1):
        head = words.get(word[:size])
        if head is None or (head == FILLER and size < 3):
            continue
        for link in _LINKS:
            rest = word[size:]
            if rest.startswith(link) and len(rest) > len(link):
                tail = _parts(rest[len(link) :])
                if tail and len(rest) - len(link) >= _SHORTEST_PART:
                    return (head, *tail)
    return ()
