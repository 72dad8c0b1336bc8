"""The queue: its order, its pauses, its troubles, and what is left of it after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hand_engine import PATIENCE_SECONDS, HandEngine

from jukebox_studio.client import EngineClient
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Event, Failed, Finished, Note, Progress
from jukebox_studio.job_queue import (
    INTERRUPTED,
    FolderJobStore,
    Job,
    JobEvent,
    JobQueue,
    QueueChanged,
    QueuedJob,
    QueueState,
    job_of_folder,
    queue_state_from_json,
    read_queue,
)
from jukebox_studio.worker_link import EngineSettings

FAKE = (sys.executable, str(Path(__file__).parent / "fake_worker.py"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """What the queue sees of a bundle."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "manifest.json").touch()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FolderJobStore]:
    with FolderJobStore(tmp_path / "queue é") as store:
        yield store


@pytest.fixture
def engine() -> HandEngine:
    return HandEngine()


@pytest.fixture
def jobs(engine: HandEngine, store: FolderJobStore) -> Iterator[JobQueue]:
    with JobQueue(engine, store) as jobs:
        yield jobs


def job(model: Path, name: str, **request: Any) -> Job:
    return Job(model, {"name": name, **request}, model.parent / "out", title=name, job_id=name)


def states(jobs: JobQueue) -> dict[str, str]:
    return {queued.job_id: queued.state for queued in jobs.jobs}


def begun(engine: HandEngine) -> str:
    request, _, _ = engine.begun.get(timeout=PATIENCE_SECONDS)
    name: str = request["name"]
    return name


def until(jobs: JobQueue, job_id: str, state: str) -> QueuedJob:
    reached = threading.Event()
    stop = jobs.observe(lambda _: jobs.state.of(job_id).state == state and reached.set())
    assert reached.wait(PATIENCE_SECONDS), states(jobs)
    stop()
    return jobs.state.of(job_id)


def test_jobs_run_one_after_the_other(jobs: JobQueue, engine: HandEngine, model: Path) -> None:
    for name in "ab":
        assert jobs.add(job(model, name)) == name
    assert begun(engine) == "a"
    assert states(jobs) == {"a": "running", "b": "queued"}
    assert engine.begun.empty()
    engine.says.put(Finished())
    assert begun(engine) == "b"
    assert states(jobs) == {"a": "finished", "b": "running"}
    engine.says.put(Finished())
    assert jobs.wait(PATIENCE_SECONDS)
    assert states(jobs) == {"a": "finished", "b": "finished"}


def test_a_failed_job_does_not_stop_the_queue(
    jobs: JobQueue, engine: HandEngine, model: Path
) -> None:
    jobs.pause()
    jobs.add(job(model, "fails"))
    jobs.add(job(model, "breaks", **{"raise": "by nought"}))
    jobs.add(replace(job(model, "has no model"), model=model / "removed"))
    jobs.add(job(model, "is well"))
    jobs.resume()
    engine.says.put(Failed("The clip is gone."))
    engine.says.put(Finished())
    assert jobs.wait(PATIENCE_SECONDS)
    sentences = [queued.sentence for queued in jobs.jobs]
    assert [queued.state for queued in jobs.jobs] == ["failed", "failed", "failed", "finished"]
    assert sentences[0] == "The clip is gone."
    assert "by nought" in sentences[1]
    assert "removed is gone" in sentences[2]
    jobs.resume("fails")  # offered again
    engine.says.put(Finished())
    assert jobs.wait(PATIENCE_SECONDS)
    assert jobs.state.of("fails") == QueuedJob(
        jobs.state.of("fails").job, "finished", has_begun=True
    )


def test_the_running_job_pauses_and_is_cancelled(
    jobs: JobQueue, engine: HandEngine, model: Path
) -> None:
    jobs.add(job(model, "a"))
    jobs.add(job(model, "b"))
    begun(engine)
    engine.says.put(Note("here"))
    jobs.pause()
    assert jobs.state.is_paused
    assert states(jobs) == {"a": "paused", "b": "queued"}
    jobs.resume()
    assert states(jobs) == {"a": "running", "b": "queued"}
    jobs.pause("a")
    assert not jobs.state.is_paused
    jobs.cancel("a")
    assert begun(engine) == "b"
    assert states(jobs) == {"a": "cancelled", "b": "running"}
    # What is asked before a render has begun is asked when it has, so each is told at least once.
    assert list(dict.fromkeys(engine.told)) == ["pause", "resume", "cancel"]


def test_waiting_jobs_move_are_held_cancelled_and_removed(
    jobs: JobQueue, engine: HandEngine, model: Path
) -> None:
    for name in "abcde":
        jobs.add(job(model, name))
    begun(engine)
    jobs.move("e")
    jobs.move("b", after="d")
    jobs.move("c", before="e")
    assert list(states(jobs)) == ["a", "c", "e", "d", "b"]
    jobs.pause("c")
    jobs.cancel("e")
    jobs.remove("d")
    for unknown in (jobs.cancel, jobs.remove, jobs.pause, jobs.resume, jobs.move):
        with pytest.raises(JukeboxError, match="no job 'd'"):
            unknown("d")
    with pytest.raises(JukeboxError, match="cancel it first"):
        jobs.remove("a")
    engine.says.put(Finished())
    assert begun(engine) == "b"
    engine.says.put(Finished())
    assert jobs.wait(PATIENCE_SECONDS)
    assert states(jobs) == {"a": "finished", "c": "paused", "e": "cancelled", "b": "finished"}
    jobs.resume("c")
    assert begun(engine) == "c"


