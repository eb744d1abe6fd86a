"""Tests that need big tools, such as environments of their own: `make test-tools`."""
