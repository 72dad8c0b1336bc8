"""The timeline under a real mouse and real keys, and what it shows looked at in its pixels."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PyQt6.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFont,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QWheelEvent,
)
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from jukebox_studio.tempo import MeterMap, SongTime, TempoMap
from ui import timeline_items as items
from ui.peaks import Peaks, PeakStore
from ui.shared import SOURCE_LANE, Lane, variant_lane_id
from ui.theme import DARK, LIGHT, apply_theme, dress
from ui.timeline import HIGHEST_PX_PER_SECOND, TimelineView
from ui.timeline_grid import Snap
from ui.timeline_morph import Morph, MorphPoint

ROOT = Path(__file__).resolve().parents[2]
RATE_HZ = 8000
LEFT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
ALT, NONE = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.NoModifier
WORDS = (("down", 9.0, 9.4), ("by", 10.0, 10.4), ("the", 11.0, 11.4), ("river", 12.0, 13.0))
MORPH = Morph(8.0, 8.0, ("Ada", "Bo"), (MorphPoint(0.0, (1.0, 0.0)), MorphPoint(4.0, (0.0, 1.0))))


@pytest.fixture(scope="module")
def loud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds of a tone at half of full scale."""
    path = tmp_path_factory.mktemp("sound") / "loud.wav"
    time = np.arange(8 * RATE_HZ) / RATE_HZ
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * 440 * time), RATE_HZ)
    return path


@pytest.fixture
def lanes(loud: Path) -> list[Lane]:
    source = Lane(SOURCE_LANE, "Source", loud, 0.0, 8.0, 8.0, False, 0.0, ())
    return [
        source,
        *(
            Lane(variant_lane_id(n), f"Take {n}", loud, 8.0, 8.0, 8.0, False, 0.0, (8.0,))
            for n in (1, 2, 3)
        ),
    ]


@pytest.fixture
def view(qtbot: QtBot, qapp: QApplication, lanes: list[Lane]) -> Iterator[TimelineView]:
    apply_theme(qapp, DARK)
    store = PeakStore()
    made = TimelineView(store)
    dress(made)
    qtbot.addWidget(made)
    made.resize(1000, 600)
    made.set_song(SongTime.steady(120))  # a bar is 2 s
    made.show()
    made.set_lanes(lanes)
    made.setFocus()
    settle(qtbot, made)
    yield made
    store.close()


def settle(qtbot: QtBot, view: TimelineView) -> None:
    """Until every lane that is seen has its peaks."""

    def arrived() -> None:
        view.grab()
        seen = [view.lanes()[i] for i in view._visible_lanes()]
        store = view._store
        assert all(
            store.get(lane.audio_path) or store.error(lane.audio_path) or not lane.known_seconds
            for lane in seen
        )

    qtbot.waitUntil(arrived, timeout=20_000)


def x_of(view: TimelineView, seconds: float) -> int:
    return round(view._axis().x_of(seconds))


def place(view: TimelineView, lane_index: int, seconds: float) -> QPoint:
    """In the waveform of a lane."""
    return QPoint(x_of(view, seconds), round(view._lane_rect(lane_index).center().y()))


def header(view: TimelineView, lane_index: int) -> QPoint:
    return QPoint(60, round(view._lane_rect(lane_index).center().y()))


def drag(
    view: TimelineView, start: QPoint, end: QPoint, modifiers: Qt.KeyboardModifier = NONE
) -> None:
    canvas = view.viewport()
    QTest.mousePress(canvas, LEFT, modifiers, start)
    for step in range(1, 6):
        # QTest.mouseMove carries no buttons, so the moves are sent as the system would.
        at = start + (end - start) * step / 5
        QApplication.sendEvent(
            canvas,
            QMouseEvent(
                QEvent.Type.MouseMove,
                QPointF(at),
                QPointF(canvas.mapToGlobal(at)),
                LEFT,
                LEFT,
                modifiers,
            ),
        )
    QTest.mouseRelease(canvas, LEFT, modifiers, end)


def collected(signal: object) -> list[tuple[object, ...]]:
    told: list[tuple[object, ...]] = []
    signal.connect(lambda *args: told.append(args))  # type: ignore[attr-defined]
    return told


def wheel(
    view: TimelineView, at: QPoint, up: int, modifiers: Qt.KeyboardModifier = NONE, across: int = 0
) -> None:
    QApplication.sendEvent(
        view.viewport(),
        QWheelEvent(
            QPointF(at),
            QPointF(view.viewport().mapToGlobal(at)),
            QPoint(),
            QPoint(across, up),
            Qt.MouseButton.NoButton,
            modifiers,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        ),
    )


def near(image: QImage, x: int, y: int, color: str, reach: int = 2) -> bool:
    """Whether a colour is found around a pixel."""
    return any(
        image.pixelColor(x + dx, y + dy).name() == color
        for dx in range(-reach, reach + 1)
        for dy in range(-reach, reach + 1)
        if image.rect().contains(x + dx, y + dy)
    )


