"""When the shop trades: weekdays, opening hours, holidays and the season."""

import numpy as np

from tools.simulate.shop import Shop

MINUTES = 24 * 60  # a day
WEEKDAYS = np.array([1.0, 1.15, 1.15, 1.35, 1.0, 0.0, 0.55])  # Monday … Sunday
HOURS = np.array([0.4, 0.6, 2.2, 6.2, 10.2, 10.8, 13.6, 11.6, 10.8, 10.5, 6.7, 4.1, 1.2])  # 6 h …


def calendar(shop: Shop) -> tuple[np.ndarray, np.ndarray]:
    """Return the trading weight and the season's bump of every day, two (days,) arrays."""
    days = np.datetime64(shop.start, "D") + np.arange(shop.days).astype("timedelta64[D]")
    years = days.astype("datetime64[Y]")
    day_of_year = (days - years.astype("datetime64[D]")).astype(int) + 1
    weekday = (days.astype(int) + 3) % 7  # 1970-01-01 was a Thursday
    closed = (day_of_year <= 3) | ((days + np.timedelta64(8, "D")).astype("datetime64[Y]") > years)
    weight = np.where(closed, 0.0, (WEEKDAYS * 7 / WEEKDAYS.sum())[weekday])
    angle = 2 * np.pi * (day_of_year - shop.season_peak_day) / 365.25
    return weight, np.exp(shop.season_sharpness * (np.cos(angle) - 1))


def trading_days(shop: Shop) -> np.ndarray:
    """Return the days on which the shop is open, counted from the start."""
    return np.flatnonzero(calendar(shop)[0])


def cumulate(weight: np.ndarray) -> np.ndarray:
    """Return the running sum before each day and after the last: (days + 1,)."""
    return np.concatenate([[0.0], np.cumsum(weight)])


def draw_days(
    cumulative: np.ndarray, first: np.ndarray, last: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw one day in [first, last] for each pair, in proportion to a cumulative weight."""
    low, high = cumulative[first], cumulative[last + 1]
    position = low + rng.random(len(low)) * (high - low)
    return np.clip(np.searchsorted(cumulative, position, side="right") - 1, first, last)


def draw_days_of_period(shop: Shop, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n days from the whole period, with the season of an average customer."""
    weight, bump = calendar(shop)
    cumulative = cumulate(weight * (1 + shop.season_amplitude * bump))
    return draw_days(cumulative, np.zeros(n, int), np.full(n, shop.days - 1), rng)


def draw_minutes(day: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return minutes after the start for given days, inside the opening hours."""
    hour = np.searchsorted(np.cumsum(HOURS) / HOURS.sum(), rng.random(len(day)), side="right")
    return day * MINUTES + (6 + hour) * 60 + rng.integers(0, 60, len(day))
