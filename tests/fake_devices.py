"""The process that plays, with devices that are files in a folder instead of PortAudio's.

python fake_devices.py FOLDER SETTINGS

`outputs.json` in the folder lists the devices. What is played is appended to `heard.f32`, float32
[T, 2]; `first-sample.txt` says when its first sample is heard, in seconds of time.monotonic().
While there is a file `gone`, the device does not answer.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import numpy as np

from ui.playback import Fill, Output, PlaybackSettings, Stream, main

BLOCK_SAMPLES = 512
LATENCY_SECONDS = 0.03


class FileDevices:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def outputs(self) -> list[Output]:
        listed = json.loads((self._folder / "outputs.json").read_text(encoding="utf-8"))
        return [Output(**output) for output in listed]

    def open(self, output: Output, rate_hz: int, settings: PlaybackSettings, fill: Fill) -> Stream:
        (self._folder / "opened.txt").write_text(f"{output.name} {rate_hz}", encoding="utf-8")
        return FileStream(self._folder, rate_hz, settings.block_samples or BLOCK_SAMPLES, fill)


class FileStream:
    latency_seconds = LATENCY_SECONDS
    is_alive = True

    def __init__(self, folder: Path, rate_hz: int, block_samples: int, fill: Fill) -> None:
        self._folder, self._rate_hz = folder, rate_hz
        self._block_samples, self._fill = block_samples, fill
        threading.Thread(target=self._play, daemon=True).start()

    def _play(self) -> None:
        begun = time.monotonic()
        begins = (self._folder / "first-sample.txt").write_text
        begins(repr(begun + LATENCY_SECONDS), encoding="utf-8")
        asked = 0
        with (self._folder / "heard.f32").open("wb", buffering=0) as heard:
            while self.is_alive:
                if not (self._folder / "gone").exists():
                    out = np.zeros((self._block_samples, 2), np.float32)
                    at_seconds = begun + asked / self._rate_hz
                    self._fill(out, at_seconds + LATENCY_SECONDS - time.monotonic(), False)
                    heard.write(out.tobytes())
                    asked += self._block_samples
                time.sleep(max(0.001, begun + asked / self._rate_hz - time.monotonic()))

    def close(self) -> None:
        self.is_alive = False


if __name__ == "__main__":
    main(FileDevices(Path(sys.argv[1])), sys.argv[2:])
