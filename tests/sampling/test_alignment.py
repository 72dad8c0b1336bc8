"""Out of what codes attend to, when each character is sung."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jukebox_studio.sampling.alignment import sung_at

HOP = 32


def attention_along(path: list[int], characters: int, noise: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(1)
    table = noise * rng.random((len(path), characters)) + 1e-4
    table[np.arange(len(path)), path] += 1.0
    return (table / table.sum(axis=1, keepdims=True)).astype(np.float32)


def evenly(codes: int, characters: int) -> np.ndarray:
    return np.arange(characters) * codes * HOP / characters


def test_characters_are_sung_where_codes_attend_to_them() -> None:
    # A character waits, some go by fast, one is jumped over.
    path = [0] * 5 + [1] * 10 + [2, 3, 5] + [6] * 6
    sung = sung_at(attention_along(path, 7, noise=0.3), evenly(len(path), 7), HOP) / HOP
    assert list(sung[[0, 1, 2, 3, 5, 6]]) == [0, 5, 15, 16, 17, 18]
    assert 16 < sung[4] < 17


def test_an_even_attention_leaves_words_where_they_were_expected() -> None:
    expected = evenly(60, 6)
    sung = sung_at(np.full((60, 6), 1 / 6, np.float32), expected, HOP)
    assert np.abs(sung - expected).max() <= 10 * HOP


def test_a_refrain_is_told_apart_by_its_place() -> None:
    # Words 0-4 come again as 5-9, and every code attends to both alike.
    path = [i for i in range(10) for _ in range(6)]
    table = attention_along(path, 10)
    both = (table + np.roll(table, 5, axis=1)) / 2
    sung = sung_at(both, evenly(60, 10), HOP)
    assert np.abs(sung - evenly(60, 10)).max() <= 6 * HOP


@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_time_never_runs_back(codes: int, characters: int, seed: int) -> None:
    table = np.random.default_rng(seed).random((codes, characters)).astype(np.float32)
    sung = sung_at(table, evenly(codes, characters), HOP)
    assert sung.shape == (characters,)
    assert (np.diff(sung) >= 0).all()
    assert 0 <= sung[0] <= sung[-1] <= codes * HOP


def test_nothing_to_sing_is_sung_nowhere() -> None:
    assert len(sung_at(np.zeros((5, 0), np.float32), np.zeros(0), HOP)) == 0
    assert list(sung_at(np.zeros((0, 2), np.float32), np.array([1.0, 2.0]), HOP)) == [1.0, 2.0]
