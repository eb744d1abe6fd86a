"""The dashboard, run without a browser on the published marts of the sample."""

import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from customer_intelligence.marts import current_version, open_marts

DASHBOARD = Path(__file__).parents[2] / "dashboard"
APP = DASHBOARD / "app.py"
VIEWS = sorted(path.name for path in (DASHBOARD / "views").glob("*.py"))


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
    folder = tmp_path / "published"
    folder.mkdir()
    original = published_dir / "published" / f"marts-{current_version(published_dir)}.duckdb"

    def publish(name: str, *statements: str) -> None:
        # Versions are unique: the app keeps its answers by them.
        version = f"{tmp_path.name}-{name}"
        copy = folder / f"marts-{version}.duckdb"
        shutil.copyfile(original, copy)
        with duckdb.connect(str(copy)) as marts:
            for statement in statements:
                marts.execute(statement)
        (folder / "CURRENT").write_text(version + "\n")

    return publish


def run(view: str = "overview.py", **query_params: str | list[str]) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=30)
    for key, value in query_params.items():
        app.query_params[key] = value
    app.run()
    if view != "overview.py":
        app.switch_page(f"views/{view}").run()
    return app


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
def test_every_page_runs_and_shows_charts_with_data(published, view):
    app = run(view)
    assert not app.exception
    assert app.title[0].value.endswith("?")
    assert charts(app)
    assert all(len(frame) for frame in chart_data(app))
    assert all(chart.proto.alt for chart in app.get("vega_lite_chart"))
    assert len(app.multiselect) == 3


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    "filters",
    [
        {"risk": "high"},
        {"segment": ["Champions", "At Risk"], "risk": ["low", "medium"]},
        {"segment": "no such segment", "country": "<b>nowhere</b>"},
    ],
    ids=["one", "several", "unknown"],
)
def test_every_page_stands_any_filter(published, view, filters):
    assert not run(view, **filters).exception


def test_pages_speak_plainly(published):
    for view in VIEWS:
        text = words(run(view))
        assert "recency" not in text.lower()
        assert "nan" not in re.findall(r"\w+", text.lower())


def test_key_figures_equal_the_marts(published):
    kpis = published.execute(
        "select value::double, unit, as_of_date, previous_value::double from rpt_kpis"
    ).fetchall()
    app = run()
    assert len(app.metric) == len(kpis)
    shown = sorted(
        float(re.sub(r"[^0-9.\-]", "", card.value)) / (100 if "%" in card.value else 1)
        for card in app.metric
        if card.value != "—"
    )
    wanted = sorted(value for value, *_ in kpis if value is not None)
    assert shown == pytest.approx(wanted, rel=5e-3, abs=6e-4)
    assert [card.help for card in app.metric if not card.help] == []
    changes = [before for value, _, _, before in kpis if value is not None and before]
    assert len([card for card in app.metric if card.delta]) == len(changes)
    as_of = str(kpis[0][2])
    assert sum(f"as of {as_of}" in caption.value for caption in app.caption) == len(kpis)
    currency = published.execute("select currency from build_info").fetchone()[0]
    money = [card.value for card in app.metric if card.value.startswith(currency)]
    assert len(money) == sum(unit == "currency" and value is not None for value, unit, *_ in kpis)


def test_months_and_segments_equal_the_marts(published):
    app = run()
    (months,) = chart_data(app, "part", "amount")
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
    republish("2", f"insert into rpt_insights (insight_order, finding) values (0, '{nasty}')")
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
    for spread in chart_data(run("churn.py", segment=segment), "median"):
        assert set(spread["segment"]) == {segment}


def test_a_filter_set_in_the_sidebar_narrows_the_page(published):
    risk = published.execute("select min(churn_risk) from dim_customers").fetchone()[0]
    app = run("churn.py")
    app.multiselect(key="risk").set_value([risk]).run()
    (amounts,) = chart_data(app, "value_at_risk")
    assert set(amounts["churn_risk"]) == {risk}
    # The browser keeps these in the address.
    assert [box.proto.query_param_key for box in app.multiselect] == ["segment", "risk", "country"]


def test_filters_that_leave_nobody_say_so(republish):
    republish(
        "nobody",
        "update dim_customers set country = case segment when 'Champions' then 'A' else 'B' end",
    )
    for view in VIEWS:
        app = run(view, segment="Champions", country="B")
        assert not app.exception
        assert any("No customer fits" in box.value for box in app.info)


def test_histograms_lose_nobody(published):
    import store

    customers = published.execute("select count(*) from dim_customers").fetchone()[0]
    for histogram in chart_data(run("segments.py"), "segment", "bin", "customers"):
        assert histogram["customers"].sum() == customers
        assert not histogram["bin"].isna().any()
    assert len(store.day_edges(0)) == 1
    assert len(store.day_edges(5000)) <= 16
    edges = store.spend_edges(-3.0, 987654.0)
    assert edges[0] == -math.inf
    assert edges == sorted(edges)
    assert store.spend_edges(5.0, 5.0) == [-math.inf, 5.0]


