"""What is asked of the engine: frozen, complete, and the same JSON every time."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, with_config

from jukebox_studio.edges import checked
from jukebox_studio.errors import JukeboxError

MOST_VARIANTS = 64
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.01, 10.0
REQUEST_VERSION = 1

FileFormat = Literal["wav", "wav-float", "flac"]
FILE_FORMATS: dict[FileFormat, tuple[str, str]] = {
    "wav": (".wav", "PCM_24"),
    "wav-float": (".wav", "FLOAT"),
    "flac": (".flac", "PCM_24"),
}
"""Suffix, and libsndfile's name of how samples are stored."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class Sampling:
    """How codes are drawn. Temperature scales all levels; top-k and top-p exclude each other."""

    temperature: float = 0.98
    top_k: int = 0
    top_p: float = 0.0

    def __post_init__(self) -> None:
        if not LOWEST_TEMPERATURE <= self.temperature <= HIGHEST_TEMPERATURE:
            raise JukeboxError(
                f"The temperature must lie between {LOWEST_TEMPERATURE:g} and "
                f"{HIGHEST_TEMPERATURE:g}, not {self.temperature:g}."
            )
        if self.top_k < 0:
            raise JukeboxError(f"Top-k must be 0 (off) or above, not {self.top_k}.")
        if not 0.0 <= self.top_p <= 1.0:
            raise JukeboxError(f"Top-p must lie between 0 (off) and 1, not {self.top_p:g}.")
        if self.top_k and self.top_p:
            raise JukeboxError(f"Choose top-k ({self.top_k}) or top-p ({self.top_p:g}), not both.")


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class ContinueRequest:
    """Go on where a clip stops."""

    clip_path: Path
    length_samples: int
    """Of each result, at the clip's own rate."""
    length_said: str = ""
    """How that length was asked for, for people to read: bars, meter, tempo."""
    artist: str = "unknown"
    genre: str = "unknown"
    lyrics: str | None = None
    """None leaves open what is sung; empty lyrics ask for music without a voice."""
    sampling: Sampling = field(default_factory=Sampling)
    variants: int = 3
    seed: int = 0
    file_format: FileFormat = "wav"

    def __post_init__(self) -> None:
        if self.length_samples < 1:
            raise JukeboxError("The continuation would have no sample; ask for more bars.")
        if not 1 <= self.variants <= MOST_VARIANTS:
            raise JukeboxError(f"Ask for 1 to {MOST_VARIANTS} variants, not {self.variants}.")
        if not 0 <= self.seed < 2**64:
            raise JukeboxError(f"A seed is a whole number from 0 to 2^64 - 1, not {self.seed}.")

    def to_json(self) -> dict[str, Any]:
        values = asdict(self) | {"clip_path": str(self.clip_path)}
        return {"version": REQUEST_VERSION, "operation": "continue", **values}


_OPERATIONS = {"continue": TypeAdapter(ContinueRequest)}


def request_from_json(data: Any) -> ContinueRequest:
    """The request that `to_json` wrote. JukeboxError names the field that is wrong."""
    if not isinstance(data, dict) or data.get("version") != REQUEST_VERSION:
        found = data.get("version") if isinstance(data, dict) else None
        raise JukeboxError(
            f"The request has version {found!r}, this program reads version {REQUEST_VERSION}."
        )
    values = {key: value for key, value in data.items() if key not in ("version", "operation")}
    operation = _OPERATIONS.get(data.get("operation", ""))
    if operation is None:
        raise JukeboxError(f"There is no operation {data.get('operation')!r}.")
    return checked(operation, values, "The request cannot be read")
