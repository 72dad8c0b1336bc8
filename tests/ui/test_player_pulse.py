"""What a real audio system was given, recorded: every sample of it, not its flags.

PulseAudio, a server of the test's own, with a sink that leads nowhere; PortAudio reaches it through
ALSA. An underflow is not always told (docs/audition.md), so the recording is compared.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pytestqt.qtbot import QtBot
from real_programs import running
from sound_server import RATE_HZ, Recorder, sound_server

from ui.playback_link import PlaybackSettings
from ui.player import Player, PlayerSource

pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(sys.platform != "linux", reason="PulseAudio is Linux's"),
]

FADE = 240
WAIT = 60_000
BUSY = "import numpy; a = numpy.ones((600, 600), numpy.float32)\nwhile True: a @ a"

ANGLES = ((np.arange(FADE) + 0.5) / FADE * (math.pi / 2))[:, None]
RISING, FALLING = np.sin(ANGLES).astype(np.float32), np.cos(ANGLES).astype(np.float32)


@pytest.fixture
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    with sound_server(tmp_path) as recorder:
        for name, value in recorder.environment.items():
            monkeypatch.setenv(name, value)
        yield recorder


def noise(seed: int, seconds: float) -> np.ndarray:
    values = np.random.default_rng(seed).uniform(-0.5, 0.5, (round(seconds * RATE_HZ), 2))
    return values.astype(np.float32)


@pytest.mark.parametrize("busy", [0, 1], ids=["alone", "beside a busy process"])
def test_what_is_recorded_is_a_a_fade_then_b_to_the_sample(
    recorder: Recorder, qtbot: QtBot, tmp_path: Path, busy: int
) -> None:
    sounds = {name: noise(seed, 12.0) for seed, name in enumerate("abc")}
    for name, sound in sounds.items():
        soundfile.write(tmp_path / f"{name}.wav", sound, RATE_HZ, subtype="FLOAT")
    order = ["a", "b", "c", "a", "c"]

    with ExitStack() as stack:
        for _ in range(busy):
            stack.enter_context(running(sys.executable, "-c", BUSY))
        # ALSA says 44,100 Hz of everything it converts for.
        player = Player(PlaybackSettings(rate_hz=RATE_HZ))
        stack.callback(player.close)
        told: list[str] = []
        player.error.connect(told.append)
        player.device_lost.connect(told.append)
        player.load([PlayerSource(name, tmp_path / f"{name}.wav", 0.0) for name in sounds])

        def is_past(seconds: float) -> bool:
            return bool(told) or player.position_seconds > seconds

        # From another place first: PulseAudio may lose some of what follows on opening.
        player.play(8.0)
        qtbot.waitUntil(partial(is_past, 8.5), timeout=WAIT)
        player.play(0.5)
        qtbot.waitUntil(lambda: not is_past(8.0), timeout=WAIT)
        for turn, name in enumerate(order):
            player.switch(name)
            qtbot.waitUntil(partial(is_past, 0.5 + 0.9 * (turn + 1)), timeout=WAIT)
        player.stop()
        qtbot.waitUntil(lambda: bool(told) or not player.is_playing, timeout=WAIT)
        assert told == []
        end = round(player.position_seconds * RATE_HZ)
        qtbot.waitUntil(lambda: not recorder.heard()[-2400:].any(), timeout=WAIT)
    heard = recorder.heard()
    begin = RATE_HZ // 2
    first = np.flatnonzero((heard == sounds["a"][begin]).all(axis=1))
    assert len(first) == 1
    at, position = int(first[0]), begin
    for leaving, coming in zip(order, [*order[1:], None], strict=True):
        old = sounds[leaving]
        new = np.zeros_like(old) if coming is None else sounds[coming]
        length = min(len(heard) - at, len(old) - position)
        differs = (heard[at : at + length] != old[position : position + length]).any(axis=1)
        cut = int(np.flatnonzero(differs)[0])
        assert cut > RATE_HZ // 4, f"{leaving} was heard for {cut} samples only"
        at, position = at + cut, position + cut
        fade = old[position : position + FADE] * FALLING + new[position : position + FADE] * RISING
        np.testing.assert_array_equal(heard[at : at + FADE], fade)
        at, position = at + FADE, position + FADE
    assert position - FADE == end
    assert not heard[at:].any()
