"""The Pareto/NBD model, for comparison: customers leave at a rate of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import exprel, gammaln, psi

from customer_intelligence.lifetime_value._histories import checked, group
from customer_intelligence.lifetime_value._optimise import MaximumLikelihood

NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)


class ParetoNBD(MaximumLikelihood):
    """Pareto / NBD model.

    Purchases as in ``NBD``; lifetimes are exponential, at a rate that is Gamma distributed with
    shape s and rate β (weeks). Slower than BG/NBD and here to be compared with.

    References
    ----------
    Schmittlein, D., Morrison, D., Colombo, R. (1987), "Counting your customers", Management
    Science 33(1). The likelihood is taken as the integral over the time of leaving from which
    Fader, Hardie (2005), "A note on deriving the Pareto/NBD model and related expressions", derive
    its hypergeometric form.
    """

    parameter_names = ("r", "alpha", "s", "beta")

    def fit(
        self,
        frequency: ArrayLike,
        recency: ArrayLike,
        T: ArrayLike,
        weights: ArrayLike | None = None,
    ) -> ParetoNBD:
        """Estimate the parameters; arguments and errors are those of ``NBD.fit``."""
        h = group(frequency, recency, T, weights)
        x = h.x[h.row_x]

        def objective(log_parameters: np.ndarray) -> tuple[float, np.ndarray]:
            r, alpha, s, beta = np.exp(log_parameters)
            alive, left, means = _log_alive_and_left(
                r, alpha, s, beta, x, h.recency, h.age, with_means=True
            )
            by_x = gammaln(r + h.x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
            value = h.x_customers @ by_x + h.customers @ np.logaddexp(alive, left)
            p_alive = np.exp(alive - np.logaddexp(alive, left)) * h.customers
            p_left = h.customers - p_alive
            log_alpha, inverse_alpha, log_beta, inverse_beta = means
            d_r = h.x_customers @ (psi(r + h.x) - psi(r)) + h.total * np.log(alpha)
            d_r -= p_alive @ np.log(alpha + h.age) + p_left @ log_alpha
            d_alpha = h.total * r / alpha
            d_alpha -= (r + x) @ (p_alive / (alpha + h.age) + p_left * inverse_alpha)
            d_s = h.total * np.log(beta) + p_left.sum() / s
            d_s -= p_alive @ np.log(beta + h.age) + p_left @ log_beta
            d_beta = h.total * s / beta
            d_beta -= s * (p_alive @ (1 / (beta + h.age))) + (s + 1) * (p_left @ inverse_beta)
            return float(value), np.array([r * d_r, alpha * d_alpha, s * d_s, beta * d_beta])

        starts = [(r, r / h.rate, s, beta) for r, s, beta in ((0.5, 0.5, 10.0), (1.0, 0.2, 20.0))]
        self._maximise(objective, starts, h.total)
        return self

    def p_alive(self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> np.ndarray:
        """Return the probability that the customer has not left at T, shape (n,)."""
        alive, left, _ = _log_alive_and_left(
            *self.parameters_.values(), *checked(frequency, recency, T)
        )
        return np.exp(np.minimum(alive - np.logaddexp(alive, left), 0))

    def expected_purchases(
        self, horizon: float, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike
    ) -> np.ndarray:
        """Return the expected number of purchases within (T, T + horizon], horizon in weeks."""
        x, t_x, age = checked(frequency, recency, T)
        # The expected time alive within the horizon; finite at s = 1 as well.
        growth = np.log1p(horizon / (self.beta_ + age))
        lifetime = (self.beta_ + age) * growth * exprel((1 - self.s_) * growth)
        return self.p_alive(x, t_x, age) * (self.r_ + x) / (self.alpha_ + age) * lifetime


def _log_alive_and_left(
    r: float,
    alpha: float,
    s: float,
    beta: float,
    x: np.ndarray,
    t_x: np.ndarray,
    age: np.ndarray,
    with_means: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the two parts of the likelihood, but for what depends on x alone.

    Alive at T: (α + T)^−(r + x) (β + T)^−s. Left at y: s ∫ (α + y)^−(r + x) (β + y)^−(s + 1) dy
    from t_x to T, by Gauss-Legendre quadrature in log(1 + κ (y − t_x)), where κ is how fast the
    integrand falls at first.

    Returns
    -------
    alive, left : ndarray of float64, shape (n,)
        Logarithms.
    means : ndarray of float64, shape (4, n)
        Of log(α + y), 1 / (α + y), log(β + y) and 1 / (β + y) over the time of leaving, on demand.
    """
    kappa = (r + x) / (alpha + t_x) + (s + 1) / (beta + t_x)
    length = np.log1p(kappa * (age - t_x))
    total, means = np.zeros(len(x)), np.zeros((4, len(x)))
    for node, weight in zip((NODES + 1) / 2, WEIGHTS / 2, strict=True):
        after = np.expm1(node * length) / kappa
        log_alpha, log_beta = np.log1p(after / (alpha + t_x)), np.log1p(after / (beta + t_x))
        mass = weight * np.exp(node * length - (r + x) * log_alpha - (s + 1) * log_beta)
        total += mass
        if with_means:
            y = t_x + after
            means += mass * np.array([log_alpha, 1 / (alpha + y), log_beta, 1 / (beta + y)])
    means /= total
    means[0] += np.log(alpha + t_x)
    means[2] += np.log(beta + t_x)
    alive = -(r + x) * np.log(alpha + age) - s * np.log(beta + age)
    # Whoever bought just now has not left; the floor stands for the logarithm of 0.
    left = np.log(s) + np.log(total) + np.log(np.maximum(length, 1e-300) / kappa)
    left -= (r + x) * np.log(alpha + t_x) + (s + 1) * np.log(beta + t_x)
    return alive, left, means
