"""A stretch goes out of real Audacity, through the sample editor, and back to the sample."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from daw.audacity_driver import audacity, needed_for_audacity
from daw.desk import Musician, wait_for

pytestmark = pytest.mark.daw

RATE_HZ = 48_000
START, END = 48_000, 120_000
"""Of the selection, in samples."""


def read(path: Path) -> np.ndarray:
    """[T, C]; the rate must be that of the song."""
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate_hz == RATE_HZ
    return samples


def form_of(path: Path) -> tuple[str, str, int, int, int]:
    info = soundfile.info(path)
    return info.format, info.subtype, info.samplerate, info.channels, info.frames


def test_a_selection_is_edited_and_comes_back(tmp_path: Path, tiny_bundle: Path) -> None:
    needed_for_audacity()
    musician = Musician(tmp_path)
    take = tmp_path / "take.wav"
    rng = np.random.default_rng(5)
    song = rng.uniform(-0.4, 0.4, (4 * RATE_HZ, 2)).astype(np.float32)
    soundfile.write(take, song, RATE_HZ, subtype="FLOAT")
    with audacity(musician) as editor:
        editor.do("Import2", Filename=take)
        editor.select(0, START / RATE_HZ, END / RATE_HZ)
        stretch = editor.export(tmp_path / "stretch.wav", 2)
        exported = stretch.read_bytes()
        form = form_of(stretch)
        assert form == ("WAV", "FLOAT", RATE_HZ, 2, END - START)
        assert np.array_equal(read(stretch), song[START:END])

        # No program runs yet: the command starts one without a window, and the real engine renders.
        said = musician.studio(
            "--edit", str(stretch), "--tempo", "120", "--seed", "3", "--model", str(tiny_bundle)
        )
        assert f"{stretch} now has the sound of" in said
        assert form_of(stretch) == form
        edited = read(stretch)
        result = read(Path(said.partition(" now has the sound of ")[2].partition("; what was")[0]))
        assert np.array_equal(edited, result)
        assert np.abs(edited - song[START:END]).max() > 0.01, "there is another sound"
        [kept] = (tmp_path / ".local/share/jukebox-studio/backups").iterdir()
        assert kept.read_bytes() == exported

        editor.do("Import2", Filename=stretch)
        assert [track["channels"] for track in editor.info("Tracks")] == [2, 2]
        came = editor.info("Clips")[-1]
        assert came["end"] - came["start"] == pytest.approx((END - START) / RATE_HZ, abs=1e-9)
        editor.select(1, 0, (END - START) / RATE_HZ)
        assert np.array_equal(read(editor.export(tmp_path / "again.wav", 2)), edited)
        editor.screenshot("audacity-imported")

        # In place of what was sent, as a musician pastes it.
        editor.do("Copy")
        editor.select(0, START / RATE_HZ, END / RATE_HZ)
        editor.do("Paste")
        editor.select(0, 0, len(song) / RATE_HZ)
        whole = read(editor.export(tmp_path / "whole.wav", 2))
        editor.screenshot("audacity-in-place")
    assert np.array_equal(whole, np.concatenate([song[:START], edited, song[END:]]))

    # What was started for the edit ends when nobody needs it.
    where = tmp_path / ".config" / "jukebox-studio" / "bridge.json"
    if where.exists():
        process = psutil.Process(json.loads(where.read_bytes())["pid"])
        wait_for("the end of the bridge", lambda: not process.is_running())
