"""Who the customers are: the draws from the model that ``shop`` describes."""

import numpy as np

from tools.simulate.shop import Shop
from tools.simulate.trading_times import draw_days_of_period
from tools.simulate.vocabulary import COUNTRIES


def draw_customers(shop: Shop, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw who the customers are: one (customers,) array per property.

    ``acquired_day`` and ``end_day`` count days from the start; the first is negative for a
    left-censored customer, the second (the last day alive) may lie beyond the file's end.
    """
    n, s, beta = shop.customers, shop.dropout_shape, shop.dropout_scale
    # Weeks of acquisition that those alive at the start are worth: the integral of (1 + w/β)^−s.
    alive = beta / (1 - s) * ((1 + shop.earlier_weeks / beta) ** (1 - s) - 1)
    is_early = rng.random(n) < alive / (alive + shop.days / 7)
    # Their age at the start: the inverse of that integral, at a uniform share of it.
    grown = (1 - s) / beta * alive * rng.random(n)
    age = np.where(is_early, beta * ((1 + grown) ** (1 / (1 - s)) - 1), 0.0)
    arrival_day = draw_days_of_period(shop, n, rng)
    acquired_day = np.where(is_early, np.minimum(-1, np.floor(-7 * age)), arrival_day).astype(int)
    dropout = rng.gamma(s, 1, n) / (beta + age)
    lifetime_days = np.minimum(7 * rng.exponential(1, n) / np.maximum(dropout, 1e-12), 1e6)
    country_share = np.array([*COUNTRIES.values()]) / sum(COUNTRIES.values())
    q = shop.value_spread_shape
    return {
        "acquired_day": acquired_day,
        "end_day": np.maximum(acquired_day, 0) + np.floor(lifetime_days).astype(int),
        "country": rng.choice(len(COUNTRIES), n, p=country_share).astype("i1"),
        "purchase_rate_per_week": rng.gamma(shop.rate_shape, 1 / shop.rate_scale, n),
        "dropout_rate_per_week": dropout,
        "season_amplitude": rng.gamma(2, shop.season_amplitude / 2, n),
        "mean_order_value": shop.value_mean * (q - 1) / rng.gamma(q, 1, n),
        "return_probability": rng.beta(shop.return_alpha, shop.return_beta, n),
    }
