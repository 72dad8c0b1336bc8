"""What a session holds, as frozen objects, and how they come out of its rows. No torch."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError

JobState = Literal["queued", "running", "paused", "finished", "failed", "cancelled"]
VariantState = Literal["preview", "full"]
Way = Literal["dragged", "copied", "inserted", "saved"]

JOB_STATES: tuple[JobState, ...] = get_args(JobState)
WAITING: tuple[JobState, ...] = ("queued", "paused")
ENDED: tuple[JobState, ...] = ("finished", "failed", "cancelled")
HIGHEST_RATING = 5
TRASH = "trash"


@dataclass(frozen=True)
class SessionClip:
    """A clip of the inbox. What the musician says of it stands beside what the DAW said."""

    id: int
    clip: Clip
    name: str
    notes: str
    pruned: bool
    copy_path: Path | None
    """Its stretch alone, in the session's folder, once `copy_audio` has made it."""
    added_at: datetime

    @property
    def sounding(self) -> Clip:
        """The clip on its own copy where there is one, so that the DAW's file may vanish."""
        if self.copy_path is None:
            return self.clip
        return replace(self.clip, path=self.copy_path, start_samples=0)


@dataclass(frozen=True)
class Job:
    """A request on its way through the queue."""

    id: int
    clip_id: int
    parent_id: int | None
    """The variant that it starts from; None where it starts from the clip."""
    request: dict[str, Any]
    request_sha256: str
    operation: str
    styles: str
    length_said: str
    model: str
    state: JobState
    position: int
    """Places count up; those of ended jobs mean nothing."""
    sentence: str
    """Why it failed."""
    folder: Path
    """Where the engine keeps what it has done of it."""
    results_folder: Path
    added_at: datetime


@dataclass(frozen=True)
class Variant:
    """One result, or a branch: the same result under a name of its own."""

    id: int
    clip_id: int
    parent_id: int | None
    """The variant that it was made of, or that it branches from; None directly below the clip."""
    job_id: int
    number: int
    """In its job, from 0."""
    is_branch: bool
    seed: int
    state: VariantState
    audio_path: Path
    codes_path: Path | None
    gain_db: float
    length_samples: int
    rate_hz: int
    remarks: tuple[str, ...]
    """What the engine had to say of it."""
    created_at: datetime
    name: str
    notes: str
    rating: int
    """0 (none) to 5."""
    hidden: bool
    pruned: bool
    """Out of the tree with all below it; also where only something above it was pruned."""


@dataclass(frozen=True)
class Export:
    """A file in the exports folder. It is the musician's, and never touched again."""

    id: int
    variant_id: int | None
    path: Path
    exported_at: datetime


@dataclass(frozen=True)
class Placement:
    """What went to the DAW."""

    id: int
    variant_id: int | None
    path: Path
    how: Way
    daw: str
    track: str
    position_samples: int | None
    """On the DAW's timeline, at timeline_rate_hz; None where the DAW does not tell."""
    timeline_rate_hz: int | None
    placed_at: datetime


@dataclass(frozen=True)
class Change:
    """A step that undo takes back, or redo brings."""

    id: int
    label: str
    changed_at: datetime


@dataclass(frozen=True)
class Found:
    """What a search found."""

    clips: tuple[SessionClip, ...]
    variants: tuple[Variant, ...]


# What goes wrong in a row whose page was damaged.
UNREADABLE = (JukeboxError, ValueError, TypeError, KeyError, IndexError)


def clip_of(row: sqlite3.Row, folder: Path) -> SessionClip:
    pruned = bool(row["pruned"])
    copy = row["copy_path"]
    return SessionClip(
        id=row["id"],
        clip=_clip_from(row["clip_json"]),
        name=row["name"],
        notes=row["notes"],
        pruned=pruned,
        copy_path=_inside(folder, copy, pruned) if copy else None,
        added_at=datetime.fromisoformat(row["added_at"]),
    )


