"""A spectrogram has the notes where they are, as loud as they are, and is never waited for."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hand_engine import HandEngine
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from ui_parts import WAIT_MS, add_clip, preview

from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import SongTime
from ui.shared import SOURCE_LANE, Lane, variant_lane_id
from ui.spectra import BANDS, LOUDEST_DB, QUIETEST_DB, Spectra, read_spectra
from ui.theme import DARK, LIGHT, Theme, apply_theme
from ui.timeline import TimelineView
from ui.window import MainWindow


def sine(path: Path, hz: float, db: float, seconds: float = 2.0, rate_hz: int = 44_100) -> Path:
    """Silence for the first half, then a tone."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    samples = 10 ** (db / 20) * np.sin(2 * np.pi * hz * at) * (at >= seconds / 2)
    soundfile.write(path, samples, rate_hz, subtype="PCM_24")
    return path


def whole(path: Path) -> Spectra:
    return list(read_spectra(path))[-1]


@pytest.mark.parametrize("hz", [60, 110, 440, 1_000, 5_000, 15_000])
@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
def test_a_tone_is_where_and_as_loud_as_it_is(tmp_path: Path, hz: int, rate_hz: int) -> None:
    spectra = whole(sine(tmp_path / "tone.wav", hz, -20.0, rate_hz=rate_hz))
    columns = spectra.columns(0.0, 0.02, 100)
    assert columns.shape == (100, BANDS)
    assert not columns[:45].any()
    heard = columns[55:]
    place = (heard.argmax(axis=1) + 0.5) / BANDS
    # Low notes are as wide as a window's resolution, 21 Hz: some bands.
    assert place == pytest.approx(spectra.height_of(hz), abs=0.04 if hz < 200 else 0.015)
    db = QUIETEST_DB + heard.max(axis=1) / 255 * (LOUDEST_DB - QUIETEST_DB)
    assert db == pytest.approx(-20.0, abs=3.0)
    # A tone is a line: an octave off it there is nothing.
    far = int(spectra.height_of(hz * 2.5 if hz < 5_000 else hz / 2.5) * BANDS)
    assert heard[:, far].max() < 60


def test_the_picture_is_as_long_as_the_file_at_every_zoom(tmp_path: Path) -> None:
    spectra = whole(sine(tmp_path / "tone.wav", 440, -10.0, seconds=60.0))
    assert spectra.length_seconds == 60.0
    band = int(spectra.height_of(440) * BANDS)
    for step in (0.001, 0.011, 0.1, 1.0):
        count = round(60 / step)
        loud = spectra.columns(0.0, step, count)[:, band] > 100
        begins = float(np.argmax(loud)) * step
        assert begins == pytest.approx(30.0, abs=step + 0.06)
        assert loud[-2]
    assert (spectra.columns(70.0, 0.001, 5) == spectra.columns(59.999, 0.001, 5)[-1]).all()
    assert spectra.size_bytes < 1.4 * 60 * 44_100 / 512 * BANDS


@pytest.mark.parametrize("length", [1, 100, 511, 513, 2_048])
def test_the_shortest_files_have_a_picture(tmp_path: Path, length: int) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, np.full((length, 2), 0.5), 44_100)
    spectra = whole(path)
    assert spectra.columns(0.0, 0.01, 3).shape == (3, BANDS)
    assert len(spectra.levels[0]) == -(-length // spectra.hop_samples)


def test_a_long_file_is_shown_while_it_is_read(tmp_path: Path) -> None:
    parts = list(read_spectra(sine(tmp_path / "long.wav", 440, -10.0, seconds=100.0)))
    assert len(parts) > 2
    assert [p.length_seconds for p in parts] == sorted(p.length_seconds for p in parts)
    first = parts[0].columns(0.0, 0.1, 100)
    assert (first == parts[-1].columns(0.0, 0.1, 100)).all()


def test_what_is_no_sound_is_said(tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_text("no sound")
    with pytest.raises(JukeboxError, match="not an audio file"):
        whole(path)


def brightness(view: TimelineView, lane: int, hz: float) -> float:
    """Of the middle of the sounding half of a lane, where a frequency lies."""
    area = view._lane_rect(lane)
    wave_top, wave_bottom = area.top() + 6, area.bottom() - 6
    spectra = view._spectra.get(view.lanes()[lane].audio_path)
    assert spectra is not None
    y = wave_bottom - spectra.height_of(hz) * (wave_bottom - wave_top)
    x = view._axis().x_of(view.lanes()[lane].start_seconds + 1.5)
    return QColor(view.viewport().grab().toImage().pixel(int(x), int(y))).lightnessF()


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_lanes_turn_into_spectrograms_and_back(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme
) -> None:
    apply_theme(qapp, theme)
    path = sine(tmp_path / "tone.wav", 1_000, -12.0)
    source = Lane(SOURCE_LANE, "Clip", path, 0.0, 2.0, 2.0, False, 0.0, ())
    view = TimelineView()
    qtbot.addWidget(view)
    view.resize(900, 500)
    view.set_song(SongTime.steady(120))
    view.set_lanes([source, *(replace(source, id=variant_lane_id(n)) for n in (1, 2))])
    view.show()
    waves = view.grab().toImage()

    view.toggle_spectrum()
    assert view.spectrum_lanes() == {SOURCE_LANE}
    assert "spectrogram" in view.accessibleDescription()
    begun = time.monotonic()
    view.grab()
    assert time.monotonic() - begun < 5  # it is being read, and nobody waited
    qtbot.waitUntil(lambda: view._spectra.get(path) is not None, timeout=WAIT_MS)
    tone, ground = brightness(view, 0, 1_000), brightness(view, 0, 8_000)
    assert tone > ground + 0.3 if theme.is_dark else tone < ground - 0.3

    # Those that are marked, together.
    view._toggle_chosen(variant_lane_id(1))
    view._toggle_chosen(variant_lane_id(2))
    view.toggle_spectrum()
    assert len(view.spectrum_lanes()) == 3
    view.toggle_spectrum()
    view._chosen.clear()
    view.toggle_spectrum()
    assert not view.spectrum_lanes()
    qtbot.waitUntil(lambda: view._store.get(path) is not None, timeout=WAIT_MS)
    view.grab()
    assert view.grab().toImage().size() == waves.size()


def test_the_key_and_the_menu_do_it(
    window: MainWindow, engine: HandEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    add_clip(window, tmp_path, qtbot)
    QTest.keyClick(window, Qt.Key.Key_W)
    assert window.timeline.spectrum_lanes() == {SOURCE_LANE}
    # One that grows stays as it is looked at when it is finished.
    window.request_panel.variants.setValue(1)
    window.generate()
    _, out, _ = engine.begun.get(timeout=20)
    engine.says.put(preview(out, 0, 0.7))
    qtbot.waitUntil(lambda: len(window.timeline.lanes()) == 2, timeout=WAIT_MS)
    growing = window.timeline.lanes()[1].id
    window.timeline.menu_requested.emit(growing, window.mapToGlobal(window.rect().center()))
    menu = QApplication.activePopupWidget()
    assert menu is not None
    assert window.shortcuts.actions["spectrum"] in menu.actions()
    menu.close()
    assert window.audition.heard == growing
    window.shortcuts.actions["spectrum"].trigger()
    assert growing in window.timeline.spectrum_lanes()
    window.project.grown.emit(growing, variant_lane_id(1))  # type: ignore[union-attr]
    assert variant_lane_id(1) in window.timeline.spectrum_lanes()
