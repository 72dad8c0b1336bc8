"""A client of AbletonOSC: tempo, meter, transport, and the selected clip of the Session.

AbletonOSC (github.com/ideoforms/AbletonOSC) is a remote script that musicians may have anyway. It
listens on UDP port 11000 and answers on 11001, in Live's rhythm of 100 ms, with 32-bit floats. It
tells files of Session clips only, no rate and no warp markers, and creates no audio clips.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pythonosc.osc_message_builder import build_msg

from bridge.conversation import Heard
from bridge.datagram import Refused, messages_in
from bridge.osc import LOOPBACK, Client, DatagramSocket
from bridge.protocol import Value
from jukebox_studio import audio
from jukebox_studio.errors import JukeboxError

PORT, ANSWER_PORT = 11_000, 11_001
REPEAT_SECONDS = 0.5
GIVES_UP_SECONDS = 3.0
TIMELINE_RATE_HZ = 48_000
MOST_OVER_SECONDS = 0.05
"""By which a warped clip may seem to be longer than its file, from rounding in Live."""

LISTENED = ("tempo", "is_playing", "signature_numerator", "signature_denominator")
LISTEN_AGAIN_SECONDS = 5.0
"""Live may have been started anew, and then knows nothing of us."""

Question = tuple[str | int, ...]
"""An address, and the numbers of track and slot where it has them."""
Answer = tuple[object, ...]
"""What follows these numbers."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SongState:
    """How Live plays."""

    tempo_bpm: float
    meter: str
    playing: bool
    beats: float
    """From the start of the Arrangement, in quarter notes."""

    def transport(self) -> dict[str, Value]:
        """The own arguments of a `transport` message."""
        position = round(max(0.0, self.beats) * 60 / self.tempo_bpm * TIMELINE_RATE_HZ)
        return {
            "playing": self.playing,
            "position_samples": position,
            "timeline_rate_hz": TIMELINE_RATE_HZ,
            "tempo_bpm": self.tempo_bpm,
            "meter": self.meter,
        }


class AbletonOSC:
    """Asks and listens; one thread at a time."""

    def __init__(self, port: int = PORT, answer_port: int = ANSWER_PORT) -> None:
        """Raises JukeboxError where the port for the answers is taken."""
        self._address = (LOOPBACK, port)
        self._socket = DatagramSocket(LOOPBACK, answer_port)
        if answer_port and self._socket.address[1] != answer_port:
            self._socket.close()
            raise JukeboxError(
                f"Another program listens for AbletonOSC's answers on port {answer_port}; end it."
            )

    @property
    def answer_port(self) -> int:
        return self._socket.address[1]

    def __enter__(self) -> AbletonOSC:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, *questions: Question) -> list[Answer]:
        """The answers, in order.

        Raises JukeboxError with what AbletonOSC says is wrong, and where it does not answer.
        """
        answers: dict[Question, Answer] = {}
        give_up = time.monotonic() + GIVES_UP_SECONDS
        repeat_at = 0.0
        while len(answers) < len(questions):
            now = time.monotonic()
            if now > give_up:
                raise JukeboxError(
                    "AbletonOSC does not answer. Start Live, choose AbletonOSC in Settings > Link, "
                    "Tempo & MIDI > Control Surface, and try again."
                )
            if now >= repeat_at:
                repeat_at = now + REPEAT_SECONDS
                for question in questions:
                    if question not in answers:
                        self._say(question)
            for address, values in self.heard(repeat_at - now):
                if address == "/live/error":
                    raise JukeboxError(f"AbletonOSC says: {' '.join(map(str, values))}.")
                for question in questions:
                    if (address, *values[: len(question) - 1]) == question:
                        answers[question] = values[len(question) - 1 :]
        return [answers[question] for question in questions]

    def heard(self, timeout_seconds: float) -> list[tuple[str, Answer]]:
        """The next messages, if any come in time."""
        arrived = self._socket.get(timeout_seconds)
        if arrived is None:
            return []
        try:
            messages = messages_in(arrived[0])
        except Refused:
            return []  # such as one without a value, for what a clip does not have
        return [(message.address, message.arguments) for message in messages]

    def listen(self) -> None:
        """Be told each change, and each beat; the values of now are told at once."""
        for name in (*LISTENED, "beat"):
            self._say((f"/live/song/start_listen/{name}",))

    def stop_listening(self) -> None:
        for name in (*LISTENED, "beat"):
            self._say((f"/live/song/stop_listen/{name}",))

    def song(self) -> SongState:
        names = (*LISTENED, "current_song_time")
        answers = self.ask(*((f"/live/song/get/{name}",) for name in names))
        return _song_state(dict(zip(names, answers, strict=True)))

    def selected_clip(self, clip_id: str) -> dict[str, Value]:
        """The own arguments of a `clip` message, for the clip in the selected slot of the Session.

        Raises JukeboxError where there is none, it is MIDI, or its warping stretches it.
        """
        [(track, slot)] = self.ask(("/live/view/get/selected_clip",))
        place = (_whole(track), _whole(slot))
        [(has_clip,)] = self.ask(("/live/clip_slot/get/has_clip", *place))
        if not has_clip:
            raise JukeboxError("Select a Session clip in Live, then send.")
        name, is_audio = self._of_clip(place, "name", "is_audio_clip")
        if not is_audio:
            raise JukeboxError(f"{name} is a MIDI clip; select an audio clip.")
        path, warping, start, stop = self._of_clip(
            place, "file_path", "warping", "loop_start", "loop_end"
        )
        [(track_name,)] = self.ask(("/live/track/get/name", place[0]))
        song = self.song()
        seconds_in_a_unit = 60 / song.tempo_bpm if warping else 1.0
        first, length, rate_hz = _stretch(
            str(name),
            Path(str(path)),
            _number(start) * seconds_in_a_unit,
            _number(stop) * seconds_in_a_unit,
        )
        return {
            "clip": clip_id,
            "path": str(path),
            "start_samples": first,
            "length_samples": length,
            "rate_hz": rate_hz,
            "position_samples": -1,  # a Session clip has no place in the song
            "timeline_rate_hz": rate_hz,
            "tempo": f"0:{song.tempo_bpm:.6f}",
            "meters": f"0:{song.meter}",
            "song_start_samples": -1,
            "song_end_samples": -1,
            "track": str(track_name),
            "name": str(name),
            "lyrics": "",
        }

    def _of_clip(self, place: tuple[int, int], *names: str) -> list[object]:
        answers = self.ask(*((f"/live/clip/get/{name}", *place) for name in names))
        return [value for (value,) in answers]

    def _say(self, question: Question) -> None:
        address, *arguments = question
        self._socket.send(build_msg(str(address), arguments).dgram, self._address)


