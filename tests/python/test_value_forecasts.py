"""The forecast of value that is published: chosen, in season, with an interval, without a leak."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from customer_intelligence import lifetime_value as clv
from customer_intelligence.lifetime_value import forecasts, next_order, selection
from customer_intelligence.lifetime_value.history import Calendar

TODAY = pd.Timestamp("2012-01-01")
KNOBS = {"dropout_model": "bg_nbd", "min_customers": 100, "min_repeat_customers": 50}
WORTH = {"margin": 1.0, "annual_discount_rate": 0.1}


def days_before(days):
    return TODAY - pd.Timedelta(days=days)


def draw_shop(days=760, customers=500, seed=0, season=0.0):
    """Draw purchase days and their values; the peak of the season is at the end of each year."""
    rng = np.random.default_rng(seed)
    rate, mean = rng.gamma(0.8, 1 / 20, customers), 300 / rng.gamma(4, 1 / 3, customers)
    first = rng.integers(0, days, customers)
    in_season = (np.arange(days) - days) % 365 > 275
    level = 1 + season * in_season
    bought = rng.random((customers, days)) < rate[:, None] * level
    bought &= np.arange(days) > first[:, None]
    bought[np.arange(customers), first] = True
    customer, day = np.nonzero(bought)
    return pd.DataFrame(
        {"customer": customer, "day": day, "value": mean[customer] * rng.gamma(3, 1 / 3, len(day))}
    )


def summarise(shop, days, offsets):
    """Summarise as `int_btyd_summary` does, at the present and so many days before it."""
    frames = []
    for offset in (0, *offsets):
        cutoff = days - offset
        known = shop[shop["day"] < cutoff]
        by_customer = known.groupby("customer")["day"].agg(["size", "min", "max"])
        frame = pd.DataFrame(
            {
                "customer_id": [f"c{customer:05}" for customer in by_customer.index],
                "cutoff_date": days_before(offset),
                "example_set": "earlier" if offset else "current",
                "holdout_days": offset or np.nan,
                "history_days": cutoff,
                "repeat_purchase_days": (by_customer["size"] - 1).to_numpy(),
                "btyd_recency_weeks": ((by_customer["max"] - by_customer["min"]) / 7).to_numpy(),
                "btyd_age_weeks": ((cutoff - by_customer["min"]) / 7).to_numpy(),
            }
        )

        def total(rows, column="value", index=by_customer.index):
            return rows.groupby("customer")[column].agg(["sum", "size"]).reindex(index).fillna(0)

        frame["mean_purchase_day_value"] = (
            total(known)["sum"].to_numpy() / by_customer["size"].to_numpy()
        )
        for window in (90, 365):
            recent = total(known[known["day"] >= cutoff - window])
            frame[f"net_revenue_{window}d"] = recent["sum"].to_numpy()
            frame[f"purchase_days_{window}d"] = recent["size"].to_numpy()
        for window in (90, 180, 365):
            came = total(shop[shop["day"].between(cutoff, cutoff + window - 1)])
            is_over = offset >= window
            frame[f"actual_net_revenue_{window}d"] = came["sum"].to_numpy() if is_over else np.nan
        later = shop[shop["day"] >= cutoff].groupby("customer")["day"].min()
        frame["days_until_next_order"] = (later - cutoff + 1).reindex(by_customer.index).to_numpy()
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


OFFSETS = sorted({90 + 28 * k for k in range(16)} | {180, 363, 364, 365})


@pytest.fixture(scope="module")
def summaries():
    found = summarise(draw_shop(), 760, OFFSETS)
    is_test = found["cutoff_date"].eq(days_before(90))
    return found.assign(example_set=found["example_set"].mask(is_test, "test"))


@pytest.fixture(scope="module")
def parameters(summaries):
    return clv.fit_cutoffs(summaries, **KNOBS)


@pytest.fixture(scope="module")
def selected(parameters, summaries):
    return clv.select_cutoffs(parameters, summaries)


# ---------------------------------------------------------------- the champion

ACTUAL = np.array([100.0, 200.0, 300.0, 400.0])
BETTER, WORSE = ACTUAL + 10, ACTUAL + 20


@pytest.mark.parametrize("winner", forecasts.FORECASTS)
def test_the_least_error_wins(winner):
    found = {name: BETTER if name == winner else WORSE for name in forecasts.FORECASTS}
    assert selection.choose(selection.judge([found], [ACTUAL])) == winner


def test_equal_errors_go_to_the_simpler():
    found = dict.fromkeys(forecasts.FORECASTS, WORSE)
    assert selection.choose(selection.judge([found], [ACTUAL])) == "last_365_days"


def test_who_is_worse_than_the_model_in_rmse_or_rank_is_not_chosen():
    """Right for three of four and far off for one; and right on average in the wrong order."""
    far_off = ACTUAL + np.array([0, 0, 0, 60])
    out_of_order = np.array([160.0, 159.0, 300.0, 400.0])
    assert np.abs(far_off - ACTUAL).mean() < np.abs(WORSE - ACTUAL).mean()
    for other in (far_off, out_of_order):
        judged = selection.judge([{"fitted_model": WORSE, "two_part": other}], [ACTUAL])
        assert selection.choose(judged) == "fitted_model"
    model = selection.Judgement(3, 100, mae=20, rmse=50, rank_correlation=0.5)
    for rmse, rank, chosen in (
        (50, 0.5, "two_part"),
        (51, 0.5, "fitted_model"),
        (50, 0.49, "fitted_model"),
    ):
        other = selection.Judgement(3, 100, mae=10, rmse=rmse, rank_correlation=rank)
        assert selection.choose({"fitted_model": model, "two_part": other}) == chosen


def test_a_forecast_that_an_earlier_cutoff_lacks_is_not_judged():
    both = {"fitted_model": WORSE, "two_part": BETTER}
    judged = selection.judge([both, {"fitted_model": WORSE}], [ACTUAL, ACTUAL])
    assert list(judged) == ["fitted_model"]
    assert judged["fitted_model"].cutoffs == 2


def test_without_an_earlier_cutoff_the_model_is_used(summaries):
    present = summaries[summaries["example_set"] == "current"]
    found = clv.select_cutoffs(clv.fit_cutoffs(present, **KNOBS), present)
    assert found["forecast"].tolist() == ["fitted_model", "fitted_model"]
    assert found["earlier_cutoffs"].eq(0).all()
    assert found["interval_method"].eq("predictive").all()
    predictions = clv.predict_cutoffs(clv.fit_cutoffs(present, **KNOBS), found, present, **WORTH)
    # The next order is unproven, so it is not named.
    assert predictions["next_order_days_p50"].isna().all()


def test_customers_who_repeat_the_year_are_carried_forward():
    """Each customer orders every 20 days at a price of their own: nothing is left to a model."""
    rows = [(c, d, 10.0 * (c + 1)) for c in range(200) for d in range(c % 20, 700, 20)]
    # Half of them stopped a year ago; they will not come back.
    rows = [(c, d, v) for c, d, v in rows if c % 2 or d < 200]
    shop = pd.DataFrame(rows, columns=["customer", "day", "value"])
    found = summarise(shop, 700, [90, 118, 146])
    found = clv.select_cutoffs(clv.fit_cutoffs(found, **KNOBS), found)
    chosen = found[found["is_chosen"] & found["horizon_days"].eq(90)]
    assert chosen.loc[chosen["target"] == "net_revenue", "forecast"].tolist() == ["last_365_days"]


# ---------------------------------------------------------------- no leak


def test_what_comes_after_a_cutoff_changes_nothing_of_it(summaries, parameters, selected):
    """Windows that were not over at the test, and all cutoffs after it, are spoilt."""
    test = days_before(90)
    spoilt = summaries.copy()
    for days in (90, 180, 365):
        column = f"actual_net_revenue_{days}d"
        is_open = spoilt["cutoff_date"] + pd.Timedelta(days=days) > test
        spoilt.loc[is_open & spoilt[column].notna(), column] = 1e6
    later = spoilt["cutoff_date"] > test
    spoilt.loc[later, ["net_revenue_90d", "net_revenue_365d", "mean_purchase_day_value"]] *= 7
    found = clv.fit_cutoffs(spoilt, **KNOBS)
    before = parameters["cutoff_date"] <= test
    pd.testing.assert_frame_equal(
        found[found["cutoff_date"] <= test].reset_index(drop=True),
        parameters[before].reset_index(drop=True),
        check_exact=True,
    )
    again = clv.select_cutoffs(found, spoilt)
    of_test = selected["cutoff_date"] == test
    assert of_test.any()
    assert selected.loc[of_test, "earlier_cutoffs"].eq(3).all()
    pd.testing.assert_frame_equal(
        again[again["cutoff_date"] == test].reset_index(drop=True),
        selected[of_test].reset_index(drop=True),
        check_exact=True,
    )


def test_a_cutoff_is_served_by_cutoffs_whose_windows_are_over():
    days = [days_before(offset) for offset in sorted(OFFSETS, reverse=True)]
    calendar = Calendar(days, {})
    for target, horizon in ((0, 90), (90, 90), (180, 180), (0, 365)):
        found = calendar.earlier(days_before(target), horizon)
        assert len(found) == 3
        for day in found:
            assert day + pd.Timedelta(days=horizon) <= days_before(target)
        assert all((a - b).days >= 28 for a, b in pairwise(found))
    assert [(TODAY - day).days for day in calendar.earlier(TODAY, 90)] == [90, 118, 146]
    centre, neighbours = calendar.year_before(TODAY, 90)
    assert centre == days_before(364)
    assert [(TODAY - day).days for day in neighbours] == [398, 342]
    # Its year is not over; and there is no cutoff 364 days before this one.
    assert calendar.year_before(TODAY, 365) == (None, [])
    assert calendar.year_before(days_before(2), 90) == (None, [])
    assert calendar.year_before(days_before(90), 90)[0] == days_before(454)


# ---------------------------------------------------------------- season


def test_the_season_is_actual_over_forecast_of_the_year_before():
    forecast = np.full(400, 10.0)
    actual = np.tile([0.0, 40.0], 200)
    season = selection.season_of(forecast, actual)
    assert season.is_known
    assert season.factor == 2
    # The relative error of the mean of 0 and 40: 1 / sqrt(400).
    assert season.spread == pytest.approx(0.05, rel=0.2)
    wider = selection.season_of(forecast, actual, [(forecast, actual * np.exp(0.4))])
    assert wider.spread == pytest.approx(np.hypot(season.spread, 0.2))


@pytest.mark.parametrize("pair", [(None, None), (np.zeros(3), np.ones(3)), (np.ones(3), -ACTUAL)])
def test_an_unknown_season_changes_no_forecast(pair):
    season = selection.season_of(*pair)
    assert (season.factor, season.is_known) == (1, False)


def test_autumn_is_known_from_the_autumn_before():
    days = 760
    shop = draw_shop(days, season=1.5)
    offsets = [90, 118, 146, 336, 364, 392, 420, 448]
    found = summarise(shop, days, offsets)
    chosen = clv.select_cutoffs(clv.fit_cutoffs(found, **KNOBS), found)
    chosen = chosen[chosen["is_chosen"] & (chosen["target"] == "net_revenue")]
    factors = dict(zip(chosen["horizon_days"], chosen["season_factor"], strict=True))
    # After the peak revenue falls, as it fell a year ago; a whole year has no season.
    assert 0.4 < factors[90] < 0.85
    assert factors[365] == 1


# ---------------------------------------------------------------- the interval


def draw_outcomes(seed, level=1.0, customers=3_000):
    rng = np.random.default_rng(seed)
    forecast = rng.lognormal(4, 1.2, customers)
    buys = rng.random(customers) < np.clip(forecast / 200, 0.3, 0.97)
    spread = np.where(forecast > np.quantile(forecast, 0.9), 0.8, 0.5)
    return forecast, level * buys * forecast * np.exp(spread * rng.normal(size=customers))


def coverage(interval, forecast, actual, factor=1.0):
    low, high = selection.score_interval(interval, forecast, factor)
    assert (low <= high).all()
    is_in = (actual >= low) & (actual <= high)
    return is_in.mean(), is_in[forecast > np.quantile(forecast, 0.9)].mean()


KNOWN = selection.Season(1.0, 0.0, is_known=True)
# What these customers bring of their forecast in a season of level 1.
LEVEL = np.mean(
    [actual.sum() / forecast.sum() for forecast, actual in map(draw_outcomes, range(20))]
)
UNKNOWN = selection.Season(1.0, 0.5, is_known=False)


def test_the_interval_holds_at_a_later_cutoff_and_among_the_largest():
    earlier = [draw_outcomes(seed) for seed in range(3)]
    interval = selection.calibrate(*zip(*earlier, strict=True), KNOWN, horizon_days=90)
    found = np.array([coverage(interval, *draw_outcomes(seed), LEVEL) for seed in range(5, 15)])
    assert found.mean(axis=0) == pytest.approx([0.9, 0.9], abs=0.015)
    assert (found > 0.85).all()


def test_a_known_season_moves_the_interval_and_earlier_seasons_do_not():
    earlier = [draw_outcomes(seed, level) for seed, level in enumerate((0.5, 1.0, 2.0))]
    interval = selection.calibrate(*zip(*earlier, strict=True), KNOWN, horizon_days=90)
    overall, top = coverage(interval, *draw_outcomes(7, level=1.8), 1.8 * LEVEL)
    assert overall == pytest.approx(0.9, abs=0.02)
    assert top > 0.85


def test_an_interval_without_a_year_before_holds_in_a_season_of_half_as_much_more():
    earlier = [draw_outcomes(seed) for seed in range(3)]
    plain, wide, year = (
        selection.calibrate(*zip(*earlier, strict=True), season, horizon_days=days)
        for season, days in ((KNOWN, 90), (UNKNOWN, 90), (UNKNOWN, 365))
    )
    in_season = draw_outcomes(7, level=1.6)
    assert coverage(plain, *in_season, LEVEL)[0] < 0.85
    assert min(coverage(wide, *in_season)) > 0.88
    # A year holds each season once.
    assert (np.array(year.high) < wide.high).all()
    assert coverage(year, *draw_outcomes(7))[0] == pytest.approx(0.9, abs=0.02)


def test_few_customers_leave_the_interval_to_the_model():
    forecast, actual = draw_outcomes(0, customers=150)
    assert selection.calibrate([forecast], [actual], KNOWN, horizon_days=90) is None
    assert selection.calibrate([], [], KNOWN, horizon_days=90) is None
    assert selection.calibrate([forecast], [0 * actual], KNOWN, horizon_days=90) is None


# ---------------------------------------------------------------- predicting


def test_the_plain_parameters_are_all_that_scoring_needs(parameters, selected, summaries):
    texts = selected.loc[selected["parameters"].notna(), "parameters"]
    assert len(texts) == 3
    for text in texts:
        forecast = selection.ValueForecast.from_json(text)
        assert selection.ValueForecast.from_json(forecast.to_json()) == forecast
    present = summaries[summaries["example_set"] == "current"]
    whole = clv.predict_cutoffs(parameters, selected, present, **WORTH)
    parts = [
        clv.predict_cutoffs(parameters[::-1], selected[::-1], batch, **WORTH)
        for batch in (present[300:], present[:300])
    ]
    parts = pd.concat(parts).sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(parts, whole, rtol=1e-9)


def test_a_year_is_worth_at_least_its_first_quarter(parameters, selected, summaries):
    present = summaries[summaries["example_set"] == "current"]
    found = clv.predict_cutoffs(parameters, selected, present, **WORTH)
    for bound in ("", "_low", "_high"):
        assert (found[f"predicted_value_365d{bound}"] >= found[f"predicted_value_90d{bound}"]).all()
    assert found["value_forecast_90d"].isin(forecasts.FORECASTS).all()


def test_the_regression_stays_within_what_it_has_seen(summaries):
    earlier = summaries[summaries["cutoff_date"].eq(days_before(180))]
    two_part = forecasts.fit_two_part([earlier], 90)
    absurd = earlier[:1].assign(net_revenue_365d=1e12, mean_purchase_day_value=1e12)
    (scored,) = forecasts.score_two_part(two_part, absurd)
    assert scored <= np.exp(two_part.highest) * two_part.smearing
    assert forecasts.fit_two_part([earlier[:60]], 90) is None
    assert forecasts.fit_two_part([], 90) is None


def test_the_regression_is_unbiased_on_its_own_customers(summaries):
    earlier = summaries[summaries["cutoff_date"].eq(days_before(180))]
    scored = forecasts.score_two_part(forecasts.fit_two_part([earlier], 90), earlier)
    assert scored.sum() == pytest.approx(earlier["actual_net_revenue_90d"].sum(), rel=0.1)


# ---------------------------------------------------------------- the next order

HISTORIES = pd.DataFrame(
    {
        "repeat_purchase_days": [0, 5, 30],
        "btyd_recency_weeks": [0.0, 20.0, 51.0],
        "btyd_age_weeks": [10.0, 22.0, 52.0],
    }
)


@pytest.mark.parametrize(
    "model",
    [
        clv.NBD.from_parameters(r=0.7, alpha=9.0),
        clv.BGNBD.from_parameters(r=0.5, alpha=6.0, a=0.8, b=2.4),
        clv.MBGNBD.from_parameters(r=0.5, alpha=6.0, a=0.8, b=1.6),
    ],
)
def test_the_quantiles_solve_the_probability_of_no_order(model):
    history = tuple(HISTORIES[name] for name in clv.pipeline.HISTORY)
    for level, days in next_order.order_quantiles(model, HISTORIES).items():
        for i, day in enumerate(days):
            one = tuple(column[[i]] for column in history)
            if np.isinf(day):
                assert model.p_alive(*one)[0] <= level
                continue
            assert model.p_no_purchase(day / 7, *one)[0] <= 1 - level + 1e-9
            assert day == 1 or model.p_no_purchase((day - 1) / 7, *one)[0] > 1 - level - 1e-9


def test_right_quantiles_beat_wrong_ones_and_are_met_as_often_as_they_say():
    rng = np.random.default_rng(0)
    waits = np.ceil(rng.exponential(40, 20_000))
    right = {level: np.full(20_000, -40 * np.log1p(-level)) for level in next_order.LEVELS}
    judged = next_order.judge_quantiles([right], [np.where(waits > 90, np.nan, waits)], 90)
    assert judged.shares[:2] == pytest.approx((0.1, 0.5), abs=0.02)
    # Nine of ten order within 92 days, after the window: nothing is known of it.
    assert np.isnan(judged.shares[2])
    for factor in (0.5, 2):
        wrong = {level: factor * days for level, days in right.items()}
        loss = next_order.judge_quantiles([wrong], [waits], 90).pinball_loss
        assert loss > judged.pinball_loss


def test_quantiles_that_do_not_beat_the_rules_are_not_published():
    def judgement(loss):
        return next_order.QuantileJudgement(3, 100, loss, (0.1, 0.5, 0.9))

    for own, shop, is_better in ((5, 5, True), (3.9, 5, False), (5, 4, False)):
        judged = {
            "fitted_model": judgement(4),
            "own_mean_gap": judgement(own),
            "shop_median_gap": judgement(shop),
        }
        assert next_order.beats_rules(judged) is is_better
    assert not next_order.beats_rules({})


def test_the_interval_widens_with_the_spread_of_the_season():
    earlier = [draw_outcomes(seed) for seed in range(3)]
    spread = selection.Season(1.0, 0.3, is_known=True)
    widths = [
        selection.calibrate(*zip(*earlier, strict=True), season, horizon_days=90).high[-1]
        for season in (KNOWN, spread)
    ]
    assert 1 < widths[1] / widths[0] < np.exp(0.3 * norm.ppf(0.95))
