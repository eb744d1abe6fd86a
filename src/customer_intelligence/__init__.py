"""Customer intelligence from invoice lines: the Python side of the dbt project.

Nothing in this package but `publish` knows dbt, and nothing but `ingest`, `marts` and
`publish` knows DuckDB: the model functions take and return frames.
"""

__version__ = "0.1.0"
