"""The dashboard in a real browser: one server and one headless Chromium for all of it.

Screenshots stay in `.screenshots/`, where git does not look.
"""

from __future__ import annotations

import os
from itertools import cycle, product
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import ROOT

from customer_intelligence import open_marts
from tools import browser
from tools.browser import CHARTS, CHROMIUM, DRAWN, MAIN, PAGES, keep, settle

SCREENSHOTS = ROOT / ".screenshots"
LOOKS = {"light": ("light", 1280), "dark": ("dark", 1280), "phone": ("light", 390)}
# Every page once, in each look by turns; every page in every look where ALL_LOOKS=1 says so.
VISITS = list(product(PAGES, LOOKS) if os.environ.get("ALL_LOOKS") else zip(PAGES, cycle(LOOKS)))
OVERFLOW = """() => Math.max(...['html', '[data-testid="stMain"]'].map(name => {
    const box = document.querySelector(name);
    return box.scrollWidth - box.clientWidth;
}))"""

if CHROMIUM is None:
    pytest.skip(
        "Chromium is not installed, so NO PAGE WAS LOOKED AT: apt-get install chromium",
        allow_module_level=True,
    )
pytest.importorskip("playwright.sync_api")


@pytest.fixture(scope="module")
def address(published_dir):
    """The address of a dashboard that shows the published sample."""
    with browser.served(published_dir) as (address, _):
        yield address


@pytest.fixture(scope="module")
def contexts():
    """A window of the browser for each look; each loads Streamlit's own files once."""
    with browser.chromium() as started:
        opened = {
            look: started.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
            for look, (scheme, width) in LOOKS.items()
        }
        for context in opened.values():
            context.set_default_timeout(60_000)
        yield opened


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


@pytest.mark.parametrize(("name", "look"), VISITS)
def test_every_page_is_drawn(visit, name, look):
    page = visit("" if name == "overview" else name, look)
    assert page.locator("h1").first.inner_text().endswith("?")
    page.wait_for_selector(CHARTS)
    settle(page)
    charts = page.eval_on_selector_all(CHARTS, DRAWN)
    assert [beyond for _, beyond in charts if beyond > 1] == []
    assert page.evaluate(OVERFLOW) <= 0
    assert page.locator('[data-testid="stException"]').count() == 0
    keep(page, SCREENSHOTS / f"{name}-{look}.png")


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


def test_a_link_to_what_does_not_exist_says_so(visit):
    page = visit("segments?segment=champions&segment=%3Cimg+src%3Dx%3E&country=Atlantis")
    told = page.locator(MAIN).inner_text()
    assert 'segment "<img src=x>", which does not exist here. Shown: Champions.' in told
    assert 'country "Atlantis", which does not exist here. Shown: all countries.' in told
    assert parse_qs(urlsplit(page.url).query) == {"segment": ["Champions"]}


def test_a_click_on_a_segment_filters_other_pages_too(visit):
    page = visit("value")
    chart = page.locator(CHARTS).first
    chart.locator(".mark-rect path").first.click()
    page.wait_for_selector("text=Your selection:")
    settle(page)
    (segment,) = parse_qs(urlsplit(page.url).query)["segment"]
    page.get_by_role("link", name="Churn", exact=True).click()
    page.wait_for_selector("text=Who may churn")
    settle(page)
    assert segment in page.locator('[data-testid="stMultiSelect"]').first.inner_text()
    assert "Your selection:" in page.locator(MAIN).inner_text()


def test_the_list_of_customers_is_downloaded(visit, published_dir, tmp_path):
    page = visit("customers?risk=high")
    with page.expect_download() as download:
        page.locator('[data-testid="stDownloadButton"] button').first.click()
    file = tmp_path / "customers.csv"
    download.value.save_as(file)
    with open_marts(published_dir) as marts:
        high = marts.execute(
            "select count(*) from fct_customer_actions "
            "where churn_risk = 'high' and is_contact and not is_holdout"
        ).fetchone()[0]
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    assert "customer_id" in lines[0]
    assert len(lines) == 1 + high
