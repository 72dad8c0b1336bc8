"""Pictures of the timeline in every state it has, to be looked at.

    python benchmarks/timeline_demo.py FOLDER [--scale 2]

Writes one PNG a state into FOLDER. The sound is made up: hits with a decay, a swelling tone.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from jukebox_studio.tempo import MeterMap, SongTime, TempoMap, TempoPoint, exact
from ui.shared import SOURCE_LANE, Lane, variant_lane_id

RATE_HZ = 44_100
LINE = "Down by the river we were waiting for the morning light to find us there"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QT_SCALE_FACTOR"] = f"{options.scale:g}"
    from PyQt6.QtWidgets import QApplication

    app = QApplication(sys.argv[:1])
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        paths = [made_up(Path(folder), seed, 16.0) for seed in range(4)]
        for name, theme, size, fill in states(paths):
            path = options.folder / f"{name}-{options.scale:g}x.png"
            photograph(app, path, theme, size, fill)
            print(path)
    return 0


def photograph(app, path: Path, theme_name: str, size: tuple[int, int], fill: Callable) -> None:
    from ui.theme import THEMES, apply_theme, dress
    from ui.timeline import TimelineView

    apply_theme(app, THEMES[theme_name])
    view = TimelineView()
    dress(view)
    view.resize(*size)
    view.show()
    fill(view)
    view.grab()  # painting asks for peaks, which arrive from threads
    while view._store.is_reading():
        app.processEvents()
    view.grab().save(str(path))
    view._store.close()
    view.close()


def states(paths: list[Path]):
    """Name, theme, size and what fills the view."""
    from ui.timeline_grid import Snap
    from ui.timeline_morph import Morph, MorphPoint

    source = Lane(SOURCE_LANE, "Verse vocals", paths[0], 0.0, 16.0, 16.0, False, 0.0, ())
    words = tuple((word, 0.9 + 1.0 * i, 1.6 + 1.0 * i) for i, word in enumerate(LINE.split()))

    def variant(number: int, **changes) -> Lane:
        made = Lane(
            variant_lane_id(number),
            f"Continue {number}",
            paths[number % len(paths)],
            16.0,
            16.0,
            16.0,
            False,
            -1.0 * number,
            (16.0,),
        )
        return replace(made, **changes)

    def basic(view) -> None:
        view.set_song(SongTime.steady(120))
        view.set_lanes([source, variant(1, rating=4), variant(2), variant(3, rating=2)])
        view.set_active_lane(variant_lane_id(1))
        view.set_playhead(17.3)
        view.set_selection(16.0, 24.0)
        view.set_pre_roll(2.0)

    def sung(view) -> None:
        basic(view)
        resung = tuple((word.upper(), a + 16, b + 16) for word, a, b in words)
        view.set_lanes(
            [replace(source, words=words), variant(1, words=resung, rating=5), variant(2)]
        )
        view.set_selection(0, 0)
        view.set_active_lane(variant_lane_id(1))
        view.set_playhead(19.2)

    def sung_near(view) -> None:
        sung(view)
        view.zoom_to(16.0, 22.0)

    def growing(view) -> None:
        basic(view)
        view.set_lanes(
            [
                source,
                variant(1, is_preview=True, known_seconds=6.4),
                variant(2, known_seconds=11.0),
                variant(3, is_preview=True, known_seconds=15.8),
                variant(4, is_preview=True, known_seconds=0.0),
                variant(5, audio_path=Path("/gone/away/take 5.wav")),
            ]
        )
        view.set_selection(0, 0)

    def long_names(view) -> None:
        basic(view)
        long = "Ünïversal – very long track name of a mix bus, take 14 (edited) final final"
        view.set_lanes(
            [
                replace(source, name=long),
                variant(1, name=long + " 2", rating=5, is_preview=True),
                variant(2, name="漢字とかなの長い名前のトラック・テイク二十四"),
            ]
        )
        view.set_selection(15.5, 16.0)

    def many(view) -> None:
        basic(view)
        view.set_lanes([source, *(variant(n) for n in range(1, 2001))])
        view.set_active_lane(variant_lane_id(9))
        view._toggle_chosen(variant_lane_id(8))

    def odd_meters(view) -> None:
        basic(view)
        song = SongTime(
            TempoMap(
                (
                    TempoPoint(exact(0), exact(120)),
                    TempoPoint(exact(22), exact(120), exact(90)),
                    TempoPoint(exact(36), exact(90)),
                )
            ),
            MeterMap.of((0, "4/4"), (2, "7/8"), (6, "3/4")),
        )
        view.set_song(song)
        view.set_snap(Snap.BEAT)
        view.set_playhead(song.tempo.seconds_at(12))

    def morphing(view) -> None:
        basic(view)
        view.set_selection(0, 0)
        points = (
            MorphPoint(0.0, (1.0, 0.0)),
            MorphPoint(6.0, (0.8, 0.2)),
            MorphPoint(12.0, (0.1, 0.9)),
        )
        view.set_morph(Morph(16.0, 16.0, ("Ada Lindqvist", "The Marine Band"), points))
        view.set_playhead(22.0)

    def morphing_four(view) -> None:
        morphing(view)
        points = (
            MorphPoint(0.0, (1.0, 0.0, 0.0, 0.0, 0.0)),
            MorphPoint(8.0, (0.3, 0.3, 0.3, 0.1, 0.2)),
            MorphPoint(16.0, (0.1, 0.2, 0.3, 0.4, 0.0)),
        )
        names = ("Ada Lindqvist", "The Marine Band", "Solveig", "Unknown Choir", "Fifth")
        view.set_morph(Morph(16.0, 16.0, names, points))

    def focused(view) -> None:
        basic(view)
        view.setFocus()
        view.zoom_to(15.0, 17.2)

    def far(view) -> None:
        basic(view)
        view.set_lanes([source, variant(1, start_seconds=16.0), variant(2, start_seconds=600.0)])

    wide, centre = (1280, 800), (680, 560)
    for theme in ("dark", "light"):
        yield f"basic-{theme}", theme, wide, basic
        yield f"sung-{theme}", theme, centre, sung
        yield f"growing-{theme}", theme, centre, growing
        yield f"morph-{theme}", theme, centre, morphing
        yield f"empty-{theme}", theme, centre, lambda view: None
    yield "sung-near", "dark", centre, sung_near
    yield "long-names", "dark", centre, long_names
    yield "many", "dark", wide, many
    yield "odd-meters", "dark", centre, odd_meters
    yield "morph-four", "dark", centre, morphing_four
    yield "focused-near", "dark", centre, focused
    yield "far", "light", centre, far


def made_up(folder: Path, seed: int, seconds: float) -> Path:
    """A stereo file of hits and a tone that swells."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    since = np.mod(time + 0.25 * (seed % 2), 0.5)
    hits = np.exp(-since * rng.uniform(6, 18)) * rng.standard_normal(len(time)) * 0.35
    tone = np.sin(2 * np.pi * 110 * (1 + seed / 4) * time) * (0.2 + 0.15 * np.sin(time * 1.3))
    accents = 0.6 + 0.4 * (np.floor(time * 2 + seed) % 4 == 0)
    left = hits * accents + tone * (np.sin(2 * np.pi * time / 8 + seed) > -0.7)
    samples = np.stack([left, 0.8 * left + 0.05 * hits], axis=1)
    path = folder / f"made-up-{seed}.wav"
    soundfile.write(path, samples * 0.8, RATE_HZ, subtype="PCM_24")
    return path


if __name__ == "__main__":
    sys.exit(main())
