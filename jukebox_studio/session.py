"""A musician's project: clips, jobs, variants and what was said of them, in one folder. No torch.

session.sqlite       everything but sound (`session_schema.py`)
clips/ variants/     copies of clips' stretches; results and their codes
jobs/                what the engine has done of a job so far
trash/               files of what was pruned, until `session_files.collect` is told to remove them
backups/             the database as it was last opened whole, and before each migration

Two kinds of writing. A **change** is the musician's (a name, a rating, the order of the queue): it
is logged with what was there before, and `undo` and `redo` go back and forth, across restarts too.
A **fact** is what happened (a result came, a file went to the DAW): it cannot be undone. Changes
touch other columns than facts, so undoing one never loses the other.

Files come before the row that names them, and rows go before their files. So a program killed at
any moment leaves at worst a file that nothing names.

A session may be used from several threads: one connection, one lock, one call at a time. Every
date is given by the caller, and has a time zone.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from jukebox_studio import session_records as records
from jukebox_studio import session_schema as schema
from jukebox_studio.clip import Clip
from jukebox_studio.clip_copy import copy_stretch
from jukebox_studio.errors import JukeboxError
from jukebox_studio.exports import ExportName, export_file, exports_folder
from jukebox_studio.provenance import request_sha256
from jukebox_studio.session_lock import WriterLock, refuse_network_disk
from jukebox_studio.session_records import (
    ENDED,
    HIGHEST_RATING,
    TRASH,
    WAITING,
    Change,
    Export,
    Found,
    Job,
    JobState,
    Placement,
    SessionClip,
    Variant,
    VariantState,
    Way,
)

T = TypeVar("T")

# Where a job may go from where it is. An ended one may be queued again, but not one that finished.
_NEXT: dict[str, tuple[JobState, ...]] = {
    "queued": ("running", "paused", "failed", "cancelled"),
    "running": ("queued", "paused", "finished", "failed", "cancelled"),
    "paused": ("queued", "running", "failed", "cancelled"),
    "failed": ("queued", "cancelled"),
    "cancelled": ("queued",),
    "finished": (),
}

# What changes touch; facts touch everything else.
_CHANGEABLE = {
    "clips": ("clip_json", "name", "notes", "pruned"),
    "variants": ("name", "notes", "rating", "hidden", "pruned"),
    "jobs": ("position",),
}

_VARIANTS = """
WITH RECURSIVE gone(id) AS (
    SELECT v.id FROM variants v JOIN clips c ON c.id = v.clip_id WHERE v.pruned OR c.pruned
    UNION SELECT v.id FROM variants v JOIN gone ON v.parent_id = gone.id
)
SELECT v.*, v.id IN gone AS is_gone FROM variants v
"""
_JOBS = "SELECT j.*, r.request_json FROM jobs j JOIN requests r ON r.sha256 = j.request_sha256"


@dataclass(frozen=True)
class _Edit:
    """One cell that a change writes."""

    table: str
    id: int
    column: str
    before: str | int
    after: str | int


class Session:
    """An open session. Use `create` or `open`; close it, or use it as a context manager."""

    def __init__(
        self,
        folder: Path,
        opened: schema.Opened,
        lock: WriterLock | None,
        exports: Path | None,
    ) -> None:
        self.folder = folder
        self.exports_to = exports or exports_folder()
        self.damage = list(opened.damage)
        """What cannot be read, in sentences. A damaged session is read-only."""
        self._connection = opened.connection
        self._writer = lock
        self._guard = threading.RLock()
        self._depth = 0
        self._step: list[_Edit] | None = None
        self._files_to_move = False
        self.interrupted: tuple[int, ...] = ()
        """Jobs that were running when the session was last left: killed, or crashed."""
        if lock:
            running = self._connection_rows("SELECT id FROM jobs WHERE state = 'running'")
            self.interrupted = tuple(row["id"] for row in running)
            self._tidy()

    @classmethod
    def create(cls, folder: Path, *, exports: Path | None = None) -> Session:
        """A new session in `folder`, which is made if there is none.

        `exports` is where dragged files go, else `exports.exports_folder()`. Raises JukeboxError
        where there is a session already, on a network disk, and where nothing can be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JukeboxError(
                f"{folder} cannot be made ({error.strerror or error}); choose another folder."
            ) from error
        folder = Path(os.path.abspath(folder))
        refuse_network_disk(folder)
        lock = WriterLock(folder)
        try:
            if (folder / schema.DATABASE).exists():
                raise JukeboxError(f"There is a session in {folder} already; open it.")
            connection = schema.create_database(folder)
        except BaseException:
            lock.release()
            raise
        return cls(folder, schema.Opened(connection), lock, exports)

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False, exports: Path | None = None) -> Session:
        """The session in `folder`; a damaged one opens read-only and tells so in `damage`.

        Raises JukeboxError where there is none, where another has it open (unless `read_only`),
        where a newer version wrote it, and on a network disk.
        """
        folder = Path(os.path.abspath(folder))
        if read_only:
            return cls(folder, schema.open_to_read(folder), None, exports)
        refuse_network_disk(folder)
        if not (folder / schema.DATABASE).is_file():
            schema.open_to_read(folder)  # which says so, before a lock file is left there
        lock = WriterLock(folder)
        try:
            opened = schema.open_to_write(folder)
            if opened.damage:
                lock.release()
            return cls(folder, opened, None if opened.damage else lock, exports)
        except BaseException:
            lock.release()
            raise

    @property
    def read_only(self) -> bool:
        return self._writer is None

    def close(self) -> None:
        """Let another open it. A session that is not closed, but killed, loses nothing."""
        with self._guard:
            self._connection.close()
            if self._writer:
                self._writer.release()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What is there

    def clips(self, *, pruned: bool = False) -> list[SessionClip]:
        """In the order they came; the pruned ones too on request."""
        where = "" if pruned else "WHERE NOT pruned"
        return self._rows(
            f"SELECT * FROM clips {where}", "id", lambda row: records.clip_of(row, self.folder)
        )

    def clip(self, clip_id: int) -> SessionClip:
        return records.clip_of(self._row("clips", clip_id), self.folder)

    def variants(self, clip_id: int | None = None, *, pruned: bool = False) -> list[Variant]:
        """All, or those that stem from one clip, parents before their children.

        Hidden ones are among them, the pruned ones only on request.
        """
        where = "WHERE TRUE" if clip_id is None else f"WHERE v.clip_id = {int(clip_id)}"
        if not pruned:
            where += " AND NOT is_gone"
        return self._rows(f"{_VARIANTS} {where}", "v.id", self._variant_of)

    def variant(self, variant_id: int) -> Variant:
        return self._variant_of(self._row("variants", variant_id, _VARIANTS, "v.id"))

    def variant_counts(self) -> dict[int, int]:
        """How many variants a clip has, by its id; none where it has none. As `variants` counts."""
        rows = self._connection_rows(
            f"SELECT clip_id, count(*) AS n FROM ({_VARIANTS}) WHERE NOT is_gone GROUP BY clip_id"
        )
        return {row["clip_id"]: row["n"] for row in rows}

    def jobs(self, *, over: bool = True) -> list[Job]:
        """In the order of the queue: all, or those that neither finished nor were cancelled."""
        sql = _JOBS if over else f"{_JOBS} WHERE j.state NOT IN ('finished', 'cancelled')"
        jobs = self._rows(sql, "j.id", lambda row: records.job_of(row, self.folder))
        return sorted(jobs, key=lambda job: (job.position, job.id))

    def job(self, job_id: int) -> Job:
        return records.job_of(self._row("jobs", job_id, _JOBS, "j.id"), self.folder)

    def exports(self) -> list[Export]:
        return self._rows(
            "SELECT * FROM exports", "id", lambda row: records.export_of(row, self.folder)
        )

    def placements(self, variant_id: int | None = None) -> list[Placement]:
        """What went to the DAW, of all variants or of one."""
        where = "" if variant_id is None else f"WHERE variant_id = {int(variant_id)}"
        return self._rows(
            f"SELECT * FROM placements {where}",
            "id",
            lambda row: records.placement_of(row, self.folder),
        )

    def search(self, text: str) -> Found:
        """Clips and variants in whose names, notes, lyrics, styles and operation all words occur.

        Case and accents do not count. What was pruned is not found.
        """
        words = _folded(text).split()
        styles = {job.id: f"{job.styles} {job.operation}" for job in self.jobs()}

        def fits(*texts: str) -> bool:
            folded = _folded(" ".join(texts))
            return all(word in folded for word in words)

        clips = [c for c in self.clips() if fits(c.name, c.notes, c.clip.track_name, c.clip.lyrics)]
        variants = [v for v in self.variants() if fits(v.name, v.notes, styles.get(v.job_id, ""))]
        return Found(tuple(clips), tuple(variants))

    def files(self, *, pruned: bool) -> set[str]:
        """Files, relative to the folder, of what was pruned, or of what was not."""
        rows = self._connection_rows(
            f"SELECT audio_path, codes_path FROM ({_VARIANTS}) WHERE is_gone = ?", (int(pruned),)
        ) + self._connection_rows(
            "SELECT copy_path, NULL FROM clips WHERE pruned = ?", (int(pruned),)
        )
        return {path for row in rows for path in row if path}

    def database_damage(self) -> list[str]:
        """Sentences about damage in the database, every page and index read."""
        with self._guard:
            told = [*schema.quick_check(self._connection, self.folder, thorough=True)]
            if not told:
                for row in self._connection.execute("PRAGMA foreign_key_check"):
                    told.append(f"A row of {row['table']} names what is not in {row['parent']}.")
        return told

    def check_writable(self) -> None:
        """JukeboxError for a session that is read-only."""
        if self._writer is None:
            why = "is damaged" if self.damage else "was opened to read only"
            raise JukeboxError(f"The session in {self.folder} {why}, so nothing was changed.")

    # What happened: facts

    def add_job(
        self,
        request: dict[str, Any],
        clip_id: int,
        *,
        when: datetime,
        parent_id: int | None = None,
        operation: str = "",
        styles: str = "",
        length_said: str = "",
        model: str = "",
    ) -> Job:
        """Put a request at the end of the queue.

        `request` is kept as it is. `operation`, `styles` and `length_said` ("8 bars") say of it
        what people look for, in lists, in a search and in the names of exported files; `parent_id`
        is the variant that it starts from.
        """
        # Round and back, so that what cannot be kept is refused now and not when it is needed.
        request = json.loads(json.dumps(request, allow_nan=False))
        digest = request_sha256(request)
        with self._writing() as execute:
            self._row("clips", clip_id)
            if parent_id is not None:
                self._check_parent(parent_id, clip_id)
            execute(
                "INSERT OR IGNORE INTO requests VALUES (?, ?)",
                (digest, json.dumps(request, sort_keys=True)),
            )
            last = execute("SELECT coalesce(max(position), 0) FROM jobs").fetchone()[0]
            job_id = _insert(
                execute,
                "jobs",
                clip_id=clip_id,
                parent_id=parent_id,
                request_sha256=digest,
                operation=_text(operation),
                styles=_text(styles),
                length_said=_text(length_said),
                model=_text(model),
                state="queued",
                position=last + 1,
                added_at=_date(when),
            )
        return self.job(job_id)

    def set_job_state(self, job_id: int, state: JobState, sentence: str = "") -> Job:
        """A job begins, pauses or ends; `sentence` says why it failed.

        Raises JukeboxError for a step that no job can take, as from finished to running.
        """
        with self._writing() as execute:
            now = self.job(job_id).state
            if state != now:
                if state not in _NEXT[now]:
                    raise JukeboxError(f"Job {job_id} is {now}, so it cannot be {state} now.")
                execute(
                    "UPDATE jobs SET state = ?, sentence = ? WHERE id = ?",
                    (state, _text(sentence), job_id),
                )
        return self.job(job_id)

    def record_variant(
        self,
        job_id: int,
        number: int,
        *,
        seed: int,
        state: VariantState,
        audio_path: Path,
        codes_path: Path | None = None,
        gain_db: float = 0.0,
        length_samples: int,
        rate_hz: int,
        remarks: Sequence[str] = (),
        when: datetime,
    ) -> Variant:
        """A result of a job; given again it replaces what was there, as a preview by the full one.

        So a job that goes on after a crash may tell of all its results once more: what the
        musician said of them, and their first date, stay. The files lie in the session's folder,
        for example in `Job.results_folder`; JukeboxError where they do not.
        """
        if number < 0 or length_samples < 1 or rate_hz < 1:
            raise ValueError(f"variant {number} of {length_samples} samples at {rate_hz} Hz")
        result = {
            "seed": str(seed),
            "state": state,
            "audio_path": self._relative(audio_path),
            "codes_path": self._relative(codes_path) if codes_path else None,
            "gain_db": float(gain_db),
            "length_samples": length_samples,
            "rate_hz": rate_hz,
            "remarks_json": json.dumps(list(remarks)),
        }
        with self._writing() as execute:
            job = self._row("jobs", job_id)
            row = execute(
                "SELECT id, state FROM variants WHERE job_id = ? AND number = ? AND NOT is_branch",
                (job_id, number),
            ).fetchone()
            if row is None:
                variant_id = _insert(
                    execute,
                    "variants",
                    clip_id=job["clip_id"],
                    parent_id=job["parent_id"],
                    job_id=job_id,
                    number=number,
                    is_branch=0,
                    created_at=_date(when),
                    pruned=0,
                    **result,
                )
            else:
                variant_id = row["id"]
                if row["state"] == "full" and state == "preview":
                    return self.variant(variant_id)
                cells = ", ".join(f"{column} = ?" for column in result)
                # Branches are the same result, so they get better with it.
                execute(
                    f"UPDATE variants SET {cells} WHERE job_id = ? AND number = ?",
                    (*result.values(), job_id, number),
                )
            self._files_to_move = self.variant(variant_id).pruned
        return self.variant(variant_id)

    def copy_audio(self, clip_id: int) -> SessionClip:
        """Copy a clip's stretch, sample by sample, into the session: a DAW's file may vanish.

        Raises JukeboxError where the clip's file is not what the clip says, or the disk is full.
        The file itself is only read.
        """
        clip = self.clip(clip_id)
        if clip.copy_path and clip.copy_path.is_file():
            return clip
        self.check_writable()
        path = self.folder / "clips" / f"clip-{clip_id}.wav"
        copy_stretch(clip.clip, path)  # outside the lock: it may be long
        with self._writing() as execute:
            execute("UPDATE clips SET copy_path = ? WHERE id = ?", (self._relative(path), clip_id))
            self._files_to_move = self.clip(clip_id).pruned
        return self.clip(clip_id)

    def export_variant(
        self, variant_id: int, *, when: datetime, source: Path | None = None, number_name: str = ""
    ) -> Path:
        """A variant's file in the exports folder, where nothing is ever changed or removed by us.

        `source` is another rendering of it (a selection, a FLAC), else its own file is copied;
        `number_name` says of it what the name should ("bars 3-4"). What lies there already from
        the same source is not copied again. A read-only session exports too, only without noting
        it. Raises JukeboxError where it cannot be written.
        """
        variant = self.variant(variant_id)
        job = self.job(variant.job_id)
        source = source or variant.audio_path
        try:
            status = source.stat()
        except OSError as error:
            raise JukeboxError(
                f"{source} cannot be read ({error.strerror or error}), so it was not exported; "
                "'jukebox-studio session check' says what else is missing."
            ) from error
        mark = (json.dumps(str(source)), status.st_size, status.st_mtime_ns)
        for row in self._connection_rows(
            "SELECT path_json FROM exports WHERE variant_id = ? AND source_path = ? "
            "AND source_size_bytes = ? AND source_mtime_ns = ? ORDER BY id DESC",
            (variant_id, *mark),
        ):
            path = Path(json.loads(row["path_json"]))
            if path.is_file() and path.stat().st_size == status.st_size:
                return path
        name = ExportName(
            self.clip(variant.clip_id).name,
            job.operation,
            number_name or job.length_said,
            variant.number + 1,
            when,
        )
        path = export_file(source, self.exports_to, name)
        if not self.read_only:
            with self._writing() as execute:
                _insert(
                    execute,
                    "exports",
                    variant_id=variant_id,
                    path_json=json.dumps(str(path)),
                    source_path=mark[0],
                    source_size_bytes=mark[1],
                    source_mtime_ns=mark[2],
                    exported_at=_date(when),
                )
        return path

    def record_placement(
        self,
        variant_id: int,
        path: Path,
        how: Way,
        *,
        when: datetime,
        daw: str = "",
        track: str = "",
        position_samples: int | None = None,
        timeline_rate_hz: int | None = None,
    ) -> None:
        """Note that the file at `path` went to the DAW, and where, as far as it is known."""
        with self._writing() as execute:
            self._row("variants", variant_id)
            _insert(
                execute,
                "placements",
                variant_id=variant_id,
                path_json=json.dumps(str(path)),
                how=how,
                daw=_text(daw),
                track=_text(track),
                position_samples=position_samples,
                timeline_rate_hz=timeline_rate_hz,
                placed_at=_date(when),
            )

    # What the musician changes: each can be undone

    def add_clip(self, clip: Clip, *, when: datetime, name: str | None = None) -> SessionClip:
        """A clip for the inbox. Its file is not looked at; `copy_audio` does."""
        called = clip.name if name is None else name
        with self._writing() as execute:
            clip_id = _insert(
                execute,
                "clips",
                clip_json=json.dumps(clip.to_json()),
                name=_text(called or clip.path.stem),
                pruned=1,
                added_at=_date(when),
            )
            self._change("Add clip", when, [_Edit("clips", clip_id, "pruned", 1, 0)])
        return self.clip(clip_id)

    def update_clip(self, clip_id: int, clip: Clip, *, when: datetime) -> SessionClip:
        """Say anew what the DAW said of a clip (tempo, lyrics, ...); its stretch stays its own."""
        with self._writing():
            before = self.clip(clip_id).clip
            stretch = (clip.path, clip.start_samples, clip.length_samples, clip.rate_hz)
            kept = (before.path, before.start_samples, before.length_samples, before.rate_hz)
            if stretch != kept:
                raise JukeboxError(
                    "Another stretch of sound is another clip: add it to the session."
                )
            self._set(
                "Edit clip", when, "clips", [clip_id], "clip_json", json.dumps(clip.to_json())
            )
        return self.clip(clip_id)

    def rename_clip(self, clip_id: int, name: str, *, when: datetime) -> None:
        self._set("Rename clip", when, "clips", [clip_id], "name", _text(name))

    def note_clip(self, clip_id: int, notes: str, *, when: datetime) -> None:
        self._set("Edit notes", when, "clips", [clip_id], "notes", _text(notes))

    def prune_clip(self, clip_id: int, *, when: datetime) -> None:
        """Take a clip and all that was made of it out of the session; the DAW's file stays."""
        with self._writing():
            self._set("Remove clip", when, "clips", [clip_id], "pruned", 1)
            self._files_to_move = True

    def rename(self, variant_id: int, name: str, *, when: datetime) -> None:
        self._set("Rename", when, "variants", [variant_id], "name", _text(name))

    def note(self, variant_id: int, notes: str, *, when: datetime) -> None:
        self._set("Edit notes", when, "variants", [variant_id], "notes", _text(notes))

    def rate(self, variant_ids: Iterable[int], rating: int, *, when: datetime) -> None:
        """0 (none) to 5."""
        if not 0 <= rating <= HIGHEST_RATING:
            raise JukeboxError(f"A rating goes from 0 to {HIGHEST_RATING}, not {rating}.")
        self._set("Rate", when, "variants", variant_ids, "rating", rating)

    def hide(self, variant_ids: Iterable[int], hidden: bool = True, *, when: datetime) -> None:
        self._set(
            "Hide" if hidden else "Show", when, "variants", variant_ids, "hidden", int(hidden)
        )

    def prune(self, variant_ids: Iterable[int], *, when: datetime) -> None:
        """Take variants and all below them out of the tree; their files go to the trash folder."""
        with self._writing():
            self._set("Prune", when, "variants", variant_ids, "pruned", 1)
            self._files_to_move = True

    def branch(self, variant_id: int, name: str = "", *, when: datetime) -> Variant:
        """A child of the same sound and codes, to go on from under a name of its own."""
        with self._writing() as execute:
            self._check_parent(variant_id, self.variant(variant_id).clip_id)
            row = dict(self._row("variants", variant_id))
            said = {"name": _text(name), "notes": "", "rating": 0, "hidden": 0, "pruned": 1}
            row |= said | {"parent_id": variant_id, "is_branch": 1, "created_at": _date(when)}
            del row["id"]
            branch_id = _insert(execute, "variants", **row)
            self._change("Branch", when, [_Edit("variants", branch_id, "pruned", 1, 0)])
        return self.variant(branch_id)

    def move_job(self, job_id: int, before_id: int | None, *, when: datetime) -> None:
        """Move a waiting job before another, or to the end of the queue.

        Raises JukeboxError where one of them does not wait any more.
        """
        with self._writing():
            waiting = [job for job in self.jobs() if job.state in WAITING]
            order = [job.id for job in waiting]
            for wanted in (job_id, before_id):
                if wanted is not None and wanted not in order:
                    raise JukeboxError(f"Job {wanted} does not wait in the queue any more.")
            if job_id == before_id:
                return
            order.remove(job_id)
            order.insert(len(order) if before_id is None else order.index(before_id), job_id)
            places = sorted(job.position for job in waiting)
            old = {job.id: job.position for job in waiting}
            edits = [
                _Edit("jobs", id, "position", old[id], place)
                for id, place in zip(order, places, strict=True)
            ]
            self._change("Reorder queue", when, edits)

    @contextlib.contextmanager
    def one_step(self, label: str, *, when: datetime) -> Iterator[None]:
        """Changes made inside are undone together; an error inside takes all of them back."""
        with self._writing():
            if self._step is not None:
                yield  # part of the step around it
                return
            edits: list[_Edit] = []
            self._step = edits
            try:
                yield
            finally:
                self._step = None
            self._log(label, when, edits)

    @property
    def undoable(self) -> Change | None:
        """What `undo` would take back."""
        return self._next_change("WHERE NOT undone ORDER BY id DESC")

    @property
    def redoable(self) -> Change | None:
        """What `redo` would bring again."""
        return self._next_change("WHERE undone ORDER BY id")

    def undo(self) -> Change | None:
        """Take the last change back; None where there is none."""
        if self._step is not None:
            raise RuntimeError("a step cannot undo another while it is being made")
        with self._writing():
            return self._go(self.undoable, back=True)

    def redo(self) -> Change | None:
        """Bring the last undone change again; None where there is none."""
        if self._step is not None:
            raise RuntimeError("a step cannot redo another while it is being made")
        with self._writing():
            return self._go(self.redoable, back=False)

    def forget_pruned(self) -> None:
        """Forget what was pruned for good, and with it all of undo and redo.

        The files stay in the trash, where nothing names them any more. Raises JukeboxError while a
        job still needs something pruned.
        """
        with self._writing() as execute:
            gone = {v.id for v in self.variants(pruned=True) if v.pruned}
            gone_clips = {c.id for c in self.clips(pruned=True) if c.pruned}
            for job in self.jobs():
                needs = job.parent_id in gone or job.clip_id in gone_clips
                if needs and job.state not in ENDED:
                    raise JukeboxError(
                        f"Job {job.id} is {job.state} and works on what was pruned; cancel it, or "
                        "let it end, before the trash is emptied."
                    )
            execute("DELETE FROM changes")
            for variant_id in gone:
                execute("DELETE FROM variants WHERE id = ?", (variant_id,))
            for clip_id in gone_clips:
                execute("DELETE FROM clips WHERE id = ?", (clip_id,))

    # How

    def _go(self, change: Change | None, *, back: bool) -> Change | None:
        if change is None:
            return None
        row = self._row("changes", change.id)
        edits = [_Edit(*cells) for cells in json.loads(row["edits_json"])]
        if back:
            edits = [replace(e, before=e.after, after=e.before) for e in reversed(edits)]
        self._apply(edits)
        self._connection.execute(
            "UPDATE changes SET undone = ? WHERE id = ?", (int(back), change.id)
        )
        self._files_to_move |= any(edit.column == "pruned" for edit in edits)
        return change

    def _set(
        self,
        label: str,
        when: datetime,
        table: str,
        ids: Iterable[int],
        column: str,
        value: str | int,
    ) -> None:
        with self._writing():
            edits = [
                _Edit(table, id, column, self._row(table, id)[column], value)
                for id in dict.fromkeys(ids)
            ]
            self._change(label, when, edits)

    def _change(self, label: str, when: datetime, edits: Iterable[_Edit]) -> None:
        """Apply edits and log them, or leave that to the step that they are part of."""
        edits = [edit for edit in edits if edit.before != edit.after]
        self._apply(edits)
        if self._step is None:
            self._log(label, when, edits)
        else:
            self._step += edits

    def _log(self, label: str, when: datetime, edits: list[_Edit]) -> None:
        """What changes nothing is no step for undo."""
        if not edits:
            return
        self._connection.execute("DELETE FROM changes WHERE undone")
        cells = [[e.table, e.id, e.column, e.before, e.after] for e in edits]
        self._connection.execute(
            "INSERT INTO changes (label, edits_json, changed_at) VALUES (?, ?, ?)",
            (_text(label), json.dumps(cells), _date(when)),
        )

    def _apply(self, edits: Iterable[_Edit]) -> None:
        for edit in edits:
            if edit.column not in _CHANGEABLE[edit.table]:
                raise ValueError(f"{edit.table}.{edit.column} is no matter of changes")
            self._connection.execute(
                f"UPDATE {edit.table} SET {edit.column} = ? WHERE id = ?", (edit.after, edit.id)
            )

    def _next_change(self, which: str) -> Change | None:
        rows = self._connection_rows(f"SELECT * FROM changes {which} LIMIT 1")
        return records.change_of(rows[0]) if rows else None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        """One transaction, whole or not at all; calls inside become part of it."""
        with self._guard:
            self.check_writable()
            if self._depth:
                yield self._connection.execute
                return
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._depth = 1
                try:
                    yield self._connection.execute
                    self._connection.execute("COMMIT")
                finally:
                    self._depth = 0
                    if self._connection.in_transaction:
                        self._connection.rollback()
            except sqlite3.Error as error:
                raise JukeboxError(
                    f"The session in {self.folder} could not be written ({error}), so the last "
                    "change was not made. Make room on the disk, and try again."
                ) from error
            if self._files_to_move:
                self._files_to_move = False
                self._tidy()

    def _tidy(self) -> None:
        """Move files to the trash and back, as the rows say; a file in use is left for later.

        The rows are the truth: killed before this, the session does it when it is next opened.
        """
        with self._guard:
            gone, wanted = self.files(pruned=True), self.files(pruned=False)
            gone -= wanted
            for relative in gone:
                _move(self.folder / relative, self.folder / TRASH / relative)
            trash = self.folder / TRASH
            for path in [p for p in trash.rglob("*") if p.is_file()] if trash.is_dir() else []:
                relative = path.relative_to(trash).as_posix()
                if relative in wanted:
                    _move(path, self.folder / relative)

    def _rows(self, sql: str, order: str, build: Callable[[sqlite3.Row], T]) -> list[T]:
        """Rows as objects, in order; what damage took is left out, and told in `damage`."""
        rows: list[sqlite3.Row] = []
        with self._guard:
            # A damaged page ends a reading; from the other end the rows beyond it are reached.
            for direction in ("ASC", "DESC"):
                try:
                    rows += self._connection.execute(f"{sql} ORDER BY {order} {direction}")
                    break
                except sqlite3.DatabaseError as error:
                    self._tell(f"A part of the session in {self.folder} is unreadable ({error}).")
        found: dict[int, T] = {}
        # With the lock given back: a search through thousands must not hold up a window.
        for row in rows:
            try:
                found[row["id"]] = build(row)
            except records.UNREADABLE as error:
                self._tell(f"Row {row['id']} of these is unreadable: {sql} ({error}).")
        return [found[id] for id in sorted(found)]

    def _tell(self, sentence: str) -> None:
        if sentence not in self.damage:
            self.damage.append(sentence)

    def _connection_rows(self, sql: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        with self._guard:
            return self._connection.execute(sql, values).fetchall()

    def _row(self, table: str, id: int, select: str = "", column: str = "id") -> sqlite3.Row:
        rows = self._connection_rows(
            f"{select or f'SELECT * FROM {table}'} WHERE {column} = ?", (id,)
        )
        if not rows:
            raise JukeboxError(f"The session has no {table[:-1]} {id}.")
        return rows[0]

    def _variant_of(self, row: sqlite3.Row) -> Variant:
        return records.variant_of(row, self.folder, bool(row["is_gone"]))

    def _check_parent(self, parent_id: int, clip_id: int) -> None:
        parent = self.variant(parent_id)
        if parent.clip_id != clip_id:
            raise JukeboxError(f"Variant {parent_id} was not made of clip {clip_id}.")
        if parent.pruned:
            raise JukeboxError(f"Variant {parent_id} was pruned; undo that to go on from it.")

    def _relative(self, path: Path) -> str:
        """`path` as the database has it: relative to the session's folder, with slashes."""
        try:
            relative = Path(os.path.abspath(path)).relative_to(self.folder)
        except ValueError:
            raise JukeboxError(
                f"{path} lies outside the session's folder, {self.folder}; write it there."
            ) from None
        if relative.parts[:1] == (TRASH,):
            raise JukeboxError(f"{path} lies in the session's trash.")
        return relative.as_posix()


def _insert(execute: Callable[..., sqlite3.Cursor], table: str, **values: object) -> int:
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    cursor = execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(values.values()))
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _move(source: Path, target: Path) -> None:
    """Where both are there, or the file is in use, it stays: nothing is lost, and it is tried
    again when the session is next opened."""
    if source.is_file() and not target.exists():
        with contextlib.suppress(OSError):
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)


def _date(when: datetime) -> str:
    if when.tzinfo is None:
        raise ValueError("a date without a time zone means another moment elsewhere")
    return when.isoformat()


def _text(text: str) -> str:
    """As the database takes it: a half of a surrogate pair, out of a file name, is no text."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _folded(text: str) -> str:
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in split if not unicodedata.combining(c))
