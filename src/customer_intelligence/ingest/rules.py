"""The rules of a shop: the meaning of its codes, invoice numbers, status words and signs.

The same keys stand in ``shop.yml`` and under ``rules:`` of a mapping or preset. A key that is not
there has the meaning that holds for any shop: every code is merchandise, no prefix of an invoice
number means anything, the sign of an amount decides, and every line counts.
"""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

import duckdb

from customer_intelligence.errors import CustomerIntelligenceError

# Currency of a shop that does not name one (ISO 4217).
NO_CURRENCY = "XXX"
PRODUCT, UNCLASSIFIED = "product", "unclassified"
# What seeds/stock_code_classes.csv explains.
CLASSES = (
    PRODUCT,
    "accessory",
    "adjustment",
    "bad_debt",
    "discount",
    "fee",
    "gift_voucher",
    "manual_adjustment",
    "sample",
    "shipping",
    "tax",
    "test",
    "tip",
)
COPIES = ("count", "drop")
# What becomes of an order whose status is one of the shop's words.
STATUSES = ("counts", "cancelled", "refunded", "test")
INVOICE_NUMBERS = ("lasting", "restart")
FAR_OFF_DATES = ("set_apart", "count")
MAX_CODES = 20_000
MAX_WORDS = 1_000
MAX_PATTERN = 500
MAX_TEXT = 200
_SHOWN = 60


def check_rules(content: object, where: str, code: str) -> dict[str, Any]:
    """Check rules as they were read.

    Parameters
    ----------
    content : object
        What stands in the file: a dict of the keys of `KEYS`, some or all of them.
    where : str
        Where they stand, such as ``shop.yml``, for messages.
    code : str
        Code of the error, such as ``E_BAD_SHOP``.

    Returns
    -------
    dict
        The keys that are stated, in the order of `KEYS`.

    Raises
    ------
    CustomerIntelligenceError
        `code`, with the key, what it does not allow, and what it does.
    """

    def refuse(key: str, value: object, hint: str) -> CustomerIntelligenceError:
        shown = repr(value)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
        return CustomerIntelligenceError(code, f"{where}: {key} does not allow {shown}.", hint)

    if not isinstance(content, Mapping):
        raise refuse("the file", content, f"Write `key: value` lines. Keys are: {', '.join(KEYS)}.")
    for key in content:
        if key not in KEYS:
            raise refuse("a key", key, f"Keys are: {', '.join(KEYS)}.")
    checked = {}
    for key, check in KEYS.items():
        if key in content:
            try:
                checked[key] = check(content[key])
            except _NotAllowedError as error:
                raise refuse(f"{key}{error.place}", error.value, error.hint) from None
    return checked


def code_rules(rules: Mapping[str, Any]) -> list[tuple[str | None, str | None, str]]:
    """Return the rules for the classes of stock codes, in the order in which they are tried.

    Returns
    -------
    list of tuple
        Stock code or None, pattern or None, and class. The last one holds for every code.
    """
    pattern = rules.get("product_code_pattern")
    found: list[tuple[str | None, str | None, str]] = [
        *((name, None, kind) for name, kind in rules.get("codes", {}).items()),
        *((None, text, kind) for kind, text in rules.get("code_patterns", {}).items()),
    ]
    if pattern is not None:
        found.append((None, pattern, PRODUCT))
    return [*found, (None, "", PRODUCT if pattern is None else UNCLASSIFIED)]


