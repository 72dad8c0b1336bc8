"""Plain data that the parts of the window hand to each other. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

SOURCE_LANE = "source"


@dataclass(frozen=True)
class Lane:
    """One waveform of the timeline."""

    id: str
    """`SOURCE_LANE`, or as `variant_lane_id` says."""
    name: str
    audio_path: Path
    start_seconds: float
    """On the project's timeline; a float, since it is only drawn."""
    length_seconds: float
    """Of the whole result; a preview may be shorter."""
    known_seconds: float
    """How much of it can be heard already."""
    is_preview: bool
    gain_db: float
    """To play it as loud as the clip."""
    joins_seconds: tuple[float, ...]
    """Seams, on the timeline."""
    words: tuple[tuple[str, float, float], ...] = ()
    """Word, start and end on the timeline, in seconds."""
    rating: int = 0
    hidden: bool = False
    asked_for: str = ""
    """The operation, in the reader's language: names alone are the same in each request."""


def variant_lane_id(variant_id: int) -> str:
    return f"variant-{variant_id}"


def now() -> datetime:
    """What a change is dated with: here and now, with where here is."""
    return datetime.now().astimezone()
