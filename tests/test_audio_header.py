"""Files that would hold the program up for minutes, and those that must pass."""

from __future__ import annotations

import os

import numpy as np
import pytest
import soundfile

from jukebox_studio import audio, audio_header
from jukebox_studio.audio_header import MOST_HEADER_BYTES
from jukebox_studio.errors import JukeboxError

KINDS = [
    ("WAV", "PCM_24"),
    ("AIFF", "PCM_24"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("MP3", "MPEG_LAYER_III"),
    ("CAF", "PCM_24"),
]


def write(path, container, subtype, seconds=1):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (seconds * 48_000, 2))
    soundfile.write(path, noise, 48_000, format=container, subtype=subtype)
    return path


@pytest.mark.parametrize(("container", "subtype"), KINDS)
def test_files_of_every_kind_pass(tmp_path, container, subtype, monkeypatch):
    path = write(tmp_path / "a", container, subtype, seconds=10)
    # A hundredth of what is allowed for Ogg, whose pages are the longest, and less for others.
    monkeypatch.setattr(audio_header, "MOST_HEADER_BYTES", 2**17)
    assert audio.check(path).length_samples >= 480_000


def test_an_ogg_file_without_an_end_is_refused_at_once(tmp_path):
    """libsndfile would search all of it for the last page, at some 100 MB a second."""
    path = write(tmp_path / "a.ogg", "OGG", "VORBIS")
    os.truncate(path, 2**40)
    with pytest.raises(JukeboxError, match="does not say within 2 MiB what it is"):
        audio.inspect(path)


def test_a_file_may_end_before_the_budget(tmp_path):
    path = write(tmp_path / "a.flac", "FLAC", "PCM_16")
    assert path.stat().st_size < MOST_HEADER_BYTES
    assert audio.check(path).length_samples == 48_000


def test_a_flac_file_that_lost_its_frames_is_refused_at_once(tmp_path):
    """libFLAC would search all of it for the next frame."""
    path = write(tmp_path / "a.flac", "FLAC", "PCM_16", seconds=10)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    os.truncate(path, 2**40)
    assert audio.inspect(path).length_samples == 480_000
    for read in (audio.check, lambda path: audio.read(path, start_samples=300_000)):
        with pytest.raises(JukeboxError, match="damaged"):
            read(path)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"OggS", bytes(1_000), b"fLaC" + bytes(100)])
def test_what_is_no_sound_is_refused(tmp_path, content):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(JukeboxError):
        audio.inspect(path)
