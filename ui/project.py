"""The open project: its session, its queue of renders, and what the window shows of them.

`Project` is the one place where the window's parts meet the session. Its methods raise
`JukeboxError` where the musician asked for what cannot be; what goes wrong later, in a thread or in
the engine, comes through `failed`. Its signals are sent on the thread that made the project.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, pyqtSignal

from jukebox_studio import audio
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Note, Preview, Progress, VariantFinished
from jukebox_studio.job_queue import (
    JobEvent,
    JobQueue,
    QueueChanged,
    QueuedJob,
    QueueState,
    Renderer,
)
from jukebox_studio.operations import continue_samples, result_position
from jukebox_studio.request import (
    Continue,
    Operation,
    Relyric,
    Request,
    Span,
    Upsample,
    Vary,
    request_from_json,
)
from jukebox_studio.session import Session
from jukebox_studio.session_records import Job as SessionJob
from jukebox_studio.session_records import SessionClip, Variant, Way
from jukebox_studio.style import Blend
from jukebox_studio.tempo import SongTime, checked_tempo
from jukebox_studio.tempo_detection import TempoGuess
from ui.background import Background
from ui.draft import asked_length, shown_name
from ui.new_clips import DawTempo, Looked, look_at
from ui.project_state import ProjectState, read_state, write_state
from ui.session_jobs import RecordingEngine, SessionJobStore, described_by
from ui.shared import SOURCE_LANE, Lane, now, variant_lane_id
from ui.words import change_name, operation_name, translate

LONGEST_WORD_SECONDS = 2.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Growing:
    """A variant that is being made, as far as it can be heard."""

    job_id: int
    number: int
    clip_id: int
    path: Path
    length_seconds: float
    rate_hz: int

    @property
    def lane_id(self) -> str:
        return f"growing-{self.job_id}-{self.number}"


class Project(QObject):
    """See the module. Use it from one thread; `close` it in the end."""

    clips_changed = pyqtSignal()
    variants_changed = pyqtSignal()
    jobs_changed = pyqtSignal()
    progressed = pyqtSignal(int, object)
    """Job and its Progress."""
    preview_grew = pyqtSignal(int, int, object, float, int)
    """Job, variant, path, length in seconds, rate."""
    clip_added = pyqtSignal(int)
    grown = pyqtSignal(str, str)
    """The lane of a growing variant, and the one that takes its place."""
    job_failed = pyqtSignal(int, str)
    """Job, and why."""
    variant_finished = pyqtSignal(int)
    told = pyqtSignal(str)
    failed = pyqtSignal(str)
    _news = pyqtSignal(object)

    def __init__(self, session: Session, engine: Renderer, parent: QObject | None = None) -> None:
        """Raises JukeboxError where the queue of the session cannot be read."""
        super().__init__(parent)
        self.session = session
        state = read_state(session.folder)
        self.guesses: dict[int, TempoGuess] = dict(state.guesses)
        """Of clips whose tempo was heard, not told, until the musician confirms it."""
        self.last_clip_id = state.clip_id
        """The clip that was worked on last, also in an earlier run of the program."""
        self.growing: dict[tuple[int, int], Growing] = {}
        self.upsampled: dict[str, float] = {}
        """How much of a lane that can be heard as a preview has its full quality, 0 to 1."""
        self._places: dict[int, tuple[float, tuple[float, ...]]] = {}
        self._operations: dict[int, str] = {}
        self._words: dict[Path, tuple[tuple[str, float], ...]] = {}
        """By the file of a variant's sound."""
        self._wanted_words: set[Path] = set()
        self._background = Background(self)
        self._background.failed.connect(self.failed)
        # One at a time: the last is to be kept. A full disk is told of by what matters more.
        self._state_keeper = Background(self, threads=1)
        self._queue_state = QueueState()
        self._is_left = False
        # Before anything is observed: it brings what the queue's thread says to this one.
        self._news.connect(self._on_news)
        self.queue: JobQueue | None = None
        if not session.read_only:
            self._store = SessionJobStore(session)
            self.queue = JobQueue(RecordingEngine(engine, session), self._store)
            self._queue_state = self.queue.state
            self._stop_observing = self.queue.observe(self._news.emit)
        else:
            engine.close()

    @property
    def name(self) -> str:
        return self.session.folder.name

    # Clips

    def add_file(
        self,
        path: Path,
        then: Callable[[SessionClip], None] | None = None,
        daw_tempo: DawTempo | None = None,
    ) -> None:
        """Look at a file in the background and put it into the inbox; `failed` says why not.

        daw_tempo: what it gets where it says none itself.
        """
        self.session.check_writable()
        self.told.emit(self.tr("Listening to {name} …").format(name=path.name))

        def taken(result: Looked) -> None:
            name = path.stem
            with self.session.one_step("Add clip", when=now()):
                added = self.session.add_clip(result.clip, when=now(), name=name)
                self.session.note_clip(added.id, result.said, when=now())
            if result.guess is not None:
                self.guesses[added.id] = result.guess
                self._keep_state()
            self._added(added)
            self.told.emit(self.tr("{name}: {said}").format(name=name, said=result.said))
            if then is not None:
                then(added)

        self._background.start(lambda: look_at(path, daw_tempo), taken)

    def add_clip(self, clip: Clip, name: str | None = None) -> SessionClip:
        """A clip whose time is known, as a DAW sends it."""
        added = self.session.add_clip(clip, when=now(), name=name)
        self._added(added)
        return added

    def _added(self, added: SessionClip) -> None:
        # The DAW's file may vanish with the take it belongs to.
        self._background.start(lambda: self.session.copy_audio(added.id), self._copied)
        self.clips_changed.emit()
        self.clip_added.emit(added.id)

    def _copied(self, _: object) -> None:
        self.clips_changed.emit()

    def set_tempo(self, clip_id: int, tempo_bpm: float, meter: str = "4/4") -> None:
        """The musician's word on a clip's tempo, steady from its start."""
        clip = self.session.clip(clip_id).clip
        song = SongTime.steady(checked_tempo(tempo_bpm), meter)
        self.session.update_clip(clip_id, replace(clip, song=song), when=now())
        if self.guesses.pop(clip_id, None) is not None:
            self._keep_state()
        self._places.clear()
        self.clips_changed.emit()

    def work_on(self, clip_id: int) -> None:
        """Remembered, for when the project is opened again."""
        if clip_id != self.last_clip_id:
            self.last_clip_id = clip_id
            self._keep_state()

    def _keep_state(self) -> None:
        if self.session.read_only:
            return
        state = ProjectState(self.last_clip_id, dict(self.guesses))
        self._state_keeper.start(lambda: write_state(self.session.folder, state), lambda _: None)

    def set_lyrics(self, clip_id: int, lyrics: str) -> None:
        """What the clip sings."""
        clip = self.session.clip(clip_id).clip
        self.session.update_clip(clip_id, replace(clip, lyrics=lyrics), when=now())
        self.clips_changed.emit()

    def rename_clip(self, clip_id: int, name: str) -> None:
        self.session.rename_clip(clip_id, name, when=now())
        self.clips_changed.emit()

    def note_clip(self, clip_id: int, notes: str) -> None:
        self.session.note_clip(clip_id, notes, when=now())
        self.clips_changed.emit()

    def prune_clip(self, clip_id: int) -> None:
        self.session.prune_clip(clip_id, when=now())
        self.clips_changed.emit()
        self.variants_changed.emit()

    # Variants

    def rename(self, variant_id: int, name: str) -> None:
        self.session.rename(variant_id, name, when=now())
        self.variants_changed.emit()

    def note(self, variant_id: int, notes: str) -> None:
        self.session.note(variant_id, notes, when=now())
        self.variants_changed.emit()

    def rate(self, variant_ids: Iterable[int], rating: int) -> None:
        self.session.rate(variant_ids, rating, when=now())
        self.variants_changed.emit()

    def hide(self, variant_ids: Iterable[int], hidden: bool = True) -> None:
        self.session.hide(variant_ids, hidden, when=now())
        self.variants_changed.emit()

    def prune(self, variant_ids: Iterable[int]) -> None:
        self.session.prune(variant_ids, when=now())
        self.variants_changed.emit()

    def branch(self, variant_id: int, name: str = "") -> Variant:
        made = self.session.branch(variant_id, name, when=now())
        self.variants_changed.emit()
        return made

    def clip_of_variant(self, variant_id: int) -> Clip:
        """A variant as the clip of a next request, at its place in the song."""
        variant = self.session.variant(variant_id)
        own = self.session.clip(variant.clip_id).clip
        return replace(
            own,
            path=variant.audio_path,
            start_samples=0,
            length_samples=variant.length_samples,
            rate_hz=variant.rate_hz,
            timeline_rate_hz=variant.rate_hz,
            position_samples=self.position_samples(variant_id),
            name=self.variant_name(variant),
            lyrics="",
        )

    def variant_name(self, variant: Variant) -> str:
        return variant.name or self.tr("Variant {number}").format(number=variant.number + 1)

    # Undo

    def undo(self) -> None:
        self._after_change(self.session.undo(), self.tr("Undone: {what}"))

    def redo(self) -> None:
        self._after_change(self.session.redo(), self.tr("Done again: {what}"))

    def _after_change(self, change: Any, sentence: str) -> None:
        if change is None:
            return
        self._places.clear()
        self._follow_order()
        self.clips_changed.emit()
        self.variants_changed.emit()
        self.told.emit(sentence.format(what=change_name(change.label)))

    # Rendering

    def generate(
        self,
        request: Request,
        model: Path,
        clip_id: int,
        parent_id: int | None = None,
    ) -> SessionJob:
        """Put a request at the end of the queue. JukeboxError where it cannot be kept."""
        queue = self._writable_queue()
        request = replace(request, date=now())
        if parent_id is not None and request.codes_path is None:
            request = replace(request, codes_path=self.session.variant(parent_id).codes_path)
        length = length_said(request)
        if isinstance(request.operation, Upsample) and parent_id is not None:
            length = self.session.job(self.session.variant(parent_id).job_id).length_said
        job = self.session.add_job(
            request.to_json(),
            clip_id,
            when=now(),
            parent_id=parent_id,
            operation=request.operation.kind,
            styles=styles_said(request),
            length_said=length,
            model=str(model),
        )
        try:
            queue.add(self._store.added(job))
        except JukeboxError:
            self.session.set_job_state(job.id, "cancelled")
            raise
        return job

    def upsample(self, variant_id: int, model: Path | None = None) -> SessionJob:
        """A preview in full quality, by the model that made it."""
        variant = self.session.variant(variant_id)
        if variant.state == "full":
            raise JukeboxError(
                self.tr("{name} has its full quality already.").format(
                    name=self.variant_name(variant)
                )
            )
        made_by = self.session.job(variant.job_id)
        asked = request_from_json(made_by.request)
        request = replace(
            asked,
            operation=Upsample(),
            codes_path=variant.codes_path,
            preview_only=False,
            variants=1,
            first_variant=variant.number,
        )
        return self.generate(request, model or Path(made_by.model), variant.clip_id, variant_id)

    @property
    def queued(self) -> tuple[QueuedJob, ...]:
        """The queue as it was last told."""
        return self._queue_state.jobs

    @property
    def is_paused(self) -> bool:
        return self._queue_state.is_paused

    def progress(self, job_id: int) -> Progress | None:
        return self.queue.progress(str(job_id)) if self.queue else None

    def pause(self, job_id: int | None = None) -> None:
        """One job, or the queue."""
        self._writable_queue().pause(None if job_id is None else str(job_id))

    def resume(self, job_id: int | None = None) -> None:
        self._writable_queue().resume(None if job_id is None else str(job_id))

    def cancel(self, job_id: int) -> None:
        self._writable_queue().cancel(str(job_id))

    def dismiss(self, job_id: int) -> None:
        """Take a job that failed or ended off the list, for good."""
        queue = self._writable_queue()
        if queue.state.of(str(job_id)).state == "failed":
            queue.cancel(str(job_id))
            self.session.set_job_state(job_id, "cancelled")
        queue.remove(str(job_id))

    def move_job(self, job_id: int, before_id: int | None) -> None:
        """Before another waiting job, or to the end; can be undone."""
        self._writable_queue()
        self.session.move_job(job_id, before_id, when=now())
        self._follow_order()

    def _follow_order(self) -> None:
        """Let the queue have the session's order."""
        if self.queue is None:
            return
        there = {queued.job_id for queued in self.queue.jobs}
        jobs = self.session.jobs(over=False)
        waiting = [str(job.id) for job in jobs if job.state in ("queued", "paused")]
        waiting = [job_id for job_id in waiting if job_id in there]
        for before, after in pairwise(waiting):
            self.queue.move(after, after=before)

    def _writable_queue(self) -> JobQueue:
        self.session.check_writable()
        assert self.queue is not None
        return self.queue

    # What is heard and seen

    def lanes(
        self, clip_id: int, variants: Sequence[Variant] | None = None, *, hidden: bool = False
    ) -> list[Lane]:
        """A clip and what was made of it, in the order of the tree; growing ones last.

        variants: those of the clip, where they have been read already.
        """
        clip = self.session.clip(clip_id)
        sounding = clip.sounding
        length = sounding.length_samples / sounding.rate_hz
        lanes = [
            Lane(
                SOURCE_LANE,
                clip.name,
                sounding.path,
                float(sounding.start_seconds),
                length,
                length,
                False,
                0.0,
                (),
            )
        ]
        for variant in self.session.variants(clip_id) if variants is None else variants:
            if hidden or not variant.hidden:
                lanes.append(self._lane_of(variant))
        lanes += [self._growing_lane(g) for g in self.growing.values() if g.clip_id == clip_id]
        self._read_words()
        return lanes

    def _read_words(self) -> None:
        """Of the lanes that were asked for, in the background; then they have changed."""
        wanted, self._wanted_words = self._wanted_words, set()
        if not wanted:
            return

        def take(read: dict[Path, tuple[tuple[str, float], ...]]) -> None:
            self._words.update(read)
            if any(read.values()):
                self.variants_changed.emit()

        self._background.start(
            lambda: {path: read_words(path.with_suffix(".json")) for path in wanted}, take
        )

    def _lane_of(self, variant: Variant) -> Lane:
        start, joins = self._place(variant.job_id)
        length = variant.length_samples / variant.rate_hz
        words = tuple(
            (word, start + begin, start + end) for word, begin, end in self._words_of(variant)
        )
        return Lane(
            variant_lane_id(variant.id),
            self.variant_name(variant),
            variant.audio_path,
            start,
            length,
            length,
            variant.state == "preview",
            variant.gain_db,
            joins,
            words,
            variant.rating,
            variant.hidden,
            self._asked_for(variant.job_id),
        )

    def _growing_lane(self, growing: Growing) -> Lane:
        start, joins = self._place(growing.job_id)
        job = self.session.job(growing.job_id)
        asked = request_from_json(job.request)
        whole = asked_seconds(asked.clip, asked.operation)
        return Lane(
            growing.lane_id,
            self.tr("Variant {number}").format(number=growing.number + 1),
            growing.path,
            start,
            max(whole, growing.length_seconds),
            growing.length_seconds,
            True,
            0.0,
            joins,
            asked_for=self._asked_for(growing.job_id),
        )

    def _asked_for(self, job_id: int) -> str:
        if job_id not in self._operations:
            self._operations[job_id] = operation_name(self.session.job(job_id).operation)
        return self._operations[job_id]

    def _place(self, job_id: int) -> tuple[float, tuple[float, ...]]:
        """Where on the timeline a job's results start, and where they are joined, in seconds."""
        if job_id not in self._places:
            self._places[job_id] = self._placed(job_id)
        return self._places[job_id]

    def _placed(self, job_id: int) -> tuple[float, tuple[float, ...]]:
        try:
            request = request_from_json(self.session.job(job_id).request)
        except JukeboxError as error:
            _log.warning("job %d: %s", job_id, error)
            return 0.0, ()
        clip, operation = request.clip, request.operation
        start = result_position(clip, operation) / clip.timeline_rate_hz
        if isinstance(operation, Continue):
            return start, (start,)
        spans: tuple[Span, ...] = ()
        if isinstance(operation, Vary):
            spans = operation.spans
        elif isinstance(operation, Relyric):
            spans = (operation.span,)
        ends = [s / clip.rate_hz for span in spans for s in (span.start_samples, span.end_samples)]
        length = clip.length_samples / clip.rate_hz
        return start, tuple(start + end for end in ends if 0 < end < length)

    def _words_of(self, variant: Variant) -> tuple[tuple[str, float, float], ...]:
        path = variant.audio_path
        if path not in self._words:
            self._words[path] = ()
            self._wanted_words.add(path)
        words = self._words[path]
        return sung_words(words, variant.length_samples / variant.rate_hz) if words else ()

    # Out of the project

    def export(
        self,
        variant_id: int,
        *,
        as_flac: bool = False,
        between_seconds: tuple[float, float] | None = None,
    ) -> Path:
        """A file of a variant in the exports folder.

        between_seconds: a stretch of it alone, on the timeline. JukeboxError where it cannot be
        written.
        """
        variant = self.session.variant(variant_id)
        source: Path | None = None
        named = ""
        if as_flac or between_seconds:
            start, _ = self._place(variant.job_id)
            source, named = rendered_again(variant, start, as_flac, between_seconds)
        return self.session.export_variant(variant_id, when=now(), source=source, number_name=named)

    def placed(
        self,
        variant_id: int,
        path: Path,
        how: Way,
        *,
        daw: str = "",
        track: str = "",
        position_samples: int | None = None,
        timeline_rate_hz: int | None = None,
    ) -> None:
        """Note that a file of a variant went out, and where to."""
        if not self.session.read_only:
            self.session.record_placement(
                variant_id,
                path,
                how,
                when=now(),
                daw=daw,
                track=track,
                position_samples=position_samples,
                timeline_rate_hz=timeline_rate_hz,
            )

    def position_samples(self, variant_id: int) -> int:
        """Where a variant starts on the timeline, at its own rate."""
        variant = self.session.variant(variant_id)
        start_seconds, _ = self._place(variant.job_id)
        return round(start_seconds * variant.rate_hz)

    # Ending

    def leave(self) -> None:
        """Tell of nothing any more. Then only `close` may be called, in whatever thread."""
        self._is_left = True
        self.blockSignals(True)

    def close(self) -> None:
        """End the engine and let another window have the session. What ran goes on next time."""
        if self.queue is not None:
            self._stop_observing()
            self.queue.close()
            self.queue = None
        self._background.close()
        self._state_keeper.wait()
        self._state_keeper.close()
        self.session.close()

    # What other threads say

    def _on_news(self, news: JobEvent | QueueChanged) -> None:
        if self._is_left:
            return
        if isinstance(news, QueueChanged):
            self._on_queue(news)
            return
        job_id, event = int(news.job_id), news.event
        if isinstance(event, Progress):
            self._note_upsampled(job_id, event)
            self.progressed.emit(job_id, event)
        elif isinstance(event, Preview):
            self._on_preview(job_id, event)
        elif isinstance(event, VariantFinished):
            self._on_variant(job_id, event)
        elif isinstance(event, Note):
            self.told.emit(event.text)

    def _note_upsampled(self, job_id: int, progress: Progress) -> None:
        lanes = [growing.lane_id for growing in self.growing.values() if growing.job_id == job_id]
        if not lanes:  # a preview that is finished, and made better
            job = self.session.job(job_id)
            if job.operation == Upsample.kind and job.parent_id is not None:
                lanes = [variant_lane_id(job.parent_id)]
        for lane in lanes:
            if progress.level == 0:
                self.upsampled[lane] = progress.done / max(1, progress.total)

    def _on_preview(self, job_id: int, event: Preview) -> None:
        length = event.length_samples / event.rate_hz
        key = job_id, event.variant
        job = self.session.job(job_id)
        self.growing[key] = Growing(
            job_id, event.variant, job.clip_id, event.audio_path, length, event.rate_hz
        )
        self.preview_grew.emit(job_id, event.variant, event.audio_path, length, event.rate_hz)

    def _on_variant(self, job_id: int, event: VariantFinished) -> None:
        growing = self.growing.pop((job_id, event.variant), None)
        clip_id = self.session.job(job_id).clip_id
        variants = self.session.variants(clip_id)
        made = [v for v in variants if v.audio_path == event.audio_path]
        if growing is not None and made:
            self.grown.emit(growing.lane_id, variant_lane_id(made[0].id))
        self.variants_changed.emit()
        if made:
            self.variant_finished.emit(made[0].id)

    def _on_queue(self, news: QueueChanged) -> None:
        before = {queued.job_id: queued.state for queued in self._queue_state.jobs}
        self._queue_state = news.state
        if news.fault:
            self.failed.emit(news.fault)
        for queued in news.state.jobs:
            # News may skip states: a job that fails at once is first seen when it is over.
            if queued.is_over and before.get(queued.job_id) != queued.state:
                self._forget_growing(int(queued.job_id))
                self.upsampled.clear()  # one job at a time, and it is over
                if queued.state == "failed":
                    self.job_failed.emit(int(queued.job_id), queued.sentence)
        self.jobs_changed.emit()

    def _forget_growing(self, job_id: int) -> None:
        """What was heard of an ended job: its results are there, or it will not go on by itself."""
        left = [key for key in self.growing if key[0] == job_id]
        for key in left:
            del self.growing[key]
        if left:
            self.variants_changed.emit()


