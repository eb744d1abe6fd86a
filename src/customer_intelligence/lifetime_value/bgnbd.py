"""The BG/NBD model: customers may leave after each repeat purchase."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, expit, gammaln, hyp2f1, psi

from customer_intelligence.lifetime_value._histories import Histories, checked
from customer_intelligence.lifetime_value._optimise import Objective
from customer_intelligence.lifetime_value.nbd import NBD


class BGNBD(NBD):
    """Beta-geometric / NBD model.

    Purchases as in ``NBD``; after each repeat purchase a customer leaves with a probability of
    their own, Beta distributed with a and b. A customer without repeat purchase had no occasion
    to leave, so P(alive) is 1: never rank churn by it, use ``p_no_purchase``.

    References
    ----------
    Fader, P., Hardie, B., Lee, K. (2005), "Counting your customers the easy way", Marketing
    Science 24(2): likelihood (6), expected purchases (10). P(alive): Fader, Hardie (2008),
    "Computing P(alive) using the BG/NBD model".

    Examples
    --------
    As fitted to CDNOW: a customer with two repeat purchases, the last in week 30.43, known for
    38.86 weeks.

    >>> model = BGNBD.from_parameters(r=0.24259, alpha=4.41353, a=0.79289, b=2.42575)
    >>> model.expected_purchases(39, 2, 30.43, 38.86).round(4)
    array([1.2259])
    """

    parameter_names = ("r", "alpha", "a", "b")
    a_: float
    b_: float

    # Occasions to leave besides the repeat purchases.
    _occasions_at_first = 0

    @property
    def mean_dropout_(self) -> float:
        """Mean probability a / (a + b) to leave at an occasion."""
        return self.a_ / (self.a_ + self.b_)

    def p_alive(self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> np.ndarray:
        """Return the probability that the customer has not left at T."""
        x, t_x, age = checked(frequency, recency, T)
        s = x + self._occasions_at_first
        log_odds_left = np.full(len(x), -np.inf)
        had = s > 0
        log_odds_left[had] = np.log(self.a_) - np.log(self.b_ + s[had] - 1)
        log_odds_left[had] += (self.r_ + x[had]) * np.log(
            (self.alpha_ + age[had]) / (self.alpha_ + t_x[had])
        )
        found: np.ndarray = expit(-log_odds_left)
        return found

    def expected_purchases(
        self, horizon: float, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike
    ) -> np.ndarray:
        """Return the expected number of purchases within (T, T + horizon], horizon in weeks.

        Equation (10), or the same after Euler's transformation of the hypergeometric function:
        whichever of the two sums to something bounded.
        """
        x, t_x, age = checked(frequency, recency, T)
        # At a = 1, and for x = 0 at a + b = 1, it is 0 / 0: a nudge of 1e-6 changes as little.
        a = self.a_ if abs(self.a_ - 1) > 1e-6 else 1 + 1e-6
        b = self.b_ if abs(a + self.b_ - 1) > 1e-6 else self.b_ + 2e-6
        rate_shape, left = self.r_ + x, b + x + self._occasions_at_first
        c, z = a + left - 1, self._share_ahead(horizon, age)
        transform = rate_shape >= a - 1
        with np.errstate(over="ignore", invalid="ignore"):
            cut_off = (1 - z) ** np.where(transform, a - 1, rate_shape) * hyp2f1(
                np.where(transform, c - rate_shape, rate_shape),
                np.where(transform, a - 1, left),
                c,
                z,
            )
        # Where it overflows, all have left long before the horizon: nothing is cut off.
        cut_off = np.nan_to_num(cut_off, nan=0.0, posinf=0.0)
        found: np.ndarray = self.p_alive(x, t_x, age) * c / (a - 1) * (1 - cut_off)
        return found

    def _p_survives(self, purchases: np.ndarray, x: np.ndarray) -> np.ndarray:
        # Alive after s occasions, the probability to leave is Beta(a, b + s).
        b = self.b_ + x + self._occasions_at_first
        found: np.ndarray = np.exp(betaln(self.a_, b + purchases) - betaln(self.a_, b))
        return found

    def _starts(self, h: Histories) -> list[tuple[float, ...]]:
        dropouts = ((0.3, 0.8, 2.5), (1.0, 0.1, 1.0), (0.7, 0.01, 1.0))
        return [(r, r / h.rate, a, b) for r, a, b in dropouts]

    def _objective(self, h: Histories) -> Objective:
        x, s = h.x[h.row_x], h.x + self._occasions_at_first
        had = s > 0  # an occasion to leave

        def objective(log_parameters: np.ndarray) -> tuple[float, np.ndarray]:
            r, alpha, a, b = np.exp(log_parameters)
            log_age, log_recency = np.log(alpha + h.age), np.log(alpha + h.recency)
            # By number of purchases.
            by_x = gammaln(r + h.x) - gammaln(r) + r * np.log(alpha)
            by_x += gammaln(b + s) - gammaln(a + b + s) - gammaln(b) + gammaln(a + b)
            log_odds = np.full(len(s), -np.inf)
            log_odds[had] = np.log(a) - np.log(b + s[had] - 1)
            # By history: alive, or left after the last purchase, with log odds of the second.
            left = log_odds[h.row_x] + (r + x) * (log_age - log_recency)
            value = h.x_customers @ by_x + h.customers @ (np.logaddexp(0, left) - (r + x) * log_age)
            p_left = expit(left) * h.customers
            p_alive = h.customers - p_left
            x_left = np.bincount(h.row_x, weights=p_left)
            d_r = h.x_customers @ (psi(r + h.x) - psi(r)) + h.total * np.log(alpha)
            d_r -= p_alive @ log_age + p_left @ log_recency
            d_alpha = h.total * r / alpha
            d_alpha -= (r + x) @ (p_alive / (alpha + h.age) + p_left / (alpha + h.recency))
            d_a = h.x_customers @ (psi(a + b) - psi(a + b + s)) + x_left.sum() / a
            d_b = h.x_customers @ (psi(b + s) - psi(b) + psi(a + b) - psi(a + b + s))
            d_b -= (x_left[had] / (b + s[had] - 1)).sum()
            return float(value), np.array([r * d_r, alpha * d_alpha, a * d_a, b * d_b])

        return objective
