"""Files as the world delivers them: each is written by code, and what must become of it is known.

A case is accepted or quarantined record by record, or refused with one code. The expectations are
written down here by hand or follow from the values that the file was made of, never from what the
ingest returned.
"""

from corpus import parquet_files, places, text_structure, text_values, workbooks
from corpus.case import Case, Line, Quarantined

CASES = (
    *text_structure.CASES,
    *text_values.CASES,
    *workbooks.CASES,
    *parquet_files.CASES,
    *places.CASES,
)

__all__ = ["CASES", "Case", "Line", "Quarantined"]