def test_ids_and_folders_are_not_given_twice(
    jobs: JobQueue, engine: HandEngine, model: Path
) -> None:
    jobs.add(job(model, "a"))
    with pytest.raises(JukeboxError, match="has a job 'a' already"):
        jobs.add(job(model, "a"))
    with pytest.raises(JukeboxError, match="works in"):
        jobs.add(replace(job(model, "b"), folder=jobs.state.of("a").job.folder))


def test_observers_are_called_from_one_thread_and_cannot_break_the_queue(
    jobs: JobQueue, engine: HandEngine, model: Path
) -> None:
    told: list[JobEvent | QueueChanged] = []
    threads = set()

    def observer(news: JobEvent | QueueChanged) -> None:
        told.append(news)
        threads.add(threading.get_ident())
        if isinstance(news, JobEvent) and news.event == Note("add another"):
            jobs.add(job(model, "b"))
        raise ZeroDivisionError

    stop = jobs.observe(observer)
    jobs.add(job(model, "a"))
    engine.says.put(Note("add another"))
    engine.says.put(Progress(0, 1, 2, 3.0, 4.0))
    engine.says.put(Finished())
    until(jobs, "b", "running")
    assert jobs.progress("a") == Progress(0, 1, 2, 3.0, 4.0)
    stop()
    engine.says.put(Note("unheard"))
    engine.says.put(Finished())
    until(jobs, "b", "finished")
    assert len(threads) == 1
    assert threads != {threading.get_ident()}
    events = [news.event for news in told if isinstance(news, JobEvent) and news.job_id == "a"]
    assert events == [Note("add another"), Progress(0, 1, 2, 3.0, 4.0), Finished()]
    assert Note("unheard") not in [n.event for n in told if isinstance(n, JobEvent)]
    last = [news for news in told if isinstance(news, QueueChanged)][-1]
    assert last.state.of("a").state == "finished"


def test_the_others_hear_once_of_an_observer_that_fails(
    jobs: JobQueue, engine: HandEngine, model: Path
) -> None:
    def fails(news: JobEvent | QueueChanged) -> None:
        raise ZeroDivisionError("no such row")

    faults: list[str] = []
    jobs.observe(fails)
    jobs.observe(lambda n: faults.append(n.fault) if isinstance(n, QueueChanged) else None)
    jobs.add(job(model, "a"))
    engine.says.put(Finished())
    until(jobs, "a", "finished")
    jobs.close()
    [fault] = filter(None, faults)
    assert fault == (
        "Something that shows the queue failed, and may be out of date: "
        "ZeroDivisionError('no such row'). The renders go on."
    )


def test_a_slow_observer_delays_no_render(jobs: JobQueue, engine: HandEngine, model: Path) -> None:
    go_on = threading.Event()
    told: list[Event] = []

    def observer(news: JobEvent | QueueChanged) -> None:
        go_on.wait(PATIENCE_SECONDS)
        if isinstance(news, JobEvent):
            told.append(news.event)

    jobs.observe(observer)
    jobs.add(job(model, "a"))
    for step in range(1000):
        engine.says.put(Progress(0, step, 1000, 1.0, 1.0))
    engine.says.put(Finished())
    assert jobs.wait(PATIENCE_SECONDS)
    go_on.set()
    jobs.close()
    assert told[-2:] == [Progress(0, 999, 1000, 1.0, 1.0), Finished()]
    assert len(told) < 10


def test_a_full_disk_is_told_and_the_renders_go_on(
    store: FolderJobStore, engine: HandEngine, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: QueueState) -> None:
        raise JukeboxError("No space left.")

    faults: list[str] = []
    with JobQueue(engine, store) as jobs:
        monkeypatch.setattr(store, "save", full)
        jobs.observe(lambda n: faults.append(n.fault) if isinstance(n, QueueChanged) else None)
        jobs.add(job(model, "a"))
        engine.says.put(Finished())
        until(jobs, "a", "finished")
    assert "The queue could not be saved: No space left." in faults


# What is kept -----------------------------------------------------------------------------------


def test_a_closed_queue_comes_back_as_it_was(
    engine: HandEngine, store: FolderJobStore, model: Path
) -> None:
    with JobQueue(engine, store) as jobs:
        for name in "abc":
            jobs.add(job(model, name))
        begun(engine)
        engine.says.put(Finished())
        begun(engine)
        jobs.pause("c")
    again = JobQueue(HandEngine(), store, start_paused=True)
    assert states(again) == {"a": "finished", "b": "queued", "c": "paused"}
    assert again.state.of("b").has_begun
    assert again.state.of("b").job == jobs.state.of("b").job
    again.close()


