"""`jukebox-studio queue` and `resume`, and the benchmark that kills them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from jukebox_studio import audio, queue_command
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.job_queue import FolderJobStore, read_queue
from jukebox_studio.request import Continue, Request
from jukebox_studio.tempo import SongTime

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip é.wav"
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(22_050) / 44_100)
    audio.write(path, tone.astype(np.float32), 44_100)
    return path


@pytest.fixture
def request_path(tmp_path: Path, clip: Path) -> Path:
    song = SongTime.steady(120)
    request = Request(
        Clip(clip, 0, 22_050, 44_100, song, 44_100), Continue(0.05, "seconds"), variants=1
    )
    path = tmp_path / "a request.json"
    path.write_text(json.dumps(request.to_json()), encoding="utf-8")
    return path


def added(folder: Path, request_path: Path, model: Path, times: int) -> list[str]:
    queue_command.add(folder, [request_path] * times, model=str(model), out=folder / "out")
    return [queued.job_id for queued in read_queue(folder).jobs]


def test_a_queue_is_filled_moved_cancelled_and_listed(
    tmp_path: Path, request_path: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "queue"
    a, b, c = added(folder, request_path, tiny_bundle, 3)
    assert capsys.readouterr().out.split() == [a, b, c]
    queue_command.move(folder, c)
    queue_command.move(folder, b, before=a)
    queue_command.cancel(folder, a)
    queue_command.list_jobs(folder, json_lines=True)
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(job["job_id"], job["state"]) for job in listed] == [
        (c, "queued"),
        (b, "queued"),
        (a, "cancelled"),
    ]
    queue_command.retry(folder, a)
    queue_command.list_jobs(folder)
    assert capsys.readouterr().out.splitlines()[2] == f"{a}  queued     a request"
    with pytest.raises(JukeboxError, match="no job 'x'"):
        queue_command.cancel(folder, "x")
    assert not list((folder / "letters").iterdir())


def test_a_request_that_is_none_is_refused_before_it_is_queued(
    tmp_path: Path, tiny_bundle: Path
) -> None:
    bad = tmp_path / "bad.json"
    for content in ("no JSON", '{"version": 99}'):
        bad.write_text(content, encoding="utf-8")
        with pytest.raises(JukeboxError, match=r"bad\.json"):
            queue_command.add(tmp_path / "queue", [bad], model=str(tiny_bundle))
    assert not (tmp_path / "queue").exists()


def test_changes_wait_for_the_program_that_has_the_queue(
    tmp_path: Path, request_path: Path, tiny_bundle: Path
) -> None:
    """Here one that ends without having read them."""
    folder = tmp_path / "queue"
    with FolderJobStore(folder):
        adding = threading.Thread(target=added, args=(folder, request_path, tiny_bundle, 1))
        adding.start()
        adding.join(0.5)
        assert adding.is_alive()
    adding.join(60)
    assert [queued.state for queued in read_queue(folder).jobs] == ["queued"]


def test_a_queue_runs_and_a_job_is_resumed(
    tmp_path: Path, request_path: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "queue"
    (job_id,) = added(folder, request_path, tiny_bundle, 1)
    queue_command.run(folder, threads=1, json_lines=True)
    assert [queued.state for queued in read_queue(folder).jobs] == ["finished"]
    assert len(list((folder / "out").glob("*.wav"))) == 1
    capsys.readouterr()
    queue_command.resume(folder / "jobs" / job_id, threads=1, json_lines=True)
    events = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert events[-2:] == ["variant", "finished"]
    assert len(list((folder / "out").glob("*.wav"))) == 1
    with pytest.raises(JukeboxError, match="holds no job"):
        queue_command.resume(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_jobs_end_as_those_in_peace(clip: Path, tiny_bundle: Path) -> None:
    script = str(ROOT / "benchmarks/kill_and_resume.py")
    options = ["--kills=3", f"--model={tiny_bundle}", f"--clip={clip}", "--seconds=1"]
    done = subprocess.run(
        [sys.executable, script, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| worker | 1 |" in done.stdout
