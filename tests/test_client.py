"""The engine in another process: the same samples, cancelled, killed, resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jukebox_studio import audio
from jukebox_studio.client import EngineClient, EngineStopped
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import (
    Cancelled,
    Event,
    Failed,
    Finished,
    Note,
    Progress,
    VariantFinished,
)
from jukebox_studio.request import Continue, Request
from jukebox_studio.tempo import SongTime
from jukebox_studio.worker_link import EngineSettings


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    time_axis = np.arange(22_050) / 44_100
    path = tmp_path / "clip é.wav"
    audio.write(path, (0.3 * np.sin(2 * np.pi * 220 * time_axis)).astype(np.float32), 44_100)
    return path


def asking(path: Path, seconds: float, variants: int = 1, seed: int = 0) -> Request:
    clip = Clip(path, 0, 22_050, 44_100, SongTime.steady(120), 44_100)
    return Request(clip, Continue(seconds, "seconds"), variants=variants, seed=seed)


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineClient]:
    with EngineClient(threads=1) as client:
        yield client


def rendered_here(model: Path, request: Request, out: Path) -> list[np.ndarray]:
    from jukebox_studio.bundle import open_bundle
    from jukebox_studio.engine import render

    return samples_of(list(render(open_bundle(model), request, out)))


def samples_of(events: list[object]) -> list[np.ndarray]:
    return [audio.read(e.audio_path).samples for e in events if isinstance(e, VariantFinished)]


def test_the_client_gives_the_samples_of_the_engine(
    engine: EngineClient, tiny_bundle: Path, clip: Path, tmp_path: Path
) -> None:
    request = asking(clip, 0.1, variants=2, seed=9)
    here = rendered_here(tiny_bundle, request, tmp_path / "here")
    events = list(engine.render(tiny_bundle, request, tmp_path / "there"))
    assert isinstance(events[-1], Finished)
    for a, b in zip(here, samples_of(events), strict=True):
        assert np.array_equal(a, b)


def test_one_process_serves_many_renders(
    engine: EngineClient, tiny_bundle: Path, clip: Path, tmp_path: Path
) -> None:
    request = asking(clip, 0.02)
    list(engine.render(tiny_bundle, request, tmp_path / "out"))
    first = engine.process_id
    assert isinstance(list(engine.render(tiny_bundle, request, tmp_path / "out"))[-1], Finished)
    assert engine.process_id == first


def test_bad_input_is_one_sentence_and_the_next_job_is_fine(
    engine: EngineClient, tiny_bundle: Path, clip: Path, tmp_path: Path
) -> None:
    missing = asking(tmp_path / "gone.wav", 0.02)
    (failed,) = engine.render(tiny_bundle, missing, tmp_path / "out")
    assert isinstance(failed, Failed)
    assert "gone.wav" in failed.sentence
    events = list(engine.render(tiny_bundle, asking(clip, 0.02), tmp_path / "out"))
    assert isinstance(events[-1], Finished)


def long_request(clip: Path) -> Request:
    return asking(clip, 20.0, variants=4, seed=2)


def test_a_render_is_cancelled(
    engine: EngineClient, tiny_bundle: Path, clip: Path, tmp_path: Path
) -> None:
    events = []
    for event in engine.render(tiny_bundle, long_request(clip), tmp_path / "out"):
        events.append(event)
        if isinstance(event, Progress):
            engine.cancel()
    assert isinstance(events[-1], Cancelled)
    assert not list((tmp_path / "out").iterdir())


def test_a_render_that_is_left_does_not_disturb_the_next(
    engine: EngineClient, tiny_bundle: Path, clip: Path, tmp_path: Path
) -> None:
    left = engine.render(tiny_bundle, long_request(clip), tmp_path / "left")
    next(e for e in left if isinstance(e, Progress))
    left.close()  # type: ignore[attr-defined]
    request = asking(clip, 0.02)
    events = list(engine.render(tiny_bundle, request, tmp_path / "next"))
    assert isinstance(events[-1], Finished)
    assert len(samples_of(events)) == 1
    assert not list((tmp_path / "left").iterdir())


# With an engine that plays what it is told: see fake_worker.py ----------------------------------

FAKE = (sys.executable, str(Path(__file__).parent / "fake_worker.py"))
QUICK = EngineSettings(
    threads=1, heartbeat_seconds=0.05, silent_seconds=2, stuck_seconds=4, cancel_seconds=2
)
NO_MODEL = Path("no model")


@pytest.fixture
def fake() -> Iterator[EngineClient]:
    with EngineClient(settings=QUICK, command=FAKE) as client:
        yield client


def play(client: EngineClient, *acts: tuple[str, Any], out: Path = NO_MODEL) -> Iterator[Event]:
    return client.render(NO_MODEL, {"play": acts}, out)


def is_well(client: EngineClient) -> bool:
    return list(play(client, ("note", "well"))) == [Note("well"), Finished()]


def test_a_render_pauses_and_goes_on(fake: EngineClient) -> None:
    events = play(fake, ("note", "begun"), ("steps", 30), ("note", "ended"))
    fake.pause()  # counts although nothing has been asked for yet
    told: list[Event] = []
    reader = threading.Thread(target=lambda: told.extend(events))
    reader.start()
    reader.join(1.0)  # some heartbeats
    assert reader.is_alive()
    assert told == []
    fake.resume()
    reader.join(60)
    assert (told[0], *told[-2:]) == (Note("begun"), Note("ended"), Finished())


def test_a_long_pause_is_not_taken_for_a_hanging_worker(fake: EngineClient) -> None:
    events = play(fake, ("note", "begun"))
    fake.pause()
    threading.Timer(QUICK.stuck_seconds + 2, fake.resume).start()
    assert list(events) == [Note("begun"), Finished()]


def test_a_paused_render_is_cancelled(fake: EngineClient) -> None:
    events = play(fake, ("steps", 10**9))
    next(events)
    fake.pause()
    process = fake.process_id
    fake.cancel()
    assert list(events)[-1] == Cancelled()
    assert is_well(fake)
    assert fake.process_id == process


def test_a_cancelled_step_that_does_not_end_is_killed(fake: EngineClient) -> None:
    events = play(fake, ("note", "begun"), ("sleep", 3600))
    next(events)
    process = fake.process_id
    fake.cancel()
    assert list(events) == [Cancelled()]
    assert is_well(fake)
    assert fake.process_id != process


def test_a_render_after_one_that_was_left_and_hangs_gets_a_new_worker(fake: EngineClient) -> None:
    left = play(fake, ("note", "begun"), ("sleep", 3600))
    next(left)
    left.close()  # type: ignore[attr-defined]
    assert is_well(fake)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")
def test_a_worker_without_a_sign_of_life_is_ended(fake: EngineClient) -> None:
    *_, last = play(fake, ("note", "begun"), ("freeze", signal.SIGSTOP))
    assert isinstance(last, EngineStopped)
    assert "no sign of life for 2 s" in last.sentence
    assert "goes on" in last.sentence
    assert is_well(fake)


def test_a_worker_that_only_beats_is_ended(fake: EngineClient) -> None:
    *_, last = play(fake, ("note", "begun"), ("deadlock", None))
    assert isinstance(last, EngineStopped)
    assert "no step further in 4 s" in last.sentence
    assert is_well(fake)


def test_a_worker_that_ends_is_told_with_its_last_words(fake: EngineClient) -> None:
    *_, last = play(fake, ("exit", 7))
    assert isinstance(last, EngineStopped)
    assert "exit code 7" in last.sentence
    assert "last words" in fake.last_words
    assert is_well(fake)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_worker_that_the_system_killed_is_told_to_want_less_memory(fake: EngineClient) -> None:
    *_, last = play(fake, ("kill", signal.SIGKILL))
    assert isinstance(last, EngineStopped)
    assert "memory ran out" in last.sentence
    assert is_well(fake)


def test_a_slow_reader_misses_nothing_but_old_progress(fake: EngineClient) -> None:
    events = play(fake, ("note", "begun"), ("flood", 20_000), ("note", "ended"))
    assert next(events) == Note("begun")
    time.sleep(1.0)
    rest = list(events)
    assert rest[-3:] == [Progress(0, 20_000, 20_000, 1.0, 1.0), Note("ended"), Finished()]
    assert len(rest) < 20_000


def test_noise_is_no_event(fake: EngineClient) -> None:
    assert list(play(fake, ("noise", None), ("note", "after"))) == [Note("after"), Finished()]


def test_the_model_is_loaded_ahead_and_put_away_when_asked(fake: EngineClient) -> None:
    fake.unload()  # of nothing: no worker is started for it
    assert fake.process_id is None
    fake.warm_up()
    loaded = [Note(f"loaded {n} times, in 1 threads") for n in (1, 2)]
    assert next(iter(play(fake, ("loads", None)))) == loaded[0]
    fake.unload()
    assert next(iter(play(fake, ("loads", None)))) == loaded[1]


def test_a_closed_client_ends_its_render_and_starts_again(fake: EngineClient) -> None:
    events = play(fake, ("note", "begun"), ("steps", 10**9))
    next(events)
    fake.close()
    assert list(events)[-1] == Cancelled()
    assert is_well(fake)


def test_a_worker_that_cannot_be_started_is_a_sentence(tmp_path: Path) -> None:
    with (
        EngineClient(command=[str(tmp_path / "no python")]) as client,
        pytest.raises(JukeboxError, match="could not be started"),
    ):
        play(client)


# With the real engine -----------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_killed_worker_is_told_and_the_job_goes_on(
    tiny_bundle: Path, clip: Path, tmp_path: Path
) -> None:
    request = asking(clip, 1.0, variants=2, seed=2)
    whole = rendered_here(tiny_bundle, request, tmp_path / "whole")
    out, folder = tmp_path / "out", tmp_path / "job"
    with EngineClient(threads=1) as engine:
        events = []
        for event in engine.render(tiny_bundle, request, out, folder):
            events.append(event)
            if isinstance(event, Progress) and event.level == 0 and engine.process_id:
                os.kill(engine.process_id, signal.SIGKILL)
        assert isinstance(events[-1], Failed)
        assert "goes on" in events[-1].sentence
        events = list(engine.render(tiny_bundle, request, out, folder))
    assert isinstance(events[-1], Finished)
    for a, b in zip(whole, samples_of(events), strict=True):
        assert np.array_equal(a, b)


def test_the_worker_ends_with_its_client(tiny_bundle: Path, clip: Path, tmp_path: Path) -> None:
    """Also where the client has no time to say so."""
    code = (
        "import json, os, sys\n"
        "from pathlib import Path\n"
        "from jukebox_studio.client import EngineClient\n"
        "engine = EngineClient(1)\n"
        "model, out = map(Path, sys.argv[1:3])\n"
        "list(engine.render(model, json.loads(sys.argv[3]), out))\n"
        "assert 'torch' not in sys.modules\n"
        "print(engine.process_id, flush=True)\n"
        "os._exit(0)\n"
    )
    request = json.dumps(asking(clip, 0.02).to_json())
    arguments = [str(tiny_bundle), str(tmp_path / "out"), request]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    worker = int(done.stdout)
    for _ in range(100):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("the worker still runs")