@lru_cache(maxsize=2_048)
def _clip_from(text: str) -> Clip:
    """Kept, since a window asks for all clips whenever one has changed."""
    return Clip.from_json(json.loads(text))


def job_of(row: sqlite3.Row, folder: Path) -> Job:
    if row["state"] not in JOB_STATES:
        raise ValueError(row["state"])
    return Job(
        id=row["id"],
        clip_id=row["clip_id"],
        parent_id=row["parent_id"],
        request=json.loads(row["request_json"]),
        request_sha256=row["request_sha256"],
        operation=row["operation"],
        styles=row["styles"],
        length_said=row["length_said"],
        model=row["model"],
        state=row["state"],
        position=row["position"],
        sentence=row["sentence"],
        folder=folder / job_folder(row["id"]),
        results_folder=folder / results_folder(row["id"]),
        added_at=datetime.fromisoformat(row["added_at"]),
    )


def variant_of(row: sqlite3.Row, folder: Path, pruned: bool) -> Variant:
    """`pruned`: also by something above it, which the row alone does not know."""
    # Whether files of what was pruned are in the trash yet has to be looked at each time.
    return _read_variant(row, folder, pruned=True) if pruned else _kept_variant(row, folder)


@lru_cache(maxsize=8_192)
def _kept_variant(row: sqlite3.Row, folder: Path) -> Variant:
    """Kept, since a window asks for all of a clip whenever one of them has changed."""
    return _read_variant(row, folder, pruned=False)


def _read_variant(row: sqlite3.Row, folder: Path, *, pruned: bool) -> Variant:
    if row["state"] not in get_args(VariantState):
        raise ValueError(row["state"])
    codes = row["codes_path"]
    return Variant(
        id=row["id"],
        clip_id=row["clip_id"],
        parent_id=row["parent_id"],
        job_id=row["job_id"],
        number=row["number"],
        is_branch=bool(row["is_branch"]),
        seed=int(row["seed"]),
        state=row["state"],
        audio_path=_inside(folder, row["audio_path"], pruned),
        codes_path=_inside(folder, codes, pruned) if codes else None,
        gain_db=row["gain_db"],
        length_samples=row["length_samples"],
        rate_hz=row["rate_hz"],
        remarks=tuple(json.loads(row["remarks_json"])),
        created_at=datetime.fromisoformat(row["created_at"]),
        name=row["name"],
        notes=row["notes"],
        rating=row["rating"],
        hidden=bool(row["hidden"]),
        pruned=pruned,
    )


def export_of(row: sqlite3.Row, folder: Path) -> Export:
    return Export(
        id=row["id"],
        variant_id=row["variant_id"],
        path=Path(json.loads(row["path_json"])),
        exported_at=datetime.fromisoformat(row["exported_at"]),
    )


def placement_of(row: sqlite3.Row, folder: Path) -> Placement:
    if row["how"] not in get_args(Way):
        raise ValueError(row["how"])
    return Placement(
        id=row["id"],
        variant_id=row["variant_id"],
        path=Path(json.loads(row["path_json"])),
        how=row["how"],
        daw=row["daw"],
        track=row["track"],
        position_samples=row["position_samples"],
        timeline_rate_hz=row["timeline_rate_hz"],
        placed_at=datetime.fromisoformat(row["placed_at"]),
    )


def change_of(row: sqlite3.Row) -> Change:
    return Change(row["id"], row["label"], datetime.fromisoformat(row["changed_at"]))


def job_folder(job_id: int) -> str:
    return f"jobs/job-{job_id}"


def results_folder(job_id: int) -> str:
    return f"variants/job-{job_id}"


def _inside(folder: Path, relative: str, pruned: bool) -> Path:
    path = folder / relative
    # What was pruned may share its file with a branch that was not.
    return folder / TRASH / relative if pruned and not path.exists() else path
