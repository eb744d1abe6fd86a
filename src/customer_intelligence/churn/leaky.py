"""The leaky churn model of many tutorials, as a warning.

It labels customers as churned whose days since last order exceed a threshold, and keeps days since
last order as a feature. The model learns the threshold, which says nothing about the future.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import expit
from threadpoolctl import threadpool_limits

from customer_intelligence.churn.examples import FOLDS, MAX_TRAIN_ROWS, checked, folds_of
from customer_intelligence.churn.fitting import Sample, fit_line
from customer_intelligence.frames import sample_positions
from customer_intelligence.scoring import score

_LEAKY = {
    "customer_id": "string",
    "cutoff_date": "datetime64[us]",
    "is_called_churned": "bool",
    "churn_probability": "float64",
}


def leaky_baseline(
    examples: pd.DataFrame, features: Sequence[str], *, horizon_days: int, random_state: int
) -> pd.DataFrame:
    """Predict, out of fold, that days since last order exceed the horizon, from that very column.

    Parameters
    ----------
    examples, features, horizon_days
        As for ``fit_predict``; only the test examples are used, as the tutorial would.
    random_state : int
        Seed.

    Returns
    -------
    DataFrame
        One row a test customer (at most ``MAX_TRAIN_ROWS``), sorted by customer_id: customer_id,
        cutoff_date, is_called_churned (the tutorial's label), churn_probability (of the tutorial's
        logistic regression). Empty where the label is the same for everybody in some fold.
    """
    table = checked(examples, features, horizon_days)
    test = table[table["example_set"] == "test"]
    test = test.iloc[sample_positions(test["customer_id"], MAX_TRAIN_ROWS)].reset_index(drop=True)
    called = (test["days_since_last_order"] > horizon_days).to_numpy()
    folds = folds_of(test["customer_id"])
    if any(len(np.unique(called[folds != fold])) < 2 for fold in range(FOLDS)):
        return pd.DataFrame(columns=list(_LEAKY)).astype(_LEAKY)
    learned = test.assign(has_churned=called.astype(float))
    probability = np.empty(len(test))
    options = {"horizon_days": horizon_days, "random_state": random_state}
    with threadpool_limits(limits=1):
        for fold in range(FOLDS):
            sample = Sample.of(learned[folds != fold], features, **options)
            line = fit_line(sample, features)
            probability[folds == fold] = expit(score(line, learned[folds == fold]))
    result = test[["customer_id", "cutoff_date"]].assign(
        is_called_churned=called, churn_probability=probability
    )
    return result.sort_values("customer_id", ignore_index=True).astype(_LEAKY)
