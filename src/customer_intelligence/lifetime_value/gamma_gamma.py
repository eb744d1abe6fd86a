"""The Gamma-Gamma model: what an order brings."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, psi

from customer_intelligence.lifetime_value._optimise import MaximumLikelihood


class GammaGamma(MaximumLikelihood):
    """Gamma-Gamma model of order values, independent of how often a customer buys.

    Values of a customer's orders are Gamma distributed with shape p and rate ν; ν is Gamma
    distributed with shape q and rate γ. All customers must have spent something.

    References
    ----------
    Fader, P., Hardie, B. (2013), "The Gamma-Gamma model of monetary value", note 025: likelihood
    (1a), expected value (5).

    Examples
    --------
    One purchase of 100 is pulled towards the shop, ten of them hardly.

    >>> model = GammaGamma.from_parameters(p=6.25, q=3.74, gamma=15.44)
    >>> model.expected_spend([1, 10], [100, 100]).round(1)
    array([80.3, 97.3])
    """

    parameter_names = ("p", "q", "gamma")
    p_: float
    q_: float
    gamma_: float

    def fit(self, frequency: ArrayLike, monetary_value: ArrayLike) -> GammaGamma:
        """Estimate the parameters.

        Parameters
        ----------
        frequency : array-like, shape (n,)
            Number of orders whose mean is given, 1 or more.
        monetary_value : array-like, shape (n,)
            Mean value of these orders in money, above 0.

        Returns
        -------
        The estimator itself.

        Raises
        ------
        ValueError
            For a number below 1, a value that is not positive, or no customer at all.
        """
        x, z = _orders(frequency, monetary_value)
        if not len(x) or x.min() < 1 or z.min() <= 0:
            raise ValueError("frequency must be 1 or more and monetary_value above 0")
        # Sums do not depend on the order of rows; in units of the mean no currency is too small.
        order = np.lexsort((z, x))
        unit = float(np.mean(z[order]))
        x, z = x[order], z[order] / unit
        distinct, row_x = np.unique(x, return_inverse=True)
        customers = np.bincount(row_x).astype("float64")
        n, log_z = float(len(x)), np.log(z)
        spent, constant = x * z, -log_z.sum() - n * np.log(unit)
        log_spent = np.log(spent)

        def objective(log_parameters: np.ndarray) -> tuple[float, np.ndarray]:
            p, q, gamma = np.exp(log_parameters)
            shape, log_rate = p * distinct + q, np.log(gamma + spent)
            by_x = gammaln(shape) - gammaln(p * distinct) - gammaln(q) + q * np.log(gamma)
            value = customers @ by_x + constant + x @ log_spent * p - (p * x + q) @ log_rate
            digamma = psi(shape)
            d_p = (customers * distinct) @ (digamma - psi(p * distinct))
            d_p += x @ (log_spent - log_rate)
            d_q = customers @ (digamma - psi(q)) + n * np.log(gamma) - log_rate.sum()
            d_gamma = n * q / gamma - ((p * x + q) / (gamma + spent)).sum()
            return float(value), np.array([p * d_p, q * d_q, gamma * d_gamma])

        # The last is for order values that are all but equal, such as a fixed price.
        starts = [(p, q, (q - 1) / p) for p, q in ((1.0, 3.0), (6.0, 4.0), (1e3, 1e3))]
        self._maximise(objective, starts, n)
        for values in (self.parameters_, self.standard_errors_):
            values["gamma"] *= unit
        self.gamma_ = self.parameters_["gamma"]
        return self

    def posterior(
        self, frequency: ArrayLike, monetary_value: ArrayLike
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return shape and rate of ν given a customer's orders, shape (n,) each."""
        x, z = _orders(frequency, monetary_value)
        return self.p_ * x + self.q_, self.gamma_ + x * z

    def expected_spend(self, frequency: ArrayLike, monetary_value: ArrayLike) -> np.ndarray:
        """Return the expected value of an order to come, in money, shape (n,).

        Parameters
        ----------
        frequency : array-like, shape (n,)
            Number of orders known, 0 or more.
        monetary_value : array-like, shape (n,)
            Their mean value, 0 or more.

        Returns
        -------
        ndarray of float64, shape (n,)
            Infinite where the posterior of a customer has no mean (p · x + q ≤ 1).
        """
        shape, rate = self.posterior(frequency, monetary_value)
        excess = shape - 1
        return np.where(excess > 0, self.p_ * rate / np.where(excess > 0, excess, 1), np.inf)


def _orders(frequency: ArrayLike, monetary_value: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64, shape (n,), refusing what is not finite or negative."""
    x, z = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(v, dtype="float64")) for v in (frequency, monetary_value))
    )
    for name, values in (("frequency", x), ("monetary_value", z)):
        if not (np.isfinite(values) & (values >= 0)).all():
            raise ValueError(f"{name} must be finite and not negative")
    return x, z
