"""One record an invoice, whatever it is for.

Invoices of goods with the same ``content`` hold the same goods: this is how a return or a reversal
finds what it takes back.
"""

import numpy as np

SALE, RETURN, REVERSAL, SINGLE = range(4)  # a return takes back some lines, a reversal all of them
PREFIXES = ("", "C", "A")  # of the invoice number
PLAIN, CANCELLED, ADJUSTED = range(3)

EVENT = np.dtype(
    [
        ("minute", "i4"),  # after the start
        ("customer", "i4"),  # −1: none
        ("country", "i1"),
        ("kind", "i1"),
        ("prefix", "i1"),
        ("extra", "i1"),  # −1: none; not counted in n_lines
        ("two_times", "?"),  # the second half is a minute later
        ("n_lines", "i4"),
        ("value", "f4"),  # pounds
        ("content", "i8"),  # of a single line its position among them
    ]
)


def fill(dtype: np.dtype, n: int, **columns: object) -> np.ndarray:
    """Return n records with the given columns; the others are zero."""
    records = np.zeros(n, dtype)
    for name, values in columns.items():
        records[name] = values
    return records


def make_events(n: int, **columns: object) -> np.ndarray:
    """Return n invoices with the given columns; the others mean "none"."""
    return fill(EVENT, n, **({"customer": -1, "extra": -1} | columns))
