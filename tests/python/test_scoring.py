"""Plain parameters say what scikit-learn says, of any batch, after JSON, and without it."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from customer_intelligence.churn import MODELS, fitting, models
from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.lifetime_value import choose_purchase_model
from customer_intelligence.scoring import Scorer, Trees, from_json, score, to_json

# One that nobody has, one that few have, one that is the same for all.
FEATURES = (
    *("days_since_last_order", "purchase_days", "tenure_days", "net_revenue"),
    *("gap", "never", "rare", "same"),
)


def customers(count, seed=0):
    """Draw customers, with nulls."""
    rng = np.random.default_rng(seed)
    silent, orders = rng.integers(0, 300, count), rng.geometric(0.4, count)
    return pd.DataFrame(
        {
            "days_since_last_order": silent,
            "purchase_days": orders,
            "tenure_days": silent + 30 * (orders - 1),
            "net_revenue": rng.lognormal(5, 2, count) * orders - 20,
            "gap": np.where(orders > 1, rng.gamma(2, 20, count), np.nan),
            "never": np.nan,
            "rare": np.where(rng.random(count) < 0.05, rng.normal(size=count), np.nan),
            "same": 5.1,
        },
        dtype="float64",
    )


@pytest.fixture(scope="module")
def sample():
    batch = customers(1_500)
    risk = expit((batch["days_since_last_order"] - 100) / 60 - batch["purchase_days"] / 3)
    return fitting.Sample(
        features=FEATURES,
        values=batch.to_numpy(),
        labels=(np.random.default_rng(1).random(len(batch)) < risk).astype("int64"),
        cutoffs=np.full(len(batch), np.datetime64("2011-06-12")),
        horizon_days=90,
        random_state=42,
    )


def batches():
    """Return batches of other customers, some of whom have nothing, or what nobody had."""
    later = customers(700, seed=2)
    return [
        later,
        later.assign(gap=np.nan, rare=np.nan, net_revenue=np.nan),
        later.fillna(3.0),
        later.head(1),
        later.head(0),
        later * 1e6,
    ]


def through_json(part):
    """Return what is read after it was written."""
    text = to_json(Scorer("m", {"m": part}, 0.1, 0.9, -0.2, "2010-09-11"))
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    found = from_json(text)
    assert (found.intercept, found.slope, found.level_shift) == (0.1, 0.9, -0.2)
    assert found.seasonal_cutoff_date == "2010-09-11"
    assert to_json(found) == text
    return found.parts["m"]


def assert_says(part, expected, batch):
    """The parameters say what is expected, to twelve digits, whatever the batch."""
    for read, batch_rows in ((part, 8_192), (through_json(part), 100)):
        found = expit(score(read, batch, batch_rows))
        np.testing.assert_allclose(found, expected.clip(1e-4, 1 - 1e-4), rtol=0, atol=1e-12)


def line(features):
    """Return scikit-learn's own way to the logistic regression."""

    def compressed(X):
        skewed = compressed.is_skewed
        return np.where(skewed, np.sign(X) * np.log1p(np.abs(X)), X)

    class Compress(FunctionTransformer):
        def fit(self, X, y=None):
            compressed.is_skewed = pd.DataFrame(X).skew().abs().to_numpy() > 1
            return super().fit(X, y)

    return make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True),
        Compress(compressed),
        StandardScaler(),
        LogisticRegression(solver="newton-cholesky", tol=1e-6),
    )


@pytest.mark.parametrize("model", ["recency_only", "rfm_logistic", "logistic_regression"])
def test_a_line_says_what_the_pipeline_of_scikit_learn_says(sample, model):
    part = MODELS[model](sample)
    assert "never" not in part.features
    table = pd.DataFrame(sample.values, columns=FEATURES)[list(part.features)].to_numpy()
    pipeline = line(part.features).fit(table, sample.labels)
    for batch in batches():
        values = batch[list(part.features)].to_numpy()
        assert_says(part, said_by(pipeline, values), batch)


def said_by(estimator, values):
    """Return the probabilities of scikit-learn, which refuses a batch without customers."""
    return estimator.predict_proba(values)[:, 1] if len(values) else np.empty(0)