def inked_rows(image: QImage, x: int, top: int, bottom: int, colors: set[str]) -> int:
    return sum(image.pixelColor(x, y).name() in colors for y in range(top, bottom))


# Mouse -------------------------------------------------------------------------------------------


def test_a_click_sets_the_playhead_where_it_snaps(view: TimelineView) -> None:
    moved = collected(view.playhead_moved)
    for snap, expected in ((Snap.BAR, 4.0), (Snap.BEAT, 4.5), (Snap.OFF, 4.4)):
        view.set_snap(snap)
        QTest.mouseClick(view.viewport(), LEFT, NONE, place(view, 1, 4.4))
        assert moved[-1][0] == pytest.approx(expected, abs=0.02)
        assert view.playhead() == moved[-1][0]
    view.set_snap(Snap.BAR)
    QTest.mouseClick(view.viewport(), LEFT, CONTROL, place(view, 1, 4.4))
    assert moved[-1][0] == pytest.approx(4.4, abs=0.02)


def test_a_click_in_the_ruler_does_too(view: TimelineView) -> None:
    QTest.mouseClick(view.viewport(), LEFT, NONE, QPoint(x_of(view, 6.2), 8))
    assert view.playhead() == 6.0


@pytest.mark.parametrize(
    ("snap", "modifiers", "expected"),
    [
        (Snap.BAR, NONE, (4.0, 10.0)),
        (Snap.BEAT, NONE, (4.5, 10.5)),
        (Snap.OFF, NONE, (4.4, 10.3)),
        (Snap.BAR, CONTROL, (4.4, 10.3)),
    ],
)
def test_a_drag_selects_with_snap(
    view: TimelineView,
    snap: Snap,
    modifiers: Qt.KeyboardModifier,
    expected: tuple[float, float],
) -> None:
    view.set_snap(snap)
    for start, end in ((4.4, 10.3), (10.3, 4.4)):
        view.set_selection(0, 0)
        told = collected(view.selection_changed)
        drag(view, place(view, 1, start), place(view, 2, end), modifiers)
        assert told[-1] == pytest.approx(expected, abs=0.02)
        assert view.selection() == told[-1]


def test_a_selection_is_widened_by_its_edge_and_by_shift(view: TimelineView) -> None:
    view.set_selection(4.0, 8.0)
    drag(view, place(view, 1, 8.0), place(view, 1, 12.1))
    assert view.selection() == (4.0, 12.0)
    drag(view, place(view, 1, 4.0), place(view, 1, 2.2))
    assert view.selection() == (2.0, 12.0)
    QTest.mouseClick(view.viewport(), LEFT, SHIFT, place(view, 1, 14.0))
    assert view.selection() is not None
    assert view.selection()[1] == 14.0


def test_a_click_clears_the_selection(view: TimelineView) -> None:
    view.set_selection(4.0, 8.0)
    told = collected(view.selection_changed)
    QTest.mouseClick(view.viewport(), LEFT, NONE, place(view, 1, 6.0))
    assert view.selection() is None
    assert len(told) == 1
    assert told[0][0] == told[0][1]


def test_setters_are_silent(view: TimelineView, lanes: list[Lane]) -> None:
    signals = (view.selection_changed, view.playhead_moved, view.lane_activated, view.morph_changed)
    told = [collected(signal) for signal in signals]
    view.set_selection(2.0, 4.0)
    view.set_playhead(3.0)
    view.set_active_lane(lanes[2].id)
    view.set_morph(MORPH)
    view.set_lanes(lanes[:2])
    assert told == [[], [], [], []]


def test_the_wheel_zooms_around_the_pointer(view: TimelineView) -> None:
    at = QPoint(700, 300)
    for up in (120, 120, 360, -120, -240):
        before, scale = view._axis().seconds_at(700), view.px_per_second()
        wheel(view, at, up)
        assert view.px_per_second() == pytest.approx(scale * 1.25 ** (up / 120))
        assert view._axis().seconds_at(700) == pytest.approx(before, abs=1 / scale)


def test_zoom_has_ends(view: TimelineView) -> None:
    for _ in range(40):
        wheel(view, QPoint(700, 300), 240)
    assert view.px_per_second() == HIGHEST_PX_PER_SECOND
    for _ in range(60):
        wheel(view, QPoint(700, 300), -240)
    start, end = view.visible_seconds()
    assert start <= 0
    assert end >= 16


def test_the_wheel_scrolls_with_shift_sideways_and_over_the_headers(
    view: TimelineView, lanes: list[Lane]
) -> None:
    view.set_lanes([*lanes, *(replace(lanes[1], id=variant_lane_id(n)) for n in range(4, 40))])
    view.zoom_to(4.0, 8.0)
    start = view.visible_seconds()[0]
    wheel(view, QPoint(700, 300), -120, SHIFT)
    shifted = view.visible_seconds()[0]
    assert shifted > start
    wheel(view, QPoint(700, 300), 0, NONE, 240)
    assert view.visible_seconds()[0] < shifted
    assert view.verticalScrollBar().value() == 0
    wheel(view, QPoint(40, 300), -240)
    assert view.verticalScrollBar().value() > 0
    # The source stays where it is while the variants go.
    assert view._lane_rect(0).top() == view._lanes_top()
    assert view._lane_rect(1).top() < view._lane_rect(0).bottom()


