"""Kill the engine at random moments, over and over, and compare what comes out in the end.

    python benchmarks/kill_and_resume.py --kills 50

One render is made in peace. Then the same is begun again and again with a folder that keeps what is
done, its worker killed (SIGKILL) after a random time, until it finishes; that is repeated until so
many kills have happened. Every file must have the samples of the first.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import sys
import tempfile
import threading
from pathlib import Path

from jukebox_studio import audio
from jukebox_studio.bundle import find_bundle
from jukebox_studio.client import EngineClient
from jukebox_studio.events import Failed, Finished, VariantFinished
from jukebox_studio.request import ContinueRequest

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--clip", type=Path, default=ROOT / "presets/demo/industrial-120bpm.flac")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--longest-seconds", type=float, default=8.0, help="before a kill")
    options = parser.parse_args()
    model = find_bundle(options.model).folder
    length = round(options.seconds * audio.inspect(options.clip).rate_hz)
    request = ContinueRequest(options.clip, length, variants=2, seed=7)
    random.seed(0)
    with tempfile.TemporaryDirectory() as folder, EngineClient(threads=1) as engine:
        root = Path(folder)
        wanted = hashes(list(engine.render(model, request, root / "peace")))
        kills = renders = 0
        while kills < options.kills:
            renders += 1
            out, job = root / f"out{renders}", root / f"job{renders}"
            while True:
                events = render_and_kill(engine, model, request, out, job, options.longest_seconds)
                if isinstance(events[-1], Finished):
                    break
                if not isinstance(events[-1], Failed) or "midst" not in events[-1].sentence:
                    print(f"render {renders}: ended with {events[-1]}")
                    return 1
                kills += 1
                print(f"kill {kills}", end="\r", flush=True)
            if hashes(events) != wanted or len(list(out.glob("*.wav"))) != 2:
                print(f"render {renders}: other samples, or other files, than in peace")
                return 1
    print(f"{kills} kills in {renders} renders: every file has the samples of the one in peace")
    return 0


def render_and_kill(
    engine: EngineClient,
    model: Path,
    request: ContinueRequest,
    out: Path,
    job: Path,
    longest_seconds: float,
) -> list[object]:
    def kill() -> None:
        if engine.process_id:
            os.kill(engine.process_id, signal.SIGKILL)

    timer = threading.Timer(random.uniform(0.2, longest_seconds), kill)
    timer.start()
    try:
        return list(engine.render(model, request, out, job))
    finally:
        timer.cancel()
        timer.join()


def hashes(events: list[object]) -> list[str]:
    """SHA-256 of the samples of each variant."""
    return [
        hashlib.sha256(audio.read(e.audio_path).samples.tobytes()).hexdigest()
        for e in events
        if isinstance(e, VariantFinished)
    ]


if __name__ == "__main__":
    sys.exit(main())
