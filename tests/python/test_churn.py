"""The churn models: what they see, what they must not see, and what they return."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from customer_intelligence import churn
from customer_intelligence.churn import calibration, explanations, leaky, models
from customer_intelligence.churn.examples import FOLDS, RFM, folds_of
from customer_intelligence.churn.fitting import Design, Sample
from customer_intelligence.churn.predictions import _PREDICTIONS, SCORES
from customer_intelligence.churn.scorers import scorer_of
from customer_intelligence.frames import sample_positions
from customer_intelligence.scoring import MAX_LOGIT, compress
from customer_intelligence.scoring import score as logits_of

FEATURES = ["days_since_last_order", "purchase_days", "net_revenue", "tenure_days", "mean_gap_days"]
NAMES = models.names(churn.MODELS)
# The forest takes most of the time and leaks no other way than the boosted trees would.
NO_FOREST = {name: model for name, model in churn.MODELS.items() if name != "random_forest"}
CUTOFFS = {
    "train": ["2011-04-13", "2011-06-12"],
    "test": ["2011-09-10"],
    "current": ["2011-12-09"],
}
LINEAR = {n: churn.MODELS[n] for n in ("base_rate", "recency_only", "logistic_regression")}


def examples(customers=400, seed=0):
    """Draw examples of a shop in which the silent churn more often."""
    rng = np.random.default_rng(seed)
    parts = []
    for example_set, cutoffs in CUTOFFS.items():
        for cutoff in cutoffs:
            days = rng.integers(0, 300, customers)
            orders = rng.geometric(0.4, customers)
            churned = rng.random(customers) < 1 / (1 + np.exp(-(days - 100) / 60 + orders / 3))
            parts.append(
                pd.DataFrame(
                    {
                        "customer_id": [f"{n:05d}" for n in range(customers)],
                        "cutoff_date": pd.Timestamp(cutoff),
                        "example_set": example_set,
                        "has_churned": pd.array(
                            churned if example_set != "current" else [None] * customers,
                            dtype="boolean",
                        ),
                        "is_active_90d": days < 90,
                        "days_since_last_order": days,
                        "purchase_days": orders,
                        "tenure_days": days + 30 * (orders - 1),
                        "net_revenue": rng.lognormal(5, 1, customers) * orders - 20,
                        "mean_gap_days": np.where(orders > 1, rng.gamma(2, 20, customers), np.nan),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def predict(frame, wanted=LINEAR, **options):
    options = {"horizon_days": 90, "random_state": 42, "min_customers": 50, **options}
    return churn.fit_predict(frame, FEATURES, models=wanted, **options)


def fitted(frame, predictions, model="logistic_regression"):
    """Return the parameters of the chosen model."""
    return churn.fit_scorers(frame, FEATURES, model, predictions, horizon_days=90, random_state=42)


def score(frame, predictions, model="logistic_regression"):
    return churn.score(fitted(frame, predictions, model), frame)


def sample(frame, random_state=42, horizon_days=90):
    """Return what a fit learns from."""
    frame = frame.assign(has_churned=frame["has_churned"].astype(float))
    return Sample.of(frame, FEATURES, horizon_days=horizon_days, random_state=random_state)


def months(first, count, customers=300, seed=3, rate=None):
    """Draw the examples of cutoffs 30 days apart."""
    drawn = examples(customers, seed).query("example_set == 'test'")
    rng = np.random.default_rng(seed)
    parts = []
    for number in range(count):
        part = drawn.assign(
            cutoff_date=pd.Timestamp(first) + pd.Timedelta(days=30 * number), example_set="rolling"
        )
        for column in ("days_since_last_order", "purchase_days", "net_revenue"):
            part[column] = rng.permutation(part[column])
        part["tenure_days"] = part["days_since_last_order"] + 30 * (part["purchase_days"] - 1)
        level = (part["days_since_last_order"] - 100) / 60 - part["purchase_days"] / 3
        level += 0 if rate is None else rate(part["cutoff_date"].iloc[0])
        part["has_churned"] = pd.array(rng.random(customers) < expit(level), dtype="boolean")
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def of(predictions, example_set, model=None):
    rows = predictions[predictions["example_set"] == example_set]
    rows = rows if model is None else rows[rows["model"] == model]
    return rows.reset_index(drop=True)


def in_set(frame, *names):
    return frame["example_set"].isin(names)


@pytest.fixture(scope="module")
def shop():
    return examples()


@pytest.fixture(scope="module")
def predictions(shop):
    return predict(shop, churn.MODELS)


# ---------------------------------------------------------------- what comes out


def test_every_later_example_gets_a_probability_from_every_model(shop, predictions):
    assert predictions.dtypes.astype(str).to_dict() == _PREDICTIONS
    # The training examples are there too, predicted by models that never saw their customer.
    assert len(predictions) == len(NAMES) * in_set(shop, "train", "test").sum()
    assert predictions["model"].unique().tolist() == NAMES
    assert not predictions.duplicated(["customer_id", "cutoff_date", "model"]).any()
    assert predictions["churn_probability"].between(0, 1).all()
    assert predictions["model_status"].eq("ok").all()


def test_the_models_find_what_there_is_to_find(shop, predictions):
    labels = shop[in_set(shop, "test")].set_index("customer_id")["has_churned"]
    auc = {
        model: roc_auc_score(
            labels[rows["customer_id"].tolist()].astype(int), rows["churn_probability"]
        )
        for model, rows in of(predictions, "test").groupby("model")
    }
    assert auc.pop("base_rate") == 0.5
    # Here nobody's purchases follow the process that it assumes.
    assert 0.6 < auc.pop("buy_till_you_die") < 0.95
    assert all(0.75 < value < 0.95 for value in auc.values()), auc


def test_the_base_rate_is_that_of_the_training_examples(shop, predictions):
    current = score(shop, predictions, "base_rate")
    for rows, known in (
        (of(predictions, "test", "base_rate"), ["train"]),
        (current, ["train", "test"]),
    ):
        expected = shop.loc[in_set(shop, *known), "has_churned"].astype(float).mean()
        np.testing.assert_allclose(rows["churn_probability"], expected)


def test_current_customers_are_scored_by_the_chosen_model_alone(shop, predictions):
    current = score(shop, predictions)
    assert current.dtypes.astype(str).to_dict() == SCORES
    assert current["customer_id"].tolist() == sorted(shop["customer_id"].unique())
    assert current["example_set"].eq("current").all()
    assert current["model"].eq("logistic_regression").all()
    labels = shop[in_set(shop, "train", "test")]
    line = models.logistic_regression(sample(labels))
    raw = logits_of(line, shop[in_set(shop, "current")])
    slope, intercept = np.polyfit(raw, logit(current["churn_probability"]), 1)
    held_out = of(predictions, "validation", "logistic_regression")
    truth = held_out.merge(shop, on=["customer_id", "cutoff_date"])
    line = calibration.fit_calibration(
        logit(truth["uncalibrated_probability"]).to_numpy(), truth["has_churned"].to_numpy(int)
    )
    assert (slope, intercept) == pytest.approx((line.slope, line.intercept), abs=1e-3)
    # Without a model that was judged, nobody is given a probability.
    assert score(shop, predictions, None).empty


@pytest.mark.parametrize("model", NAMES)
def test_the_parameters_say_of_test_customers_what_was_judged(shop, predictions, model):
    """From the table, without the training examples, and with the line that calibrates."""
    scorer = scorer_of(fitted(shop, predictions, model), "test")
    judged = of(predictions, "test", model).set_index("customer_id")["churn_probability"]
    test = shop[in_set(shop, "test")].set_index("customer_id").loc[judged.index]
    np.testing.assert_allclose(scorer.probability(scorer.score(test)), judged, rtol=1e-12)


def test_earlier_cutoffs_are_predicted_from_what_was_over_by_then():
    """Six months 30 days apart: the sixth knows the first three, the fifth two, the fourth one."""
    shop = months("2011-01-01", 6).assign(example_set="train")
    current = shop[shop["cutoff_date"] == shop["cutoff_date"].max()].assign(
        cutoff_date=pd.Timestamp("2011-09-01"), example_set="test"
    )
    shop = pd.concat([shop, current], ignore_index=True)
    result = predict(shop)
    rolling = of(result, "rolling", "base_rate").groupby("cutoff_date")["churn_probability"].first()
    days = [pd.Timestamp("2011-01-01") + pd.Timedelta(days=30 * n) for n in range(6)]
    assert rolling.index.tolist() == days[4:]
    rates = shop.groupby("cutoff_date")["has_churned"].mean()
    np.testing.assert_allclose(rolling, [rates[days[:2]].mean(), rates[days[:3]].mean()])
    # What comes after a cutoff reaches neither its prediction nor those of earlier ones.
    later = shop["cutoff_date"] >= days[3]
    changed = shop.assign(has_churned=shop["has_churned"].where(~later, ~shop["has_churned"]))
    pd.testing.assert_frame_equal(
        of(predict(changed), "rolling"), of(result, "rolling"), check_exact=True
    )
    # Bounds hold for the customers that are judged.
    few = predict(shop, max_judged_customers=40)
    assert of(few, "rolling", "base_rate").groupby("cutoff_date").size().eq(40).all()
    assert len(of(few, "test", "base_rate")) == 40


def test_recency_alone_is_a_logistic_regression_on_one_standardised_column(shop, predictions):
    train, test = shop[in_set(shop, "train")], shop[in_set(shop, "test")]
    days = train["days_since_last_order"]
    assert abs(days.skew()) < 1  # so no logarithm is taken here
    z = (days - days.mean()) / days.std(ddof=0)
    model = LogisticRegression().fit(z.to_frame("z"), train["has_churned"].astype(int))
    z = ((test["days_since_last_order"] - days.mean()) / days.std(ddof=0)).to_frame("z")
    # Calibration moves the line and not the order: the logits lie on a line.
    found = logit(of(predictions, "test", "recency_only")["churn_probability"])
    raw = model.decision_function(z)
    slope, intercept = np.polyfit(raw, found, 1)
    assert slope == pytest.approx(1, abs=0.1)
    np.testing.assert_allclose(found, intercept + slope * raw, atol=1e-5)


def test_only_skewed_columns_are_compressed_and_signs_are_kept():
    skewed = np.array([0.0, 0, 0, 0, 0, 0, 0, np.expm1(4), -np.expm1(1)])
    values = np.column_stack([skewed, np.arange(9.0)])
    design = Design.of(values)
    assert design.is_skewed.tolist() == [True, False]
    result = compress(values, design.is_skewed)
    np.testing.assert_allclose(result[:, 0], [0, 0, 0, 0, 0, 0, 0, 4, -1])
    np.testing.assert_allclose(result[:, 1], values[:, 1])


def test_the_same_seed_twice_and_any_row_order_give_the_same_bits(shop, predictions):
    again = predict(shop.sample(frac=1, random_state=5), churn.MODELS)
    pd.testing.assert_frame_equal(again, predictions, check_exact=True)


def test_a_model_is_added_by_one_entry(shop):
    wanted = {"base_rate": models.base_rate, "days_again": models.recency_only}
    assert predict(shop, wanted)["model"].unique().tolist() == ["base_rate", "days_again"]


def test_batches_do_not_matter(shop, predictions):
    batched = predict(shop, batch_rows=37)
    linear = predictions[predictions["model"].isin(LINEAR)].reset_index(drop=True)
    pd.testing.assert_frame_equal(batched, linear, rtol=1e-12)


def test_large_training_sets_are_cut_by_customer(shop):
    small = predict(shop, max_train_rows=300)
    shuffled = predict(shop.sample(frac=1, random_state=1), max_train_rows=300)
    pd.testing.assert_frame_equal(small, shuffled, check_exact=True)
    kept = sample_positions(shop.loc[in_set(shop, "train"), "customer_id"].sort_values(), 300)
    assert len(kept) == 300
    assert small["model_status"].eq("ok").all()


# ---------------------------------------------------------------- what must not be seen


def test_test_labels_do_not_reach_test_predictions(shop, predictions):
    changed = shop.copy()
    rows = in_set(shop, "test")
    changed.loc[rows, "has_churned"] = (~shop.loc[rows, "has_churned"]).to_numpy()
    result = predict(changed, NO_FOREST)
    known = predictions[predictions["model"].isin(NO_FOREST)]
    pd.testing.assert_frame_equal(of(result, "test"), of(known, "test"), check_exact=True)
    # They do reach the current ones, whose models are refitted on all that is labelled.
    before, after = score(shop, predictions), score(changed, result)
    assert (before["churn_probability"] != after["churn_probability"]).any()


def test_other_test_examples_do_not_reach_a_prediction(shop, predictions):
    changed = shop.copy()
    rows = in_set(shop, "test") & (shop["customer_id"] > "00000")
    changed.loc[rows, "net_revenue"] = 1e6
    changed.loc[rows, "mean_gap_days"] = 1e4
    first = of(predict(changed, NO_FOREST), "test").query("customer_id == '00000'")
    known = predictions[predictions["model"].isin(NO_FOREST)]
    before = of(known, "test").query("customer_id == '00000'")
    np.testing.assert_allclose(first["churn_probability"], before["churn_probability"], rtol=1e-12)


def test_what_is_not_known_is_not_taken_for_typical(shop):
    """A rhythm that only the faithful have: whoever has none leaves, whatever the median is."""
    rng = np.random.default_rng(4)
    unknown = rng.random(len(shop)) < 0.3
    frame = shop.assign(mean_gap_days=shop["mean_gap_days"].fillna(30).mask(unknown))
    has_churned = rng.random(len(shop)) < np.where(unknown, 0.9, 0.3)
    frame["has_churned"] = pd.array(
        np.where(in_set(shop, "current"), None, has_churned), dtype="boolean"
    )
    wanted = {
        name: churn.MODELS[name]
        for name in ("logistic_regression", "gradient_boosting", "random_forest")
    }
    test = frame[in_set(frame, "test")].set_index("customer_id")["mean_gap_days"].isna()
    for name, rows in of(predict(frame, wanted), "test").groupby("model"):
        means = rows.groupby(test[rows["customer_id"].tolist()].to_numpy())["churn_probability"]
        assert means.mean()[True] == pytest.approx(0.9, abs=0.1), name
        assert means.mean()[False] == pytest.approx(0.3, abs=0.1), name


def test_a_feature_that_nobody_had_in_training_is_left_out(shop):
    """As the season of the year before is, until there has been one."""
    unknown = shop.assign(mean_gap_days=shop["mean_gap_days"].mask(in_set(shop, "train")))
    without = [name for name in FEATURES if name != "mean_gap_days"]
    options = {"horizon_days": 90, "random_state": 42, "min_customers": 50, "models": NO_FOREST}
    np.testing.assert_allclose(
        of(churn.fit_predict(unknown, FEATURES, **options), "test")["churn_probability"],
        of(churn.fit_predict(unknown, without, **options), "test")["churn_probability"],
        rtol=1e-9,
    )


def test_the_label_of_a_current_example_is_not_read(shop, predictions):
    changed = shop.assign(has_churned=shop["has_churned"].fillna(True))
    known = predictions[predictions["model"].isin(NO_FOREST)].reset_index(drop=True)
    pd.testing.assert_frame_equal(predict(changed, NO_FOREST), known, check_exact=True)


def test_permuted_training_labels_teach_nothing(shop):
    rng = np.random.default_rng(0)
    train = shop[in_set(shop, "train")]
    test = shop[in_set(shop, "test")].sort_values("customer_id")
    wanted = {"logistic_regression": models.logistic_regression}
    auc, spread = [], []
    for _ in range(10):
        labels = rng.permutation(train["has_churned"].to_numpy(dtype=bool))
        result = predict(pd.concat([train.assign(has_churned=labels), test]), wanted)
        probability = of(result, "test")["churn_probability"]
        auc.append(roc_auc_score(test["has_churned"].astype(int), probability))
        spread.append(probability.std())
    # One permutation may point either way along a feature that matters; on average none does.
    assert np.mean(auc) == pytest.approx(0.5, abs=0.1)
    assert np.mean(spread) < 0.06


@pytest.mark.parametrize("horizon_days", [91, 120])
def test_labels_that_reach_past_a_later_cutoff_are_refused(shop, horizon_days):
    with pytest.raises(ValueError, match=r"train cutoff 2011-06-12 .* test cutoff 2011-09-10"):
        predict(shop, horizon_days=horizon_days)


def test_the_first_of_several_test_cutoffs_counts(shop):
    early = shop[in_set(shop, "test")].assign(cutoff_date=pd.Timestamp("2011-09-09"))
    with pytest.raises(ValueError, match="test cutoff 2011-09-09"):
        predict(pd.concat([shop, early]))


def test_test_labels_that_reach_past_the_current_cutoff_are_refused(shop):
    moved = shop.assign(
        cutoff_date=shop["cutoff_date"].mask(in_set(shop, "current"), pd.Timestamp("2011-12-08"))
    )
    with pytest.raises(ValueError, match=r"test cutoff 2011-09-10 .* current cutoff 2011-12-08"):
        predict(moved)


def test_no_customer_is_calibrated_or_validated_by_a_model_that_saw_it(shop):
    # In any order: the rows of the fixture would hide folds that follow the row.
    train = shop[in_set(shop, "train")].sample(frac=1, random_state=3)
    folds = folds_of(train["customer_id"])
    assert set(folds) == set(range(FOLDS))
    for fold in range(FOLDS):
        held_out, learned = (
            set(train.loc[rows, "customer_id"]) for rows in (folds == fold, folds != fold)
        )
        assert held_out
        assert not held_out & learned
    # Labels of one customer move the line of its fold, which other folds give, and nothing else
    # in it: models of its fold never saw them. Those of the other folds did.
    one = train["customer_id"] == train["customer_id"].iloc[0]
    changed = shop.copy()
    changed.loc[one[one].index, "has_churned"] = (~train.loc[one, "has_churned"]).to_numpy()
    before, after = (of(predict(s), "validation", "logistic_regression") for s in (shop, changed))
    own_fold = folds_of(before["customer_id"]) == folds[0]
    for rows, is_a_line in ((own_fold, True), (~own_fold, False)):
        x, y = (logit(p.loc[rows, "churn_probability"]) for p in (before, after))
        residuals = y - np.polyval(np.polyfit(x, y, 1), x)
        assert (abs(residuals).max() < 1e-9) == is_a_line


def test_the_line_of_a_fold_is_drawn_without_it(shop, monkeypatch):
    train = shop[in_set(shop, "train")]
    seen = []

    def recorded(logits, labels):
        seen.append(len(labels))
        return calibration.fit_calibration(logits, labels)

    monkeypatch.setattr("customer_intelligence.churn.predictions.fit_calibration", recorded)
    predict(shop, {"recency_only": models.recency_only})
    sizes = np.bincount(folds_of(train["customer_id"]))
    assert sorted(seen) == sorted([len(train), *(len(train) - sizes)])


def test_validation_rows_are_the_training_examples(shop, predictions):
    rows = of(predictions, "validation", "logit_average")
    train = shop[in_set(shop, "train")].sort_values(["cutoff_date", "customer_id"])
    assert rows["customer_id"].tolist() == train["customer_id"].tolist()
    small = of(predict(shop, max_validation_rows=100), "validation", "base_rate")
    assert len(small) == 100


# ---------------------------------------------------------------- the average and calibration


def test_the_average_is_that_of_the_log_odds_of_its_parts(shop):
    train = shop[in_set(shop, "train")].reset_index(drop=True)
    wanted = [*models.AVERAGED, models.AVERAGE]
    learned = models.fit(wanted, sample(train))
    logits = models.predict_logits(wanted, learned, train)
    np.testing.assert_allclose(
        logits[models.AVERAGE], logits[list(models.AVERAGED)].mean(axis=1), rtol=1e-12
    )
    assert set(models.fit([models.AVERAGE], sample(train))) == set(models.AVERAGED)


def test_calibration_finds_the_line_that_was_drawn():
    rng = np.random.default_rng(1)
    true = rng.normal(0, 1.5, 200_000)
    labels = (rng.random(len(true)) < expit(true)).astype(float)
    # Too sure of itself by a factor of two, and too low by one.
    found = calibration.fit_calibration(2 * true - 1, labels)
    assert (found.slope, found.intercept) == pytest.approx((0.5, 0.5), abs=0.02)
    backwards = calibration.fit_calibration(-true, labels)
    constant = calibration.fit_calibration(np.zeros(len(true)), labels)
    assert backwards == constant == calibration.Calibration(0, 1)


def test_a_line_as_steep_as_plain_churn_draws_it_stays_within_what_models_may_say():
    """Otherwise no shift within reach would bring its level to that of another season."""
    logits = calibration.Calibration(0, 1000)(np.array([-5.0, -1, 1, 5]))
    assert np.abs(logits).max() <= MAX_LOGIT
    labels = np.array([0.0, 1, 1, 1])
    shift = calibration.seasonal_shift(logits, labels)
    assert expit(logits + shift).mean() == pytest.approx(0.75, abs=1e-9)


def seasons(rate):
    """Return two and a half years of cutoffs whose level follows the calendar."""
    shop = months("2009-01-01", 34, customers=250, rate=rate)
    last = shop["cutoff_date"].max()
    known = shop["cutoff_date"] + pd.Timedelta(days=90) <= last
    sets = np.where(shop["cutoff_date"] == last, "test", np.where(known, "train", "rolling"))
    return shop.assign(example_set=sets)


def test_the_level_of_the_season_before_is_taken_where_it_has_helped():
    """In a shop where half the year is slack, and in one where last year says nothing."""
    shop = seasons(lambda day: 2.0 if day.month in range(4, 10) else -2.0)
    result = predict(shop)
    rows = of(result, "test", "logistic_regression")
    year_ago = pd.Timestamp("2009-01-01") + pd.Timedelta(days=30 * 21)
    assert rows["seasonal_cutoff_date"].eq(year_ago).all()
    assert (rows["churn_probability"] == rows["seasonal_probability"]).all()
    # The parameters hold the level.
    scorer = scorer_of(fitted(shop, result), "test")
    test = shop[in_set(shop, "test")].set_index("customer_id").loc[rows["customer_id"]]
    np.testing.assert_allclose(
        scorer.probability(scorer.score(test)), rows["churn_probability"], rtol=1e-9
    )
    assert scorer.seasonal_cutoff_date == str(year_ago.date())
    # What was learned before there was a year of evidence says nothing yet; the base rate says
    # what it says.
    rolling = of(result, "rolling", "logistic_regression")
    assert rolling["seasonal_cutoff_date"].isna().any()
    assert of(result, "test", "base_rate")["seasonal_cutoff_date"].isna().all()
    up = predict(seasons(lambda day: 1.5 * np.sin(day.toordinal() / 30 * 2.4)))
    rows = of(up, "test", "logistic_regression")
    assert rows["seasonal_cutoff_date"].isna().all()
    assert rows["seasonal_probability"].notna().all(), "it is shown all the same"


def test_no_level_is_taken_without_three_cutoffs_that_show_that_it_helps():
    evidence = calibration.SeasonEvidence(90, ["fixed"])
    rng = np.random.default_rng(0)
    labels = (rng.random(400) < 0.8).astype(float)
    flat = pd.DataFrame({"m": np.zeros(400), "fixed": np.zeros(400)})
    first = pd.Timestamp("2009-01-01")

    def day(number):
        return first + pd.Timedelta(days=30 * number)

    for number in range(12):
        evidence.add(day(number), flat, labels)
    assert evidence.level(day(11)) is None, "there is no year before"
    for number in range(12, 15):
        level = evidence.level(day(number))
        assert level.cutoff == day(number - 12)
        assert expit(flat["m"] + level.shifts["m"]).mean() == pytest.approx(labels.mean(), abs=1e-6)
        assert not level.helps.any(), number
        evidence.add(day(number), flat, labels)
    # Only 90 days later the third of them is over.
    assert not evidence.level(day(16)).helps["m"]
    assert evidence.level(day(17)).helps.to_dict() == {"m": True, "fixed": False}


def test_a_handful_of_customers_a_year_ago_sets_no_level():
    for labels in (np.r_[np.ones(75), np.zeros(75)], np.ones(400), np.r_[np.ones(400), 0]):
        evidence = calibration.SeasonEvidence(90)
        logits = pd.DataFrame({"m": np.zeros(len(labels))})
        evidence.add(pd.Timestamp("2010-09-11"), logits, labels)
        assert evidence.level(pd.Timestamp("2011-09-10")) is None


def test_a_shop_in_which_churn_is_plain_to_see_is_not_predicted_beyond_doubt(shop):
    """Whoever was silent for over 100 days left, everybody else stayed, this year and last."""
    plain = shop.assign(
        has_churned=(shop["days_since_last_order"] > 100).mask(in_set(shop, "current"))
    )
    year_ago = plain[plain["cutoff_date"] == pd.Timestamp("2011-04-13")]
    year_ago = year_ago.assign(cutoff_date=pd.Timestamp("2010-09-11"))
    result = predict(pd.concat([year_ago, plain]), NO_FOREST)
    learned = result[~result["model"].isin(["base_rate", "buy_till_you_die"])]
    assert learned["churn_probability"].between(1e-4 - 1e-9, 1 - 1e-4 + 1e-9).all()
    test = of(result, "test", "logistic_regression")
    labels = plain[in_set(plain, "test")].sort_values("customer_id")["has_churned"].astype(int)
    assert roc_auc_score(labels, test["churn_probability"]) > 0.99


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (["2010-09-11"], "2010-09-11"),
        (["2010-08-27", "2010-09-26"], "2010-08-27"),
        (["2010-08-26"], None),
        (["2011-03-14"], None),
        ([], None),
    ],
)
def test_the_season_before_is_52_weeks_away_give_or_take_15_days(known, expected):
    found = calibration.season_before(
        pd.Timestamp("2011-09-10"), pd.Series(pd.to_datetime(known), dtype="datetime64[us]")
    )
    assert found == (None if expected is None else pd.Timestamp(expected))


# ---------------------------------------------------------------- buy till you die


def test_silence_makes_no_purchase_likelier_and_orders_make_it_less_likely(shop):
    train = shop[in_set(shop, "train")]

    def silence(horizon_days):
        learned = models.buy_till_you_die(sample(train, horizon_days=horizon_days))
        return logits_of(learned, pd.DataFrame(more))

    customer = {"tenure_days": 200, "days_since_last_order": 20, "purchase_days": 3}
    more = [customer, {**customer, "purchase_days": 6}, {**customer, "days_since_last_order": 150}]
    usual, often, silent = silence(90)
    assert often < usual
    assert silent >= usual
    assert (silence(180) < [usual, often, silent]).all()


def test_too_few_customers_for_buy_till_you_die_are_said_and_not_guessed(shop):
    few = shop[shop["customer_id"] < "00080"]
    result = predict(few, NO_FOREST, min_customers=20)
    rows = result[result["model"] == "buy_till_you_die"]
    assert rows["model_status"].eq("insufficient_data").all()
    assert rows["churn_probability"].isna().all()
    others = result[result["model"] != "buy_till_you_die"]
    assert others["model_status"].eq("ok").all()


# ---------------------------------------------------------------- explanations

GROUPS = {
    "recency": ["days_since_last_order"],
    "rhythm": ["purchase_days", "tenure_days", "mean_gap_days"],
    "spending": ["net_revenue"],
}
OPTIONS = {"horizon_days": 90, "random_state": 42}


def importance(frame, parameters, repeats=5):
    return churn.permutation_importance(frame, GROUPS, parameters, random_state=42, repeats=repeats)


def test_what_matters_loses_most_when_it_is_permuted(shop, predictions):
    table = importance(shop, fitted(shop, predictions))
    assert table.groupby("feature_group").size().to_dict() == dict.fromkeys(GROUPS, 5)
    loss = (table["roc_auc"] - table["permuted_roc_auc"]).groupby(table["feature_group"]).mean()
    # The labels follow recency and orders; money follows orders and adds nothing.
    assert loss["recency"] > loss["spending"] + 0.05
    assert loss["rhythm"] > loss["spending"]
    assert abs(loss["spending"]) < 0.03


def test_reasons_point_where_the_score_points(shop, predictions):
    table = churn.reasons(shop, GROUPS, fitted(shop, predictions, "logit_average"))
    current = shop[in_set(shop, "current")].set_index("customer_id")
    assert set(table["customer_id"]) <= set(current.index)
    assert table["reason_rank"].between(1, 3).all()
    assert not table.duplicated(["customer_id", "reason_rank"]).any()
    assert not table.duplicated(["customer_id", "feature_group"]).any()
    strength = table["contribution"].abs()
    assert (strength >= explanations.MIN_CONTRIBUTION).all()
    assert (strength.groupby(table["customer_id"]).diff().dropna() <= 0).all()
    # All reasons of a customer point the same way, and long silence raises the risk.
    assert (np.sign(table["contribution"]).groupby(table["customer_id"]).nunique() == 1).all()
    silent = table[(table["feature_group"] == "recency") & (table["feature_value"] > 250)]
    assert len(silent) > 10
    assert (silent["contribution"] > 0).all()
    assert (
        table["feature_value"]
        .eq([current.at[c, f] for c, f in zip(table["customer_id"], table["feature"], strict=True)])
        .where(table["feature_value"].notna(), True)
        .all()
    )


@pytest.mark.parametrize("model", NAMES)
def test_every_model_is_explained_by_exchanging_values(shop, predictions, model):
    """Whatever the rule chooses: buy till you die too, whose features belong together."""
    parameters = fitted(shop, predictions, model)
    losses = importance(shop, parameters, repeats=1)
    scorer = scorer_of(parameters, "test")
    test = shop[in_set(shop, "test")].sort_values("customer_id")
    rng = np.random.default_rng(42)
    for (group, members), found in zip(GROUPS.items(), losses["permuted_roc_auc"], strict=True):
        moved = test.astype(dict.fromkeys(members, float))
        moved[members] = moved[members].to_numpy()[rng.permutation(len(test))]
        expected = roc_auc_score(test["has_churned"].astype(int), scorer.score(moved))
        assert found == pytest.approx(expected, abs=1e-9), group

    scorer = scorer_of(parameters, "current")
    current = shop[in_set(shop, "current")].set_index("customer_id")
    as_is = pd.Series(scorer.score(current), current.index)
    table = churn.reasons(shop, GROUPS, parameters)
    assert table.empty == (model == "base_rate")
    for group, rows in table.groupby("feature_group"):
        usual = current.assign(**{name: current[name].median() for name in GROUPS[group]})
        fall = as_is - pd.Series(scorer.score(usual), current.index)
        found = rows.set_index("customer_id")["contribution"]
        np.testing.assert_allclose(found, fall[found.index], atol=1e-9)


def test_without_a_model_nothing_is_explained(shop, predictions):
    nothing, base_rate = (fitted(shop, predictions, name) for name in (None, "base_rate"))
    for table in (
        importance(shop, nothing),
        churn.reasons(shop, GROUPS, nothing),
        churn.reasons(shop[~in_set(shop, "current")], GROUPS, base_rate),
    ):
        assert table.empty
        assert table["feature_group"].dtype == "string"


def test_features_without_a_group_are_one_of_their_own():
    table = pd.DataFrame({"feature": ["a", "b"], "feature_group": ["g", "g"]})
    assert churn.feature_groups(table, ["b", "new", "a"]) == {"g": ["b", "a"], "new": ["new"]}


def test_the_leaky_tutorial_finds_its_own_label_again(shop):
    table = churn.leaky_baseline(shop, FEATURES, **OPTIONS)
    test = shop[in_set(shop, "test")].sort_values("customer_id")
    assert table["customer_id"].tolist() == test["customer_id"].tolist()
    assert table["is_called_churned"].tolist() == (test["days_since_last_order"] > 90).tolist()
    assert roc_auc_score(table["is_called_churned"], table["churn_probability"]) > 0.999
    honest = roc_auc_score(test["has_churned"].astype(int), table["churn_probability"])
    assert honest < 0.95
    lively = shop.assign(days_since_last_order=shop["days_since_last_order"].clip(upper=30))
    nothing = churn.leaky_baseline(lively, FEATURES, **OPTIONS)
    assert nothing.empty
    assert nothing.dtypes.astype(str).to_dict() == leaky._LEAKY


# ---------------------------------------------------------------- thin and wrong input


def thin():
    shop = examples(60)
    labelled = in_set(shop, "train", "test")
    return {
        "no rows": shop.iloc[:0],
        "no rows, no types": shop.iloc[:0].astype(object),
        "no training rows": shop[in_set(shop, "current")],
        "a single class": shop.assign(has_churned=shop["has_churned"].mask(labelled, True)),
        "one customer": shop[shop["customer_id"] == "00000"],
        "too few customers": shop[shop["customer_id"] < "00049"],
    }


@pytest.mark.parametrize("name", thin())
def test_thin_data_gives_typed_rows_without_probabilities(name):
    frame = thin()[name]
    result = predict(frame)
    assert result.dtypes.astype(str).to_dict() == _PREDICTIONS
    assert len(result) == len(LINEAR) * in_set(frame, "test").sum()
    assert result["model_status"].eq("insufficient_data").all()
    assert result["churn_probability"].isna().all()
    assert churn.describe_fit(frame, result).startswith("churn: ")


def test_what_cannot_be_tested_is_not_predicted(shop):
    # Either nobody to test on, or ten customers to learn from before the test.
    for untested in (
        ~in_set(shop, "test"),
        ~in_set(shop, "train") | (shop["customer_id"] < "00010"),
    ):
        result = predict(shop[untested])
        assert of(result, "validation").empty
        assert result["model_status"].eq("insufficient_data").all()
        assert result["churn_probability"].isna().all()


def test_a_feature_that_is_null_or_constant_throughout_is_harmless(shop):
    result = predict(shop.assign(mean_gap_days=np.nan, net_revenue=5), NO_FOREST)
    assert result["churn_probability"].between(0, 1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"has_churned": 2}, "'has_churned' must be 0 or 1"),
        ({"has_churned": None}, "'has_churned' must be 0 or 1"),
        ({"example_set": "valid"}, r"'example_set' holds \['valid'\]"),
        ({"cutoff_date": None}, "'cutoff_date' holds a null"),
        ({"purchase_days": np.inf}, "'purchase_days' holds an infinite value"),
        ({"customer_id": "7"}, "occurs twice"),
        ({"customer_id": 7}, "'customer_id' must be text"),
    ],
)
def test_a_wrong_value_is_named(shop, change, message):
    with pytest.raises(ValueError, match=message):
        predict(shop.assign(**change))


@pytest.mark.parametrize(
    "column", ["customer_id", "cutoff_date", "example_set", "has_churned", "purchase_days"]
)
def test_a_missing_column_is_named(shop, column):
    with pytest.raises(ValueError, match=f"'{column}' is missing"):
        predict(shop.drop(columns=column))


def test_the_label_is_no_feature(shop):
    with pytest.raises(ValueError, match=r"must not hold \['has_churned'\]"):
        churn.fit_predict(
            shop, [*FEATURES, "has_churned"], horizon_days=90, random_state=0, min_customers=50
        )
    with pytest.raises(ValueError, match="lack 'purchase_days'"):
        churn.fit_predict(shop, ["net_revenue", *RFM[:1]], horizon_days=90, random_state=0)


def test_the_progress_line(shop, predictions):
    assert churn.describe_fit(shop, predictions) == (
        "churn: 8 models on 800 examples … judged at 1 cutoff, the last with 400 customers"
    )
    thin_result = predict(shop, min_customers=1000)
    assert churn.describe_fit(shop, thin_result) == (
        "churn: skipped (too little to learn from 400 training customers)"
    )


def scored(probabilities, churned):
    """Return one row a customer of one model, cutoff and population."""
    return pd.DataFrame(
        {
            "model": "m",
            "cutoff_date": pd.Timestamp("2011-09-10"),
            "population": "all_known",
            "churn_probability": probabilities,
            "has_churned": churned,
        }
    )


def test_the_recalibration_is_the_logistic_regression_of_scikit_learn():
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 1.5, 800)
    churned = rng.random(800) < expit(0.4 + 0.7 * scores)
    line = churn.recalibrate(scored(expit(scores), churned)).iloc[0]

    design = scores.reshape(-1, 1)
    fit = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12).fit(design, churned)
    assert line["slope"] == pytest.approx(fit.coef_[0, 0], abs=1e-8)
    assert line["line_intercept"] == pytest.approx(fit.intercept_[0], abs=1e-8)
    assert expit(scores + line["level_shift"]).mean() == pytest.approx(churned.mean(), abs=1e-12)
    fitted = fit.predict_proba(design)[:, 1]
    both = np.column_stack([np.ones(800), scores])
    covariance = np.linalg.inv(both.T @ (both * (fitted * (1 - fitted))[:, None]))
    assert line["slope_variance"] == pytest.approx(covariance[1, 1])
    assert line["slope_intercept_covariance"] == pytest.approx(covariance[0, 1])


def test_the_recalibration_of_two_scores_goes_through_both_rates():
    """Of 4 at 1/5 one churned, of 4 at 4/5 three: the log-odds say -ln 3 and ln 3, not ln 4."""
    table = scored([0.2] * 4 + [0.8] * 4, [True, False, False, False, True, True, True, False])
    line = churn.recalibrate(table).iloc[0]
    assert line["slope"] == pytest.approx(np.log(3) / np.log(4))
    assert line["line_intercept"] == pytest.approx(0, abs=1e-12)
    assert line["level_shift"] == pytest.approx(0, abs=1e-12)
    # Eight customers, each with 3/16 at the line and 4/25 at the scores themselves.
    assert line["slope_variance"] == pytest.approx(1 / (8 * 3 / 16 * np.log(4) ** 2))
    assert line["slope_intercept_covariance"] == pytest.approx(0, abs=1e-12)
    assert line["level_shift_variance"] == pytest.approx(1 / (8 * 4 / 25))


@pytest.mark.parametrize(
    ("probabilities", "churned"),
    [
        ([], []),
        ([0.2, 0.8], [True, True]),
        ([0.5, 0.5], [True, False]),
        ([0.2, 0.3, 0.7, 0.8], [False, False, True, True]),
        ([0.0, 1.0], [False, True]),
    ],
    ids=["nobody", "one outcome", "one score", "separated", "no logits"],
)
def test_there_is_no_recalibration_without_a_finite_answer(probabilities, churned):
    lines = churn.recalibrate(scored(probabilities, churned))
    assert lines.empty
    assert [str(kind) for kind in lines.dtypes[:3]] == ["string", "datetime64[us]", "string"]


def test_the_recalibration_does_not_depend_on_the_order_of_rows():
    rng = np.random.default_rng(2)
    table = scored(rng.random(300), rng.random(300) < 0.4)
    shuffled = table.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(churn.recalibrate(table), churn.recalibrate(shuffled), rtol=0)
