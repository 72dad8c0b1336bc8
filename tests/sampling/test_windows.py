import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukebox_studio.sampling.windows import (
    Window,
    extension,
    hop_codes,
    render_samples,
    schedule,
    split_chunks,
    split_rows,
    window_starts,
)

DATA = Path(__file__).parent.parent / "data"


@st.composite
def levels(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """(total, n_ctx, hop, filled)"""
    n_ctx = draw(st.integers(1, 100))
    total = draw(st.integers(1, 400))
    return total, n_ctx, draw(st.integers(1, n_ctx)), draw(st.integers(0, total + 10))


def test_starts_equal_the_golden_ones() -> None:
    for row in json.loads((DATA / "get_starts.json").read_text("utf-8")):
        assert window_starts(row["total_length"], row["n_ctx"], row["hop_length"]) == row["starts"]


def test_chunks_equal_the_golden_ones() -> None:
    for row in json.loads((DATA / "split_chunks.json").read_text("utf-8")):
        assert split_chunks(row["length"], row["chunk"]) == row["sizes"]


@given(levels())
def test_starts_cover_a_level(level: tuple[int, int, int, int]) -> None:
    total, n_ctx, hop, _ = level
    if total < n_ctx:
        with pytest.raises(ValueError, match="less than one window"):
            window_starts(total, n_ctx, hop)
        return
    starts = window_starts(total, n_ctx, hop)
    assert starts[0] == 0
    assert starts[-1] + n_ctx == total
    assert all(0 < b - a <= hop for a, b in pairwise(starts))


@given(levels())
def test_a_schedule_makes_each_missing_code_once(level: tuple[int, int, int, int]) -> None:
    total, n_ctx, hop, filled = level
    there = filled
    for window in schedule(total, n_ctx, hop, filled):
        assert window.start + window.primed == there, "it goes on where the codes end"
        assert window.new > 0, "filled windows are skipped"
        assert window.length <= n_ctx
        assert window.length == min(n_ctx, total), "a window is short only if the level is"
        there = window.end
    assert there == max(filled, total)


def test_a_level_shorter_than_a_window_is_one_short_window() -> None:
    assert schedule(40, 96, 48) == [Window(0, 40, primed=0)]
    assert schedule(40, 96, 48, filled=10) == [Window(0, 40, primed=10)]
    assert schedule(40, 96, 48, filled=40) == []


def test_extension_adds_codes_as_the_original_does() -> None:
    assert extension(0, 40, 96) == Window(0, 40, primed=0)
    assert extension(10, 40, 96) == Window(0, 50, primed=10), "10 + 40 codes, not 40"
    assert extension(90, 40, 96) == Window(34, 130, primed=56)
    for new in (0, 97):
        with pytest.raises(ValueError, match="cannot add"):
            extension(0, new, 96)


@given(st.integers(0, 300), st.integers(1, 100), st.integers(1, 100))
def test_an_extension_sees_as_much_as_fits(filled: int, new: int, n_ctx: int) -> None:
    if new > n_ctx:
        return
    window = extension(filled, new, n_ctx)
    assert (window.new, window.end) == (new, filled + new)
    assert window.length == min(n_ctx, filled + new)


def test_hops_are_fractions_of_a_window() -> None:
    assert [hop_codes(fraction, 96) for fraction in (0.5, 0.125, 1.0)] == [48, 12, 96]
    for bad in (0.0, 1.5, 0.001):
        with pytest.raises(ValueError, match="cannot hop"):
            hop_codes(bad, 96)


@given(st.floats(0.2, 1.0), st.integers(1, 20), st.integers(1, 8))
def test_hops_keep_to_codes_of_the_level_above(fraction: float, above: int, ratio: int) -> None:
    n_ctx = above * ratio
    if fraction * n_ctx < 1:
        return
    hop = hop_codes(fraction, n_ctx, ratio)
    assert hop % ratio == 0
    assert 0 < hop <= n_ctx
    assert hop <= max(fraction * n_ctx, ratio)


def test_a_render_is_long_enough_for_every_lower_level() -> None:
    contexts = {0: 8192, 1: 8192, 2: 8192}
    hops = {0: 8, 1: 32, 2: 128}
    assert render_samples(1, contexts, hops) == 8192 * 32
    assert render_samples(8192 * 32 + 1, contexts, hops) == 8192 * 32 + 128
    assert render_samples(100, {0: 96}, {0: 8}) == 104, "one level alone may be shorter"
    with pytest.raises(ValueError, match="Cannot render 0"):
        render_samples(0, contexts, hops)
    with pytest.raises(ValueError, match="do not divide"):
        render_samples(1, contexts, {0: 8, 1: 33, 2: 128})


@pytest.mark.parametrize("hop", [0, 97])
def test_windows_that_would_leave_a_gap_are_refused(hop: int) -> None:
    with pytest.raises(ValueError, match="cannot hop"):
        window_starts(200, 96, hop)


@given(st.integers(1, 200), st.integers(1, 50))
def test_chunks_and_rows_split_everything(length: int, size: int) -> None:
    chunks = split_chunks(length, size)
    assert sum(chunks) == length
    assert max(chunks) <= size
    rows = split_rows(length, size)
    assert [i for part in rows for i in range(part.start, part.stop)] == list(range(length))
    assert all(part.stop - part.start <= size for part in rows)


@pytest.mark.parametrize("split", [split_chunks, split_rows])
def test_nothing_cannot_be_split(split) -> None:
    for length, size in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="Cannot split"):
            split(length, size)
