"""Peaks are those of the samples, whatever the zoom, and arrive without anyone waiting."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pytestqt.qtbot import QtBot

from jukebox_studio.errors import JukeboxError
from ui import peaks as module
from ui.peaks import BLOCK_SAMPLES, Peaks, PeakStore, read_peaks

ROOT = Path(__file__).resolve().parents[2]
RATE_HZ = 8000


def write(path: Path, samples: np.ndarray, subtype: str = "PCM_16") -> Path:
    soundfile.write(path, samples, RATE_HZ, subtype=subtype)
    return path


def noise(seconds: float, channels: int = 2, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE_HZ)
    swell = 0.1 + 0.8 * np.abs(np.sin(np.arange(count) / 700))[:, None]
    return (rng.uniform(-1, 1, (count, channels)) * swell).astype(np.float32)


def whole(path: Path) -> Peaks:
    return list(read_peaks(path))[-1]


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("block_count", [1, 3, 4, 16, 60, 64])
def test_columns_of_whole_blocks_are_the_samples_extremes(
    tmp_path: Path, channels: int, block_count: int
) -> None:
    samples = noise(9.7, channels)
    peaks = whole(write(tmp_path / "a.wav", samples))
    per_column = block_count * BLOCK_SAMPLES
    count = len(samples) // per_column
    lowest, highest, _ = peaks.columns(0.0, per_column / RATE_HZ, count)
    rows = samples[: count * per_column].reshape(count, -1)
    np.testing.assert_allclose(lowest, rows.min(axis=1), atol=1e-4)
    np.testing.assert_allclose(highest, rows.max(axis=1), atol=1e-4)


def test_no_peak_is_lost_at_any_zoom_or_place(tmp_path: Path) -> None:
    samples = np.zeros((40_000, 2), np.float32)
    clicks = [0, 1, 12_345, 20_480, 39_998, 39_999]
    samples[clicks, 1] = 0.9
    peaks = whole(write(tmp_path / "clicks.wav", samples))
    for per_column in (0.0031, 0.011, 0.05, 0.123, 1.7):
        for start in (-2.0, -0.0173, 0.0):
            count = int(9 / per_column)
            _, highest, _ = peaks.columns(start, per_column, count)
            for click in clicks:
                column = int((click / RATE_HZ - start) / per_column)
                assert highest[max(0, column - 1) : column + 2].max() > 0.89, (per_column, click)
            # And silence stays silent, but for blocks that a column shares with a click.
            assert np.count_nonzero(highest) <= 3 * len(clicks) * max(1, 0.008 / per_column + 1)


def test_outside_the_file_there_is_nothing(tmp_path: Path) -> None:
    peaks = whole(write(tmp_path / "a.wav", noise(1.0)))
    lowest, highest, body = peaks.columns(-1.0, 0.05, 60)
    for values in (lowest, highest, body):
        assert not values[:19].any()  # a float puts the edge into the column before or after
        assert not values[41:].any()
    assert (highest[21:39] > 0).all()
    assert (body[21:39] > 0).all()
    for start in (-9.0, 5.0):
        assert not any(values.any() for values in peaks.columns(start, 0.05, 20))


def test_bodies_are_between_silence_and_peaks(tmp_path: Path) -> None:
    quiet_with_click = noise(4.0) * 0.1
    quiet_with_click[9000] = 0.95
    peaks = whole(write(tmp_path / "a.wav", quiet_with_click))
    _, highest, body = peaks.columns(1.0, 0.5, 1)
    assert highest[0] > 0.9
    assert 0.02 < body[0] < 0.3


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_every_way_to_store_samples_gives_the_same(tmp_path: Path, subtype: str) -> None:
    samples = noise(3.0)
    expected = whole(write(tmp_path / "a.wav", samples)).columns(0.0, 0.01, 300)
    found = whole(write(tmp_path / "b.wav", samples, subtype)).columns(0.0, 0.01, 300)
    tolerance = 0.01 if subtype == "PCM_U8" else 1e-4
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance)


@pytest.mark.parametrize(("suffix", "subtype"), [(".flac", "PCM_16"), (".ogg", "VORBIS")])
def test_compressed_files(tmp_path: Path, suffix: str, subtype: str) -> None:
    time = np.arange(3 * RATE_HZ) / RATE_HZ
    samples = (0.2 * (1 + time) * np.sin(2 * np.pi * 220 * time))[:, None].astype(np.float32)
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, samples, RATE_HZ, subtype=subtype)
    lowest, highest, _ = whole(path).columns(0.0, 0.1, 30)
    rows = samples[: 30 * 800].reshape(30, -1).max(axis=1)
    np.testing.assert_allclose(highest, rows, atol=0.05)
    np.testing.assert_allclose(lowest, -rows, atol=0.05)


def test_louder_than_full_scale_is_cut_and_not_a_number_is_silent(tmp_path: Path) -> None:
    samples = noise(1.0)
    samples[:4000] = 3.0
    samples[4000:] = np.nan
    lowest, highest, _ = whole(write(tmp_path / "a.wav", samples, "FLOAT")).columns(0, 0.1, 10)
    np.testing.assert_allclose(highest[:4], 1.0)
    assert not highest[6:].any()
    assert not lowest[6:].any()


def test_a_long_file_is_shown_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FIRST_SHOWN_SECONDS", 33.0)
    path = write(tmp_path / "a.wav", noise(150.0, 1))
    stages = list(read_peaks(path))
    lengths = [peaks.length_seconds for peaks in stages]
    assert lengths[-1] == 150.0
    assert 33.0 <= lengths[0] < 80.0
    assert lengths == sorted(lengths)
    # What was shown first stays as it was.
    for early, late in zip(
        stages[0].columns(0, 0.1, 300), stages[-1].columns(0, 0.1, 300), strict=True
    ):
        np.testing.assert_array_equal(early, late)


def test_a_file_that_is_none_is_refused_in_a_sentence(tmp_path: Path) -> None:
    text = tmp_path / "notes.wav"
    text.write_text("no sound")
    for path in (text, tmp_path, tmp_path / "gone.wav"):
        with pytest.raises(JukeboxError, match=re.escape(path.name)):
            whole(path)


def test_the_store_reads_in_another_thread_and_keeps(qtbot: QtBot, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise(2.0))
    store = PeakStore()
    with qtbot.waitSignal(store.changed, timeout=20_000) as told:
        assert store.get(path) is None
        assert store.get(path) is None  # asked twice, read once
    assert told.args == [path]
    first = store.get(path)
    assert first is not None
    path.unlink()
    assert store.get(path) is first
    store.close()


def test_a_file_that_grows_is_read_again(qtbot: QtBot, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise(1.0))
    store = PeakStore()
    with qtbot.waitSignal(store.changed, timeout=20_000):
        store.get(path)
    write(path, noise(3.0))
    with qtbot.waitSignal(store.changed, timeout=20_000):
        store.reload(path)
        known = store.get(path)
        assert known is not None  # what was there stays until then
        assert known.length_seconds == 1.0
    grown = store.get(path)
    assert grown is not None
    assert grown.length_seconds == 3.0
    store.close()


def test_the_store_says_why_there_is_nothing(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "gone.wav"
    store = PeakStore()
    with qtbot.waitSignal(store.changed, timeout=20_000):
        store.get(path)
    assert store.get(path) is None
    assert "gone.wav" in (store.error(path) or "")
    # It is not asked for again at every frame, but when told to.
    write(path, noise(1.0))
    with qtbot.waitSignal(store.changed, timeout=20_000):
        store.reload(path)
    assert store.get(path) is not None
    assert store.error(path) is None
    store.close()


def test_the_store_forgets_what_was_seen_longest_ago(qtbot: QtBot, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{n}.wav", noise(4.0, seed=n)) for n in range(4)]
    one_bytes = whole(paths[0]).size_bytes
    store = PeakStore(most_bytes=int(2.5 * one_bytes))
    for path in paths[:2]:
        with qtbot.waitSignal(store.changed, timeout=20_000):
            store.get(path)
    store.get(paths[0])
    with qtbot.waitSignal(store.changed, timeout=20_000):
        store.get(paths[2])
    assert store.get(paths[0]) is not None
    assert store.get(paths[2]) is not None
    assert paths[1] not in store._known
    store.close()


def test_closing_ends_it(qtbot: QtBot, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise(30.0))
    store = PeakStore()
    told: list[object] = []
    store.changed.connect(told.append)
    store.get(path)
    store.close()
    qtbot.wait(50)
    assert told == []
    assert store.get(path) is None


def test_a_store_that_is_let_go_while_reading_holds_nobody_up(tmp_path: Path) -> None:
    """A pool of Qt's would wait for its threads here, and they for Python: for ever."""
    write(tmp_path / "a.wav", noise(120.0))
    code = f"""
import time
from pathlib import Path
from PyQt6 import sip
from PyQt6.QtCore import QCoreApplication, QObject
from ui.peaks import PeakStore
app = QCoreApplication([])
for delete in (False, True):
    parent = QObject()
    store = PeakStore(parent if delete else None)
    store.get(Path({str(tmp_path / "a.wav")!r}))
    time.sleep(0.02)
    if delete:
        sip.delete(parent)
    del store
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert done.stdout == "done\n", done.stderr
    assert done.returncode == 0
    assert done.stderr == ""
