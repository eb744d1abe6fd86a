"""Customer intelligence from invoice lines: the Python side of the dbt project.

Nothing in this package but `publish` knows dbt, and nothing but `ingest`, `marts` and
`publish` knows DuckDB: the model functions take and return frames.
"""

from customer_intelligence.marts import open_marts

__all__ = ["open_marts"]
__version__ = "0.1.0"
