"""The documents: every relative link leads to a file, every anchor to a heading."""

import re

import pytest
from conftest import ROOT

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
PAGES = sorted(
    path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")) if path.name != "CHANGELOG.md"
)


def without_code(text):
    return re.sub(r"^```.*?^```|<!--.*?-->|`[^`\n]*`", "", text, flags=re.M | re.S)


def anchors(page):
    """As code hosts make them: lower case, punctuation dropped, blanks to hyphens."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(page):
    broken = []
    for link in LINK.findall(without_code(page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        is_there = target.exists() and (not anchor or anchor in anchors(target))
        if not is_there:
            broken.append(link)
    assert broken == []


def test_every_page_of_the_docs_can_be_reached_from_the_readme():
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        links = LINK.findall(page.read_text("utf-8"))
        found = {(page.parent / link.partition("#")[0]).resolve() for link in links}
        ahead += [path for path in found - reached if path.suffix == ".md" and path.exists()]
    assert set(PAGES) - reached == set()


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 200


def test_every_page_that_a_message_names_exists():
    sources = [
        path
        for folder in ("src", "dashboard", "models", "macros")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".sql", ".yml")
    ]
    named = {
        page
        for path in (*sources, ROOT / "Makefile", ROOT / "dbt_project.yml")
        for page in re.findall(r"docs/[a-z/-]+\.md", path.read_text("utf-8"))
    }
    assert "docs/your-data.md" in named
    assert [page for page in named if not (ROOT / page).exists()] == []
