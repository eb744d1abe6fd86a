"""Pseudonyms of customer ids, for which a key is needed: HMAC-SHA256 (RFC 2104)."""

import hashlib
import hmac
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from customer_intelligence.errors import CustomerIntelligenceError

KEY_VARIABLE = "CUSTOMER_INTELLIGENCE_ID_KEY"
MIN_KEY_CHARS = 32
# 128 bits: among a thousand million customers two share a pseudonym with a chance of 1e-21.
PSEUDONYM_CHARS = 32
# What trim() of SQL takes off: the space separators of Unicode.
BLANKS = "".join(map(chr, (0x20, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)))
# What nobody sees in an id: marks of direction, joiners, fillers and variants of no width.
_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
OUTER = f"[{BLANKS}\t-\r\x1c-\x1f\x85\u2028\u2029{_UNSEEN}]*"
# Means the same to Python and to DuckDB.
_WITHOUT_MEANING = f"^{OUTER}|{OUTER}$|[{_UNSEEN}]"
# A shorter id, or one of digits alone, cannot be told from other words and numbers in a text.
DISTINCTIVE_CHARS = 8
_BLOCK_BYTES = 64


def read_key() -> str | None:
    """Return the key that the environment holds, or None when ids are kept as they are.

    Raises
    ------
    CustomerIntelligenceError
        `E_BAD_KEY` when the key is too short to keep ids from being guessed, or empty: ids must
        not stay readable because a secret was not handed over.
    """
    key = os.environ.get(KEY_VARIABLE)
    if key is not None and len(key) < MIN_KEY_CHARS:
        raise CustomerIntelligenceError(
            "E_BAD_KEY",
            f"{KEY_VARIABLE} has {len(key)} characters, and {MIN_KEY_CHARS} are the least.",
            'Make one with `python -c "import secrets; print(secrets.token_hex(32))"` and keep it, '
            "or unset the variable to keep ids as they are.",
        )
    return key


def pseudonym(key: str, customer_id: str) -> str:
    """Return what the raw layer stores for a customer id."""
    digest = hmac.new(key.encode(), customer_id.encode(), hashlib.sha256)
    return digest.hexdigest()[:PSEUDONYM_CHARS]


def hash_blocks(key: str) -> tuple[bytes, bytes]:
    """Return the inner and the outer block of the HMAC, which stand before what is hashed."""
    secret = key.encode()
    if len(secret) > _BLOCK_BYTES:
        secret = hashlib.sha256(secret).digest()
    padded = secret.ljust(_BLOCK_BYTES, b"\0")
    return bytes(byte ^ 0x36 for byte in padded), bytes(byte ^ 0x5C for byte in padded)


def pseudonym_as_sql(customer_id: str) -> str:
    """Write `pseudonym` of a column, trimmed, as SQL with the parameters inner and outer."""
    text = f"encode(nullif(trim({customer_id}), ''))"
    return f"left(sha256($outer || unhex(sha256($inner || {text}))), {PSEUDONYM_CHARS})"


def plain_id(text: str) -> str:
    """Return a customer id as the ingest reads it: trimmed, whole numbers without a decimal."""
    trimmed = text.strip(BLANKS)
    return trimmed[:-2] if re.fullmatch(r"[0-9]+\.0", trimmed) else trimmed


def without_unseen(text: str) -> str:
    """Write a text in SQL without invisible characters."""
    return f"regexp_replace({text}, '[{_UNSEEN}]', '', 'g')"


def same_id(text: str) -> str:
    """Return the form that all spellings of one customer's id share.

    Outer blanks and invisible characters do not count, nor does the case of an e-mail address or
    the decimal of a whole number.
    """
    plain = plain_id(re.sub(_WITHOUT_MEANING, "", text))
    # Letter by letter, as SQL does it: a whole word may end in a letter of its own.
    return "".join("i" if c == "\u0130" else c.lower() for c in plain) if "@" in plain else plain


def same_code_as_sql(text: str) -> str:
    """Write in SQL the form that all spellings of a code share: `same_id`, but for its case."""
    plain = f"regexp_replace({text}, '{_WITHOUT_MEANING}', '', 'g')"
    return f"regexp_replace({plain}, '^([0-9]+)\\.0$', '\\1')"


def same_id_as_sql(text: str) -> str:
    """Write `same_id` of a text in SQL."""
    plain = same_code_as_sql(text)
    return f"case when contains({text}, '@') then lower({plain}) else {plain} end"


def key_id(key: str) -> str:
    """Return a name for the key that does not give it away."""
    return hmac.new(key.encode(), b"key id", hashlib.sha256).hexdigest()[:8]


def check_key(manifests: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the key of the environment when it is the one that all loads were made with.

    Raises
    ------
    CustomerIntelligenceError
        `E_OTHER_KEY` when it is not: one customer would become two. `E_BAD_KEY`, see `read_key`.
    """
    key = read_key()
    used = key_id(key) if key is not None else None
    for manifest in manifests:
        made = manifest.get("pseudonym_key")
        if made != used:
            how = "with another key" if made and used else "with a key" if made else "without a key"
            raise CustomerIntelligenceError(
                "E_OTHER_KEY",
                f"Load {manifest['load_id']} was made {how} for customer ids.",
                f"Set {KEY_VARIABLE} as it was then ({_as_it_was(made)}), or use another data "
                "directory.",
            )
    return key


def is_distinctive(customer_id: str) -> bool:
    """Return whether an id is so distinctive that it means the customer anywhere in a text."""
    return len(customer_id) >= DISTINCTIVE_CHARS and not re.fullmatch("[0-9]*", customer_id)


def stored_id(customer: str, manifests: Sequence[Mapping[str, Any]]) -> str:
    """Return the form that all spellings of a customer's id share, as the raw layer stores it.

    Raises
    ------
    CustomerIntelligenceError
        `E_OTHER_KEY` or `E_BAD_KEY`, see `check_key`.
    """
    key = check_key(manifests)
    return same_id(customer) if key is None else pseudonym(key, same_id(customer))


def stored_ids(customer: str, manifests: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return every id that stands for a customer in the raw layer, `stored_id` first.

    With a key these are the pseudonyms of the form that all spellings share and of the id as
    typed; other spellings cannot be recognised from a pseudonym.
    """
    first, key = stored_id(customer, manifests), read_key()
    return tuple(dict.fromkeys((first, *([pseudonym(key, plain_id(customer))] if key else []))))


def _as_it_was(made: str | None) -> str:
    return f"the key with the id {made}" if made else "not at all"
