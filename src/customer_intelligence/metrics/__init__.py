"""Metrics of the published marts: MetricFlow makes the SQL, the published file answers it.

What the metrics are is published with the marts, so a version keeps its own definitions, and
nothing of dbt or of the work database is needed to ask for them. `engine` makes queries and runs
them, `output` writes answers.
"""

from customer_intelligence.metrics.engine import Answer, Metric, Metrics, Query

__all__ = ["Answer", "Metric", "Metrics", "Query"]
