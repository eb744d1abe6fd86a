"""Formats of files: text, workbook, Parquet. Here no field has a meaning yet."""
