"""Publish the marts of prepared work databases in turn, as a build does at its end.

`python -m faults.publish_alone DATA_DIR TIMES DATABASE…`
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from customer_intelligence.data_dir import lock
from customer_intelligence.publication import publish

from .small_marts import build, tables_of


def main(data_dir: str, times: str, *databases: str) -> None:
    connections = [duckdb.connect(database) for database in databases]
    print("ready", flush=True)
    for turn in range(int(times)):
        connection = connections[turn % len(connections)]
        with lock.held(Path(data_dir)):
            number = publish.next_number(Path(data_dir))
            started_at = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
            version = publish.publish(
                connection.cursor(),
                Path(data_dir),
                build(number, started_at=started_at),
                tables_of(connection),
            )
        print(f"published: {version}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
