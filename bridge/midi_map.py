"""Which note or controller does what: learned by moving it, kept as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import mido
from pydantic import ConfigDict, Field, TypeAdapter

from jukebox_studio.edges import checked
from jukebox_studio.errors import JukeboxError
from jukebox_studio.files import write_atomically

MAP_VERSION = 1
LARGEST_FILE_BYTES = 1 << 20

LSB_OFFSET = 32
"""Controllers 0 to 31 may have their fine part in 32 to 63 (MIDI 1.0, control change)."""
LSB_SECONDS = 0.1
"""How soon after the coarse part the fine one shows that a learned controller has two."""


class Action(StrEnum):
    """What a control can do."""

    GENERATE = "generate"
    CANCEL = "cancel"
    NEXT = "next"
    PREVIOUS = "previous"
    CHOOSE_1 = "choose-1"
    CHOOSE_2 = "choose-2"
    CHOOSE_3 = "choose-3"
    CHOOSE_4 = "choose-4"
    CHOOSE_5 = "choose-5"
    CHOOSE_6 = "choose-6"
    CHOOSE_7 = "choose-7"
    CHOOSE_8 = "choose-8"
    CHOOSE_9 = "choose-9"
    AUDITION_PLAY = "audition-play"
    AUDITION_STOP = "audition-stop"
    RATE = "rate"
    BLEND = "blend"
    KEEP = "keep"


SLIDERS = frozenset({Action.RATE, Action.BLEND, Action.KEEP})
"""Actions with a value from 0 to 1; the others are pressed."""


@dataclass(frozen=True)
class Control:
    """A note or controller of a device."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    kind: Literal["note", "cc", "cc14"]
    """cc14: a controller of 14 bits, `number` its coarse half."""
    number: Annotated[int, Field(ge=0, le=127)]
    channel: Annotated[int, Field(ge=1, le=16)] | None = None
    """None: any."""

    def __post_init__(self) -> None:
        if self.kind == "cc14" and self.number >= LSB_OFFSET:
            raise JukeboxError(
                f"A controller of 14 bits has a number from 0 to {LSB_OFFSET - 1}, "
                f"not {self.number}."
            )

    def __str__(self) -> str:
        kind = {"note": "note", "cc": "CC", "cc14": "CC (14 bit)"}[self.kind]
        channel = "any channel" if self.channel is None else f"channel {self.channel}"
        return f"{kind} {self.number}, {channel}"


@dataclass(frozen=True)
class Binding:
    """A control and what it does."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    control: Control
    action: Action
    value: Annotated[float, Field(ge=0, le=1)] | None = None
    """What a note sets a slider to; None: as hard as it is struck."""


@dataclass(frozen=True)
class Command:
    """What is to be done now."""

    action: Action
    value: float | None = None
    """0 to 1 for `SLIDERS`, else None."""


@dataclass(frozen=True)
class MidiMap:
    """All bindings. A control does one thing; a thing may have several controls."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    bindings: Annotated[tuple[Binding, ...], Field(max_length=2_000)] = ()

    def with_binding(self, binding: Binding) -> MidiMap:
        """The control's former meanings go: it would do two things at once."""
        kept = tuple(b for b in self.bindings if not _overlap(b.control, binding.control))
        return replace(self, bindings=(*kept, binding))

    def without(self, action: Action) -> MidiMap:
        return replace(self, bindings=tuple(b for b in self.bindings if b.action != action))

    @classmethod
    def from_json(cls, data: object) -> MidiMap:
        """What `to_json` gave; JukeboxError where it is something else."""
        what = "The MIDI map cannot be read"
        if not isinstance(data, dict) or data.get("version") != MAP_VERSION:
            raise JukeboxError(f"{what}: it is not a map of version {MAP_VERSION}.")
        return checked(_MAP, {k: v for k, v in data.items() if k != "version"}, what)

    def to_json(self) -> dict[str, Any]:
        return {"version": MAP_VERSION, **_MAP.dump_python(self, mode="json")}

    @classmethod
    def load(cls, path: Path) -> MidiMap:
        """The map at `path`, an empty one where there is no file.

        Raises JukeboxError where the file cannot be read or holds something else.
        """
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST_FILE_BYTES + 1)
            if len(content) > LARGEST_FILE_BYTES:
                raise JukeboxError(f"{path} is too large for a MIDI map; move it away.")
            return cls.from_json(json.loads(content))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, RecursionError) as error:
            raise JukeboxError(
                f"The MIDI map {path} cannot be read: {error}. Move it away to begin a new one."
            ) from error

    def save(self, path: Path) -> None:
        """Raises JukeboxError where it cannot be written; the former map then stays."""
        write_atomically(path, json.dumps(self.to_json(), indent=1).encode())


