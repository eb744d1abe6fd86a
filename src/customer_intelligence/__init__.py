"""Customer intelligence from invoice lines: the Python side of the dbt project.

The model functions (`churn`, `clusters`, `lifetime_value`) know no engine: they take and return
frames. Of dbt know `dbt_plugin`, which it calls, and `metrics`, which starts MetricFlow. The other
modules read files in, publish marts and write lists, with DuckDB where they need it.
"""

from customer_intelligence.publication.reader import open_marts

__all__ = ["open_marts"]
__version__ = "0.1.0"
