"""Churn models: fit on labelled examples, predict later ones, and say why.

An example is a customer as known just before a cutoff date; its label says whether the customer
bought nothing in the ``horizon_days`` from the cutoff on. Nothing is evaluated here but what needs
a fitted model: that is SQL's work. The functions take and return frames and know no engine.
"""

from customer_intelligence.churn.explanations import feature_groups, permutation_importance, reasons
from customer_intelligence.churn.features import chosen_features
from customer_intelligence.churn.leaky import leaky_baseline
from customer_intelligence.churn.models import AVERAGED, MODELS, SkewLog
from customer_intelligence.churn.predictions import describe_fit, fit_predict, score
from customer_intelligence.churn.recalibration import recalibrate

__all__ = [
    "AVERAGED",
    "MODELS",
    "SkewLog",
    "chosen_features",
    "describe_fit",
    "feature_groups",
    "fit_predict",
    "leaky_baseline",
    "permutation_importance",
    "reasons",
    "recalibrate",
    "score",
]