def test_the_middle_button_pans(view: TimelineView) -> None:
    view.zoom_to(4.0, 8.0)
    canvas, axis = view.viewport(), view._axis()
    QTest.mousePress(canvas, MIDDLE, NONE, QPoint(700, 300))
    QTest.mouseMove(canvas, QPoint(600, 300))
    QTest.mouseRelease(canvas, MIDDLE, NONE, QPoint(600, 300))
    assert view._axis().x_of(6.0) == pytest.approx(axis.x_of(6.0) - 100)


def test_a_header_click_switches_and_a_double_click_in_the_waveform_too(
    view: TimelineView,
) -> None:
    told = collected(view.lane_activated)
    QTest.mouseClick(view.viewport(), LEFT, NONE, header(view, 2))
    assert told == [("variant-2",)]
    assert view.active_lane() == "variant-2"
    QTest.mouseDClick(view.viewport(), LEFT, NONE, place(view, 3, 10.0))
    assert told[-1] == ("variant-3",)


def test_a_header_is_dragged_out(view: TimelineView) -> None:
    told, activated = collected(view.drag_requested), collected(view.lane_activated)
    drag(view, header(view, 3), QPoint(300, 500))
    assert told == [("variant-3",)]
    assert activated == []
    # A tremble of the hand is a click.
    drag(view, header(view, 3), header(view, 3) + QPoint(2, 1))
    assert told == [("variant-3",)]
    assert activated == [("variant-3",)]


def test_lanes_are_chosen_together(view: TimelineView) -> None:
    for index in (3, 1):
        QTest.mouseClick(view.viewport(), LEFT, CONTROL, header(view, index))
    assert view.chosen_lanes() == ("variant-1", "variant-3")  # from above
    QTest.mouseClick(view.viewport(), LEFT, CONTROL, header(view, 3))
    assert view.chosen_lanes() == ("variant-1",)
    QTest.mouseClick(view.viewport(), LEFT, NONE, header(view, 2))
    assert view.chosen_lanes() == ()


def test_a_lane_has_a_menu_by_mouse_and_by_key(view: TimelineView) -> None:
    told = collected(view.menu_requested)
    at = place(view, 2, 10.0)
    for reason in (QContextMenuEvent.Reason.Mouse, QContextMenuEvent.Reason.Keyboard):
        event = QContextMenuEvent(reason, at, view.viewport().mapToGlobal(at))
        QApplication.sendEvent(view.viewport(), event)
    assert [args[0] for args in told] == ["variant-2", SOURCE_LANE]


# Keys --------------------------------------------------------------------------------------------


def test_arrows_move_by_beat_and_by_bar(view: TimelineView) -> None:
    told = collected(view.playhead_moved)
    for key, modifiers in (
        (Qt.Key.Key_Right, NONE),
        (Qt.Key.Key_Right, CONTROL),
        (Qt.Key.Key_Right, NONE),
        (Qt.Key.Key_Left, CONTROL),
        (Qt.Key.Key_Left, NONE),
        (Qt.Key.Key_Home, NONE),
        (Qt.Key.Key_End, NONE),
    ):
        QTest.keyClick(view, key, modifiers)
    assert [args[0] for args in told] == [0.5, 2.0, 2.5, 2.0, 1.5, 0.0, 16.0]


def test_arrows_follow_the_meter(view: TimelineView) -> None:
    view.set_song(SongTime(TempoMap.of((0, 60)), MeterMap.of((0, "7/8"))))
    QTest.keyClick(view, Qt.Key.Key_Right)
    assert view.playhead() == 0.5
    QTest.keyClick(view, Qt.Key.Key_Right, CONTROL)
    assert view.playhead() == 3.5


def test_shift_selects_with_snap(view: TimelineView) -> None:
    view.set_snap(Snap.BEAT)
    view.set_playhead(4.1)
    for _ in range(3):
        QTest.keyClick(view, Qt.Key.Key_Right, SHIFT)
    assert view.selection() == (4.0, 5.5)
    QTest.keyClick(view, Qt.Key.Key_Left, SHIFT)
    assert view.selection() == (4.0, 5.0)
    QTest.keyClick(view, Qt.Key.Key_Right, SHIFT | CONTROL)
    assert view.selection() == (4.0, 6.0)
    for _ in range(3):
        QTest.keyClick(view, Qt.Key.Key_Left, SHIFT | CONTROL)
    assert view.selection() == (0.0, 4.0)  # over the place where it began
    QTest.keyClick(view, Qt.Key.Key_End, SHIFT)
    assert view.selection() == (4.0, 16.0)
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert view.selection() is None
    QTest.keyClick(view, Qt.Key.Key_A, CONTROL)
    assert view.selection() == (0.0, 16.0)


