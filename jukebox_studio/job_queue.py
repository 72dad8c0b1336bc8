"""The queue of renders, for the window, the bridge and the commands. No torch.

`QueueState` is the queue as data, and what can be done to it; `JobQueue` runs it on an engine, one
job at a time, from a thread of its own, and keeps every change in a `JobStore`.

queue = JobQueue(EngineClient(), FolderJobStore(folder))
queue.observe(print)
job_id = queue.add(Job(bundle_folder, request.to_json(), out))
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from filelock import FileLock, Timeout
from pydantic import TypeAdapter

from jukebox_studio.bundle import MANIFEST
from jukebox_studio.edges import checked
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Cancelled, Event, Failed, Finished, Progress
from jukebox_studio.files import write_atomically
from jukebox_studio.worker_link import Mailbox, event_key

JOB_FILE = "job.json"
INTERRUPTED = (
    "The program ended while this job ran. Resume it, and it goes on from its last finished window."
)

_log = logging.getLogger(__name__)

# The queue as data ------------------------------------------------------------------------------

JobStateName = Literal["queued", "running", "paused", "finished", "failed", "cancelled"]


@dataclass(frozen=True)
class Job:
    """One render to be made: all that the engine needs for it."""

    model: Path
    """The bundle's folder."""
    request: dict[str, Any]
    """A request's JSON; the queue knows no more of it."""
    out: Path
    title: str = ""
    """For people."""
    job_id: str = field(default_factory=lambda: secrets.token_hex(4))
    folder: Path | None = None
    """Keeps what is done; None: as the store says."""


@dataclass(frozen=True)
class QueuedJob:
    """A job and how it stands. The order of jobs is that of the tuple they are in."""

    job: Job
    state: JobStateName = "queued"
    sentence: str = ""
    """Why it failed, or what became of it; for people."""
    has_begun: bool = False
    """Whether its folder may hold work, from which it goes on."""

    @property
    def job_id(self) -> str:
        return self.job.job_id

    @property
    def is_over(self) -> bool:
        return self.state in ("finished", "failed", "cancelled")


@dataclass(frozen=True)
class QueueState:
    """All jobs in their order. Every change is a new state; JobQueue holds the current one."""

    jobs: tuple[QueuedJob, ...] = ()
    is_paused: bool = False

    def of(self, job_id: str) -> QueuedJob:
        for queued in self.jobs:
            if queued.job_id == job_id:
                return queued
        raise JukeboxError(f"The queue has no job {job_id!r}; it may have been removed.")

    def next(self) -> QueuedJob | None:
        """The one whose turn it is."""
        if self.is_paused:
            return None
        return next((queued for queued in self.jobs if queued.state == "queued"), None)

    def added(self, job: Job) -> QueueState:
        if any(queued.job_id == job.job_id for queued in self.jobs):
            raise JukeboxError(f"The queue has a job {job.job_id!r} already.")
        for queued in self.jobs:
            if job.folder and queued.job.folder == job.folder and not queued.is_over:
                raise JukeboxError(
                    f"The job {queued.job_id} in the queue works in {job.folder} already; give "
                    "this one a folder of its own."
                )
        return replace(self, jobs=(*self.jobs, QueuedJob(job)))

    def changed(self, job_id: str, **values: Any) -> QueueState:
        """With other values of one job's QueuedJob."""
        now = replace(self.of(job_id), **values)
        return replace(self, jobs=tuple(now if q.job_id == job_id else q for q in self.jobs))

    def moved(
        self, job_id: str, *, before: str | None = None, after: str | None = None
    ) -> QueueState:
        """Before or after another; with neither, before all that wait."""
        moving = self.of(job_id)
        rest = [queued for queued in self.jobs if queued.job_id != job_id]
        if before is not None and after is not None:
            raise JukeboxError("A job moves before another or after one, not both.")
        if job_id in (before, after):
            return self
        if before is None and after is None:
            place = next(
                (i for i, q in enumerate(rest) if q.state == "queued" or not q.has_begun), len(rest)
            )
        else:
            neighbour = self.of(before or after or "")
            place = rest.index(neighbour) + (after is not None)
        return replace(self, jobs=(*rest[:place], moving, *rest[place:]))

    def cancelled(self, job_id: str) -> QueueState:
        """Of a job that does not run."""
        if self.of(job_id).is_over:
            return self
        return self.changed(job_id, state="cancelled", sentence="")

    def held(self, job_id: str) -> QueueState:
        """A waiting job, passed by until it is resumed."""
        if self.of(job_id).state != "queued":
            return self
        return self.changed(job_id, state="paused")

    def resumed(self, job_id: str) -> QueueState:
        """A paused, failed or cancelled job waits again; it goes on from what its folder holds."""
        if self.of(job_id).state not in ("paused", "failed", "cancelled"):
            return self
        return self.changed(job_id, state="queued", sentence="")

    def removed(self, job_id: str) -> QueueState:
        """Without a job. Its folder stays."""
        if self.of(job_id).state == "running":
            raise JukeboxError(f"The job {job_id} is running; cancel it first.")
        return replace(self, jobs=tuple(q for q in self.jobs if q.job_id != job_id))

    def after_interruption(self) -> QueueState:
        """As it comes back after the program ended: a job that ran is offered, the rest waits."""
        state = self
        for queued in self.jobs:
            if queued.state == "running" or (queued.state == "paused" and queued.has_begun):
                state = state.changed(queued.job_id, state="paused", sentence=INTERRUPTED)
                state = replace(state, is_paused=True)
        return state

    def unpaused(self) -> QueueState:
        """Running, with the jobs that were interrupted; those that were held stay so."""
        state = replace(self, is_paused=False)
        for queued in self.jobs:
            if queued.state == "paused" and queued.has_begun:
                state = state.resumed(queued.job_id)
        return state

    def to_json(self) -> dict[str, Any]:
        values: dict[str, Any] = _STATE.dump_python(self, mode="json")
        return {"version": 1, **values}


