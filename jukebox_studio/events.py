"""What long work tells of itself, as frozen events. Each has a name of its own for `--json`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar


@dataclass(frozen=True)
class Event:
    """Something that happened during a render."""

    name: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        fields = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}
        return {"event": self.name, **fields}


@dataclass(frozen=True)
class Note(Event):
    """A sentence that the musician should read; the render goes on."""

    name: ClassVar[str] = "note"
    text: str


@dataclass(frozen=True)
class Loading(Event):
    """Something is being read into memory."""

    name: ClassVar[str] = "loading"
    what: str


@dataclass(frozen=True)
class Progress(Event):
    """How far a level is. Codes are counted over all variants."""

    name: ClassVar[str] = "progress"
    level: int
    done: int
    total: int
    codes_per_second: float
    seconds_left: float
    """Of the whole render: what is known of the levels to come is counted in."""


@dataclass(frozen=True)
class Queued(Event):
    """The request waits for others; `before` is how many."""

    name: ClassVar[str] = "queued"
    before: int


@dataclass(frozen=True)
class Preview(Event):
    """What of a variant can be heard already, decoded from its top level.

    The file holds all of it from the start and is replaced as it grows.
    """

    name: ClassVar[str] = "preview"
    variant: int
    audio_path: Path
    level: int
    length_samples: int
    rate_hz: int


@dataclass(frozen=True)
class VariantFinished(Event):
    """A variant lies on disk, with its codes and its description beside it."""

    name: ClassVar[str] = "variant"
    variant: int
    audio_path: Path
    description_path: Path
    codes_path: Path
    length_samples: int
    rate_hz: int
    level: int = 0
    """That it was decoded from; above 0 it is a preview, to be upsampled."""


@dataclass(frozen=True)
class Finished(Event):
    """All variants lie on disk."""

    name: ClassVar[str] = "finished"


@dataclass(frozen=True)
class Failed(Event):
    """The render stopped. `sentence` says why, for people."""

    name: ClassVar[str] = "failed"
    sentence: str


@dataclass(frozen=True)
class Cancelled(Event):
    """The render was stopped because someone asked for it."""

    name: ClassVar[str] = "cancelled"


_KINDS: dict[str, type[Event]] = {
    kind.name: kind
    for kind in (
        Queued,
        Note,
        Loading,
        Progress,
        Preview,
        VariantFinished,
        Finished,
        Failed,
        Cancelled,
    )
}


def event_from_json(data: dict[str, Any]) -> Event:
    """The event that `to_json` wrote. Raises ValueError for anything else."""
    kind = _KINDS.get(data.get("event", ""))
    if kind is None:
        raise ValueError(f"There is no event {data.get('event')!r}.")
    values = {
        key: Path(value) if key.endswith("_path") else value
        for key, value in data.items()
        if key != "event"
    }
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"The event {kind.name} cannot be read: {error}.") from error
