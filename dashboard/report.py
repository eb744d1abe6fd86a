"""The dashboard as one HTML file, which `customer-intelligence report` writes.

The report runs every page as the dashboard does, without a browser, and writes down the same words,
figures and charts. Charts become pictures inside the file. The file needs no network and runs no
script.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from customer_intelligence.data_dir.layout import DATA_DIR_VARIABLE, data_directory
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.publication.reader import reading

HERE = Path(__file__).parent
DRAWN_KEY = "drawn_page"
PAGES = (
    *("overview", "segments", "clusters", "churn", "value", "cohorts", "products", "customers"),
    *("campaigns", "about"),
)
# What a page folds is unfolded on paper.
UNFOLDED = {"churn": ("evidence", "watch"), "value": ("evidence",), "clusters": ("choice",)}
MOST_ROWS = 25
CHART_WIDTH = 530
# Thousands of points take less space as PNG than as SVG.
MOST_SVG_BYTES = 500_000
# Sentences about clicks and filters do not apply on paper.
ON_SCREEN = (
    r" ?(A click on [^.]*|Pick (a|one) [^.]*|Whole shop, regardless of filters"
    r"|\*\*Whole shop\*\*: filters [^.]*)\."
)
STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 760px; margin: 2rem auto;
    padding: 0 1rem; }
h1 { font-size: 1.6rem; border-top: 2px solid #0072b2; padding-top: 1rem; margin-top: 3rem; }
h2 { font-size: 1.25rem; margin-top: 2rem; } h3 { font-size: 1.05rem; margin-top: 1.5rem; }
nav a { margin-right: 1rem; color: #0072b2; }
.caption { color: #5f6c7b; font-size: .875rem; }
.metric { display: inline-block; vertical-align: top; width: 11rem; margin: .4rem 1rem .4rem 0; }
.metric .caption { margin: 0; }
.metric b { display: block; font-size: 1.3rem; font-weight: 600; }
.metric span { font-size: .875rem; color: #5f6c7b; }
img { max-width: 100%; height: auto; }
.table { overflow-x: auto; } table { border-collapse: collapse; font-size: .8125rem; }
td, th { padding: .25rem .6rem; border-bottom: 1px solid #d9dee3; text-align: left; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
@media print { h1 { break-before: page; } img, tr { break-inside: avoid; } }
"""


def report(data_dir: str | os.PathLike[str] | None = None) -> str:
    """Return the published version of a data directory as one HTML page.

    Parameters
    ----------
    data_dir : path, optional
        The data directory; by default that of the environment.

    Returns
    -------
    str

    Raises
    ------
    CustomerIntelligenceError
        Those of `reading`; `E_PAGE` when a page cannot be drawn.
    """
    with reading(data_dir) as marts:
        facts = marts.execute("select as_of_date, version from build_info").fetchall()
    as_of_date, version = facts[0]
    os.environ[DATA_DIR_VARIABLE] = str(data_directory(data_dir).absolute())
    parts = [f'<section id="{page}">{"".join(_page(page))}</section>' for page in PAGES]
    links = "".join(f'<a href="#{page}">{page.capitalize()}</a>' for page in PAGES)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Customer report as of {as_of_date}</title><style>{STYLE}</style></head><body>"
        f'<p class="caption">Customer report as of {as_of_date} · marts {html.escape(version)}</p>'
        f"<nav>{links}</nav>{''.join(parts)}</body></html>"
    )


def _page(name: str) -> Iterator[str]:
    # Streamlit's own way to run a page without a browser; it takes seconds to load.
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(HERE / "main.py"), default_timeout=120)
    for key in UNFOLDED.get(name, ()):
        app.query_params[key] = "true"
    try:
        app.switch_page(f"views/{name}.py").run()
    except RuntimeError as error:
        raise _not_drawn(name, str(error)) from error
    # A message instead of the page is no page: only a page that was drawn to its end counts.
    is_drawn = DRAWN_KEY in app.session_state and app.session_state[DRAWN_KEY] == name
    if app.exception or app.error or not is_drawn:
        told = [*app.exception, *app.error, *app.title, *app.text]
        raise _not_drawn(name, " ".join(str(element.value) for element in told))
    yield from _block(app.main)


def _not_drawn(name: str, told: str) -> CustomerIntelligenceError:
    return CustomerIntelligenceError(
        "E_PAGE",
        f"The page {name} cannot be drawn, so there is no report. The dashboard says: {told}",
        "Open the page in the dashboard: it may say more. With a sign-in there is no report.",
    )


