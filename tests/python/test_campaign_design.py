"""What a campaign can measure: power before it starts, and intervals that hold afterwards."""

from __future__ import annotations

import numpy as np
import pytest
from readout import SIZES, false_alarms, newcombe, revenues_by_segment

from customer_intelligence.lists.design import design, power


@pytest.mark.parametrize(
    ("rate", "effect", "contacts", "held_out"),
    [(0.5, 0.1, 900, 100), (0.55, 0.045, 500, 56), (0.2, 0.1, 250, 250), (0.85, 0.05, 3000, 300)],
)
def test_power_is_how_often_the_read_out_sees_the_effect(rate, effect, contacts, held_out):
    chance = np.random.default_rng(5)
    low, high = newcombe(
        chance.binomial(contacts, rate + effect, 20_000),
        contacts,
        chance.binomial(held_out, rate, 20_000),
        held_out,
    )
    seen = ((low > 0) | (high < 0)).mean()
    assert power(rate, effect, contacts, held_out) == pytest.approx(seen, abs=0.02)


def test_power_as_in_a_textbook():
    """Fleiss, Levin and Paik (2003), Statistical methods for rates and proportions, table A.4.

    For rates of .50 and .60, 5 % two-sided and power .80: 388 in either group before the
    correction for continuity.
    """
    assert power(0.5, 0.1, 387.3, 387.3) == pytest.approx(0.8, abs=0.001)
    assert design(0.5, 0.1, 100, 100).needed_customers == pytest.approx(775, abs=2)


def test_ten_points_take_thousands_of_contacts_with_a_tenth_held_out():
    few = design(0.5, 0.1, 450, 50)
    assert few.power < 0.3
    assert few.smallest_effect > 0.15
    assert 1_900 < few.needed_customers < 3_000
    assert design(0.5, 0.1, 2_000, 222).power == pytest.approx(0.8, abs=0.02)


def test_the_size_and_the_holdout_that_would_do_do():
    few = design(0.5, 0.1, 900, 100)
    n = few.needed_customers
    assert power(0.5, 0.1, 0.9 * n, 0.1 * n) >= 0.8 > power(0.5, 0.1, 0.9 * n - 1, 0.1 * n - 1)
    assert power(0.5, 0.1, 1_000 * (1 - few.needed_share), 1_000 * few.needed_share) == (
        pytest.approx(0.8)
    )
    words = "\n".join(few.lines())
    assert f"holdout_share {few.needed_share:.2f}" in words or "holdout_share 0." in words
    assert f"{n:,} customers" in words


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((0.5, 0.1, 500, 0), "nothing is measured"),
        ((0.5, 0.0, 900, 100), "assume no response"),
        ((1.0, 0.0, 900, 100), "none"),
        ((0.5, 0.001, 900, 100), "with 50 % held out"),
        ((0.5, 1e-9, 900, 100), "more customers than any shop has"),
    ],
)
def test_what_cannot_be_measured_is_said(given, said):
    assert said in "\n".join(design(*given).lines())


@pytest.mark.parametrize("size", SIZES)
def test_campaigns_without_effect_seem_to_have_one_in_five_of_a_hundred(published_dir, size):
    """A/A: 1,000 campaigns each, whose error is 1.4 points; small groups stay below 5 %."""
    for segment, revenues in revenues_by_segment(published_dir).items():
        for alarms in false_alarms(revenues, size):
            assert alarms <= 0.07, segment


@pytest.mark.parametrize("size", SIZES)
def test_so_they_do_in_the_real_shop(real_dir, size):
    """Where few customers bring most: Welch's interval covered .73 to .95."""
    for segment, revenues in revenues_by_segment(real_dir).items():
        for alarms in false_alarms(revenues, size):
            assert alarms <= 0.07, segment
