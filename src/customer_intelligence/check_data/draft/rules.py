"""Draft a shop's rules from words: the meaning of its codes, statuses and guest customers."""

from collections.abc import Sequence
from typing import Any

from customer_intelligence.ingest import names
from customer_intelligence.ingest.rules import MAX_TEXT, MAX_WORDS, STATUSES, plain_word

# So many codes of a class are named one by one; more are named by a pattern.
MOST_CODES = 24
SHOWN = 8
# Longer than any words for nobody.
LONGEST_WORDS = 40


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
        Which code was given which class.
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


def draft_statuses(words: Sequence[tuple[str, int]]) -> tuple[dict[str, Any], list[str]]:
    """Propose what the words of a status mean, as common words do.

    Parameters
    ----------
    words : sequence of (str, int)
        Distinct words, with the number of their records.

    Returns
    -------
    rules : dict
        ``statuses`` of ``shop.yml``; words for a payment that is pending need no rule.
    notes : list of str
        The meaning given to each word, and unknown words.
    """
    known = names.status_classes()
    classes: dict[str, list[tuple[str, int]]] = {}
    for word, records in words:
        classes.setdefault(known.get(plain_word(word), ""), []).append((word, records))
    notes = []
    for kind, means in (
        ("counts", "count"),
        ("pending", "count, payment is pending"),
        ("cancelled", "did not take place"),
        ("refunded", "were paid back"),
        ("test", "are tests"),
        ("", "are not known: they count, unless `rules: {statuses: …}` says something else"),
    ):
        if kind in classes:
            notes.append(f"by their status, orders {_listed(classes[kind])} {means}")
    stated = {
        kind: [word for word, _ in classes[kind] if len(word) <= MAX_TEXT][:MAX_WORDS]
        for kind in STATUSES
        if kind in classes
    }
    # Words that all count say nothing that holds without a rule.
    return ({"statuses": stated} if stated.keys() - {"counts"} else {}), notes


def draft_nobody(customers: Sequence[tuple[str, int]]) -> tuple[dict[str, Any], list[str]]:
    """Propose customer values that mean an anonymous sale, such as a guest.

    Parameters
    ----------
    customers : sequence of (str, int)
        Distinct customers, with the number of their records.
    """
    found = [(who, records) for who, records in customers if stands_for_nobody(who)]
    if not found:
        return {}, []
    rules = {"nobody": [who for who, _ in found][:MAX_WORDS]}
    return rules, [f"taken for nobody and not for a customer (lines): {_listed(found)}"]


def stands_for_nobody(customer: str) -> bool:
    """Return whether a customer's whole name is a word for no customer in particular."""
    return len(customer) <= LONGEST_WORDS and names.plain(customer) in names.nobody_words()


def _listed(words: Sequence[tuple[str, int]]) -> str:
    shown = ", ".join(f"{word[:40]!a} ({records:,})" for word, records in words[:SHOWN])
    return shown + (f" and {len(words) - SHOWN:,} more" if len(words) > SHOWN else "")
