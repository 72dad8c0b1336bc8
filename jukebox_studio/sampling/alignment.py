"""When each character is sung, out of what the codes of a song attend to. numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EXPECTED_SHARE = 0.25
"""How far, as a share of the song, the place of a character may reasonably lie from where words
sung at an even pace would have it."""


def sung_at(
    attention: NDArray[np.float32], expected_samples: NDArray[np.float64], hop_samples: int
) -> NDArray[np.float64]:
    """The sample at which each character is sung: Array[characters], never falling.

    attention: [codes, characters], as from `song.align_lyrics`; expected_samples [characters]: when
    each would be sung if words were even. The path through the attention that only ever goes on
    and collects the most of it (dynamic time warping; Sakoe and Chiba 1978), each code on one
    character, held weakly to the expected place since attention alone wanders in repeated words.
    """
    codes, characters = attention.shape
    if not characters or not codes:
        return expected_samples.copy()
    at = (np.arange(codes) + 0.5) * hop_samples
    away = (at[:, None] - expected_samples[None, :]) / (EXPECTED_SHARE * codes * hop_samples)
    score = np.log(attention.astype(np.float64) + 1e-3) - 0.5 * away**2
    # best[j]: the best path to here that ends on character j; a code stays or goes on by up to
    # as many characters as it takes to get through the words in time.
    most = max(2, -(-2 * characters // codes) + 1)
    best = np.full(characters, -np.inf)
    best[: most + 1] = score[0, : most + 1]
    came = np.zeros((codes, characters), dtype=np.int16)
    for t in range(1, codes):
        moved = np.full((most + 1, characters), -np.inf)
        moved[0] = best
        for step in range(1, most + 1):
            moved[step, step:] = best[:-step]
        came[t] = moved.argmax(axis=0)
        best = moved.max(axis=0) + score[t]
    path = np.empty(codes, dtype=np.int64)
    path[-1] = int(best.argmax())
    for t in range(codes - 1, 0, -1):
        path[t - 1] = path[t] - came[t, path[t]]
    # A character is sung where the path first reaches it; those it jumps over, in between.
    reached, first = np.unique(path, return_index=True)
    sung = np.interp(np.arange(characters), reached, first * float(hop_samples))
    return np.maximum.accumulate(sung)
