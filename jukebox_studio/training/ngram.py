"""The baseline a prior is measured against: an interpolated n-gram over the same codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Counts:
    """How often each key (a context, or a context with a code) occurred; keys sorted."""

    keys: Ints
    counts: Ints

    def __call__(self, keys: Ints) -> Ints:
        """Counts of `keys`, 0 for those never seen."""
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[at] == keys, self.counts[at], 0)


class NGram:
    """Orders 1 to `order`, interpolated as Witten and Bell (1991) do.

    Each order trusts its counts by how often the context was seen against how many different codes
    followed it, and leaves the rest to the order below; order 1 leaves it to the uniform.
    """

    def __init__(self, sequences: Sequence[NDArray[np.int16]], vocabulary: int, order: int) -> None:
        if vocabulary**order >= 2**63:
            raise ValueError(f"{vocabulary} codes are too many for order {order}.")
        self.vocabulary = vocabulary
        self.order = order
        self._seen: list[tuple[_Counts, _Counts, _Counts]] = []
        for n in range(1, order + 1):
            keys = [self._keys(s.astype(np.int64), n)[n - 1 :] for s in sequences]
            joint, counts = np.unique(np.concatenate(keys), return_counts=True)
            context, first = np.unique(joint // vocabulary, return_index=True)
            total = np.add.reduceat(counts, first)
            kinds = np.diff(np.append(first, len(joint)))
            self._seen.append(
                (_Counts(joint, counts), _Counts(context, total), _Counts(context, kinds))
            )

    def _keys(self, codes: Ints, n: int) -> Ints:
        """Each position's last n codes as one number; the first n - 1 positions mean nothing."""
        keys = np.zeros_like(codes)
        for back in range(n):
            shifted = np.zeros_like(codes)
            shifted[back:] = codes[: len(codes) - back]
            keys += shifted * self.vocabulary**back
        return keys

    def bits(self, codes: NDArray[np.int16]) -> Floats:
        """-log2 of the probability of every code of Array[T], given those before it."""
        return self.bits_by_order(codes)[-1]

    def bits_by_order(self, codes: NDArray[np.int16]) -> Floats:
        """The same for the orders 1 to `order`, each with those below it: Array[order, T]."""
        ids = codes.astype(np.int64)
        probability = np.full(len(ids), 1.0 / self.vocabulary)
        found = []
        for n, (joint, context, kinds) in enumerate(self._seen, start=1):
            keys = self._keys(ids, n)
            seen, followers = context(keys // self.vocabulary), kinds(keys // self.vocabulary)
            mixed = (joint(keys) + followers * probability) / np.maximum(seen + followers, 1)
            # A position has no context of n - 1 codes before it has n - 1 codes before it.
            known = (seen > 0) & (np.arange(len(ids)) >= n - 1)
            probability = np.where(known, mixed, probability)
            found.append(-np.log2(probability))
        return np.stack(found)

    def sample(self, length: int, rng: np.random.Generator) -> NDArray[np.int16]:
        """A sequence drawn code by code from this distribution: Array[length]."""
        codes: list[int] = []
        for _ in range(length):
            codes.append(self._draw(codes, rng))
        return np.array(codes, dtype=np.int16)

    def _draw(self, before: Sequence[int], rng: np.random.Generator) -> int:
        """Asks the longest known context first, which passes on to the next as `bits` mixes."""
        for n in range(min(self.order, len(before) + 1), 0, -1):
            context = 0
            for code in before[len(before) - (n - 1) :]:
                context = context * self.vocabulary + code
            joint = self._seen[n - 1][0]
            first, last = np.searchsorted(
                joint.keys, [context * self.vocabulary, (context + 1) * self.vocabulary]
            )
            counts = np.cumsum(joint.counts[first:last])
            if not len(counts):
                continue
            ticket = int(rng.integers(counts[-1] + len(counts)))
            if ticket < counts[-1]:
                chosen = first + int(np.searchsorted(counts, ticket, side="right"))
                return int(joint.keys[chosen] % self.vocabulary)
        return int(rng.integers(self.vocabulary))
