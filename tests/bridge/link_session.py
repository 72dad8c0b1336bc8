"""Run in a network of its own by test_link.py: meets a peer and prints what happened as JSON."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable

from bridge.link import LinkPeer
from bridge.transport import Transport


def until(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    give_up = time.monotonic() + seconds
    while not true():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def two_peers() -> dict[str, object]:
    result: dict[str, object] = {}
    ours, other = LinkPeer(120.0), LinkPeer(95.5)
    result["peers_while_off"] = ours.state().peers
    other.enable()
    other.set_tempo(95.5)
    time.sleep(0.2)
    ours.enable()
    result["met"] = until(lambda: ours.state().peers == 1 and other.state().peers == 1)
    # Who comes later takes the tempo that is there, or gives its own: either way they agree.
    result["agree"] = until(lambda: abs(ours.state().tempo_bpm - other.state().tempo_bpm) < 1e-3)

    transport = Transport()
    ours.tell(transport.link, time.monotonic())
    result["source"] = transport.state(time.monotonic()).source

    ours.set_tempo(133.25)
    result["they_follow"] = until(lambda: abs(other.state().tempo_bpm - 133.25) < 1e-3)
    other.set_tempo(77.7)
    result["we_follow"] = until(lambda: abs(ours.state().tempo_bpm - 77.7) < 1e-3)

    def phases_differ_by() -> float:
        difference = (ours.state().beat - other.state().beat) % 4
        return min(difference, 4 - difference)

    result["same_phase"] = until(lambda: phases_differ_by() < 0.02)
    ours.set_playing(True)
    result["they_start"] = until(lambda: other.state().playing)
    other.set_playing(False)
    result["we_stop"] = until(lambda: not ours.state().playing)

    other.disable()
    result["left"] = until(lambda: ours.state().peers == 0)
    ours.tell(transport.link, time.monotonic())
    after = transport.state(time.monotonic())
    result["source_after"], result["lost"] = after.source, after.lost
    ours.disable()
    return result


class LinkHut:
    """Ableton's example program, played by its keys; it writes its state over and over."""

    def __init__(self) -> None:
        self._terminal, end = pty.openpty()
        self.process = subprocess.Popen(["LinkHut"], stdin=end, stdout=end, stderr=end)
        os.close(end)
        self._text = ""

    def press(self, key: str) -> None:
        os.write(self._terminal, key.encode())
        time.sleep(0.2)
        self.look()

    def look(self) -> None:
        while select.select([self._terminal], [], [], 0)[0]:
            self._text = (self._text + os.read(self._terminal, 65_536).decode())[-2_000:]

    def state(self) -> tuple[float, bool]:
        """Tempo and whether it plays; (0, False) before it has said anything."""
        self.look()
        found = re.findall(r"\[(playing|stopped)\]\s*\|\s*([0-9.]+)", self._text)
        return (float(found[-1][1]), found[-1][0] == "playing") if found else (0.0, False)


def link_hut() -> dict[str, object]:
    result: dict[str, object] = {}
    hut = LinkHut()
    try:
        result["runs"] = until(lambda: hut.state()[0] == 120)
        hut.press("a")  # Link on
        hut.press("s")  # start and stop together
        ours = LinkPeer(120.0)
        ours.enable()
        result["met"] = until(lambda: hut.state()[0] > 0 and ours.state().peers == 1)
        ours.set_tempo(97.5)
        result["it_follows"] = until(lambda: hut.state()[0] == 97.5)
        hut.press("e")
        hut.press("e")
        result["we_follow"] = until(lambda: abs(ours.state().tempo_bpm - 99.5) < 1e-3)
        hut.press(" ")
        result["we_start"] = until(lambda: ours.state().playing)
        ours.set_playing(False)
        result["it_stops"] = until(lambda: not hut.state()[1])
        ours.set_playing(True)
        result["it_starts"] = until(lambda: hut.state()[1])
        ours.disable()
    finally:
        hut.process.kill()
        hut.process.wait()
    return result


print(json.dumps({"peers": two_peers, "linkhut": link_hut}[sys.argv[1]]()))
