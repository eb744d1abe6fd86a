"""Apache Superset on the published marts: a dashboard, and datasets with dbt's words and metrics.

Charts and dashboard ship as YAML of Superset's import format in `assets/superset`. `datasets` makes
the datasets of what is published, `bundle` puts both into one file that a Superset imports, and
`server` runs a Superset on loopback, which forgets everything when it ends.
"""