def test_a_selection_begins_anew_after_the_playhead_was_elsewhere(view: TimelineView) -> None:
    QTest.keyClick(view, Qt.Key.Key_Right, SHIFT | CONTROL)
    view.set_playhead(10.0)
    QTest.keyClick(view, Qt.Key.Key_Right, SHIFT | CONTROL)
    assert view.selection() == (10.0, 12.0)


def test_plus_and_minus_zoom_around_the_playhead(view: TimelineView) -> None:
    view.set_playhead(6.0)
    x, scale = view._axis().x_of(6.0), view.px_per_second()
    QTest.keyClick(view, Qt.Key.Key_Plus)
    QTest.keyClick(view, Qt.Key.Key_Equal)
    assert view.px_per_second() == pytest.approx(scale * 1.25**2)
    assert view._axis().x_of(6.0) == pytest.approx(x, abs=1)
    QTest.keyClick(view, Qt.Key.Key_Minus)
    assert view.px_per_second() == pytest.approx(scale * 1.25)


def test_up_and_down_switch_what_is_heard(view: TimelineView) -> None:
    told = collected(view.lane_activated)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Up):
        QTest.keyClick(view, key)
    assert [args[0] for args in told] == ["variant-1", "variant-2", "variant-1"]
    for _ in range(9):
        QTest.keyClick(view, Qt.Key.Key_Up)
    assert [args[0] for args in told[3:]] == [SOURCE_LANE]
    QTest.keyClick(view, Qt.Key.Key_Space, CONTROL)
    assert view.chosen_lanes() == (SOURCE_LANE,)


def test_other_keys_go_on_to_the_window(view: TimelineView) -> None:
    for key in (Qt.Key.Key_Space, Qt.Key.Key_3, Qt.Key.Key_Question, Qt.Key.Key_Escape):
        event = QKeyEvent(QEvent.Type.KeyPress, key, NONE)
        event.accept()
        view.keyPressEvent(event)
        assert not event.isAccepted()


def test_number_keys_have_lanes(view: TimelineView, lanes: list[Lane]) -> None:
    assert [view.lane_of_key(n) for n in range(5)] == [
        SOURCE_LANE,
        "variant-1",
        "variant-2",
        "variant-3",
        None,
    ]
    view.set_lanes([lanes[0], lanes[2], replace(lanes[1], hidden=True)])
    assert view.lane_of_key(1) == "variant-2"
    assert view.lane_of_key(2) is None
    view.set_lanes(lanes[1:])
    assert view.lane_of_key(0) is None
    assert view.lane_of_key(1) == "variant-1"


# Scrolling and following -------------------------------------------------------------------------


def test_the_first_lanes_are_zoomed_to_fit_and_later_ones_leave_the_view_alone(
    view: TimelineView, lanes: list[Lane]
) -> None:
    start, end = view.visible_seconds()
    assert -1 < start <= 0
    assert 16 <= end < 18
    view.zoom_to(4.0, 8.0)
    before = view.visible_seconds()
    view.set_lanes([*lanes, replace(lanes[1], id="variant-9", start_seconds=200.0)])
    assert view.visible_seconds() == pytest.approx(before)
    view.resize(700, 500)
    assert view.visible_seconds()[0] == pytest.approx(before[0], abs=0.5)
    view.zoom_to_fit()
    assert view.visible_seconds()[1] >= 208


def test_while_playing_the_view_follows_by_pages(view: TimelineView) -> None:
    view.zoom_to(2.0, 4.0)
    view.set_playhead(3.0)
    view.set_playing(True)
    end = view.visible_seconds()[1]
    view.set_playhead(end - 0.01)
    assert view.visible_seconds()[1] == end
    view.set_playhead(end + 0.01)
    assert view.visible_seconds()[0] == pytest.approx(end, abs=0.3)
    # Who looks elsewhere is left alone.
    view.horizontalScrollBar().setValue(0)
    view.set_playhead(end + 0.05)
    assert view.horizontalScrollBar().value() == 0


def test_keys_bring_the_playhead_into_view(view: TimelineView) -> None:
    view.zoom_to(2.0, 4.0)
    QTest.keyClick(view, Qt.Key.Key_End)
    start, end = view.visible_seconds()
    assert start < 16.0 < end


def test_the_heard_lane_is_scrolled_into_view(view: TimelineView, lanes: list[Lane]) -> None:
    view.set_lanes([*lanes, *(replace(lanes[1], id=variant_lane_id(n)) for n in range(4, 40))])
    view.set_active_lane(variant_lane_id(30))
    index = view._index_of(variant_lane_id(30))
    assert index is not None
    area = view._lane_rect(index)
    assert view._lane_rect(0).bottom() <= area.top()
    assert area.bottom() <= view.viewport().height()


# What is seen ------------------------------------------------------------------------------------