KILLED = """
import sys
from pathlib import Path
from jukebox_studio.client import EngineClient
from jukebox_studio.job_queue import FolderJobStore, Job, JobQueue
from jukebox_studio.worker_link import EngineSettings

folder, model, worker = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
engine = EngineClient(settings=EngineSettings(threads=1), command=[sys.executable, worker])
jobs = JobQueue(engine, FolderJobStore(folder))
play = [["once", [["note", "begun"], ["steps", 10**9]]], ["note", "again"]]
jobs.add(Job(model, {"play": play}, folder / "mark", job_id="a"))
jobs.add(Job(model, {"play": [["note", "waited"]]}, folder, job_id="b"))
jobs.observe(lambda news: print(news, flush=True))
jobs.wait()
"""


def test_after_a_kill_the_queue_comes_back_and_offers_what_ran(tmp_path: Path, model: Path) -> None:
    folder = tmp_path / "queue"
    arguments = [sys.executable, "-c", KILLED, str(folder), str(model), FAKE[1]]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as app:
        assert app.stdout
        for line in app.stdout:
            if "begun" in line and "Note" in line:
                break
        with pytest.raises(JukeboxError, match="Another program is working on the queue"):
            FolderJobStore(folder)
        assert [queued.state for queued in read_queue(folder).jobs] == ["running", "queued"]
        app.kill()
    told: list[Event] = []
    client = EngineClient(settings=EngineSettings(threads=1), command=FAKE)
    with FolderJobStore(folder) as store, JobQueue(client, store) as jobs:
        assert jobs.state.is_paused
        assert states(jobs) == {"a": "paused", "b": "queued"}
        assert jobs.state.of("a").sentence == INTERRUPTED
        jobs.observe(lambda n: told.append(n.event) if isinstance(n, JobEvent) else None)
        jobs.resume()
        assert jobs.wait(PATIENCE_SECONDS)
    assert states(jobs) == {"a": "finished", "b": "finished"}
    assert told == [Note("again"), Finished(), Note("waited"), Finished()]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")
def test_workers_that_die_or_hang_do_not_stop_the_queue(
    store: FolderJobStore, model: Path, tmp_path: Path
) -> None:
    settings = EngineSettings(threads=1, heartbeat_seconds=0.05, silent_seconds=1.5)
    client = EngineClient(settings=settings, command=FAKE)

    def playing(name: str, *acts: tuple[str, Any]) -> Job:
        return Job(model, {"play": acts}, tmp_path / name, job_id=name)

    with JobQueue(client, store, start_paused=True) as jobs:
        jobs.add(playing("dies", ("once", [("kill", signal.SIGKILL)])))
        jobs.add(playing("hangs", ("freeze", signal.SIGSTOP)))
        jobs.add(playing("is well", ("note", "well")))
        jobs.resume()
        assert jobs.wait(PATIENCE_SECONDS)
        assert [queued.state for queued in jobs.jobs] == ["failed", "failed", "finished"]
        assert "memory ran out" in jobs.jobs[0].sentence
        assert "no sign of life" in jobs.jobs[1].sentence
        jobs.resume("dies")
        assert jobs.wait(PATIENCE_SECONDS)
        assert jobs.state.of("dies").state == "finished"


def test_a_damaged_queue_is_a_sentence_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "queue.json").write_text('{"version": 1, "jobs": 7}', encoding="utf-8")
    with FolderJobStore(tmp_path) as store, pytest.raises(JukeboxError, match=r"jobs.*resume"):
        JobQueue(HandEngine(), store)
    assert "7" in (tmp_path / "queue.json").read_text(encoding="utf-8")


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JukeboxError, match="choose one where you may write"):
        FolderJobStore(tmp_path / "file")


def test_a_state_survives_its_json(model: Path) -> None:
    state = QueueState((QueuedJob(job(model, "a é", list=[1.5, None]), "failed", "why"),), True)
    assert queue_state_from_json(json.loads(json.dumps(state.to_json()))) == state
    for wrong in ([], {"version": 2}, {"version": 1, "jobs": [{"job": 1}]}):
        with pytest.raises(JukeboxError, match="queue"):
            queue_state_from_json(wrong)


def test_a_job_is_read_back_from_its_folder(tmp_path: Path) -> None:
    with pytest.raises(JukeboxError, match="holds no job"):
        job_of_folder(tmp_path)
    described = {"request": {"version": 1}, "model_folder": "m", "out": "o", "more": 1}
    (tmp_path / "job.json").write_text(json.dumps(described), encoding="utf-8")
    read = job_of_folder(tmp_path)
    assert (read.model, read.out, read.folder) == (Path("m"), Path("o"), tmp_path)
    assert read.request == {"version": 1}
    (tmp_path / "job.json").write_text('{"request": {}}', encoding="utf-8")
    with pytest.raises(JukeboxError, match="model_folder"):
        job_of_folder(tmp_path)
