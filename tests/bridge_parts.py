"""What the tests of the bridge share: an audio file, a clip of it, actions that remember."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bridge.protocol import Value
from bridge.service import Address
from jukebox_studio import audio
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import MeterMap, SongTime, TempoMap

TOKEN = "5a" * 32
HERE: Address = ("127.0.0.1", 50_000)
HELLO: dict[str, Value] = {
    "daw": "Ardour",
    "version": "7.3",
    "pid": 4711,
    "port": 0,
    "answers": True,
}


def write_sound(path: Path, length_samples: int = 4_800) -> Path:
    rng = np.random.default_rng(1)
    samples = rng.uniform(-0.5, 0.5, (length_samples, 2)).astype(np.float32)
    audio.write(path, samples, 48_000)
    return path


def clip_of(path: Path, start_samples: int = 100) -> Clip:
    return Clip(
        path=path,
        start_samples=start_samples,
        length_samples=1_000,
        rate_hz=48_000,
        song=SongTime(TempoMap.of((0, 120), (16, 90.5)), MeterMap.of((0, "4/4"), (8, "7/8"))),
        timeline_rate_hz=44_100,
        position_samples=2**40 + 1,
        track_name="Gitarre für Ada",
        name="take 1",
        song_start_samples=0,
        song_end_samples=2**41,
        lyrics="la\nla",
    )


@dataclass
class Remembering:
    """Actions that note what they were called with; `refusal` is raised where it is set."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    refusal: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def note(*arguments: Any) -> None:
            if self.refusal is not None:
                raise self.refusal
            self.calls.append((name, *arguments))

        return note

    def named(self, name: str) -> list[tuple[Any, ...]]:
        return [call[1:] for call in self.calls if call[0] == name]


def refusing(sentence: str) -> Remembering:
    return Remembering(refusal=JukeboxError(sentence))


class FakeMidi:
    """A machine whose ports a test plugs in and pulls out."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.refuses: set[str] = set()
        self.there = True
        self.received: dict[str, Callable[[bytes], None]] = {}
        self.closing_fails = False

    def input_names(self) -> list[str]:
        if not self.there:
            raise JukeboxError("There is no MIDI here.")
        return list(self.names)

    def open_input(self, name: str, received: Callable[[bytes], None]) -> Callable[[], None]:
        if name in self.refuses:
            raise JukeboxError(f"The MIDI input {name} cannot be opened: busy")
        self.received[name] = received

        def close() -> None:
            del self.received[name]
            if self.closing_fails:
                raise OSError("no such device")

        return close
