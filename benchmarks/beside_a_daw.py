"""Whether sound keeps playing, to the bit, while the engine renders at its default settings.

    python benchmarks/beside_a_daw.py --seconds 60

A process of its own plays noise through PortAudio in blocks of 21 ms (1,024 samples at 48 kHz) into
a PulseAudio sink that leads nowhere, whose monitor is recorded. Meanwhile the engine renders one
request after the other. Every recorded sample is compared with what was played: an underflow is not
always told. Linux with pulseaudio, pulseaudio-utils, libasound2-plugins and sounddevice.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from null_sink import null_sink

from jukebox_studio.bundle import find_bundle
from jukebox_studio.client import EngineClient
from jukebox_studio.clip import Clip
from jukebox_studio.events import Failed, VariantFinished
from jukebox_studio.request import Continue, Request
from jukebox_studio.tempo import SongTime

RATE_HZ, BLOCK = 48_000, 1024
ROOT = Path(__file__).resolve().parent.parent

PLAYER = """
import sys, time, numpy as np, sounddevice as sd
noise = np.load(sys.argv[1]); at = 0; flags = 0
def give(out, frames, time_info, status):
    global at, flags
    flags += bool(status)
    part = noise[at : at + frames]
    out[: len(part)] = part; out[len(part) :] = 0
    at += frames
    if at >= len(noise) + 48_000: raise sd.CallbackStop
with sd.OutputStream(48_000, int(sys.argv[2]), channels=2, dtype="float32", callback=give):
    while at < len(noise) + 48_000: time.sleep(0.2)
print(flags)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--model", default="starter")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        environment = null_sink(folder, stack, RATE_HZ)

        def start(*command: str, **more: object) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(command, env=environment, **more)  # type: ignore[call-overload]
            stack.callback(process.wait)
            stack.callback(process.terminate)
            return process  # type: ignore[no-any-return]

        recording = folder / "recorded"
        with recording.open("wb") as file:
            start(
                *("parec", "-d", "null.monitor", "--format=float32le", f"--rate={RATE_HZ}"),
                *("--channels=2", "--latency-msec=200"),
                stdout=file,
            )
            noise = np.random.default_rng(0).uniform(-0.5, 0.5, (options.seconds * RATE_HZ, 2))
            noise = noise.astype(np.float32)
            # A DAW's stream runs long before it plays: silence first.
            silence = np.zeros((2 * RATE_HZ, 2), np.float32)
            np.save(folder / "noise.npy", np.concatenate([silence, noise]))
            rendered = _render_meanwhile(options.model, folder)
            time.sleep(2)
            player = start(
                *(sys.executable, "-c", PLAYER, str(folder / "noise.npy"), str(BLOCK)),
                stdout=subprocess.PIPE,
            )
            flags = int(player.communicate()[0] or 0)
            time.sleep(1)
            renders = rendered()
        heard = np.frombuffer(recording.read_bytes(), "<f4")
        heard = heard[: len(heard) // 2 * 2].reshape(-1, 2)
    first = int(np.flatnonzero(heard.any(axis=1))[0])
    kept = heard[first : first + len(noise)]
    wrong = np.flatnonzero((kept != noise[: len(kept)]).any(axis=1))
    missing = len(noise) - len(kept)
    print(
        f"{options.seconds} s in blocks of {BLOCK / RATE_HZ * 1000:.0f} ms beside {renders}: "
        f"{len(wrong) + missing} of {len(noise)} frames differ, {flags} flags"
    )
    return 1 if len(wrong) or missing else 0


def _render_meanwhile(model: str, folder: Path):  # type: ignore[no-untyped-def]
    """Keeps the engine busy; the function returned stops it and says what it did."""
    clip = Clip.from_file(ROOT / "presets/demo/industrial-120bpm.flac", SongTime.steady(120))
    bundle = find_bundle(model).folder
    engine = EngineClient()
    done, stop = [0, 0], threading.Event()

    def render() -> None:
        seed = 0
        while not stop.is_set():
            request = Request(clip, Continue(8), variants=4, seed=seed)
            for event in engine.render(bundle, request, folder / "out", folder / f"job{seed}"):
                done[0] += 1
                done[1] += isinstance(event, VariantFinished)
                if isinstance(event, Failed):
                    raise SystemExit(event.sentence)
            seed += 1

    thread = threading.Thread(target=render, daemon=True)
    thread.start()
    while not done[0]:
        time.sleep(0.1)

    def finish() -> str:
        stop.set()
        engine.cancel()
        thread.join(30)
        engine.close()
        return f"a rendering engine ({done[0]} events, {done[1]} variants)"

    return finish


if __name__ == "__main__":
    sys.exit(main())
