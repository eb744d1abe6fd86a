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
LOOKS = {
    "light": ("light", 1280),
    "dark": ("dark", 1280),
    "phone": ("light", 390),
    "desk": ("light", 1440),
}
# What opens every fold of a page.
UNFOLDED = {
    "churn": "?evidence=true&watch=true",
    "value": "?evidence=true",
    "clusters": "?choice=true",
}
# Every page once, in each look by turns; every page in every look where ALL_LOOKS=1 says so.
VISITS = list(
    product(PAGES, LOOKS)
    if os.environ.get("ALL_LOOKS")
    else zip(PAGES, cycle(look for look in LOOKS if look != "desk"))
)
OVERFLOW = """() => Math.max(...['html', '[data-testid="stMain"]'].map(name => {
    const box = document.querySelector(name);
    return box.scrollWidth - box.clientWidth;
}))"""

# What a reader would miss: text that its box cuts, text of a chart that is shortened, leaves the
# chart or lies on other text, and tables wider than their place.
MISSED = """() => {
    const missed = [];
    const shown = node => node.getClientRects().length > 0;
    const own = node => [...node.childNodes].some(
        child => child.nodeType === Node.TEXT_NODE && child.textContent.trim());
    const boxes = document.querySelectorAll(
        '[data-testid="stMain"] *, [data-testid="stSidebar"] *');
    for (const node of boxes) {
        if (!(node instanceof HTMLElement) || !own(node) || !shown(node)) continue;
        if (node.closest('canvas, script, style, [aria-hidden="true"]')) continue;
        for (let box = node; box && box !== document.body; box = box.parentElement) {
            const style = getComputedStyle(box);
            // What is there for screen readers alone.
            if (style.position === 'absolute' && box.clientWidth <= 1) break;
            if (!['hidden', 'clip'].includes(style.overflowX)) continue;
            if (box.scrollWidth - box.clientWidth > 1 && box.clientWidth > 0)
                missed.push(`cut: ${node.textContent.trim()}`);
            break;
        }
    }
    for (const drawing of document.querySelectorAll('[data-testid="stVegaLiteChart"] svg.marks')) {
        const frame = drawing.getBoundingClientRect();
        const texts = [...drawing.querySelectorAll('text')].filter(
            text => text.textContent.trim() && getComputedStyle(text).opacity !== '0');
        const level = [];
        for (const text of texts) {
            const words = text.textContent.trim();
            const box = text.getBoundingClientRect();
            if (words.endsWith('…')) missed.push(`shortened: ${words}`);
            const beyond = Math.max(frame.left - box.left, box.right - frame.right,
                frame.top - box.top, box.bottom - frame.bottom);
            // A title's box is higher than its letters.
            if (beyond > 5) missed.push(`beyond the chart: ${words}`);
            const turned = /rotate\\((?!0\\)|-?90\\))/.test(text.getAttribute('transform') || '');
            if (turned) continue;
            for (const [other, its] of level) {
                const across = Math.min(box.right, its.right) - Math.max(box.left, its.left);
                const upward = Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top);
                if (across > 2 && upward > 4) missed.push(`overlap: ${other} / ${words}`);
            }
            level.push([words, box]);
        }
    }
    for (const table of document.querySelectorAll('[data-testid="stDataFrame"]')) {
        const inside = table.querySelector('.dvn-scroller');
        if (inside && inside.scrollWidth - inside.clientWidth > 1) {
            const named = table.querySelector('[aria-label]') || table;
            missed.push(`table: ${inside.scrollWidth - inside.clientWidth} px too wide: ` +
                [...table.querySelectorAll('th, [role="columnheader"]')]
                    .map(head => head.textContent).join(' | '));
        }
    }
    return [...new Set(missed)];
}"""

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


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_or_overlaps_on_a_desk(visit, name):
    page = visit(("" if name == "overview" else name) + UNFOLDED.get(name, ""), "desk")
    page.wait_for_selector(CHARTS)
    # The whole page in view, so that all of it is laid out.
    keep(page, SCREENSHOTS / f"{name}-desk.png")
    settle(page)
    assert page.evaluate(MISSED) == []


def test_a_click_on_the_map_lists_the_customers_of_the_cell(visit, published_dir):
    page = visit("segments", "desk")
    # A click on the figure in the cell is one on the cell.
    page.locator(CHARTS).first.locator(".mark-text text").first.click()
    page.wait_for_url("**cell=**")
    settle(page)
    (told,) = parse_qs(urlsplit(page.url).query)["cell"]
    box = page.locator('[data-testid="stSelectbox"] input').first
    assert box.input_value() == told


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
