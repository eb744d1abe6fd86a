"""Measure the dashboard as a visitor meets it, on the marts that are published.

Run as `make bench-dashboard [DATA_DIR=…]`, or as `python benchmarks/dashboard.py --data-dir DIR`.
It starts the server and a headless Chromium on this machine and prints what `TARGETS` names
beside its targets. It needs Linux, Debian's `chromium` and the development requirements.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from customer_intelligence.marts import open_marts

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium")
# Seconds and megabytes, on two idle cores by what a visitor waits for.
TARGETS = {
    "first visit, key figures visible (s)": 4.0,
    "later visits, key figures visible (s)": 1.0,
    "filter change, 95th percentile (s)": 0.4,
    "memory of the server (MB)": 450,
}
CHANGES = 30


@contextmanager
def server(data_dir: Path) -> Iterator[tuple[str, int]]:
    """Run the dashboard; gives its address and the id of its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py"]
    with subprocess.Popen(
        [*command, "--server.port", str(port), "--server.headless", "true"],
        cwd=ROOT,
        env={**os.environ, "CUSTOMER_INTELLIGENCE_DATA_DIR": str(data_dir)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            while process.poll() is None:
                try:
                    urllib.request.urlopen(f"{address}/_stcore/health").close()
                    break
                except urllib.error.URLError:
                    time.sleep(0.05)
            yield address, process.pid
        finally:
            process.terminate()


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


def change_filters(page: Page, address: str) -> list[float]:
    """Return the seconds until the page stands again, for each change of a filter."""
    page.goto(f"{address}/segments")
    page.wait_for_selector("text=Where do customers move?")
    ready = '[data-testid="stApp"][data-test-script-state="notRunning"]'
    page.wait_for_selector(ready)
    seconds = []
    for change in range(CHANGES):
        box = page.locator('[data-testid="stMultiSelect"]').nth(change % 3)
        box.locator("input").click()
        option = page.get_by_role("option").nth(change // 3 % 2)
        option.wait_for()
        before = page.locator('[data-testid="stMain"]').inner_text()
        started = time.perf_counter()
        option.click()
        page.wait_for_function(
            """before => document.querySelector('[data-testid="stMain"]').innerText !== before""",
            arg=before,
            polling=10,
        )
        page.wait_for_selector(ready)
        seconds.append(time.perf_counter() - started)
        page.keyboard.press("Escape")
        if change % 3 == 2:
            page.goto(f"{address}/segments")
            page.wait_for_selector("text=Where do customers move?")
            page.wait_for_selector(ready)
    return seconds


def main() -> int:
    """Measure and print; 0 when every target is met."""
    parser = argparse.ArgumentParser(description="Measure the dashboard.")
    parser.add_argument("--data-dir", type=Path, default=ROOT / "data" / "local")
    data_dir = parser.parse_args().data_dir.resolve()
    if CHROMIUM is None:
        print("Chromium is not installed: apt-get install chromium", file=sys.stderr)
        return 2
    with open_marts(data_dir) as marts:
        customers, cells = marts.execute(
            "select sum(customers)::bigint, count(*) from customer_cube"
        ).fetchone()
    print(f"{customers:,} customers in {cells:,} cells")
    with server(data_dir) as (address, process_id), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        received = []
        page.on("websocket", lambda socket: socket.on("framereceived", received.append))
        first = first_figure(page, address)
        later = [first_figure(page, address) for _ in range(5)]
        cpu = server_use(process_id)[1]
        received.clear()
        changes = change_filters(page, address)
        memory, cpu_after = server_use(process_id)
        payload = sum(len(frame) for frame in received) / 1024
        browser.close()
    measured = [
        first,
        statistics.median(later),
        statistics.quantiles(changes, n=20)[-1],
        memory,
    ]
    for (what, target), value in zip(TARGETS.items(), measured, strict=True):
        print(f"{what}: {value:,.2f} (target {target:g})")
    print(f"filter change, median (s): {statistics.median(changes):.2f}")
    # The page is visited anew before the first change and after every third.
    runs = CHANGES + 1 + CHANGES // 3
    print(f"CPU of the server for each change or visit (s): {(cpu_after - cpu) / runs:.2f}")
    print(f"sent to the browser for each change or visit (KB): {payload / runs:,.0f}")
    print(f"load of this machine: {os.getloadavg()[0]:.1f}")
    return 0 if all(v <= t for v, t in zip(measured, TARGETS.values(), strict=True)) else 1


if __name__ == "__main__":
    sys.exit(main())
