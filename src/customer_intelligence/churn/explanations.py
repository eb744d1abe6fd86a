"""Permutation importance of a churn model, and reasons for each customer.

Features are permuted and replaced in groups: alone, a feature with correlated neighbours would seem
unimportant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from customer_intelligence.churn.examples import checked, typed
from customer_intelligence.churn.scorers import scorer_of
from customer_intelligence.frames import sample_positions
from customer_intelligence.scoring import BATCH_ROWS, Scorer

REPEATS = 5
MAX_IMPORTANCE_ROWS = 5_000
MAX_REASONS = 3

# What moves the odds by less than a twentieth is no reason.
MIN_CONTRIBUTION = 0.05

_IMPORTANCE = {
    "feature_group": "string",
    "repeat": "int32",
    "roc_auc": "float64",
    "permuted_roc_auc": "float64",
}
_REASONS = {
    "customer_id": "string",
    "reason_rank": "int32",
    "feature_group": "string",
    "feature": "string",
    "feature_value": "float64",
    "typical_value": "float64",
    "contribution": "float64",
}


def feature_groups(table: pd.DataFrame, features: Sequence[str]) -> dict[str, list[str]]:
    """Return the features of each group, in the order of the features.

    Parameters
    ----------
    table : DataFrame
        feature and feature_group.
    features : sequence of str
        The features in use.

    Returns
    -------
    dict of str to list of str
        A feature that the table does not know is a group of its own.

    Examples
    --------
    >>> known = pd.DataFrame({"feature": ["a", "b"], "feature_group": ["pace", "pace"]})
    >>> feature_groups(known, ["a", "b", "c"])
    {'pace': ['a', 'b'], 'c': ['c']}
    """
    known = table.set_index("feature")["feature_group"].to_dict()
    groups: dict[str, list[str]] = {}
    for feature in features:
        groups.setdefault(known.get(feature, feature), []).append(feature)
    return groups


def permutation_importance(
    examples: pd.DataFrame,
    groups: Mapping[str, Sequence[str]],
    parameters: pd.DataFrame,
    *,
    random_state: int,
    repeats: int = REPEATS,
) -> pd.DataFrame:
    """Permute each group of features among the test customers and measure the ROC AUC again.

    Breiman (2001, doi 10.1023/A:1010933404324), with the columns of a group moved together.

    Parameters
    ----------
    examples : DataFrame
        As for ``fit_predict``; only the test examples are used.
    groups : mapping of str to sequence of str
        The features of each group; together, all features.
    parameters : DataFrame
        Of ``fit_scorers``: those of 'test' are explained.
    random_state : int
        Seed of the permutations.
    repeats : int
        Permutations of each group.

    Returns
    -------
    DataFrame
        One row for each group and repeat: feature_group, repeat (from 1), roc_auc of the test
        customers as they are, permuted_roc_auc. At most ``MAX_IMPORTANCE_ROWS`` customers are
        looked at. Empty where there is no model or no pair to rank.
    """
    scorer = scorer_of(parameters, "test")
    test = examples[examples["example_set"] == "test"]
    if scorer is None or test["has_churned"].nunique() < 2:
        return pd.DataFrame(columns=list(_IMPORTANCE)).astype(_IMPORTANCE)
    test = checked(test, [name for group in groups.values() for name in group], 0)
    test = test.iloc[sample_positions(test["customer_id"], MAX_IMPORTANCE_ROWS)]
    terms = scorer.terms(test, list(groups.values()))
    as_is = roc_auc_score(test["has_churned"], scorer.logits(terms))
    rng = np.random.default_rng(random_state)
    rows = []
    for repeat in range(1, repeats + 1):
        for number, group in enumerate(groups):
            order = rng.permutation(len(test))
            permuted = [said[order] for said in terms[number]]
            logits = scorer.logits([*terms[:number], permuted, *terms[number + 1 :]])
            rows.append((group, repeat, as_is, roc_auc_score(test["has_churned"], logits)))
    return pd.DataFrame(rows, columns=list(_IMPORTANCE)).astype(_IMPORTANCE)


def reasons(
    examples: pd.DataFrame, groups: Mapping[str, Sequence[str]], parameters: pd.DataFrame
) -> pd.DataFrame:
    """Return the reasons why current customers score above or below a typical customer.

    A group's contribution is how far the customer's log-odds fall when the group's features take
    the values of the typical customer (the medians of the current customers). Those in the
    direction in which the customer differs from the typical one are reasons, strongest first.

    Parameters
    ----------
    examples, groups
        As for ``permutation_importance``; only the current examples are used.
    parameters : DataFrame
        Of ``fit_scorers``: those of 'current' are explained.

    Returns
    -------
    DataFrame
        Up to ``MAX_REASONS`` rows a current customer, sorted by customer_id and reason_rank:
        customer_id, reason_rank (from 1), feature_group, feature (of the group the one farthest
        from typical, in interquartile ranges), feature_value, typical_value, contribution
        (log-odds; positive raises the risk).
    """
    scorer = scorer_of(parameters, "current")
    current = examples[examples["example_set"] == "current"]
    if scorer is None or current.empty:
        return pd.DataFrame(columns=list(_REASONS)).astype(_REASONS)
    features = [name for group in groups.values() for name in group]
    current = typed(current, features).reset_index(drop=True)
    typical = current[features].median()
    contributions, sign = _contributions(scorer, current, typical, list(groups.values()))
    strengths = contributions * sign[:, np.newaxis]
    # The strongest first, equal ones by the name of their group.
    by_name = np.argsort(np.array(list(groups)))
    ranked = by_name[np.argsort(-strengths[:, by_name], axis=1, kind="stable")[:, :MAX_REASONS]]
    rows = np.arange(len(current))[:, np.newaxis]
    customer, rank = np.nonzero(strengths[rows, ranked] >= MIN_CONTRIBUTION)
    group = ranked[customer, rank]
    feature = _farthest(current, typical, groups)[customer, group]
    values = current[features].to_numpy()
    result = pd.DataFrame(
        {
            "customer_id": current["customer_id"].to_numpy()[customer],
            "reason_rank": rank + 1,
            "feature_group": np.array(list(groups), dtype=object)[group],
            "feature": np.array(features, dtype=object)[feature],
            "feature_value": values[customer, feature],
            "typical_value": typical.to_numpy()[feature],
            "contribution": contributions[customer, group],
        }
    )
    return result.astype(_REASONS)


def _contributions(
    scorer: Scorer, current: pd.DataFrame, typical: pd.Series, groups: Sequence[Sequence[str]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each group adds to the log-odds, and the direction in which customers differ.

    Returns
    -------
    contributions : ndarray, shape (n, groups)
    sign : ndarray, shape (n,)
        1 for customers at or above the typical one, else -1.
    """
    usual = scorer.terms(typical.to_frame().T, groups)
    contributions, signs = [], []
    for start in range(0, len(current), BATCH_ROWS):
        terms = scorer.terms(current.iloc[start : start + BATCH_ROWS], groups)
        score = scorer.logits(terms)
        changed = [
            scorer.logits([*terms[:number], usual[number], *terms[number + 1 :]])
            for number in range(len(groups))
        ]
        contributions.append(
            np.column_stack([score - np.broadcast_to(c, score.shape) for c in changed])
        )
        signs.append(np.where(score >= scorer.logits(usual)[0], 1.0, -1.0))
    return np.concatenate(contributions), np.concatenate(signs)


def _farthest(
    current: pd.DataFrame, typical: pd.Series, groups: Mapping[str, Sequence[str]]
) -> np.ndarray:
    """Return the position of the feature farthest from typical in each group, (n, groups)."""
    # A feature without a value anywhere, or the same for nearly everyone, still needs a unit.
    known = current[list(typical.index)]
    spread = known.quantile([0.25, 0.75]).diff().iloc[-1].replace(0, np.nan).fillna(known.std())
    spread = spread.replace(0, np.nan).fillna(1.0)
    away = np.nan_to_num(((known - typical) / spread).abs().to_numpy())
    found, first = [], 0
    for members in groups.values():
        found.append(first + away[:, first : first + len(members)].argmax(axis=1))
        first += len(members)
    return np.column_stack(found)
