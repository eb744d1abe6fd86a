"""The same project on Apache Spark, through Spark Connect (docs/scale.md).

dbt runs the models on the cluster; what every build begins and ends with runs here, in DuckDB, by
the same code as on DuckDB alone. Lines and marts go between the two as Parquet and Arrow. Nothing
else of the package knows Spark.
"""
