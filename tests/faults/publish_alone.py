"""Publish the marts of prepared work databases in turn, as a build does at its end.

`python -m faults.publish_alone DATA_DIR TIMES DATABASE…`
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from customer_intelligence import publish


def main(data_dir: str, times: str, *databases: str) -> None:
    connections = [duckdb.connect(database) for database in databases]
    print("ready", flush=True)
    for number in range(int(times)):
        connection = connections[number % len(connections)]
        marts = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts'"
        ).fetchall()
        now = datetime.now(UTC)
        path = publish.publish(
            connection.cursor(),
            data_dir=Path(data_dir),
            version=f"{now:%Y%m%dT%H%M%S%f}Z-{number:08d}",
            built_at=f"{now:%Y-%m-%d %H:%M:%S}",
            tests_passed=1,
            relations={name: f'"marts"."{name}"' for (name,) in marts},
        )
        print(f"published: {path}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
