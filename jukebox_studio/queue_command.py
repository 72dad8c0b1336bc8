"""The commands `jukebox-studio queue ...` and `jukebox-studio resume`."""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console

from jukebox_studio.bundle import find_bundle, open_bundle
from jukebox_studio.client import EngineClient
from jukebox_studio.command_types import Whole
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Cancelled, Event, Failed
from jukebox_studio.files import write_atomically
from jukebox_studio.job_queue import (
    FolderJobStore,
    Job,
    JobEvent,
    JobQueue,
    QueueChanged,
    QueueInUse,
    QueueState,
    job_of_folder,
    read_queue,
)
from jukebox_studio.progress import show_render
from jukebox_studio.request import request_from_json
from jukebox_studio.worker_link import default_threads

Folder = Annotated[Path, Parameter(help="The queue's folder.")]
JobId = Annotated[str, Parameter(help="As `queue list` prints it.")]
Threads = Annotated[Whole, Parameter(help="Processor threads; 0 leaves one core free for the DAW.")]
EventsAsJson = Annotated[bool, Parameter(name="--json", help="Print events as JSON lines.")]

POLL_SECONDS = 0.2
_LETTERS, _ANSWER = "letters", ".answer"

app = App(name="queue", help="Renders one after the other, from a folder that keeps them.")


@app.command
def add(folder: Folder, requests: Annotated[list[Path], Parameter(negative=())], *,
        model: str = "starter", out: Path = Path("out")) -> None:  # fmt: skip
    """Put renders at the end of a queue, also of one that runs; it is made where there is none.

    Parameters
    ----------
    requests
        Files with a request each, as JSON.
    model
        Name or folder of the model.
    out
        Folder of the results.
    """
    bundle = find_bundle(model)
    asked = [(path, _request(path)) for path in requests]
    for path, request in asked:
        job_id = secrets.token_hex(4)
        values = {
            "model": str(bundle.folder.resolve()),
            "request": request,
            "out": str(out.resolve()),
            "title": path.stem,
            "job_id": job_id,
        }
        _change(folder, {"add": values})
        print(job_id)


@app.command(name="list")
def list_jobs(
    folder: Folder, *, json_lines: Annotated[bool, Parameter(name="--json")] = False
) -> None:
    """Print the jobs of a queue in their order.

    Parameters
    ----------
    json_lines
        Print a line of JSON for each.
    """
    for queued in read_queue(folder).jobs:
        if json_lines:
            about = {"job_id": queued.job_id, "state": queued.state, "title": queued.job.title}
            print(json.dumps(about | {"sentence": queued.sentence, "out": str(queued.job.out)}))
        else:
            print(
                f"{queued.job_id}  {queued.state:9}  {queued.job.title}  {queued.sentence}".strip()
            )


@app.command
def move(
    folder: Folder, job_id: JobId, *, before: str | None = None, after: str | None = None
) -> None:
    """Move a job before or after another, or before all that wait.

    Parameters
    ----------
    before
        The job to come before.
    after
        The job to come after.
    """
    _change(folder, {"move": {"job_id": job_id, "before": before, "after": after}})


@app.command
def cancel(folder: Folder, job_id: JobId) -> None:
    """Cancel a job, the running one too."""
    _change(folder, {"cancel": {"job_id": job_id}})


@app.command
def retry(folder: Folder, job_id: JobId) -> None:
    """Let a failed, cancelled or paused job wait again; it goes on from what it had done."""
    _change(folder, {"resume": {"job_id": job_id}})


@app.command
def run(
    folder: Folder,
    *,
    threads: Threads = 0,
    json_lines: EventsAsJson = False,
) -> None:
    """Run the jobs of a queue until none waits. What was interrupted goes on."""
    console = Console(soft_wrap=True, markup=False, emoji=False)

    def tell(news: JobEvent | QueueChanged) -> None:
        if isinstance(news, QueueChanged):
            if news.fault:
                print(news.fault, file=sys.stderr)
        elif json_lines:
            print(json.dumps({"job_id": news.job_id, **news.event.to_json()}), flush=True)
        elif news.event.name not in ("loading", "progress"):
            fields = news.event.to_json()
            what = fields.get("sentence") or fields.get("text") or fields.get("audio_path") or ""
            console.print(f"{news.job_id}  {news.event.name}  {what}".strip(), highlight=False)

    engine = EngineClient(threads or default_threads())
    with FolderJobStore(folder) as store, JobQueue(engine, store, start_paused=True) as jobs:
        jobs.observe(tell)
        _take_letters(folder, jobs)
        jobs.resume()
        try:
            while not jobs.wait(POLL_SECONDS) or _take_letters(folder, jobs):
                _take_letters(folder, jobs)
        except KeyboardInterrupt:
            print("What is done is kept; the same command goes on.", file=sys.stderr)
            raise
        failed = [queued for queued in jobs.jobs if queued.state == "failed"]
    if failed:
        raise JukeboxError(
            f"{len(failed)} of the jobs in {folder} failed; 'jukebox-studio queue list' tells why, "
            "and 'queue retry' tries again."
        )


