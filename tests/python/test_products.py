"""Products that go together, first ones and those bought again, worked out from the lines."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from conftest import run_dbt
from scipy.stats import CensoredData, chi2, ecdf

from customer_intelligence import open_marts

LINES = """
    select lines.customer_id, lines.stock_code, lines.invoice_date
    from intermediate.int_invoice_lines_classified as lines
    where disposition = 'sale' and stock_code_class = 'product' and line_id not in (
        select purchase_line_id from intermediate.int_returns_matched
        where is_order_correction and purchase_line_id is not null
    )
"""


@pytest.fixture(params=["published_dir", "real_dir"])
def data_dir(request) -> Path:
    """The sample, and the real shop where its data are at hand."""
    return request.getfixturevalue(request.param)


def work(data_dir: Path) -> duckdb.DuckDBPyConnection:
    """Open the work database of a build for reading."""
    return duckdb.connect(str(data_dir / "build" / "warehouse.duckdb"), read_only=True)


def g_statistic(both, first, second, total, expected):
    """G of tables of two by two, from their four cells."""
    observed = np.stack([both, first - both, second - both, total - first - second + both])
    chance = np.stack(
        [expected, first - expected, second - expected, total - first - second + expected]
    )
    with np.errstate(all="ignore"):
        return 2 * np.where(observed > 0, observed * np.log(observed / chance), 0).sum(axis=0)


def q_values(p: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg, by their definition: the least level that lets a test pass."""
    order = np.argsort(p, kind="stable")
    steps = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty_like(p)
    q[order] = np.minimum.accumulate(steps[::-1])[::-1]
    return np.minimum(q, 1)


def counted(purchases: pd.DataFrame, codes: pd.Index) -> tuple[np.ndarray, ...]:
    """Customers with both, expected customers with both, customers of each product, and all."""
    basket = pd.crosstab(purchases["customer_id"], purchases["stock_code"]).clip(upper=1)
    classes = np.frexp(basket.sum(axis=1).to_numpy())[1]
    bought = basket.reindex(columns=codes, fill_value=0).to_numpy(dtype=float)
    expected = sum(
        np.outer(part.sum(axis=0), part.mean(axis=0))
        for part in (bought[classes == c] for c in np.unique(classes))
    )
    return bought.T @ bought, expected, bought.sum(axis=0), len(bought)


def test_pairs_their_tests_and_their_ranks_come_out_again(data_dir):
    with work(data_dir) as database:
        lines = database.execute(LINES).df()
        (split,) = database.execute(
            "select cutoff_date from intermediate.int_churn_cutoffs where example_set = 'test'"
        ).fetchone()
        pairs = database.execute("select * from intermediate.int_product_pairs").df()
    with open_marts(data_dir) as marts:
        published = marts.execute("select * from rpt_product_affinity").df()
    is_later = lines["invoice_date"] >= pd.Timestamp(split)
    before = lines[~is_later].drop_duplicates(["customer_id", "stock_code"])
    customers = before["stock_code"].value_counts()
    fewest = max(20, 0.01 * before["customer_id"].nunique())
    common = customers[customers >= fewest].reset_index()
    common = common.sort_values(["count", "stock_code"], ascending=[False, True])[:1000]
    codes = pd.Index(common["stock_code"])

    both, expected, size, everybody = counted(before, codes)
    later, later_expected, later_size, later_everybody = counted(lines[is_later], codes)
    i, j = np.triu_indices(len(codes), 1)
    g = g_statistic(both[i, j], size[i], size[j], everybody, expected[i, j])
    p = np.where((both[i, j] >= 20) & (both[i, j] > expected[i, j]), chi2.sf(g, 1), 1)
    found = pd.DataFrame(
        {
            "stock_code": codes[i],
            "other_stock_code": codes[j],
            "customers_together": both[i, j],
            "support": both[i, j] / everybody,
            "lift": both[i, j] * everybody / (size[i] * size[j]),
            "range_adjusted_lift": both[i, j] / expected[i, j],
            "g_statistic": g,
            "p_value": p,
            "q_value": q_values(p),
            "later_customers_together": later[i, j],
            "later_range_adjusted_lift": np.divide(
                later[i, j],
                later_expected[i, j],
                out=np.full(len(i), np.nan),
                where=later_expected[i, j] > 0,
            ),
            "later_p_value": chi2.sf(
                g_statistic(
                    later[i, j], later_size[i], later_size[j], later_everybody, later_expected[i, j]
                ),
                1,
            ),
            "customers": size[i],
            "other_customers": size[j],
        }
    )
    assert len(pairs) > 1000
    assert (pairs["pairs_tested"] == len(found)).all()
    listed = found[found["customers_together"] >= 20].reset_index(drop=True)
    assert len(pairs) == len(listed)
    expectations = pairs.merge(listed, on=["stock_code", "other_stock_code"])
    assert len(expectations) == len(pairs)
    assert np.allclose(
        expectations["customers_together_x"] / expectations["expected_together"],
        expectations["range_adjusted_lift"],
    )
    found = found[found["q_value"] <= 0.05]
    turned = found.rename(
        columns={
            "stock_code": "other_stock_code",
            "other_stock_code": "stock_code",
            "customers": "other_customers",
            "other_customers": "customers",
        }
    )
    found = pd.concat([found, turned])
    found["confidence"] = found["customers_together"] / found["customers"]
    found["is_confirmed"] = (found["later_range_adjusted_lift"] > 1) & (
        found["later_p_value"] < 0.05
    )
    found = found.drop(columns="other_customers").sort_values(["stock_code", "other_stock_code"])
    published = published.sort_values(["stock_code", "other_stock_code"])
    pd.testing.assert_frame_equal(
        published[list(found.columns)].reset_index(drop=True),
        found.reset_index(drop=True),
        check_dtype=False,
        rtol=1e-6,
        atol=0,
    )
    ranked = published[published["is_confirmed"]].sort_values(["stock_code", "affinity_rank"])
    assert (ranked.groupby("stock_code").cumcount() + 1 == ranked["affinity_rank"]).all()
    assert (ranked.groupby("stock_code")["g_statistic"].diff().dropna() <= 0).all()
    assert published.loc[~published["is_confirmed"], "affinity_rank"].isna().all()