ENSEMBLES = {
    "the forest": RandomForestClassifier(
        n_estimators=20, max_leaf_nodes=64, min_samples_leaf=3, random_state=0
    ),
    "stumps": RandomForestClassifier(n_estimators=5, max_leaf_nodes=2, random_state=0),
    "nine leaves": ExtraTreesClassifier(n_estimators=9, max_leaf_nodes=9, random_state=0),
    "a tree without a split": RandomForestClassifier(
        n_estimators=3, max_leaf_nodes=8, min_samples_leaf=1_400, random_state=0
    ),
    "boosting": HistGradientBoostingClassifier(
        max_iter=30, max_leaf_nodes=8, min_samples_leaf=5, random_state=0
    ),
    "boosting by default": HistGradientBoostingClassifier(max_iter=10, random_state=0),
}


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_trees_say_what_scikit_learn_says(sample, ensemble):
    estimator = ENSEMBLES[ensemble]
    part = fitting.fit_trees(sample, estimator)
    for batch in (*batches(), at_thresholds(part)):
        values = batch[list(part.features)].to_numpy()
        assert_says(part, said_by(estimator, values), batch)


def at_thresholds(part):
    """Return customers whose values are thresholds, or next to them in 64 or in 32 bits."""
    batch = customers(600, seed=3)
    rng = np.random.default_rng(4)
    for column, name in enumerate(part.features):
        cuts = part.threshold[part.feature == column].clip(-1e30, 1e30)
        if len(cuts):
            at = rng.choice(cuts, len(batch))
            near = [
                at,
                np.nextafter(at, np.inf),
                np.nextafter(at, -np.inf),
                np.nextafter(at.astype("float32"), np.float32(np.inf)).astype("float64"),
            ]
            batch[name] = rng.permuted(np.array(near), axis=0)[0]
    return batch


def test_a_split_between_known_and_unknown_is_kept():
    """Only whether there is a value tells the two apart."""
    rng = np.random.default_rng(0)
    value = np.where(rng.random(400) < 0.5, np.nan, 1.0)
    known = fitting.Sample(
        features=("only",),
        values=value[:, np.newaxis],
        labels=np.isnan(value).astype("int64"),
        cutoffs=np.full(400, np.datetime64("2011-06-12")),
        horizon_days=90,
        random_state=0,
    )
    batch = pd.DataFrame({"only": [np.nan, 1.0, -1e300, 1e300]})
    for estimator in (
        HistGradientBoostingClassifier(max_iter=20, random_state=0),
        RandomForestClassifier(n_estimators=5, max_leaf_nodes=4, random_state=0),
    ):
        batch = batch if isinstance(estimator, HistGradientBoostingClassifier) else batch.head(2)
        part = through_json(fitting.fit_trees(known, estimator))
        expected = estimator.predict_proba(batch[["only"]].to_numpy())[:, 1]
        assert_says(part, expected, batch)
        assert (expit(score(part, batch)) > 0.5).tolist() == [True, False, False, False][
            : len(batch)
        ]


def test_the_base_rate_is_that_of_the_sample(sample):
    dummy = DummyClassifier(strategy="prior").fit(sample.values, sample.labels)
    for batch in batches():
        expected = np.full(len(batch), dummy.class_prior_[1])
        assert_says(models.base_rate(sample), expected, batch)


def test_buy_till_you_die_says_what_the_purchase_model_says(sample):
    part = models.buy_till_you_die(sample)
    orders, tenure, silent = (
        pd.DataFrame(sample.values, columns=FEATURES)[name].to_numpy()
        for name in ("purchase_days", "tenure_days", "days_since_last_order")
    )
    chosen = choose_purchase_model(orders - 1, (tenure - silent) / 7, tenure / 7)
    batch = batches()[0]
    silent, tenure = batch["days_since_last_order"] / 7, batch["tenure_days"] / 7
    recency = np.where(batch["purchase_days"] > 1, tenure - silent, 0)
    expected = chosen.model.p_no_purchase(90 / 7, batch["purchase_days"] - 1, recency, tenure)
    assert_says(part, expected, batch)
    assert score(part, batch.head(0)).shape == (0,)


