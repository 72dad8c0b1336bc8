"""The window's side of the bridge: what DAWs and controllers say, and what they are told.

The bridge speaks on a thread of its own; everything it says becomes one signal here, so that what
listens to this object hears it on the window's thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import SongTime

if TYPE_CHECKING:
    from bridge.link import LinkPeer
    from bridge.midi import ClockInput, Heard, MidiInputs, MidiSystem
    from bridge.midi_map import Action, MidiControl
    from bridge.server import Bridge
    from bridge.service import DawTransport, Generate, Peer
    from bridge.transport import Transport, TransportState

POLL_MILLISECONDS = 50
PROGRESS_SECONDS = 0.5
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Said:
    """One message, on its way from the bridge's thread to the window's."""

    name: str
    values: tuple[Any, ...]


class DawLink(QObject):
    """Is told to by the bridge (`bridge.service.Actions`), and tells by signals.

    Nothing of the bridge is imported before it is started: a window without it opens sooner.
    """

    clip_came = pyqtSignal(object, str, object)
    """Peer, its name for the clip, Clip."""
    selected = pyqtSignal(object, str)
    generate_wanted = pyqtSignal(object, object)
    """Peer, Generate."""
    cancel_wanted = pyqtSignal(object)
    """A job's id, or None for the newest."""
    choose_wanted = pyqtSignal(object, int)
    """A job's id or None, and the variant, counted from 0."""
    rate_wanted = pyqtSignal(object, int, int)
    audition_wanted = pyqtSignal(object, int, bool)
    blend_wanted = pyqtSignal(float)
    keep_wanted = pyqtSignal(float)
    insert_ended = pyqtSignal(str, bool, str)
    """Its name, whether it is on the timeline, and why not."""
    peers_changed = pyqtSignal()
    transport_changed = pyqtSignal(object)
    """TransportState, about 20 times a second while something tells the time."""
    midi_heard = pyqtSignal(str)
    """Port and message, but for the ticks of a clock."""
    command_wanted = pyqtSignal(object)
    """`bridge.midi_map.Command`, of a note or controller that the map has."""
    midi_map_changed = pyqtSignal()
    """Something was learned or forgotten, or learning began or ended."""
    told = pyqtSignal(str)
    _said = pyqtSignal(object)

    def __init__(self, midi_map: Path | None = None, parent: QObject | None = None) -> None:
        """midi_map: the file in which it is kept; None keeps it for this time only."""
        super().__init__(parent)
        self._midi_map = midi_map
        self._control: MidiControl | None = None
        self._map_fault = ""
        self.bridge: Bridge | None = None
        self.fault = ""
        """Why there is no bridge, as a sentence."""
        self.peers: dict[str, Peer] = {}
        self.state: TransportState | None = None
        self.midi_sentence = ""
        self._known: set[tuple[str, str]] = set()
        self._guard = threading.Lock()
        self._songs: dict[str, SongTime] = {}
        self._transport: Transport | None = None
        self._link: LinkPeer | None = None
        self._midi: MidiInputs | None = None
        self._clock: ClockInput | None = None
        self._told_progress_seconds = 0.0
        self._inserts = 0
        self._said.connect(self._on_said)
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MILLISECONDS)
        self._timer.timeout.connect(self._poll)

    # Starting and ending

    def start_bridge(self, folder: Path | None = None, *, port: int | None = None) -> None:
        """Listen for DAWs; `fault` says why not. folder: of the token, the usual one if None."""
        from bridge.paths import Roots
        from bridge.protocol import DEFAULT_PORT
        from bridge.server import Bridge, tell_where
        from bridge.spool import Spool, spool_folder
        from bridge.token import configuration_folder, load_token

        if self.bridge is not None:
            return
        where = folder or configuration_folder()
        spool = (folder / "spool") if folder else spool_folder()
        try:
            token = load_token(where / "bridge-token")
            self.bridge = Bridge(
                self,
                token,
                Roots.usual(),
                spool=Spool(spool),
                port=DEFAULT_PORT if port is None else port,
            )
            tell_where(where / "bridge.json", self.bridge, spool)
            self.fault = self.bridge.note
        except JukeboxError as error:
            self.fault = str(error)
            _log.warning("no bridge: %s", error)
        self._begin_polling()
        self.peers_changed.emit()

    def stop_bridge(self) -> None:
        if self.bridge is not None:
            self.bridge.close()
            self.bridge = None
        self.peers.clear()
        self.peers_changed.emit()

    def set_link(self, on: bool) -> None:
        """Take part in the Ableton Link session, or leave it."""
        try:
            if on and self._link is None:
                from bridge.link import LinkPeer

                self._link = LinkPeer()
                self._link.enable()
            elif not on and self._link is not None:
                self._link.disable()
                self._link = None
                self._forget_time()
        except (JukeboxError, ImportError, OSError) as error:
            self.told.emit(self.tr("Ableton Link cannot be used: {error}").format(error=error))
        self._begin_polling()

    def set_midi(self, on: bool, system: MidiSystem | None = None) -> None:
        """Listen to the MIDI inputs for a clock and for controllers; system: the machine's."""
        if on and self._midi is None:
            from bridge.midi import ClockInput, MidiInputs

            self._midi = MidiInputs(system)
            self._clock = ClockInput(self._time().midi)
        elif not on and self._midi is not None:
            self._midi.close()
            self._midi, self._clock = None, None
            self.midi_sentence = ""
            self._forget_time()
        self._begin_polling()

    # What notes and controllers do

    @property
    def control(self) -> MidiControl:
        """Which note or controller does what."""
        if self._control is None:
            from bridge.midi_map import MidiControl, MidiMap

            known = MidiMap()
            try:
                known = MidiMap.load(self._midi_map) if self._midi_map else known
            except JukeboxError as error:  # it is the musician's file, and stays as it is
                self._map_fault = str(error)
                self.told.emit(self._map_fault)
            self._control = MidiControl(known)
        return self._control

    def learn(self, action: Action | None) -> None:
        """The next note or controller gets this action; None: stop waiting for one."""
        self.control.learning = action
        self.midi_map_changed.emit()

    def forget(self, action: Action) -> None:
        self.control.map = self.control.map.without(action)
        self._keep_map()

    def _keep_map(self) -> None:
        try:
            if self._map_fault:
                raise JukeboxError(self._map_fault)
            if self._midi_map is not None:
                self._midi_map.parent.mkdir(parents=True, exist_ok=True)
                self.control.map.save(self._midi_map)
        except (JukeboxError, OSError) as error:
            self.told.emit(self.tr("The MIDI map is not kept: {error}").format(error=error))
        self.midi_map_changed.emit()

    def _hear(self, heard: Iterable[Heard]) -> None:
        """Act by the map. Of a slider only its last place counts."""
        from bridge.midi_map import SLIDERS

        before = self.control.map
        was_learning = self.control.learning
        pressed, moved = [], {}
        for one in heard:
            if one.message.type != "clock":
                self.midi_heard.emit(f"{one.port}: {one.message}")
            for command in self.control.hear(one.at_seconds, one.port, one.message):
                if command.action in SLIDERS:
                    moved[command.action] = command
                else:
                    pressed.append(command)
        if self.control.map != before:
            self._keep_map()
        elif self.control.learning != was_learning:
            self.midi_map_changed.emit()
        for command in (*moved.values(), *pressed):
            self.command_wanted.emit(command)

    @property
    def midi_names(self) -> tuple[str, ...]:
        return self._midi.names if self._midi else ()

    @property
    def listens_to_midi(self) -> bool:
        return self._midi is not None

    @property
    def is_in_link(self) -> bool:
        return self._link is not None

    def close(self) -> None:
        self._timer.stop()
        self.set_midi(False)
        if self._link is not None:
            self._link.disable()
            self._link = None
        self._timer.stop()
        self.stop_bridge()

    def sentence(self) -> str:
        """How the link is, for people."""
        if self.bridge is None:
            return self.fault or self.tr("The DAW link is off; turn it on in the settings.")
        names = sorted({f"{p.daw} {p.version}".strip() or p.sender for p in self.peers.values()})
        port = self.tr("listening on port {port}").format(port=self.bridge.port)
        if not names:
            return (
                self.tr("No DAW is linked ({port}). {note}")
                .format(port=port, note=self.fault)
                .strip()
            )
        return self.tr("Linked: {names} ({port}).").format(names=", ".join(names), port=port)

    # What the bridge calls, on its own thread

    def hello(self, peer: Peer) -> None:
        self._said.emit(_Said("hello", (peer,)))

    def goodbye(self, peer: Peer) -> None:
        self._said.emit(_Said("gone", (peer,)))

    def lost(self, peer: Peer) -> None:
        self._said.emit(_Said("lost", (peer,)))

    def clip(self, peer: Peer, name: str, clip: Clip) -> None:
        with self._guard:
            self._known.add((peer.sender, name))
        self._said.emit(_Said("clip", (peer, name, clip)))

    def select(self, peer: Peer, name: str) -> None:
        self._check_known(peer, name)
        self._said.emit(_Said("select", (peer, name)))

    def transport(self, peer: Peer, transport: DawTransport) -> None:
        self._said.emit(_Said("transport", (peer, transport)))

    def generate(self, peer: Peer, wish: Generate) -> None:
        if wish.clip is not None:
            self._check_known(peer, wish.clip)
        self._said.emit(_Said("generate", (peer, wish)))

    def cancel(self, peer: Peer, job: str | None) -> None:
        self._said.emit(_Said("cancel", (_job_id(job),)))

    def choose(self, peer: Peer, job: str | None, variant: int) -> None:
        self._said.emit(_Said("choose", (_job_id(job), variant - 1)))

    def rate(self, peer: Peer, job: str | None, variant: int, stars: int) -> None:
        self._said.emit(_Said("rate", (_job_id(job), variant - 1, stars)))

    def audition(self, peer: Peer, job: str | None, variant: int, playing: bool) -> None:
        self._said.emit(_Said("audition", (_job_id(job), variant - 1, playing)))

    def inserted(self, peer: Peer, insert: str, done: bool, sentence: str) -> None:
        self._said.emit(_Said("inserted", (insert, done, sentence)))

    def blend(self, peer: Peer, position: float) -> None:
        self._said.emit(_Said("blend", (position,)))

    def keep(self, peer: Peer, amount: float) -> None:
        self._said.emit(_Said("keep", (amount,)))

    def _check_known(self, peer: Peer, name: str) -> None:
        with self._guard:
            if (peer.sender, name) not in self._known:
                raise JukeboxError(f"There is no clip {name!r} of {peer.sender}; send it first.")

    # On the window's thread

    def _on_said(self, said: _Said) -> None:
        values = said.values
        if said.name == "hello":
            self.peers[values[0].sender] = values[0]
            if values[0].daw:  # a controller without a name is no reason to read clocks otherwise
                self._time().midi.sent_by(values[0].daw, values[0].version)
            self.peers_changed.emit()
        elif said.name in ("gone", "lost"):
            self.peers.pop(values[0].sender, None)
            if said.name == "lost":
                called = values[0].daw or values[0].sender
                self.told.emit(self.tr("{daw} does not answer any more.").format(daw=called))
            self._time().osc.forget()
            self.peers_changed.emit()
        elif said.name == "transport":
            self._take_transport(*values)
        else:
            if said.name == "clip":
                self._songs[values[0].sender] = values[2].song
            signals = {
                "clip": self.clip_came,
                "select": self.selected,
                "generate": self.generate_wanted,
                "cancel": self.cancel_wanted,
                "choose": self.choose_wanted,
                "rate": self.rate_wanted,
                "audition": self.audition_wanted,
                "inserted": self.insert_ended,
                "blend": self.blend_wanted,
                "keep": self.keep_wanted,
            }
            signals[said.name].emit(*values)

    def _take_transport(self, peer: Peer, told: DawTransport) -> None:
        try:
            self._time().osc_transport(
                time.monotonic(),
                playing=told.playing,
                position_samples=told.position_samples,
                timeline_rate_hz=told.timeline_rate_hz,
                tempo_bpm=told.tempo_bpm,
                song=self._songs.get(peer.sender),
            )
        except JukeboxError as error:
            _log.info("a transport that cannot be: %s", error)

    def _time(self) -> Transport:
        if self._transport is None:
            from bridge.transport import Transport

            self._transport = Transport()
        return self._transport

    def _forget_time(self) -> None:
        """Something was turned off by hand, which is no loss; what is left tells again."""
        self._transport = None
        if self._midi is not None:
            from bridge.midi import ClockInput

            self._clock = ClockInput(self._time().midi)
            for peer in self.peers.values():
                self._time().midi.sent_by(peer.daw, peer.version)

    def set_link_tempo(self, tempo_bpm: float) -> None:
        """For all peers of the Link session; nothing where this is none of them."""
        if self._link is not None:
            self._link.set_tempo(tempo_bpm)

    def _begin_polling(self) -> None:
        if any((self.bridge, self._link, self._midi)):
            self._timer.start()
            return
        self._timer.stop()
        if self.state is not None:
            self._tell_state()

    def _poll(self) -> None:
        now = time.monotonic()
        transport = self._time()
        if self._link is not None:
            self._link.tell(transport.link, now)
        if self._midi is not None and self._clock is not None:
            heard = self._midi.poll()
            for one in heard:
                self._clock.tell(one)
            self._hear(heard)
            self._clock.ports_are(self._midi.names)
            sender = self._sender_of(self._clock.port or "")
            transport.midi.sent_by(sender.daw if sender else "", sender.version if sender else "")
            if self._midi.status != self.midi_sentence:
                self.midi_sentence = self._midi.status
                self.peers_changed.emit()
        self._tell_state()

    def _tell_state(self) -> None:
        state = self._time().state(time.monotonic())
        before = self.state
        if before is None or state.lost != before.lost or {state.source, before.source} != {None}:
            self.state = state
            self.transport_changed.emit(state)

    def _sender_of(self, port: str) -> Peer | None:
        """Whose clock a MIDI port brings: the DAW it is named after, else the only one there is."""
        peers = list(self.peers.values())
        named = [peer for peer in peers if peer.daw and peer.daw.lower() in port.lower()]
        return named[0] if named else peers[0] if len(peers) == 1 else None

    # What DAWs are told

    def tell(self, name: str, values: Mapping[str, Any]) -> None:
        """All who are linked."""
        if self.bridge is not None and self.peers:
            self.bridge.send(None, name, values)

    def tell_progress(self, job_id: int, done: float, seconds_left: float) -> None:
        """Not more than a few times a second."""
        now = time.monotonic()
        if now - self._told_progress_seconds >= PROGRESS_SECONDS:
            self._told_progress_seconds = now
            left = seconds_left if 0 <= seconds_left <= 1e9 else -1.0
            values = {"job": str(job_id), "done": min(1.0, max(0.0, done)), "seconds_left": left}
            self.tell("progress", values)

    def fetch(self) -> None:
        """Ask every linked DAW for what is selected in it; clips come as if sent by hand.

        Raises JukeboxError where no DAW is linked.
        """
        self._linked().send(None, "fetch", {})

    def _linked(self) -> Bridge:
        if self.bridge is None or not self.peers:
            raise JukeboxError(
                self.tr("{sentence} Start the script in your DAW, or drag and drop.").format(
                    sentence=self.sentence()
                )
            )
        return self.bridge

    def insert(
        self,
        path: Path,
        position_samples: int,
        timeline_rate_hz: int,
        track: str,
        name: str,
    ) -> str:
        """Ask the linked DAW to put a file on its timeline; `insert_ended` tells what became of it.

        Raises JukeboxError where no DAW is linked.
        """
        bridge = self._linked()
        self._inserts += 1
        insert = f"insert-{self._inserts}"
        values: dict[str, str | int] = {
            "insert": insert,
            "path": str(path),
            "position_samples": position_samples,
            "timeline_rate_hz": timeline_rate_hz,
            "track": track,
            "name": name,
        }
        bridge.send(next(iter(self.peers)), "insert", values)
        return insert


def _job_id(job: str | None) -> int | None:
    """Raises JukeboxError for what is no job of ours."""
    if job is None:
        return None
    if not job.isdecimal():
        raise JukeboxError(f"There is no render {job!r}.")
    return int(job)