def test_many_customers_become_a_two_dimensional_histogram(published, monkeypatch):
    import store

    few = chart_data(run("clusters.py"), "customer_id")
    monkeypatch.setattr(store, "MAX_POINTS", 10)
    app = run("clusters.py")
    assert not app.exception
    assert not chart_data(app, "customer_id")
    (cells,) = chart_data(app, "spend_from")
    assert cells["customers"].sum() == len(few[0])
    assert (cells["days_from"] < cells["days_to"]).all()


def test_the_chosen_number_of_clusters_is_marked(published):
    chosen = published.execute("select k from rpt_cluster_selection where is_chosen").fetchone()[0]
    choices = chart_data(run("clusters.py"), "k", "is_chosen")
    assert len(choices) == 2
    for choice in choices:
        assert choice.loc[choice["is_chosen"], "k"].tolist() == [chosen]


def test_the_products_of_each_cluster_are_those_with_the_highest_lift(published):
    table = next(t.value for t in run("clusters.py").dataframe if "lift" in t.value)
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
    republish("few", "delete from rpt_cluster_products")
    app = run("clusters.py")
    assert not app.exception
    assert not any("lift" in t.value for t in app.dataframe)


def test_the_customers_at_risk_come_with_their_reasons(published):
    expected = published.execute("""
        select customer_id, any_value(value_at_risk)::double, count(reason)
        from (select * from dim_customers order by value_at_risk desc, customer_id limit 10)
        left join fct_churn_reasons using (customer_id)
        group by customer_id order by 2 desc, 1
    """).fetchall()
    table = next(t.value for t in run("churn.py").dataframe if "reasons" in t.value)
    assert table["customer_id"].tolist() == [row[0] for row in expected]
    assert table["value_at_risk"].tolist() == pytest.approx([row[1] for row in expected], abs=0.5)
    told = table["reasons"].fillna("").str.count(r"\(typical: ")
    assert told.tolist() == [row[2] for row in expected]


def test_the_evidence_equals_the_marts(published):
    app = run("churn.py")
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
    (roc,) = chart_data(app, "true_positive_rate")
    assert set(roc["model"]) == models
    (confusion,) = chart_data(app, "actual", "told")
    matrix = published.execute("""
        select true_positives + false_positives + false_negatives + true_negatives
        from rpt_churn_confusion_matrix
        where threshold_name = 'fixed' and population = 'all_known'
            and model = (select model from rpt_churn_model_selection where is_chosen)
        order by cutoff_date desc limit 1
    """).fetchone()
    assert confusion["customers"].sum() == matrix[0]
    app.selectbox(key="model").set_value("random_forest").run()
    assert not app.exception
    app.selectbox(key="threshold").set_value("profit_optimal").run()
    assert not app.exception
    (groups,) = chart_data(app, "mean_auc_loss")
    losses = published.execute("select count(*), sum(mean_auc_loss) from rpt_churn_importance")
    assert (len(groups), groups["mean_auc_loss"].sum()) == pytest.approx(losses.fetchone())


def test_nothing_published_is_said_in_words(tmp_path, monkeypatch):
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_DATA_DIR", str(tmp_path))
    app = run()
    assert not app.exception
    assert any("make build" in element.value for element in app.text)


def test_a_broken_publication_is_said_in_words(republish, tmp_path):
    republish("broken")
    next(tmp_path.glob("published/*.duckdb")).write_bytes(b"not a database")
    app = run()
    assert not app.exception
    assert any("cannot be opened" in element.value for element in app.text)


def test_marts_of_another_version_are_said_in_words(republish):
    republish("other", "drop table rpt_kpis")
    app = run()
    assert not app.exception
    assert any("another version" in element.value for element in app.text)


def test_thin_data_are_said_in_words(republish):
    republish(
        "thin",
        "update dim_customers set churn_probability = null, value_at_risk = null,"
        " churn_risk = 'unknown', cluster_id = null, cluster_name = null",
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
                "rpt_churn_metrics", "rpt_churn_roc_curve", "rpt_churn_calibration",
                "rpt_churn_confusion_matrix", "rpt_churn_classification_report",
                "rpt_churn_importance", "rpt_churn_leaky_baseline", "rpt_churn_model_selection",
                "fct_churn_reasons",
            )
        ),
    )  # fmt: skip
    for view in VIEWS:
        assert not run(view).exception
    assert any("12 customers: clusters skipped" in box.value for box in run("clusters.py").info)
    told = " ".join(box.value for box in run("churn.py").info)
    assert "not predicted. 12 customers: churn skipped" in told
    assert "tested. 12 customers: churn skipped" in told


def test_a_shop_without_customers_or_days_is_shown_as_it_is(republish):
    republish(
        "none",
        "delete from dim_customers",
        "update build_info set as_of_date = null, first_invoice_date = null",
    )
    for view in VIEWS:
        app = run(view)
        assert not app.exception
        assert any("no customers" in box.value for box in app.info), view
    assert any("Data as of no day" in element.value for element in app.sidebar.text)


def test_a_new_publication_shows_at_the_next_rerun(republish):
    republish("1")
    app = run()
    republish("2", "update rpt_kpis set value = 7654321 where kpi = 'customers'")
    assert "7,654,321" not in [card.value for card in app.metric]
    app.run()
    assert "7,654,321" in [card.value for card in app.metric]


def test_the_dashboard_loads_neither_scikit_learn_nor_dbt():
    program = (
        "import sys, store, charts, layout, wording\n"
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
