"""The dashboard in a headless Chromium: what tests, pictures and measurements share.

The browser is the system's (Debian's `chromium`); Playwright downloads none.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Overview lies at the root of the address.
PAGES = (
    *("overview", "segments", "clusters", "churn", "value", "cohorts", "products", "customers"),
    *("campaigns", "about"),
)
# Streamlit says so when the script has run to its end.
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'
CHARTS = '[data-testid="stVegaLiteChart"]'
MAIN = '[data-testid="stMain"]'
# Of each chart: how many marks it drew, and how far it reaches beyond its box.
DRAWN = """boxes => boxes.map(box => {
    const drawing = box.querySelector('canvas, svg');
    if (!drawing) return [0, 0];
    const beyond = drawing.getBoundingClientRect().right - box.getBoundingClientRect().right;
    // Charts of many points are painted on a canvas: what counts is the colours on it.
    if (drawing.tagName === 'CANVAS') {
        const paint = drawing.getContext('2d');
        const pixels = paint.getImageData(0, 0, drawing.width, drawing.height).data;
        return [new Set(new Uint32Array(pixels.buffer)).size - 1, beyond];
    }
    const marks = drawing.querySelectorAll(
        '[class*="mark-"] > path, [class*="mark-"] > line, [class*="mark-"] > text');
    return [marks.length, beyond];
})"""
HEIGHT = """() => document.querySelector('[data-testid="stMain"]').scrollHeight"""


def asked_data_dir(what: str) -> Path:
    """Return the data directory that a command line names; without Chromium the command ends."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--data-dir", type=Path, default=ROOT / "data" / "local")
    data_dir: Path = parser.parse_args().data_dir.resolve()
    if CHROMIUM is None:
        parser.exit(2, "Chromium is not installed: apt-get install chromium\n")
    return data_dir


@contextmanager
def served(
    data_dir: Path,
    *options: str,
    environment: Mapping[str, str] | None = None,
    folder: Path = ROOT,
) -> Iterator[tuple[str, int]]:
    """Run the dashboard of a data directory; gives its address and the id of its process.

    Parameters
    ----------
    data_dir : Path
        Where the marts were published.
    options : str
        More options of Streamlit.
    environment : mapping, optional
        More variables of the environment.
    folder : Path
        Where it is started from.

    Raises
    ------
    RuntimeError
        When the server ends by itself or does not answer within half a minute.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboard" / "app.py")]
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(  # noqa: S603  # this interpreter, words of our own
            [*command, "--server.port", str(port), "--server.headless", "true", *options],
            cwd=folder,
            env={
                **os.environ,
                "CUSTOMER_INTELLIGENCE_DATA_DIR": str(data_dir),
                **(environment or {}),
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"{address}/_stcore/health").close()  # noqa: S310
                    break
                except urllib.error.URLError:
                    time.sleep(0.05)
                if process.poll() is not None:
                    break
            else:
                process.kill()
                process.wait()
            if process.poll() is not None:
                log.seek(0)
                raise RuntimeError(f"The dashboard did not start: {log.read()[-2000:].decode()}")
            yield address, process.pid
        finally:
            process.terminate()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium, which no window shows."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            yield browser
        finally:
            browser.close()


def settle(page: Page) -> None:
    """Wait until the script has run and every chart is drawn."""
    page.wait_for_selector(f"{MAIN} h1")
    page.wait_for_selector(READY)
    page.wait_for_function(
        f"() => ({DRAWN})([...document.querySelectorAll('{CHARTS}')])"
        ".map(([marks]) => marks).every(marks => marks > 0)"
    )
    # Charts take the width of the page a moment after they are drawn.
    page.wait_for_timeout(400)


def keep(page: Page, path: Path) -> None:
    """Keep a picture of the whole page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width = page.viewport_size["width"]
    page.set_viewport_size({"width": width, "height": min(page.evaluate(HEIGHT) + 80, 9000)})
    page.wait_for_timeout(300)
    page.screenshot(path=path)
