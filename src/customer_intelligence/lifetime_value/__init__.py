"""Lifetime value: how often customers will buy, what they will spend, and how sure that is.

A pipeline calls `fit_cutoffs`, `select_cutoffs` and then `predict_cutoffs`, `forecast_cutoffs` and
`track_cutoffs`; the models behind them are estimators with ``fit`` and methods that predict. Time
is in weeks (days / 7), several purchases on a day count as one, and nothing here knows an engine.
"""

from customer_intelligence.frames import INSUFFICIENT_DATA, OK
from customer_intelligence.lifetime_value.bgnbd import BGNBD
from customer_intelligence.lifetime_value.cutoffs import (
    describe_fits,
    describe_selection,
    fit_cutoffs,
    forecast_cutoffs,
    predict_cutoffs,
    select_cutoffs,
    track_cutoffs,
)
from customer_intelligence.lifetime_value.gamma_gamma import GammaGamma
from customer_intelligence.lifetime_value.gate import DEGENERATE_DROPOUT, choose_purchase_model
from customer_intelligence.lifetime_value.mbgnbd import MBGNBD
from customer_intelligence.lifetime_value.nbd import NBD
from customer_intelligence.lifetime_value.pipeline import (
    LifetimeValueModel,
    expected_purchases_by_week,
    fit_lifetime_value,
    predict_lifetime_value,
)

__all__ = [
    "BGNBD",
    "DEGENERATE_DROPOUT",
    "INSUFFICIENT_DATA",
    "MBGNBD",
    "NBD",
    "OK",
    "GammaGamma",
    "LifetimeValueModel",
    "choose_purchase_model",
    "describe_fits",
    "describe_selection",
    "expected_purchases_by_week",
    "fit_cutoffs",
    "fit_lifetime_value",
    "forecast_cutoffs",
    "predict_cutoffs",
    "predict_lifetime_value",
    "select_cutoffs",
    "track_cutoffs",
]
