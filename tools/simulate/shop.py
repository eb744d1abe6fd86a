"""The parameters of the shop, and the model of its customers that they belong to.

Customers follow the Pareto/NBD model (Schmittlein, Morrison, Colombo 1987, as compared in
Fader, Hardie, Lee 2005, "Counting your customers the easy way", Marketing Science 24(2)):

- rate while alive, purchases a week before season: λ ~ Gamma(``rate_shape``, rate ``rate_scale``);
- lifetime ~ Exponential(μ), in weeks, μ ~ Gamma(``dropout_shape``, rate ``dropout_scale``),
  independent of λ, rounded down to whole days: the customer can still order on the last one;
- acquired at a constant rate since ``earlier_weeks`` before the start. Only survivors matter:
  at age w the share (1 + w/β)^−s is alive, with μ ~ Gamma(s, rate β + w). They are the
  left-censored ones. A customer acquired later orders on that day; this is the first order;
- season: the intensity on day d is λ · weekday(d) · (1 + A · bump(d)), where bump is a von Mises
  shape with ``season_sharpness`` around ``season_peak_day`` and A ~ Gamma(2, mean
  ``season_amplitude``) is the customer's own. Weekday weights average 1 over a week; Saturdays
  and 24 December to 3 January are closed;
- order value: Gamma(``value_shape``, mean m), 1/m ~ Gamma (the Gamma-Gamma model of Fader, Hardie,
  "The Gamma-Gamma model of monetary value", note 025, 2013), independent of λ and μ;
- an order is followed by a return with the customer's own probability ~ Beta, after a geometric
  number of days.
"""

import dataclasses
import math
from dataclasses import dataclass
from datetime import date

from tools.simulate.vocabulary import MOST_PRODUCTS


@dataclass(frozen=True)
class Shop:
    """Parameters of the shop; the defaults make the bundled sample.

    Rates and scales are in weeks, money in pounds, shares between 0 and 1. The defaults are set
    to look like a gift wholesaler: about a third of the customers seen order once, November
    sells about three times as much as February. The shares of the quirks are those
    measured on *Online Retail* (Chen 2015, doi 10.24432/C5BW33), or a little above them where a
    small file would otherwise lack the quirk.
    """

    customers: int = 2_750  # alive at the start or acquired later
    start: date = date(2009, 12, 1)
    days: int = 739  # the last month is partial
    products: int = 1_500
    rate_shape: float = 0.8
    rate_scale: float = 20.0
    dropout_shape: float = 0.5
    dropout_scale: float = 80.0
    earlier_weeks: float = 156.0
    season_amplitude: float = 2.0
    season_sharpness: float = 6.0
    season_peak_day: int = 318  # of the year: mid-November
    value_shape: float = 3.0
    value_spread_shape: float = 3.2  # of 1/m; the smaller, the more customers differ
    value_mean: float = 300.0
    lines_per_order: float = 6.0
    range_share: float = 0.35
    bulk_quantity: int = 48  # from here on 15 % less
    return_alpha: float = 0.7
    return_beta: float = 8.0
    return_mean_days: float = 18.0
    exact_return_share: float = 0.15  # of returned lines; the rest is a part of the quantity
    cheaper_return_share: float = 0.05
    earlier_return_share: float = 0.2  # of return invoices: bought before the start
    correction_share: float = 0.006  # of orders
    anonymous_share: float = 0.24  # of lines
    anonymous_lines: float = 30.0  # per invoice
    anonymous_line_value: float = 12.0
    anonymous_price_factor: float = 1.7
    write_offs: float = 250.0  # these two per 100,000 lines
    anonymous_zero_prices: float = 210.0
    zero_price_share: float = 4e-4  # of customers' lines
    duplicate_share: float = 0.005  # besides those that come about by chance
    two_times_share: float = 0.003
    two_countries_share: float = 0.002
    lower_case_share: float = 0.005
    renamed_share: float = 0.16
    blank_share: float = 0.2

    def __post_init__(self) -> None:
        """Refuse parameters outside their range, by name."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "start":
                continue
            if field.name.endswith("_share"):
                if not 0 <= value < 1:
                    raise ValueError(f"{field.name} must be in [0, 1), not {value}")
            elif not (math.isfinite(value) and value > 0):
                raise ValueError(f"{field.name} must be positive, not {value}")
        if self.days < 60:
            raise ValueError(f"days must be at least 60, not {self.days}")
        if self.dropout_shape == 1 or self.value_spread_shape <= 1:
            raise ValueError("dropout_shape must not be 1 and value_spread_shape must exceed 1")
        if self.products > MOST_PRODUCTS:
            raise ValueError(f"products must be at most {MOST_PRODUCTS}")
