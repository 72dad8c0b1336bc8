"""Onsets, notes and stretching, with sound whose beats and chords are known."""

import sys
from fractions import Fraction

import numpy as np
import pytest

from jukebox_studio.errors import JukeboxError
from jukebox_studio.grid import (
    chroma,
    chroma_agreement,
    onset_error_seconds,
    onset_seconds,
    stretch_to,
    stretch_to_grid,
)
from jukebox_studio.tempo import MeterMap, SongTime, TempoMap, TempoPoint

RATE_HZ = 44_100
C, F, G, A_MINOR = (0, 4, 7), (5, 9, 0), (7, 11, 2), (9, 0, 4)


def clicks(seconds: list[float], length_seconds: float, rate_hz: int = RATE_HZ) -> np.ndarray:
    out = np.zeros(round(length_seconds * rate_hz), np.float32)
    time = np.arange(rate_hz // 100) / rate_hz
    click = (0.5 * np.sin(2 * np.pi * 1_500 * time) * np.exp(-time / 0.002)).astype(np.float32)
    for second in seconds:
        start = round(second * rate_hz)
        part = click[: max(0, len(out) - start)]
        out[start : start + len(part)] += part
    return out


def chords(
    progression: list[tuple[int, ...]], chord_seconds: float, transposed: int = 0
) -> np.ndarray:
    parts = []
    time = np.arange(round(chord_seconds * RATE_HZ)) / RATE_HZ
    for chord in progression:
        hz = [220 * 2 ** ((note + transposed - 9) / 12) for note in chord]
        tones = sum(np.sin(2 * np.pi * f * k * time) / k for f in hz for k in (1, 2, 3))
        parts.append(0.1 * tones * np.minimum(1, time / 0.005) * np.exp(-2 * time))
    return np.concatenate(parts).astype(np.float32)


def on_beats(song: SongTime, start: Fraction, length: float, step: Fraction) -> list[float]:
    """Seconds, from `start` on, of every `step` beats of a song."""
    beat = song.tempo.beat_at(start) // step * step + step
    found = []
    while (second := float(song.tempo.seconds_at(beat) - start)) < length - 0.05:
        found.append(second)
        beat += step
    return found


CHANGING = SongTime(
    TempoMap(
        (
            TempoPoint(Fraction(0), Fraction(100), Fraction(130)),
            TempoPoint(Fraction(10), Fraction(90)),
        )
    ),
    MeterMap.of((0, "4/4")),
)


@pytest.mark.parametrize("song", [SongTime.steady(133), CHANGING], ids=["steady", "changing"])
@pytest.mark.parametrize("start", [Fraction(0), Fraction(7, 3)])
@pytest.mark.parametrize("rate_hz", [RATE_HZ, 48_000, 22_050])
def test_onsets_on_the_grid_are_found_there(song: SongTime, start: Fraction, rate_hz: int) -> None:
    wanted = on_beats(song, start, 8, Fraction(1, 2))
    sound = clicks(wanted, 8, rate_hz)
    report = onset_error_seconds(sound, rate_hz, song, start)
    assert report.onsets == len(wanted)
    assert report.median_seconds is not None
    assert report.median_seconds < 0.008
    assert report.mean_seconds is not None
    assert report.mean_seconds < 0.010
    assert report.chance_seconds == pytest.approx(60 / 115 / 16, rel=0.3)
    stereo = onset_error_seconds(np.stack([sound, sound], axis=1), rate_hz, song, start)
    assert stereo == report


def test_another_tempo_than_the_clicks_is_seen() -> None:
    sound = clicks(on_beats(CHANGING, Fraction(0), 12, Fraction(1, 2)), 12)
    right = onset_error_seconds(sound, RATE_HZ, CHANGING, Fraction(0)).median_seconds
    wrong = onset_error_seconds(sound, RATE_HZ, SongTime.steady(100), Fraction(0)).median_seconds
    assert right is not None
    assert wrong is not None
    assert wrong > 4 * right


@pytest.mark.parametrize("late", [-0.03, 0.0, 0.03])
def test_late_is_told_from_early(late: float) -> None:
    song = SongTime.steady(100)
    sound = clicks([0.6 * n + late for n in range(1, 15)], 9)
    report = onset_error_seconds(sound, RATE_HZ, song, Fraction(0))
    assert report.late_seconds == pytest.approx(late, abs=0.008)
    assert report.median_seconds == pytest.approx(abs(late), abs=0.008)


def test_swing_is_off_a_grid_of_four_and_on_one_of_three() -> None:
    song = SongTime.steady(120)
    sound = clicks([n / 2 + off for n in range(16) for off in (0.001, 1 / 3)], 8.2)
    straight = onset_error_seconds(sound, RATE_HZ, song, Fraction(0), division=4)
    swung = onset_error_seconds(sound, RATE_HZ, song, Fraction(0), division=3)
    assert straight.mean_seconds == pytest.approx(1 / 24 / 2, abs=0.006)
    assert swung.mean_seconds is not None
    assert swung.mean_seconds < 0.008


@pytest.mark.parametrize("sound", [np.zeros((RATE_HZ, 2), np.float32), clicks([0.1, 0.5, 0.8], 1)])
def test_too_few_onsets_say_nothing(sound: np.ndarray) -> None:
    report = onset_error_seconds(sound, RATE_HZ, SongTime.steady(120), Fraction(0))
    assert report.onsets < 4
    assert report.median_seconds is None
    assert report.mean_seconds is None


def test_a_steady_sound_has_no_onsets_but_its_start() -> None:
    time = np.arange(4 * RATE_HZ) / RATE_HZ
    noise = np.random.default_rng(1).normal(size=len(time))
    for steady in (np.sin(2 * np.pi * 220 * time), 0.2 * noise):
        assert len(onset_seconds((0.4 * steady).astype(np.float32), RATE_HZ)) <= 1


def test_a_beat_is_not_divided_by_nothing() -> None:
    sound = clicks([0.1, 0.3, 0.5, 0.7, 0.9], 1)
    with pytest.raises(JukeboxError, match="divided by 0"):
        onset_error_seconds(sound, RATE_HZ, SongTime.steady(120), Fraction(0), division=0)


def test_the_same_chords_agree_at_another_tempo_rate_and_order() -> None:
    clip = chords([C, A_MINOR, F, G], 1.0)
    faster = chords([C, A_MINOR, F, G] * 2, 0.8)
    other_order = chords([F, G, C, C, A_MINOR], 1.0)
    for alike in (clip, faster, other_order):
        agreement = chroma_agreement(chroma(clip, RATE_HZ), chroma(alike, RATE_HZ))
        assert agreement is not None
        assert agreement > 0.9
    assert chroma_agreement(chroma(clip, RATE_HZ), chroma(clip[::2], RATE_HZ // 2)) > 0.97


def test_other_chords_agree_less() -> None:
    clip = chords([C, A_MINOR, F, G], 1.0)
    near = chroma_agreement(chroma(clip, RATE_HZ), chroma(chords([G, G, C], 1.3), RATE_HZ))
    far = chroma_agreement(
        chroma(clip, RATE_HZ), chroma(chords([C, A_MINOR, F, G], 1.0, transposed=6), RATE_HZ)
    )
    noise = np.random.default_rng(2).normal(size=4 * RATE_HZ).astype(np.float32)
    none = chroma_agreement(chroma(clip, RATE_HZ), chroma(noise, RATE_HZ))
    assert near is not None
    assert far is not None
    assert none is not None
    assert far < 0.35 < near < 0.97
    assert abs(none) < 0.5


def test_silence_has_no_notes() -> None:
    clip = chords([C], 1.0)
    silence = np.zeros((RATE_HZ, 2), np.float32)
    assert chroma_agreement(chroma(clip, RATE_HZ), chroma(silence, RATE_HZ)) is None
    assert chroma_agreement(chroma(silence, RATE_HZ), chroma(clip, RATE_HZ)) is None
    assert chroma_agreement(chroma(clip[:50], RATE_HZ), chroma(clip, RATE_HZ)) is not None


@pytest.mark.parametrize("wanted", [1_000, 44_099, 44_100, 44_101, 50_003, 100_000])
@pytest.mark.parametrize("channels", [None, 1, 2])
def test_stretching_gives_exactly_what_was_asked_for(wanted: int, channels: int | None) -> None:
    length = RATE_HZ if wanted > 20_000 else 900
    sound = chords([C], 1.0)[:length]
    if channels:
        sound = np.stack([sound * (c + 1) / 2 for c in range(channels)], axis=1)
    made = stretch_to(sound, RATE_HZ, wanted)
    assert made.shape == (wanted, *sound.shape[1:])
    assert made.dtype == np.float32
    assert np.array_equal(made, stretch_to(sound, RATE_HZ, wanted))
    assert (made is sound) == (wanted == length)


@pytest.mark.parametrize("factor", [0.9, 1.07, 1.5])
def test_stretching_keeps_pitch_and_moves_time(factor: float) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(2 * RATE_HZ) / RATE_HZ).astype(np.float32)
    made = stretch_to(tone, RATE_HZ, round(len(tone) * factor))
    spectrum = np.abs(np.fft.rfft(made * np.hanning(len(made))))
    assert np.argmax(spectrum) * RATE_HZ / len(made) == pytest.approx(440, abs=1)
    sound = clicks([0.3, 1.0, 1.6], 2)
    moved = np.abs(stretch_to(sound, RATE_HZ, round(len(sound) * factor)))
    for second in (0.3, 1.0, 1.6):
        middle = round(second * factor * RATE_HZ)
        near = moved[middle - 2_000 : middle + 2_000]
        assert abs(np.argmax(near) - 2_000) < 0.004 * RATE_HZ


def test_a_stretch_without_sense_is_refused() -> None:
    with pytest.raises(JukeboxError, match="4 times"):
        stretch_to(np.zeros(1_000, np.float32), RATE_HZ, 4_001)
    with pytest.raises(JukeboxError, match="4 times"):
        stretch_to(np.zeros(1_000, np.float32), RATE_HZ, 100)


def test_a_machine_that_cannot_stretch_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_stretch", None)
    with pytest.raises(JukeboxError, match="pip install python-stretch"):
        stretch_to(np.zeros(1_000, np.float32), RATE_HZ, 1_001)


def played(song: SongTime, start: Fraction, length: float, ratio: float) -> np.ndarray:
    """Clicks over chords by somebody who takes 1 / ratio times as long as the song."""
    beats = [b / ratio for b in on_beats(song, start, length * 1.2, Fraction(1, 2))]
    over = chords([C, A_MINOR, F, G], length / 4)
    sound = clicks([b for b in beats if b < length - 0.05], length)
    over = np.pad(over, (0, max(0, len(sound) - len(over))))[: len(sound)]
    return np.stack([sound + 0.1 * over, sound], axis=1)


@pytest.mark.parametrize("ratio", [0.97, 1.03, 1.06])
@pytest.mark.parametrize("song", [SongTime.steady(120), CHANGING], ids=["steady", "changing"])
def test_another_tempo_is_stretched_onto_the_grid(song: SongTime, ratio: float) -> None:
    start = Fraction(5, 4)
    sound = played(song, start, 13, ratio)
    wanted = 12 * RATE_HZ + 7
    before = onset_error_seconds(sound, RATE_HZ, song, start).median_seconds
    made = stretch_to_grid(sound, RATE_HZ, song, start, wanted_samples=wanted)
    after = onset_error_seconds(made, RATE_HZ, song, start).median_seconds
    assert made.shape == (wanted, 2)
    assert before is not None
    assert after is not None
    assert after < 0.012
    assert after < before / 2


def test_one_who_wanders_is_followed() -> None:
    """Up to 40 ms early and late within 20 s: no steady stretch would do."""
    song = SongTime.steady(110)
    beats = np.array(on_beats(song, Fraction(0), 20, Fraction(1, 2)))
    wandered = beats + 0.055 * np.sin(2 * np.pi * beats / 20)
    sound = clicks(list(wandered), 20)
    before = onset_error_seconds(sound, RATE_HZ, song, Fraction(0)).median_seconds
    made = stretch_to_grid(sound, RATE_HZ, song, Fraction(0))
    after = onset_error_seconds(made, RATE_HZ, song, Fraction(0)).median_seconds
    assert len(made) == len(sound)
    assert before is not None
    assert after is not None
    assert before > 0.025
    assert after < 0.013


def test_what_is_on_the_grid_or_has_no_beat_stays() -> None:
    song = SongTime.steady(120)
    right = clicks(on_beats(song, Fraction(0), 8, Fraction(1)), 8)
    assert np.array_equal(stretch_to_grid(right, RATE_HZ, song, Fraction(0))[:100], right[:100])
    pad = 0.3 * np.sin(2 * np.pi * 220 * np.arange(4 * RATE_HZ) / RATE_HZ).astype(np.float32)
    assert np.array_equal(
        stretch_to_grid(pad, RATE_HZ, song, Fraction(0), wanted_samples=3 * RATE_HZ),
        pad[: 3 * RATE_HZ],
    )
    longer = stretch_to_grid(pad, RATE_HZ, song, Fraction(0), wanted_samples=5 * RATE_HZ)
    assert len(longer) == 5 * RATE_HZ
    assert stretch_to_grid(pad, RATE_HZ, song, Fraction(0)) is pad


@pytest.mark.parametrize("ratio", [0.97, 1.03])
def test_joints_stay_as_they_were_made(ratio: float) -> None:
    song, start = SongTime.steady(120), Fraction(0)
    sound = played(song, start, 16, ratio)
    made = stretch_to_grid(sound, RATE_HZ, song, start, end_stays=True)
    own = round(0.02 * RATE_HZ)
    assert made.shape == sound.shape
    assert np.array_equal(made[:own], sound[:own])
    assert np.array_equal(made[-own:], sound[-own:])
    # On the grid but for the end, where the tempo is led back.
    before = onset_error_seconds(sound, RATE_HZ, song, start).median_seconds
    after = onset_error_seconds(made, RATE_HZ, song, start).median_seconds
    assert before is not None
    assert after is not None
    assert after < before / 1.5
