"""What fitted churn models say of customers: plain parameters and NumPy, on any machine.

`churn` fits; here are names, numbers and arrays that go to JSON and back, and functions that score
a batch by them. Nothing here knows an engine or scikit-learn, so that a worker needs neither.
"""

from customer_intelligence.scoring.linear import Linear, compress
from customer_intelligence.scoring.purchases import Purchases
from customer_intelligence.scoring.scorer import (
    BATCH_ROWS,
    KINDS,
    MAX_LOGIT,
    Parameters,
    Scorer,
    from_json,
    score,
    to_json,
)
from customer_intelligence.scoring.trees import MOST_LEAVES, Trees

__all__ = [
    "BATCH_ROWS",
    "KINDS",
    "MAX_LOGIT",
    "MOST_LEAVES",
    "Linear",
    "Parameters",
    "Purchases",
    "Scorer",
    "Trees",
    "compress",
    "from_json",
    "score",
    "to_json",
]
