"""Clips: their place in file and song, their JSON, and what is wrong with them."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukebox_studio import audio
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import MeterMap, SongTime, TempoMap

SONG = SongTime(TempoMap.of((0, 120), (8, Fraction(271, 3))), MeterMap.of((0, "4/4"), (4, "7/8")))
CLIP = Clip(
    path=Path("Lieder/Grüße 音.wav"),
    start_samples=4_410,
    length_samples=44_100,
    rate_hz=44_100,
    song=SONG,
    timeline_rate_hz=48_000,
    position_samples=96_000,
    track_name="Sång",
    name="clip ♪",
    song_start_samples=48_000,
    song_end_samples=480_000,
    lyrics="la\nla",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a clip ü.wav"
    audio.write(path, np.zeros((4_800, 2), np.float32), 48_000)
    return path


def test_a_clip_knows_its_place() -> None:
    assert CLIP.end_samples == 48_510
    assert (CLIP.start_seconds, CLIP.end_seconds) == (2, 3)
    assert (CLIP.start_beat, CLIP.end_beat) == (4, 6)
    assert CLIP.end_position(48_000) == 144_000
    assert CLIP.end_position(44_100) == 132_300
    assert CLIP.place_in_song() == (1, 9)


def test_a_clip_without_a_timeline_lies_at_its_start() -> None:
    clip = replace(CLIP, position_samples=None, song_end_samples=None)
    assert (clip.start_beat, clip.end_seconds) == (0, 1)
    assert clip.place_in_song() is None


@given(
    st.integers(0, 2**53 - 1),
    st.integers(1, 2**40),
    st.sampled_from([8_000, 44_100, 48_000, 384_000]),
    st.text(max_size=20),
)
def test_json_keeps_everything(position: int, length: int, rate_hz: int, text: str) -> None:
    clip = replace(
        CLIP,
        position_samples=position,
        length_samples=length,
        rate_hz=rate_hz,
        track_name=text,
        lyrics=text,
    )
    assert Clip.from_json(json.loads(json.dumps(clip.to_json()))) == clip


def test_a_file_is_a_clip(file: Path) -> None:
    clip = Clip.from_file(file, SongTime.steady(90, "3/4"))
    assert (clip.start_samples, clip.length_samples, clip.rate_hz) == (0, 4_800, 48_000)
    assert (clip.position_samples, clip.timeline_rate_hz) == (None, 48_000)
    part = Clip.from_file(file, SONG, start_samples=1_000, length_samples=3_800)
    assert part.end_samples == 4_800
    assert part.check_file().channels == 2


def test_a_stretch_outside_the_file_is_refused(file: Path) -> None:
    with pytest.raises(JukeboxError, match=r"has 4,800 samples, so there is no clip from 1,000 to"):
        Clip.from_file(file, SONG, start_samples=1_000, length_samples=3_801)
    with pytest.raises(JukeboxError, match="select a stretch of sound"):
        Clip.from_file(file, SONG, start_samples=4_800)
    with pytest.raises(JukeboxError, match="There is no file"):
        replace(CLIP, path=file.with_name("gone.wav")).check_file()


def test_a_file_that_was_changed_is_told(file: Path) -> None:
    clip = Clip.from_file(file, SONG)
    audio.write(file, np.zeros((4_800, 2), np.float32), 44_100)
    with pytest.raises(JukeboxError, match=r"44,100 samples per second.*select it again"):
        clip.check_file()
    audio.write(file, np.zeros((4_799, 2), np.float32), 48_000)
    with pytest.raises(JukeboxError, match="4,799 samples"):
        clip.check_file()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"start_samples": -1}, "select a stretch of sound"),
        ({"length_samples": 0}, "select a stretch of sound"),
        ({"rate_hz": 0}, "0 samples per second"),
        ({"timeline_rate_hz": 10**9}, "1,000,000,000 samples per second"),
        ({"position_samples": -5}, "sample -5 of the timeline"),
        ({"song_end_samples": 48_000}, "move its markers"),
        ({"length_samples": "many"}, "The clip cannot be read: length_samples: "),
        ({"length_samples": 1.5}, "length_samples"),
        ({"path": None}, "path"),
        ({"track_name": "x" * 1_001}, "track_name"),
        ({"song": {}}, "song.tempo"),
        ({"colour": "red"}, "colour"),
        ({"version": 2}, "not a clip of version 1"),
    ],
)
def test_bad_clips_are_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(JukeboxError, match=sentence):
        Clip.from_json(CLIP.to_json() | changes)


@pytest.mark.parametrize("data", [None, [], "clip", 7, {}])
def test_what_is_no_clip_is_a_sentence(data: object) -> None:
    with pytest.raises(JukeboxError, match="not a clip"):
        Clip.from_json(data)
