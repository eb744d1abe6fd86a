"""From a sample of examples to plain parameters, by way of scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from customer_intelligence.errors import CustomerIntelligenceError
from customer_intelligence.lifetime_value import choose_purchase_model
from customer_intelligence.scoring import (
    MAX_LOGIT,
    MOST_LEAVES,
    Linear,
    Purchases,
    Trees,
    compress,
)
from customer_intelligence.scoring.purchases import FEATURES as PURCHASE_FEATURES
from customer_intelligence.scoring.purchases import history

_FORESTS = (RandomForestClassifier, ExtraTreesClassifier)

# Columns whose skewness exceeds this, in either direction, are compressed.
MAX_SKEWNESS = 1.0


@dataclass(frozen=True, eq=False)
class Sample:
    """What a fit learns from.

    Attributes
    ----------
    features : tuple of str
        The columns that models may use.
    values : ndarray of float64, shape (n, features)
        With NaN for a null.
    labels : ndarray of int64, shape (n,)
        1 for an example that churned, 0 for one that did not.
    cutoffs : ndarray of datetime64, shape (n,)
    horizon_days : int
        Length of the label's window.
    random_state : int
        Seed.
    """

    features: tuple[str, ...]
    values: np.ndarray
    labels: np.ndarray
    cutoffs: np.ndarray
    horizon_days: int
    random_state: int

    @classmethod
    def of(
        cls, rows: pd.DataFrame, features: Sequence[str], *, horizon_days: int, random_state: int
    ) -> Sample:
        """Return the sample of checked examples with a label."""
        return cls(
            features=tuple(features),
            values=rows[list(features)].to_numpy(dtype="float64"),
            labels=rows["has_churned"].to_numpy(dtype="int64"),
            cutoffs=rows["cutoff_date"].to_numpy(),
            horizon_days=horizon_days,
            random_state=random_state,
        )

    def columns(self, names: Sequence[str]) -> list[int]:
        """Return where features stand among the columns."""
        return [self.features.index(name) for name in names]

    @cached_property
    def known(self) -> tuple[str, ...]:
        """The features that have a value here: of the others nothing is learned."""
        has_value = ~np.isnan(self.values).all(axis=0)
        return tuple(
            name for name, is_known in zip(self.features, has_value, strict=True) if is_known
        )

    @cached_property
    def design(self) -> Design:
        """What lines are fitted on, worked out once for all of them."""
        return Design.of(self.values[:, self.columns(self.known)])


@dataclass(frozen=True, eq=False)
class Design:
    """Columns as a line takes them: nulls filled and marked, compressed, standardised.

    Attributes
    ----------
    medians, means, scales, null_scales : ndarray of float64, shape (k,)
    null_means : ndarray of float64, shape (k,)
        The share of nulls; 0 where there is none.
    is_skewed : ndarray of bool, shape (k,)
    values, nulls : ndarray of float64, shape (n, k)
        Standardised values and standardised marks of nulls.
    """

    medians: np.ndarray
    is_skewed: np.ndarray
    means: np.ndarray
    scales: np.ndarray
    null_means: np.ndarray
    null_scales: np.ndarray
    values: np.ndarray
    nulls: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Design:
        """Work out the columns, each of which has a value."""
        is_null = np.isnan(values)
        medians = np.nanmedian(values, axis=0)
        filled = np.where(is_null, medians, values)
        is_skewed = pd.DataFrame(filled).skew().abs().to_numpy() > MAX_SKEWNESS
        scaler, null_scaler = StandardScaler(), StandardScaler()
        standardised = scaler.fit_transform(compress(filled, is_skewed))
        nulls = null_scaler.fit_transform(is_null.astype("float64"))
        return cls(
            medians=medians,
            is_skewed=is_skewed,
            means=scaler.mean_,
            scales=scaler.scale_,
            null_means=null_scaler.mean_,
            null_scales=null_scaler.scale_,
            values=standardised,
            nulls=nulls,
        )


def fit_prior(sample: Sample) -> Linear:
    """Return the share of churners, as a line without features."""
    none = np.empty(0)
    rate = np.clip(logit(sample.labels.mean()), -MAX_LOGIT, MAX_LOGIT)
    return Linear((), none, none.astype(bool), none, none, none, none, float(rate))


def fit_line(sample: Sample, features: Sequence[str]) -> Linear:
    """Fit a logistic regression that knows a null from the median that stands in for it."""
    names = tuple(name for name in features if name in sample.known)
    columns = [sample.known.index(name) for name in names]
    design = sample.design
    marked = [column for column in columns if design.null_means[column] > 0]
    line = LogisticRegression(solver="newton-cholesky", tol=1e-6).fit(
        np.hstack([design.values[:, columns], design.nulls[:, marked]]), sample.labels
    )
    slopes = line.coef_[0]
    shifts = np.zeros(len(sample.known))
    shifts[marked] = slopes[len(columns) :] / design.null_scales[marked]
    return Linear(
        features=names,
        medians=design.medians[columns],
        is_skewed=design.is_skewed[columns],
        means=design.means[columns],
        scales=design.scales[columns],
        coefficients=slopes[: len(columns)],
        null_shifts=shifts[columns],
        intercept=float(line.intercept_[0] - shifts @ design.null_means),
    )


def fit_purchases(sample: Sample) -> Purchases | None:
    """Fit BG/NBD, or NBD where its dropout degenerates.

    It learns from purchase days alone, without labels: those known at the latest cutoff.

    Returns
    -------
    Purchases or None
        None where there are too few customers to fit.
    """
    latest = sample.values[sample.cutoffs == sample.cutoffs.max()]
    choice = choose_purchase_model(*history(latest[:, sample.columns(PURCHASE_FEATURES)]))
    if choice.name is None:
        return None
    return Purchases(choice.name, choice.fitted[choice.name].parameters_, sample.horizon_days)


def fit_trees(sample: Sample, estimator: BaseEstimator) -> Trees:
    """Fit trees on all features that have a value; they take nulls as they are.

    Parameters
    ----------
    sample : Sample
    estimator : RandomForestClassifier, ExtraTreesClassifier or HistGradientBoostingClassifier
        Unfitted, with at most 64 leaves a tree.

    Returns
    -------
    Trees

    Raises
    ------
    CustomerIntelligenceError
        ``E_NO_PLAIN_FORM`` for another estimator, or trees with more leaves.
    """
    name = type(estimator).__name__
    if not isinstance(estimator, (*_FORESTS, HistGradientBoostingClassifier)):
        raise no_plain_form(f"A churn model is fitted by {name}, whose fit has none.")
    if estimator.max_leaf_nodes is None or estimator.max_leaf_nodes > MOST_LEAVES:
        raise CustomerIntelligenceError(
            "E_NO_PLAIN_FORM",
            f"The trees of {name} may have more than {MOST_LEAVES} leaves.",
            f"Give it max_leaf_nodes={MOST_LEAVES} or fewer.",
        )
    fitted = estimator.fit(sample.values[:, sample.columns(sample.known)], sample.labels)
    plain = _forest if isinstance(estimator, _FORESTS) else _boosted
    return plain(fitted, sample.known)


def no_plain_form(what: str) -> CustomerIntelligenceError:
    """Return the refusal of a fit that leaves no plain parameters."""
    return CustomerIntelligenceError(
        "E_NO_PLAIN_FORM",
        f"{what} Churn models score by plain parameters.",
        "Use fit_line, fit_prior, fit_purchases, or fit_trees with RandomForestClassifier, "
        "ExtraTreesClassifier or HistGradientBoostingClassifier; or write its parameters, with "
        "terms and logits, beside those in src/customer_intelligence/scoring/.",
    )


def _forest(fitted: RandomForestClassifier, features: tuple[str, ...]) -> Trees:
    """Return the trees of a forest, whose leaves hold shares of churners."""
    trees = [member.tree_ for member in fitted.estimators_]
    return _flat(
        features,
        [
            {
                "feature": np.where(tree.children_left < 0, -1, tree.feature),
                "threshold": tree.threshold,
                "left": tree.children_left,
                "right": tree.children_right,
                "null_goes_left": tree.missing_go_to_left,
                "value": tree.value[:, 0, 1],
            }
            for tree in trees
        ],
        says_probability=True,
        baseline=0.0,
        is_single_precision=True,
    )


def _boosted(fitted: HistGradientBoostingClassifier, features: tuple[str, ...]) -> Trees:
    """Return boosted trees, whose leaves add up to log-odds.

    scikit-learn has no public name for them; a test compares every prediction.
    """
    trees = [tree.nodes for (tree,) in fitted._predictors]
    return _flat(
        features,
        [
            {
                "feature": np.where(nodes["is_leaf"], -1, nodes["feature_idx"]),
                "threshold": nodes["num_threshold"],
                "left": nodes["left"],
                "right": nodes["right"],
                "null_goes_left": nodes["missing_go_to_left"],
                "value": nodes["value"],
            }
            for nodes in trees
        ],
        says_probability=False,
        baseline=float(fitted._baseline_prediction.item()),
        is_single_precision=False,
    )


def _flat(
    features: tuple[str, ...],
    trees: Sequence[dict[str, np.ndarray]],
    *,
    says_probability: bool,
    baseline: float,
    is_single_precision: bool,
) -> Trees:
    """Return trees end to end; what a leaf has no use for is 0."""
    sizes = np.array([len(tree["feature"]) for tree in trees])
    roots = np.cumsum(sizes) - sizes
    joined = {name: np.concatenate([tree[name] for tree in trees]) for name in trees[0]}
    is_split = joined["feature"] >= 0
    starts = np.repeat(roots, sizes)
    # A split between known and null has a threshold beyond all values.
    finite = np.finfo("float64")
    return Trees(
        features=features,
        roots=roots,
        feature=joined["feature"].astype("int64"),
        threshold=np.where(is_split, np.clip(joined["threshold"], finite.min, finite.max), 0.0),
        left=np.where(is_split, starts + joined["left"].astype("int64"), 0),
        right=np.where(is_split, starts + joined["right"].astype("int64"), 0),
        null_goes_left=is_split & joined["null_goes_left"].astype(bool),
        value=np.where(is_split, 0.0, joined["value"]),
        says_probability=says_probability,
        baseline=baseline,
        is_single_precision=is_single_precision,
    )