def test_too_few_customers_for_a_model_have_no_parameters(sample):
    few = fitting.Sample(
        FEATURES, sample.values[:50], sample.labels[:50], sample.cutoffs[:50], 90, 0
    )
    fitted = models.fit([models.AVERAGE], few)
    assert fitted["buy_till_you_die"] is None
    batch = batches()[0]
    logits = models.predict_logits([models.AVERAGE, "buy_till_you_die"], fitted, batch)
    assert logits["buy_till_you_die"].isna().all()
    assert logits[models.AVERAGE].notna().all()


def test_features_by_groups_say_what_they_say_together(sample):
    """So that a group can be exchanged without working out the others again."""
    scorer = Scorer("average", models.fit([models.AVERAGE], sample))
    batch = batches()[0]
    order = np.random.default_rng(0).permutation(len(batch))
    for size in (1, 2, 4):
        groups = [FEATURES[first : first + size] for first in range(0, len(FEATURES), size)]
        terms = scorer.terms(batch, groups)
        np.testing.assert_allclose(scorer.logits(terms), scorer.score(batch), rtol=0, atol=1e-12)
        moved = batch.assign(**{name: batch[name].to_numpy()[order] for name in groups[0]})
        terms[0] = [said[order] for said in terms[0]]
        np.testing.assert_allclose(scorer.logits(terms), scorer.score(moved), rtol=0, atol=1e-12)


def test_scoring_needs_no_scikit_learn():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import customer_intelligence.scoring as s, numpy as np, pandas as pd\n"
        "a, i = np.array, [0]\n"
        "t = s.Trees(('x',), a(i), a([0, -1, -1]), a([1., 0, 0]), a([1, 0, 0]), a([2, 0, 0]), "
        "a([True, False, False]), a([0., -1, 2]), False, .5, False)\n"
        "t = s.from_json(s.to_json(s.Scorer('m', {'m': t}))).parts['m']\n"
        "print(s.score(t, pd.DataFrame({'x': [0., 1, 1.5, None]})).tolist())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == [-0.5, -0.5, 2.5, -0.5]


@pytest.mark.parametrize(
    ("estimator", "advice"),
    [
        (KNeighborsClassifier(), "KNeighborsClassifier, whose fit has none.* Use fit_line"),
        (RandomForestClassifier(), "RandomForestClassifier may have .* max_leaf_nodes=64 or fewer"),
        (HistGradientBoostingClassifier(max_leaf_nodes=65), "Give it max_leaf_nodes=64 or fewer"),
    ],
)
def test_an_estimator_without_a_plain_form_is_refused_before_it_is_fitted(
    sample, estimator, advice
):
    with pytest.raises(CustomerIntelligenceError, match=f"E_NO_PLAIN_FORM: .*{advice}"):
        fitting.fit_trees(sample, estimator)


def test_a_model_that_gives_an_estimator_is_told_to_give_parameters(sample):
    wanted = {"neighbours": lambda sample: KNeighborsClassifier().fit(sample.values, sample.labels)}
    with pytest.raises(
        CustomerIntelligenceError,
        match=r"E_NO_PLAIN_FORM: The churn model neighbours gives KNeighbors.* fit_trees",
    ):
        models.fit(wanted, fill(sample), wanted)


def fill(sample):
    """Return the sample with 0 for what is unknown."""
    values = np.nan_to_num(sample.values)
    return fitting.Sample(FEATURES, values, sample.labels, sample.cutoffs, 90, 0)


def test_a_tree_with_more_leaves_than_a_word_has_bits_is_refused():
    """Such parameters can only have been written by another version."""
    splits = np.arange(64)
    nodes = 2 * len(splits) + 1
    feature = np.where(np.arange(nodes) % 2 == 0, 0, -1)
    feature[-1] = -1
    inner = np.flatnonzero(feature == 0)
    left, right = np.zeros(nodes, int), np.zeros(nodes, int)
    left[inner], right[inner] = inner + 1, inner + 2
    tree = Trees(
        ("x",), np.array([0]), feature, np.arange(nodes, dtype=float), left, right,
        np.zeros(nodes, bool), np.zeros(nodes), False, 0.0, False,
    )  # fmt: skip
    with pytest.raises(ValueError, match="a tree has 65 leaves, more than 64"):
        score(tree, pd.DataFrame({"x": [1.0]}))