def _block(block: Any) -> Iterator[str]:
    for element in block.children.values():
        if hasattr(element, "children"):
            label = getattr(element, "label", "")
            if isinstance(label, str) and label:
                yield f"<h3>{_words(label)}</h3>"
            # A figure and what stands below it are a card.
            is_card = any(child.type == "metric" for child in element.children.values())
            yield '<div class="metric">' if is_card else ""
            yield from _block(element)
            yield "</div>" if is_card else ""
        else:
            yield _element(element)


def _element(element: Any) -> str:
    if element.type == "title":
        return f"<h1>{_words(element.value)}</h1>"
    if element.type in ("header", "subheader"):
        tag = "h2" if element.type == "header" else "h3"
        return f"<{tag}>{_words(element.value)}</{tag}>"
    if element.type == "caption":
        return f'<p class="caption">{_words(element.value)}</p>'
    if element.type == "text":
        return f"<p>{html.escape(element.value)}</p>"
    if element.type in ("markdown", "info", "warning", "success", "error"):
        return f"<p>{_words(element.value)}</p>"
    if element.type == "metric":
        change = f"{element.delta} {element.proto.delta_description}".strip()
        change = f"<span>{html.escape(change)}</span>" if element.delta else ""
        return f"<span>{_words(element.label)}</span><b>{html.escape(element.value)}</b>{change}"
    if element.type == "dataframe":
        return _table(element)
    if element.type == "vega_lite_chart":
        return _picture(element.proto)
    # The rest are controls, which do not apply on paper.
    return ""


def _words(text: str) -> str:
    """Return Markdown of the dashboard, which knows bold and escapes, as HTML."""
    text = re.sub(ON_SCREEN, "", text)
    plain = re.sub(r"\\([^\w\s])", lambda found: f"&#{ord(found[1])};", text)
    safe = re.sub(r"&amp;(#\d+;)", r"&\1", html.escape(plain)).replace("  \n", "<br>")
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", safe)


def _table(element: Any) -> str:
    frame = element.value
    settings = json.loads(element.proto.columns or "{}")
    kept = [name for name in frame.columns if not settings.get(name, {}).get("hidden")]
    labels = [settings.get(name, {}).get("label") or str(name) for name in kept]
    is_number = [pd.api.types.is_numeric_dtype(frame[name]) for name in kept]
    formats = [settings.get(name, {}).get("type_config", {}).get("format") for name in kept]
    classes = [' class="number"' if number else "" for number in is_number]
    head = "".join(
        f"<th{kind}>{html.escape(label)}</th>" for label, kind in zip(labels, classes, strict=True)
    )
    rows = [
        "".join(
            f"<td{kind}>{html.escape(_cell(value, form))}</td>"
            for value, kind, form in zip(row, classes, formats, strict=True)
        )
        for row in frame[kept].head(MOST_ROWS).itertuples(index=False)
    ]
    more = (
        f'<p class="caption">The first {MOST_ROWS} of {len(frame):,} rows.</p>'
        if len(frame) > MOST_ROWS
        else ""
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="table"><table><tr>{head}</tr>{body}</table></div>{more}'


def _cell(value: Any, form: str | None) -> str:
    if pd.isna(value):
        return "–"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if form and form.startswith("%"):
            return form % value
        return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
    return str(value)


def _picture(proto: Any) -> str:
    import vl_convert

    chart = json.loads(proto.spec)
    chart["datasets"] = {
        dataset.name: _records(dataset.data.data) for dataset in proto.datasets
    } or chart.get("datasets", {})
    if "hconcat" not in chart and "vconcat" not in chart:
        chart["width"] = CHART_WIDTH
    chart.pop("usermeta", None)
    # The reader's font may be wider than the one that measured the labels.
    chart["padding"] = {"left": 16, "right": 16, "top": 5, "bottom": 5}
    # What each mark says of itself is read by nobody in a picture, and takes half of its space.
    font = "Arial, Helvetica, sans-serif"
    chart["config"] = {**chart.get("config", {}), "font": font, "aria": False}
    kind, picture = "svg+xml", vl_convert.vegalite_to_svg(chart).encode()
    if len(picture) > MOST_SVG_BYTES:
        kind, picture = "png", vl_convert.vegalite_to_png(chart, scale=1.5)
    alt = html.escape(proto.alt, quote=True)
    encoded = base64.b64encode(picture).decode()
    return f'<p><img alt="{alt}" src="data:image/{kind};base64,{encoded}"></p>'


def _records(data: bytes) -> list[dict[str, Any]]:
    frame = pa.ipc.open_stream(data).read_pandas()
    found: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", date_format="iso"))
    return found
