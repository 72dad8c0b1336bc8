"""The first start: audio, MIDI, DAW and models are set up, each with a test that says it works."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot
from tiny_checkpoints import write_ids, write_openai_model
from ui_parts import NotedPlayer, sound

from bridge.osc import Client
from bridge.token import load_token
from jukebox_studio.bundle import find_bundles
from ui.audition import TONE_SECONDS
from ui.daw_link import DawLink
from ui.player import Player
from ui.shared import SOURCE_LANE
from ui.window import MainWindow

FAKE_DEVICES = Path(__file__).resolve().parent.parent / "fake_devices.py"
WAIT_MS = 60_000
LEFT = Qt.MouseButton.LeftButton


def devices(folder: Path, *names: str) -> Path:
    """What `fake_devices.py` takes for the devices of the computer; the first is the system's."""
    folder.mkdir(exist_ok=True)
    outputs = [{"name": n, "rate_hz": 48_000, "is_default": n == names[0]} for n in names]
    (folder / "outputs.json").write_text(json.dumps(outputs), encoding="utf-8")
    return folder


class TestWithDevices:
    @pytest.fixture
    def player(self, tmp_path: Path) -> Player:  # in the place of the one that only notes
        folder = devices(tmp_path / "devices", "Speakers", "Headphones")
        return Player(None, playback=(sys.executable, str(FAKE_DEVICES), str(folder)))

    def test_a_tone_tells_whether_audio_works(
        self, window: MainWindow, player: Player, tmp_path: Path, qtbot: QtBot
    ) -> None:
        """Without a clip too; afterwards the clip is heard as before."""
        qtbot.waitUntil(lambda: player.output is not None, timeout=WAIT_MS)
        window.pages.show_settings()
        page = window.pages.settings
        assert page is not None
        assert page.audio_said.text() == "Speakers plays, at 48,000 Hz."
        qtbot.mouseClick(page.test, LEFT)
        qtbot.waitUntil(lambda: "It is heard through Speakers" in page.audio_said.text())
        heard = tmp_path / "devices" / "heard.f32"
        qtbot.waitUntil(
            lambda: bool(np.abs(np.fromfile(heard, np.float32)).max(initial=0) > 0.1),
            timeout=WAIT_MS,
        )
        qtbot.waitUntil(lambda: not player.is_playing, timeout=WAIT_MS)
        assert "Speakers plays" in page.audio_said.text()
        window.add_files([sound(tmp_path / "beat 120bpm.wav", seconds=4)])
        qtbot.waitUntil(lambda: window.clip_id is not None, timeout=WAIT_MS)
        qtbot.waitUntil(lambda: player.current == SOURCE_LANE, timeout=WAIT_MS)
        player.seek(1.0)
        qtbot.mouseClick(page.test, LEFT)
        qtbot.waitUntil(lambda: player.current == "tone", timeout=WAIT_MS)
        qtbot.waitUntil(lambda: player.current == SOURCE_LANE, timeout=WAIT_MS)
        assert (player.position_seconds, player.is_playing) == (1.0, False)

    def test_device_latency_and_buffer_are_chosen(
        self, window: MainWindow, player: Player, tmp_path: Path, qtbot: QtBot
    ) -> None:
        qtbot.waitUntil(lambda: len(player.outputs) == 2, timeout=WAIT_MS)
        window.pages.show_settings()
        page = window.pages.settings
        assert page is not None
        for box, value in ((page.output, "Headphones"), (page.latency, 0.1), (page.buffer, 256)):
            box.setCurrentIndex(box.findData(value))
            box.activated.emit(box.currentIndex())
        settings = player.settings
        assert (settings.output, settings.latency_seconds) == ("Headphones", 0.1)
        assert settings.block_samples == 256
        qtbot.waitUntil(lambda: player.output == "Headphones", timeout=WAIT_MS)
        qtbot.mouseClick(page.test, LEFT)
        qtbot.waitUntil(lambda: "through Headphones" in page.audio_said.text(), timeout=WAIT_MS)
        opened = tmp_path / "devices" / "opened.txt"
        qtbot.waitUntil(opened.exists, timeout=WAIT_MS)
        assert opened.read_text() == "Headphones 48000"


def test_the_tone_is_as_long_and_as_quiet_as_it_should_be() -> None:
    from ui.audition import TONE_RATE_HZ, tone

    made = tone()
    assert len(made) == round(TONE_SECONDS * TONE_RATE_HZ)
    assert 0.12 < np.abs(made).max() <= 0.125
    assert np.abs(made[[0, -1]]).max() < 1e-3


