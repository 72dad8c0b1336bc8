"""Bars, beats and what snaps to them, through changes of tempo and meter."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest

from jukebox_studio.tempo import MeterMap, SongTime, TempoMap, TempoPoint, exact
from ui.timeline_grid import Grid, Snap

STEADY = Grid(SongTime.steady(120))
# 4/4 for two bars, 7/8 for two, then 3/4; the tempo halves at the first bar of 7/8.
ODD = Grid(
    SongTime(TempoMap.of((0, 120), (8, 60)), MeterMap.of((0, "4/4"), (2, "7/8"), (4, "3/4")))
)
GLIDING = Grid(
    SongTime(
        TempoMap((TempoPoint(exact(0), exact(120), exact(60)), TempoPoint(exact(16), exact(60)))),
        MeterMap.of((0, "4/4")),
    )
)


def test_lines_are_bars_and_notes_of_the_meter() -> None:
    lines = list(ODD.lines(0.0, 15.0, 100.0))
    assert [line.seconds for line in lines if line.is_bar] == [0, 2, 4, 7.5, 11, 14, 17]
    eighths = [line for line in lines if line.place.bar == 3]
    assert len(eighths) == 7
    assert [line.seconds for line in eighths] == [4, 4.5, 5, 5.5, 6, 6.5, 7]
    assert [line.label for line in eighths[:3]] == ["3", "3|2", "3|3"]


@pytest.mark.parametrize("px_per_second", [0.001, 0.5, 3.0, 20.0, 100.0, 800.0])
def test_lines_are_never_too_dense_nor_too_few(px_per_second: float) -> None:
    for grid in (STEADY, ODD, GLIDING):
        seconds = 1200 / px_per_second
        lines = list(grid.lines(0.0, seconds, px_per_second))
        places = sorted(line.seconds * px_per_second for line in lines)
        gaps = [b - a for a, b in pairwise(places)]
        assert min(gaps, default=99) >= 6
        assert 1 <= len(lines) <= 200


def test_lines_fill_what_is_seen_and_little_more() -> None:
    seconds = [line.seconds for line in STEADY.lines(100.3, 110.9, 100.0)]
    assert seconds == sorted(seconds)
    assert 98.0 <= seconds[0] <= 100.3
    assert 110.9 - 0.5 <= seconds[-1] <= 114.0


@pytest.mark.parametrize(
    ("seconds", "snap", "expected"),
    [
        (1.1, Snap.BAR, 2.0),
        (0.9, Snap.BAR, 0.0),
        (1.1, Snap.BEAT, 1.0),
        (1.1, Snap.OFF, 1.1),
        (-3.0, Snap.BEAT, 0.0),
        (-3.0, Snap.OFF, 0.0),
        (4.8, Snap.BEAT, 5.0),  # 7/8 at 60: an eighth is half a second
        (4.7, Snap.BEAT, 4.5),
        (9.0, Snap.BAR, 7.5),
        (9.5, Snap.BAR, 11.0),
        (11.6, Snap.BEAT, 12.0),  # 3/4: quarters again
    ],
)
def test_snapping(seconds: float, snap: Snap, expected: float) -> None:
    assert ODD.snapped(seconds, snap) == pytest.approx(expected)


def test_snapping_is_exact_on_every_line_of_a_glide() -> None:
    for beat in range(40):
        seconds = float(GLIDING.song.tempo.seconds_at(beat))
        for near in (seconds, seconds + 0.03, max(0.0, seconds - 0.03)):
            assert GLIDING.snapped(near, Snap.BEAT) == seconds


def test_steps_go_from_line_to_line_and_back() -> None:
    for grid in (STEADY, ODD, GLIDING):
        for unit in (Snap.BEAT, Snap.BAR):
            seconds, passed = 0.0, [0.0]
            for _ in range(30):
                seconds = grid.stepped(seconds, 1, unit)
                passed.append(seconds)
            assert passed == sorted(set(passed))
            for expected in reversed(passed[:-1]):
                seconds = grid.stepped(seconds, -1, unit)
                assert seconds == expected
    assert STEADY.stepped(0.0, -3, Snap.BAR) == 0.0


def test_a_step_from_between_two_lines_goes_to_the_next() -> None:
    assert STEADY.stepped(0.7, 1, Snap.BEAT) == 1.0
    assert STEADY.stepped(0.7, -1, Snap.BEAT) == 0.5
    assert STEADY.stepped(0.7, -1, Snap.BAR) == 0.0
    assert STEADY.stepped(0.7, 2, Snap.BAR) == 4.0
    assert STEADY.stepped(0.7, 1, Snap.OFF) == pytest.approx(0.75)


def test_places_read_as_in_a_daw() -> None:
    assert str(ODD.place(4.25)) == "3|1.5"
    assert str(STEADY.place(1.99999)) == "2|1"  # not 1|4.99998
    assert str(STEADY.place(0.0)) == "1|1"
    assert STEADY.place(2.0).beat == Fraction(1)


def test_what_changes_and_what_holds() -> None:
    assert [(change.seconds, change.text) for change in ODD.changes()] == [
        (4.0, "7/8  60"),
        (11.0, "3/4"),
    ]
    assert STEADY.changes() == []
    assert [change.text for change in GLIDING.changes()] == ["60"]
    assert ODD.meter_and_tempo(1.0) == ("4/4", pytest.approx(120))
    assert ODD.meter_and_tempo(4.0) == ("7/8", pytest.approx(60))
    half_way = float(GLIDING.song.tempo.seconds_at(8))
    assert GLIDING.meter_and_tempo(half_way)[1] == pytest.approx(90, abs=0.1)


def test_lengths_in_bars_go_through_changes() -> None:
    assert ODD.bars_between(0.0, 11.0) == 4
    assert ODD.bars_between(5.75, 9.25) == 1


def test_a_stretch_without_width_has_no_lines() -> None:
    assert list(Grid(SongTime.steady(120)).lines(0.0, 0.0, 50.0)) == []
