"""The fault harness: kills, full disks and damage, and what must hold all the same.

`python -m tests.faults` runs it (`make test-faults`); `tests/python/test_faults.py` runs a
small part with every `make test`.
"""
