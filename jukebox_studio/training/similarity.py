"""How alike two sets of sounds are: maximum mean discrepancy of their embeddings. No torch.

The kernel is that of the kernel inception distance (Binkowski et al. 2018, "Demystifying MMD
GANs"): (x y / d + 1)^3, in the unbiased estimate, which is right on average for any number of
samples and so may come out below 0. Embeddings are first centred on the real set, and divided by
one number, its standard deviation over all dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Embeddings = NDArray[np.float64]
DRAWS = 40


@dataclass(frozen=True)
class Discrepancy:
    """Between a set and the real one; 0 where they are the same."""

    mmd: float
    spread: float
    """Standard deviation over draws of half of the clips of both sets."""
    clips: int


def mmd(x: Embeddings, y: Embeddings) -> float:
    """Unbiased squared MMD of Array[N, D] and Array[M, D]; N and M at least 2."""

    def kernel(a: Embeddings, b: Embeddings) -> Embeddings:
        cubed: Embeddings = (a @ b.T / a.shape[1] + 1.0) ** 3
        return cubed

    def within(a: Embeddings) -> float:
        k = kernel(a, a)
        return float((k.sum() - np.trace(k)) / (len(a) * (len(a) - 1)))

    return within(x) + within(y) - 2.0 * float(kernel(x, y).mean())


def discrepancy(
    real: list[Embeddings], other: list[Embeddings], seed: int = 0
) -> Discrepancy | None:
    """Of the patches of clips, Array[patches, D] each; None with fewer than four clips a set.

    Clips are drawn whole: patches of one clip are too alike to count as many.
    """
    real, other = ([clip for clip in clips if len(clip)] for clips in (real, other))
    if min(len(real), len(other)) < 4:
        return None
    every = np.concatenate(real)
    # One scale for all dimensions: some hardly move in a small set, and would drown the others.
    centre, scale = every.mean(0), np.sqrt(every.var(0).mean()) + 1e-9
    real, other = ([(clip - centre) / scale for clip in clips] for clips in (real, other))
    rng = np.random.default_rng(seed)

    def half(clips: list[Embeddings]) -> Embeddings:
        chosen = rng.choice(len(clips), len(clips) // 2, replace=False)
        return np.concatenate([clips[i] for i in chosen])

    draws = [mmd(half(real), half(other)) for _ in range(DRAWS)]
    whole = mmd(np.concatenate(real), np.concatenate(other))
    return Discrepancy(whole, float(np.std(draws)), len(other))
