"""Erasure: remove a customer from a data directory, and find files that still name one."""
