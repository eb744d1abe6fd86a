"""A scorer: one fitted model or several that are averaged, and what makes scores of log-odds."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from customer_intelligence.scoring.linear import Linear
from customer_intelligence.scoring.purchases import Purchases
from customer_intelligence.scoring.trees import Trees

# No model is surer than this, calibrated or not: a forest may say 0 or 1, whose logit is infinite.
MIN_PROBABILITY = 1e-4
MAX_LOGIT = float(logit(1 - MIN_PROBABILITY))

# Scored at a time.
BATCH_ROWS = 8_192


class Parameters(Protocol):
    """What is known of a fitted model: it reads columns, and adds up what groups of them say."""

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that it reads."""

    def terms(self, values: np.ndarray, columns: Sequence[int]) -> np.ndarray:
        """Return what some of its columns say, one row a customer.

        ``values`` holds all of its columns, shape (n, features), with NaN for a null.
        """

    def logits(self, terms: Sequence[np.ndarray]) -> np.ndarray:
        """Return the log-odds of churn, shape (n,), from terms that cover each column once."""


KINDS: Mapping[str, Any] = {"linear": Linear, "trees": Trees, "purchases": Purchases}


@dataclasses.dataclass(frozen=True, eq=False)
class Scorer:
    """A model that scores customers.

    Attributes
    ----------
    model : str
        Its name.
    parts : dict of str to Parameters
        The fitted models whose log-odds are averaged; one for all models but the average.
    intercept, slope : float
        The line that calibrates the log-odds.
    level_shift : float
        Added to calibrated log-odds: the level of the season a year before.
    seasonal_cutoff_date : str or None
        The cutoff that the level was taken from, None where none was.
    """

    model: str
    parts: dict[str, Parameters]
    intercept: float = 0.0
    slope: float = 1.0
    level_shift: float = 0.0
    seasonal_cutoff_date: str | None = None

    @property
    def features(self) -> list[str]:
        """The columns that its parts read."""
        return list(dict.fromkeys(name for part in self.parts.values() for name in part.features))

    def score(self, batch: pd.DataFrame) -> np.ndarray:
        """Return the log-odds of churn before calibration, shape (n,)."""
        return np.asarray(np.mean([score(part, batch) for part in self.parts.values()], axis=0))

    def terms(self, batch: pd.DataFrame, groups: Sequence[Sequence[str]]) -> list[list[np.ndarray]]:
        """Return what each group of features says, for each part.

        Parameters
        ----------
        batch : DataFrame
            n customers, with the features as float64.
        groups : sequence of sequences of str
            Together, all features, each of them once.

        Returns
        -------
        list of lists of ndarray
            Groups, parts, and arrays with a row a customer: the rows of a group can be exchanged
            with those of others before ``logits``.
        """
        values = {name: values_of(batch, part.features) for name, part in self.parts.items()}
        return [
            [
                part.terms(values[name], [i for i, f in enumerate(part.features) if f in group])
                for name, part in self.parts.items()
            ]
            for group in groups
        ]

    def logits(self, terms: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        """Return the log-odds of churn before calibration, shape (n,), from ``terms``."""
        parts = zip(self.parts.values(), zip(*terms, strict=True), strict=True)
        return np.asarray(np.mean([bounded(part.logits(said)) for part, said in parts], axis=0))

    def probability(self, logits: np.ndarray) -> np.ndarray:
        """Return the probabilities, with the line and the level, of log-odds; shape (n,)."""
        line = bounded(self.intercept + self.slope * logits)
        return np.asarray(expit(bounded(line + self.level_shift)))


def bounded(logits: np.ndarray) -> np.ndarray:
    """Return log-odds that are no surer than models may be."""
    return np.asarray(np.clip(logits, -MAX_LOGIT, MAX_LOGIT))


def values_of(batch: pd.DataFrame, features: Sequence[str]) -> np.ndarray:
    """Return columns as float64, shape (n, features), with NaN for a null."""
    return np.asarray(batch[list(features)].to_numpy(dtype="float64", na_value=np.nan))


def score(parameters: Parameters, batch: pd.DataFrame, batch_rows: int = BATCH_ROWS) -> np.ndarray:
    """Return the log-odds of churn of any number of customers, shape (n,).

    Parameters
    ----------
    parameters : Parameters
    batch : DataFrame
        n customers, with the features of the model.
    batch_rows : int
        Scored at a time, so that memory is bounded.
    """
    everything = range(len(parameters.features))
    parts = [np.empty(0)]
    for start in range(0, len(batch), batch_rows):
        values = values_of(batch.iloc[start : start + batch_rows], parameters.features)
        parts.append(bounded(parameters.logits([parameters.terms(values, everything)])))
    return np.concatenate(parts)


def to_json(scorer: Scorer) -> str:
    """Return a scorer as JSON: names, numbers and lists."""
    kinds = {kind: name for name, kind in KINDS.items()}
    parts = {
        name: {"kind": kinds[type(part)], **_plain(part)} for name, part in scorer.parts.items()
    }
    return json.dumps({**_plain(scorer), "parts": parts}, allow_nan=False)


def from_json(text: str) -> Scorer:
    """Return the scorer that ``to_json`` wrote."""
    found = json.loads(text)
    return Scorer(**{**found, "parts": {n: _part(**p) for n, p in found["parts"].items()}})


def _plain(model: Any) -> dict[str, Any]:
    """Return the fields of a model, arrays as lists."""
    fields = {field.name: getattr(model, field.name) for field in dataclasses.fields(model)}
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in fields.items()
    }


def _part(kind: str, **fields: Any) -> Parameters:
    """Return the fitted model with these fields, lists as arrays."""
    model = KINDS[kind]
    if "features" in fields:
        fields["features"] = tuple(fields["features"])
    arrays = {name: np.array(fields[name], dtype=t) for name, t in model.ARRAYS.items()}
    found: Parameters = model(**{**fields, **arrays})
    return found
