"""The worker by its protocol: warm, idle, paused, cancelled, in trouble, left alone."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from jukebox_studio import worker
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Event, Note
from jukebox_studio.worker_link import EngineSettings, Mailbox

FAKE = Path(__file__).parent / "fake_worker.py"
JOB = {"model": "m", "out": "out", "folder": None}


class Talk:
    """A worker process, spoken to by hand."""

    def __init__(self, **settings: Any) -> None:
        values = EngineSettings(threads=1, heartbeat_seconds=0.05).to_json() | settings
        self.process = subprocess.Popen(
            [sys.executable, str(FAKE), json.dumps(values)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(self, **command: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def render(self, number: int, *play: tuple[str, Any]) -> None:
        self.say(render={**JOB, "job": number, "request": {"play": play}})

    def lines(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout
        for line in self.process.stdout:
            yield json.loads(line)

    def events(self, number: int) -> Iterator[dict[str, Any]]:
        for line in self.lines():
            if line.get("job") == number:
                yield line
                if line["event"] in ("finished", "failed", "cancelled"):
                    return

    def beats(self) -> Iterator[dict[str, Any]]:
        return (line["heartbeat"] for line in self.lines() if "heartbeat" in line)

    def end(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def talk() -> Iterator[Talk]:
    talking = Talk()
    yield talking
    talking.end()


def texts(events: Iterator[dict[str, Any]]) -> list[str]:
    return [e["text"] if e["event"] == "note" else e["event"] for e in events]


def test_the_model_stays_between_jobs_and_goes_when_asked(talk: Talk) -> None:
    talk.render(1, ("loads", None))
    talk.render(2, ("loads", None))
    talk.say(unload=True)
    talk.render(3, ("loads", None))
    once, twice = (f"loaded {n} times, in 1 threads" for n in (1, 2))
    assert texts(talk.events(1)) == [once, "finished"]
    assert texts(talk.events(2)) == [once, "finished"]
    assert texts(talk.events(3)) == [twice, "finished"]


def test_what_goes_wrong_between_jobs_is_told_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_UNLOAD_FAILS", "yes")
    talk = Talk()
    try:
        talk.say(unload=True)
        talk.render(1)
        talk.render(2)
        sentence = (
            "The engine could not give back the memory of the model: OSError('the card has gone')."
        )
        assert texts(talk.events(1)) == [sentence, "finished"]
        assert texts(talk.events(2)) == ["finished"]
    finally:
        talk.end()


def test_the_model_goes_after_idle_time() -> None:
    talk = Talk(idle_seconds=0.2)
    try:
        talk.render(1, ("loads", None))
        assert texts(talk.events(1))[-1] == "finished"
        # The command, two events, and the unloading.
        next(beat for beat in talk.beats() if beat["steps"] >= 4)
        talk.render(2, ("loads", None))
        assert texts(talk.events(2)) == ["loaded 2 times, in 1 threads", "finished"]
    finally:
        talk.end()


def test_a_paused_job_stands_still_and_goes_on(talk: Talk) -> None:
    talk.render(1, ("steps", 10**9))
    next(talk.events(1))
    talk.say(pause=1)
    next(beat for beat in talk.beats() if beat["paused"])
    beats = talk.beats()
    steps = [next(beats)["steps"] for _ in range(5)]
    assert steps == [steps[0]] * 5
    talk.say(resume=1)
    next(beat for beat in talk.beats() if beat["steps"] > steps[0])


def test_a_job_is_cancelled_while_it_is_paused(talk: Talk) -> None:
    talk.say(pause=1)
    talk.render(1, ("steps", 300))
    next(beat for beat in talk.beats() if beat["paused"])
    talk.say(cancel=1)
    assert texts(talk.events(1)) == ["cancelled"]
    talk.render(2, ("note", "next"))
    assert texts(talk.events(2)) == ["next", "finished"]


def test_a_cancel_comes_through_between_two_steps(talk: Talk) -> None:
    talk.render(1, ("note", "begun"), ("steps", 100_000))
    events = talk.events(1)
    next(events)
    talk.say(cancel=1)
    rest = list(talk.events(1))
    assert rest[-1]["event"] == "cancelled"
    assert all(e["done"] < 10_000 for e in rest[:-1])


def test_what_is_printed_does_not_get_among_the_events(talk: Talk) -> None:
    talk.render(1, ("noise", None), ("note", "after"))
    assert texts(talk.events(1)) == ["after", "finished"]


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (("fail", "The clip is gone."), "The clip is gone."),
        (("bug", "by nought"), "by nought"),
        (("no memory", None), "fewer variants"),
    ],
)
def test_trouble_is_a_sentence_and_the_next_job_is_fine(
    talk: Talk, trouble: tuple[str, Any], told: str
) -> None:
    talk.render(1, trouble)
    talk.render(2, ("loads", None))
    (failed,) = talk.events(1)
    assert failed["event"] == "failed"
    assert told in failed["sentence"]
    loads = 2 if trouble[0] == "no memory" else 1  # what was loaded was put away
    assert texts(talk.events(2)) == [f"loaded {loads} times, in 1 threads", "finished"]


def test_a_command_that_is_none_is_passed_by(talk: Talk) -> None:
    assert talk.process.stdin
    talk.process.stdin.write('not JSON\n["a list"]\n')
    talk.render(1, ("note", "here"))
    assert texts(talk.events(1)) == ["here", "finished"]


@pytest.mark.parametrize("act", [("steps", 10**9), ("sleep", 3600)])
def test_the_end_of_the_commands_ends_the_process(talk: Talk, act: tuple[str, Any]) -> None:
    """Within a step, or by force."""
    talk.render(1, ("note", "begun"), act)
    next(talk.events(1))
    assert talk.process.stdin
    talk.process.stdin.close()
    assert talk.process.wait(60) in (0, 1)


def test_a_reader_that_never_reads_does_not_hold_up_the_worker(tmp_path: Path) -> None:
    """Far more than a pipe holds is told, and the job comes to its end all the same."""
    talk = Talk(heartbeat_seconds=0.001)
    try:
        talk.say(
            render={
                **JOB,
                "job": 1,
                "out": str(tmp_path / "reached"),
                "request": {"play": [["flood", 20_000], ["once", []]]},
            }
        )
        for _ in range(600):
            if (tmp_path / "reached").exists():
                break
            time.sleep(0.1)
        assert (tmp_path / "reached").exists()
    finally:
        talk.end()


@pytest.mark.skipif(sys.platform == "win32", reason="the client gives the priority there")
def test_the_worker_steps_back(talk: Talk) -> None:
    import psutil

    talk.render(1, ("note", "begun"))
    list(talk.events(1))
    assert psutil.Process(talk.process.pid).nice() >= worker.NICENESS


# Without a process -------------------------------------------------------------------------------


def test_a_mailbox_keeps_the_last_of_a_kind_and_everything_else() -> None:
    box = Mailbox()
    for number in range(3):
        box.put(f"progress {number}", key="progress")
        box.put(f"note {number}")
    box.close()
    assert [box.get() for _ in range(4)] == ["note 0", "note 1", "progress 2", "note 2"]
    with pytest.raises(EOFError):
        box.get()


def test_an_empty_mailbox_times_out() -> None:
    with pytest.raises(TimeoutError):
        Mailbox().get(0.01)


@pytest.mark.parametrize(
    "values", [{"threads": 0}, {"threads": 100_000}, {"idle_seconds": -1}, {"stuck_seconds": 0}]
)
def test_settings_out_of_range_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(JukeboxError, match="not "):
        EngineSettings(**values)


class OutOfMemoryError(RuntimeError):
    """Named as torch's own."""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (OutOfMemoryError("CUDA"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] . not enough memory: you tried"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (RuntimeError("The size of tensor a (3) must match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_missing_memory_is_known(error: Exception, expected: bool) -> None:
    assert worker.is_out_of_memory(error) is expected


