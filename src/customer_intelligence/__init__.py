"""Customer intelligence from invoice lines: the Python side of the dbt project.

The model functions (`churn`, `clusters`, `lifetime_value`) know no engine: they take and return
frames. A file of a shop goes through `ingest`, its marts through `publication`, and people get
`lists`; `erasure` takes a customer out of all of it. Of dbt know `dbt_plugin`, which it calls, and
`cli`, which calls it.
"""

from __future__ import annotations

import importlib
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from customer_intelligence.publication.reader import open_marts

__all__ = ["open_marts"]
__version__ = "0.2.0"


_MODELS = ("churn", "clusters", "lifetime_value")
_one_at_a_time = threading.RLock()


def __getattr__(name: str) -> Any:
    """Import what reads marts when it is asked for: DuckDB alone takes half a second.

    And what Python models import, one after the other: dbt runs each in a thread of its own, and
    two that import scikit-learn at the same moment see it half-initialised.
    """
    if name in _MODELS:
        with _one_at_a_time:
            return importlib.import_module(f"{__name__}.{name}")
    if name == "open_marts":
        from customer_intelligence.publication.reader import open_marts

        return open_marts
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