def resume(
    job_folder: Path,
    *,
    threads: Threads = 0,
    json_lines: EventsAsJson = False,
) -> None:
    """Go on with a render that was stopped, from its last finished window.

    Parameters
    ----------
    job_folder
        The folder that keeps the render's work.
    """
    job = job_of_folder(job_folder)
    licence = open_bundle(job.model).manifest.licence.in_plain_words
    with EngineClient(threads or default_threads()) as engine:
        events = _until_failure(engine.render(job.model, job.request, job.out, job_folder))
        if json_lines:
            for event in events:
                print(json.dumps(event.to_json()), flush=True)
        else:
            show_render(events, licence)


def _until_failure(events: Iterator[Event]) -> Iterator[Event]:
    for event in events:
        if isinstance(event, Failed):
            raise JukeboxError(event.sentence)
        if isinstance(event, Cancelled):
            raise JukeboxError("The render was cancelled; the same command goes on.")
        yield event


def _request(path: Path) -> dict[str, Any]:
    """What a file asks for, checked now and not when its turn comes."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise JukeboxError(f"{path} cannot be read as a request: {error}.") from error
    try:
        return request_from_json(data).to_json()
    except JukeboxError as error:
        raise JukeboxError(f"{path}: {error}") from error


# A queue that another program runs gets its changes as letters: files that are read and answered.


class _Resting:
    """The changes of a queue that nobody runs."""

    def __init__(self, store: FolderJobStore) -> None:
        self._store = store

    def add(self, job: Job) -> None:
        folder = self._store.job_folder(job.job_id)
        self._save(self._load().added(Job(**vars(job) | {"folder": folder})))

    def move(self, job_id: str, *, before: str | None, after: str | None) -> None:
        self._save(self._load().moved(job_id, before=before, after=after))

    def cancel(self, job_id: str) -> None:
        self._save(self._load().cancelled(job_id))

    def resume(self, job_id: str) -> None:
        self._save(self._load().resumed(job_id))

    def _load(self) -> QueueState:
        return self._store.load()

    def _save(self, state: QueueState) -> None:
        self._store.save(state)


def _change(folder: Path, change: dict[str, Any]) -> None:
    """Have a queue changed, by whoever has it. JukeboxError where that refuses."""
    letters = folder / _LETTERS
    try:
        letters.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JukeboxError(
            f"The queue's folder {folder} cannot be used ({error.strerror or error}); choose one "
            "where you may write."
        ) from error
    # Read in the order of their names.
    letter = letters / f"{time.time_ns():020}-{secrets.token_hex(4)}.json"
    write_atomically(letter, json.dumps(change).encode())
    answer = letter.with_suffix(_ANSWER)
    try:
        while not answer.exists():
            try:
                with FolderJobStore(folder) as store:
                    _take_letters(folder, _Resting(store))
            except QueueInUse:
                time.sleep(POLL_SECONDS)
        sentence = json.loads(answer.read_bytes())["sentence"]
    finally:
        letter.unlink(missing_ok=True)
        answer.unlink(missing_ok=True)
    if sentence:
        raise JukeboxError(sentence)


def _take_letters(folder: Path, jobs: JobQueue | _Resting) -> int:
    """Do what the letters ask for and answer them; returns their number."""
    letters = sorted((folder / _LETTERS).glob("*.json"))
    for letter in letters:
        sentence = ""
        try:
            ((what, values),) = json.loads(letter.read_bytes()).items()
            if what == "add":
                model, out = Path(values.pop("model")), Path(values.pop("out"))
                jobs.add(Job(model=model, out=out, **values))
            else:
                changes: dict[str, Callable[..., object]] = {
                    "move": jobs.move,
                    "cancel": jobs.cancel,
                    "resume": jobs.resume,
                }
                changes[what](**values)
        except FileNotFoundError:
            continue  # whoever wrote it gave up
        except JukeboxError as error:
            sentence = str(error)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            sentence = f"The queue could not be changed: {error!r}."
        write_atomically(letter.with_suffix(_ANSWER), json.dumps({"sentence": sentence}).encode())
        with contextlib.suppress(OSError):
            letter.unlink()
    return len(letters)
