"""The dashboard, run without a browser on the published marts of the sample."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from conftest import publish_changed
from streamlit.testing.v1 import AppTest

from customer_intelligence import open_marts

DASHBOARD = Path(__file__).parents[2] / "dashboard"
APP = DASHBOARD / "main.py"
VIEWS = sorted(path.name for path in (DASHBOARD / "views").glob("*.py"))
CHAMPIONS = {"segment": ["Champions"]}
# What a page folds is drawn once somebody opens it.
UNFOLDED = {
    "churn.py": {"evidence": "true", "watch": "true"},
    "value.py": {"evidence": "true"},
    "clusters.py": {"choice": "true"},
}
FILTERS = [
    {},
    CHAMPIONS,
    {"risk": ["high", "medium"]},
    {"segment": ["At Risk", "Lost Customers"], "risk": ["high"]},
]


@pytest.fixture(autouse=True)
def dashboard_modules(monkeypatch):
    # What `streamlit run` does for the folder of its script.
    monkeypatch.syspath_prepend(str(DASHBOARD))


@pytest.fixture
def published(published_dir, monkeypatch):
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_DATA_DIR", str(published_dir))
    with open_marts(published_dir) as marts:
        yield marts


@pytest.fixture
def republish(published_dir, tmp_path, monkeypatch):
    """Return a function that publishes a changed copy of the marts elsewhere."""
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_DATA_DIR", str(tmp_path))

    def publish(*statements: str) -> None:
        publish_changed(published_dir, tmp_path, *statements)

    return publish


def run(view: str = "overview.py", **query_params: str | list[str]) -> AppTest:
    """Open a page by its address, as a link does."""
    app = AppTest.from_file(str(APP), default_timeout=30)
    for key, value in query_params.items():
        app.query_params[key] = value
    if view != "overview.py":
        app.switch_page(f"views/{view}")
    return app.run()


@pytest.fixture(scope="module")
def seen() -> dict[str, AppTest]:
    """Pages of the sample that tests only look at: each is drawn once for all of them."""
    return {}


@pytest.fixture
def shown(published, seen) -> Callable[..., AppTest]:
    """Return a function that opens a page of the sample to be looked at."""
    import layout

    def show(view: str = "overview.py", **query_params: str | list[str]) -> AppTest:
        key = json.dumps([view, query_params])
        if key not in seen:
            with pytest.MonkeyPatch.context() as patch:
                # Visitors do not wait for Altair to check what it is told to draw.
                patch.setattr(layout.Drawing, "checks", not query_params)
                seen[key] = run(view, **query_params)
        return seen[key]

    return show


def charts(app: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in app.get("vega_lite_chart")]


def chart_data(app: AppTest, *columns: str) -> list[pd.DataFrame]:
    """Return the data of the charts that draw these columns, in the order of the page."""
    frames = []
    for chart in app.get("vega_lite_chart"):
        for dataset in chart.proto.datasets:
            frame = pa.ipc.open_stream(io.BytesIO(dataset.data.data)).read_pandas()
            if set(columns) <= set(frame.columns):
                frames.append(frame)
    return frames


def words(app: AppTest) -> str:
    """Return everything a reader of the page can read."""
    elements = [
        *app.title, *app.header, *app.subheader, *app.caption, *app.text, *app.markdown, *app.info,
    ]  # fmt: skip
    titles = re.findall(r'"title": "([^"]*)"', json.dumps(charts(app)))
    cards = [f"{card.label} {card.value} {card.help}" for card in app.metric]
    tables = [table.value.to_csv() for table in app.dataframe]
    alts = [chart.proto.alt for chart in app.get("vega_lite_chart")]
    return "\n".join([str(element.value) for element in elements] + titles + cards + tables + alts)


@pytest.mark.parametrize("view", VIEWS)
def test_every_page_runs_and_shows_charts_with_data(shown, view):
    app = shown(view)
    assert not app.exception
    assert app.title[0].value.endswith("?")
    assert charts(app)
    assert all(len(frame) for frame in chart_data(app))
    assert all(chart.proto.alt for chart in app.get("vega_lite_chart"))
    assert len(app.sidebar.multiselect) == 3


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_every_page_stands_any_filter(shown, view, filters):
    assert not shown(view, **filters).exception


def test_pages_speak_plainly(shown):
    for view in VIEWS:
        text = words(shown(view))
        assert "recency" not in text.lower()
        assert "nan" not in re.findall(r"\w+", text.lower())


def key_figures(app: AppTest) -> Any:
    """Return what the overview folds: every key figure with its definition."""
    return next(part for part in app.expander if part.label.startswith("All key figures"))


def test_key_figures_equal_the_marts(published, shown):
    kpis = published.execute(
        "select value::double, unit, as_of_date, previous_value::double from rpt_kpis"
    ).fetchall()
    folded = key_figures(shown())
    assert len(folded.metric) == len(kpis)
    shown = sorted(
        float(re.sub(r"[^0-9.\-]", "", card.value)) / (100 if "%" in card.value else 1)
        for card in folded.metric
        if card.value != "—"
    )
    wanted = sorted(value for value, *_ in kpis if value is not None)
    assert shown == pytest.approx(wanted, rel=5e-3, abs=6e-4)
    assert [card.help for card in folded.metric if not card.help] == []
    changes = [before for value, _, _, before in kpis if value is not None and before]
    assert len([card for card in folded.metric if card.delta]) == len(changes)
    # Observed churn was measured from an earlier day on, and says so.
    days = sorted(str(day) for _, _, day, _ in kpis)
    assert len(set(days)) == 2
    told = [re.search(r"as of ([-\d]+)$", caption.value) for caption in folded.caption]
    assert sorted(found[1] for found in told if found) == days
    currency = published.execute("select currency from build_info").fetchone()[0]
    money = [card.value for card in folded.metric if card.value.startswith(currency)]
    assert len(money) == sum(unit == "currency" and value is not None for value, unit, *_ in kpis)


def test_the_last_whole_month_is_compared_with_its_season(published, shown):
    now, year_before = published.execute("""
        select list([net_revenue::double, customers, new_customers, orders]
            order by month_start_date desc)[1],
            list([net_revenue::double, customers, new_customers, orders]
            order by month_start_date desc)[13]
        from rpt_monthly_revenue where not is_partial
    """).fetchone()
    app = shown()
    folded = {id(card.proto) for card in key_figures(app).metric}
    cards = [card for card in app.metric if id(card.proto) not in folded]
    assert [card.label for card in cards] == [
        "Net revenue", "Buyers", "New customers", "Orders", "Spent per order",
    ]  # fmt: skip
    assert [float(card.value.replace(",", "")) for card in cards[1:4]] == now[1:]
    exact = re.sub(r"[^0-9.]", "", cards[0].help.replace("\\", "").partition("GBP")[2][:9])
    assert float(exact) == pytest.approx(now[0], abs=0.5)
    for card, value, before in zip(cards, now, year_before, strict=False):
        told = float(re.match(r"([-+][\d.,]+)", card.delta)[1])
        assert told == pytest.approx(100 * (value / before - 1), abs=0.06)
        assert "on November 2010" in card.help
    assert any("against November 2010" in caption.value for caption in app.caption)
    # Months that are not over are in no line.
    whole = published.execute(
        "select count(*) from rpt_monthly_revenue where not is_partial"
    ).fetchone()[0]
    assert {len(card.proto.chart_data) for card in cards} == {whole}


def test_growth_is_that_of_the_marts(published, shown):
    (parts,) = chart_data(shown(), "part", "amount", "net_revenue_change")
    sums = parts.groupby("month").agg({"amount": "sum", "net_revenue_change": "first"})
    assert sums["amount"].tolist() == pytest.approx(sums["net_revenue_change"].tolist(), abs=1e-6)
    months = published.execute("select count(*) from rpt_growth").fetchone()[0]
    assert len(sums) == months - 1


def test_who_changed_segment_is_told_with_the_causes(republish):
    moved = (
        "insert into rpt_changes select customer_id, 'segment', 'Champions', segment, '{cause}', "
        "date '2011-11-30', 'before' from dim_customers where segment = 'At Risk' "
        "order by customer_id limit {limit} offset {offset}"
    )
    republish(
        "delete from rpt_changes",
        moved.format(cause="time", limit=3, offset=0),
        moved.format(cause="correction", limit=2, offset=3),
    )
    app = run()
    table = next(t.value for t in app.dataframe if "before" in t.value)
    assert table.to_dict("records") == [
        {"before": "Champions", "now": "At Risk", "customers": 5, "time": 3, "correction": 2}
    ]
    assert any("2011-11-30" in caption.value for caption in app.caption)


def test_months_and_segments_equal_the_marts(published, shown):
    app = shown()
    (months,) = chart_data(app, "part", "amount", "net_revenue")
    total = published.execute("select sum(net_revenue)::double from rpt_monthly_revenue").fetchone()
    assert months["amount"].sum() == pytest.approx(total[0])
    partial = published.execute(
        "select count(*) from rpt_monthly_revenue where is_partial"
    ).fetchone()
    assert months.loc[months["is_partial"], "month"].nunique() == partial[0]
    (shares,) = chart_data(app, "measure", "share")
    assert shares.groupby("measure")["share"].sum().tolist() == pytest.approx([1, 1])


def test_findings_are_shown_as_they_are(republish):
    nasty = "<script>alert(1)</script> **bold** [link](http://example.org) :red[x] $a$"
    republish(f"insert into rpt_insights (insight_order, finding) values (0, '{nasty}')")
    app = run()
    assert f"•  {nasty}" in [element.value for element in app.text]
    assert not any("<script>" in element.value for element in app.markdown)


def test_a_segment_in_the_address_narrows_every_chart_of_customers(published):
    segment, customers = published.execute(
        "select segment, count(*) from dim_customers group by 1 order by 2 desc, 1 limit 1"
    ).fetchone()
    app = run("segments.py", segment=segment)
    assert app.multiselect(key="segment").value == [segment]
    histograms = chart_data(app, "segment", "bin", "customers")
    assert len(histograms) == 3
    for histogram in histograms:
        assert set(histogram["segment"]) == {segment}
        assert histogram["customers"].sum() == customers
    (points,) = chart_data(run("clusters.py", segment=segment), "customer_id")
    assert set(points["segment"]) == {segment}
    assert len(points) == published.execute(
        "select count(*) from dim_customers where segment = ? and net_revenue > 0", [segment]
    ).fetchone()[0]  # fmt: skip
    (spread,) = chart_data(run("churn.py", segment=segment), "median")
    assert set(spread["segment"]) == {segment}


def test_a_filter_set_in_the_sidebar_narrows_the_page(published):
    risk = published.execute("select min(churn_risk) from dim_customers").fetchone()[0]
    app = run("churn.py")
    app.multiselect(key="risk").set_value([risk]).run()
    (amounts,) = chart_data(app, "value_at_risk")
    assert set(amounts["churn_risk"]) == {risk}
    # The browser keeps these in the address.
    assert [box.proto.query_param_key for box in app.multiselect] == ["segment", "risk", "country"]


def link_notes(app: AppTest) -> str:
    """Return what the page says of its link, without the escapes of Markdown."""
    told = [box.value for box in app.info if "link asks" in box.value]
    return re.sub(r"\\(.)", r"\1", "\n".join(told))


@pytest.mark.parametrize(
    ("filters", "chosen", "told"),
    [
        (
            {"segment": "Gold"},
            {"segment": []},
            'segment "Gold", which does not exist here. Shown: all segments.',
        ),
        (
            {"segment": ["champions", "Gold", " At  Risk ", "Champions", ""], "risk": "HIGH"},
            {"segment": ["Champions", "At Risk"], "risk": ["high"]},
            'segment "Gold", which does not exist here. Shown: Champions, At Risk.',
        ),
        (
            {"risk": ["extreme", "none"], "country": "<b>nowhere</b>"},
            {"risk": [], "country": []},
            'churn risk "extreme", "none", which does not exist here. Shown: any risk.\n'
            'The link asks for country "<b>nowhere</b>", which does not exist here. '
            "Shown: all countries.",
        ),
        (
            {"country": ["x" * 10_000, "united kingdom"]},
            {"country": ["United Kingdom"]},
            f'country "{60 * "x"}…", which does not exist here. Shown: United Kingdom.',
        ),
        (
            {"segment": [f"[{n}](x)" for n in range(300)]},
            {"segment": []},
            '"[3](x)", "[4](x)" and 295 more, which does not exist here. Shown: all segments.',
        ),
        ({"segment": "", "risk": [" ", ""]}, {"segment": [], "risk": []}, None),
        ({"segment": ["at risk", "At Risk"]}, {"segment": ["At Risk"]}, None),
    ],
    ids=["unknown", "in part", "several filters", "long", "many", "empty", "another case"],
)
def test_a_link_gets_what_exists_and_is_told_what_does_not(published, filters, chosen, told):
    app = run(**filters)
    assert not app.exception
    assert {key: app.multiselect(key=key).value for key in chosen} == chosen
    assert link_notes(app).endswith(told) if told else not link_notes(app)
    # The address says what is shown, so that it can be sent on.
    kept = {key: [value] if isinstance(value, str) else value for key, value in chosen.items()}
    shown = {key: app.query_params.get(key, []) for key in chosen}
    assert {k: [v] if isinstance(v, str) else v for k, v in shown.items()} == kept


def test_a_link_is_told_of_on_every_page_until_somebody_changes_the_filter(published):
    filters = {"risk": ["extreme", "high"], "country": "nowhere"}
    app = run(**filters)
    assert link_notes(app)
    app.switch_page("views/segments.py").run()
    assert link_notes(app)
    for key in filters:
        app.multiselect(key=key).set_value(app.multiselect(key=key).options[-1:]).run()
    assert not link_notes(app)


@pytest.mark.parametrize(
    ("view", "link", "chosen", "told"),
    [
        (
            "churn.py",
            {"model": "random_forest", "population": "active_90d", "threshold": "30 %"},
            {"model": "random_forest", "population": "active_90d", "threshold": 30},
            [],
        ),
        ("churn.py", {"model": "boosted TREES"}, {"model": "gradient_boosting"}, []),
        (
            "churn.py",
            {"model": "oracle", "population": "x", "threshold": "101"},
            {"population": "all_known", "threshold": 50},
            [
                'model "oracle", which does not exist here',
                'population "x", which does not exist here',
                'threshold "101", which does not exist here',
            ],
        ),
        (
            "churn.py",
            {"model": ["random_forest", "base_rate"]},
            {"model": "random_forest"},
            [
                'model "Baseline: base rate", which cannot be shown beside another. Shown: '
                "Random forest."
            ],
        ),
        ("segments.py", {"until": "2011-01-01"}, {}, ['day "2011-01-01", which does not exist']),
        ("segments.py", {"until": "soon"}, {}, ['day "soon", which does not exist here']),
        ("segments.py", {"since": "2000-01-01"}, {}, ['day "2000-01-01", which does not exist']),
        ("segments.py", {"cell": "5-5"}, {"cell": "5-5"}, []),
        ("segments.py", {"cell": "6-1"}, {"cell": ""}, ['cell "6-1", which does not exist']),
        (
            "cohorts.py",
            {"cohort_measure": "retention_rate"},
            {"cohort_measure": "retention_rate"},
            [],
        ),
        (
            "cohorts.py",
            {"cohort_measure": "x"},
            {"cohort_measure": "retention_rate"},
            ['measure "x", which does not'],
        ),
        ("cohorts.py", {"first_order": "country", "age": "30"}, {"first_order": "country"}, []),
        ("cohorts.py", {"first_order": "x", "age": "7"}, {}, ['trait "x"', 'age "7", which does']),
        (
            "customers.py",
            {"action": ["WIN BACK", "x"]},
            {"action": ["Win back"]},
            ['action "x", which does not'],
        ),
    ],
    ids=str,
)
def test_what_a_link_asks_of_one_page_is_shown_or_told(published, view, link, chosen, told):
    app = run(view, **link)
    assert not app.exception
    controls = [*app.selectbox, *app.multiselect, *app.button_group, *app.select_slider]
    boxes = {box.key: box.value for box in controls}
    assert boxes.items() >= chosen.items()
    notes = link_notes(app)
    assert all(words in notes for words in told)
    assert bool(notes) == bool(told)


def test_a_country_without_figures_of_its_own_is_told(republish):
    republish(
        "update customer_cube set country_group = 'Other countries'"
        " where country_group not in ('United Kingdom', 'Germany')",
    )
    app = run("segments.py", country=["france", "Germany"])
    assert app.multiselect(key="country").value == ["Other countries", "Germany"]
    assert link_notes(app).endswith(
        'country "france", which has no figures of its own here. Shown: Other countries, Germany.'
    )


def test_a_filter_that_a_new_publication_does_not_know_is_told(republish):
    republish()
    app = run("segments.py", country="France")
    assert app.multiselect(key="country").value == ["France"]
    republish(
        "update customer_cube set country_group = 'Other countries'"
        " where country_group not in ('United Kingdom', 'Germany')",
    )
    app.run()
    assert not app.exception
    assert 'country "France", which has no figures of its own here' in link_notes(app)


def test_a_click_narrows_the_pages_that_it_says_it_does(shown):
    import layout

    narrowed = {f"{name.lower()}.py" for name in re.findall(r"\b[A-Z]\w+", layout.CLICK)} - {"a.py"}
    for view in VIEWS:
        app = shown(view, **CHAMPIONS)
        told = "\n".join(str(element.value) for element in [*app.main.text, *app.caption])
        everybody = chart_data(shown(view), "segment")
        chosen = chart_data(app, "segment")
        if view in narrowed:
            assert "Your selection:" in told
            assert [len(frame) for frame in chosen] < [len(frame) for frame in everybody] or (
                view == "customers.py"
            )
        else:
            assert "whole shop" in told


def test_filters_that_leave_nobody_say_so(republish):
    republish(
        "update dim_customers set country = case segment when 'Champions' then 'A' else 'B' end",
        "update customer_cube set country_group ="
        " case segment when 'Champions' then 'A' else 'B' end",
    )
    for view in set(VIEWS) - {"cohorts.py", "products.py", "campaigns.py", "about.py"}:
        app = run(view, segment="Champions", country="B")
        assert not app.exception
        assert any("No customer matches" in box.value for box in app.info)


def test_histograms_lose_nobody(published, shown):
    customers = published.execute("select count(*) from dim_customers").fetchone()[0]
    for histogram in chart_data(shown("segments.py"), "segment", "bin", "customers"):
        assert histogram["customers"].sum() == customers
        assert not histogram["bin"].isna().any()


def test_bands_are_named_by_what_they_hold():
    import wording

    assert list(wording.band_labels([0, 7, 14]).values()) == ["0–6", "7–13", "14+"]
    assert list(wording.band_labels([1, 2, 6]).values()) == ["1", "2–5", "6+"]
    money = wording.band_labels([20, 500, 1000, 2000], money=True)
    assert list(money.values()) == ["under 500", "500–1k", "1k–2k", "2k+"]


def test_many_customers_become_a_two_dimensional_histogram(published, shown, monkeypatch):
    from queries import clusters

    few = chart_data(shown("clusters.py"), "customer_id")
    monkeypatch.setattr(clusters, "MAX_POINTS", 10)
    app = run("clusters.py")
    assert not app.exception
    assert not chart_data(app, "customer_id")
    (cells,) = chart_data(app, "spend_from")
    told = " ".join(caption.value for caption in app.caption)
    (tiny,) = [int(n) for n in re.findall(r"(\d+) customers with no or very low", told)] or [0]
    clustered = published.execute(
        "select count(*) from dim_customers where cluster_id is not null"
    ).fetchone()[0]
    assert cells["customers"].sum() + tiny == clustered >= len(few[0])
    assert (cells["days_from"] < cells["days_to"]).all()


def test_the_chosen_number_of_clusters_is_marked(published, shown):
    chosen = published.execute("select k from rpt_cluster_selection where is_chosen").fetchone()[0]
    choices = chart_data(shown("clusters.py", **UNFOLDED["clusters.py"]), "k", "is_chosen")
    assert len(choices) == 3
    for choice in choices:
        assert choice.loc[choice["is_chosen"], "k"].tolist() == [chosen]


def test_the_products_of_each_cluster_are_those_with_the_highest_lift(published, shown):
    table = next(t.value for t in shown("clusters.py").dataframe if "lift" in t.value)
    best = published.execute("""
        select cluster_name, description, 100 * support, lift, range_adjusted_lift
        from rpt_cluster_products where product_rank <= 5
    """).fetchall()
    assert sorted(table.itertuples(index=False, name=None)) == sorted(best)
    assert table["Cluster"].drop_duplicates().tolist() == [
        name for (name,) in published.execute(
            "select cluster_name from rpt_cluster_profiles order by median_net_revenue desc"
        ).fetchall()
    ]  # fmt: skip


def test_clusters_without_a_common_product_are_shown_without_products(republish):
    republish("delete from rpt_cluster_products")
    app = run("clusters.py")
    assert not app.exception
    assert not any("lift" in t.value for t in app.dataframe)


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_what_is_selected_equals_the_customers(published, shown, filters):
    chosen = published.execute(
        """
        select
            count(*) as customers,
            sum(net_revenue)::double as spent,
            sum(value_at_risk)::double as at_risk,
            avg(churn_probability) as churn,
            sum(predicted_value_90d)::double as next_90,
            sum(predicted_value_365d)::double as next_365
        from dim_customers
        where (len($segment::varchar[]) = 0 or segment in $segment)
            and (len($risk::varchar[]) = 0 or churn_risk in $risk)
        """,
        {"segment": [], "risk": [], **filters},
    ).df().iloc[0]  # fmt: skip
    app = shown("value.py", **filters)
    cards = {
        card.label: float(re.match(r"Exactly \S+\s([\d.]+)\. ", re.sub(r"[\\,]", "", card.help))[1])
        for card in app.metric
        if card.value != "—"
    }
    assert cards == pytest.approx(
        {
            "Net revenue so far": chosen["spent"],
            "For each customer": chosen["spent"] / chosen["customers"],
            "Next 90 days": chosen["next_90"],
            "Next 365 days": chosen["next_365"],
        },
        rel=1e-3,
    )
    (amounts,) = chart_data(app, "segment", "kind", "amount")
    assert amounts["amount"].sum() == pytest.approx(chosen["spent"] + chosen["next_365"])
    (at_risk,) = chart_data(shown("churn.py", **filters), "value_at_risk")
    assert at_risk["value_at_risk"].sum() == pytest.approx(chosen["at_risk"])
    app = shown("segments.py", **filters)
    (grid,) = chart_data(app, "r_score", "f_score")
    assert grid["customers"].sum() == chosen["customers"]
    (overlap,) = chart_data(shown("clusters.py", **filters), "cluster_name", "segment", "share")
    assert overlap["customers"].sum() <= chosen["customers"]
    if filters:
        assert f"Your selection: {chosen['customers']:,.0f} of " in app.main.text[0].value
        assert f"expected churn {100 * chosen['churn']:.1f}" in app.main.text[0].value


def test_the_countries_beyond_the_named_ones_are_one(republish):
    republish(
        "update customer_cube set country_group = 'Other countries'"
        " where country_group <> (select mode(country) from dim_customers)",
        "update dim_customers set country = case when country = (select mode(country) from"
        " dim_customers) then country else 'Atlantis' end",
        *(
            f"update {mart} set country = customers.country from dim_customers as customers"
            f" where {mart}.customer_id = customers.customer_id"
            for mart in ("customer_sample", "fct_customer_actions")
        ),
    )
    app = run("clusters.py", country="Other countries")
    assert app.multiselect(key="country").options[-1] == "Other countries"
    (points,) = chart_data(app, "customer_id", "net_revenue")
    told = int(re.search(r"([\d,]+) of", app.main.text[0].value)[1].replace(",", ""))
    left_out = [int(n) for n in re.findall(r"(\d+) customers with no or very", words(app))] or [0]
    assert len(points) + left_out[0] == told > 0
    (spread, *_) = chart_data(run("segments.py", country="Other countries"), "median")
    assert spread["customers"].sum() == told
    listed = run("customers.py", country="Other countries").dataframe[0].value
    others = published_ids(
        "select customer_id from fct_customer_actions "
        "where country = 'Atlantis' and is_contact and not is_holdout"
    )
    assert set(listed["customer_id"]) <= others
    assert len(listed) == min(len(others), 200)


def test_a_sample_is_told_and_may_miss_a_few_customers(republish):
    republish("delete from customer_sample where segment = 'Champions'")
    app = run("segments.py")
    (spread, *_) = chart_data(app, "median")
    told = f"a sample of {spread['customers'].sum():,} customers"
    assert any(told in caption.value for caption in app.caption)
    for view in ("segments.py", "churn.py"):
        app = run(view, segment="Champions")
        assert not app.exception
        assert chart_data(app, "median") == []
    # What comes from the cube is there all the same.
    assert chart_data(app, "value_at_risk")
    assert not any("not predicted" in box.value for box in app.info)


def test_an_amount_too_long_for_a_card_is_there_in_full(republish):
    republish("update rpt_kpis set value = 1234567890.12 where kpi = 'net_revenue'")
    (card,) = [card for card in key_figures(run()).metric if card.label == "Net revenue"]
    assert card.value == "GBP\N{NO-BREAK SPACE}1.23bn"
    assert "1\\,234\\,567\\,890" in card.help


TO_CONTACT = "is_contact and not is_holdout and action <> 'do_not_contact'"


def contact_list(app: AppTest) -> pd.DataFrame:
    """Return the table of whom to contact."""
    return next(table.value for table in app.dataframe if "why" in table.value)


def test_only_customers_to_contact_are_listed_those_with_most_at_risk_first(published):
    app = run("customers.py", risk="high")
    listed = contact_list(app)
    expected = published.execute(f"""
        select customer_id, action_label, value_at_risk::double from fct_customer_actions
        where churn_risk = 'high' and {TO_CONTACT}
        order by value_at_risk desc, priority limit 200
    """).fetchall()
    columns = ["customer_id", "action_label", "value_at_risk"]
    assert listed[columns].to_numpy().tolist() == [
        [customer, action, round(amount)] for customer, action, amount in expected
    ]
    assert listed["place"].tolist() == list(range(1, len(listed) + 1))
    assert listed["why"].str.len().gt(10).all()
    assert listed["say"].str.len().gt(10).all()
    assert f"Customer {expected[0][0]}" in [header.value for header in app.header]
    told = {card.label: card.value for card in app.metric}
    counts = published.execute(f"""
        select count(*) filter ({TO_CONTACT}), count(*) filter (is_holdout),
            count(*) filter (not is_contact)
        from fct_customer_actions where churn_risk = 'high'
    """).fetchone()
    wanted = [f"{count:,}" for count in counts]
    assert [told[name] for name in ("To contact", "Held out", "Nothing to send")] == wanted


def test_the_list_shows_its_commands_and_its_link(published):
    (action,) = published.execute(
        "select action_label from rpt_actions where action = 'win_back'"
    ).fetchone()
    app = run("customers.py", action=action, segment="At Risk")
    assert set(contact_list(app)["action_label"]) == {action}
    (held_out,) = published.execute(
        "select count(*) from fct_customer_actions "
        "where is_holdout and action = 'win_back' and segment = 'At Risk'"
    ).fetchone()
    assert {card.label: card.value for card in app.metric}["Held out"] == f"{held_out:,}"
    codes = [block.value for block in app.code]
    assert "make campaign OUT=contacts.csv ACTIONS=win_back" in codes
    assert "/customers?action=Win+back&segment=At+Risk" in codes
    command = next(code for code in codes if code.startswith("make audience"))
    days = re.search(r"FROM=(\S+) TO=(\S+) OUT=audience.csv SEGMENT=\"At Risk\"", command)
    known = {
        str(day) for (day,) in published.execute(
            "select distinct as_of_date from fct_customer_snapshots"
        ).fetchall()
    }  # fmt: skip
    assert {days[1], days[2]} <= known
    assert days[1] < days[2]


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("is_holdout", "Held out at random"),
        ("not is_contact and action <> 'do_not_contact'", "No action contacts this customer now"),
    ],
)
def test_a_customer_who_is_not_contacted_is_found_and_told(published, condition, told):
    (customer,) = published.execute(
        f"select min(customer_id) from fct_customer_actions where {condition}"
    ).fetchone()
    app = run("customers.py", customer=customer)
    assert app.header[0].value == f"Customer {customer}"
    assert told in words(app)
    assert not any("why" in table.value for table in app.dataframe)


def test_a_customer_who_refused_is_found_and_told(republish):
    republish(
        "update dim_customers set may_be_contacted = false where customer_id = "
        "(select min(customer_id) from dim_customers)"
    )
    (customer,) = published_ids("select min(customer_id) from dim_customers")
    app = run("customers.py", customer=customer)
    assert any("must not be contacted" in box.value for box in app.info)


def published_ids(sql: str) -> set[str]:
    """Return the ids that a query of the current publication gives."""
    with open_marts() as marts:
        return {name for (name,) in marts.execute(sql).fetchall()}


def test_a_customer_is_found_whatever_is_filtered(published):
    customer, revenue, orders = published.execute("""
        select customer_id, net_revenue::double, (
            select count(*) from fct_orders where fct_orders.customer_id = c.customer_id
        )
        from dim_customers as c where churn_risk <> 'high' order by orders desc, customer_id limit 1
    """).fetchone()
    reasons = published.execute(
        "select reason, contribution from fct_churn_reasons where customer_id = ? "
        "order by reason_rank",
        [customer],
    ).fetchall()
    app = run("customers.py", customer=customer, risk="high")
    assert customer in app.header[0].value
    spent = next(card.value for card in app.metric if card.label == "Net revenue")
    assert float(re.sub(r"[^0-9.\-]", "", spent)) == pytest.approx(revenue, rel=1e-3)
    (timeline,) = chart_data(app, "order_id")
    assert len(timeline) == orders
    # Each bar of the waterfall begins where the one before ended, and the last is their sum.
    (steps,) = chart_data(app, "begins", "ends", "reason")
    assert steps["reason"].tolist()[:-1] == [reason for reason, _ in reasons]
    changes = [contribution for _, contribution in reasons]
    assert (steps["ends"] - steps["begins"]).tolist() == pytest.approx([*changes, sum(changes)])
    assert steps["begins"].tolist()[1:-1] == pytest.approx(steps["ends"].tolist()[:-2])
    app = run("customers.py", customer="nobody at all")
    assert any("No customer id contains this" in box.value for box in app.info)


def test_the_next_order_is_a_range_of_days(republish):
    republish(
        "update dim_customers set next_order_days_p10 = 5, next_order_days_p50 = 40,"
        " next_order_days_p90 = null"
    )
    ids = published_ids("select min(customer_id) from dim_customers")
    app = run("customers.py", customer=ids.pop())
    (band,) = chart_data(app, "low", "high")
    today, low, middle, high = (
        pd.Timestamp(band[name].iloc[0]) for name in ("today", "low", "middle", "high")
    )
    assert [(day - today).days for day in (low, middle, high)] == [5, 40, 365]
    told = words(app)
    assert f"10 % by {low:%Y-%m-%d}, as likely as not by {middle:%Y-%m-%d}" in told
    assert "90 % by more than a year from now" in told


def test_products_are_those_of_the_marts(published, shown):
    app = shown("products.py")
    net, returned, gross, products = published.execute("""
        select sum(net_revenue)::double, sum(returned_amount)::double, sum(gross_revenue)::double,
            count(*) filter (units_sold > 0)
        from dim_products
    """).fetchone()
    cards = {card.label: card for card in app.metric}
    assert f"{net:,.0f}" in cards["Net of returns"].help.replace("\\", "")
    assert cards["Returned"].value.startswith(f"{100 * returned / gross:.1f}")
    assert cards["Products sold"].value == f"{products:,}"
    (best,) = chart_data(app, "gross_revenue", "label")
    expected = published.execute("""
        select stock_code, net_revenue::double from dim_products
        order by net_revenue desc, stock_code limit 12
    """).fetchall()
    assert best[["stock_code", "net_revenue"]].to_numpy().tolist() == list(map(list, expected))
    # The verdict counts those that differ beyond chance.
    outstanding, tested = published.execute(
        "select count(*) filter (is_outstanding), count(*) from rpt_first_products"
    ).fetchone()
    told = words(app)
    assert outstanding or f"None of {tested:,} products stands out" in told
    (first,) = chart_data(app, "expected_second_order_rate")
    assert len(first) == min(12, tested)
    assert "At least 30 customers each" in told


def test_one_product_shows_when_it_is_bought_again_and_who_is_due(published):
    code, low, high, due = published.execute("""
        select stock_code, any_value(cycle_low_days), any_value(cycle_high_days),
            list(due.customer_id)
        from rpt_product_cycles as cycles
        inner join fct_due_products as due using (stock_code)
        inner join fct_customer_actions using (customer_id)
        where not is_holdout and action <> 'do_not_contact'
        group by stock_code order by count(*) desc, stock_code limit 1
    """).fetchone()
    app = run("products.py", product=code)
    assert not app.exception
    assert app.selectbox(key="product").value == code
    (curve,) = chart_data(app, "repurchase_rate", "followed_days")
    rates = published.execute(
        "select repurchase_rate from rpt_repurchase_curves where stock_code = ? order by "
        "days_since_purchase",
        [code],
    ).fetchall()
    assert curve["repurchase_rate"].tolist()[1:-1] == [rate for (rate,) in rates]
    (window,) = chart_data(app, "from", "to")
    assert window[["from", "to"]].to_numpy().tolist() == [[low, high]]
    listed = next(table.value for table in app.dataframe if "due_until_date" in table.value)
    assert set(listed["customer_id"]) == set(due)
    assert listed["net_revenue"].is_monotonic_decreasing
    assert listed["days_since_purchase"].between(low, high).all()


def test_a_shop_where_nothing_comes_back_says_so(republish):
    republish(
        *(
            f"delete from {mart}"
            for mart in (
                *("rpt_first_products", "rpt_product_affinity", "rpt_repurchase_curves"),
                *("rpt_product_cycles", "fct_due_products"),
            )
        )
    )
    app = run("products.py")
    assert not app.exception
    told = " ".join(box.value for box in app.info)
    assert "in the first orders of 30 customers" in told
    assert "No product is bought again" in told


def test_without_a_campaign_the_page_says_how_to_begin_and_what_one_could_show(published, shown):
    from customer_intelligence.lists.design import design

    app = shown("campaigns.py")
    assert any("No campaign has been started yet" in box.value for box in app.info)
    contacts, held_out, leavers, kept = published.execute("""
        select count(*) filter (not is_holdout), count(*) filter (is_holdout),
            avg(coalesce(churn_probability, 0.5)),
            avg(coalesce(churn_probability, 0.5) * response_rate)
        from fct_customer_actions where is_contact
    """).fetchone()
    plan = design(1 - leavers, kept, contacts, held_out)
    cards = {card.label: card.value for card in app.metric}
    assert cards["To contact"] == f"{contacts:,}"
    assert cards["Held out"] == f"{held_out:,}"
    assert cards["Smallest effect"] == f"{100 * plan.smallest_effect:.1f} points"
    assert any(block.value.startswith("make campaign OUT=") for block in app.code)
    (sizes,) = chart_data(app, "customers", "held_out", "points")
    for _, lines in sizes.groupby("held_out"):
        assert lines["points"].is_monotonic_decreasing
    app.multiselect(key="action").set_value(["Win back"]).run()
    assert "make campaign OUT=contacts.csv ACTIONS=win_back" in [b.value for b in app.code]


def test_what_campaigns_did_is_said_first(republish):
    over = (
        "insert into rpt_campaign_readout by name select '{name}' as campaign, "
        "date '2011-06-01' as starts_on, date '2011-08-29' as ends_on, '{action}' as action, "
        "'{label}' as action_label, '{status}' as status, 900 as contacted_customers, "
        "100 as held_out_customers, {rates}, '{finding}' as finding"
    )
    rates = (
        "0.5 as contacted_purchase_rate, 0.3 as held_out_purchase_rate, "
        "0.2 as purchase_rate_difference, 0.1 as purchase_rate_difference_low, "
        "0.29 as purchase_rate_difference_high, 4.5 as net_revenue_difference, "
        "1.5 as net_revenue_difference_low, 7.5 as net_revenue_difference_high"
    )
    summer = {"name": "summer", "status": "buys_more", "rates": rates, "finding": "More did."}
    republish(
        over.format(action="all", label="All contacts", **summer),
        over.format(action="win_back", label="Win back", **summer),
        over.format(
            name="autumn", action="all", label="All contacts", status="running",
            rates="null::double as contacted_purchase_rate", finding="Known later.",
        ),
        "update rpt_actions set measured_response_rate = 0.28, measured_response_low = 0.1, "
        "measured_response_high = 0.4, is_response_measured = true where action = 'win_back'",
    )  # fmt: skip
    app = run("campaigns.py")
    assert not app.exception
    told = words(app)
    assert "The last campaign that is over, summer of 2011-06-01: More did." in told
    assert "Running: autumn since 2011-06-01" in told
    assert "Known later." in told
    assert re.search(r"Win back: of customers who would have stayed away 28\.0.% bought", told)
    (effects,) = chart_data(app, "points_low", "points_high")
    assert effects["points"].tolist() == pytest.approx([20, 20])
    figures = next(table.value for table in app.dataframe if "contacted" in table.value)
    assert figures["contacted"].tolist() == pytest.approx([50, 50])


def test_a_download_holds_no_formula():
    import layout

    frame = pd.DataFrame({"=id": ["=1+1", "@x", None, "plain"], "amount": [-1.5, 2.0, None, 3.0]})
    lines = layout.as_csv(frame).decode("utf-8-sig").splitlines()
    assert lines == ["'=id,amount", "'=1+1,-1.5", "'@x,2.0", ",", "plain,3.0"]


def test_every_exposure_names_the_marts_that_its_page_reads(published, published_dir, monkeypatch):
    import marts_reader

    read: set[str] = set()
    answer = marts_reader._answer

    def note(version, sql, parameters):
        read.update(re.findall(r"\b(?:from|join)\s+((?:dim|fct|rpt|customer)_\w+|build_info)", sql))
        return answer(version, sql, parameters)

    monkeypatch.setattr(marts_reader, "_answer", note)
    manifest = json.loads((published_dir / "build" / "target" / "manifest.json").read_text())
    named = {
        exposure["name"]: {node.rpartition(".")[2] for node in exposure["depends_on"]["nodes"]}
        for exposure in manifest["exposures"].values()
    }
    for view in VIEWS:
        read.clear()
        run(view, **UNFOLDED.get(view, {}))
        # Asked only where a model could not be fitted, to say why.
        told = named[f"dashboard_{view.removesuffix('.py')}"]
        assert read <= told <= read | {"rpt_model_status"}, (
            f"dashboard/views/{view} reads {', '.join(sorted(read ^ told))}, or does so no more: "
            f"correct dashboard_{view.removesuffix('.py')} in models/_exposures.yml"
        )
    pages = [
        marts for name, marts in named.items() if f"{name.removeprefix('dashboard_')}.py" in VIEWS
    ]
    assert named["dashboard_report"] == set().union(*pages)


def test_cohorts_show_whole_months_only(published, shown):
    (grid, same_age) = chart_data(shown("cohorts.py"), "cohort", "months")
    whole = published.execute("""
        select count(*), sum(retention_rate) from rpt_cohort_retention
        where not is_partial_month and retention_rate is not null
    """).fetchone()
    assert (len(grid), grid["retention_rate"].sum()) == pytest.approx(whole)
    assert not same_age["is_partial_month"].any()
    censored = published.execute(
        "select count(distinct cohort_month) from rpt_cohort_retention where is_history_censored"
    ).fetchone()[0]
    assert grid.loc[grid["cohort"].str.endswith("*"), "cohort"].nunique() == censored > 0
    app = run("cohorts.py", cohort_measure="revenue_per_customer")
    (grid, _) = chart_data(app, "cohort", "months")
    assert "revenue_per_customer" in json.dumps(charts(app)[0])
    assert grid["label"].str.len().gt(0).all()


def test_first_orders_are_compared_at_the_same_age(published, shown):
    app = shown("cohorts.py", first_order="size", age="90")
    (groups,) = chart_data(app, "group_name", "return_rate")
    assert groups["group_name"].tolist() == ["Largest third", "Middle third", "Smallest third"]
    assert groups["return_rate"].between(groups["low"], groups["high"]).all()
    expected = published.execute("""
        with seen as (
            select customers.customer_id, first_order_date from dim_customers as customers
            cross join build_info
            where first_order_date + 90 <= build_info.as_of_date
        )

        select count(distinct customer_id), count(distinct customer_id) filter (
            activity_date > first_order_date and has_purchase
        )
        from seen inner join fct_customer_days using (customer_id)
        where activity_date <= first_order_date + 90
    """).fetchone()
    told = groups[["observed_customers", "returned_customers"]].sum().tolist()
    assert told == list(expected)
    # Whom there was no time to see is in no group.
    assert groups["customers"].sum() > expected[0]


def test_the_ledger_is_that_of_the_marts(published, shown):
    app = shown("about.py")
    (bars,) = chart_data(app, "amount", "is_counted")
    counted, lines = published.execute("""
        select sum(amount) filter (counts_in like '%sales%' or counts_in like '%returns%')::double,
            sum(lines)
        from rpt_line_dispositions
    """).fetchone()
    assert bars.loc[bars["is_counted"], "amount"].sum() == pytest.approx(counted)
    assert bars["lines"].sum() == lines
    kpis = published.execute("select count(*) from rpt_kpis").fetchone()[0]
    assert len([m for m in app.markdown if " – " in m.value]) == kpis


def test_figures_that_are_old_say_so(republish):
    republish("update build_info set built_at = '2020-01-02', as_of_date = '2020-01-01'")
    app = run()
    assert any("days old" in warning.value for warning in app.sidebar.warning)
    republish("update build_info set built_at = now(), as_of_date = today() - 1")
    app = run()
    assert not app.sidebar.warning
    assert not any("The data end" in caption.value for caption in app.sidebar.caption)


def test_every_colour_of_a_chart_speaks_on_a_dark_page_too():
    import altair as alt
    import charts
    import colours

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    def contrast(one: str, other: str) -> float:
        high, low = sorted((luminance(one), luminance(other)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    dark = colours.DARK[colours.PAGE]
    for colour in (*colours.SEGMENT_COLOURS.values(), *colours.COLOURS, colours.ACCENT):
        assert contrast(colours.DARK.get(colour, colour), dark) >= 2.5, colour
    for page, ink in ((colours.PAGE, colours.INK), (dark, colours.DARK[colours.INK])):
        assert contrast(page, ink) >= 7
    text = alt.Chart(pd.DataFrame({"x": [colours.INK]})).mark_text(color=colours.INK)
    spec = (text + text.encode(color=alt.value(colours.PAGE))).to_dict()
    told = json.dumps(charts.in_dark(spec))
    assert told.count(colours.DARK[colours.INK]) == 2
    assert told.count(dark) == 1
    # A value of the data may look like a colour.
    assert told.count(colours.INK) == 1


def test_the_evidence_equals_the_marts(published):
    app = run("churn.py", **UNFOLDED["churn.py"])
    models = {
        model for (model,) in published.execute(
            "select distinct model from rpt_churn_metrics"
        ).fetchall()
    }  # fmt: skip
    metrics = next(table.value for table in app.dataframe if "roc_auc" in table.value)
    assert len(metrics) == len(models)
    best = published.execute("""
        select value, ci_low, ci_high from rpt_churn_metrics
        where metric = 'roc_auc' and population = 'all_known'
        order by cutoff_date desc, value desc limit 1
    """).fetchone()
    assert metrics["roc_auc"].iloc[0] == "{:.3f} [{:.3f}–{:.3f}]".format(*best)
    curves = chart_data(app, "true_positive_rate", "false_positive_rate")
    assert len(curves) == 2
    assert all(set(curve["model"]) == models for curve in curves)
    # Deciles stand within their own intervals.
    (deciles,) = chart_data(app, "score_decile", "low", "high")
    assert deciles["churn_rate"].between(deciles["low"], deciles["high"]).all()
    assert (deciles["low"] < deciles["high"]).all()
    (origins,) = chart_data(app, "cutoff_date", "roc_auc", "label")
    judged = published.execute(
        "select count(*), sum(roc_auc) from rpt_churn_rolling_origins where roc_auc is not null"
    ).fetchone()
    assert (len(origins), origins["roc_auc"].sum()) == pytest.approx(judged)
    app.selectbox(key="model").set_value("random_forest").run()
    assert not app.exception
    (groups,) = chart_data(app, "mean_auc_loss")
    losses = published.execute("select count(*), sum(mean_auc_loss) from rpt_churn_importance")
    assert (len(groups), groups["mean_auc_loss"].sum()) == pytest.approx(losses.fetchone())


@pytest.mark.parametrize("percent", [10, 35, 50, 80])
def test_the_matrix_at_any_threshold_is_that_of_the_predictions(published, shown, percent):
    app = shown("churn.py", threshold=f"{percent} %")
    (cells,) = chart_data(app, "actual", "told")
    counted = published.execute(
        """
        select
            count(*) filter (has_churned and churn_probability >= $1),
            count(*) filter (has_churned and churn_probability < $1),
            count(*) filter (not has_churned and churn_probability >= $1),
            count(*) filter (not has_churned and churn_probability < $1)
        from fct_churn_backtest
        where model = (select model from rpt_churn_model_selection where is_chosen)
            and cutoff_date = (select max(cutoff_date) from rpt_churn_metrics)
        """,
        [percent / 100],
    ).fetchone()
    # Points of the curve lie half a per cent of customers apart.
    assert cells["customers"].tolist() == pytest.approx(counted, abs=0.005 * sum(counted) + 1)
    assert cells["customers"].sum() == sum(counted)
    money = {
        card.label: float(re.sub(r"[^0-9.\-]", "", card.help).rstrip("."))
        for card in app.metric
        if card.label in ("Cost", "Kept", "Gain")
    }
    assert money["Gain"] == pytest.approx(money["Kept"] - money["Cost"], abs=0.6)
    table = next(t.value for t in app.dataframe if "f1_score" in t.value)
    named, missed, wrong, _ = cells["customers"]
    assert table["precision_rate"].iloc[0] == pytest.approx(100 * named / (named + wrong))
    assert table["recall_rate"].iloc[0] == pytest.approx(100 * named / (named + missed))


def test_the_averages_at_the_fixed_threshold_are_those_of_the_marts(published):
    import comparisons

    reported = published.execute("""
        select class, true_positives, false_positives, false_negatives, true_negatives,
            precision_rate, recall_rate, f1_score, support
        from rpt_churn_classification_report
        where threshold_name = 'fixed' and population = 'all_known'
            and model = (select model from rpt_churn_model_selection where is_chosen)
            and cutoff_date = (select max(cutoff_date) from rpt_churn_metrics)
        order by list_position(
            ['churned', 'stayed', 'accuracy', 'macro avg', 'weighted avg'], class)
    """).df()
    rows = comparisons.classification(*reported.iloc[0, 1:5].astype(int))
    for measure in ("precision_rate", "recall_rate", "f1_score", "support"):
        assert rows[measure].tolist() == pytest.approx(reported[measure].tolist())


def test_what_is_folded_is_asked_for_when_it_is_opened(published, shown):
    app = shown("churn.py")
    assert chart_data(app, "true_positive_rate") == []
    auc, rule = published.execute("""
        select
            max(value) filter (model = (select churn_scoring_model from build_info)),
            max(value) filter (model in ('rfm_logistic', 'recency_only', 'base_rate'))
        from rpt_churn_metrics
        where metric = 'roc_auc' and population = 'all_known'
            and cutoff_date = (select max(cutoff_date) from rpt_churn_metrics)
    """).fetchone()
    verdict = next(part.label for part in app.expander if "trusted" in part.label)
    assert f"in {100 * auc:.0f} of 100 cases, the best simple rule in {100 * rule:.0f}" in verdict
    # A link to what is inside opens it.
    assert chart_data(run("churn.py", model="random_forest"), "true_positive_rate")


def test_who_may_leave_and_the_money_are_those_of_the_customers(published, shown):
    for filters in FILTERS[:2]:
        leaving, at_risk = published.execute(
            "select sum(churn_probability), sum(value_at_risk)::double from dim_customers "
            "where len($segment::varchar[]) = 0 or segment in $segment",
            {"segment": [], **filters},
        ).fetchone()
        cards = {card.label: card for card in shown("churn.py", **filters).metric}
        assert cards["May leave"].value == f"{leaving:,.0f}"
        exact = cards["Money at risk"].help.replace("\\", "").partition("\N{NO-BREAK SPACE}")[2]
        told = float(re.match(r"[\d,.]+", exact)[0].rstrip(".").replace(",", ""))
        assert told == pytest.approx(at_risk, abs=0.6)


def test_a_cell_of_the_map_leads_to_its_customers(published, shown):
    r_score, f_score, customers = published.execute(
        "select r_score, f_score, count(*) from dim_customers group by all "
        "order by 3 desc, 1, 2 limit 1"
    ).fetchone()
    app = shown("segments.py", cell=f"{r_score}-{f_score}")
    (grid,) = chart_data(app, "r_score", "f_score")
    (cell,) = grid[grid["cell"] == f"{r_score}-{f_score}"].to_dict("records")
    assert cell["customers"] == customers
    expected = published.execute(
        "select customer_id from dim_customers where r_score = $1 and f_score = $2 "
        "order by net_revenue desc, customer_id limit 100",
        [r_score, f_score],
    ).fetchall()
    members = next(t.value for t in app.dataframe if "customer_id" in t.value)
    assert members["customer_id"].tolist() == [customer for (customer,) in expected]
    # The names of rows and columns are what the scores stand for.
    days = published.execute(
        "select min(days_since_last_order), max(days_since_last_order) from dim_customers "
        "where r_score = $1", [r_score],
    ).fetchone()  # fmt: skip
    assert cell["days"] == "{}–{}".format(*days)


def test_the_table_of_segments_follows_the_filters(published, shown):
    table = next(t.value for t in shown("segments.py").dataframe if "What to do" in t.value)
    assert table["customers"].sum() == published.execute(
        "select count(*) from dim_customers"
    ).fetchone()[0]  # fmt: skip
    assert table["customer_share"].sum() == pytest.approx(100)
    narrowed = shown("segments.py", risk=["high", "medium"])
    table = next(t.value for t in narrowed.dataframe if "What to do" in t.value)
    counted = published.execute(
        "select segment, count(*), median(days_since_last_order) from dim_customers "
        "where churn_risk in ('high', 'medium') group by 1"
    ).fetchall()
    told = set(table[["Segment", "customers", "days"]].itertuples(index=False, name=None))
    assert told == {(name, float(n), float(round(days + 1e-9))) for name, n, days in counted}


def test_movement_adds_up_from_day_to_day(published):
    until, since, before = published.execute("""
        with periods as (select distinct from_date, to_date from rpt_segment_migration)

        select b.to_date::varchar, b.from_date::varchar, a.from_date::varchar
        from periods as b inner join periods as a on a.to_date = b.from_date
        order by b.to_date desc limit 1
    """).fetchone()
    app = run("segments.py", until=until, since=before)
    (bands,) = chart_data(app, "link", "share")
    (bars, *_) = chart_data(app, "place", "segment")
    assert bars["day"].drop_duplicates().tolist() == [before, since, until]
    links = bands.drop_duplicates("link")
    moved = published.execute(
        "select sum(customers) from rpt_segment_migration where to_date in ($1, $2)",
        [since, until],
    ).fetchone()[0]
    assert links["customers"].sum() == moved
    customers = published.execute("select count(*) from dim_customers").fetchone()[0]
    assert bars.loc[bars["day"] == until, "customers"].sum() == customers
    # Whoever is in a segment on a day has come there and goes on from there.
    middle = bars[(bars["day"] == since) & (bars["segment"] != "Not yet a customer")]
    for row in middle.itertuples():
        come = links[(links["x"] < 1) & (links["to_segment"] == row.segment)]
        go = links[(links["x"] > 1) & (links["from_segment"] == row.segment)]
        assert come["customers"].sum() == go["customers"].sum() == row.customers


def test_a_shop_in_which_nobody_has_moved_yet_is_shown_so(republish):
    republish("update rpt_segment_migration set from_segment = 'Not yet a customer'")
    app = run("segments.py")
    assert not app.exception
    assert any("0 moved up, 0 moved down, 0 stayed" in caption.value for caption in app.caption)


BANDS = [
    ("Regular Customers", 1, 496, 215),
    ("At Risk", 1, 73, 29),
    ("At Risk", 2, 324, 167),
    ("At Risk", 5, 52, 34),
]


def banded(rows):
    columns = ["segment", "purchase_days_from", "customers", "repurchasers"]
    return pd.DataFrame(rows, columns=columns)


def test_a_segment_that_outdoes_the_one_above_is_compared_among_equals():
    import comparisons

    (found,) = comparisons.surprises(banded(BANDS))
    assert (found.upper, found.lower) == ("Regular Customers", "At Risk")
    assert (found.upper_rate, found.lower_rate) == pytest.approx((215 / 496, 230 / 449))
    assert (found.upper_once, found.lower_once) == pytest.approx((1, 73 / 449))
    # Of those who had bought on one day alone, fewer came back than of those above.
    assert (found.alike, found.alike_sign) == (73, 0)
    assert (found.upper_alike, found.lower_alike) == pytest.approx((215 / 496, 29 / 73))
    many = [(name, days, 10 * n, 10 * again) for name, days, n, again in BANDS]
    assert comparisons.surprises(banded(many))[0].alike_sign == 0
    many = [(name, days, 100 * n, 100 * again) for name, days, n, again in BANDS]
    assert comparisons.surprises(banded(many))[0].alike_sign == -1
    # By chance alone is no contradiction, nor is the order that the segments say.
    few = [(name, days, n // 10, again // 10) for name, days, n, again in BANDS]
    assert comparisons.surprises(banded(few)) == []
    assert comparisons.surprises(banded(BANDS[1:] + BANDS[:1])) == []
    # Nobody is alike where no band is common.
    (found,) = comparisons.surprises(banded([BANDS[0], *BANDS[2:]]))
    assert (found.alike, found.upper_alike, found.lower_alike) == (0, None, None)


def test_a_contradiction_of_the_segments_is_told_with_its_reason(republish):
    rows = ", ".join(
        f"('{name}', {days}, date '2011-08-31', {n}, {again}, {again / n})"
        for name, days, n, again in BANDS
    )
    republish(
        "delete from rpt_segment_repurchase",
        f"insert into rpt_segment_repurchase values {rows}",
    )
    told = words(run("segments.py")).replace("\N{NO-BREAK SPACE}", " ")
    assert "At Risk bought again more often (51 %) than Regular Customers (43 %)" in told
    assert "84 % of At Risk had, and 0 % of Regular Customers" in told
    assert "(73 of At Risk), 40 % of At Risk came back and 43 % of Regular Customers" in told
    republish("delete from rpt_segment_repurchase where segment = 'At Risk'")
    assert "Yes: no segment bought again more often" in words(run("segments.py"))


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_published_is_said_in_words(tmp_path, monkeypatch, view):
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_DATA_DIR", str(tmp_path))
    app = run(view, segment="Champions")
    assert not app.exception
    assert any("make build" in element.value for element in app.text)


@pytest.mark.parametrize("content", [b"", b"not a database", "half", "holes"])
def test_a_broken_publication_is_said_in_words(republish, tmp_path, content):
    republish()
    path = next(tmp_path.glob("published/9*/*.duckdb"))
    whole = path.read_bytes()
    if content == "half":
        content = whole[: len(whole) // 2]
    elif content == "holes":
        # The headers stand; what they lead to does not.
        content = whole[:12_288] + bytes(len(whole) - 12_288)
    path.write_bytes(content)
    app = run("customers.py", customer="1", country="nowhere")
    assert not app.exception
    told = words(app)
    assert any(sign in told for sign in ("cannot be opened", "cannot be read")), told
    assert "make" in told


def test_marts_of_another_version_are_said_in_words(republish):
    republish("drop table rpt_kpis")
    app = run()
    assert not app.exception
    assert any("another version" in element.value for element in app.text)


def test_thin_data_are_said_in_words(republish):
    republish(
        "update dim_customers set churn_probability = null, value_at_risk = null,"
        " churn_risk = 'unknown', cluster_id = null, cluster_name = null,"
        " predicted_value_90d = null, predicted_value_365d = null",
        "update customer_sample set churn_probability = null, churn_risk = 'unknown'",
        "update fct_customer_actions set churn_probability = null, churn_risk = 'unknown'",
        "update customer_cube set churn_risk = 'unknown', cluster_id = -1, scored_customers = 0,"
        " expected_leavers = null, value_at_risk = null, valued_customers = 0,"
        " predicted_value_90d = null, predicted_value_365d = null",
        "update rpt_segments set mean_churn_probability = null, value_at_risk = null,"
        " repurchase_rate_90d = null, validity_as_of_date = null",
        "update rpt_kpis set value = null, previous_value = null where kpi like '%churn%'",
        "update rpt_churn_horizon set is_chosen = false",
        "update rpt_model_status set model_status = 'insufficient_data',"
        " explanation = '12 customers: ' || model || ' skipped.'",
        *(
            f"delete from {mart}"
            for mart in (
                "rpt_cluster_profiles", "rpt_cluster_selection", "rpt_insights",
                "rpt_churn_metrics", "rpt_churn_roc_curve", "rpt_churn_classification_report",
                "rpt_churn_importance", "rpt_churn_leaky_baseline", "rpt_churn_model_selection",
                "rpt_churn_deciles", "rpt_churn_drivers", "fct_churn_reasons",
                "rpt_clv_validation", "rpt_clv_tracking", "rpt_clv_parameters",
                "rpt_segment_migration", "rpt_segment_repurchase",
            )
        ),
    )  # fmt: skip
    apps = {view: run(view) for view in VIEWS}
    assert not [view for view, app in apps.items() if app.exception]
    assert any("12 customers: clusters skipped" in box.value for box in apps["clusters.py"].info)
    told = " ".join(box.value for box in apps["churn.py"].info)
    assert "has a churn probability. 12 customers: churn skipped" in told
    assert "tested. 12 customers: churn skipped" in told
    told = " ".join(box.value for box in apps["value.py"].info)
    assert "not predicted. 12 customers: lifetime_value skipped" in told
    assert "tested. 12 customers: lifetime_value skipped" in told
    assert any("churn skipped" in box.value for box in apps["customers.py"].info)
    assert any("too short" in box.value for box in apps["segments.py"].info)


def test_a_shop_without_customers_or_days_is_shown_as_it_is(republish):
    republish(
        "delete from dim_customers",
        "delete from customer_cube",
        "update build_info set as_of_date = null, first_invoice_date = null",
    )
    for view in VIEWS:
        app = run(view)
        assert not app.exception
        assert any("no customers" in box.value for box in app.info), view
    assert any("Data as of no day" in element.value for element in app.sidebar.text)


def test_a_shop_of_one_customer_is_shown_as_it_is(republish):
    customer = "(select min(customer_id) from dim_customers)"
    republish(
        *(
            f"delete from {mart} where customer_id <> {customer}"
            for mart in ("customer_sample", "fct_customer_actions", "fct_orders")
        ),
        f"delete from dim_customers where customer_id <> {customer}",
        "delete from customer_cube where rowid <> (select min(rowid) from customer_cube"
        " where segment = (select segment from dim_customers))",
        "update customer_cube set customers = 1",
        "delete from rpt_segments where segment <> (select segment from dim_customers)",
        "delete from rpt_cohort_retention where cohort_month <>"
        " (select max(cohort_month) from rpt_cohort_retention)",
    )
    for view in VIEWS:
        for link in ({}, {"segment": "Gold", "customer": "no such id"}):
            app = run(view, **link)
            assert not app.exception, view
            assert not re.search(r"\bnan\b", words(app).lower()), view
            assert not re.search(r"\b1 customers\b", words(app)), view


def test_a_new_publication_shows_at_the_next_rerun(republish):
    republish()
    app = run()
    republish("update rpt_kpis set value = 7654321 where kpi = 'customers'")
    assert "7,654,321" not in [card.value for card in app.metric]
    app.run()
    assert "7,654,321" in [card.value for card in app.metric]


def test_the_dashboard_loads_neither_scikit_learn_nor_dbt():
    program = (
        "import sys, marts_reader, charts, layout, wording\n"
        "from charts import churn, clusters, value\n"
        "print(sorted({'sklearn', 'dbt', 'scipy', 'matplotlib', 'plotly'} & set(sys.modules)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        cwd=DASHBOARD,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(DASHBOARD), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "[]"