def test_a_daw_that_says_hello_is_seen_on_the_settings_page(
    window: MainWindow,
    daw: DawLink,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: QtBot,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    window.pages.show_settings()
    page = window.pages.settings
    assert page is not None
    assert "is off" in page.daw_said.text()
    daw.start_bridge(tmp_path / "bridge", port=0)
    assert daw.bridge is not None
    page.refresh()
    assert "No DAW is linked (listening on port" in page.daw_said.text()
    with Client(load_token(tmp_path / "bridge" / "bridge-token"), daw.bridge.port) as client:
        client.hello("REAPER", "7.0")
        qtbot.waitUntil(lambda: "Linked: REAPER 7.0" in page.daw_said.text(), timeout=WAIT_MS)
    window.daw.midi_heard.emit("Keys: note_on channel=0 note=60")
    assert page.midi_said.text() == "Heard Keys: note_on channel=0 note=60"


def test_checkpoints_are_imported_on_the_page_and_used(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    """By the real command, in its own process: memory first, then progress, then the model."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    checkpoints = tmp_path / "5b"
    write_openai_model(checkpoints)
    write_ids(checkpoints)
    window.pages.show_models()
    page = window.pages.models
    assert page is not None
    said: list[str] = []
    done: list[tuple[str, int]] = []
    page.import_bar.valueChanged.connect(
        lambda percent: done.append((page.import_bar.format().split(":")[0], percent))
    )
    with qtbot.waitSignal(page.imported, timeout=WAIT_MS):
        page.start_import(checkpoints)
        assert page._import is not None
        page._import.readyReadStandardOutput.connect(lambda: said.append(page.import_said.text()))
    assert all("of disk" in text and "of memory" in text for text in said), said
    assert len(done) > 5
    assert sorted(done) == done, "first weights are copied, then they are hashed"
    assert "is imported" in page.import_said.text()
    made = [found for found in find_bundles() if tmp_path in found.folder.parents]
    assert len(made) == 1
    window._models_found(find_bundles())
    page.choose(made[0].name)
    assert "May I release" not in page.answer.text()
    assert page.answer.text().startswith("Yes, but not commercially")
    assert page.accept_box is not None
    assert not page.use.isEnabled()
    page.accept_box.click()
    qtbot.mouseClick(page.use, LEFT)
    qtbot.waitUntil(
        lambda: window.model is not None and window.model.name == made[0].name, timeout=WAIT_MS
    )
    assert made[0].name in window.store.settings.accepted_licences


def test_the_tour_goes_by_keys_and_ends_with_escape(window: MainWindow, qtbot: QtBot) -> None:
    window.pages.show_tour()
    tour = window.pages.tour
    assert tour is not None
    first = tour.heading.text()
    qtbot.keyClick(tour.next, Qt.Key.Key_Return)
    assert tour.heading.text() != first
    window.resize(1400, 900)
    qtbot.waitUntil(lambda: tour.size() == window.size())
    qtbot.keyClick(tour, Qt.Key.Key_Escape)
    assert window.pages.tour is None
    assert window.store.settings.was_toured


def test_the_welcome_leads_to_the_tour(
    window: MainWindow, player: NotedPlayer, qtbot: QtBot
) -> None:
    window.store.change(recent=())
    window.open_first_project()
    qtbot.waitUntil(lambda: any("Welcome" in m.text for m in window.messages.messages))
    [welcome] = [m for m in window.messages.messages if "Welcome" in m.text]
    assert welcome.button is not None
    qtbot.mouseClick(welcome.button, LEFT)
    assert window.pages.tour is not None
    window.pages.tour.end()


def test_keys_are_typed_anew_and_conflicts_are_told(window: MainWindow, qtbot: QtBot) -> None:
    """By the real editor of keys; what is taken stays where it was."""
    qtbot.keyClick(window, "?")
    page = window.pages.keys
    page.search.setText("loop")
    shown = [id for id, item in page._items.items() if not item.isHidden()]
    assert shown == ["loop"]
    page.list.setCurrentItem(page._items["loop"])
    page.edit.setFocus()
    qtbot.keyClick(page.edit, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: "is taken by “Play and stop”" in page.fault.text(), timeout=WAIT_MS)
    assert window.shortcuts.keys["loop"] == "L"
    qtbot.keyClick(page.edit, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.shortcuts.keys["loop"] == "Ctrl+J", timeout=WAIT_MS)
    assert page.fault.text() == ""
    qtbot.mouseClick(page.usual, LEFT)
    assert window.shortcuts.keys["loop"] == "L"
    assert window.store.settings.keys == {}
    page.reject()


def test_four_thousand_artists_are_typed_through(window: MainWindow, qtbot: QtBot) -> None:
    """A letter costs one pass over the names and a screenful of rows, however many are found."""
    picker = window.request_panel.style_pad.artist_picker
    picker.set_names([f"artist_{n:04}" for n in range(4_000)])
    model, resets, asked = picker.model, [], []
    model.modelReset.connect(lambda: resets.append(model.rowCount()))
    data = model.data

    def counted(*index_and_role: object) -> object:
        asked.append(index_and_role)
        return data(*index_and_role)

    model.data = counted
    for typed, letter in enumerate("3999", 1):
        asked.clear()
        qtbot.keyClicks(picker.field, letter)
        picker.list.grab()
        assert len(resets) == typed
        assert resets[-1] <= 200, "the view lays out no more than it may show"
        assert len(asked) < 5_000
    assert [model.index(0).data()] == ["Artist 3999"]