def test_the_heard_waveform_is_in_the_accent_and_as_high_as_the_sound(view: TimelineView) -> None:
    view.set_playhead(0.0)
    view.set_active_lane("variant-1")
    image = view.viewport().grab().toImage()
    for index, colors in (
        (1, {DARK.accent, DARK.accent_peak}),
        (2, {DARK.wave, DARK.wave_peak}),
    ):
        wave, _ = items.lane_parts(view._look, view._lane_rect(index), False)
        rows = inked_rows(
            image, x_of(view, 12.3), round(wave.top()) + 2, round(wave.bottom()) - 2, colors
        )
        assert rows == pytest.approx(0.5 * (wave.height() - 4), abs=4)
        # Before the variant begins there is nothing.
        assert not inked_rows(
            image, x_of(view, 5.3), round(wave.top()), round(wave.bottom()), colors
        )


def test_matched_loudness_shows_in_the_height(view: TimelineView, lanes: list[Lane]) -> None:
    view.set_lanes([lanes[0], replace(lanes[1], gain_db=-12.0)])
    view.set_active_lane(SOURCE_LANE)
    heights = []
    for matched in (True, False):
        view.set_matched(matched)
        image = view.viewport().grab().toImage()
        area = view._lane_rect(1)
        heights.append(
            inked_rows(
                image,
                x_of(view, 12.3),
                round(area.top()),
                round(area.bottom()),
                {DARK.wave, DARK.wave_peak},
            )
        )
    assert heights[0] == pytest.approx(heights[1] / 4, abs=3)


def test_a_preview_ends_where_it_has_come_to(
    view: TimelineView, lanes: list[Lane], qtbot: QtBot
) -> None:
    growing = replace(lanes[1], is_preview=True, known_seconds=3.0)
    view.set_lanes([lanes[0], growing])
    settle(qtbot, view)
    image = view.viewport().grab().toImage()
    wave, _ = items.lane_parts(view._look, view._lane_rect(1), False)
    low = round(wave.bottom()) - 6
    assert near(image, x_of(view, 11.0), low, DARK.warning, 1)
    middle = round(wave.center().y())
    assert near(image, x_of(view, 10.3), middle, DARK.wave_peak)
    assert not near(image, x_of(view, 13.3), middle, DARK.wave_peak)
    view.set_lanes([lanes[0], replace(growing, known_seconds=6.0)])
    image = view.viewport().grab().toImage()
    assert near(image, x_of(view, 13.3), middle, DARK.wave_peak)


def test_a_growing_file_is_read_again(view: TimelineView, lanes: list[Lane]) -> None:
    reloaded: list[Path] = []
    view._store.reload = reloaded.append  # type: ignore[method-assign]
    view.set_lanes(lanes)
    assert reloaded == []
    view.set_lanes([replace(lanes[0], known_seconds=7.0), *lanes[1:]])
    assert reloaded == [lanes[0].audio_path]


def test_seams_are_marked_and_told(view: TimelineView, lanes: list[Lane], qtbot: QtBot) -> None:
    view.set_lanes([lanes[0], replace(lanes[1], joins_seconds=(12.0,))])
    image = view.viewport().grab().toImage()
    wave, _ = items.lane_parts(view._look, view._lane_rect(1), False)
    assert near(image, x_of(view, 12.0), round(wave.top()) + 5, DARK.seam)
    at = QPoint(x_of(view, 12.0), round(wave.center().y()))
    tip = QHelpEvent(QEvent.Type.ToolTip, at, view.viewport().mapToGlobal(at))
    QApplication.sendEvent(view.viewport(), tip)
    qtbot.waitUntil(lambda: "7|1" in QToolTip.text())


def test_what_cannot_be_read_is_said_in_the_lane(
    view: TimelineView, lanes: list[Lane], qtbot: QtBot, tmp_path: Path
) -> None:
    view.set_lanes([lanes[0], replace(lanes[1], audio_path=tmp_path / "gone.wav")])
    settle(qtbot, view)
    image = view.viewport().grab().toImage()
    area = view._lane_rect(1)
    left, right = x_of(view, 8.0), x_of(view, 16.0)
    colors = (
        image.pixelColor(x, y)
        for x in range(left, right)
        for y in range(round(area.top()), round(area.bottom()))
    )
    reds = sum(color.red() > color.blue() + 60 for color in colors)
    assert reds > 20
    assert "gone.wav" in view._tip_at(QPointF(place(view, 1, 10.0)))


def test_words_are_lit_as_they_sound(view: TimelineView, lanes: list[Lane], qtbot: QtBot) -> None:
    view.set_lanes([lanes[0], replace(lanes[1], words=WORDS)])
    settle(qtbot, view)
    _, words = items.lane_parts(view._look, view._lane_rect(1), True)
    y = round(words.center().y())

    def lit() -> list[str]:
        # Painted as while playing: what is not told to change stays as it was.
        QApplication.processEvents()
        image = view.viewport().grab().toImage()
        return [
            text
            for text, start, _ in WORDS
            if near(image, x_of(view, start) - 2, y, DARK.accent, 0)
        ]

    seen = {}
    for seconds in (8.5, 9.2, 9.7, 10.1, 11.39, 12.9, 13.5):
        view.set_playhead(seconds)
        seen[seconds] = lit()
    assert seen == {
        8.5: [],
        9.2: ["down"],
        9.7: [],
        10.1: ["by"],
        11.39: ["the"],
        12.9: ["river"],
        13.5: [],
    }


