"""The engine in another process: the same samples, cancelled, killed, resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jukebox_studio import audio
from jukebox_studio.bundle import open_bundle
from jukebox_studio.client import EngineClient
from jukebox_studio.engine import continue_clip
from jukebox_studio.events import Cancelled, Failed, Finished, Progress, VariantFinished
from jukebox_studio.request import ContinueRequest


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    time_axis = np.arange(22_050) / 44_100
    path = tmp_path / "clip é.wav"
    audio.write(path, (0.3 * np.sin(2 * np.pi * 220 * time_axis)).astype(np.float32), 44_100)
    return path


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineClient]:
    with EngineClient(threads=1) as client:
        yield client


def samples_of(events: list[object]) -> list[np.ndarray]:
    return [audio.read(e.audio_path).samples for e in events if isinstance(e, VariantFinished)]


def test_the_client_gives_the_samples_of_the_engine(
    engine: EngineClient, tiny_bundle: Path, clip: Path, tmp_path: Path
) -> None:
    request = ContinueRequest(clip, 5000, variants=2, seed=9)
    here = samples_of(list(continue_clip(open_bundle(tiny_bundle), request, tmp_path / "here")))
    events = list(engine.render(tiny_bundle, request, tmp_path / "there"))
    assert isinstance(events[-1], Finished)
    for a, b in zip(here, samples_of(events), strict=True):
        assert np.array_equal(a, b)


def test_one_process_serves_many_renders(
    engine: EngineClient, tiny_bundle: Path, clip: Path, tmp_path: Path
) -> None:
    request = ContinueRequest(clip, 500, variants=1)
    list(engine.render(tiny_bundle, request, tmp_path / "out"))
    first = engine.process_id
    assert isinstance(list(engine.render(tiny_bundle, request, tmp_path / "out"))[-1], Finished)
    assert engine.process_id == first


def test_bad_input_is_one_sentence_and_the_next_job_is_fine(
    engine: EngineClient, tiny_bundle: Path, clip: Path, tmp_path: Path
) -> None:
    missing = ContinueRequest(tmp_path / "gone.wav", 500)
    (failed,) = engine.render(tiny_bundle, missing, tmp_path / "out")
    assert isinstance(failed, Failed)
    assert "gone.wav" in failed.sentence
    events = list(engine.render(tiny_bundle, ContinueRequest(clip, 500), tmp_path / "out"))
    assert isinstance(events[-1], Finished)


def long_request(clip: Path) -> ContinueRequest:
    return ContinueRequest(clip, 44_100 * 20, variants=4, seed=2)


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
    request = ContinueRequest(clip, 500, variants=1)
    events = list(engine.render(tiny_bundle, request, tmp_path / "next"))
    assert isinstance(events[-1], Finished)
    assert len(samples_of(events)) == 1
    assert not list((tmp_path / "left").iterdir())


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_killed_worker_is_told_and_the_job_goes_on(
    tiny_bundle: Path, clip: Path, tmp_path: Path
) -> None:
    request = ContinueRequest(clip, 44_100, variants=2, seed=2)
    whole = samples_of(list(continue_clip(open_bundle(tiny_bundle), request, tmp_path / "whole")))
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
        "import os, sys\n"
        "from pathlib import Path\n"
        "from jukebox_studio.client import EngineClient\n"
        "from jukebox_studio.request import ContinueRequest\n"
        "engine = EngineClient(1)\n"
        "model, clip, out = map(Path, sys.argv[1:])\n"
        "list(engine.render(model, ContinueRequest(clip, 500, variants=1), out))\n"
        "assert 'torch' not in sys.modules\n"
        "print(engine.process_id, flush=True)\n"
        "os._exit(0)\n"
    )
    arguments = [str(a) for a in (tiny_bundle, clip, tmp_path / "out")]
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
