"""Quoting of untrusted text in SQL where no parameter can be bound."""

import glob
from pathlib import Path


def literal(text: str) -> str:
    """Quote a text as an SQL literal.

    Examples
    --------
    >>> literal("Mother's day")
    "'Mother''s day'"
    """
    quoted = "'" + text.replace("'", "''") + "'"
    # The parser takes a NUL for the end of the query.
    return quoted if "\0" not in quoted else "(" + quoted.replace("\0", "' || chr(0) || '") + ")"


def identifier(name: str) -> str:
    """Quote the name of a column or relation.

    Examples
    --------
    >>> identifier('12" plate')
    '"12"" plate"'
    """
    return '"' + name.replace('"', '""') + '"'


def path_literal(path: Path) -> str:
    """Quote the path of one file: none of its signs stands for other files."""
    return literal(glob.escape(str(path)))
