"""Show the marts in Superset (`make superset`), or write what another Superset imports."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.publication.destinations import find_destination
from tools.browser import CHROMIUM, ROOT, chromium
from tools.superset.bundle import bundle, duckdb_database, postgres_database
from tools.superset.server import Superset, served

DASHBOARD = "superset/dashboard/customer-intelligence/"
PORT = 8088
CHART_DATA = "/api/v1/chart/data"
CHARTS = 5
SECONDS_TO_LOAD = 90


def picture(superset: Superset, path: Path) -> None:
    """Keep a picture of the dashboard."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1210})
        page.goto(f"{superset.address}/login/")
        page.fill("#username", superset.user)
        page.fill("#password", superset.password)
        page.click('[type="submit"]')
        page.wait_for_url("**/welcome/")
        answers: list[int] = []
        page.on(
            "response",
            lambda answer: answers.append(answer.status) if CHART_DATA in answer.url else None,
        )
        page.goto(f"{superset.address}/{DASHBOARD}")
        for _ in range(SECONDS_TO_LOAD):
            page.wait_for_timeout(1000)
            if len(answers) == CHARTS:
                break
        if answers != [200] * CHARTS:
            raise RuntimeError(f"{CHARTS} charts were asked for, and answered {answers}")
        # Charts move into place.
        page.wait_for_timeout(3000)
        page.screenshot(path=path)


def wanted(data_dir: Path, url: str | None) -> dict[str, Any]:
    """Return what Superset reads: the published file, or the Postgres that was named."""
    if not url:
        return duckdb_database(data_dir)
    if not find_destination(url).is_database:
        raise CustomerIntelligenceError(
            "E_DESTINATION",
            f"{url} is no database.",
            "Name one as postgresql://user@host/database.",
        )
    return postgres_database(url)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="tools.superset", description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=ROOT / "data" / "local")
    parser.add_argument("--to", help="read this Postgres, which `publish --to` filled (PGPASSWORD)")
    parser.add_argument("--out", type=Path, help="write the file that a Superset imports, and end")
    parser.add_argument("--picture", type=Path, help="take a picture of the dashboard, and end")
    asked = parser.parse_args()
    try:
        database = wanted(asked.data_dir, asked.to)
    except CustomerIntelligenceError as error:
        parser.exit(2, f"{error}\n")
    if asked.out:
        asked.out.write_bytes(bundle(asked.data_dir, database))
        print(f"written to {asked.out}: import it on Superset's page of dashboards")
        return
    if asked.picture and CHROMIUM is None:
        parser.exit(2, "Chromium is not installed: apt-get install chromium\n")
    # What ends it also removes what it made.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print("Superset starts, which takes about a minute.", flush=True)
    with served(0 if asked.picture else PORT) as superset:
        superset.session().load(
            "assets/import/", "bundle", bundle(asked.data_dir, database, "assets")
        )
        if asked.picture:
            picture(superset, asked.picture)
            return
        print(f"{superset.address}/{DASHBOARD}")
        print(f"user {superset.user}, password {superset.password}; Ctrl-C ends it", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print()
