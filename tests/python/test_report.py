"""The report: the dashboard's pages in one file that asks nothing of anybody."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

from customer_intelligence import open_marts
from customer_intelligence.errors import CustomerIntelligenceError

DASHBOARD = ROOT / "dashboard"


def write(data_dir, out, *options, cwd=None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "customer_intelligence", "report", "--data-dir", data_dir]
    return subprocess.run(
        [*command, "--out", out, *options], cwd=cwd, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def page(published_dir, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "report.html"
    # Not from the project's directory: its settings hold all the same.
    result = write(published_dir, out, cwd=out.parent)
    assert (result.returncode, result.stderr) == (0, "")
    return out.read_text(encoding="utf-8")


def test_every_page_of_the_dashboard_is_in_it(page):
    views = {path.stem for path in (ROOT / "dashboard" / "views").glob("*.py")}
    assert set(re.findall(r'<section id="(\w+)">', page)) == views
    assert len(re.findall("<h1>", page)) == len(views)


def test_it_is_one_file_that_runs_nothing_and_asks_for_nothing(page):
    assert len(page.encode()) <= 2_000_000
    assert "<script" not in page
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(address.startswith(("data:image/", "#")) for address in addresses)
    assert "default-src 'none'" in page


def test_its_charts_say_what_they_show(page):
    pictures = re.findall(r'<img alt="([^"]*)" src="data:image/', page)
    assert len(pictures) >= 20
    assert all(pictures)


def test_its_figures_are_those_of_the_marts(page, published_dir):
    with open_marts(published_dir) as marts:
        customers, segments = marts.execute(
            "select (select value::bigint from rpt_kpis where kpi = 'customers'), "
            "list(segment) from rpt_segments"
        ).fetchall()[0]
    assert f"<b>{customers:,}</b>" in page
    assert all(f"<td>{segment}</td>" in page for segment in segments)


def test_words_of_the_data_stay_words(monkeypatch):
    monkeypatch.syspath_prepend(str(DASHBOARD))
    import report

    assert report._words(r"**a** \*b\* <i>&") == "<strong>a</strong> &#42;b&#42; &lt;i&gt;&amp;"
    assert report._words(r"\<script\>") == "&#60;script&#62;"
    # What only a screen can do is not told on paper.
    assert report._words("Most first. Pick one to open the profile.") == "Most first."
    assert report._words("**Whole shop**: filters do not change what is here.") == ""


def test_it_is_refused_in_words(published_dir, tmp_path):
    inside = write(published_dir, published_dir / "published" / "report.html")
    assert inside.returncode == 2
    assert "E_OWN_FOLDER" in inside.stderr
    nothing = write(tmp_path, tmp_path / "report.html")
    assert nothing.returncode == 2
    assert "E_NOT_PUBLISHED" in nothing.stderr
    assert not (tmp_path / "report.html").exists()


def test_words_in_place_of_a_page_are_no_report(published_dir, tmp_path):
    """With a sign-in set up every page asks to sign in, and the report said nothing of it."""
    project = tmp_path / "project"
    for name in ("dashboard", ".streamlit"):
        shutil.copytree(ROOT / name, project / name)
    shutil.copy(ROOT / "dbt_project.yml", project)
    (project / ".streamlit" / "secrets.toml").write_text("[auth]\ncookie_secret = 'x'\n")
    out = tmp_path / "report.html"
    out.write_text("the old one")
    result = write(published_dir, out, "--project-dir", project)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("E_PAGE: The page overview cannot be drawn")
    assert "The sign-in is not ready" in result.stderr
    assert out.read_text() == "the old one"
    assert {path.name for path in tmp_path.iterdir()} == {"project", "report.html"}


@pytest.mark.parametrize(
    "broken",
    [
        "import streamlit as st\nst.error('The figures are missing.')\n",
        "import streamlit as st\nst.stop()\n",
        "raise ValueError('The figures are missing.')\n",
        "from customer_intelligence.errors import CustomerIntelligenceError as E\n"
        "raise E('E_DAMAGED', 'The figures are missing.', '')\n",
    ],
)
def test_a_page_that_does_not_end_in_order_is_no_report(
    published_dir, tmp_path, monkeypatch, broken
):
    shutil.copytree(DASHBOARD, tmp_path / "dashboard")
    (tmp_path / "dashboard" / "views" / "overview.py").write_text(broken)
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(DASHBOARD))
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_DATA_DIR", str(published_dir))
    import report

    monkeypatch.setattr(report, "HERE", tmp_path / "dashboard")
    with pytest.raises(CustomerIntelligenceError, match=r"^E_PAGE: The page overview"):
        list(report._page("overview"))
