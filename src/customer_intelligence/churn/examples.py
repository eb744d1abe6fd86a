"""Examples: the required columns of their table, and the split of customers into folds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from customer_intelligence.frames import numeric, sample_positions, text_ids

# Cutoffs of all but the last have a known outcome. Those of 'rolling' are judged, but are not known
# at the test cutoff, or are older than what models learn from.
EXAMPLE_SETS = ("train", "rolling", "test", "current")
RFM = ("days_since_last_order", "purchase_days", "net_revenue")
REQUIRED = (*RFM, "tenure_days")

# Below this many customers the models say nothing that the base rate does not.
MIN_CUSTOMERS = 500

# A fit sees at most this many examples, of at most so many cutoffs.
MAX_TRAIN_ROWS = 100_000
MAX_TRAIN_CUTOFFS = 12

FOLDS = 4

KEYS = {"customer_id": "string", "cutoff_date": "datetime64[us]", "example_set": "string"}


def checked(examples: pd.DataFrame, features: Sequence[str], horizon_days: int) -> pd.DataFrame:
    """Return the typed examples, sorted by cutoff and customer.

    Parameters
    ----------
    examples : DataFrame
        One row for each example, in any order: customer_id (text), cutoff_date, example_set
        (one of ``EXAMPLE_SETS``), has_churned (0/1 or bool; not read for current examples)
        and the features. A null feature means "not defined".
    features : sequence of str
        Names of the numeric columns that models may use, those of ``REQUIRED`` among them.
    horizon_days : int
        Length of the label's window in days.

    Returns
    -------
    DataFrame
        The keys, the features as float64 and has_churned as float64, null where not known.

    Raises
    ------
    ValueError
        Naming the column or value that is missing, null, infinite or unknown; for an example that
        occurs twice; and where a label's window reaches into or past the cutoff of an example that
        is predicted from it.
    """
    for name in REQUIRED:
        if name not in features:
            raise ValueError(f"features lack {name!r}")
    reserved = sorted({"customer_id", "cutoff_date", "example_set", "has_churned"} & set(features))
    if reserved:
        raise ValueError(f"features must not hold {reserved}")
    table = typed(examples, features)
    table["has_churned"] = numeric(examples, "has_churned")[table.index]
    table = table.reset_index(drop=True)
    if not table.loc[table["example_set"] != "current", "has_churned"].isin([0, 1]).all():
        raise ValueError("column 'has_churned' must be 0 or 1 for all but current examples")
    _refuse_overlap(table, horizon_days)
    return table


def typed(examples: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """Return keys and features with their types, sorted by cutoff and customer.

    Parameters
    ----------
    examples, features
        As for ``checked``; no label is read.

    Returns
    -------
    DataFrame
        Indexed by the position of each example before it was sorted.

    Raises
    ------
    ValueError
        As ``checked``, but for labels.
    """
    for column in ("cutoff_date", "example_set"):
        if column not in examples.columns:
            raise ValueError(f"column {column!r} is missing")
    table = pd.DataFrame({name: numeric(examples, name) for name in features})
    table["customer_id"] = text_ids(examples).to_numpy()
    table["cutoff_date"] = pd.to_datetime(examples["cutoff_date"]).to_numpy()
    table["example_set"] = examples["example_set"].astype("string").to_numpy()
    table = table.astype(KEYS)
    unknown = sorted(set(table["example_set"].fillna("null")) - set(EXAMPLE_SETS))
    if unknown:
        raise ValueError(f"column 'example_set' holds {unknown}, not one of {EXAMPLE_SETS}")
    if table["cutoff_date"].isna().any():
        raise ValueError("column 'cutoff_date' holds a null")
    if table.duplicated(["cutoff_date", "customer_id"]).any():
        raise ValueError("a customer occurs twice at one cutoff_date")
    return table.sort_values(["cutoff_date", "customer_id"])


def known_before(
    table: pd.DataFrame,
    cutoff: pd.Timestamp,
    horizon_days: int,
    *,
    max_cutoffs: int = MAX_TRAIN_CUTOFFS,
    max_rows: int = MAX_TRAIN_ROWS,
) -> pd.DataFrame:
    """Return the examples that models may learn from before they predict a cutoff.

    Parameters
    ----------
    table : DataFrame
        Of ``checked``.
    cutoff : Timestamp
        Of the examples to predict: known are those whose window is over by then.
    horizon_days : int
        Length of the window in days.
    max_cutoffs : int
        Of the latest so many cutoffs.
    max_rows : int
        At most this many: those of the customers with the smallest md5 of their id, so that the
        sample does not depend on the engine or the seed.

    Returns
    -------
    DataFrame
        Indexed as ``table``.
    """
    over = table["cutoff_date"] + pd.Timedelta(days=horizon_days) <= cutoff
    known = table[over & (table["example_set"] != "current")]
    latest = np.sort(known["cutoff_date"].unique())[-max_cutoffs:]
    known = known[known["cutoff_date"].isin(latest)]
    return known.iloc[sample_positions(known["customer_id"], max_rows)]


def labelled(table: pd.DataFrame, predicted: str, horizon_days: int, **bounds: int) -> pd.DataFrame:
    """Return what ``known_before`` returns for the cutoff of the set 'test' or 'current'.

    Where the set has no examples, nothing is predicted, and nothing known.
    """
    cutoffs = table.loc[table["example_set"] == predicted, "cutoff_date"]
    if cutoffs.empty:
        return table.iloc[:0]
    return known_before(table, cutoffs.min(), horizon_days, **bounds)


def folds_of(ids: Iterable[str], folds: int = FOLDS) -> np.ndarray:
    """Return the fold of every example, shape (n,): all examples of a customer share it.

    The fold is drawn from the end of the md5 of the id, ``sample_positions`` looks at its start.
    """
    digests = (hashlib.md5(i.encode(), usedforsecurity=False).hexdigest() for i in ids)
    return np.array([int(digest[-8:], 16) % folds for digest in digests], dtype="int64")


def _refuse_overlap(table: pd.DataFrame, horizon_days: int) -> None:
    """Refuse labels that were not yet known when a predicted example was cut off."""
    cutoffs = table.groupby("example_set")["cutoff_date"].agg(["min", "max"])
    horizon = pd.Timedelta(days=horizon_days)
    for earlier, later in (("train", "test"), ("train", "current"), ("test", "current")):
        if not {earlier, later} <= set(cutoffs.index):
            continue
        last, first = cutoffs.loc[earlier, "max"], cutoffs.loc[later, "min"]
        if last + horizon > first:
            raise ValueError(
                f"the label of the {earlier} cutoff {last.date()} reaches {horizon_days} days "
                f"ahead, past the {later} cutoff {first.date()}"
            )
