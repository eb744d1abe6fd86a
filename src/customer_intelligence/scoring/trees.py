"""Forests and boosted trees as flat arrays, scored without walking them.

The leaves of a tree are numbered from left to right and are the bits of a word. A split whose
customer goes right rules out the leaves to its left; the customer's leaf is the lowest that no
split rules out (Lucchese et al., 2015, doi 10.1145/2766462.2767733). Which leaves a column rules
out depends on where its value lies among the thresholds, so that one look-up a column does for all
trees, and columns can be exchanged one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import ClassVar

import numpy as np
from scipy.special import logit

MOST_LEAVES = 64


@dataclass(frozen=True, eq=False)
class Trees:
    """An ensemble of trees.

    A value of at most the threshold goes left, a null where ``null_goes_left`` says.

    Attributes
    ----------
    features : tuple of str
    roots : ndarray of int64, shape (trees,)
        Positions among the nodes.
    feature : ndarray of int64, shape (nodes,)
        Position among the features; -1 for a leaf.
    threshold : ndarray of float64, shape (nodes,)
    left, right : ndarray of int64, shape (nodes,)
        Positions of the children.
    null_goes_left : ndarray of bool, shape (nodes,)
    value : ndarray of float64, shape (nodes,)
        What a leaf says.
    says_probability : bool
        Whether leaves hold probabilities, whose mean counts, or log-odds, whose sum does.
    baseline : float
        Added to the sum of log-odds.
    is_single_precision : bool
        Whether values are cut to 32 bits before they are compared.
    """

    ARRAYS: ClassVar[dict[str, type]] = {
        **dict.fromkeys(("roots", "feature", "left", "right"), int),
        **dict.fromkeys(("threshold", "value"), float),
        "null_goes_left": bool,
    }

    features: tuple[str, ...]
    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    null_goes_left: np.ndarray
    value: np.ndarray
    says_probability: bool
    baseline: float
    is_single_precision: bool

    def terms(self, values: np.ndarray, columns: Sequence[int]) -> np.ndarray:
        """Return the leaves that these columns do not rule out, as bits, shape (n, trees)."""
        if self.is_single_precision:
            values = values.astype("float32")
        shape = (len(values), len(self.roots))
        possible = np.full(shape, self._leaves.all, dtype=self._leaves.right_of.dtype)
        for column in columns:
            cuts, allowed = self._tables[column]
            if len(cuts):
                value = values[:, column]
                # As many thresholds lie below the value.
                position = np.searchsorted(cuts, value.astype("float64"))
                possible &= allowed[np.where(np.isnan(value), len(cuts) + 1, position)]
        return possible

    def logits(self, terms: Sequence[np.ndarray]) -> np.ndarray:
        """Return the log-odds from the terms of all columns, shape (n,)."""
        possible = reduce(np.bitwise_and, terms)
        lowest = np.bitwise_count(~possible & (possible - possible.dtype.type(1)))
        said = self._leaves.values[lowest + self._leaves.offsets]
        total = said.sum(axis=1)
        return np.asarray(
            logit(total / len(self.roots)) if self.says_probability else self.baseline + total
        )

    @cached_property
    def _leaves(self) -> _Leaves:
        return _Leaves.of(self)

    @cached_property
    def _tables(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return thresholds of each feature, and the leaves allowed below, between and above.

        The last row of the leaves is that of a null.
        """
        leaves, tables = self._leaves, []
        for column in range(len(self.features)):
            nodes = np.flatnonzero(self.feature == column)
            cuts, position = np.unique(self.threshold[nodes], return_inverse=True)
            shape = (len(cuts) + 2, len(self.roots))
            allowed = np.full(shape, leaves.all, dtype=leaves.right_of.dtype)
            tree, ahead = leaves.tree[nodes], leaves.right_of[nodes]
            np.bitwise_and.at(allowed, (position + 1, tree), ahead)
            np.bitwise_and.accumulate(allowed[:-1], axis=0, out=allowed[:-1])
            goes_right = ~self.null_goes_left[nodes]
            np.bitwise_and.at(allowed[-1], tree[goes_right], ahead[goes_right])
            tables.append((cuts, allowed))
        return tables


@dataclass(frozen=True, eq=False)
class _Leaves:
    """The leaves of all trees, numbered from left to right in each.

    Attributes
    ----------
    tree : ndarray of int64, shape (nodes,)
        The tree of each node.
    right_of : ndarray of unsigned integers, shape (nodes,)
        The leaves that are left to a customer who goes right at a split, as bits.
    values : ndarray of float64, shape (trees · most leaves,)
    offsets : ndarray of int64, shape (trees,)
        Where the values of a tree begin.
    """

    tree: np.ndarray
    right_of: np.ndarray
    values: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, trees: Trees) -> _Leaves:
        """Return the leaves of flat trees."""
        levels = list(_levels(trees))
        count = np.ones(len(trees.feature), dtype="int64")
        for nodes in reversed(levels):
            count[nodes] = count[trees.left[nodes]] + count[trees.right[nodes]]
        first, tree = np.zeros_like(count), np.zeros_like(count)
        tree[trees.roots] = np.arange(len(trees.roots))
        for nodes in levels:
            left, right = trees.left[nodes], trees.right[nodes]
            tree[left] = tree[right] = tree[nodes]
            first[left], first[right] = first[nodes], first[nodes] + count[left]
        most = int(count[trees.roots].max())
        if most > MOST_LEAVES:
            raise ValueError(f"a tree has {most} leaves, more than {MOST_LEAVES}")
        is_leaf = trees.feature < 0
        values = np.zeros((len(trees.roots), most))
        values[tree[is_leaf], first[is_leaf]] = trees.value[is_leaf]
        return cls(
            tree=tree,
            right_of=_right_of(trees, first, count, most),
            values=values.ravel(),
            offsets=np.arange(len(trees.roots)) * most,
        )

    @property
    def all(self) -> int:
        """All leaves, as bits of the words in use."""
        return int(np.iinfo(self.right_of.dtype).max)


def _levels(trees: Trees) -> Iterator[np.ndarray]:
    """Yield the splits of all trees, level by level."""
    nodes = trees.roots
    while len(nodes := nodes[trees.feature[nodes] >= 0]):
        yield nodes
        nodes = np.concatenate([trees.left[nodes], trees.right[nodes]])


def _right_of(trees: Trees, first: np.ndarray, count: np.ndarray, most: int) -> np.ndarray:
    """Return the leaves that are left to who goes right, in the shortest words that hold them."""
    one = np.uint64(1)
    lost = np.where(trees.feature < 0, 0, count[trees.left]).astype("uint64")
    begin = np.where(trees.feature < 0, 0, first[trees.left]).astype("uint64")
    bits = min(size for size in (8, 16, 32, 64) if size >= most)
    return np.asarray((~(((one << lost) - one) << begin)).astype(f"uint{bits}"))
