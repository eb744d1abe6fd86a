"""Customer intelligence from invoice lines: the Python side of the dbt project.

The model functions (`churn`, `clusters`, `lifetime_value`) know no engine: they take and return
frames. A file of a shop goes through `ingest`, its marts through `publication`, and people get
`lists`; `erasure` takes a customer out of all of it. Of dbt know `dbt_plugin`, which it calls, and
`cli`, which calls it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from customer_intelligence.publication.reader import open_marts

__all__ = ["open_marts"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what reads marts when it is asked for: DuckDB alone takes half a second."""
    if name == "open_marts":
        from customer_intelligence.publication.reader import open_marts

        return open_marts
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