_STATE = TypeAdapter(QueueState)


def queue_state_from_json(data: Any) -> QueueState:
    """The state that `to_json` wrote; JukeboxError names the field that is wrong."""
    if not isinstance(data, dict) or data.get("version") != 1:
        raise JukeboxError("The queue was written by another version of Jukebox Studio.")
    values = {key: value for key, value in data.items() if key != "version"}
    return checked(_STATE, values, "The queue cannot be read")


# Where it is kept -------------------------------------------------------------------------------


class JobStore(Protocol):
    """Keeps a queue where the death of the program does not reach it."""

    def load(self) -> QueueState:
        """What was saved last, as it was."""

    def save(self, state: QueueState) -> None:
        """In one step: a kill leaves this state or the one before. JukeboxError on a full disk."""

    def job_folder(self, job_id: str) -> Path:
        """Where a job may keep its work."""


class FolderJobStore:
    """A queue in a folder, for one program at a time: queue.json, and the jobs' folders in jobs/.

    Raises JukeboxError where another program has the folder, or it cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Any thread may close it. The lock is the system's: it ends with the process.
        self._lock = FileLock(folder / ".lock", thread_local=False, fallback_to_soft=False)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise QueueInUse(
                f"Another program is working on the queue in {folder}; end it there, or choose "
                "another folder."
            ) from None
        except OSError as error:
            raise JukeboxError(
                f"The queue's folder {folder} cannot be used ({error.strerror or error}); choose "
                "one where you may write."
            ) from error

    def load(self) -> QueueState:
        return read_queue(self.folder)

    def save(self, state: QueueState) -> None:
        content = json.dumps(state.to_json(), indent=1) + "\n"
        write_atomically(self.folder / "queue.json", content.encode())

    def job_folder(self, job_id: str) -> Path:
        return self.folder / "jobs" / job_id

    def close(self) -> None:
        self._lock.release()

    def __enter__(self) -> FolderJobStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class QueueInUse(JukeboxError):
    """Another program has the queue's folder."""


