"""The churn models: what they see, what they must not see, and what they return."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from customer_intelligence import churn

FEATURES = ["days_since_last_order", "orders", "net_revenue", "mean_gap_days"]
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
                        "orders": orders,
                        "net_revenue": rng.lognormal(5, 1, customers) * orders - 20,
                        "mean_gap_days": np.where(orders > 1, rng.gamma(2, 20, customers), np.nan),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def predict(frame, models=LINEAR, **options):
    options = {"horizon_days": 90, "random_state": 42, "min_customers": 50, **options}
    return churn.fit_predict(frame, FEATURES, models=models, **options)


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
    assert predictions.dtypes.astype(str).to_dict() == churn._PREDICTIONS
    assert len(predictions) == 5 * in_set(shop, "test", "current").sum()
    assert predictions["model"].unique().tolist() == list(churn.MODELS)
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
    assert all(0.75 < value < 0.95 for value in auc.values()), auc


def test_the_base_rate_is_that_of_the_training_examples(shop, predictions):
    for target, known in (("test", ["train"]), ("current", ["train", "test"])):
        expected = shop.loc[in_set(shop, *known), "has_churned"].astype(float).mean()
        found = of(predictions, target, "base_rate")["churn_probability"]
        np.testing.assert_allclose(found, expected)


def test_recency_alone_is_a_logistic_regression_on_one_standardised_column(shop, predictions):
    train, test = shop[in_set(shop, "train")], shop[in_set(shop, "test")]
    days = train["days_since_last_order"]
    assert abs(days.skew()) < 1  # so no logarithm is taken here
    model = LogisticRegression().fit(
        ((days - days.mean()) / days.std(ddof=0)).to_frame(), train["has_churned"].astype(int)
    )
    z = ((test["days_since_last_order"] - days.mean()) / days.std(ddof=0)).to_frame()
    found = of(predictions, "test", "recency_only")["churn_probability"]
    np.testing.assert_allclose(found, model.predict_proba(z)[:, 1], atol=1e-5)


def test_only_skewed_columns_are_compressed_and_signs_are_kept():
    skewed = np.array([0.0, 0, 0, 0, 0, 0, 0, np.expm1(4), -np.expm1(1)])
    even = np.arange(9.0)
    transform = churn.SkewLog().fit(np.column_stack([skewed, even]))
    result = transform.transform(np.column_stack([skewed, even]))
    np.testing.assert_allclose(result[:, 0], [0, 0, 0, 0, 0, 0, 0, 4, -1])
    np.testing.assert_allclose(result[:, 1], even)


def test_the_same_seed_twice_and_any_row_order_give_the_same_bits(shop, predictions):
    again = predict(shop.sample(frac=1, random_state=5), churn.MODELS)
    pd.testing.assert_frame_equal(again, predictions, check_exact=True)


def test_a_model_is_added_by_one_entry(shop):
    models = {"base_rate": churn.base_rate, "days_again": churn.recency_only}
    assert predict(shop, models)["model"].unique().tolist() == ["base_rate", "days_again"]


def test_batches_do_not_matter(shop, predictions):
    batched = predict(shop, batch_rows=37)
    linear = predictions[predictions["model"].isin(LINEAR)].reset_index(drop=True)
    pd.testing.assert_frame_equal(batched, linear, rtol=1e-12)


def test_large_training_sets_are_cut_by_customer(shop):
    small = predict(shop, max_train_rows=300)
    shuffled = predict(shop.sample(frac=1, random_state=1), max_train_rows=300)
    pd.testing.assert_frame_equal(small, shuffled, check_exact=True)
    kept = churn.sample_positions(shop.loc[in_set(shop, "train"), "customer_id"].sort_values(), 300)
    assert len(kept) == 300
    assert small["model_status"].eq("ok").all()


# ---------------------------------------------------------------- what must not be seen


def test_test_labels_do_not_reach_test_predictions(shop, predictions):
    changed = shop.copy()
    rows = in_set(shop, "test")
    changed.loc[rows, "has_churned"] = (~shop.loc[rows, "has_churned"]).to_numpy()
    result = predict(changed, churn.MODELS)
    pd.testing.assert_frame_equal(of(result, "test"), of(predictions, "test"), check_exact=True)
    # They do reach the current ones, whose models are refitted on all that is labelled.
    before, after = (of(p, "current", "rfm_logistic") for p in (predictions, result))
    assert (before["churn_probability"] != after["churn_probability"]).any()


def test_other_test_examples_do_not_reach_a_prediction(shop, predictions):
    changed = shop.copy()
    rows = in_set(shop, "test") & (shop["customer_id"] > "00000")
    changed.loc[rows, "net_revenue"] = 1e6
    changed.loc[rows, "mean_gap_days"] = 1e4
    first = of(predict(changed, churn.MODELS), "test").query("customer_id == '00000'")
    before = of(predictions, "test").query("customer_id == '00000'")
    np.testing.assert_allclose(first["churn_probability"], before["churn_probability"], rtol=1e-12)


def test_a_null_takes_the_training_median(shop):
    median = shop.loc[in_set(shop, "train"), "mean_gap_days"].median()
    rows = in_set(shop, "test")
    filled = shop.assign(mean_gap_days=shop["mean_gap_days"].mask(rows, median))
    nulled = shop.assign(mean_gap_days=shop["mean_gap_days"].mask(rows))
    np.testing.assert_allclose(
        of(predict(filled), "test")["churn_probability"],
        of(predict(nulled), "test")["churn_probability"],
        rtol=1e-12,
    )


def test_the_label_of_a_current_example_is_not_read(shop, predictions):
    changed = shop.assign(has_churned=shop["has_churned"].fillna(True))
    pd.testing.assert_frame_equal(predict(changed, churn.MODELS), predictions, check_exact=True)


def test_permuted_training_labels_teach_nothing(shop):
    rng = np.random.default_rng(0)
    train = shop[in_set(shop, "train")]
    test = shop[in_set(shop, "test")].sort_values("customer_id")
    model = {"logistic_regression": churn.logistic_regression}
    auc, spread = [], []
    for _ in range(30):
        labels = rng.permutation(train["has_churned"].to_numpy(dtype=bool))
        result = predict(pd.concat([train.assign(has_churned=labels), test]), model)
        probability = result["churn_probability"]
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
    assert result.dtypes.astype(str).to_dict() == churn._PREDICTIONS
    assert len(result) == len(LINEAR) * in_set(frame, "test", "current").sum()
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
        assert len(of(result, "current")) == len(LINEAR) * in_set(shop, "current").sum()
        assert result["model_status"].eq("insufficient_data").all()
        assert result["churn_probability"].isna().all()


def test_a_feature_that_is_null_or_constant_throughout_is_harmless(shop):
    models = {n: f for n, f in churn.MODELS.items() if n != "rfm_logistic"}
    result = predict(shop.assign(mean_gap_days=np.nan, net_revenue=5), models)
    assert result["churn_probability"].between(0, 1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"has_churned": 2}, "'has_churned' must be 0 or 1"),
        ({"has_churned": None}, "'has_churned' must be 0 or 1"),
        ({"example_set": "valid"}, r"'example_set' holds \['valid'\]"),
        ({"cutoff_date": None}, "'cutoff_date' holds a null"),
        ({"orders": np.inf}, "'orders' holds an infinite value"),
        ({"customer_id": "7"}, "occurs twice"),
        ({"customer_id": 7}, "'customer_id' must be text"),
    ],
)
def test_a_wrong_value_is_named(shop, change, message):
    with pytest.raises(ValueError, match=message):
        predict(shop.assign(**change))


@pytest.mark.parametrize(
    "column", ["customer_id", "cutoff_date", "example_set", "has_churned", "orders"]
)
def test_a_missing_column_is_named(shop, column):
    with pytest.raises(ValueError, match=f"'{column}' is missing"):
        predict(shop.drop(columns=column))


def test_the_label_is_no_feature(shop):
    with pytest.raises(ValueError, match=r"must not hold \['has_churned'\]"):
        churn.fit_predict(
            shop, [*FEATURES, "has_churned"], horizon_days=90, random_state=0, min_customers=50
        )
    with pytest.raises(ValueError, match="lack 'orders'"):
        churn.fit_predict(shop, ["net_revenue", *churn.RFM[:1]], horizon_days=90, random_state=0)


def test_the_progress_line(shop, predictions):
    assert churn.describe_fit(shop, predictions) == (
        "churn: 5 models on 800 examples … predicted 400 test and 400 current customers"
    )
    thin_result = predict(shop, min_customers=1000)
    assert churn.describe_fit(shop, thin_result) == (
        "churn: skipped (too little to learn from 400 training customers)"
    )
