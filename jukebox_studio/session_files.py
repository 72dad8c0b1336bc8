"""What lies in a session's folder: checked, packed into one file, cleared of what nothing names."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from jukebox_studio import audio
from jukebox_studio import session_schema as schema
from jukebox_studio.clip_copy import copy_stretch
from jukebox_studio.errors import JukeboxError
from jukebox_studio.files import replacing
from jukebox_studio.session import Session
from jukebox_studio.session_records import ENDED, TRASH, Job, SessionClip, Variant

ZIP_FORMAT = "jukebox-studio session"
ZIP_VERSION = 1
PROJECT = "project.json"

# The folders that the program fills. What else lies in a session's folder is the musician's.
SWEPT = ("clips", "variants", "jobs", TRASH)


@dataclass(frozen=True)
class Problem:
    """Something of a session that is damaged or not there."""

    kind: Literal["database", "file", "original", "export"]
    path: Path
    sentence: str


def check(session: Session) -> list[Problem]:
    """All that is damaged or missing. Changes nothing; headers of sound files are read, no more."""
    problems: list[Problem] = []
    database = session.folder / schema.DATABASE
    session.clips(pruned=True), session.jobs(), session.variants(pruned=True)
    session.exports(), session.placements()  # each tells of the rows it could not read
    told = [*session.damage]
    if not told:
        told += session.database_damage()
    problems += [Problem("database", database, sentence) for sentence in dict.fromkeys(told)]
    for clip in session.clips():
        problems += _clip_problems(clip)
    for variant in session.variants():
        problems += _variant_problems(variant)
    for export in session.exports():
        if not export.path.is_file():
            problems.append(
                Problem(
                    "export",
                    export.path,
                    f"{export.path} was exported and is gone; a DAW that plays it will miss it.",
                )
            )
    return problems


def _clip_problems(clip: SessionClip) -> Iterator[Problem]:
    copied = clip.copy_path is not None
    try:
        clip.clip.check_file()
    except JukeboxError as error:
        remedy = " The session has a copy of its own." if copied else ""
        yield Problem("original", clip.clip.path, f"Clip {clip.id}, {clip.name}: {error}{remedy}")
    if copied:
        try:
            clip.sounding.check_file()
        except JukeboxError as error:
            yield Problem("file", clip.sounding.path, f"Clip {clip.id}, {clip.name}: {error}")


def _variant_problems(variant: Variant) -> Iterator[Problem]:
    called = f"Variant {variant.id}"
    try:
        info = audio.inspect(variant.audio_path)
        if (info.length_samples, info.rate_hz) != (variant.length_samples, variant.rate_hz):
            raise JukeboxError(
                f"{info.path} has {info.length_samples:,} samples at {info.rate_hz:,} Hz, not "
                f"{variant.length_samples:,} at {variant.rate_hz:,}; it was cut off or replaced."
            )
    except JukeboxError as error:
        yield Problem("file", variant.audio_path, f"{called}: {error}")
    codes = variant.codes_path
    if codes is not None and not (codes.is_file() and codes.stat().st_size):
        yield Problem(
            "file",
            codes,
            f"{called}: its codes, {codes}, are missing, so nothing can start from them any more; "
            "its sound is not affected.",
        )


@dataclass(frozen=True)
class Rubbish:
    """What `collect` removes, and what it never does."""

    files: tuple[Path, ...]
    """In the session's folder, and named by nothing in it."""
    size_bytes: int
    trash: tuple[Path, ...]
    """Files of what was pruned, which undo may still bring back."""
    trash_size_bytes: int
    exported: tuple[Path, ...]
    """In the exports folder: listed, never touched."""


def find_rubbish(session: Session) -> Rubbish:
    """What nothing in a session names. Files of jobs that wait, run or failed are named.

    Raises JukeboxError for a damaged session: what it cannot read may name any file.
    """
    session.clips(pruned=True), session.variants(pruned=True)
    jobs, exports, placements = session.jobs(), session.exports(), session.placements()
    # Asked after reading: a row that cannot be read is told only then.
    if session.damage:
        raise JukeboxError(
            f"The session in {session.folder} is damaged, so nobody knows which files it needs; "
            "nothing was removed."
        )
    live, pruned = session.files(pruned=False), session.files(pruned=True)
    active = {
        f"{folder.relative_to(session.folder).as_posix()}/"
        for job in jobs
        if job.state not in ENDED or job.state == "failed"
        for folder in (job.folder, job.results_folder)
    }
    exported = tuple(export.path for export in exports)
    kept = {os.path.abspath(p) for p in exported}
    kept |= {os.path.abspath(placement.path) for placement in placements}
    files: list[Path] = []
    trash: list[Path] = []
    for path in _swept_files(session.folder):
        relative = path.relative_to(session.folder).as_posix()
        is_musicians = os.path.abspath(path) in kept or path.is_relative_to(session.exports_to)
        if relative in live or is_musicians or any(relative.startswith(a) for a in active):
            continue
        # A file that was in use when it should have moved lies on the other side.
        home = relative.removeprefix(f"{TRASH}/")
        if home in live and not (session.folder / home).exists():
            continue
        (trash if home in pruned else files).append(path)
    return Rubbish(tuple(files), _size_bytes(files), tuple(trash), _size_bytes(trash), exported)


