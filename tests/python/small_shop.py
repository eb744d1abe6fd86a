"""A shop whose versions are published in no time, and what whoever reads one must be told."""

from __future__ import annotations

from pathlib import Path

import duckdb
from faults.small_marts import build, fill, tables_of

from customer_intelligence.publication.publish import next_number, publish

# Of several tables, so that a mixture of two versions shows; the first names the version.
QUESTIONS = (
    "select version from marts.build_info",
    "select rows_in from marts.build_info",
    "select count(*) from marts.fct_orders",
    "select sum(length(words)) from marts.fct_orders",
    "select count(*) from marts.dim_customers",
    "select lines from marts.rpt_line_dispositions",
    "select cast(value as bigint) from marts.rpt_kpis where kpi = 'net_revenue'",
)
# The same in one.
TOGETHER = "select " + ", ".join(
    f"({question}) as figure_{number}" for number, question in enumerate(QUESTIONS)
)


class SmallShop:
    """A data directory that publishes small marts.

    Attributes
    ----------
    told : dict of str to list
        By version the answers to `QUESTIONS`, the version first.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.told: dict[str, list[str]] = {}

    def publish(self, orders: int) -> str:
        """Publish a version of so many orders; its name."""
        with duckdb.connect() as work:
            fill(work, orders)
            number = next_number(self.data_dir)
            version = publish(work, self.data_dir, build(number), tables_of(work))
            _, *figures = (work.execute(question).fetchone()[0] for question in QUESTIONS)
        self.told[version] = [version, *map(str, figures)]
        return version

    def mixtures(self, read: list[list[str]]) -> list[list[str]]:
        """Return the readings that are not of one version."""
        return [answers for answers in read if answers != self.told.get(answers[0])]
