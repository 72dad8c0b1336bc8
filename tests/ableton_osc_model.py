"""A stand-in for AbletonOSC over a model of Live: its addresses, answers and errors, over real UDP.

Written from its README and source (github.com/ideoforms/AbletonOSC, `abletonosc/*.py`): each answer
goes to a fixed port and begins with the numbers of track and clip; what fails is told as
`/live/error`; a property that an object lacks is answered by OSC's `N`; listeners are told at once
and on each change. AbletonOSC itself was not run.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from live_model import Live
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

TICK_SECONDS = 0.02
"""Live's are 100 ms."""

SONG = {
    "tempo",
    "is_playing",
    "signature_numerator",
    "signature_denominator",
    "current_song_time",
}
CLIP = {
    "name",
    "file_path",
    "is_audio_clip",
    "warping",
    "loop_start",
    "loop_end",
    "start_marker",
    "end_marker",
    "length",
    "gain",
}


class AbletonOSCModel:
    """Serves until it is closed. `lose` datagrams are dropped before one is heard."""

    def __init__(self, live: Live, answer_port: int, lose: int = 0) -> None:
        self._live = live
        self._answer_port = answer_port
        self.lose = lose
        self.selected = (0, 0)
        """Numbers of track and scene; -1: a return or the main track."""
        self.listeners: dict[str, object] = {}
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> AbletonOSCModel:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._thread.join()
        self._socket.close()

    def beat(self, number: int) -> None:
        """The song has come to a beat."""
        if "beat" in self.listeners:
            self._send("/live/song/get/beat", (number,))

    def _run(self) -> None:
        while not self._closed:
            time.sleep(TICK_SECONDS)
            self._tell_changes()
            while True:
                try:
                    datagram = self._socket.recv(65_536)
                except BlockingIOError:
                    break
                if self.lose > 0:
                    self.lose -= 1
                    continue
                self._serve(OscMessage(datagram))

    def _tell_changes(self) -> None:
        for name, told in list(self.listeners.items()):
            if name != "beat" and (value := getattr(self._live.song, name)) != told:
                self.listeners[name] = value
                self._send(f"/live/song/get/{name}", (value,))

    def _serve(self, message: OscMessage) -> None:
        self.asked.append(message.address)
        handler = self._handler(message.address)
        if handler is None:
            self._send("/live/error", (f"Unknown OSC address: {message.address}",))
            return
        try:
            answer = handler(*message.params)
        except Exception as error:
            self._send("/live/error", (f"Error handling OSC message: {error}",))
            return
        if answer is not None:
            self._send(message.address, answer)

    def _handler(self, address: str) -> Callable[..., tuple[Any, ...] | None] | None:
        what, _, name = address.rpartition("/")
        song = self._live.song
        if what == "/live/song/get" and name in SONG:
            return lambda: (getattr(song, name),)
        if what == "/live/song/start_listen" and name in SONG | {"beat"}:
            return lambda: self._listen(name)
        if what == "/live/song/stop_listen" and name in SONG | {"beat"}:
            return lambda: self._stop(name)
        if address == "/live/view/get/selected_clip":
            return self._selected
        if address == "/live/clip_slot/get/has_clip":
            return lambda track, slot: (track, slot, self._slot(track, slot).has_clip)
        if address == "/live/track/get/name":
            return lambda track: (track, song.tracks[track].name)
        if what == "/live/clip/get" and name in CLIP:
            return lambda track, slot: (
                track,
                slot,
                _property(self._slot(track, slot).clip, name),
            )
        return None

    def _slot(self, track: int, slot: int) -> Any:
        return self._live.song.tracks[track].clip_slots[slot]

    def _selected(self) -> tuple[int, int]:
        if self.selected[0] < 0:
            raise ValueError("<Track.Track object> is not in list")
        return self.selected

    def _listen(self, name: str) -> None:
        self.listeners[name] = None
        if name != "beat":
            self._tell_changes()

    def _stop(self, name: str) -> None:
        self.listeners.pop(name, None)

    def _send(self, address: str, values: tuple[Any, ...]) -> None:
        builder = OscMessageBuilder(address)
        for value in values:
            builder.add_arg(value)
        self._socket.sendto(builder.build().dgram, ("127.0.0.1", self._answer_port))


def _property(clip: Any, name: str) -> Any:
    if clip is None:
        raise AttributeError(f"'NoneType' object has no attribute '{name}'")
    try:
        return getattr(clip, name)
    except RuntimeError:
        return None
