"""Breakpoints stay in order and shares stay shares, whatever is dragged where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.timeline_morph import Morph, MorphPoint

TWO = Morph(16.0, 8.0, ("Ada", "Bo"), (MorphPoint(0.0, (1.0, 0.0)), MorphPoint(4.0, (0.0, 1.0))))


def test_shares_go_straight_between_points() -> None:
    assert TWO.shares_at(0.0) == (1.0, 0.0)
    assert TWO.shares_at(1.0) == (0.75, 0.25)
    assert TWO.shares_at(4.0) == TWO.shares_at(99.0) == (0.0, 1.0)
    assert TWO.shares_at(-1.0) == (1.0, 0.0)


def test_weights_need_not_add_up() -> None:
    three = Morph(0.0, 4.0, ("a", "b", "c"), (MorphPoint(0.0, (2.0, 1.0, 1.0)),))
    assert three.shares_at(2.0) == (0.5, 0.25, 0.25)


def test_a_new_point_changes_nothing_yet() -> None:
    more = TWO.with_point(1.0)
    assert [point.at_seconds for point in more.points] == [0.0, 1.0, 4.0]
    for at in (0.0, 0.5, 1.0, 2.5, 6.0):
        assert more.shares_at(at) == pytest.approx(TWO.shares_at(at))
    assert more.with_point(1.0) is more
    assert TWO.with_point(99.0).points[-1].at_seconds == 8.0


def test_the_first_point_stays() -> None:
    assert TWO.without_point(0) is TWO
    moved = TWO.moved(0, 3.0, 0.4)
    assert moved.points[0] == MorphPoint(0.0, (0.4, 0.6))
    assert len(TWO.without_point(1).points) == 1


def test_others_share_the_rest_as_before() -> None:
    three = Morph(0.0, 4.0, ("a", "b", "c"), (MorphPoint(0.0, (0.5, 0.375, 0.125)),))
    assert three.moved(0, 0.0, 0.2).points[0].weights == pytest.approx((0.2, 0.6, 0.2))
    all_a = three.moved(0, 0.0, 1.0)
    assert all_a.moved(0, 0.0, 0.5).points[0].weights == pytest.approx((0.5, 0.25, 0.25))


@given(
    moves=st.lists(st.tuples(st.integers(0, 5), st.floats(-5, 15), st.floats(-2, 3)), max_size=12),
    news=st.lists(st.floats(-5, 15), max_size=4),
)
def test_whatever_is_dragged_points_stay_in_order(
    moves: list[tuple[int, float, float]], news: list[float]
) -> None:
    morph = TWO
    for at in news:
        morph = morph.with_point(at)
    for index, at, share in moves:
        morph = morph.moved(index % len(morph.points), at, share)
    times = [point.at_seconds for point in morph.points]
    assert times == sorted(set(times))
    assert times[0] == 0.0
    assert times[-1] <= 8.0
    for at in times:
        assert sum(morph.shares_at(at)) == pytest.approx(1.0)
        assert min(morph.shares_at(at)) >= 0.0


def test_the_nearest_point_is_found() -> None:
    assert TWO.index_near(3.8, 0.5) == 1
    assert TWO.index_near(2.0, 0.5) is None
