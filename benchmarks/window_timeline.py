"""How fast waveforms appear and scroll.

    python benchmarks/window_timeline.py [--minutes 10] [--variants 2000]

Reads the peaks of a stereo file at 48 kHz (to be under 0.5 s for ten minutes) in each way that
samples are stored, then scrolls, zooms and plays a timeline with that file and many variants, and
prints how long frames take: 60 a second leave 16.7 ms. Times are of this process's CPU as well as
of the clock, since the machine may be busy with something else.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 48_000
FRAME_MS = 1000 / 60


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--variants", type=int, default=2000)
    options = parser.parse_args()
    if "DISPLAY" not in os.environ:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    with tempfile.TemporaryDirectory() as folder:
        paths = [
            noise(Path(folder), subtype, options.minutes)
            for subtype in ("PCM_16", "PCM_24", "FLOAT")
        ]
        read(paths)
        scroll(paths[1], options.minutes * 60, options.variants)
    return 0


def read(paths: Iterable[Path]) -> None:
    from ui.peaks import read_peaks

    for path in paths:
        list(read_peaks(path))  # imports, and the system's cache of the file
        began, began_cpu = time.perf_counter(), time.process_time()
        peaks = list(read_peaks(path))[-1]
        clock, cpu = time.perf_counter() - began, time.process_time() - began_cpu
        print(
            f"peaks of {path.name}: {clock:.3f} s by the clock, {cpu:.3f} s of CPU, "
            f"{peaks.size_bytes / 1e6:.1f} MB"
        )


def scroll(path: Path, seconds: float, variants: int) -> None:
    from PyQt6.QtWidgets import QApplication

    from jukebox_studio.tempo import SongTime
    from ui.shared import SOURCE_LANE, Lane, variant_lane_id
    from ui.theme import DARK, apply_theme, dress
    from ui.timeline import TimelineView

    app = QApplication(sys.argv[:1])
    apply_theme(app, DARK)
    words = tuple((f"word{i}", i * 0.5, i * 0.5 + 0.4) for i in range(int(seconds * 2)))
    lanes = [
        Lane(SOURCE_LANE, "Source", path, 0.0, seconds, seconds, False, 0.0, (), words),
        *(
            Lane(variant_lane_id(n), f"Take {n}", path, 0.0, seconds, seconds, False, -n % 7, ())
            for n in range(variants)
        ),
    ]
    view = TimelineView()
    dress(view)
    view.resize(1280, 800)
    view.set_song(SongTime.steady(120))
    began = time.perf_counter()
    view.set_lanes(lanes)
    print(f"{variants} variants set: {1000 * (time.perf_counter() - began):.1f} ms")
    view.show()
    view.grab()
    while view._store.is_reading():
        app.processEvents()
    bar, vertical = view.horizontalScrollBar(), view.verticalScrollBar()

    def frames(what: str, count: int, step: Callable[[int], object]) -> None:
        clock, cpu = [], []
        for number in range(count):
            began, began_cpu = time.perf_counter(), time.thread_time()
            step(number)
            view.viewport().repaint()
            clock.append(1000 * (time.perf_counter() - began))
            cpu.append(1000 * (time.thread_time() - began_cpu))
            app.processEvents()
        print(f"{what}: {spread(clock)} by the clock, {spread(cpu)} of CPU")

    gc.freeze()  # as the program does
    view.zoom_to(0, 30)
    print("a frame, drawn whole, of a view of 1280 x 800:")
    frames("scrolling in time", 600, lambda n: bar.setValue(bar.value() + 24))
    view.zoom_to(0, seconds)
    frames("zooming in and out", 360, lambda n: view.zoom(1.1 if n % 60 < 30 else 1 / 1.1))
    view.zoom_to(0, 30)
    frames("scrolling through the lanes", 600, lambda n: vertical.setValue(vertical.value() + 24))
    view.set_playing(True)
    playing_frames(app, view)


def playing_frames(app, view) -> None:
    """Only what the playhead passes over is drawn: through the event loop, as while playing."""
    cpu = []
    for number in range(300):
        began = time.thread_time()
        view.set_playhead(number / 30)
        app.processEvents()
        cpu.append(1000 * (time.thread_time() - began))
    print(f"playing: {spread(cpu)} of CPU")


def spread(values: list[float]) -> str:
    """Of frames' milliseconds."""
    late = sum(value > FRAME_MS for value in values)
    return (
        f"median {statistics.median(values):.1f} ms, 99 % under "
        f"{sorted(values)[int(0.99 * len(values))]:.1f}, longest {max(values):.1f}, "
        f"{late} of {len(values)} over {FRAME_MS:.1f}"
    )


def noise(folder: Path, subtype: str, minutes: float) -> Path:
    """A file of hits, a minute repeated."""
    rng = np.random.default_rng(1)
    time_axis = np.arange(RATE_HZ * 60) / RATE_HZ
    hits = np.exp(-np.mod(time_axis, 0.5) * 8)[:, None] * rng.standard_normal((RATE_HZ * 60, 2))
    path = folder / f"{subtype.lower()}.wav"
    with soundfile.SoundFile(path, "w", RATE_HZ, 2, subtype) as file:
        for _ in range(round(minutes)):
            file.write((0.3 * hits).astype(np.float32))
    return path


if __name__ == "__main__":
    sys.exit(main())
