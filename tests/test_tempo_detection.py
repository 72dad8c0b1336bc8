"""The tempo of clips that come with none, and how much to believe it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jukebox_studio.audio import Samples
from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo_detection import SAME_TEMPO, detect_tempo, detect_tempo_of_file

ROOT = Path(__file__).resolve().parent.parent


def clicks(tempo_bpm: float, seconds: float, rate_hz: int) -> Samples:
    """[T], a short tone on every beat, louder on the first of four."""
    samples = np.zeros(round(seconds * rate_hz), np.float32)
    time = np.arange(round(0.03 * rate_hz)) / rate_hz
    tone = np.sin(2 * np.pi * 1_000 * time) * np.exp(-time / 0.007)
    for beat in range(int(seconds * tempo_bpm / 60)):
        start = round(beat * 60 / tempo_bpm * rate_hz)
        end = min(start + len(tone), len(samples))
        samples[start:end] += tone[: end - start] * (0.8 if beat % 4 == 0 else 0.5)
    return samples


@pytest.mark.parametrize(
    ("tempo_bpm", "rate_hz"), [(70, 44_100), (100, 48_000), (120, 22_050), (174, 96_000)]
)
def test_the_tempo_of_clicks(tempo_bpm: float, rate_hz: int) -> None:
    guess = detect_tempo(clicks(tempo_bpm, 20, rate_hz), rate_hz)
    assert guess is not None
    assert guess.tempo_bpm == pytest.approx(tempo_bpm, rel=0.003)
    assert guess.confidence > 0.9
    octaves = [tempo_bpm / 2, tempo_bpm * 2]
    for alternative in guess.alternatives:
        assert min(abs(alternative / octave - 1) for octave in octaves) < SAME_TEMPO
    assert f"{guess.tempo_bpm:.1f} BPM (sure" in guess.sentence()


def test_the_demo_clip_has_120() -> None:
    guess = detect_tempo_of_file(ROOT / "presets" / "demo" / "industrial-120bpm.flac")
    assert guess is not None
    assert guess.tempo_bpm == pytest.approx(120, rel=0.003)
    assert any(tempo == pytest.approx(60, rel=0.003) for tempo in guess.alternatives)


def test_a_loop_of_a_bar_is_enough() -> None:
    stereo = np.stack([clicks(120, 2, 44_100)] * 2, axis=1)
    guess = detect_tempo(stereo, 44_100)
    assert guess is not None
    assert guess.tempo_bpm == pytest.approx(120, rel=0.01)


def test_noise_is_not_believed() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 30 * 44_100).astype(np.float32)
    guess = detect_tempo(noise, 44_100)
    assert guess is None or guess.confidence <= 0.5
    if guess is not None:
        assert "not sure" in guess.sentence()


def test_silence_and_snippets_have_no_tempo() -> None:
    assert detect_tempo(np.zeros(441_000, np.float32), 44_100) is None
    assert detect_tempo(clicks(120, 1.9, 44_100), 44_100) is None
    assert detect_tempo(np.zeros((0, 2), np.float32), 44_100) is None


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JukeboxError):
        detect_tempo_of_file(tmp_path / "gone.wav")


def test_the_tracker_is_loaded_only_when_it_is_used() -> None:
    check = "import sys, jukebox_studio.tempo_detection; sys.exit('aubio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