@pytest.mark.skipif(sys.platform == "win32", reason="the tool is a shell script here")
def test_a_gpu_that_torch_cannot_use_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA Imaginary 9'\n", encoding="ascii")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None, raising=False)
    told = worker.unused_gpu()
    assert told
    assert "NVIDIA Imaginary 9" in told
    assert "CUDA build" in told
    monkeypatch.setattr(torch.version, "cuda", "12.6")
    assert worker.unused_gpu() is None
    monkeypatch.setattr(torch.version, "cuda", None)
    tool.write_text("#!/bin/sh\necho 'no devices' >&2; exit 9\n", encoding="ascii")
    if not Path("/proc/driver/nvidia/gpus").is_dir():
        assert worker.unused_gpu() is None


class TwoNotes(worker.BundleEngine):
    def _render(self, *_: object) -> Iterator[Event]:
        yield Note("one")
        yield Note("two")


def test_two_workers_do_not_work_in_one_job_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "unused_gpu", lambda: "A GPU lies idle.")
    monkeypatch.setattr(worker, "LOCK_SECONDS", 0.05)
    folder = tmp_path / "job é"
    job = {"model": "m", "out": "o", "request": {}, "folder": str(folder)}
    engine = TwoNotes()
    assert list(engine.render(job)) == [Note("A GPU lies idle."), Note("one"), Note("two")]
    with FileLock(folder / worker.LOCK_FILE), pytest.raises(JukeboxError, match="Another program"):
        list(engine.render(job))
    assert list(engine.render(job)) == [Note("one"), Note("two")]  # told once
    (tmp_path / "file").touch()
    with pytest.raises(JukeboxError, match="cannot be used"):
        list(engine.render({**job, "folder": str(tmp_path / "file" / "job")}))


def test_the_heartbeat_counts_steps(talk: Talk) -> None:
    talk.render(1, ("steps", 50))
    seen = []
    for beat in talk.beats():
        seen.append(beat)
        if beat["job"] is None and beat["steps"] >= 50:
            break
    assert all(b["steps"] >= a["steps"] for a, b in itertools.pairwise(seen))


def test_warming_up_compiles_for_a_gpu_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes are drawn on the processor: the first of them is not to wait for a compiler."""
    compiled = []
    monkeypatch.setattr("jukebox_studio.sampling.weights.native", lambda: compiled.append(True))
    worker.BundleEngine().warm_up()
    assert compiled
    compiled.clear()
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    worker.BundleEngine().warm_up()
    assert compiled


def test_warming_up_compiles_what_the_window_never_imports() -> None:
    told = """
import sys
from jukebox_studio import client, worker
import bridge.headless, jukebox_studio.engine
assert "numba" not in sys.modules
worker.BundleEngine().warm_up()
assert "jukebox_studio.sampling.native" in sys.modules
"""
    subprocess.run([sys.executable, "-c", told], check=True)


def test_threads_do_not_spin_beside_a_daw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "")  # so that it is put back
    monkeypatch.delenv("OMP_WAIT_POLICY")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "7")
    settings = worker.settings_from_arguments([json.dumps(EngineSettings(threads=2).to_json())])
    assert settings.threads == 2
    assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "2"
    assert os.environ["OMP_WAIT_POLICY"] == "passive"
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    worker.settings_from_arguments([json.dumps(settings.to_json())])
    assert os.environ["OMP_WAIT_POLICY"] == "active"
