"""What the timeline marks of a variant in the window: how far it is, its words, seams, pre-roll."""

from __future__ import annotations

from pathlib import Path

import pytest
from hand_engine import HandEngine
from PyQt6.QtCore import QPoint, QPointF, Qt, QUrl
from PyQt6.QtTest import QTest
from pytestqt.qtbot import QtBot
from ui_parts import WAIT_MS, NotedPlayer, add_clip, preview, render, result

from jukebox_studio.events import Finished, Progress
from ui import timeline_items as items
from ui.shared import SOURCE_LANE, variant_lane_id
from ui.theme import DARK
from ui.window import MainWindow

LYRICS = {"text": "la li lo", "sung_at_seconds": [0.2, 0.3, 0.4, 0.8, 0.9, 1.0, 1.4, 1.5]}


def color_at(window: MainWindow, x: float, y: float) -> str:
    viewport = window.timeline.viewport()
    assert viewport is not None
    return viewport.grab().toImage().pixelColor(round(x), round(y)).name()


def test_a_growing_variant_says_how_much_of_it_has_its_full_quality(
    window: MainWindow, engine: HandEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    window.request_panel.variants.setValue(1)
    window.generate()
    _, out, folder = engine.begun.get(timeout=20)
    view = window.timeline
    engine.says.put(Progress(1, 10, 20, 5.0, 60.0))
    engine.says.put(preview(folder, 0, 1.0))
    qtbot.waitUntil(lambda: len(view.lanes()) == 2, timeout=WAIT_MS)
    lane = view.lanes()[1]
    assert (lane.is_preview, lane.known_seconds < lane.length_seconds) == (True, True)
    assert not view._upsampled  # that was the top level
    engine.says.put(Progress(0, 25, 100, 5.0, 30.0))
    qtbot.waitUntil(lambda: view._upsampled == {lane.id: 0.25}, timeout=WAIT_MS)
    view.set_active_lane(lane.id)
    assert "upsampled 25 %" in view.accessibleDescription()
    area = view._lane_rect(1)
    bottom = items.lane_parts(view._look, area, False)[0].bottom() - 2
    axis = view._axis()
    inside = axis.x_of(lane.start_seconds + 0.1 * lane.length_seconds)
    beyond = axis.x_of(lane.start_seconds + 0.8 * lane.length_seconds)
    assert color_at(window, inside, bottom) == DARK.accent
    assert color_at(window, beyond, bottom) == DARK.raised
    engine.says.put(result(out, 0))
    engine.says.put(Finished())
    qtbot.waitUntil(lambda: not view._upsampled, timeout=WAIT_MS)
    assert view.lanes()[1].id == variant_lane_id(1)


def test_a_preview_that_is_upsampled_later_says_so_too(
    window: MainWindow, engine: HandEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    window.request_panel.variants.setValue(1)
    window.request_panel.preview_only.setChecked(True)
    window.generate()
    _, out, _ = engine.begun.get(timeout=20)
    engine.says.put(result(out, 0, level=1))
    engine.says.put(Finished())
    qtbot.waitUntil(lambda: len(window.history.model.nodes) == 1, timeout=WAIT_MS)
    window.history.choose(1)
    window.shortcuts.actions["upsample"].trigger()
    _, out, _ = engine.begun.get(timeout=20)
    engine.says.put(Progress(0, 1, 2, 5.0, 30.0))
    qtbot.waitUntil(lambda: window.timeline._upsampled == {"variant-1": 0.5}, timeout=WAIT_MS)
    engine.says.put(result(out, 0))
    engine.says.put(Finished())
    qtbot.waitUntil(lambda: not window.timeline._upsampled, timeout=WAIT_MS)


def test_words_are_lit_as_they_sound_and_lead_to_their_time(
    window: MainWindow, engine: HandEngine, player: NotedPlayer, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    render(window, engine, qtbot, variants=1, lyrics=LYRICS)
    view = window.timeline
    qtbot.waitUntil(lambda: bool(view.lanes()[1].words), timeout=WAIT_MS)
    lane = view.lanes()[1]
    assert [word for word, *_ in lane.words] == ["la", "li", "lo"]
    view.zoom_to(lane.start_seconds, lane.start_seconds + lane.length_seconds)
    words = items.lane_parts(view._look, view._lane_rect(1), True)[1]

    def lit(number: int) -> bool:
        x = view._axis().x_of(lane.words[number][1]) - 2
        return color_at(window, x, words.center().y()) == DARK.accent_strong

    player.play()
    for number in range(3):
        begin, end = lane.words[number][1:]
        player.position.emit((begin + end) / 2)
        assert [lit(n) for n in range(3)] == [n == number for n in range(3)]

    x = view._axis().x_of(lane.words[1][1]) + 4
    viewport = view.viewport()
    QTest.mouseClick(
        viewport, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(words.center().y()))
    )
    assert player.position_seconds == pytest.approx(lane.words[1][1])
    assert window.transport.place.text().split()[0] == "2|2.60"

    # In the editor too, once the variant is what is worked on.
    window.history.choose(1)
    window.shortcuts.actions["go-on-from"].trigger()
    assert window.request_panel.lyrics.sung.toPlainText() == "la li lo"
    window.request_panel.lyrics.sung.anchorClicked.emit(QUrl("#2"))
    assert player.position_seconds == pytest.approx(lane.words[2][1])


def test_seams_are_marked_and_the_pre_roll_is_played(
    window: MainWindow, engine: HandEngine, player: NotedPlayer, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)  # 2 s at 120: a bar
    render(window, engine, qtbot, variants=1)
    view = window.timeline
    lane = view.lanes()[1]
    assert lane.joins_seconds == (2.0,)
    wave, _ = items.lane_parts(view._look, view._lane_rect(1), False)
    assert color_at(window, view._axis().x_of(2.0), wave.top() + 5) == DARK.seam
    assert "Joined to the clip at 2|1" in view._tip_at(
        QPointF(view._axis().x_of(2.0), wave.center().y())
    )
    assert view.lanes()[0].id == SOURCE_LANE
    assert view.lanes()[0].joins_seconds == ()

    view._select((2.0, 3.0))
    window.tool_row.pre_roll.setCurrentIndex(window.tool_row.pre_roll.findData(1))
    window.tool_row.pre_roll.activated.emit(window.tool_row.pre_roll.currentIndex())
    player.seek(3.5)
    window.shortcuts.actions["play"].trigger()
    assert player.told("play")[-1] == (0.0,)  # a bar before the selection
    ruler = view._rects()[0]
    band_y = ruler.bottom() - view._look.small_text.height() / 2
    middle = view._axis().x_of(0.2)
    assert color_at(window, middle, band_y) != DARK.panel