_MAP = TypeAdapter(MidiMap)


def _overlap(one: Control, other: Control) -> bool:
    if None not in (one.channel, other.channel) and one.channel != other.channel:
        return False
    return bool(_numbers(one) & _numbers(other))


def _numbers(control: Control) -> set[tuple[str, int]]:
    """The messages that a control sends."""
    kind = "note" if control.kind == "note" else "cc"
    fine = {(kind, control.number + LSB_OFFSET)} if control.kind == "cc14" else set()
    return {(kind, control.number)} | fine


@dataclass
class _Halves:
    coarse: int | None = None
    fine: int | None = None
    """None until one came: then the coarse half speaks for itself."""


_Place = tuple[str, int, int]  # port, channel, number


@dataclass
class MidiControl:
    """Turns messages into commands by a map, and learns.

    The port counts only where it must: two controllers with the same numbers do not disturb each
    other's buttons.
    """

    map: MidiMap = field(default_factory=MidiMap)
    learning: Action | None = None
    """Set it: the next note or controller gets this action, and it is None again."""
    _learned: tuple[float, str, Binding] | None = None
    _values: dict[_Place, int] = field(default_factory=dict)
    _halves: dict[_Place, _Halves] = field(default_factory=dict)

    def hear(self, at_seconds: float, port: str, message: mido.Message) -> list[Command]:
        """What a message asks for: nothing while learning, and for what no binding has."""
        if message.type == "note_on" and message.velocity > 0:
            kind, number, value = "note", message.note, message.velocity
        elif message.type == "control_change":
            kind, number, value = "cc", message.control, message.value
        else:
            return []  # a key that is let go does nothing
        channel = message.channel + 1
        if self.learning is not None:
            control = Control("note" if kind == "note" else "cc", number, channel)
            self._bind(at_seconds, port, Binding(control, self.learning))
            self.learning = None
            self._values[port, channel, number] = int(value >= 64)  # held down now: no press yet
            return []
        if kind == "cc" and self._is_fine_half(at_seconds, port, channel, number):
            return []
        return [
            command
            for binding in self.map.bindings
            if binding.control.channel in (None, channel)
            for command in self._commands(binding, port, channel, kind, number, value)
        ]

    def _bind(self, at_seconds: float, port: str, binding: Binding) -> None:
        self.map = self.map.with_binding(binding)
        self._learned = (at_seconds, port, binding)

    def _is_fine_half(self, at_seconds: float, port: str, channel: int, number: int) -> bool:
        """Whether this shows that the controller just learned has 14 bits; it is then learned."""
        if self._learned is None:
            return False
        learned_at, learned_port, binding = self._learned
        self._learned = None
        control = binding.control
        coarse = min(control.number, number)
        if (
            control.kind != "cc"
            or (port, channel) != (learned_port, control.channel)
            or abs(control.number - number) != LSB_OFFSET
            or coarse >= LSB_OFFSET
            or at_seconds - learned_at > LSB_SECONDS
            or binding.action not in SLIDERS
        ):
            return False
        self.map = self.map.with_binding(replace(binding, control=Control("cc14", coarse, channel)))
        return True

    def _commands(
        self, binding: Binding, port: str, channel: int, kind: str, number: int, value: int
    ) -> list[Command]:
        control, action = binding.control, binding.action
        if (kind, number) not in _numbers(control):
            return []
        slider = action in SLIDERS
        if kind == "note":
            if slider:
                return [Command(action, value / 127 if binding.value is None else binding.value)]
            return [Command(action)]
        if control.kind == "cc14":
            both = self._both_halves(control, port, channel, number, value)
            if both is None:
                return []
            position = both / (128 * 128 - 1)
        else:
            position = value / 127
        if slider:
            return [Command(action, position)]
        # Pressed when it goes up through the middle: buttons send 127 and 0, pedals all between.
        place = (port, channel, control.number)
        before, self._values[place] = self._values.get(place, 0), int(position >= 0.5)
        return [Command(action)] if position >= 0.5 and not before else []

    def _both_halves(
        self, control: Control, port: str, channel: int, number: int, value: int
    ) -> int | None:
        """The value of 14 bits; None while only half of it is known."""
        halves = self._halves.setdefault((port, channel, control.number), _Halves())
        if number != control.number:
            halves.fine = value
            return None if halves.coarse is None else halves.coarse * 128 + value
        halves.coarse = value
        # A device that sends fine halves sends one now: without it the slider would jump back.
        return value * 128 + value if halves.fine is None else None
