"""The report: the dashboard's pages in one file that asks nothing of anybody."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from conftest import ROOT

from customer_intelligence.marts import open_marts

REPORT = ROOT / "dashboard" / "report.py"


def write(data_dir, out) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, REPORT, "--data-dir", data_dir, "--out", out]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def page(published_dir, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "report.html"
    result = write(published_dir, out)
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
    monkeypatch.syspath_prepend(str(REPORT.parent))
    import report

    assert report._words(r"**a** \*b\* <i>&") == "<strong>a</strong> &#42;b&#42; &lt;i&gt;&amp;"
    assert report._words(r"\<script\>") == "&#60;script&#62;"


def test_it_is_refused_in_words(published_dir, tmp_path):
    inside = write(published_dir, published_dir / "published" / "report.html")
    assert inside.returncode == 2
    assert "E_OWN_FOLDER" in inside.stderr
    nothing = write(tmp_path, tmp_path / "report.html")
    assert nothing.returncode == 2
    assert "E_NOT_PUBLISHED" in nothing.stderr
    assert not (tmp_path / "report.html").exists()
