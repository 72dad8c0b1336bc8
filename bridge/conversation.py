"""The other side of the bridge: what a DAW's script or a controller in Python says and hears. Pure.

It is told the time and what came, and says what to send; `bridge.osc.Client` gives it a socket.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.datagram import RawMessage, Refused, build, messages_in
from bridge.delivery import Incoming, Outgoing
from bridge.protocol import MESSAGES, Direction, MessageKind, Value, Values, check_header, kind_at
from bridge.token import is_token
from jukebox_studio.errors import JukeboxError

_MOST_PROGRAMS = 4


@dataclass(frozen=True)
class Answer:
    """To the message with this number; no code: it was accepted."""

    sequence: int
    code: str = ""
    sentence: str = ""


@dataclass(frozen=True)
class Heard:
    """A message of the program, with its own arguments by name."""

    name: str
    values: Values


@dataclass
class Received:
    """What a datagram brought: messages in order, answers, and what to send back."""

    heard: list[Heard] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    replies: list[bytes] = field(default_factory=list)


class Conversation:
    """Numbers and repeats what is sent; passes on each message of the program once, in order."""

    def __init__(self, token: str, sender: str) -> None:
        """sender: a name of its own for each start; `new_sender` makes one."""
        self.sender = sender
        self._token = token
        self._outgoing = Outgoing()
        self._programs: OrderedDict[str, Incoming[tuple[MessageKind, Values], None]] = OrderedDict()

    def put(self, name: str, values: Mapping[str, Value]) -> int:
        """Queue a message of the table, given its own arguments; its number.

        Raises JukeboxError where a value is wrong.
        """
        return self._outgoing.put(lambda sequence: self.once(name, values, sequence))

    def once(self, name: str, values: Mapping[str, Value], sequence: int = 0) -> bytes:
        """The datagram of a message outside the count, which is not repeated."""
        kind = MESSAGES[name]
        header: dict[str, Value] = {}
        if kind.acting:
            header = {"token": self._token, "sender": self.sender, "sequence": sequence}
        return build(kind, header | dict(values))

    def due(self, now: float) -> list[bytes]:
        """What to send now."""
        return self._outgoing.due(now)

    def lost(self, now: float) -> bool:
        """Whether nobody seems to listen."""
        return self._outgoing.lost(now)

    @property
    def unanswered(self) -> int:
        return self._outgoing.unanswered

    def receive(self, datagram: bytes) -> Received:
        """What a datagram means; one that is no message of the program means nothing."""
        received = Received()
        try:
            messages = messages_in(datagram)
        except Refused:
            return received
        for message in messages:
            try:
                self._receive(message, len(datagram), received)
            except JukeboxError:  # arguments that are not those of the table
                continue
        return received

    def _receive(self, message: RawMessage, size_bytes: int, received: Received) -> None:
        kind = kind_at(message.address)
        if kind is None or kind.direction is Direction.TO_STUDIO:
            return
        values = kind.check(message.arguments)
        if kind.name in ("accepted", "error"):
            sequence = int(values["sequence"])
            if values["sender"] != self.sender:
                return
            # What is outside the count is answered by errors only, and those count for nothing.
            if self._outgoing.settle(sequence) or sequence == 0:
                code, sentence = str(values.get("code", "")), str(values.get("sentence", ""))
                received.answers.append(Answer(sequence, code, sentence))
        elif not kind.acting:
            received.heard.append(Heard(kind.name, values))
        elif is_token(self._token, values["token"]):
            self._in_turn(kind, values, size_bytes, received)

    def _in_turn(
        self, kind: MessageKind, values: Values, size_bytes: int, received: Received
    ) -> None:
        header = check_header([values["token"], values["sender"], values["sequence"]])
        program, sequence = str(header["sender"]), int(header["sequence"])
        if sequence == 0:
            received.heard.append(Heard(kind.name, values))
            return
        incoming = self._programs.setdefault(program, Incoming())
        self._programs.move_to_end(program)
        if len(self._programs) > _MOST_PROGRAMS:
            self._programs.popitem(last=False)
        accepted: dict[str, Value] = {"sender": program, "sequence": sequence}
        if incoming.has_acted(sequence):
            received.replies.append(build(MESSAGES["accepted"], accepted))
            return
        incoming.offer(sequence, (kind, values), size_bytes)
        while (following := incoming.take()) is not None:
            number, (next_kind, next_values) = following
            received.heard.append(Heard(next_kind.name, next_values))
            received.replies.append(build(MESSAGES["accepted"], accepted | {"sequence": number}))


def new_sender(prefix: str) -> str:
    """A name for one start of a sender: `prefix` and a random part."""
    return f"{prefix}-{secrets.token_hex(6)}"
