"""Draft a shop's rules: which of its codes are no merchandise, told by their words."""

from collections.abc import Sequence
from typing import Any

from customer_intelligence.ingest import names
from customer_intelligence.ingest.rules import MAX_TEXT

# So many codes of a class are named one by one; more are named by a pattern.
MOST_CODES = 24


def draft_rules(codes: Sequence[tuple[str, int]]) -> tuple[dict[str, Any], list[str]]:
    """Propose classes for codes whose every word speaks of shipping, discounts or gift cards.

    Parameters
    ----------
    codes : sequence of (str, int)
        Distinct codes, with the number of their records.

    Returns
    -------
    rules : dict
        Keys of ``shop.yml``.
    notes : list of str
        What was taken for what.
    """
    found: dict[str, dict[str, int]] = {}
    for code, records in codes:
        kind = names.code_class(code)
        plain = code.upper()
        if kind is not None and len(plain) <= MAX_TEXT and plain.isprintable():
            of_kind = found.setdefault(kind, {})
            of_kind[plain] = of_kind.get(plain, 0) + records
    listed: dict[str, str] = {}
    patterns: dict[str, str] = {}
    notes = []
    for kind, of_kind in found.items():
        shown = ", ".join(f"{code} ({records:,})" for code, records in list(of_kind.items())[:5])
        more = f" and {len(of_kind) - 5:,} more" if len(of_kind) > 5 else ""
        notes.append(f"taken for {kind} and not for merchandise (lines): {shown}{more}")
        if len(of_kind) <= MOST_CODES:
            listed |= dict.fromkeys(of_kind, kind)
        else:
            firsts = sorted({names.first_word(code) for code in of_kind})
            patterns[kind] = f"^({'|'.join(firsts)})([^A-Za-z]|$)"
    rules: dict[str, Any] = {}
    if listed:
        rules["codes"] = listed
    if patterns:
        rules["code_patterns"] = patterns
    return rules, notes
