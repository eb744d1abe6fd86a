"""Erasure: take a customer out of a data directory, and find where one is still named."""
