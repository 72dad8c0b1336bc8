"""What is said between DAWs, controllers and the program: one table, `MESSAGES`.

Validation, docs/protocol.md and the constants of the DAWs' Lua scripts come from it. Pure: no
socket, no file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from jukebox_studio.audio import HIGHEST_RATE_HZ, LOWEST_RATE_HZ
from jukebox_studio.errors import JukeboxError
from jukebox_studio.request import MOST_VARIANTS
from jukebox_studio.tempo import HIGHEST_TEMPO_BPM, LOWEST_TEMPO_BPM

VERSION = 1
PREFIX = f"/jukebox/v{VERSION}/"
DEFAULT_PORT = 19_740

LARGEST_DATAGRAM_BYTES = 48 * 1024
"""More than the longest message of the table; UDP itself ends at 65,507."""
MOST_ARGUMENTS = 24

WINDOW = 256
"""Messages of one sender on the way at once."""
BURST, MESSAGES_PER_SECOND = 10_000, 5_000

HIGHEST_SEQUENCE = 2**31 - 1
LAST_SAMPLE = 2**53 - 1
"""The last whole number that every language of DAW scripts holds exactly."""

SENDER = re.compile(r"[a-z0-9][a-z0-9-]{0,47}", re.ASCII)
"""Also the name of the sender's folder in the spool, on every file system."""

Value = str | int | float | bool
Values = Mapping[str, Value]


class Kind(Enum):
    """What an argument is. The value is the OSC type tag that the program itself sends."""

    TEXT = "s"
    INT = "i"
    LONG = "h"
    FLOAT = "f"
    DOUBLE = "d"
    SWITCH = "T"

    @property
    def accepted(self) -> str:
        """The type tags that are understood, for people.

        Ardour's Lua packs a double where it says `h`, some controllers know no type but `f`.
        """
        return {
            Kind.TEXT: "s",
            Kind.INT: "i, h, s (decimal), f and d where whole",
            Kind.LONG: "h, s (decimal), i, f and d where whole",
            Kind.FLOAT: "f, d, i, h",
            Kind.DOUBLE: "d, f, i, h",
            Kind.SWITCH: "T, F, or a number, 0 or 1",
        }[self]


TYPE_TAGS = "shifdTF"
"""Every tag that some argument of the table understands."""


class Direction(Enum):
    TO_STUDIO = "to the program"
    FROM_STUDIO = "from the program"
    BOTH = "both ways"


@dataclass(frozen=True)
class Argument:
    """One argument of a message."""

    name: str
    kind: Kind
    meaning: str
    lowest: float = -math.inf
    highest: float = math.inf
    """Inclusive, as is lowest."""
    longest_bytes: int = 0
    """Of a text, in UTF-8."""
    choices: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None

    def check(self, value: object) -> Value:
        """The value as its kind; JukeboxError where it is of another kind or out of range."""
        if self.kind is Kind.TEXT:
            return self._text(value)
        number = self._number(value)
        if number is None:
            raise JukeboxError(f"{self.name} must be {_A_KIND[self.kind]}.")
        if not self.lowest <= number <= self.highest:
            raise JukeboxError(
                f"{self.name} must lie between {_plain(self.lowest)} and {_plain(self.highest)}, "
                f"not {_plain(number)}."
            )
        return bool(number) if self.kind is Kind.SWITCH else number

    def _text(self, value: object) -> str:
        if not isinstance(value, str):
            raise JukeboxError(f"{self.name} must be text.")
        if len(value) > self.longest_bytes or len(_utf_8(self.name, value)) > self.longest_bytes:
            raise JukeboxError(f"{self.name} may have {self.longest_bytes:,} bytes; shorten it.")
        if "\0" in value:
            raise JukeboxError(f"{self.name} has a NUL in it; leave it out.")
        if self.choices and value not in self.choices:
            known = ", ".join(repr(choice) for choice in self.choices)
            raise JukeboxError(f"{self.name} must be one of {known}, not {value[:40]!r}.")
        if self.pattern is not None and not self.pattern.fullmatch(value):
            raise JukeboxError(
                f"{self.name} must have lower-case letters, digits and hyphens only, not "
                f"{value[:40]!r}."
            )
        return value

    def _number(self, value: object) -> int | float | None:
        """None where the value is none of this kind."""
        if self.kind is Kind.SWITCH:
            return int(value) if isinstance(value, int | float) and value in (0, 1) else None
        if isinstance(value, bool):
            return None
        if self.kind in (Kind.FLOAT, Kind.DOUBLE):
            # An int is compared first: a long one has no float.
            if isinstance(value, int):
                return float(value) if abs(value) <= LAST_SAMPLE else None
            return value if isinstance(value, float) and math.isfinite(value) else None
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value, re.ASCII):
            return int(value)
        if isinstance(value, float) and value.is_integer() and abs(value) <= LAST_SAMPLE:
            return int(value)
        return value if isinstance(value, int) else None


