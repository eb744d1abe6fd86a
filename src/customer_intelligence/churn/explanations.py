"""Permutation importance of a churn model, and reasons for each customer.

Features are permuted and replaced in groups: alone, a feature with correlated neighbours would seem
unimportant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from customer_intelligence.churn import models as churn_models
from customer_intelligence.churn.examples import checked, labelled
from customer_intelligence.frames import sample_positions

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
    model: str | None,
    *,
    horizon_days: int,
    random_state: int,
    repeats: int = REPEATS,
) -> pd.DataFrame:
    """Permute each group of features among the test customers and measure the ROC AUC again.

    Breiman (2001, doi 10.1023/A:1010933404324), with the columns of a group moved together.

    Parameters
    ----------
    examples, horizon_days
        As for ``fit_predict``.
    groups : mapping of str to sequence of str
        The features of each group; together, all features.
    model : str or None
        The model to explain, fitted on the training examples; None where there is none.
    random_state : int
        Seed of the fit and of the permutations.
    repeats : int
        Permutations of each group.

    Returns
    -------
    DataFrame
        One row for each group and repeat: feature_group, repeat (from 1), roc_auc of the test
        customers as they are, permuted_roc_auc. At most ``MAX_IMPORTANCE_ROWS`` customers are
        looked at. Empty where there is no model or no pair to rank.
    """
    features = [name for group in groups.values() for name in group]
    table = checked(examples, features, horizon_days)
    test = table[table["example_set"] == "test"]
    test = test.iloc[sample_positions(test["customer_id"], MAX_IMPORTANCE_ROWS)]
    if model is None or test["has_churned"].nunique() < 2:
        return pd.DataFrame(columns=list(_IMPORTANCE)).astype(_IMPORTANCE)
    rng = np.random.default_rng(random_state)
    rows = []
    with threadpool_limits(limits=1):
        fitted = churn_models.fit(
            [model],
            labelled(table, "test", horizon_days),
            features,
            horizon_days=horizon_days,
            random_state=random_state,
        )

        def auc(frame: pd.DataFrame) -> float:
            logits = churn_models.predict_logits([model], fitted, frame)[model]
            return float(roc_auc_score(test["has_churned"], logits))

        as_is = auc(test)
        for repeat in range(1, repeats + 1):
            for group, members in groups.items():
                permuted = test.copy()
                order = rng.permutation(len(test))
                permuted[list(members)] = test[list(members)].to_numpy()[order]
                rows.append((group, repeat, as_is, auc(permuted)))
    return pd.DataFrame(rows, columns=list(_IMPORTANCE)).astype(_IMPORTANCE)


def reasons(
    examples: pd.DataFrame,
    groups: Mapping[str, Sequence[str]],
    model: str | None,
    *,
    horizon_days: int,
    random_state: int,
) -> pd.DataFrame:
    """Return the reasons why current customers score above or below a typical customer.

    A group's contribution is how far the customer's log-odds fall when the group's features take
    the values of the typical customer (the medians of the current customers). Those in the
    direction in which the customer differs from the typical one are reasons, strongest first.

    Parameters
    ----------
    examples, groups, model, horizon_days, random_state
        As for ``permutation_importance``; the model is fitted on everything labelled.

    Returns
    -------
    DataFrame
        Up to ``MAX_REASONS`` rows a current customer, sorted by customer_id and reason_rank:
        customer_id, reason_rank (from 1), feature_group, feature (of the group the one farthest
        from typical, in interquartile ranges), feature_value, typical_value, contribution
        (log-odds; positive raises the risk).
    """
    features = [name for group in groups.values() for name in group]
    table = checked(examples, features, horizon_days)
    current = table[table["example_set"] == "current"].reset_index(drop=True)
    if model is None or current.empty:
        return pd.DataFrame(columns=list(_REASONS)).astype(_REASONS)
    known = labelled(table, "current", horizon_days)
    typical = current[features].median()
    # A feature without a value anywhere, or the same for nearly everyone, still needs a unit.
    quarters = current[features].quantile([0.25, 0.75])
    spread = quarters.diff().iloc[-1].replace(0, np.nan).fillna(current[features].std())
    spread = spread.replace(0, np.nan).fillna(1.0)
    parts = []
    with threadpool_limits(limits=1):
        fitted = churn_models.fit(
            [model], known, features, horizon_days=horizon_days, random_state=random_state
        )

        def logits(frame: pd.DataFrame) -> np.ndarray:
            found: np.ndarray = churn_models.predict_logits([model], fitted, frame)[
                model
            ].to_numpy()
            return found

        score = logits(current)
        anyone = current.head(1).assign(**typical.to_dict())
        sign = np.where(score >= logits(anyone)[0], 1.0, -1.0)
        for group, members in groups.items():
            members = list(members)
            away = ((current[members] - typical[members]) / spread[members]).abs().fillna(0)
            farthest = away.to_numpy().argmax(axis=1)
            values = current[members].to_numpy()[np.arange(len(current)), farthest]
            lead = np.array(members)[farthest]
            parts.append(
                pd.DataFrame(
                    {
                        "customer_id": current["customer_id"],
                        "feature_group": group,
                        "feature": lead,
                        "feature_value": values,
                        "typical_value": typical[lead].to_numpy(),
                        "contribution": score
                        - logits(current.assign(**{name: typical[name] for name in members})),
                        "sign": sign,
                    }
                )
            )
    result = pd.concat(parts, ignore_index=True)
    result["strength"] = result["contribution"] * result["sign"]
    result = result[result["strength"] >= MIN_CONTRIBUTION].sort_values(
        ["customer_id", "strength", "feature_group"], ascending=[True, False, True]
    )
    result["reason_rank"] = result.groupby("customer_id").cumcount() + 1
    result = result[result["reason_rank"] <= MAX_REASONS]
    return result[list(_REASONS)].astype(_REASONS).reset_index(drop=True)