def description_rules(rules: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return pattern and class of products recognised by their text, in the order of trial."""
    return [(text, kind) for kind, text in rules.get("description_patterns", {}).items()]


def status_rules(rules: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the shop's words for the status of an order, each with what it means."""
    return [(word, kind) for kind, words in rules.get("statuses", {}).items() for word in words]


def differences(stated: Mapping[str, Any], rules: Mapping[str, Any]) -> list[str]:
    """Return in words where a mapping differs from the shop's rules."""
    found = []
    for key, value in stated.items():
        if isinstance(value, Mapping):
            known = rules.get(key, {})
            pairs = [(f"{key}.{name}", one, known.get(name)) for name, one in value.items()]
        else:
            pairs = [(key, value, rules.get(key, DEFAULTS[key]))]
        found += [
            f"{name} is {said!r} there and {known!r} in shop.yml"
            for name, said, known in pairs
            if said != known
        ]
    return found


class _NotAllowedError(Exception):
    def __init__(self, value: object, hint: str, place: str = "") -> None:
        super().__init__(hint)
        self.value, self.hint, self.place = value, hint, place


def _currency(value: object) -> str | None:
    if value is None or (isinstance(value, str) and re.fullmatch("[A-Z]{3}", value)):
        return value
    raise _NotAllowedError(value, "Use a three-letter code such as GBP.")


def _pattern(value: object) -> str | None:
    if value is None:
        return None
    hint = f"Write a regular expression of at most {MAX_PATTERN} signs in quotes, such as '^SKU-'."
    if not isinstance(value, str) or not 0 < len(value) <= MAX_PATTERN:
        raise _NotAllowedError(value, hint)
    complaint = _complaint(value)
    if complaint is not None:
        raise _NotAllowedError(value, f"{hint} {' '.join(complaint.split())}")
    return value


@functools.lru_cache(maxsize=1024)
def _complaint(pattern: str) -> str | None:
    """Ask the engine that will use a pattern, and never by its text as SQL; None where it can."""
    try:
        with duckdb.connect() as connection:
            connection.execute("select regexp_matches('', ?, 'i')", [pattern])
    except (duckdb.Error, UnicodeError) as error:
        return str(error)
    return None


def _prefix(value: object) -> str | None:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if text is None:
        return None
    if isinstance(text, str) and 0 < len(text) <= 20 and text == text.strip():
        return text
    raise _NotAllowedError(value, "Write 1 to 20 letters or digits, or null where there is none.")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _NotAllowedError(value, "Write true or false.")


def _one_of(words: tuple[str, ...]) -> Callable[[object], str]:
    def check(value: object) -> str:
        if isinstance(value, str) and value in words:
            return value
        raise _NotAllowedError(value, f"Write {' or '.join(words)}.")

    return check


def _codes(value: object) -> dict[str, str]:
    hint = f"Write `codes: {{POST: shipping}}`. Classes are: {', '.join(CLASSES)}."
    if not isinstance(value, Mapping) or len(value) > MAX_CODES:
        raise _NotAllowedError(value, f"{hint} At most {MAX_CODES:,} codes.")
    for name, kind in value.items():
        if not isinstance(name, str) or not 0 < len(name.strip()) <= MAX_TEXT:
            raise _NotAllowedError(name, f"{hint} A code has 1 to {MAX_TEXT} signs.")
        if not isinstance(kind, str) or kind not in CLASSES:
            raise _NotAllowedError(kind, hint, f".{name}")
    return dict(value)


def _code_patterns(value: object) -> dict[str, str]:
    return _patterns_of_classes(value, "Write `code_patterns: {shipping: '^SHIP'}`.")


def _description_patterns(value: object) -> dict[str, str]:
    return _patterns_of_classes(
        value, "Write `description_patterns: {gift_voucher: '^Gift card'}`."
    )


def _patterns_of_classes(value: object, example: str) -> dict[str, str]:
    hint = f"{example} Classes are: {', '.join(CLASSES)}."
    if not isinstance(value, Mapping):
        raise _NotAllowedError(value, hint)
    checked = {}
    for kind, text in value.items():
        if kind not in CLASSES:
            raise _NotAllowedError(kind, hint)
        try:
            pattern = _pattern(text)
        except _NotAllowedError as error:
            raise _NotAllowedError(text, error.hint, f".{kind}") from error
        if pattern is None:
            raise _NotAllowedError(text, hint, f".{kind}")
        checked[kind] = pattern
    return checked


def _words(value: object, hint: str, place: str = "") -> list[str]:
    """Return ids or words as text; numbers stand in YAML without quotes."""
    if not isinstance(value, list) or len(value) > MAX_WORDS:
        raise _NotAllowedError(value, f"{hint} At most {MAX_WORDS:,} words.", place)
    words = [
        str(word) if isinstance(word, int) and not isinstance(word, bool) else word
        for word in value
    ]
    for word in words:
        if not isinstance(word, str) or not 0 < len(word.strip()) <= MAX_TEXT:
            raise _NotAllowedError(word, f"{hint} A word has 1 to {MAX_TEXT} signs.", place)
    return words


def _nobody(value: object) -> list[str]:
    return _words(value, "Write `nobody: [0, Guest]`.")


def _statuses(value: object) -> dict[str, list[str]]:
    hint = "Write `statuses: {counts: [completed], cancelled: [failed]}`."
    if not isinstance(value, Mapping):
        raise _NotAllowedError(value, f"{hint} Keys are: {', '.join(STATUSES)}.")
    checked: dict[str, list[str]] = {}
    said: dict[str, str] = {}
    for kind, words in value.items():
        if kind not in STATUSES:
            raise _NotAllowedError(kind, f"{hint} Keys are: {', '.join(STATUSES)}.")
        checked[kind] = _words(words, hint, f".{kind}")
        for word in checked[kind]:
            if said.setdefault(plain_word(word), kind) != kind:
                raise _NotAllowedError(word, "A word has one meaning.", f".{kind}")
    return checked


def plain_word(word: str) -> str:
    """Return a status without case, outer blanks, ``_-``, the prefix ``wc-``."""
    return re.sub("^wc ", "", re.sub("[_-]", " ", word.strip().lower())).strip()


KEYS: dict[str, Callable[[object], Any]] = {
    "currency": _currency,
    "cancellation_prefix": _prefix,
    "adjustment_prefix": _prefix,
    "negative_lines_are_returns": _flag,
    "copies": _one_of(COPIES),
    "invoice_numbers": _one_of(INVOICE_NUMBERS),
    "far_off_dates": _one_of(FAR_OFF_DATES),
    "product_code_pattern": _pattern,
    "codes": _codes,
    "code_patterns": _code_patterns,
    "description_patterns": _description_patterns,
    "nobody": _nobody,
    "statuses": _statuses,
}
# What a key means that is not there.
DEFAULTS: dict[str, Any] = {
    "currency": None,
    "cancellation_prefix": None,
    "adjustment_prefix": None,
    "negative_lines_are_returns": True,
    "copies": "count",
    "invoice_numbers": "lasting",
    "far_off_dates": "set_apart",
    "product_code_pattern": None,
    "codes": {},
    "code_patterns": {},
    "description_patterns": {},
    "nobody": [],
    "statuses": {},
}
