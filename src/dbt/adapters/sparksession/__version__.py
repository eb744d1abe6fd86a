"""The version, as dbt looks for it."""

version = "1.11.0"