def read_queue(folder: Path) -> QueueState:
    """The queue in a folder, whoever works on it; empty where there is none yet."""
    path = folder / "queue.json"
    try:
        return queue_state_from_json(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return QueueState()
    except (OSError, ValueError, JukeboxError) as error:
        raise JukeboxError(
            f"{path} cannot be read ({error}). Move it away to begin a new queue; what the jobs "
            f"have done lies in {folder / 'jobs'}, and 'jukebox-studio resume' goes on with each."
        ) from error


@dataclass(frozen=True)
class _Described:
    request: dict[str, Any]
    model_folder: Path
    out: Path


def job_of_folder(folder: Path) -> Job:
    """The job that a folder holds the work of, from its job.json.

    Raises JukeboxError where there is none, or it does not say which.
    """
    path = folder / JOB_FILE
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise JukeboxError(
            f"{folder} holds no job to resume: it has no {JOB_FILE}. Name the folder of a job."
        ) from None
    except (OSError, ValueError) as error:
        raise JukeboxError(f"{path} cannot be read: {error}.") from error
    described = checked(TypeAdapter(_Described), data, f"{path} cannot be read")
    return Job(described.model_folder, described.request, described.out, folder=folder)


# Running it -------------------------------------------------------------------------------------


class Renderer(Protocol):
    """What a queue runs jobs on; EngineClient is one."""

    def render(
        self, model: Path, request: dict[str, Any], out: Path, folder: Path | None
    ) -> Iterator[Event]: ...
    def cancel(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class JobEvent:
    """Something that a job's render told."""

    job_id: str
    event: Event


@dataclass(frozen=True)
class QueueChanged:
    """The queue as it is now."""

    state: QueueState
    fault: str = ""
    """What is wrong, as a sentence: it could not be saved, or another observer failed."""


Observer = Callable[[JobEvent | QueueChanged], None]


class JobQueue:
    """Runs the jobs of a queue in their order, one at a time; no job's end is the queue's.

    Every method may be called from any thread and returns at once. Observers are called from one
    thread of the queue's own, never under a lock, so they may call the queue; a slow one delays
    the others and no render, and of what it missed it gets the last state and the last progress.
    What was saved comes back: a job that ran when the program ended is paused with a sentence, and
    so is the queue, until `resume` or `cancel` says what is to become of it.
    """

    def __init__(self, engine: Renderer, store: JobStore, *, start_paused: bool = False) -> None:
        """Raises JukeboxError where what was saved cannot be read."""
        self._engine = engine
        self._store = store
        self._state = store.load().after_interruption()
        if start_paused:
            self._state = replace(self._state, is_paused=True)
        self._fault = ""
        self._changed = threading.Condition()
        """Guards all below and every change of the state; reading that takes no lock."""
        self._active: str | None = None
        self._is_rendering = False
        self._is_cancelled = False
        self._is_closed = False
        self._progress: dict[str, Progress] = {}
        self._observers: tuple[Observer, ...] = ()
        self._failed: list[Observer] = []
        """Those of which the others have heard."""
        self._news = Mailbox()
        self._threads = [
            threading.Thread(target=self._run, name="jobs", daemon=True),
            threading.Thread(target=self._notify, name="job observers", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def state(self) -> QueueState:
        return self._state

    @property
    def jobs(self) -> tuple[QueuedJob, ...]:
        return self._state.jobs

    def progress(self, job_id: str) -> Progress | None:
        """The last report of a job that runs or ran."""
        return self._progress.get(job_id)

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Call `observer` from now on, at first with the queue as it is; returns how to stop."""
        with self._changed:
            self._observers = (*self._observers, observer)
        self._tell_state()

        def stop() -> None:
            with self._changed:
                self._observers = tuple(o for o in self._observers if o is not observer)

        return stop

    def add(self, job: Job) -> str:
        """Put a job at the end; returns its id. JukeboxError where id or folder are taken."""
        if job.folder is None:
            job = replace(job, folder=self._store.job_folder(job.job_id))
        with self._changed:
            self._set(self._state.added(job))
        return job.job_id

    def move(self, job_id: str, *, before: str | None = None, after: str | None = None) -> None:
        """Before or after another job; with neither, before all that wait."""
        with self._changed:
            self._set(self._state.moved(job_id, before=before, after=after))

    def cancel(self, job_id: str) -> None:
        """A waiting job, or the running one within a step; `resume` takes it back."""
        with self._changed:
            if job_id != self._active:
                self._set(self._state.cancelled(job_id))
                return
            self._is_cancelled = True
            if self._is_rendering:
                self._engine.cancel()

    def pause(self, job_id: str | None = None) -> None:
        """Hold one job, or the whole queue with the job that runs.

        A running job keeps the model and its turn; a waiting one is passed by.
        """
        with self._changed:
            state = self._state
            if job_id is None:
                state = replace(state, is_paused=True)
            if self._active is not None and job_id in (None, self._active):
                state = state.changed(self._active, state="paused")
                if self._is_rendering:
                    self._engine.pause()
            elif job_id is not None:
                state = state.held(job_id)
            self._set(state)

    def resume(self, job_id: str | None = None) -> None:
        """Let go on what was paused: one job, or the queue with what was interrupted.

        A failed or cancelled job waits for its turn again.
        """
        with self._changed:
            state = self._state
            if self._active is not None and job_id in (None, self._active):
                if state.of(self._active).state == "paused":
                    state = state.changed(self._active, state="running")
                    if self._is_rendering:
                        self._engine.resume()
            elif job_id is not None:
                state = state.resumed(job_id)
            self._set(state.unpaused() if job_id is None else state)

    def remove(self, job_id: str) -> None:
        """Take a job off the list; one that runs must be cancelled first. Its folder stays."""
        with self._changed:
            if job_id == self._active:
                raise JukeboxError(f"The job {job_id} is running; cancel it first.")
            self._set(self._state.removed(job_id))
            self._progress.pop(job_id, None)

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Until no job runs or has its turn; whether that came in time."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._is_closed or (self._active is None and self._state.next() is None),
                timeout_seconds,
            )

    def close(self) -> None:
        """End the engine. The job that ran waits again, and goes on when the queue is opened."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._engine.close()
        runner, notifier = self._threads
        runner.join()
        self._news.close()  # what was told until now is still given
        if notifier is not threading.current_thread():
            notifier.join()

    def __enter__(self) -> JobQueue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # From here on in the queue's own threads; _set also from others, under the lock.

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed or self._state.next())
                queued = self._state.next()
                if self._is_closed or queued is None:
                    return
                job = queued.job
                self._active, self._is_cancelled = job.job_id, False
                self._set(self._state.changed(job.job_id, state="running", has_begun=True))
            ending = self._render(job)
            with self._changed:
                self._active, self._is_rendering = None, False
                self._set(self._after(job.job_id, ending))
            self._tell(JobEvent(job.job_id, ending))

    def _after(self, job_id: str, ending: Event) -> QueueState:
        """The state once a job has ended so."""
        if isinstance(ending, Finished):
            return self._state.changed(job_id, state="finished")
        if self._is_cancelled:
            return self._state.changed(job_id, state="cancelled")
        if isinstance(ending, Failed):
            return self._state.changed(job_id, state="failed", sentence=ending.sentence)
        if not self._is_closed:
            return self._state.changed(job_id, state="cancelled")
        if self._state.of(job_id).state == "paused":
            return self._state
        return self._state.changed(job_id, state="queued")

    def _render(self, job: Job) -> Event:
        """The last event of a job; the others have been told."""
        try:
            if not (job.model / MANIFEST).is_file():
                raise JukeboxError(
                    f"The model in {job.model} is gone. Put it back or import it again, and "
                    "resume this job; what it had done is kept."
                )
            events = self._engine.render(job.model, job.request, job.out, job.folder)
            with self._changed:
                # What was asked before there was something to ask it of.
                self._is_rendering = True
                if self._state.of(job.job_id).state == "paused":
                    self._engine.pause()
                if self._is_cancelled:
                    self._engine.cancel()
                if self._is_closed:
                    self._engine.close()
            ending: Event = Failed("The engine left this job without a word; resume it.")
            for event in events:
                if isinstance(event, Finished | Failed | Cancelled):
                    ending = event
                    continue
                if isinstance(event, Progress):
                    self._progress[job.job_id] = event
                self._tell(JobEvent(job.job_id, event))
            return ending
        except JukeboxError as error:
            return Failed(str(error))
        except Exception as error:
            _log.exception("job %s", job.job_id)
            return Failed(f"The render failed in a way that should not be: {error!r}.")

    def _set(self, state: QueueState) -> None:
        """Make it the state, saved and told; with the lock held."""
        if state == self._state:
            return
        self._state = state
        try:
            self._store.save(state)
            self._fault = ""
        except Exception as error:
            # The renders go on; what is lost if the program ends now is told.
            _log.exception("saving the queue")
            self._fault = f"The queue could not be saved: {error}"
        self._changed.notify_all()
        self._tell_state()

    def _tell_state(self) -> None:
        self._news.put(QueueChanged(self._state, self._fault), key="state")

    def _tell(self, told: JobEvent) -> None:
        self._news.put(told, event_key(told.job_id, told.event))

    def _notify(self) -> None:
        while True:
            try:
                news = self._news.get()
            except EOFError:
                return
            for observer in self._observers:
                try:
                    observer(news)
                except Exception as error:
                    _log.exception("an observer of the queue")
                    if observer not in self._failed:
                        self._failed.append(observer)
                        sentence = (
                            "Something that shows the queue failed, and may be out of date: "
                            f"{error!r}. The renders go on."
                        )
                        self._news.put(QueueChanged(self._state, sentence))
