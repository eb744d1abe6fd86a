"""Measure the dashboard as a visitor meets it, on the marts that are published.

Run as `make bench-dashboard [DATA_DIR=…]`, or as `python -m benchmarks.dashboard --data-dir DIR`.
It starts the server and a headless Chromium on this machine and prints what `TARGETS` names
beside its targets. It needs Linux, Debian's `chromium` and the development requirements.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

from playwright.sync_api import Page

from customer_intelligence import open_marts
from tools.browser import asked_data_dir, chromium, served, settle

# Seconds and megabytes, on two idle cores by what a visitor waits for.
TARGETS = {
    "first visit, key figures visible (s)": 4.0,
    "later visits, key figures visible (s)": 1.0,
    "filter change, 95th percentile (s)": 0.4,
    "memory of the server (MB)": 450,
}
# From so many customers on a filter may take longer.
LARGE = 5_000_000
LARGE_TARGETS = {**TARGETS, "filter change, 95th percentile (s)": 0.6}
TURNS = 10


def server_use(process_id: int) -> tuple[float, float]:
    """Return the resident megabytes and the CPU seconds of a process so far."""
    status = Path(f"/proc/{process_id}/status").read_text()
    kilobytes = next(int(row.split()[1]) for row in status.splitlines() if row[:6] == "VmRSS:")
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return kilobytes / 1024, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def first_figure(page: Page, address: str) -> float:
    """Return the seconds until the first key figure is visible."""
    started = time.perf_counter()
    page.goto(address)
    page.wait_for_selector('[data-testid="stMetricValue"]')
    return time.perf_counter() - started


# Notes in the page itself when a key is pressed and when the script that it starts is done, so
# that what Playwright takes to look does not count.
WATCH = """() => {
    window.noted = {};
    const app = document.querySelector('[data-testid="stApp"]');
    new MutationObserver(() => {
        const state = app.getAttribute('data-test-script-state');
        if (state !== 'notRunning') noted.started = true;
        else if (noted.started) noted.stands ??= performance.now();
    }).observe(app, {attributes: true});
    addEventListener('keydown', () => { noted.pressed ??= performance.now(); }, {capture: true});
}"""


def change_filters(page: Page, choices: dict[int, list[str]]) -> list[float]:
    """Return the seconds from a key press until the page stands again, for each change of a filter.

    As in one visit: a value is chosen in one filter, then in the other, and both are taken out
    again, by the keyboard.

    Parameters
    ----------
    page : Page
        A window of the browser, in which a page of the dashboard stands.
    choices : dict of int to list of str
        For a filter, by its position in the sidebar, values to choose in turn.
    """
    page.evaluate(WATCH)
    seconds = []
    for turn in range(TURNS):
        for position, value in [
            *((position, values[turn % len(values)]) for position, values in choices.items()),
            *((position, None) for position in reversed(choices)),
        ]:
            box = page.locator('[data-testid="stMultiSelect"] input').nth(position)
            box.click()
            if value:
                box.fill(value)
                page.get_by_role("option").first.wait_for()
            page.evaluate("() => { window.noted = {}; }")
            box.press("Enter" if value else "Backspace")
            page.wait_for_function("() => noted.stands", polling=20)
            seconds.append(page.evaluate("() => noted.stands - noted.pressed") / 1000)
            settle(page)
            page.keyboard.press("Escape")
    return seconds


def main() -> int:
    """Measure and print; 0 when every target is met."""
    data_dir = asked_data_dir("Measure the dashboard.")
    with open_marts(data_dir) as marts:
        customers, cells = marts.execute(
            "select sum(customers)::bigint, count(*) from customer_cube"
        ).fetchone()
        # The largest of each, so that every change leaves somebody.
        choices = {
            position: [value for (value,) in marts.execute(sql).fetchall()]
            for position, sql in (
                (
                    2,
                    "select country_group from customer_cube"
                    " group by country_group order by sum(customers) desc limit 3",
                ),
                (0, "select segment from rpt_segments order by customers desc limit 3"),
            )
        }
    print(f"{customers:,} customers in {cells:,} cells")
    with served(data_dir) as (address, process_id), chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        received = []
        page.on(
            "websocket",
            lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))),
        )
        first = first_figure(page, address)
        later = [first_figure(page, address) for _ in range(5)]
        page.goto(f"{address}/segments")
        settle(page)
        cpu = server_use(process_id)[1]
        received.clear()
        changes = change_filters(page, choices)
        memory, cpu_after = server_use(process_id)
        payload = sum(received) / 1024
    measured = [
        first,
        statistics.median(later),
        statistics.quantiles(changes, n=20)[-1],
        memory,
    ]
    targets = LARGE_TARGETS if customers >= LARGE else TARGETS
    for (what, target), value in zip(targets.items(), measured, strict=True):
        print(f"{what}: {value:,.2f} (target {target:g})")
    print(f"filter change, median (s): {statistics.median(changes):.2f}")
    runs = len(changes)
    print(f"CPU of the server for each change (s): {(cpu_after - cpu) / runs:.2f}")
    print(f"sent to the browser for each change (KB): {payload / runs:,.0f}")
    print(f"load of this machine: {os.getloadavg()[0]:.1f}")
    return 0 if all(v <= t for v, t in zip(measured, targets.values(), strict=True)) else 1


if __name__ == "__main__":
    sys.exit(main())
