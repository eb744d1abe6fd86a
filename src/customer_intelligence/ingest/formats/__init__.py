"""Formats of files: text, workbook, Parquet. Fields have no meaning yet."""
