"""The session with Spark that everything in this process shares."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from customer_intelligence.errors import CustomerIntelligenceError


def open_session(parameters: Mapping[str, str]) -> Any:
    """Return the session of this process, with the settings of the profile.

    Parameters
    ----------
    parameters : mapping of str to str
        `server_side_parameters` of the profile.
    """
    builder = SparkSession.builder
    for name, value in parameters.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


@contextlib.contextmanager
def spoken(what: str, hint: str) -> Iterator[None]:
    """Say in the project's words what Spark refuses within the block.

    Raises
    ------
    CustomerIntelligenceError
        `E_SPARK`.
    """
    try:
        yield
    except PySparkException as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise CustomerIntelligenceError(
            "E_SPARK", f"{what}: {lines[0].rstrip('.')}.", hint
        ) from error
