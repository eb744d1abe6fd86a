"""The NBD model: purchases without dropout, and what all its descendants predict alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, gammaln, psi

from customer_intelligence.lifetime_value._histories import Histories, checked, group
from customer_intelligence.lifetime_value._optimise import MaximumLikelihood, Objective


class NBD(MaximumLikelihood):
    """Negative binomial model: customers buy at their own constant rate and never leave.

    The rate is Gamma distributed with shape r and rate α (weeks). The likelihood is that of the
    purchase times, so it can be compared with that of the models with dropout, whose limit for
    a / (a + b) → 0 this one is. Methods that predict take the histories as ``fit`` does, as
    scalars or arrays of shape (n,), and return float64 of shape (n,).

    References
    ----------
    Ehrenberg, A. (1959), "The pattern of consumer purchases", Applied Statistics 8(1).

    Examples
    --------
    >>> model = NBD.from_parameters(r=0.5, alpha=10)
    >>> model.expected_purchases(10, 2, 30, 40)
    array([0.5])
    """

    parameter_names: tuple[str, ...] = ("r", "alpha")
    r_: float
    alpha_: float

    def fit(
        self,
        frequency: ArrayLike,
        recency: ArrayLike,
        T: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        most_starts: int | None = None,
    ) -> NBD:
        """Estimate the parameters.

        Parameters
        ----------
        frequency : array-like, shape (n,)
            Repeat purchases: days with a purchase after the first one.
        recency : array-like, shape (n,)
            Weeks from the first to the last purchase.
        T : array-like, shape (n,)
            Weeks from the first purchase to the end of observation.
        weights : array-like, shape (n,), optional
            How many customers a row stands for; 1 without.
        most_starts : int, optional
            Search from so many starts only.

        Returns
        -------
        The estimator itself.

        Raises
        ------
        ValueError
            Naming what is not finite, not a whole number, negative, or later than it can be.
        """
        histories = group(frequency, recency, T, weights)
        starts = self._starts(histories)[:most_starts]
        self._maximise(self._objective(histories), starts, histories.total)
        return self

    def p_alive(self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> np.ndarray:
        """Return the probability that the customer can still buy: 1, nobody leaves."""
        return np.ones(len(checked(frequency, recency, T)[0]))

    def p_at_least(
        self,
        purchases: ArrayLike,
        horizon: float,
        frequency: ArrayLike,
        recency: ArrayLike,
        T: ArrayLike,
    ) -> np.ndarray:
        """Return the probability of at least so many purchases within (T, T + horizon].

        Someone alive at T has a rate that is Gamma(r + x, α + T), whatever the dropout, so the
        purchases to come, were there no dropout, are negative binomial. The k-th of them happens
        if the k − 1 before it are survived, independently of the rate: ``_p_survives``.

        Parameters
        ----------
        purchases : array-like of whole numbers, 0 or more, shape (n,)
        horizon : float
            Weeks.
        frequency, recency, T : array-like, shape (n,)
            As for ``fit``.
        """
        x, t_x, age = checked(frequency, recency, T)
        k = np.broadcast_to(np.asarray(purchases, dtype="float64"), x.shape)
        first = np.maximum(k, 1)
        p = betainc(first, self.r_ + x, self._share_ahead(horizon, age))
        p = p * self.p_alive(x, t_x, age) * self._p_survives(first - 1, x)
        return np.where(k < 1, 1.0, p)

    def p_no_purchase(
        self, horizon: float, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike
    ) -> np.ndarray:
        """Return the probability of no purchase within (T, T + horizon], horizon in weeks.

        1 − P(alive) · [1 − ((α + T) / (α + T + horizon)) ** (r + x)]
        """
        x, t_x, age = checked(frequency, recency, T)
        silent = (self.r_ + x) * np.log1p(-self._share_ahead(horizon, age))
        found: np.ndarray = np.clip(1 + self.p_alive(x, t_x, age) * np.expm1(silent), 0, 1)
        return found

    def expected_purchases(
        self, horizon: float, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike
    ) -> np.ndarray:
        """Return the expected number of purchases within (T, T + horizon], horizon in weeks."""
        x, _, age = checked(frequency, recency, T)
        z = self._share_ahead(horizon, age)
        found: np.ndarray = (self.r_ + x) * z / (1 - z)
        return found

    def purchase_quantile(
        self,
        level: float,
        horizon: float,
        frequency: ArrayLike,
        recency: ArrayLike,
        T: ArrayLike,
    ) -> np.ndarray:
        """Return the smallest k with P(at most k purchases within the horizon) ≥ level.

        The distribution is the exact predictive one at the estimated parameters.
        """
        history = checked(frequency, recency, T)

        def exceeds(k: np.ndarray, rows: np.ndarray) -> np.ndarray:
            later = self.p_at_least(k + 1, horizon, *(values[rows] for values in history))
            return later > 1 - level

        low, high = np.full(len(history[0]), -1.0), np.zeros(len(history[0]))
        rows = np.arange(len(high))
        while len(rows := rows[exceeds(high[rows], rows)]):
            low[rows], high[rows] = high[rows], 2 * high[rows] + 1
        while len(rows := np.flatnonzero(high - low > 1)):
            middle = np.floor((low[rows] + high[rows]) / 2)
            is_low = exceeds(middle, rows)
            low[rows[is_low]], high[rows[~is_low]] = middle[is_low], middle[~is_low]
        return high

    def _share_ahead(self, horizon: float, age: np.ndarray) -> np.ndarray:
        """Return the horizon's share of all the time that speaks of the rate."""
        if not horizon >= 0:
            raise ValueError(f"horizon must not be negative: {horizon}")
        return horizon / (self.alpha_ + age + horizon)

    def _p_survives(self, purchases: np.ndarray, x: np.ndarray) -> np.ndarray | float:
        """Return the probability to survive so many purchases, for one alive after x."""
        return 1.0

    def _starts(self, h: Histories) -> list[tuple[float, ...]]:
        return [(r, r / h.rate) for r in (0.3, 2.0)]

    def _objective(self, h: Histories) -> Objective:
        x = h.x[h.row_x]

        def objective(log_parameters: np.ndarray) -> tuple[float, np.ndarray]:
            r, alpha = np.exp(log_parameters)
            log_age = np.log(alpha + h.age)
            value = (
                h.x_customers @ (gammaln(r + h.x) - gammaln(r))
                + h.total * r * np.log(alpha)
                - h.customers @ ((r + x) * log_age)
            )
            d_r = (
                h.x_customers @ (psi(r + h.x) - psi(r))
                + h.total * np.log(alpha)
                - h.customers @ log_age
            )
            d_alpha = h.total * r / alpha - h.customers @ ((r + x) / (alpha + h.age))
            return float(value), np.array([r * d_r, alpha * d_alpha])

        return objective
