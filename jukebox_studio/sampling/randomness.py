"""Randomness that belongs to a variant, not to a batch.

The uniform of a code is a pure function of (seed, variant, level, position). Variant k of seed s
therefore draws the same numbers whether it is made alone or among others, in one run or resumed.

The function is Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"):
key = seed (64 bits), counter = (position low, position high, variant, level). The first two output
words give the 53 bits of a float64 in [0, 1).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jukebox_studio.errors import JukeboxError

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_KEY_STEPS = 0x9E3779B9, 0xBB67AE85
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)

Words = NDArray[np.uint64]
"""32-bit words, kept in 64 bits so that products fit"""


def philox(counter: tuple[Words, Words, Words, Words], key: int) -> tuple[Words, ...]:
    """Philox4x32-10: four counter words, arrays of one shape, and a 64-bit key -> four words."""
    c0, c1, c2, c3 = counter
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        a, b = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (b >> _HALF) ^ c1 ^ np.uint64(k0),
            b & _LOW,
            (a >> _HALF) ^ c3 ^ np.uint64(k1),
            a & _LOW,
        )
        k0, k1 = (k0 + _KEY_STEPS[0]) & 0xFFFFFFFF, (k1 + _KEY_STEPS[1]) & 0xFFFFFFFF
    return c0, c1, c2, c3


def uniforms(
    seed: int, variants: Sequence[int], level: int, first_position: int, count: int
) -> NDArray[np.float64]:
    """Uniforms in [0, 1) for `count` codes from `first_position` on: float64 [variants, count].

    Positions count from the start of the variant, not of a window. Raises JukeboxError for a seed
    outside 0 to 2^64 - 1.
    """
    if not 0 <= seed < 2**64:
        raise JukeboxError(f"A seed is a whole number from 0 to 2^64 - 1, not {seed}.")
    # [variants, count]
    position, variant = np.broadcast_arrays(
        np.arange(first_position, first_position + count, dtype=np.uint64)[None, :],
        np.asarray(variants, dtype=np.uint64)[:, None],
    )
    words = philox(
        (position & _LOW, position >> _HALF, variant, np.full_like(variant, level)), seed
    )
    # 27 + 26 bits, as in the Mersenne twister's res53
    high, low = words[0] >> np.uint64(5), words[1] >> np.uint64(6)
    return (high.astype(np.float64) * 2.0**26 + low.astype(np.float64)) / 2.0**53


def draw(probabilities: Tensor, uniforms: Tensor) -> Tensor:
    """Codes by the inverse of the cumulative distribution, in float64.

    probabilities: Tensor[B, V], not negative, of any sum above 0 per row; uniforms: Tensor[B] in
    [0, 1) -> int64 Tensor[B]. A code of probability 0 is never drawn. Raises JukeboxError where a
    row has no probability at all, or NaN.
    """
    mass = probabilities.double().cumsum(dim=1)
    total = mass[:, -1:].contiguous()
    if not bool((total > 0).all()):
        raise JukeboxError("The model gave no code any probability; its weights may be damaged.")
    target = uniforms.to(mass).unsqueeze(1) * total
    drawn = torch.searchsorted(mass, target, right=True)
    # u times total may round up to total itself: then the last possible code is meant.
    last = torch.searchsorted(mass, total)
    return torch.minimum(drawn, last).squeeze(1)
