"""The queries of each page: fixed SQL with bound parameters."""
