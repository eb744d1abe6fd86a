"""The products, and everything that a line's code and description may say."""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tools.simulate.shop import Shop
from tools.simulate.trading_times import MINUTES
from tools.simulate.vocabulary import (
    BAD_DEBT,
    CHARGES,
    COLOURS,
    EXTRAS,
    FORMS,
    MOST_PRODUCTS,
    MOTIFS,
    NOTES,
)


@dataclass(frozen=True)
class Catalogue:
    """Products in the order of their ranges, with everything a line may be called.

    Lines refer to ``codes`` and ``descriptions`` by position. Both begin with two entries a
    product; what follows stands at the same position in both.
    """

    codes: pa.Array  # products, products in lower case, extras, charges, bad debt
    descriptions: pa.Array  # products, renamed products, extras, charges, bad debt, notes, null
    cumulative: np.ndarray  # (products + 1,) popularity
    range_bounds: np.ndarray  # (products, 2) first and last + 1 product of the product's range
    price: np.ndarray  # (products,) pounds
    pack: np.ndarray  # (products,) pieces
    renamed_minute: np.ndarray  # (products,) minutes after the start

    @property
    def first_extra(self) -> int:
        """Position of the first extra."""
        return 2 * len(self.price)

    @property
    def first_charge(self) -> int:
        """Position of the first charge."""
        return self.first_extra + len(EXTRAS)

    @property
    def bad_debt(self) -> int:
        """Position of the bad debt adjustment."""
        return self.first_charge + len(CHARGES)

    @property
    def first_note(self) -> int:
        """Position of the first stock note, among the descriptions only."""
        return self.bad_debt + 1

    @property
    def no_description(self) -> int:
        """Position of the missing description."""
        return self.first_note + len(NOTES)


def make_catalogue(shop: Shop, rng: np.random.Generator) -> Catalogue:
    """Invent the products: names, codes, popularity, prices and packs."""
    n = shop.products
    combination = np.sort(rng.choice(MOST_PRODUCTS, n, replace=False, shuffle=False))
    motif, colour, form = np.unravel_index(combination, (len(MOTIFS), len(COLOURS), len(FORMS)))
    words = [(COLOURS[c], MOTIFS[m], FORMS[f]) for c, m, f in zip(colour, motif, form, strict=True)]
    names = [
        " " * (luck < shop.blank_share / 10)
        + " ".join(filter(None, parts))
        + " " * (luck < shop.blank_share)
        for parts, luck in zip(words, rng.random(n).tolist(), strict=True)
    ]
    is_renamed = rng.random(n) < shop.renamed_share
    new_names = [
        f"{m} {f} {c or 'NEW'}" if changes else name
        for (c, m, f), changes, name in zip(words, is_renamed, names, strict=True)
    ]
    suffix = rng.choice(["", "A", "B", "C", "S", "BL"], n, p=[0.72, 0.1, 0.08, 0.04, 0.03, 0.03])
    codes = [
        f"{number}{letters}"
        for number, letters in zip(20_000 + rng.permutation(70_000)[:n], suffix, strict=True)
    ]
    popularity = rng.lognormal(0, 1.0, n)
    price = np.round(rng.lognormal(math.log(2.1), 0.9, n) * 20) / 20
    pack = rng.choice([1, 2, 4, 6, 12], n, p=[0.45, 0.15, 0.1, 0.15, 0.15])
    period = shop.days * MINUTES
    special_codes, special_names = zip(
        *(row[:2] for row in (*EXTRAS, *CHARGES, BAD_DEBT)), strict=True
    )
    return Catalogue(
        codes=pa.array([*codes, *(code.lower() for code in codes), *special_codes]),
        descriptions=pa.array([*names, *new_names, *special_names, *NOTES, None], pa.string()),
        cumulative=np.concatenate([[0.0], np.cumsum(popularity) / popularity.sum()]),
        range_bounds=np.stack(
            [np.searchsorted(motif, motif, side) for side in ("left", "right")], axis=1
        ),
        price=np.maximum(price, 0.1),
        pack=pack,
        renamed_minute=np.where(is_renamed, rng.integers(0, period, n), period),
    )