def follow(
    live: AbletonOSC,
    client: Client,
    heard: queue.SimpleQueue[Heard],
    goes_on: Callable[[], bool],
) -> None:
    """Tell the program how Live plays, and send the selected clip when it fetches one.

    client: has said hello, and puts what it hears into `heard`.
    """
    known: dict[str, Answer] = {"beat": (0,)}
    listen_at = 0.0
    try:
        while goes_on():
            if time.monotonic() >= listen_at:
                listen_at = time.monotonic() + LISTEN_AGAIN_SECONDS
                live.listen()
            for address, values in live.heard(0.1):
                name = address.rpartition("/")[2]
                if address.startswith("/live/song/get/") and name in (*LISTENED, "beat"):
                    known[name] = values
                    if set(LISTENED) <= set(known):
                        state = _song_state(known | {"current_song_time": known["beat"]})
                        client.send_once("transport", state.transport())
            while not heard.empty():
                try:
                    answer(live, client, heard.get())
                except JukeboxError as error:
                    log.warning("%s", error)
    finally:
        live.stop_listening()


def answer(live: AbletonOSC, client: Client, message: Heard) -> None:
    """Do what the program asks for; JukeboxError where that cannot be."""
    if message.name == "fetch":
        client.send("clip", live.selected_clip(f"session-{time.time_ns():x}"))
        client.wait()
    elif message.name == "insert":
        sentence = (
            f"AbletonOSC creates no audio clips: drag {message.values['path']} onto the track, or "
            "install our own script with 'jukebox-studio daw install live'."
        )
        told: dict[str, Value] = {"done": False, "sentence": sentence}
        client.send("inserted", {"insert": message.values["insert"], **told})
        client.wait()


def _song_state(answers: dict[str, Answer]) -> SongState:
    def value(name: str) -> object:
        return answers[name][-1]

    meter = f"{value('signature_numerator')}/{value('signature_denominator')}"
    tempo_bpm, beats = _number(value("tempo")), _number(value("current_song_time"))
    return SongState(tempo_bpm, meter, bool(value("is_playing")), beats)


def _stretch(
    name: str, path: Path, start_seconds: float, stop_seconds: float
) -> tuple[int, int, int]:
    """Start and length in samples, and the file's rate.

    AbletonOSC does not tell at which tempo the file of a warped clip is: its seconds were counted
    at the song's, and lie in the file only if that is right.
    """
    info = audio.inspect(path)
    file_seconds = info.length_samples / info.rate_hz
    if start_seconds < -MOST_OVER_SECONDS or stop_seconds > file_seconds + MOST_OVER_SECONDS:
        raise JukeboxError(
            f"Live stretches {name} to the song's tempo, and AbletonOSC does not tell from which. "
            "Consolidate it (Ctrl+J, on a Mac Cmd+J), or install our own script with "
            "'jukebox-studio daw install live'."
        )
    first = max(0, round(start_seconds * info.rate_hz))
    last = min(info.length_samples, round(stop_seconds * info.rate_hz))
    if last <= first:
        raise JukeboxError(f"{name} plays nothing of its file.")
    return first, last - first, info.rate_hz


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise JukeboxError(f"AbletonOSC says {value!r} where a number belongs; update it.")
    return float(value)


def _whole(value: object) -> int:
    return int(_number(value))