def test_nothing_goes_together_where_products_are_chosen_at_random(published_dir):
    """Customers of the sample buy by popularity alone. A plain test takes what large customers do
    for affinity; among customers who buy as much nothing is left."""
    with work(published_dir) as database:
        pairs = database.execute("select * from intermediate.int_product_pairs").df()
    with open_marts(published_dir) as marts:
        assert marts.execute("select count(*) from rpt_product_affinity").fetchone() == (0,)
    by_chance = pairs["customers"] * pairs["other_customers"] / pairs["all_customers"]
    numbers = [
        pairs[name].to_numpy(dtype=float)
        for name in ("customers_together", "customers", "other_customers", "all_customers")
    ]
    plain = chi2.sf(g_statistic(*numbers, by_chance.to_numpy()), 1)
    is_more = pairs["customers_together"] > by_chance
    assert ((plain * pairs["pairs_tested"] < 0.05) & is_more).sum() > 200, "even by Bonferroni"


def test_the_p_value_is_that_of_chi_square_everywhere(published_dir):
    statistics = ["0", "1e-9", "0.5", "3.841", "30", "1300", "1e4", "1e9"]
    undefined = ["null", "'nan'::double"]
    values = ", ".join(f"({number}, {x})" for number, x in enumerate(statistics + undefined))
    shown = run_dbt(
        *(published_dir, "show", "--quiet", "--limit", "-1", "--output", "json", "--inline"),
        "select number, {{ chi_square_p_value('statistic') }} as p_value "
        f"from (values {values}) as statistics(number, statistic)",
    )
    assert shown.returncode == 0, shown.stdout
    rows = sorted(json.loads(shown.stdout)["show"], key=lambda row: row["number"])
    expected = [*chi2.sf([float(x) for x in statistics], 1), 1, 1]
    assert [row["p_value"] for row in rows] == pytest.approx(expected, rel=1e-12, abs=0)


