"""How soon a warm engine lets something be heard, and how long the whole render takes.

    python benchmarks/first_preview.py

Four variants of an 8-bar continuation of the demo clip, through the worker at its default settings;
the first render warms it up, the next ones count.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from jukebox_studio.bundle import find_bundle
from jukebox_studio.client import EngineClient
from jukebox_studio.clip import Clip
from jukebox_studio.events import Failed, Preview, VariantFinished
from jukebox_studio.request import Continue, Request
from jukebox_studio.tempo import SongTime

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="starter")
    parser.add_argument("--bars", type=float, default=8)
    parser.add_argument("--renders", type=int, default=2)
    options = parser.parse_args()
    clip = Clip.from_file(ROOT / "presets/demo/industrial-120bpm.flac", SongTime.steady(120))
    bundle = find_bundle(options.model).folder
    with tempfile.TemporaryDirectory() as name, EngineClient() as engine:
        for seed in range(options.renders + 1):
            bars = options.bars if seed else 1
            request = Request(clip, Continue(bars), variants=4, seed=seed)
            began = time.monotonic()
            first, music = None, 0.0
            folders = Path(name) / "out", Path(name) / f"job{seed}"
            for event in engine.render(bundle, request, *folders):
                if isinstance(event, Preview) and first is None:
                    first = time.monotonic() - began
                if isinstance(event, VariantFinished):
                    music = event.length_samples / event.rate_hz
                if isinstance(event, Failed):
                    raise SystemExit(event.sentence)
            whole = time.monotonic() - began
            if seed:
                print(
                    f"first preview after {first:.2f} s; {music:.1f} s of music in four variants "
                    f"after {whole:.1f} s, {whole / music:.2f} times its length"
                )


if __name__ == "__main__":
    main()
