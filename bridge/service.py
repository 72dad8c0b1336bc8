"""What a message does. It ties the protocol to the program's `Actions`; sockets are elsewhere.

One thread owns a Service (see bridge/server.py); nothing in it waits, but for the disk.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bridge.clip_message import clip_from_values
from bridge.datagram import Refused, build, messages_in
from bridge.delivery import Incoming, Outgoing
from bridge.pace import Pace
from bridge.paths import Roots
from bridge.protocol import MESSAGES, Direction, MessageKind, Value, Values, check_header, kind_at
from bridge.spool import MOST_FILES_AT_ONCE, Spool
from bridge.token import is_token
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import Meter

MOST_SENDERS = 64

Address = tuple[str, int]
"""Of a UDP socket: host and port."""

_ACTED = "Acted on a message of %s: %s"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Peer:
    """A DAW or controller, as its `hello` says; only the name where it said none."""

    sender: str
    daw: str = ""
    version: str = ""
    pid: int = 0


@dataclass(frozen=True)
class DawTransport:
    """How a DAW plays."""

    playing: bool
    position_samples: int
    timeline_rate_hz: int
    tempo_bpm: float
    meter: Meter


@dataclass(frozen=True)
class Generate:
    """What a DAW or controller asks for; None where the program's own settings count."""

    clip: str | None
    """None: the clip that is selected."""
    operation: str | None
    length_bars: float | None
    variants: int | None
    seed: int | None


class Actions(Protocol):
    """What the program does for messages.

    Called on the bridge's thread, one at a time: take note and return, since nothing else is heard
    meanwhile. A JukeboxError is told to the sender as the reason for not acting. `job` is None for
    the newest render.
    """

    def hello(self, peer: Peer) -> None: ...
    def goodbye(self, peer: Peer) -> None: ...

    def lost(self, peer: Peer) -> None:
        """It does not answer any more: its DAW was closed, or died."""

    def clip(self, peer: Peer, name: str, clip: Clip) -> None:
        """A clip, its file checked; `name` stands for it in later messages of this peer."""

    def select(self, peer: Peer, name: str) -> None: ...
    def transport(self, peer: Peer, transport: DawTransport) -> None: ...
    def generate(self, peer: Peer, wish: Generate) -> None: ...
    def cancel(self, peer: Peer, job: str | None) -> None: ...
    def inserted(self, peer: Peer, insert: str, done: bool, sentence: str) -> None: ...
    def choose(self, peer: Peer, job: str | None, variant: int) -> None: ...
    def rate(self, peer: Peer, job: str | None, variant: int, stars: int) -> None: ...
    def audition(self, peer: Peer, job: str | None, variant: int, playing: bool) -> None: ...
    def blend(self, peer: Peer, position: float) -> None: ...
    def keep(self, peer: Peer, amount: float) -> None: ...


class _Refusal(JukeboxError):
    """A sentence, and its code in the protocol."""

    def __init__(self, code: str, sentence: object) -> None:
        super().__init__(str(sentence))
        self.code = code


@dataclass(frozen=True)
class _Arrived:
    """A message of which the header was right, in wait for its turn."""

    kind: MessageKind | None
    address: str
    arguments: object
    """A list of values, or values by name where it came through the spool."""
    source: Address | None


@dataclass(frozen=True)
class _Answer:
    """`accepted` where there is no code, else `error`."""

    code: str = ""
    sentence: str = ""


@dataclass
class _Sender:
    """What is known of a sender; the peer is None until it said hello."""

    peer: Peer | None = None
    hello: Values | None = None
    reply_port: int = 0
    route: Address | None = None
    """Where to send what it did not ask for; None: its folder in the spool."""
    answers: bool = False
    called_by_us: str = ""
    incoming: Incoming[_Arrived, _Answer] = field(default_factory=Incoming)
    outgoing: Outgoing = field(default_factory=Outgoing)


