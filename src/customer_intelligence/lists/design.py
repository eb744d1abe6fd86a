"""What a campaign can measure, before it starts: power of the comparison with the holdout.

The test is the one of `rpt_campaign_readout`: the difference in the share who buy, two-sided at
5 %, by the normal approximation for two proportions.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

WANTED_POWER = 0.8
_NORMAL = NormalDist()
_Z = _NORMAL.inv_cdf(0.975)
_LARGEST = 10**9


class Design(NamedTuple):
    """What a comparison of contacted customers with held-out ones can find.

    Shares are between 0 and 1; `needed_customers` counts both groups.
    """

    contacts: int
    held_out: int
    base_rate: float
    assumed_effect: float
    power: float
    smallest_effect: float | None
    needed_customers: int | None
    needed_share: float | None
    needed_customers_at_half: int | None

    def lines(self) -> list[str]:
        """Return the design in sentences."""
        if self.held_out == 0 or self.contacts == 0:
            return ["power: none; without both contacts and held-out customers nothing is measured"]
        found = (
            f"{100 * self.smallest_effect:.1f} points"
            if self.smallest_effect is not None
            else "none"
        )
        words = [
            f"smallest detectable effect: {found} more buyers than the {_percent(self.base_rate)} "
            f"expected without contact (two-sided 5 %, power {_percent(WANTED_POWER)})"
        ]
        if self.assumed_effect <= 0:
            return [*words, "power at the assumed response: none; these actions assume no response"]
        words.append(
            f"power at the assumed response ({100 * self.assumed_effect:.1f} points): "
            f"{_percent(self.power)}"
        )
        if self.power < WANTED_POWER:
            words.append(f"for {_percent(WANTED_POWER)}: {self._remedy()}")
        return words

    def _remedy(self) -> str:
        share = self.held_out / (self.contacts + self.held_out)
        more = (
            f"{self.needed_customers:,} customers with {_percent(share)} held out"
            if self.needed_customers is not None
            else "more customers than any shop has"
        )
        if self.needed_share is not None:
            return f"holdout_share {math.ceil(100 * self.needed_share) / 100:.2f}, or {more}"
        if self.needed_customers_at_half is None:
            return more
        return (
            f"{more}, or {self.needed_customers_at_half:,} with 50 % held out; "
            "pool several campaigns to get there"
        )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def power(base_rate: float, effect: float, contacts: float, held_out: float) -> float:
    """Return the chance that a difference is found.

    Parameters
    ----------
    base_rate : float
        Share of customers who buy without contact.
    effect : float
        How much higher the share is with contact; the sum is at most 1.
    contacts, held_out : float
        Customers in both groups, above 0.

    Returns
    -------
    float
        Between 0 and 1.
    """
    rate = min(base_rate + effect, 1.0)
    pooled = (rate * contacts + base_rate * held_out) / (contacts + held_out)
    null_error = math.sqrt(pooled * (1 - pooled) * (1 / contacts + 1 / held_out))
    error = math.sqrt(rate * (1 - rate) / contacts + base_rate * (1 - base_rate) / held_out)
    if error == 0:
        return float(rate - base_rate > _Z * null_error)
    gap = rate - base_rate
    return _NORMAL.cdf((gap - _Z * null_error) / error) + _NORMAL.cdf(
        (-gap - _Z * null_error) / error
    )


def _least(low: float, high: float, is_enough: Callable[[float], bool]) -> float:
    """Return the least value between two that is enough, to a billionth of their distance."""
    step = (high - low) / _LARGEST
    return low + step * bisect_left(
        range(_LARGEST), True, key=lambda steps: is_enough(low + step * steps)
    )


def design(base_rate: float, assumed_effect: float, contacts: int, held_out: int) -> Design:
    """Return what a campaign of this size can find, and the size that would do.

    Parameters
    ----------
    base_rate : float
        Share of customers expected to buy without contact.
    assumed_effect : float
        How many more are assumed to buy with contact, as a share of all.
    contacts, held_out : int
        Customers in both groups.
    """
    nothing = Design(contacts, held_out, base_rate, assumed_effect, 0.0, None, None, None, None)
    if not contacts or not held_out:
        return nothing

    customers = contacts + held_out
    share = held_out / customers

    def missing(effect: float, size: float, part: float) -> float:
        return power(base_rate, effect, size * (1 - part), size * part) - WANTED_POWER

    def size_for(part: float) -> int | None:
        if missing(assumed_effect, _LARGEST, part) < 0:
            return None
        sizes = range(2, _LARGEST)
        return sizes[bisect_left(sizes, True, key=lambda n: missing(assumed_effect, n, part) >= 0)]

    largest = 1 - base_rate
    result = nothing._replace(
        power=power(base_rate, assumed_effect, contacts, held_out),
        smallest_effect=_least(0, largest, lambda effect: missing(effect, customers, share) >= 0)
        if largest > 0 and missing(largest, customers, share) > 0
        else None,
    )
    if assumed_effect <= 0 or result.power >= WANTED_POWER:
        return result
    return result._replace(
        needed_customers=size_for(share),
        needed_share=_least(share, 0.5, lambda part: missing(assumed_effect, customers, part) >= 0)
        if share < 0.5 and missing(assumed_effect, customers, 0.5) > 0
        else None,
        needed_customers_at_half=size_for(0.5),
    )
