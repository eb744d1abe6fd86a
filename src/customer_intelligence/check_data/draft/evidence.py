"""How far the values of a column support each field that it may be."""

import re
from collections.abc import Callable, Mapping

from customer_intelligence.check_data.draft.column import Column
from customer_intelligence.ingest import names
from customer_intelligence.ingest.fields import REFUSAL_COLUMN
from customer_intelligence.ingest.rules import plain_word

# A label is a column of so few values in so many records, such as Member and Normal.
FEW_VALUES, MANY_RECORDS = 4, 50
_HASHED = re.compile(r"#\s?[A-Za-z]{0,4}-?\d+")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?( ?[AP]M)?", re.IGNORECASE)


def _is_date(column: Column) -> bool:
    return column.date_format is not None


def _date_evidence(column: Column) -> tuple[int, str] | None:
    if _is_date(column):
        # Eight digits may be a number, too.
        return (2, "it holds days") if column.date_format == "%Y%m%d" else (4, "it holds dates")
    if column.is_number or column.is_mostly(_CLOCK.fullmatch):
        return None
    if column.is_mostly(re.compile(r"\d").search):
        return -3, "how its dates are written is not known"
    return None


def _is_id(column: Column) -> bool:
    return not column.is_money and column.date_format in (None, "%Y%m%d")


def _invoice_evidence(column: Column) -> tuple[int, str] | None:
    if not _is_id(column) or not column.is_mostly(re.compile(r"\d").search):
        return None
    if column.is_mostly(_HASHED.fullmatch):
        return 6, "its values look like order numbers"
    return (-3 if _is_label(column) else 0), ""


def _is_label(column: Column) -> bool:
    """Return whether a column has too few distinct values to identify anything."""
    return len(column.values) <= FEW_VALUES and column.filled >= MANY_RECORDS


def _customer_evidence(column: Column) -> tuple[int, str] | None:
    if not _is_id(column):
        return None
    if _is_label(column):
        return None
    if len(column.values) == 1 and column.filled > 2:
        return -3, "all its values are the same"
    if column.is_email:
        return 2, "it holds e-mail addresses"
    return 0, ""


def _currency_evidence(column: Column) -> tuple[int, str] | None:
    if all(re.fullmatch("[A-Za-z]{3}", value) for value in column.values):
        return 2, "it holds codes of currencies"
    return None


def _cancelled_evidence(column: Column) -> tuple[int, str] | None:
    return None if column.is_money else (0, "")


def _status_evidence(column: Column) -> tuple[int, str] | None:
    if column.is_number or _is_date(column) or len(column.values) > 60:
        return None
    words = names.status_classes()
    known = sum(plain_word(value) in words for value in column.values)
    if known:
        return 2, "it holds words for what became of an order"
    short = column.is_mostly(re.compile("[A-Za-z]{2,3}").fullmatch)
    return (-3 if short else -1), "none of its words is known for a status"


def _consent_evidence(column: Column) -> tuple[int, str] | None:
    if REFUSAL_COLUMN.search(column.name):
        return None
    words = names.consent_words()
    if all(value.casefold() in words for value in column.values):
        return 1, "it says yes or no"
    return -2, ""


def _quantity_evidence(column: Column) -> tuple[int, str] | None:
    if not column.is_number or column.currencies:
        return None
    return (1, "it holds whole numbers") if column.is_whole else (0, "")


def _money_evidence(column: Column) -> tuple[int, str] | None:
    return (0, "") if column.is_number and column.date_format in (None, "%Y%m%d") else None


def _code_evidence(column: Column) -> tuple[int, str] | None:
    return (0, "") if _is_id(column) else None


def _text_evidence(column: Column) -> tuple[int, str] | None:
    return None if column.is_number or _is_date(column) else (0, "")


def _country_evidence(column: Column) -> tuple[int, str] | None:
    return None if column.is_number or _is_date(column) else (0, "")


# What the values of a column add to what its name says: points and a reason, or None where they
# cannot be those of the field.
EVIDENCE: Mapping[str, Callable[[Column], tuple[int, str] | None]] = {
    "invoice_date": _date_evidence,
    "invoice_no": _invoice_evidence,
    "customer_id": _customer_evidence,
    "currency": _currency_evidence,
    "cancelled": _cancelled_evidence,
    "status": _status_evidence,
    "consent": _consent_evidence,
    "quantity": _quantity_evidence,
    "unit_price": _money_evidence,
    "line_amount": _money_evidence,
    "stock_code": _code_evidence,
    "description": _text_evidence,
    "country": _country_evidence,
}