def test_what_is_repainted_while_playing_is_what_a_full_paint_shows(
    view: TimelineView, lanes: list[Lane], qtbot: QtBot
) -> None:
    view.set_lanes([replace(lanes[0], words=(("hey", 0.5, 1.0),)), replace(lanes[1], words=WORDS)])
    view.zoom_to(7.0, 14.0)
    settle(qtbot, view)
    view.set_playing(True)
    window = view.window()
    for step in range(30):
        view.set_playhead(8.0 + step / 7)
        QApplication.processEvents()
        partly = backing_store(window)
        view.viewport().update()
        QApplication.processEvents()
        assert partly == backing_store(window), f"at {view.playhead():.2f} s"


def backing_store(window: TimelineView) -> QImage:
    """What stands on the screen, without painting anything again."""
    screen = window.screen()
    assert screen is not None
    return screen.grabWindow(window.winId()).toImage()


def test_a_word_is_clicked_to_its_time(view: TimelineView, lanes: list[Lane]) -> None:
    view.set_lanes([lanes[0], replace(lanes[1], words=WORDS)])
    words, moved = collected(view.words_clicked), collected(view.playhead_moved)
    _, strip = items.lane_parts(view._look, view._lane_rect(1), True)
    at = QPoint(x_of(view, 11.1), round(strip.center().y()))
    QTest.mouseClick(view.viewport(), LEFT, NONE, at)
    assert words == moved == [(11.0,)]  # not snapped to the bar
    # Between two words one clicks the timeline.
    QTest.mouseClick(view.viewport(), LEFT, NONE, QPoint(x_of(view, 14.1), at.y()))
    assert moved[-1] == (14.0,)
    assert len(words) == 1


def test_words_never_lie_over_each_other(view: TimelineView, lanes: list[Lane]) -> None:
    many = tuple((f"syllable{n}", 8 + n * 0.1, 8 + n * 0.1 + 0.08) for n in range(80))
    view.set_lanes([lanes[0], replace(lanes[1], words=many)])
    _, strip = items.lane_parts(view._look, view._lane_rect(1), True)
    for scale in (20.0, 60.0, 200.0, 800.0):
        view.zoom(scale / view.px_per_second(), 9.0)
        found = list(items.words_at(view._look, strip, view._axis(), view.lanes()[1], -1e6, 1e6))
        with_text = [where for _, where, has_room in found if has_room]
        assert with_text
        for before, after in pairwise(with_text):
            assert before.left() + 1 < after.left()
            text_px = view._look.small_text.horizontalAdvance("syllable9")
            assert before.left() + text_px <= after.left()
    assert len(with_text) == 80  # near enough, all of them are read


def test_the_selection_says_how_long_it_is(view: TimelineView) -> None:
    for end, text in ((6.0, "1 bar"), (12.0, "4 bars"), (7.0, "1.5 bars")):
        view.set_selection(4.0, end)
        assert view._length_text() == text
        assert text in view.accessibleDescription()


def test_empty_it_says_what_to_do(view: TimelineView, qtbot: QtBot) -> None:
    view.set_lanes([])
    view.set_empty_text("Nothing here yet.")
    image = view.viewport().grab().toImage()
    middle = image.height() // 2
    inked = {
        image.pixelColor(x, y).name()
        for x in range(300, 700)
        for y in range(middle - 60, middle + 40)
    }
    assert DARK.text_dim in inked
    # And nothing breaks under the hands.
    QTest.mouseClick(view.viewport(), LEFT, NONE, QPoint(500, 300))
    for key in (Qt.Key.Key_Right, Qt.Key.Key_End, Qt.Key.Key_Plus, Qt.Key.Key_Down):
        QTest.keyClick(view, key)
    wheel(view, QPoint(500, 300), 120)
    view.set_playhead(3.0)
    view.grab()


def test_light_and_dark_follow_at_once(view: TimelineView, qapp: QApplication) -> None:
    for theme in (LIGHT, DARK):
        apply_theme(qapp, theme)
        image = view.viewport().grab().toImage()
        assert image.pixelColor(image.width() - 3, image.height() - 3).name() == theme.window
        assert image.pixelColor(20, view._ruler_px() - 4).name() == theme.panel


def test_a_larger_system_font_makes_everything_larger(view: TimelineView) -> None:
    before = (view._header_px(), view._ruler_px(), view._lane_px(view.lanes()[0]))
    font = QFont(view.font())
    font.setPointSizeF(2 * font.pointSizeF())
    view.setFont(font)
    after = (view._header_px(), view._ruler_px(), view._lane_px(view.lanes()[0]))
    for small, large in zip(before, after, strict=True):
        assert large > 1.2 * small, (before, after)
    view.grab()


def test_long_names_keep_to_their_place(view: TimelineView) -> None:
    metrics = view._look.text
    name = "A very long name of a track, mixed, edited and edited again, take 17"
    for width in (60, 100, 200, 1000):
        for most_lines in (1, 2):
            lines = items.two_lines(metrics, name, width, most_lines)
            assert 1 <= len(lines) <= most_lines
            assert all(metrics.horizontalAdvance(line) <= width for line in lines)
    assert items.two_lines(metrics, name, 200, 2)[-1].endswith("17")
    assert items.two_lines(metrics, "Take 1", 200, 2) == ["Take 1"]


