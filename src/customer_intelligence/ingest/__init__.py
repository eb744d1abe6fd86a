"""Read one file of invoice lines into an immutable load of the raw layer.

Every record of the file becomes exactly one raw row. A record that cannot be read or typed is kept
with the reasons why and its source values; nothing is dropped and nothing turns into null unseen.

=================== ============================================================================
Reason              The record is quarantined because
=================== ============================================================================
R_INVOICE_NO        the invoice number is empty
R_QUANTITY          the quantity is missing or no whole number
R_UNIT_PRICE        the unit price is missing or no number
R_UNIT_PRICE_SCALE  the unit price has more than four decimals that mean something
R_INVOICE_DATE      the date is missing, impossible or not in the form the file was found to use
R_DATE_RANGE        the date is before 1990
R_FUTURE_DATE       the date is more than a day after the moment of loading
R_NOT_FINITE        a number or date is NaN or infinite
R_OVERFLOW          a number is larger than the raw layer can hold
R_NUL               a text holds a NUL character
R_FIELD_LIMIT       a text is longer than 131,072 characters
R_ENCODING          bytes of the record are not text in the file's encoding
R_FIELD_COUNT       the record has more or fewer fields than the header
R_QUOTE             a quoted field is never closed, or goes on after its closing quote
R_CELL_ERROR        a cell holds an Excel error such as #N/A
=================== ============================================================================
"""

from customer_intelligence.ingest.load import LoadResult
from customer_intelligence.ingest.mapping import SourceMapping, read_mapping
from customer_intelligence.ingest.pipeline import ingest_file

__all__ = ["LoadResult", "SourceMapping", "ingest_file", "read_mapping"]
