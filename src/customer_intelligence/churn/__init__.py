"""Churn models: fit on labelled examples, predict later ones, and say why.

An example is a customer as known just before a cutoff date; its label says whether the customer
bought nothing in the ``horizon_days`` from the cutoff on. Nothing is evaluated here but what needs
a fitted model: that is SQL's work. The functions take and return frames and know no engine; what
was fitted is plain parameters, by which `scoring` scores anywhere.
"""

from customer_intelligence.churn.explanations import feature_groups, permutation_importance, reasons
from customer_intelligence.churn.features import chosen_features
from customer_intelligence.churn.leaky import leaky_baseline
from customer_intelligence.churn.models import AVERAGED, MODELS
from customer_intelligence.churn.predictions import describe_fit, fit_predict
from customer_intelligence.churn.recalibration import recalibrate
from customer_intelligence.churn.scorers import fit_scorers, score

__all__ = [
    "AVERAGED",
    "MODELS",
    "chosen_features",
    "describe_fit",
    "feature_groups",
    "fit_predict",
    "fit_scorers",
    "leaky_baseline",
    "permutation_importance",
    "reasons",
    "recalibrate",
    "score",
]