# Many --------------------------------------------------------------------------------------------


def test_only_what_is_seen_is_read_and_drawn(
    view: TimelineView, lanes: list[Lane], tmp_path: Path
) -> None:
    asked: set[Path] = set()

    class Asked(PeakStore):
        def get(self, path: Path) -> Peaks | None:
            asked.add(path)
            return None

    other = TimelineView(Asked())
    other.resize(1000, 600)
    many = [
        replace(lanes[1], id=variant_lane_id(n), audio_path=tmp_path / f"{n}.wav")
        for n in range(2000)
    ]
    other.set_lanes([lanes[0], *many])
    other.show()
    other.grab()
    assert lanes[0].audio_path in asked
    assert len(asked) < 15
    bar = other.verticalScrollBar()
    bar.setValue(bar.maximum())
    other.grab()
    assert tmp_path / "1999.wav" in asked
    assert len(asked) < 30


def test_drawn_waveforms_are_kept_within_bounds(
    view: TimelineView, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiles = view._tiles
    view.zoom_to(8.0, 16.0)
    view.grab()
    drawn = list(tiles._tiles.values())
    view.grab()
    assert list(tiles._tiles.values()) == drawn  # nothing was drawn again
    most_bytes = 2 * tiles._size_bytes
    monkeypatch.setattr(items, "_MOST_TILE_BYTES", most_bytes)
    for _ in range(12):
        view.zoom(1.1)
        view.grab()
    assert tiles._size_bytes == sum(tile.sizeInBytes() for tile in tiles._tiles.values())
    assert tiles._size_bytes <= most_bytes


def test_importing_it_waits_for_nothing_heavy() -> None:
    heavy = "{'torch', 'scipy', 'soundfile', 'qtawesome'}"
    code = f"import sys, ui.timeline; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


# Morph -------------------------------------------------------------------------------------------


def point(view: TimelineView, index: int) -> QPoint:
    morph = view.morph()
    assert morph is not None
    return items.morph_point_at(morph, index, view._rects()[1], view._axis()).toPoint()


def test_a_breakpoint_is_dragged(view: TimelineView) -> None:
    view.set_morph(MORPH)
    told = collected(view.morph_changed)
    inner = items.morph_inner(view._rects()[1])
    target = QPoint(x_of(view, 14.1), round(inner.bottom() - 0.25 * inner.height()))
    drag(view, point(view, 1), target)
    changed = told[-1][0]
    assert isinstance(changed, Morph)
    assert changed is view.morph()
    assert changed.points[1].at_seconds == 6.0  # 14 s on the timeline: it snaps too
    assert changed.points[1].weights == pytest.approx((0.25, 0.75), abs=0.02)
    assert view.playhead() == 14.0
    assert view.selection() is None


def test_a_double_click_adds_a_breakpoint_and_delete_removes_it(view: TimelineView) -> None:
    view.set_morph(MORPH)
    told = collected(view.morph_changed)
    at = QPoint(x_of(view, 10.1), round(view._rects()[1].center().y()))
    QTest.mouseDClick(view.viewport(), LEFT, NONE, at)
    assert [p.at_seconds for p in told[-1][0].points] == [0.0, 2.0, 4.0]  # type: ignore[attr-defined]
    view.set_playhead(10.0)
    QTest.keyClick(view, Qt.Key.Key_Delete)
    assert view.morph() == MORPH
    view.set_playhead(8.0)
    QTest.keyClick(view, Qt.Key.Key_Delete)  # the first one stays
    assert view.morph() == MORPH


def test_keys_reach_every_breakpoint(view: TimelineView) -> None:
    view.set_morph(MORPH)
    view.set_playhead(0.0)
    QTest.keyClick(view, Qt.Key.Key_Right, ALT)
    assert view.playhead() == 8.0
    assert "Ada 100 %" in view.accessibleDescription()
    QTest.keyClick(view, Qt.Key.Key_Down, ALT)
    QTest.keyClick(view, Qt.Key.Key_Down, ALT)
    assert "Ada 90 %" in view.accessibleDescription()
    QTest.keyClick(view, Qt.Key.Key_Right, ALT)
    assert view.playhead() == 12.0
    QTest.keyClick(view, Qt.Key.Key_Up, ALT)
    morph = view.morph()
    assert morph is not None
    assert [p.weights[0] for p in morph.points] == pytest.approx([0.9, 0.05])
    QTest.keyClick(view, Qt.Key.Key_Left, CONTROL)
    QTest.keyClick(view, Qt.Key.Key_M, ALT)
    morph = view.morph()
    assert morph is not None
    assert [p.at_seconds for p in morph.points] == [0.0, 2.0, 4.0]
    QTest.keyClick(view, Qt.Key.Key_Left, ALT)
    assert view.playhead() == 8.0


def test_the_morph_lane_comes_and_goes(view: TimelineView) -> None:
    top = view._lane_rect(0).top()
    view.set_morph(MORPH)
    assert view._lane_rect(0).top() > top
    image = view.viewport().grab().toImage()
    at = point(view, 1)
    assert near(image, at.x(), at.y(), DARK.series[0])
    view.set_morph(None)
    assert view._lane_rect(0).top() == top


# For those who do not see it ---------------------------------------------------------------------


def test_what_is_seen_is_told(view: TimelineView, lanes: list[Lane]) -> None:
    assert view.accessibleName() == "Timeline"
    view.set_active_lane("variant-2")
    QTest.keyClick(view, Qt.Key.Key_Right, CONTROL)
    told = view.accessibleDescription()
    for part in ("Lane 3 of 4: Take 2", "playhead at 2|1"):
        assert part in told
    view.set_lanes([lanes[0], replace(lanes[1], is_preview=True)])
    view.set_active_lane("variant-1")
    assert "preview" in view.accessibleDescription()
    view.set_lanes([])
    assert "Drop a clip" in view.accessibleDescription()


def test_focus_by_key_is_shown(view: TimelineView, qtbot: QtBot) -> None:
    def accent_at_top() -> bool:
        image = view.viewport().grab().toImage()
        return image.pixelColor(500, 0).name() == DARK.accent

    view.clearFocus()
    assert not accent_at_top()
    qtbot.waitUntil(view.isActiveWindow)
    view.setFocus(Qt.FocusReason.TabFocusReason)
    assert accent_at_top()
    view.clearFocus()
    view.setFocus(Qt.FocusReason.MouseFocusReason)
    assert not accent_at_top()


def test_colours_of_the_theme_mix_as_they_should() -> None:
    mixed = items._mixes("#ffffff", "#ff0000")
    steps = items._STEPS
    assert mixed[0] == 0  # nothing covers nothing
    assert mixed[-1] == 0xFFFFFFFF
    assert mixed[steps * (steps + 1)] == 0xFFFF0000
    half = QColor.fromRgba(int(mixed[(steps // 2) * (steps + 1)]))
    assert half.alpha() == pytest.approx(128, abs=1)
    assert half.red() == pytest.approx(128, abs=1)  # premultiplied
    assert math.isclose(half.green(), 0)


@pytest.mark.parametrize("start_samples", [2**31, 2**40, 2**62])
def test_a_clip_years_into_the_song_is_shown_and_played(
    view: TimelineView, lanes: list[Lane], qtbot: QtBot, start_samples: int
) -> None:
    start = start_samples / 48_000
    view.set_lanes([replace(lane, start_seconds=lane.start_seconds + start) for lane in lanes])
    for show in (
        view.zoom_to_fit,
        lambda: view.zoom_to(start, start + 16.0),
        lambda: view.zoom(1e6, start),
        lambda: view.zoom(1e-9, start),
        lambda: view.zoom_to(start, start + 16.0),
    ):
        show()
        view.grab()
    # A float, and a pixel, tell so much apart.
    near = max(1.0, 1e-6 * start)
    seen_start, seen_end = view.visible_seconds()
    assert seen_start - near <= start <= seen_end + near
    view.set_playing(True)
    for seconds in (0.0, start, start + 1.0, 2e14):
        view.set_playhead(seconds)
        view.grab()
    qtbot.keyClick(view, Qt.Key.Key_End)
    qtbot.keyClick(view, Qt.Key.Key_Left)
    view.grab()


def test_a_corner_of_a_header_is_painted_alone(view: TimelineView) -> None:
    canvas = view.viewport()
    assert canvas is not None
    before = canvas.grab()
    # As when a window that covered it is moved away.
    canvas.repaint(2, 60, 10, 20)
    assert canvas.grab().toImage() == before.toImage()


def test_a_part_is_drawn_as_the_whole_was(view: TimelineView) -> None:
    view.zoom_to(0.0, 30.0)
    whole = view._lines(view._axis(), -1e4, 1e4)
    assert len(whole) > 15
    for left in range(0, view.width(), 37):
        part = view._lines(view._axis(), left, left + 50)
        assert part == [
            line for line in whole if left <= view._axis().x_of(line.seconds) <= left + 50
        ]


@pytest.mark.parametrize("width", [1000, 40])
def test_headers_alone_are_drawn_where_the_song_begins(view: TimelineView, width: int) -> None:
    view.resize(width, 600)
    view.zoom_to(0.0, 30.0)
    view._across.setValue(0)
    for width_px in (1, view._header_px() - 8, view._header_px(), view._header_px() + 1):
        view._canvas.repaint(0, 0, width_px, 200)


def test_what_goes_wrong_in_drawing_is_told_and_the_next_frame_is_drawn(
    view: TimelineView, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    with monkeypatch.context() as patch, qtbot.captureExceptions() as caught:
        patch.setattr(view, "_paint", lambda *_: 1 / 0)
        view._canvas.repaint()
    assert [kind for kind, _, _ in caught] == [ZeroDivisionError]
    view._canvas.repaint()
