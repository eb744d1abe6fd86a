"""The chosen model as plain parameters, and the scores of current customers by them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import logit
from threadpoolctl import threadpool_limits

from customer_intelligence.churn import models as churn_models
from customer_intelligence.churn.calibration import Calibration, SeasonEvidence
from customer_intelligence.churn.examples import (
    MAX_TRAIN_CUTOFFS,
    MAX_TRAIN_ROWS,
    checked,
    labelled,
    typed,
)
from customer_intelligence.churn.fitting import Sample
from customer_intelligence.churn.predictions import SCORES, UNCALIBRATED, lines_of
from customer_intelligence.frames import OK
from customer_intelligence.scoring import Scorer, from_json, to_json

_PARAMETERS = {
    "example_set": "string",
    "cutoff_date": "datetime64[us]",
    "model": "string",
    "parameters": "string",
}


def fit_scorers(
    examples: pd.DataFrame,
    features: Sequence[str],
    model: str | None,
    predictions: pd.DataFrame,
    *,
    horizon_days: int,
    random_state: int,
    max_train_cutoffs: int = MAX_TRAIN_CUTOFFS,
    max_train_rows: int = MAX_TRAIN_ROWS,
) -> pd.DataFrame:
    """Fit the chosen model on what is known at the test cutoff, and on all that is known.

    Parameters
    ----------
    examples, features, horizon_days, random_state
        As for ``fit_predict``.
    model : str or None
        The model that was chosen; None where none could be judged.
    predictions : DataFrame
        Of ``fit_predict``: its validation rows give the line, its judged rows the level.
    max_train_cutoffs, max_train_rows : int
        As for ``fit_predict``.

    Returns
    -------
    DataFrame
        A row each for the test examples and the current ones: example_set, cutoff_date (of what is
        scored), model and parameters, a ``scoring.Scorer`` as JSON. No row without a model, since
        a probability that nothing tested is not given, nor where examples are too few to fit it.
    """
    table = checked(examples, features, horizon_days)
    if model is None:
        return pd.DataFrame(columns=list(_PARAMETERS)).astype(_PARAMETERS)
    line, past = _evidence(table, model, predictions, horizon_days)
    rows = []
    for example_set in ("test", "current"):
        cutoff = table.loc[table["example_set"] == example_set, "cutoff_date"].min()
        if pd.isna(cutoff):
            continue
        bounds = {"max_cutoffs": max_train_cutoffs, "max_rows": max_train_rows}
        known = labelled(table, example_set, horizon_days, **bounds)
        sample = Sample.of(known, features, horizon_days=horizon_days, random_state=random_state)
        with threadpool_limits(limits=1):
            fitted = churn_models.fit([model], sample)
        parts = {name: part for name, part in fitted.items() if part is not None}
        if not parts:
            continue
        level = past.level(cutoff)
        is_taken = level is not None and bool(level.helps[model])
        scorer = Scorer(
            model=model,
            parts=parts,
            intercept=line.intercept,
            slope=line.slope,
            level_shift=float(level.shifts[model]) if level and is_taken else 0.0,
            seasonal_cutoff_date=str(level.cutoff.date()) if level and is_taken else None,
        )
        rows.append((example_set, cutoff, model, to_json(scorer)))
    return pd.DataFrame(rows, columns=list(_PARAMETERS)).astype(_PARAMETERS)


def scorer_of(parameters: pd.DataFrame, example_set: str) -> Scorer | None:
    """Return the scorer of 'test' or 'current' that ``fit_scorers`` wrote, None without one."""
    texts = parameters.loc[parameters["example_set"] == example_set, "parameters"]
    return None if texts.empty else from_json(texts.iloc[0])


def score(parameters: pd.DataFrame, examples: pd.DataFrame) -> pd.DataFrame:
    """Predict the current customers.

    Parameters
    ----------
    parameters : DataFrame
        Of ``fit_scorers``.
    examples : DataFrame
        As for ``fit_predict``; only the current ones are scored, whose labels are not read.

    Returns
    -------
    DataFrame
        One row for each current customer, sorted by customer_id: customer_id, cutoff_date,
        example_set ('current'), model, churn_probability, seasonal_cutoff_date and model_status,
        as in ``fit_predict``. Empty without parameters.
    """
    scorer = scorer_of(parameters, "current")
    current = examples[examples["example_set"] == "current"]
    if scorer is None or current.empty:
        return pd.DataFrame(columns=list(SCORES)).astype(SCORES)
    table = typed(current, scorer.features)
    seasonal = scorer.seasonal_cutoff_date
    result = table.assign(
        model=scorer.model,
        churn_probability=scorer.probability(scorer.score(table)),
        seasonal_cutoff_date=pd.NaT if seasonal is None else pd.Timestamp(seasonal),
        model_status=OK,
    )
    return result.sort_values("customer_id", ignore_index=True)[list(SCORES)].astype(SCORES)


def _evidence(
    table: pd.DataFrame, model: str, predictions: pd.DataFrame, horizon_days: int
) -> tuple[Calibration, SeasonEvidence]:
    """Return the line of a model, and what its judged cutoffs say of a season's level."""
    told = predictions[predictions["model"] == model].merge(
        table[["customer_id", "cutoff_date", "has_churned"]], on=["customer_id", "cutoff_date"]
    )
    told[model] = logit(told["uncalibrated_probability"])
    held_out = told[told["example_set"] == "validation"]
    line = lines_of(held_out[[model]], held_out["has_churned"].to_numpy())[model]
    past = SeasonEvidence(horizon_days, UNCALIBRATED)
    judged = told[told["example_set"] != "validation"]
    for cutoff, rows in judged.groupby("cutoff_date"):
        is_test = rows["example_set"].iloc[0] == "test"
        before = rows[[model]].apply(line) if is_test else rows[[model]]
        past.add(pd.Timestamp(cutoff), before, np.asarray(rows["has_churned"]))
    return line, past