def _utf_8(name: str, value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError as error:  # half of a surrogate pair, which JSON can spell
        raise JukeboxError(f"{name} is not text in UTF-8.") from error


_A_KIND = {
    Kind.INT: "a whole number",
    Kind.LONG: "a whole number",
    Kind.FLOAT: "a number",
    Kind.DOUBLE: "a number",
    Kind.SWITCH: "true or false",
}


def _plain(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:,g}"


@dataclass(frozen=True)
class MessageKind:
    """One row of the table."""

    name: str
    direction: Direction
    acting: bool
    """It changes something where it arrives: it begins with `HEADER` and is answered."""
    meaning: str
    own_arguments: tuple[Argument, ...] = ()

    @property
    def address(self) -> str:
        return PREFIX + self.name

    @property
    def arguments(self) -> tuple[Argument, ...]:
        return (HEADER if self.acting else ()) + self.own_arguments

    def check(self, values: Sequence[object]) -> Values:
        """The values of `arguments` by name.

        Raises JukeboxError for too few, too many, and all that `Argument.check` does.
        """
        return _check(self.arguments, values, self.address)

    def from_names(self, values: Mapping[str, object]) -> list[object]:
        """Values by name (the spool's JSON) in the order of `arguments`; JukeboxError as above."""
        names = [argument.name for argument in self.arguments]
        unknown = [name for name in values if name not in names]
        missing = [name for name in names if name not in values]
        if unknown or missing:
            fault = f"has no {unknown[0][:40]!r}" if unknown else f"needs {missing[0]!r}"
            raise JukeboxError(f"{self.address} {fault}; its arguments are {', '.join(names)}.")
        return [values[name] for name in names]


def _check(arguments: Sequence[Argument], values: Sequence[object], what: str) -> Values:
    if len(values) != len(arguments):
        raise JukeboxError(
            f"{what} takes {len(arguments)} arguments, not {len(values)}: "
            f"{', '.join(argument.name for argument in arguments)}."
        )
    checked: dict[str, Value] = {}
    for argument, value in zip(arguments, values, strict=True):
        try:
            checked[argument.name] = argument.check(value)
        except JukeboxError as error:
            raise JukeboxError(f"{what}: {error}") from None
    return MappingProxyType(checked)


# The table ---------------------------------------------------------------------------------------


def _samples(name: str, meaning: str, lowest: int = 0) -> Argument:
    return Argument(name, Kind.LONG, meaning, lowest, LAST_SAMPLE)


def _rate(name: str, meaning: str) -> Argument:
    return Argument(name, Kind.INT, meaning, LOWEST_RATE_HZ, HIGHEST_RATE_HZ)


def _name(name: str, meaning: str, longest_bytes: int = 1_000) -> Argument:
    return Argument(name, Kind.TEXT, meaning, longest_bytes=longest_bytes)


def _sender(name: str, meaning: str) -> Argument:
    return Argument(name, Kind.TEXT, meaning, longest_bytes=48, pattern=SENDER)


_SEQUENCE = Argument(
    "sequence",
    Kind.INT,
    "counts the sender's messages from 1; 0 stands outside the count",
    0,
    HIGHEST_SEQUENCE,
)

HEADER = (
    Argument("token", Kind.TEXT, "the content of the token file", longest_bytes=128),
    _sender("sender", "who speaks: a name of its own for each start of a DAW or controller"),
    _SEQUENCE,
)

_CLIP = _name("clip", "the clip's name between the two sides, chosen by the DAW's script", 100)
_THIS_CLIP = _name("clip", "a clip that was sent before; empty: the one that is selected", 100)
_JOB = _name("job", "the render, as `progress` and `variant` name it; empty: the newest", 100)
_VARIANT = Argument("variant", Kind.INT, "counted from 1", 1, MOST_VARIANTS)
_PATH = _name("path", "the audio file, an absolute path", 4_096)
_TIMELINE_RATE = _rate("timeline_rate_hz", "samples per second of the timeline")
_POSITION = _samples("position_samples", "on the timeline, at its rate")
_TRACK = _name("track", "the track's name")
_SENTENCE = _name("sentence", "for people: what is wrong, what to do", 2_000)

OPERATIONS = ("", "continue", "restyle", "relyric", "vary")

ERRORS = {
    "address": "there is no such message",
    "arguments": "an argument is missing, of another type or out of range",
    "file": "the audio file cannot be used",
    "hello": "the sender must say `hello` before",
    "refused": "the program cannot do that now",
    "failed": "the program made a mistake, which its log tells",
}

_TO, _FROM, _BOTH = Direction.TO_STUDIO, Direction.FROM_STUDIO, Direction.BOTH

MESSAGES = {
    kind.name: kind
    for kind in (
        MessageKind(
            "hello",
            _TO,
            True,
            "The first word of a DAW or controller. What the program has for it goes where this "
            "came from: the socket's address, or the sender's folder in the spool.",
            (
                _name("daw", "the program's name: Ardour, REAPER, Live, ...", 100),
                _name("version", "its version", 100),
                Argument("pid", Kind.INT, "its process id; 0: not known", 0, 2**31 - 1),
                Argument("port", Kind.INT, "where it listens; 0: where it sends from", 0, 65_535),
                Argument(
                    "answers",
                    Kind.SWITCH,
                    "whether it sends `accepted`; if not, it is told everything once",
                ),
            ),
        ),
        MessageKind("goodbye", _TO, True, "The sender ends; nothing more is sent to it."),
        MessageKind(
            "clip",
            _TO,
            True,
            "A stretch of an audio file and where it lies in the song.",
            (
                _CLIP,
                _PATH,
                _samples("start_samples", "in the file, at rate_hz"),
                _samples("length_samples", "in the file, at rate_hz", 1),
                _rate("rate_hz", "samples per second of the file"),
                _samples("position_samples", "on the timeline, at its rate; -1: none", -1),
                _TIMELINE_RATE,
                _name("tempo", "the tempo map, see below", 16_000),
                _name("meters", "the meters, see below", 4_000),
                _samples("song_start_samples", "on the timeline; -1: not marked", -1),
                _samples("song_end_samples", "on the timeline; -1: not marked", -1),
                _TRACK,
                _name("name", "the clip's name for people"),
                _name("lyrics", "the text of the lyrics marker", 20_000),
            ),
        ),
        MessageKind(
            "transport",
            _BOTH,
            True,
            "To the program: how the DAW plays. From it: how the DAW shall play. Only the newest "
            "counts, so sequence is 0 and nothing is repeated.",
            (
                Argument("playing", Kind.SWITCH, "whether it plays"),
                _POSITION,
                _TIMELINE_RATE,
                Argument(
                    "tempo_bpm",
                    Kind.DOUBLE,
                    "quarter notes per minute, there",
                    LOWEST_TEMPO_BPM,
                    HIGHEST_TEMPO_BPM,
                ),
                _name("meter", "there, as 7/8", 8),
            ),
        ),
        MessageKind(
            "select", _TO, True, "The musician turned to a clip that was sent before.", (_CLIP,)
        ),
        MessageKind(
            "fetch",
            _BOTH,
            True,
            "From the program: send the clips that are selected. To it, from a controller: ask the "
            "DAWs for them.",
        ),
        MessageKind(
            "generate",
            _TO,
            True,
            "Render variants of a clip.",
            (
                _THIS_CLIP,
                Argument(
                    "operation",
                    Kind.TEXT,
                    "what to make of it; empty: as the program is set",
                    longest_bytes=20,
                    choices=OPERATIONS,
                ),
                Argument("length_bars", Kind.FLOAT, "0: as the program is set", 0, 1_000),
                Argument("variants", Kind.INT, "0: as the program is set", 0, MOST_VARIANTS),
                Argument("seed", Kind.LONG, "-1: any", -1, LAST_SAMPLE),
            ),
        ),
        MessageKind("cancel", _TO, True, "Stop a render.", (_JOB,)),
        MessageKind("choose", _TO, True, "Make a variant the chosen one.", (_JOB, _VARIANT)),
        MessageKind(
            "rate",
            _TO,
            True,
            "Say how good a variant is.",
            (_JOB, _VARIANT, Argument("stars", Kind.INT, "0: not rated", 0, 5)),
        ),
        MessageKind(
            "audition",
            _TO,
            True,
            "Play a variant, or stop it.",
            (_JOB, _VARIANT, Argument("playing", Kind.SWITCH, "false: stop")),
        ),
        MessageKind(
            "blend",
            _TO,
            True,
            "Move the blend between the two styles.",
            (Argument("position", Kind.FLOAT, "0: the first style, 1: the second", 0, 1),),
        ),
        MessageKind(
            "keep",
            _TO,
            True,
            "Move how much of the clip is kept.",
            (Argument("amount", Kind.FLOAT, "0: all new, 1: the same", 0, 1),),
        ),
        MessageKind(
            "insert",
            _FROM,
            True,
            "Put an audio file on the timeline.",
            (
                _name("insert", "the insertion's name, for `inserted`", 100),
                _PATH,
                _POSITION,
                _TIMELINE_RATE,
                _name("track", "the track's name; empty: a new track"),
                _name("name", "for the new region"),
            ),
        ),
        MessageKind(
            "inserted",
            _TO,
            True,
            "What became of an `insert`.",
            (
                _name("insert", "as in `insert`", 100),
                Argument("done", Kind.SWITCH, "false: it is not on the timeline"),
                _name("sentence", "for people, where it is not", 2_000),
            ),
        ),
        MessageKind(
            "variant",
            _FROM,
            True,
            "A variant lies on disk.",
            (
                _name("job", "the render", 100),
                _name("clip", "the clip it was made of", 100),
                _VARIANT,
                _PATH,
                _samples("length_samples", "in the file, at rate_hz", 1),
                _rate("rate_hz", "samples per second of the file"),
            ),
        ),
        MessageKind(
            "progress",
            _FROM,
            False,
            "How far a render is. Only the newest counts.",
            (
                _name("job", "the render", 100),
                Argument("done", Kind.FLOAT, "the part of the render that is done", 0, 1),
                Argument("seconds_left", Kind.FLOAT, "-1: not known", -1, 1_000_000_000),
            ),
        ),
        MessageKind(
            "accepted",
            _BOTH,
            False,
            "The answer: the message has acted, it need not be repeated.",
            (_sender("sender", "of the message that is answered"), _SEQUENCE),
        ),
        MessageKind(
            "error",
            _BOTH,
            False,
            "The answer: the message did not act, and never will.",
            (
                _sender("sender", "of the message that is answered"),
                _SEQUENCE,
                Argument(
                    "code",
                    Kind.TEXT,
                    "; ".join(f"`{code}`: {meaning}" for code, meaning in ERRORS.items()),
                    longest_bytes=20,
                    choices=tuple(ERRORS),
                ),
                _SENTENCE,
            ),
        ),
        MessageKind("doorbell", _TO, False, "There is a new message in the spool."),
    )
}

_BY_ADDRESS = {kind.address: kind for kind in MESSAGES.values()}


def kind_at(address: str) -> MessageKind | None:
    """The row of an address; exact, since OSC's patterns are not understood here."""
    return _BY_ADDRESS.get(address)


def check_header(values: Sequence[object]) -> Values:
    """The first arguments of an acting message, whatever follows; JukeboxError as `check`."""
    return _check(HEADER, values[: len(HEADER)], "The header")


# What is made of the table -----------------------------------------------------------------------


def _introduction() -> str:
    accepted = "; ".join(f"`{kind.value}` as {kind.accepted}" for kind in Kind)
    header = ", ".join(f"`{a.name}` ({a.kind.value}: {a.meaning})" for a in HEADER)
    return f"""\
# The protocol between DAWs, controllers and the program

Made from the table in `bridge/protocol.py` by `bridge.protocol.documentation()`; change it there.

Messages are OSC 1.0 over UDP, to 127.0.0.1, port {DEFAULT_PORT} or the next free one. `bridge.json`
in the program's configuration folder says which port it is and where the spool lies, as
`{{"port": ..., "spool": ...}}`.

## Rules

- **Token.** Every message that acts begins with the token: the 64 letters in the file
  `bridge-token` in the same folder, which only the user can read. Without it a message is dropped
  and counted, not answered. The program's own messages to a DAW carry it too. OSC is not encrypted:
  on a network that is not yours, someone can read the token. On Windows, file and spool have the
  access list of the user's profile folder.
- **Sender.** A name of the sender's own, new for each start, in lower-case letters, digits and
  hyphens: `ardour-4711-x3f`. What is known of a sender hangs on it.
- **Sequence.** Counts the sender's messages from 1; `hello` is the first. Each is answered by
  `accepted` or `error`. Repeat what is not answered, with the same number, first after 50 ms and
  then after twice the time, up to 1 s. The program acts on every number once, in order, and gives
  the same answer to a repetition. Have at most {WINDOW} unanswered. With sequence 0 a message
  stands outside the count: it acts each time it arrives and only errors are answered, which is
  enough for a knob.
- **Types.** The tables say what the program sends. It understands more: {accepted}.
- **Datagrams** have at most {LARGEST_DATAGRAM_BYTES:,} bytes (macOS sends no more than 9,216 unless
  it is told to). Bundles may hold messages but no bundles; their time is not heeded. Addresses are
  exact: no wildcards.
- **Pace.** {BURST:,} messages at once, then {MESSAGES_PER_SECOND:,} a second from each address;
  what goes beyond is dropped and must be repeated.

## Tempo and meters

`tempo` has an entry per change, divided by spaces, the first at 0:

- `0:120 16:90.5`: from the quarter note (counted from 0), the quarter notes per minute
- `0:120>140@beats 16:140`: the tempo goes evenly to another over the quarter notes up to the next
  entry, as in Ardour; `@seconds`: evenly over time, as in REAPER
- `0=0 16=8.25`: instead of tempos, quarter notes and the seconds at which they fall

`meters` has the bar (counted from 0) and the meter from there on: `0:4/4 8:7/8`. Numbers may be
fractions: `16/3:120`.

## Spool

A script that cannot receive OSC, or has a long message, writes it as a file `NAME.json` to the
spool's folder `inbox`: under another name first (`NAME.part`), then renamed in one step. Then it
sends `doorbell`, if it can; the program looks once a second anyway. Files act in the order of their
names, each once, and are then deleted.

```json
{{"address": "{PREFIX}keep",
 "arguments": {{"token": "...", "sender": "reaper-81", "sequence": 0, "amount": 0.5}}}}
```

Where a sender's `hello` came through the spool, the program answers there: files of the same form
in `outbox/to-SENDER`, named `000001.json` and so on from the `hello`. Read them in the order of
their names and delete them. They have sequence 0.

## Messages

Messages that act have three arguments before their own: {header}.
"""


def documentation() -> str:
    """docs/protocol.md."""
    parts = [_introduction()]
    for kind in MESSAGES.values():
        acts = "acts" if kind.acting else "does not act: no token, no answer"
        parts.append(
            f"### `{kind.address}`\n\n{kind.meaning} *{_sentence(kind.direction)}; {acts}.*\n"
        )
        if kind.own_arguments:
            rows = [
                f"| `{a.name}` | {a.kind.value} | {_range(a)} | {a.meaning} |"
                for a in kind.own_arguments
            ]
            parts.append(
                "\n".join(["| argument | type | range | meaning |", "|---|---|---|---|", *rows])
                + "\n"
            )
    return "\n".join(parts)


def _sentence(direction: Direction) -> str:
    return direction.value[0].upper() + direction.value[1:]


def _range(argument: Argument) -> str:
    if argument.choices:
        return ", ".join(f"`{choice}`" if choice else "empty" for choice in argument.choices)
    if argument.kind is Kind.TEXT:
        return f"up to {argument.longest_bytes:,} bytes"
    if argument.kind is Kind.SWITCH:
        return ""
    highest = "2^53 - 1" if argument.highest == LAST_SAMPLE else _plain(argument.highest)
    return f"{_plain(argument.lowest)} to {highest}"


_IN_LUA = {Kind.LONG: "s", Kind.SWITCH: "i"}


def lua_constants() -> str:
    """The table for the DAWs' Lua scripts: addresses, names of arguments, and types.

    Long integers have type `s` there, because Ardour's `h` packs a double, and switches are 0 or 1.
    """
    lines = ["-- Made by bridge.protocol.lua_constants(); change the table there.", "return {"]
    lines += [f"  version = {VERSION},", f"  port = {DEFAULT_PORT},", "  messages = {"]
    for kind in MESSAGES.values():
        names = ", ".join(f'"{argument.name}"' for argument in kind.arguments)
        types = "".join(_IN_LUA.get(a.kind, a.kind.value) for a in kind.arguments)
        lines.append(
            f'    {kind.name} = {{ address = "{kind.address}", types = "{types}", '
            f"arguments = {{ {names} }} }},"
        )
    return "\n".join([*lines, "  },", "}", ""])
