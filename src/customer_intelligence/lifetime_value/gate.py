"""Which purchase model the data can carry, and how to say so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from customer_intelligence.frames import INSUFFICIENT_DATA, OK
from customer_intelligence.lifetime_value.bgnbd import BGNBD
from customer_intelligence.lifetime_value.mbgnbd import MBGNBD
from customer_intelligence.lifetime_value.nbd import NBD

DEGENERATE_DROPOUT = "degenerate_dropout"

PURCHASE_MODELS: dict[str, type[NBD]] = {"nbd": NBD, "bg_nbd": BGNBD, "mbg_nbd": MBGNBD}

# With fewer, the standard errors of the parameters are about as large as the parameters.
MIN_CUSTOMERS = 100
MIN_REPEAT_CUSTOMERS = 50

# Dropout that is rarer, or that explains the data no better, cannot be told from none. Never b:
# along the ridge a → 0 it is arbitrary.
MIN_MEAN_DROPOUT = 1e-3
MIN_LOG_LIKELIHOOD_GAIN = 3.0


@dataclass(frozen=True)
class PurchaseChoice:
    """The purchase model that is used, and all that were fitted.

    Attributes
    ----------
    name : str or None
        Of the model that is used, a key of ``PURCHASE_MODELS``; None without enough data.
    status : str
        'ok'; 'degenerate_dropout' where the model without dropout is used because dropout could
        not be found; 'insufficient_data'.
    fitted : dict of str to NBD
        The model without dropout and the one with; empty without enough data.
    """

    name: str | None
    status: str
    fitted: dict[str, NBD]

    @property
    def model(self) -> NBD | None:
        """The model that is used."""
        return None if self.name is None else self.fitted[self.name]


def choose_purchase_model(
    frequency: ArrayLike,
    recency: ArrayLike,
    T: ArrayLike,
    *,
    dropout_model: str = "bg_nbd",
    min_customers: int = MIN_CUSTOMERS,
    min_repeat_customers: int = MIN_REPEAT_CUSTOMERS,
    most_starts: int | None = None,
) -> PurchaseChoice:
    """Fit the purchase models and decide whether the one with dropout may be used.

    Parameters
    ----------
    frequency, recency, T : array-like, shape (n,)
        As for ``NBD.fit``.
    dropout_model : str
        'bg_nbd' or 'mbg_nbd'.
    min_customers, min_repeat_customers : int
        With fewer customers, or fewer with a repeat purchase, nothing is fitted.
    most_starts : int, optional
        Search from so many starts only.

    Returns
    -------
    PurchaseChoice

    Raises
    ------
    ValueError
        For an unknown model or histories that ``NBD.fit`` refuses.
    """
    if dropout_model not in ("bg_nbd", "mbg_nbd"):
        raise ValueError(f"dropout_model must be 'bg_nbd' or 'mbg_nbd', not {dropout_model!r}")
    x = np.atleast_1d(frequency)
    if len(x) < min_customers or (x > 0).sum() < min_repeat_customers:
        return PurchaseChoice(None, INSUFFICIENT_DATA, {})
    fitted = {
        name: PURCHASE_MODELS[name]().fit(x, recency, T, most_starts=most_starts)
        for name in ("nbd", dropout_model)
    }
    if not fitted["nbd"].converged_:
        return PurchaseChoice(None, INSUFFICIENT_DATA, fitted)
    dropout = fitted[dropout_model]
    if not isinstance(dropout, BGNBD) or is_degenerate(dropout, fitted["nbd"]):
        return PurchaseChoice("nbd", DEGENERATE_DROPOUT, fitted)
    return PurchaseChoice(dropout_model, OK, fitted)


def is_degenerate(dropout: BGNBD, nbd: NBD) -> bool:
    """Return whether a fitted model with dropout says no more than the one without.

    So it is also where a parameter ran into a bound of the search: the maximum lies beyond it, and
    what is predicted depends on where the bound was put.
    """
    return (
        not dropout.converged_
        or bool(dropout.at_bounds_)
        or dropout.mean_dropout_ < MIN_MEAN_DROPOUT
        or dropout.log_likelihood_ - nbd.log_likelihood_ < MIN_LOG_LIKELIHOOD_GAIN
    )
