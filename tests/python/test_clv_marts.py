"""Lifetime value in the marts: judged as scipy would judge it, and held against the truth."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from conftest import ROOT
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from customer_intelligence import open_marts

TRUTH = ROOT / "data" / "sample" / "truth.parquet"


@pytest.fixture(scope="module")
def database(published_dir):
    file = published_dir / "build" / "warehouse.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def holdouts(database):
    """What was known, forecast and came, one frame for each test."""
    rows = database.execute(
        """
        select * exclude (example_set)
        from intermediate.int_btyd_summary as summaries
        inner join ml.ml_clv_forecasts as forecasts using (customer_id, cutoff_date)
        where summaries.example_set = 'test'
        order by cutoff_date, customer_id
        """
    ).df()
    frames = dict(list(rows.groupby("cutoff_date")))
    assert [len(frame) for frame in frames.values()] == [1605, 1946, 2096]
    return frames


def figures(connection, cutoff, horizon, forecast):
    return dict(
        connection.execute(
            "select metric, value from evidence.rpt_clv_validation "
            "where cutoff_date = ? and horizon_days = ? and model = ?",
            [cutoff, horizon, forecast],
        ).fetchall()
    )


def test_the_validation_in_sql_is_that_of_scipy(database, holdouts):
    for cutoff, frame in holdouts.items():
        days = int(frame["horizon_days"].iloc[0])
        assert (frame["horizon_days"] == frame["holdout_days"]).all()
        found = figures(database, cutoff, days, "lifetime_value")
        orders = frame["predicted_purchase_days"].to_numpy()
        revenue = frame["champion"].to_numpy()
        came = frame[f"actual_purchase_days_{days}d"].to_numpy(dtype="float64")
        spent = frame[f"actual_net_revenue_{days}d"].to_numpy(dtype="float64")
        top = np.argsort(-revenue, kind="stable")[: -(-len(frame) // 10)]
        low, high = (frame[f"champion_{end}"].to_numpy() for end in ("low", "high"))
        is_covered = (np.maximum(spent, 0) >= low) & (np.maximum(spent, 0) <= high)
        mae = np.abs(revenue - spent).mean()
        expected = {
            "purchase_days": orders.sum(),
            "net_revenue": revenue.sum(),
            "purchase_days_over_actual": orders.sum() / came.sum(),
            "net_revenue_over_actual": revenue.sum() / spent.sum(),
            "purchase_days_mae": np.abs(orders - came).mean(),
            "net_revenue_mae": mae,
            "net_revenue_mae_over_fitted": mae / np.abs(frame["fitted_model"] - spent).mean(),
            "net_revenue_rmse": np.sqrt(((revenue - spent) ** 2).mean()),
            "top_decile_capture": spent[top].sum() / spent.sum(),
            "rank_correlation": spearmanr(revenue, spent).statistic,
            "interval_coverage": is_covered.mean(),
            "interval_coverage_top_decile": is_covered[top].mean(),
        }
        assert found == pytest.approx(expected, abs=1e-4)


def test_nine_of_ten_customers_spend_what_their_interval_says(database, holdouts):
    """A discrete spend (nothing, mostly) can only be covered more often than 90 % asks."""
    for cutoff, frame in holdouts.items():
        days = int(frame["holdout_days"].iloc[0])
        found = figures(database, cutoff, days, "lifetime_value")
        assert 0.88 < found["interval_coverage"] < 0.95
        assert found["interval_coverage_top_decile"] > 0.85


def test_a_season_that_came_a_year_before_is_foreseen(database):
    """The sample sells most in November: the total of autumn was half too low without it."""
    totals = {
        model: figures(database, "2011-09-10", 90, model)["net_revenue_over_actual"]
        for model in ("lifetime_value", "fitted_model")
    }
    assert totals["fitted_model"] < 0.7
    assert abs(np.log(totals["lifetime_value"])) < 0.2


def test_the_days_until_the_next_order_are_named_in_order(published_dir):
    with open_marts(published_dir) as marts:
        unordered, named, without = marts.execute(
            """
            select
                count(*) filter (next_order_days_p10 > next_order_days_p50
                    or next_order_days_p50 > next_order_days_p90
                    or (next_order_days_p10 is null and next_order_days_p50 is not null)),
                count(next_order_days_p10),
                count(*) filter (next_order_days_p90 is null)
            from dim_customers
            """
        ).fetchone()
    assert unordered == 0
    assert named > without > 0


def test_the_forecast_ranks_better_than_the_last_quarter_and_worse_than_the_truth(database):
    for cutoff, days in (("2010-12-09", 365), ("2011-09-10", 90)):
        capture = {
            model: figures(database, cutoff, days, model)["top_decile_capture"]
            for model in ("last_90_days", "lifetime_value", "ideal")
        }
        assert sorted(capture, key=capture.get) == ["last_90_days", "lifetime_value", "ideal"]


def test_the_tracking_ends_where_the_validation_does(database):
    """Twelve whole weeks of 90 days, 52 of 365: the few days more do not count."""
    for cutoff, days, weeks in (("2010-12-09", 365, 52), ("2011-09-10", 90, 12)):
        tracked = database.execute(
            "select count(*), max(week), max(predicted_purchase_days), max(actual_purchase_days) "
            "from evidence.rpt_clv_tracking where cutoff_date = ?",
            [cutoff],
        ).fetchone()
        assert tracked[:2] == (weeks, weeks)
        for model, found in zip(("lifetime_value", "ideal"), tracked[2:], strict=True):
            total = figures(database, cutoff, days, model)["purchase_days"]
            assert 0.9 * total < found <= total


def test_the_predictions_are_what_the_generator_knows(database):
    """The sample's customers buy at their own rate until they leave, most of all in autumn."""
    rate, gone, repeats, value, orders, p_alive, order_value = (
        np.array(column)
        for column in zip(
            *database.execute(
                """
                select
                    truth.purchase_rate_per_week,
                    truth.lifetime_end_date is not null,
                    customers.purchase_days - 1,
                    truth.mean_order_value,
                    customers.predicted_purchase_days_90d,
                    customers.p_alive,
                    predictions.expected_purchase_day_value
                from read_parquet(?) as truth
                inner join marts.dim_customers as customers
                    on truth.customer_id::varchar = customers.customer_id
                inner join ml.ml_clv_predictions as predictions
                    on customers.customer_id = predictions.customer_id
                """,
                [str(TRUTH)],
            ).fetchall(),
            strict=True,
        )
    )
    assert spearmanr(orders, np.where(gone, 0, rate)).statistic > 0.6
    assert spearmanr(order_value, value).statistic > 0.8
    # One order gives no occasion to leave, whatever is true; several tell.
    assert (p_alive[repeats == 0] == 1).all()
    assert roc_auc_score(gone[repeats >= 3], -p_alive[repeats >= 3]) > 0.75


def test_the_readers_see_value_with_its_interval_and_status(published_dir):
    with open_marts(published_dir) as marts:
        status, mean, low, high, present, all_customers = marts.execute(
            "select any_value(clv_model_status), avg(predicted_value_365d), "
            "avg(predicted_value_365d_low), avg(predicted_value_365d_high), "
            "count(predicted_value_90d), count(*) from dim_customers"
        ).fetchone()
    assert (status, present) == ("ok", all_customers)
    assert low < mean < high
