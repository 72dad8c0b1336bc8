"""The longest stretch of codes that is, code for code, in the training music. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int16]
Hashes = NDArray[np.uint64]

_BASE = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that it can be divided by, modulo 2^64."""

_FIRST_BITS = 24
_REST = np.uint64(64 - _FIRST_BITS)


class KnownCodes:
    """The codes of the training tracks, searched by polynomial hashes of their stretches.

    Two different stretches are taken for the same once in 10^19 comparisons.
    """

    def __init__(self, tracks: Sequence[Codes], vocabulary: int) -> None:
        # Each code as a random number; one more stands between tracks, where no stretch may pass.
        self._numbers = np.random.default_rng(0).integers(1, 2**63, vocabulary + 1, dtype=np.uint64)
        gap = np.array([vocabulary], dtype=np.int64)
        parts = [part for track in tracks for part in (track.astype(np.int64), gap)]
        self._prefix = self._prefixes(np.concatenate(parts)) if parts else np.zeros(1, np.uint64)

    def longest_repeats(self, pieces: Sequence[Codes]) -> list[int]:
        """For each piece the length of its longest stretch that a training track has too."""
        prefixes = [self._prefixes(piece.astype(np.int64)) for piece in pieces]
        low = np.zeros(len(pieces), dtype=np.int64)
        high = np.array([len(piece) for piece in pieces], dtype=np.int64)
        # What repeats is mostly short: lengths double until none is found, then are halved.
        tried, doubling = 1, True
        while (unsure := low < high).any():
            if doubling:
                lengths = {tried: np.flatnonzero(unsure & (low < tried) & (tried <= high))}
                doubling = len(lengths[tried]) > 0
                tried *= 2
            else:
                middles = (low + high + 1) // 2
                lengths = {
                    int(n): np.flatnonzero(unsure & (middles == n))
                    for n in np.unique(middles[unsure])
                }
            for length, chosen in lengths.items():
                found = self._has([prefixes[i] for i in chosen], length)
                low[chosen[found]] = length
                high[chosen[~found]] = length - 1
        return [int(n) for n in low]

    def _has(self, prefixes: Sequence[Hashes], length: int) -> NDArray[np.bool_]:
        """Which pieces have a stretch of this length that the training tracks have."""
        if not prefixes:
            return np.zeros(0, dtype=bool)
        wanted = [_stretches(p, length) for p in prefixes]
        every = np.unique(np.concatenate(wanted))
        known = _stretches(self._prefix, length)
        # Most are told apart by their first bits, which fit the processor's cache.
        begins = np.zeros(1 << _FIRST_BITS, dtype=bool)
        begins[every >> _REST] = True
        known = known[begins[known >> _REST]]
        at = np.minimum(np.searchsorted(every, known), len(every) - 1)
        there = np.zeros(len(every), dtype=bool)
        there[at[every[at] == known]] = True
        return np.array([bool(there[np.searchsorted(every, w)].any()) for w in wanted])

    def _prefixes(self, codes: NDArray[np.int64]) -> Hashes:
        """Sum of number(code i) x base^i over the first n codes, for every n: Array[T + 1]."""
        powers = _powers(len(codes))
        sums = np.zeros(len(codes) + 1, np.uint64)
        np.cumsum(self._numbers[codes] * powers, out=sums[1:])
        return sums


def _powers(count: int) -> Hashes:
    powers = np.full(count, _BASE, np.uint64)
    if count:
        powers[0] = 1
    return np.multiply.accumulate(powers)


def _stretches(prefix: Hashes, length: int) -> Hashes:
    """The hash of every stretch of `length` codes, wherever it lies: Array[T + 1 - length]."""
    inverse = np.uint64(pow(int(_BASE), -1, 2**64))
    count = len(prefix) - length
    if count <= 0:
        return np.zeros(0, np.uint64)
    steps = np.full(count, inverse, np.uint64)
    steps[0] = 1
    return (prefix[length:] - prefix[:count]) * np.multiply.accumulate(steps)
