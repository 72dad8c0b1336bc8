"""The jobs of a session as its queue wants them, and an engine whose results are kept there."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jukebox_studio import audio
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Event, VariantFinished
from jukebox_studio.job_queue import JOB_FILE, Job, QueuedJob, QueueState, Renderer
from jukebox_studio.request import Upsample
from jukebox_studio.session import Session
from jukebox_studio.session_records import Job as SessionJob
from jukebox_studio.session_records import Variant
from ui.helper_process import HELPER
from ui.shared import now
from ui.words import operation_name

MOST_MATCHING_DB = 12.0
LOUDNESS_SECONDS = 120
"""Of a clip's end, that its results are held against."""
_log = logging.getLogger(__name__)

_BY_WAY_OF = {
    # Where a save was missed (a full disk), a job may have gone two steps since.
    ("queued", "finished"): "running",
    ("paused", "finished"): "running",
}


class SessionJobStore:
    """The jobs of a session as the queue wants them; the session's rows are the only truth.

    States are written as they change. The order is not: it is the musician's to change and to
    undo, so `Project.move_job` writes it, and the queue follows.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._saved: dict[str, str] = {}

    def load(self) -> QueueState:
        """All that is not done with: finished and cancelled jobs are history."""
        jobs = self._session.jobs(over=False)
        self._saved = {str(job.id): job.state for job in jobs}
        return QueueState(tuple(self._queued(job) for job in jobs))

    def save(self, state: QueueState) -> None:
        for queued in state.jobs:
            before = self._saved.get(queued.job_id)
            if before == queued.state:
                continue
            if between := _BY_WAY_OF.get((before or "", queued.state)):
                self._session.set_job_state(int(queued.job_id), between)  # type: ignore[arg-type]
            self._session.set_job_state(int(queued.job_id), queued.state, queued.sentence)
            self._saved[queued.job_id] = queued.state

    def job_folder(self, job_id: str) -> Path:
        return self._session.job(int(job_id)).folder

    def added(self, job: SessionJob) -> Job:
        """A job that was just put into the session, for the queue."""
        self._saved[str(job.id)] = job.state
        return _queue_job(job)

    @staticmethod
    def _queued(job: SessionJob) -> QueuedJob:
        begun = job.state == "running" or (job.folder / JOB_FILE).is_file()
        return QueuedJob(_queue_job(job), job.state, job.sentence, has_begun=begun)


def _queue_job(job: SessionJob) -> Job:
    return Job(
        model=Path(job.model),
        request=job.request,
        out=job.results_folder,
        title=job_title(job),
        job_id=str(job.id),
        folder=job.folder,
    )


def job_title(job: SessionJob) -> str:
    """Such as "Continue · 8 bars · Ada"."""
    parts = (operation_name(job.operation), job.length_said, job.styles)
    return " · ".join(part for part in parts if part)


class RecordingEngine:
    """An engine whose results are in the session before the queue hears of them.

    So a job is never marked as finished while one of its variants is missing, whenever the program
    is killed.
    """

    def __init__(self, engine: Renderer, session: Session) -> None:
        self._engine = engine
        self._session = session

    def render(
        self, model: Path, request: dict[str, Any], out: Path, folder: Path | None
    ) -> Iterator[Event]:
        jobs = [job for job in self._session.jobs(over=False) if job.folder == folder]
        if not jobs:
            raise JukeboxError(f"The session has no job that works in {folder}.")
        return self._recorded(jobs[0], self._engine.render(model, request, out, folder))

    def _recorded(self, job: SessionJob, events: Iterator[Event]) -> Iterator[Event]:
        for event in events:
            if isinstance(event, VariantFinished):
                record_result(self._session, job, event)
            yield event

    def cancel(self) -> None:
        self._engine.cancel()

    def pause(self) -> None:
        self._engine.pause()

    def resume(self) -> None:
        self._engine.resume()

    def close(self) -> None:
        self._engine.close()


def record_result(session: Session, job: SessionJob, event: VariantFinished) -> Variant:
    """Put a result into the session. One of an upsampling takes the place of its preview."""
    described = described_by(event.description_path)
    job_id, number = job.id, event.variant
    if job.operation == Upsample.kind and job.parent_id is not None:
        parent = session.variant(job.parent_id)
        job_id, number = parent.job_id, parent.number
    return session.record_variant(
        job_id,
        number,
        seed=int(described.get("seed", job.request.get("seed", 0))),
        state="preview" if event.level else "full",
        audio_path=event.audio_path,
        codes_path=event.codes_path,
        gain_db=_matching_gain_db(session.clip(job.clip_id).sounding, event.audio_path),
        length_samples=event.length_samples,
        rate_hz=event.rate_hz,
        remarks=described.get("notes", ()),
        when=now(),
    )


def described_by(path: Path) -> dict[str, Any]:
    """The description that lies beside a result; empty where there is none that can be read."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _matching_gain_db(clip: Clip, path: Path) -> float:
    """What makes a result as loud as the clip, within reason; 0 where that cannot be measured."""
    length = min(clip.length_samples, LOUDNESS_SECONDS * clip.rate_hz)
    start = clip.start_samples + clip.length_samples - length
    try:
        own = HELPER.result(
            audio.loudness_of_file, clip.path, start_samples=start, length_samples=length
        )
        gain_db = own - HELPER.result(audio.loudness_of_file, path)
    except JukeboxError as error:
        _log.info("loudness is not matched: %s", error)
        return 0.0
    if not math.isfinite(gain_db):
        return 0.0
    return max(-MOST_MATCHING_DB, min(MOST_MATCHING_DB, gain_db))