def test_first_products_come_out_again(data_dir):
    with work(data_dir) as database:
        lines = database.execute(LINES).df()
        days = database.execute(
            "select customer_id, activity_date from intermediate.int_customer_days "
            "where has_purchase order by all"
        ).df()
        (as_of,) = database.execute("select as_of_date from intermediate.int_as_of").fetchone()
    with open_marts(data_dir) as marts:
        published = marts.execute(
            "select * exclude description from rpt_first_products order by stock_code"
        ).df()
        censored = marts.execute(
            "select customer_id from dim_customers where is_history_censored"
        ).df()["customer_id"]
    days["order"] = days.groupby("customer_id").cumcount()
    first = days[days["order"] == 0].set_index("customer_id")["activity_date"]
    second = days[days["order"] == 1].set_index("customer_id")["activity_date"]
    first = first[~first.index.isin(censored)]
    first = first[first + pd.Timedelta(days=90) <= pd.Timestamp(as_of)]
    returned = (second.reindex(first.index) - first).dt.days.le(90).rename("returned")
    bought = lines.merge(first.rename("first"), left_on="customer_id", right_index=True)
    bought = bought[bought["invoice_date"] == bought["first"]]
    bought = bought.drop_duplicates(["customer_id", "stock_code"])
    sizes = np.frexp(bought.groupby("customer_id").size())[1].rename("size")
    customers = pd.concat([returned, sizes], axis=1)
    customers["chance"] = customers.groupby("size")["returned"].transform("mean")
    bought = bought.merge(customers, left_on="customer_id", right_index=True)
    found = bought.groupby("stock_code").agg(
        customers=("returned", "size"),
        returned_customers=("returned", "sum"),
        expected=("chance", "sum"),
    )
    found = found[found["customers"] >= 30]
    n, k = found["customers"], found["returned_customers"]
    everybody, all_returned = len(customers), customers["returned"].sum()
    found["second_order_rate"] = k / n
    found["expected_second_order_rate"] = found.pop("expected") / n
    found["all_second_order_rate"] = all_returned / everybody
    found["p_value"] = chi2.sf(
        g_statistic(k, n, all_returned, everybody, found["expected_second_order_rate"] * n), 1
    )
    found["q_value"] = q_values(found["p_value"].to_numpy())
    found["is_outstanding"] = found["q_value"] <= 0.05
    assert len(found) > 0
    assert set(published["first_customers"]) == {everybody}
    pd.testing.assert_frame_equal(
        published[["stock_code", *found.columns]], found.reset_index(), check_dtype=False, rtol=1e-6
    )
    # Wilson's interval holds the rates that a score test does not reject.
    for end in ("ci_low", "ci_high"):
        inner = published[published[end].between(1e-9, 1 - 1e-9)]
        distance = (inner["second_order_rate"] - inner[end]) / np.sqrt(
            inner[end] * (1 - inner[end]) / inner["customers"]
        )
        assert np.allclose(np.abs(distance), 1.959964, atol=1e-4)


def test_curves_are_those_of_kaplan_and_meier(published_dir):
    """Against scipy, whose interval is also Greenwood's on the scale of log(-log)."""
    with work(published_dir) as database:
        lines = database.execute(LINES).df().drop_duplicates()
        (as_of,) = database.execute("select as_of_date from intermediate.int_as_of").fetchone()
    with open_marts(published_dir) as marts:
        curves = marts.execute("select * from rpt_repurchase_curves order by all").df()
        cycles = marts.execute("select * from rpt_product_cycles").df().set_index("stock_code")
    lines = lines.sort_values("invoice_date")
    lines["number"] = lines.groupby(["stock_code", "customer_id"]).cumcount()
    gaps = lines.pivot_table(
        index=["stock_code", "customer_id"], columns="number", values="invoice_date", aggfunc="min"
    )[[0, 1]].rename(columns={0: "first", 1: "next"})
    gaps["returned"] = gaps["next"].notna()
    gaps["days"] = (gaps["next"].fillna(pd.Timestamp(as_of)) - gaps["first"]).dt.days
    assert curves["stock_code"].nunique() == len(cycles) > 5
    for code, curve in curves.groupby("stock_code"):
        of_product = gaps.loc[code]
        assert set(curve["customers"]) == {len(of_product)}
        returned = of_product["returned"]
        share = ecdf(
            CensoredData(
                uncensored=of_product.loc[returned, "days"].to_numpy(),
                right=of_product.loc[~returned, "days"].to_numpy(),
            )
        ).cdf
        with warnings.catch_warnings():
            # Before anybody came back, and after all have, there is no interval.
            warnings.simplefilter("ignore", RuntimeWarning)
            bounds = share.confidence_interval(method="log-log")
        at = curve["days_since_purchase"].to_numpy()
        for name, expected in (
            ("repurchase_rate", share),
            ("ci_low", bounds.low),
            ("ci_high", bounds.high),
        ):
            assert curve[name].to_numpy() == pytest.approx(expected.evaluate(at), abs=1e-6), code
        assert (curve["followed_customers"] >= 20).all()
    last = curves.groupby("stock_code")["repurchase_rate"].max()
    for name, part in (("cycle_low_days", 0.25), ("cycle_days", 0.5), ("cycle_high_days", 0.75)):
        reached = curves[curves["repurchase_rate"] >= part * curves["stock_code"].map(last)]
        first = reached.groupby("stock_code")["days_since_purchase"].min()
        assert (cycles[name] == first.reindex(cycles.index)).all()