def read_words(path: Path) -> tuple[tuple[str, float], ...]:
    """Of the description at `path`; none where there are none."""
    return tuple(words_in_time(described_by(path).get("lyrics") or {}))


def words_in_time(told: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """(word, second at which it begins) from the times of characters in a description."""
    text, times = str(told.get("text", "")), told.get("sung_at_seconds", [])
    if len(text) != len(times):
        return
    for found in re.finditer(r"\S+", text):
        yield found[0], float(times[found.start()])


def sung_words(
    words: Iterable[tuple[str, float]], length_seconds: float
) -> tuple[tuple[str, float, float], ...]:
    """Word, begin and end of those that lie in a result. Where several begin at once, since a model
    hears no finer than a code, they share the time until the next."""
    groups = [
        (start, [word for word, _ in group])
        for start, group in groupby(words, key=lambda word: word[1])
        if 0 <= start < length_seconds
    ]
    ends = [*(start for start, _ in groups[1:]), length_seconds]
    sung = []
    for (start, group), end in zip(groups, ends, strict=False):
        each = min((end - start) / len(group), LONGEST_WORD_SECONDS)
        sung += [(word, start + n * each, start + (n + 1) * each) for n, word in enumerate(group)]
    return tuple(sung)


def rendered_again(
    variant: Variant,
    start_seconds: float,
    as_flac: bool,
    between_seconds: tuple[float, float] | None,
) -> tuple[Path, str]:
    """A variant as another file beside it, and what its name says of the stretch.

    The sound is the same, sample by sample; where on the timeline it lies goes with it.
    """
    from jukebox_studio import provenance

    first, last = 0, variant.length_samples
    suffix, named = (".flac" if as_flac else variant.audio_path.suffix), ""
    stem = variant.audio_path.stem
    if between_seconds:
        a, b = (round((t - start_seconds) * variant.rate_hz) for t in between_seconds)
        first, last = max(0, a), min(last, b)
        if last <= first:
            raise JukeboxError(
                translate("Project", "The selection lies beside this variant; select a part of it.")
            )
        named = f"{first / variant.rate_hz:.2f}-{last / variant.rate_hz:.2f} s"
        stem += f"-{first}-{last}"
    path = variant.audio_path.with_name(stem + suffix)
    if not path.is_file():
        sound = audio.read(variant.audio_path, start_samples=first, length_samples=last - first)
        made = provenance.read_provenance(variant.audio_path)
        if made is None:
            audio.write(path, sound.samples, sound.rate_hz)
        else:
            moved = replace(made, time_reference_samples=made.time_reference_samples + first)
            provenance.write(path, sound.samples, sound.rate_hz, moved)
    return path, named


def styles_said(request: Request) -> str:
    """Whom it should sound like, for lists and searches."""
    told = []
    for point in request.style.points:
        blends = [blend_said(point.artists), blend_said(point.genres)]
        told.append(" / ".join(blend for blend in blends if blend))
    return " → ".join(text for text in told if text)


def blend_said(blend: Blend) -> str:
    """Such as "Ada 75 %, Cy 25 %"; shares are left out where all have the same."""
    whole = sum(part.weight for part in blend)
    if not whole or len({part.weight for part in blend}) == 1:
        return ", ".join(shown_name(part.name) for part in blend)
    return ", ".join(f"{shown_name(p.name)} {100 * p.weight / whole:.0f} %" for p in blend)


def length_said(request: Request) -> str:
    """Such as "8 bars", or how long the clip is."""
    operation = request.operation
    if isinstance(operation, Continue):
        return asked_length(operation.length, operation.unit)
    seconds = request.clip.length_samples / request.clip.rate_hz
    return f"{seconds:.1f} s"


def asked_seconds(clip: Clip, operation: Operation) -> float:
    """How long a result will be."""
    if isinstance(operation, Continue):
        length, _ = continue_samples(clip, operation)
        return length / clip.timeline_rate_hz
    return clip.length_samples / clip.rate_hz