def collect(session: Session, *, trash: bool = False) -> Rubbish:
    """Remove what nothing names; with `trash` also what was pruned, which ends undo so far.

    Nothing outside the session's folder is touched. Returns what was removed. Raises JukeboxError
    for a session that is damaged, read-only, or has jobs for what would be removed.
    """
    session.check_writable()
    if trash:
        session.forget_pruned()
    rubbish = find_rubbish(session)
    for path in rubbish.files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise JukeboxError(
                f"{path} could not be removed ({error.strerror or error}); close what uses it, "
                "and try again."
            ) from error
    for parent in {path.parent for path in rubbish.files}:
        folder = parent
        # Up to the first that is not empty.
        with contextlib.suppress(OSError):
            while folder != session.folder:
                folder.rmdir()
                folder = folder.parent
    return rubbish


def _swept_files(folder: Path) -> Iterator[Path]:
    for name in SWEPT:
        top = folder / name
        if top.is_symlink():
            continue  # it leads out of the session
        for inner, _, files in os.walk(top):
            for file in sorted(files):
                yield Path(inner, file)


def _size_bytes(files: list[Path]) -> int:
    return sum(path.lstat().st_size for path in files)


@dataclass(frozen=True)
class Packed:
    """A session in one file, and in sentences what could not come along."""

    path: Path
    files: int
    size_bytes: int
    left_out: tuple[str, ...]


def export_zip(session: Session, path: Path) -> Packed:
    """Write a zip file: project.json and the sound and codes of all that was not pruned.

    Of each clip its stretch comes along. What is missing is told, and left out. The file at `path`
    is replaced in one step; JukeboxError where it cannot be written.
    """
    # Sound hardly gets smaller, so nothing is compressed.
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        packing = _Packing(session, archive)
        archive.writestr(PROJECT, json.dumps(packing.project(), indent=1, ensure_ascii=True))
    return Packed(path, len(packing.files), path.stat().st_size, tuple(packing.left_out))


class _Packing:
    def __init__(self, session: Session, archive: zipfile.ZipFile) -> None:
        self.session = session
        self.archive = archive
        self.files: dict[str, dict[str, Any]] = {}
        self.left_out: list[str] = []

    def project(self) -> dict[str, Any]:
        """What project.json holds; the files are packed on the way."""
        session = self.session
        clips = [self._clip(clip) for clip in session.clips()]
        variants = [self._variant(variant) for variant in session.variants()]
        return {
            "format": ZIP_FORMAT,
            "version": ZIP_VERSION,
            "clips": clips,
            "jobs": [_job_json(job) for job in session.jobs()],
            "variants": variants,
            "exports": [
                {
                    "variant": e.variant_id,
                    "path": str(e.path),
                    "exported_at": e.exported_at.isoformat(),
                }
                for e in session.exports()
            ],
            "placements": [
                {
                    "variant": p.variant_id,
                    "path": str(p.path),
                    "how": p.how,
                    "daw": p.daw,
                    "track": p.track,
                    "position_samples": p.position_samples,
                    "timeline_rate_hz": p.timeline_rate_hz,
                    "placed_at": p.placed_at.isoformat(),
                }
                for p in session.placements()
            ],
            "files": self.files,
            "left_out": [*session.damage, *self.left_out],
        }

    def _clip(self, clip: SessionClip) -> dict[str, Any]:
        name: str | None = f"clips/clip-{clip.id}.wav"
        if clip.copy_path is not None and clip.copy_path.is_file():
            name = self._pack(clip.copy_path, f"clips/clip-{clip.id}.wav")
        else:
            with TemporaryDirectory() as folder:
                copy = Path(folder, "clip.wav")
                try:
                    copy_stretch(clip.clip, copy)
                except JukeboxError as error:
                    self.left_out.append(f"Clip {clip.id}, {clip.name}: {error}")
                    name = None
                else:
                    name = self._pack(copy, f"clips/clip-{clip.id}.wav")
        return {
            "id": clip.id,
            "clip": clip.clip.to_json(),
            "name": clip.name,
            "notes": clip.notes,
            "file": name,
            "added_at": clip.added_at.isoformat(),
        }

    def _variant(self, variant: Variant) -> dict[str, Any]:
        audio_file = self._pack_own(variant.audio_path, f"Variant {variant.id}")
        codes_file = None
        if variant.codes_path is not None:
            codes_file = self._pack_own(variant.codes_path, f"The codes of variant {variant.id}")
        return {
            "id": variant.id,
            "clip": variant.clip_id,
            "parent": variant.parent_id,
            "job": variant.job_id,
            "number": variant.number,
            "is_branch": variant.is_branch,
            "seed": variant.seed,
            "state": variant.state,
            "audio": audio_file,
            "codes": codes_file,
            "gain_db": variant.gain_db,
            "length_samples": variant.length_samples,
            "rate_hz": variant.rate_hz,
            "remarks": list(variant.remarks),
            "created_at": variant.created_at.isoformat(),
            "name": variant.name,
            "notes": variant.notes,
            "rating": variant.rating,
            "hidden": variant.hidden,
        }

    def _pack_own(self, path: Path, what: str) -> str | None:
        if not path.is_file():
            self.left_out.append(f"{what}: {path} is missing.")
            return None
        return self._pack(path, path.relative_to(self.session.folder).as_posix())

    def _pack(self, path: Path, name: str) -> str:
        if name not in self.files:
            self.archive.write(path, name)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            self.files[name] = {"size_bytes": path.stat().st_size, "sha256": digest}
        return name


def _job_json(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "clip": job.clip_id,
        "parent": job.parent_id,
        "request": job.request,
        "request_sha256": job.request_sha256,
        "operation": job.operation,
        "styles": job.styles,
        "length_said": job.length_said,
        "model": job.model,
        "state": job.state,
        "position": job.position,
        "sentence": job.sentence,
        "added_at": job.added_at.isoformat(),
    }
