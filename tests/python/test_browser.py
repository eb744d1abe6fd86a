"""The dashboard in a real browser: one server and one headless Chromium for all of it.

Screenshots stay in `.screenshots/`, where git does not look.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
from conftest import ROOT

from customer_intelligence.marts import open_marts

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SCREENSHOTS = ROOT / ".screenshots"
PAGES = [
    "overview", "segments", "clusters", "churn", "value", "cohorts", "customers", "about",
]  # fmt: skip
LOOKS = {"light": ("light", 1280), "dark": ("dark", 1280), "phone": ("light", 390)}
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
OVERFLOW = """() => Math.max(...['html', '[data-testid="stMain"]'].map(name => {
    const box = document.querySelector(name);
    return box.scrollWidth - box.clientWidth;
}))"""
HEIGHT = """() => document.querySelector('[data-testid="stMain"]').scrollHeight"""

if CHROMIUM is None:
    pytest.skip(
        "Chromium is not installed, so NO PAGE WAS LOOKED AT: apt-get install chromium",
        allow_module_level=True,
    )
sync_api = pytest.importorskip("playwright.sync_api")


@pytest.fixture(scope="module")
def address(published_dir, tmp_path_factory):
    """The address of a dashboard that shows the published sample."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log.txt"
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py"]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "--server.port", str(port), "--server.headless", "true"],
            cwd=ROOT,
            env={**os.environ, "CUSTOMER_INTELLIGENCE_DATA_DIR": str(published_dir)},
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as server,
    ):
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health").close()
                    break
                except urllib.error.URLError:
                    time.sleep(0.1)
            else:
                pytest.fail(log.read_text())
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def contexts():
    """A window of the browser for each look; each loads Streamlit's own files once."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        opened = {
            look: browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
            for look, (scheme, width) in LOOKS.items()
        }
        for context in opened.values():
            context.set_default_timeout(60_000)
        yield opened
        browser.close()


@pytest.fixture
def visit(address, contexts):
    """Return a function that opens a page and waits until it stands; nothing may go wrong."""
    pages, faults = [], []

    def open_page(path: str, look: str = "light"):
        page = contexts[look].new_page()
        pages.append(page)
        page.on("console", lambda message: complain(message, faults))
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on(
            "request",
            lambda request: (
                urlsplit(request.url).hostname not in ("127.0.0.1", None)
                and faults.append(f"outside: {request.url}")
            ),
        )
        page.goto(f"{address}/{path}")
        settle(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert faults == []


def complain(message, faults: list[str]) -> None:
    """Note an error on the console, but for two of Streamlit's own.

    It asks a page's own address for its service before it asks the root's.
    """
    if message.type == "error" and "/_stcore/" not in message.location.get("url", ""):
        faults.append(f"console: {message.text} {message.location}")


def settle(page) -> None:
    """Wait until the script has run and every chart is drawn."""
    page.wait_for_selector('[data-testid="stMain"] h1')
    page.wait_for_selector(READY)
    page.wait_for_function(
        f"() => ({DRAWN})([...document.querySelectorAll('{CHARTS}')])"
        ".map(([marks]) => marks).every(marks => marks > 0)"
    )
    # Charts take the width of the page a moment after they are drawn.
    page.wait_for_timeout(400)


def keep(page, name: str) -> None:
    """Keep a picture of the whole page."""
    SCREENSHOTS.mkdir(exist_ok=True)
    width = page.viewport_size["width"]
    page.set_viewport_size({"width": width, "height": min(page.evaluate(HEIGHT) + 80, 9000)})
    page.wait_for_timeout(300)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_drawn(visit, name, look):
    page = visit("" if name == "overview" else name, look)
    assert page.locator("h1").first.inner_text().endswith("?")
    page.wait_for_selector(CHARTS)
    settle(page)
    charts = page.eval_on_selector_all(CHARTS, DRAWN)
    assert [beyond for _, beyond in charts if beyond > 1] == []
    assert page.evaluate(OVERFLOW) <= 0
    assert page.locator('[data-testid="stException"]').count() == 0
    keep(page, f"{name}-{look}")


def test_the_address_carries_the_filters(visit, published_dir):
    with open_marts(published_dir) as marts:
        segment, customers = marts.execute(
            "select segment, count(*) from dim_customers where churn_risk = 'low' "
            "group by 1 order by 2 desc, 1 limit 1"
        ).fetchone()
        everybody = marts.execute("select count(*) from dim_customers").fetchone()[0]
    page = visit(f"segments?segment={segment.replace(' ', '+')}&risk=low")
    told = f"Your selection: {customers:,} of {everybody:,} customers"
    assert told in page.locator(MAIN).inner_text()
    # Another page of the menu keeps them.
    page.get_by_role("link", name="Value").click()
    page.wait_for_selector("text=What are they worth?")
    settle(page)
    assert told in page.locator(MAIN).inner_text()


def test_a_click_on_a_segment_filters_every_page(visit):
    page = visit("value")
    chart = page.locator(CHARTS).first
    # The labels of the axis stand in the order of the bars.
    segment = chart.locator(".role-axis-label text").first.text_content()
    chart.locator(".mark-rect path").first.click()
    page.wait_for_selector("text=Your selection:")
    settle(page)
    assert "segment=" in page.url
    page.get_by_role("link", name="Churn", exact=True).click()
    page.wait_for_selector("text=Who may leave")
    settle(page)
    assert page.locator('[data-testid="stMultiSelect"]').first.inner_text().count(segment) <= 1
    assert "Your selection:" in page.locator(MAIN).inner_text()


def test_the_list_of_customers_is_downloaded(visit, published_dir, tmp_path):
    page = visit("customers?risk=high")
    with page.expect_download() as download:
        page.locator('[data-testid="stDownloadButton"] button').click()
    file = tmp_path / "customers.csv"
    download.value.save_as(file)
    with open_marts(published_dir) as marts:
        high = marts.execute(
            "select count(*) from dim_customers where churn_risk = 'high'"
        ).fetchone()[0]
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    assert "customer_id" in lines[0]
    assert len(lines) == 1 + high
