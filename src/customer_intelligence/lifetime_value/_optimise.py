"""Maximum likelihood of positive parameters, and the estimator that is made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

# Parameters lie between 1e-6 and 1e6: outside, the models are their own limits (a fixed
# probability, no dropout) and likelihoods only lose digits. So are shapes above 1,000: rates or
# order values that differ by three per cent are equal for any data, and sums over them cancel.
LOWER, UPPER = 1e-6, 1e6
UPPER_SHAPE = 1e3
SHAPES = ("r", "p", "q")

# A fit has converged if no more than this is to be gained: far less than any comparison of
# log-likelihoods is about.
MAX_SHORTFALL = 0.01

# log parameters (k,) -> log-likelihood and its gradient (k,)
Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]


class MaximumLikelihood:
    """An estimator whose parameters are all positive.

    Subclasses name their parameters and call ``_maximise`` in ``fit``.

    Attributes
    ----------
    parameters_ : dict of str to float
        The estimates, also as attributes of their own with a trailing underscore.
    standard_errors_ : dict of str to float
        From the observed information of the log parameters, taken to the natural scale by the
        delta method; NaN for a parameter that ran into a bound or cannot be told from another.
    log_likelihood_ : float
    converged_ : bool
        Whether a Newton step would raise the log-likelihood by less than 0.01.
    at_bounds_ : tuple of str
        Parameters whose estimate ran into a bound of the search.
    n_customers_ : float
        Sum of the weights.
    """

    parameter_names: tuple[str, ...] = ()
    at_bounds_: tuple[str, ...]

    @classmethod
    def from_parameters(cls, **parameters: float) -> Self:
        """Return a model with known parameters, without data.

        Raises
        ------
        ValueError
            Unless exactly the model's parameters are given, all of them positive.
        """
        if set(parameters) != set(cls.parameter_names):
            raise ValueError(f"{cls.__name__} takes {cls.parameter_names}, not {set(parameters)}")
        values = np.array([parameters[name] for name in cls.parameter_names], dtype="float64")
        if not (np.isfinite(values) & (values > 0)).all():
            raise ValueError(f"parameters must be positive, not {parameters}")
        model = cls()
        model._set(values)
        model.at_bounds_ = ()
        return model

    @classmethod
    def _bounds(cls) -> np.ndarray:
        """Return the bounds of the parameters, shape (k, 2)."""
        upper = [UPPER_SHAPE if name in SHAPES else UPPER for name in cls.parameter_names]
        return np.array([(LOWER, bound) for bound in upper])

    def _set(self, values: np.ndarray) -> None:
        self.parameters_ = dict(zip(self.parameter_names, values.tolist(), strict=True))
        for name, value in self.parameters_.items():
            setattr(self, f"{name}_", value)

    def _maximise(
        self, objective: Objective, starts: Sequence[Sequence[float]], customers: float
    ) -> None:
        """Maximise from every start and keep the best.

        Parameters
        ----------
        objective : Objective
            Of the log parameters.
        starts : sequence of sequences of float
            Natural parameters to start from.
        customers : float
            Number of customers: the optimiser works on the mean, so that its tolerances mean the
            same for every shop.
        """

        def loss(log_parameters: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = objective(log_parameters)
            return -value / customers, -gradient / customers

        bounds = np.log(self._bounds())
        options = {"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500, "maxls": 40}
        # On vectors of four, threads of a linear algebra library only wait for each other.
        with threadpool_limits(limits=1):
            fits = [
                minimize(
                    loss,
                    np.clip(np.log(start), *bounds.T),
                    jac=True,
                    method="L-BFGS-B",
                    bounds=bounds,
                    options=options,
                )
                for start in starts
            ]
        best = min(fits, key=lambda fit: fit.fun)
        is_free = (best.x > bounds[:, 0] + 1e-3) & (best.x < bounds[:, 1] - 1e-3)
        log_errors, shortfall = _curvature(objective, best.x, is_free)
        errors = log_errors * np.exp(best.x)
        self._set(np.exp(best.x))
        self.standard_errors_ = dict(zip(self.parameter_names, errors.tolist(), strict=True))
        self.log_likelihood_ = float(-best.fun * customers)
        self.converged_ = bool(shortfall < MAX_SHORTFALL)
        self.at_bounds_ = tuple(np.array(self.parameter_names)[~is_free].tolist())
        self.n_customers_ = float(customers)


def _curvature(
    objective: Objective, point: np.ndarray, is_free: np.ndarray
) -> tuple[np.ndarray, float]:
    """Judge a maximum by the observed information of the parameters that are free.

    Returns
    -------
    errors : ndarray of float64, shape (k,)
        Standard errors of the log parameters.
    shortfall : float
        By how much a Newton step would raise the log-likelihood.
    """
    steps = 1e-4 * np.eye(len(point))
    information = np.array(
        [(objective(point - h)[1] - objective(point + h)[1]) / 2e-4 for h in steps]
    )
    free = np.flatnonzero(is_free)
    errors = np.full(len(point), np.nan)
    if not len(free):
        return errors, 0.0
    values, vectors = np.linalg.eigh((information + information.T)[np.ix_(free, free)] / 2)
    slopes = objective(point)[1][free] @ vectors
    # A direction without curvature is one that the data do not tell.
    told = values > 1e-9 * values.max()
    variances = (vectors[:, told] ** 2 / values[told]).sum(axis=1)
    is_told = (vectors[:, ~told] ** 2).sum(axis=1) < 1e-6
    errors[free[is_told]] = np.sqrt(variances[is_told])
    shortfall = (slopes[told] ** 2 / values[told]).sum() / 2 + np.abs(slopes[~told]).sum()
    return errors, float(shortfall)
