"""A counter-based hash in place of a generator: SplitMix64 (Steele, Lea, Flood 2014).

What it draws for an order or a line depends on the seed and their numbers only, not on what was
drawn before: a later return can recompute the lines that it takes back.
"""

import numpy as np


def mix(x: np.ndarray) -> np.ndarray:
    """Scramble 64-bit counters: the finaliser of SplitMix64, as uint64 of the same shape."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def child(key: np.ndarray, number: np.ndarray | int) -> np.ndarray:
    """Derive the key of a numbered child (an order of the seed, a line of an order, a draw)."""
    step = np.asarray(number).reshape(-1).astype(np.uint64) + np.uint64(1)
    return mix(key + step * np.uint64(0x9E3779B97F4A7C15))


def uniform(key: np.ndarray, draw: int) -> np.ndarray:
    """Return the numbered draw of each key, uniform on (0, 1)."""
    return ((child(key, draw) >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53
