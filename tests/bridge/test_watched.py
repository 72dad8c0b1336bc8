"""Files that appear in a watched folder become clips, once and whole."""

from __future__ import annotations

import threading
from fractions import Fraction

import pytest
from bridge_parts import write_sound

from bridge.watched import SETTLED_SECONDS, Settling, Watched
from jukebox_studio.errors import JukeboxError


def test_a_file_is_taken_when_it_stays_as_it_is(tmp_path):
    now = 0.0
    settling = Settling(lambda: now)
    path = tmp_path / "a.wav"
    path.write_bytes(b"x")
    settling.touched(path)
    assert settling.settled() == []
    now += SETTLED_SECONDS
    path.write_bytes(b"xx")  # no event came
    assert settling.settled() == []
    now += SETTLED_SECONDS
    assert settling.settled() == [path]
    settling.touched(path)
    now += SETTLED_SECONDS
    assert settling.settled() == [], "once"
    path.write_bytes(b"xxx")
    settling.touched(path)
    now += SETTLED_SECONDS
    assert settling.settled() == [path], "bounced again"


def test_empty_and_vanished_files_are_not_taken(tmp_path):
    now = 0.0
    settling = Settling(lambda: now)
    empty, gone = tmp_path / "e.wav", tmp_path / "g.wav"
    empty.touch()
    gone.write_bytes(b"x")
    settling.touched(empty)
    settling.touched(gone)
    gone.unlink()
    now += SETTLED_SECONDS
    assert settling.settled() == []
    settling.touched(gone)
    assert settling.settled() == []


def test_what_is_bounced_into_a_folder_becomes_a_clip(tmp_path, caplog):
    write_sound(tmp_path / "before.wav")
    clips, came = [], threading.Semaphore(0)

    def take(clip) -> None:
        clips.append(clip)
        came.release()

    with Watched([tmp_path], Fraction(133), take):
        (tmp_path / "notes.txt").write_text("no sound")
        (tmp_path / "broken.wav").write_bytes(b"RIFF" + bytes(50))
        write_sound(tmp_path / ".hidden.wav")
        write_sound(tmp_path / "bounce.wav")
        assert came.acquire(timeout=60)
    [clip] = clips
    assert clip.path.name == "bounce.wav"
    assert clip.length_samples == 4_800
    assert clip.song.tempo.points[0].tempo_bpm == 133
    assert "broken.wav" in caplog.text


def test_the_folder_must_be_there(tmp_path):
    with pytest.raises(JukeboxError, match="no folder"):
        Watched([tmp_path / "none"], Fraction(120), print)
