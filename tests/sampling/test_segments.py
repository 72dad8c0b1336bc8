from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jukebox_studio.sampling.segments import batches, leads_to, overlap_codes, split_stretch
from jukebox_studio.sampling.windows import Window


@given(
    st.integers(0, 3000),
    st.integers(1, 20_000),
    st.integers(0, 3000),
    st.sampled_from([(1024, 8), (8192, 4), (64, 4), (100, 7)]),
)
def test_every_code_is_in_a_segment_and_joints_lie_apart(
    filled: int, new: int, known: int, size: tuple[int, int]
) -> None:
    n_ctx, ratio = size
    assume(known >= filled % ratio)
    total = filled + new
    segments = split_stretch(filled, total, known, n_ctx, ratio)
    overlap = overlap_codes(n_ctx)
    first = segments[0]
    assert first.start + first.primed == filled
    assert first.primed <= min(known, filled, n_ctx * 3 // 8)
    assert all(s.primed == 0 for s in segments[1:]), "nothing is known where the others start"
    assert segments[-1].end == total
    for segment in segments:
        assert segment.start % ratio == 0
        assert segment.start >= 0
        assert 0 < segment.length <= n_ctx
    for before, after in pairwise(segments):
        assert before.end - after.start == overlap
        assert before.start + before.primed < after.start
    for one, other in zip(segments, segments[2:], strict=False):
        assert one.end <= other.start, "no code is in three segments"


@given(st.integers(0, 3000), st.integers(2000, 20_000))
def test_segments_are_about_as_long_as_each_other(filled: int, new: int) -> None:
    segments = split_stretch(filled, filled + new, filled, 1024, 8)
    lengths = [s.length for s in segments[:-1]]
    assert max(lengths) - min(lengths) <= 8 + 8


def test_a_short_stretch_is_one_segment() -> None:
    assert split_stretch(800, 1400, 800, 1024, 8) == [Window(416, 1400, primed=384)]
    assert split_stretch(800, 900, 100, 1024, 8) == [Window(704, 900, primed=96)]


def test_a_stretch_is_cut_where_it_is_longer_than_a_window() -> None:
    segments = split_stretch(800, 2000, 800, 1024, 8)
    assert segments == [Window(416, 1272, primed=384), Window(1144, 2000, primed=0)]
    assert leads_to(segments) == [True, False]
    others = [Window(3000, 3100, 0)]
    assert leads_to([*segments, *others]) == [True, False, False], "another stretch"


def test_what_cannot_be_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing between"):
        split_stretch(10, 10, 10, 1024, 8)
    with pytest.raises(ValueError, match="too short"):
        split_stretch(10, 20, 10, 32, 8)
    with pytest.raises(ValueError, match="in the midst"):
        split_stretch(13, 2000, 0, 1024, 8)


@given(st.integers(1, 60), st.integers(1, 80), st.integers(1, 128))
def test_batches_hold_every_row_once_and_never_too_many(
    segments: int, rows: int, most_rows: int
) -> None:
    made: set[tuple[int, int]] = set()
    for part, cut in batches(segments, rows, most_rows):
        assert len(part) * (cut.stop - cut.start) <= most_rows
        for row in range(cut.start, cut.stop):
            for segment in reversed(part):
                assert (segment, row) not in made
                assert segment + 1 == segments or (segment + 1, row) in made | {
                    (n, row) for n in part
                }, "a segment is led towards the next one, which is there"
                made.add((segment, row))
    assert len(made) == segments * rows


def test_nothing_cannot_be_batched() -> None:
    for wrong in ((0, 1, 1), (1, 0, 1), (1, 1, 0)):
        with pytest.raises(ValueError, match="Cannot batch"):
            batches(*wrong)
