"""Read one file of invoice lines into an immutable load of the raw layer.

Every record of the file becomes exactly one raw row. A record that cannot be read or typed is kept
with its reasons and its source values; nothing is dropped or silently turned into null. A row has
the line of the text, or the row of the sheet, on which its record starts; if several sheets hold
the table, their rows follow sheet by sheet.

===================== ==========================================================================
Reason                The record is quarantined because
===================== ==========================================================================
R_INVOICE_NO          the invoice number is empty
R_LOST_DIGITS         an id such as 1.23457E+11 is a number that has lost its last digits
R_QUANTITY            the quantity is missing or not a number
R_QUANTITY_SCALE      the quantity has more than four significant decimals
R_UNIT_PRICE          the unit price is missing, not a number, or an amount for no units
R_UNIT_PRICE_SCALE    the unit price has more than four significant decimals
R_LINE_AMOUNT         the line's total is missing or not a number
R_LINE_AMOUNT_SCALE   the line's total has more than four significant decimals
R_INVOICE_DATE        the date is missing, impossible or not in the file's date format
R_DATE_RANGE          the date is before 1990
R_FUTURE_DATE         the date is more than a day after the moment of loading
R_REFUND              the refund of the line, or its date, cannot be read
R_CURRENCY            the line is in a currency other than the mapping's
R_NOT_FINITE          a number or date is NaN or infinite
R_OVERFLOW            a number is larger than the raw layer can hold
R_NUL                 a text holds a NUL character
R_FIELD_LIMIT         a text is longer than 131,072 characters
R_ENCODING            bytes of the record are not text in the file's encoding
R_FIELD_COUNT         the record has more or fewer fields than the header
R_QUOTE               a quoted field is never closed, or goes on after its closing quote
R_CELL_ERROR          a cell holds an Excel error such as #N/A
R_REPEATED_HEADER     it repeats the header, as in concatenated files
R_TOTAL_ROW           it is a total, not a line: the sum of the lines above it, or a word such as
                      Total in place of an invoice number or of a field that a line needs
R_NO_LINE             it is not a line, by the mapping's key ``only``
===================== ==========================================================================

mapping.yml states what a file does not show by itself. All keys are optional.

============== ====================================================================================
Key            Meaning
============== ====================================================================================
columns        field to column: invoice_no, stock_code, quantity, invoice_date, customer_id,
               unit_price or line_amount, description, country. A line costs its ``line_amount``
               if the file states one, else ``quantity`` × ``unit_price``; a missing price is
               computed and rounded to four decimals. These are never guessed and must be named:
               ``cancelled`` (a time, yes, true or 1: the order does not count), ``currency``
               (must hold one code), ``status`` (the order's status, see ``statuses`` below),
               ``refunded_amount`` (refund for the goods of the line) and ``refunded_at`` (its
               date). Stock code, description, customer_id and country may have a list of columns,
               of which the first filled one counts; invoice_date may have two: ``[Date, Time]``.
               Of several status columns every word counts, and missing ones are ignored.
optional       columns of ``columns`` that some exports of the kind lack
only           column to the words that mark a record as a line, such as
               ``{Type: [Item, Refund]}``; "" is a blank
derived        quantity, unit_price, line_amount or refunded_amount to arithmetic over columns, as
               ``{quantity: 'Cases * 12', line_amount: 'Price * Qty - "Line Discount"'}``: names
               (in double quotes unless they are a plain word), numbers, ``+ - * /``, parentheses.
               If one of the values cannot be read, the field cannot be; ``12%`` is .12.
header_row     line of a text, or row of a sheet, with the names of the columns; without it, the
               first of 50 that names the fields
encoding       of a text file, such as cp1252
sheet          of a workbook; without it, all that hold the table
quotes         false if quotes are ordinary characters and do not enclose fields
dates          ymd, mdy, dmy or a strptime format
timezone       Area/City if the file shows UTC: days are those of that zone. Without it, a time
               counts as the file shows it; an offset or zone is not converted
decimal        the decimal mark of numbers stored as text, ``.`` or ``,``
thousands      the thousands mark; without it and ``decimal``, the marks that all numbers of the
               file prove
currency       ISO 4217 code; it or its symbol may stand beside an amount; goes to shop.yml. If a
               column names currencies, lines in others are quarantined
absent         invoice_no, stock_code, quantity or customer_id if the file has none: the lines of
               one customer at one time form an invoice; lines have no product, one unit, or no
               customer
once_per_order fields that stand on an order's first line only, such as invoice_date; with
               invoice_no among them, a line without one belongs to the order above it
order_amount   arithmetic as in ``derived`` for the total of an order's lines; it is divided among
               them in proportion to their own amounts, to the last decimal; a gift card keeps its
               own amount
order_discount arithmetic for a discount of the order that its lines do not contain; it counts once
               if all lines of the order repeat it, else the lines' discounts add up
order_id       column that separates orders with the same number, on an order's first line at
               least; the file may lack it
order_refund   arithmetic for the refund of an order (``amount``), the price of its goods
               (``subtotal``) and their ``tax``, such as ``{amount: Refunded, subtotal: Subtotal,
               tax: Taxes}``. The goods' part, refund × subtotal ÷ (subtotal + tax) and at most the
               subtotal, is divided among the lines, unless one of them states a refund of its own.
               Blanks count as 0
files          files that belong together, each under a name: the first holds the lines; each
               further one is joined to a file before it by its ``key``, such as ``{lines: {file:
               items.csv}, orders: {file: orders.csv, key: order_id}}``. They lie beside the given
               file, or in the given directory; ``*`` in a name stands for anything, and ``sheet``
               names a sheet of a workbook. ``matches`` is the name of the key in the files before,
               if it differs; both may be lists. A column name that several files have becomes
               ``orders.name`` and ``lines.name``; a key with the same name occurs once. A key must
               be unique, so that no line counts twice. ``encoding`` and the marks of numbers hold
               for all files, ``header_row`` for the first
zero_if_blank  columns of numbers in which a blank means 0, such as ``[Discount]``
credit_notes   status words that make an invoice a credit note: its total is negative, whatever the
               signs of its lines
rules          what the shop's codes, invoice numbers and signs mean: keys of shop.yml, see below
============== ====================================================================================

The first load writes ``shop.yml`` into the data directory, from ``rules`` and ``currency`` of its
mapping or preset. Later loads do not change it; edit it by hand.

========================== ========================================================================
Key of shop.yml            Meaning; default
========================== ========================================================================
currency                   ISO 4217 code of all amounts; XXX
cancellation_prefix        prefix of the numbers of cancelling invoices; none
adjustment_prefix          prefix of the numbers of bad-debt adjustments; none
negative_lines_are_returns whether a negative amount is a return (``false``: only the invoice
                           number tells); true
copies                     ``drop`` if the export repeats lines: of lines that are equal in all
                           columns only the first counts; ``count``
invoice_numbers            ``restart`` if they restart each month, year or till, so that no
                           load replaces an invoice of an earlier one; ``lasting``
far_off_dates              ``count`` if the few lines dated far from all others have correct dates;
                           ``set_apart``
product_code_pattern       regular expression of the stock codes that are merchandise, ignoring
                           case; a code without a rule is then unclassified, and a test fails.
                           Without it all codes except those named below are merchandise
codes                      stock code to class, such as ``{POST: shipping}``
code_patterns              class to regular expression, such as ``{shipping: '^SHIP'}``
description_patterns       class to regular expression of the products' text, such as
                           ``{gift_voucher: '^Gift card'}``, ignoring case; a code named under
                           ``codes`` comes before it
nobody                     customer ids that mean an unknown customer, such as ``[0, Guest]``,
                           ignoring case
statuses                   status words by their meaning: ``counts``, ``cancelled`` (the order
                           did not take place), ``refunded`` (it did; all of it was refunded if no
                           amount is stated), ``test``. They come before the words of
                           ``seeds/order_status_words.csv``. Orders with pending payment or an
                           unknown word count and are reported. Case, ``_``, ``-`` and the prefix
                           ``wc-`` are ignored
========================== ========================================================================

Classes are those of ``seeds/stock_code_classes.csv``. A code by name comes before
``code_patterns``, in their order, and these before ``product_code_pattern``.

======================================= ========================================================
Environment variable                    Meaning
======================================= ========================================================
CUSTOMER_INTELLIGENCE_ID_KEY            key of at least 32 characters: customer ids are stored as
                                        HMAC-SHA256 of the key and the trimmed id, one key per
                                        data directory
CUSTOMER_INTELLIGENCE_INPUT_ROOT        files outside of this directory are refused
CUSTOMER_INTELLIGENCE_MAX_FILE_BYTES    larger files are refused; 64 GiB
======================================= ========================================================
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from customer_intelligence.ingest.load import LoadResult
    from customer_intelligence.ingest.mapping import SourceMapping, read_mapping
    from customer_intelligence.ingest.pipeline import ingest_file

__all__ = ["LoadResult", "SourceMapping", "ingest_file", "read_mapping"]
_PLACES = {
    "LoadResult": "load",
    "SourceMapping": "mapping",
    "ingest_file": "pipeline",
    "read_mapping": "mapping",
}


def __getattr__(name: str) -> Any:
    """Import what reads files when it is asked for: lists need ids and tombstones only."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