class Service:
    """Takes datagrams and files in, acts, and says what to send.

    transmit: sends a datagram to an address, and raises nothing.
    clock: seconds that do not go back.
    """

    def __init__(
        self,
        actions: Actions,
        token: str,
        roots: Roots,
        transmit: Callable[[bytes, Address], None],
        spool: Spool | None = None,
        clock: Callable[[], float] = time.monotonic,
        pace: Pace | None = None,
    ) -> None:
        self._actions = actions
        self._token = token
        self._roots = roots
        self._transmit = transmit
        self._spool = spool
        self._clock = clock
        self._pace = pace or Pace()
        self._senders: OrderedDict[str, _Sender] = OrderedDict()
        self.counts: Counter[str] = Counter()
        """How often something was dropped or refused, by kind."""
        self._handlers = self._table_of_handlers()
        self._rung = False

    # In ------------------------------------------------------------------------------------------

    def receive(self, datagram: bytes, source: Address) -> None:
        """Act on a datagram, in its turn. Raises nothing, whatever it holds."""
        if not self._pace.allows(source, self._clock()):
            self._count("too many messages", source)
            return
        try:
            messages = messages_in(datagram)
        except Refused as fault:
            self._count(f"not a message: {fault}", source)
            return
        for message in messages:
            kind = kind_at(message.address)
            if kind is not None and not kind.acting:
                self._note(kind, message.arguments, source)
            else:
                header = message.arguments[:3]
                arrived = _Arrived(kind, message.address, message.arguments, source)
                self._arrive(header, arrived, len(datagram))

    def read_spool(self) -> None:
        """Act on the files that are there."""
        if self._spool is None:
            return
        messages = self._spool.claim()
        self._rung = len(messages) == MOST_FILES_AT_ONCE  # then there may be more
        for message in messages:
            kind = kind_at(message.address)
            if kind is not None and not kind.acting:
                self._count("not for the spool", None)
                continue
            header = [message.arguments.get(name) for name in ("token", "sender", "sequence")]
            arrived = _Arrived(kind, message.address, message.arguments, None)
            self._arrive(header, arrived, message.size_bytes)

    def _note(self, kind: MessageKind, arguments: object, source: Address) -> None:
        """A message that does not act."""
        try:
            values = kind.check(list(arguments) if isinstance(arguments, tuple) else [])
        except JukeboxError:
            self._count(f"wrong arguments: {kind.name}", source)
            return
        if kind.name == "doorbell":
            self._rung = True  # heeded by tick, so that many rings cost one look
        elif kind.name in ("accepted", "error"):
            self._answered(kind, values, source)
        else:
            self._count(f"wrong direction: {kind.name}", source)

    def _answered(self, kind: MessageKind, values: Values, source: Address) -> None:
        for state in self._senders.values():
            # The host must be right, too: else anyone could stop our repetitions.
            if (
                state.called_by_us == values["sender"]
                and state.route is not None
                and state.route[0] == source[0]
            ):
                first = state.outgoing.settle(int(values["sequence"]))
                if first and kind.name == "error":
                    log.warning("%s refused: %s", _called(state), values["sentence"])
                return
        self._count("an answer to nothing", source)

    def _arrive(self, header: object, arrived: _Arrived, size_bytes: int) -> None:
        """A message that acts, of which nothing is known yet."""
        first = list(header) if isinstance(header, tuple | list) else []
        if len(first) < 3 or not is_token(self._token, first[0]):
            self._count("no token", arrived.source)
            return
        try:
            values = check_header(first)
        except JukeboxError as error:
            answer = _Answer("arguments", str(error))
            self._reply("unknown", 0, answer, arrived.source, 0)
            return
        sender, sequence = str(values["sender"]), int(values["sequence"])
        if sequence == 0:
            answer = self._act(sender, arrived)
            if answer.code:
                state = self._senders.get(sender)
                port = state.reply_port if state else 0
                self._reply(sender, 0, answer, arrived.source, port)
            return
        self._in_turn(sender, sequence, arrived, size_bytes)

    def _in_turn(self, sender: str, sequence: int, arrived: _Arrived, size_bytes: int) -> None:
        state = self._state(sender)
        known = state.incoming.answer_to(sequence)
        if known is not None and sequence == 1 and self._is_another_start(state, arrived):
            del self._senders[sender]
            state, known = self._state(sender), None
        if known is not None:
            self._reply(sender, sequence, known, arrived.source, state.reply_port)
            return
        if not state.incoming.offer(sequence, arrived, size_bytes):
            self._count("repeated or too far ahead", arrived.source)
            return
        while (following := state.incoming.take()) is not None:
            number, message = following
            answer = self._act(sender, message, numbered=True)
            state.incoming.answered(number, answer)
            self._reply(sender, number, answer, message.source, state.reply_port)

    def _is_another_start(self, state: _Sender, arrived: _Arrived) -> bool:
        """Whether a first message is not the known hello: a script that took an old name again."""
        if arrived.kind is not MESSAGES["hello"]:
            return False
        try:
            return self._values(arrived.kind, arrived) != state.hello
        except JukeboxError:
            return False

    def _state(self, sender: str) -> _Sender:
        """Of those heard last, so that it cannot be made to grow."""
        state = self._senders.setdefault(sender, _Sender())
        self._senders.move_to_end(sender)
        if len(self._senders) > MOST_SENDERS:
            forgotten, _ = next(iter(self._senders.items()))
            self._forget(forgotten)
        return state

    # Acting --------------------------------------------------------------------------------------

    def _act(self, sender: str, message: _Arrived, numbered: bool = False) -> _Answer:
        kind = message.kind
        if kind is None or kind.direction is Direction.FROM_STUDIO:
            return self._refuse("address", f"The program knows no message {message.address[:80]}.")
        state = self._senders.get(sender)
        peer = state.peer if state else None
        try:
            values = self._values(kind, message)
        except JukeboxError as error:
            return self._refuse("arguments", str(error))
        if kind.name != "hello" and numbered and peer is None:
            return self._refuse("hello", f"{sender} must say hello before {kind.name}.")
        try:
            if kind.name == "hello":
                self._hello(sender, values, message.source)
            else:
                self._handlers[kind.name](peer or Peer(sender), values)
        except _Refusal as error:
            return self._refuse(error.code, str(error))
        except JukeboxError as error:
            return self._refuse("refused", str(error))
        except Exception:
            # A fault of ours must not end the bridge in the midst of somebody's session.
            log.exception("The message %s could not be acted on", kind.name)
            return self._refuse("failed", "The program made a mistake; its log tells more.")
        # A DAW tells its transport many times a second.
        log.log(
            logging.DEBUG if kind.name == "transport" else logging.INFO, _ACTED, sender, kind.name
        )
        return _Answer()

    def _refuse(self, code: str, sentence: str) -> _Answer:
        self.counts[f"refused: {code}"] += 1
        level = logging.WARNING if self.counts[f"refused: {code}"] == 1 else logging.DEBUG
        log.log(level, "Refused a message (%s): %s", code, sentence)
        return _Answer(code, sentence)

    @staticmethod
    def _values(kind: MessageKind, message: _Arrived) -> Values:
        arguments = message.arguments
        if isinstance(arguments, Mapping):
            return kind.check(kind.from_names(arguments))
        assert isinstance(arguments, tuple)
        return kind.check(arguments)

    def _hello(self, sender: str, values: Values, source: Address | None) -> None:
        state = self._state(sender)
        peer = Peer(sender, str(values["daw"]), str(values["version"]), int(values["pid"]))
        self._actions.hello(peer)
        state.peer = peer
        state.hello = values
        state.reply_port = int(values["port"])
        state.route = source and (source[0], state.reply_port or source[1])
        state.answers = bool(values["answers"])
        # After a new start the other side counts from 1, so we speak under a new name.
        state.called_by_us = f"studio-{secrets.token_hex(6)}"
        state.outgoing = Outgoing()
        log.info("%s says hello as %s", _called(state), sender)

    def _goodbye(self, peer: Peer) -> None:
        state = self._senders.get(peer.sender)
        if state is None or state.peer is None:
            raise JukeboxError(f"{peer.sender} has not said hello.")
        self._actions.goodbye(peer)
        self._end(state, peer.sender)

    def _end(self, state: _Sender, sender: str) -> None:
        """Nothing more is sent to it. What it was answered stays known, for repetitions."""
        if state.peer is not None and state.route is None and self._spool is not None:
            self._spool.forget(sender)
        state.peer, state.outgoing = None, Outgoing()

    def _forget(self, sender: str) -> None:
        state = self._senders.pop(sender)
        peer = state.peer
        self._end(state, sender)
        if peer is not None:
            self._lost(peer)

    def _lost(self, peer: Peer) -> None:
        log.warning("%s (%s) does not answer any more", peer.daw or "A sender", peer.sender)
        try:
            self._actions.lost(peer)
        except Exception:
            # Whom it concerns is gone, so it is logged and counted.
            self.counts["failed: lost"] += 1
            log.exception("The loss of %s could not be acted on", peer.sender)

    def _clip(self, peer: Peer, values: Values) -> None:
        try:
            path = self._roots.file(str(values["path"]))
        except JukeboxError as error:
            raise _Refusal("file", error) from error
        try:
            clip = clip_from_values(values, path)
        except JukeboxError as error:
            raise _Refusal("arguments", error) from error
        try:
            clip.check_file()
        except JukeboxError as error:
            raise _Refusal("file", error) from error
        self._actions.clip(peer, str(values["clip"]), clip)

    def _fetch(self, controller: Peer) -> None:
        asked = [peer.sender for peer in self.peers if peer.sender != controller.sender]
        if not asked:
            raise JukeboxError("No DAW is connected; start one that has our script.")
        for sender in asked:
            self.send(sender, "fetch", {})

    def _table_of_handlers(self) -> dict[str, Callable[[Peer, Values], None]]:
        """For each acting message of the table but hello, which needs its source."""
        actions = self._actions
        return {
            "goodbye": lambda peer, v: self._goodbye(peer),
            "clip": self._clip,
            "select": lambda peer, v: actions.select(peer, str(v["clip"])),
            "transport": lambda peer, v: actions.transport(peer, _transport(v)),
            "fetch": lambda peer, v: self._fetch(peer),
            "generate": lambda peer, v: actions.generate(peer, _generate(v)),
            "cancel": lambda peer, v: actions.cancel(peer, _job(v)),
            "inserted": lambda peer, v: actions.inserted(
                peer, str(v["insert"]), bool(v["done"]), str(v["sentence"])
            ),
            "choose": lambda peer, v: actions.choose(peer, _job(v), int(v["variant"])),
            "rate": lambda peer, v: actions.rate(peer, _job(v), int(v["variant"]), int(v["stars"])),
            "audition": lambda peer, v: actions.audition(
                peer, _job(v), int(v["variant"]), bool(v["playing"])
            ),
            "blend": lambda peer, v: actions.blend(peer, float(v["position"])),
            "keep": lambda peer, v: actions.keep(peer, float(v["amount"])),
        }

    # Out -----------------------------------------------------------------------------------------

    @property
    def peers(self) -> tuple[Peer, ...]:
        """Who said hello and has not gone."""
        return tuple(state.peer for state in self._senders.values() if state.peer)

    @property
    def is_busy(self) -> bool:
        """Whether `tick` has something to repeat or to read."""
        return self._rung or any(state.outgoing.unanswered for state in self._senders.values())

    def send(self, sender: str, name: str, values: Mapping[str, Value]) -> None:
        """Tell a peer something: `name` of the table with its own arguments, without the header.

        Repeated until it is answered, if the peer does that. Raises JukeboxError where the peer
        is not there, or the values are wrong.
        """
        kind = MESSAGES[name]
        state = self._senders.get(sender)
        if state is None or state.peer is None:
            raise JukeboxError(f"{sender} is not connected; start its script in the DAW.")
        if state.route is None:
            # Progress would only fill the folder: it is old before a script looks.
            if self._spool is not None and kind.acting:
                self._spool.write(sender, kind, self._with_header(kind, state, 0, values))
        elif kind.acting and state.answers and name != "transport":
            state.outgoing.put(
                lambda sequence: build(kind, self._with_header(kind, state, sequence, values))
            )
            self._transmit_due(state)
        else:
            self._transmit(build(kind, self._with_header(kind, state, 0, values)), state.route)

    def send_to_all(self, name: str, values: Mapping[str, Value]) -> None:
        """As `send`, to each peer; one that cannot be told is logged."""
        for peer in self.peers:
            try:
                self.send(peer.sender, name, values)
            except JukeboxError as error:
                log.warning("%s", error)

    def tick(self) -> None:
        """Repeat what is due, give up on who does not answer, and look where the doorbell rang.

        Call it every 20 ms or so while something happens.
        """
        now = self._clock()
        if self._rung:
            self.read_spool()
        for sender, state in list(self._senders.items()):
            if state.outgoing.lost(now):
                self._forget(sender)
            else:
                self._transmit_due(state)

    def _transmit_due(self, state: _Sender) -> None:
        for datagram in state.outgoing.due(self._clock()):
            if state.route is not None:
                self._transmit(datagram, state.route)

    def _with_header(
        self, kind: MessageKind, state: _Sender, sequence: int, values: Mapping[str, Value]
    ) -> dict[str, Value]:
        if not kind.acting:
            return dict(values)
        header: dict[str, Value] = {
            "token": self._token,
            "sender": state.called_by_us,
            "sequence": sequence,
        }
        return header | dict(values)

    def _reply(
        self, sender: str, sequence: int, answer: _Answer, source: Address | None, port: int
    ) -> None:
        kind = MESSAGES["error" if answer.code else "accepted"]
        values: dict[str, Value] = {"sender": sender, "sequence": sequence}
        if answer.code:
            # The longest sentence quotes a path, and paths may be longer than sentences.
            sentence = answer.sentence.encode("utf-8", "replace")[:2_000].decode("utf-8", "ignore")
            values |= {"code": answer.code, "sentence": sentence}
        try:
            if source is not None:
                self._transmit(build(kind, values), (source[0], port or source[1]))
            elif self._spool is not None and self._reads_the_spool(sender):
                self._spool.write(sender, kind, values)
        except JukeboxError as error:
            self._count("an answer that cannot be written", source)
            log.debug("%s", error)

    def _reads_the_spool(self, sender: str) -> bool:
        """Else each name that somebody makes up would get a folder."""
        state = self._senders.get(sender)
        return state is not None and state.peer is not None and state.route is None

    def _count(self, what: str, source: Address | None) -> None:
        """Something was dropped; logged once, since whoever sends it may send a million."""
        self.counts[what] += 1
        if self.counts[what] == 1:
            origin = "the spool" if source is None else f"{source[0]}:{source[1]}"
            log.warning("Dropped (%s) from %s; more of these are only counted", what, origin)


def _called(state: _Sender) -> str:
    peer = state.peer
    return f"{peer.daw} {peer.version}".strip() if peer and peer.daw else "A sender"


def _job(values: Values) -> str | None:
    return str(values["job"]) or None


def _transport(values: Values) -> DawTransport:
    return DawTransport(
        bool(values["playing"]),
        int(values["position_samples"]),
        int(values["timeline_rate_hz"]),
        float(values["tempo_bpm"]),
        Meter.parse(str(values["meter"])),
    )


def _generate(values: Values) -> Generate:
    seed = int(values["seed"])
    return Generate(
        clip=str(values["clip"]) or None,
        operation=str(values["operation"]) or None,
        length_bars=float(values["length_bars"]) or None,
        variants=int(values["variants"]) or None,
        seed=None if seed < 0 else seed,
    )
