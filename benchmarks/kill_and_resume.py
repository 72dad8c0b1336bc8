"""Kill the engine or the whole program at random moments, and compare what comes out in the end.

    python benchmarks/kill_and_resume.py --kills 50

One render is made in peace, by `jukebox-studio queue run`. Then the same job is begun again and
again in queues of its own, and killed (SIGKILL) after a random number of its events: by turns the
worker alone, the program that started it, or both at once. It is run on until it finishes; that is
repeated until so many kills have happened. Every job must end with the codes of the first in its
folder and with the samples of the first in its files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import psutil

from jukebox_studio import audio
from jukebox_studio.bundle import find_bundle
from jukebox_studio.clip import Clip
from jukebox_studio.job_queue import FolderJobStore, Job, QueuedJob, QueueState
from jukebox_studio.request import Continue, Request
from jukebox_studio.tempo import SongTime

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = [sys.executable, "-c", "from jukebox_studio.cli import main; main()"]
VICTIMS = ("worker", "program", "both")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--clip", type=Path, default=ROOT / "presets/demo/industrial-120bpm.flac")
    parser.add_argument("--seconds", type=float, default=3.0, help="of music a job makes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    info = audio.inspect(options.clip)
    rate_hz = info.rate_hz
    clip = Clip(options.clip, 0, info.length_samples, rate_hz, SongTime.steady(120), rate_hz)
    request = Request(clip, Continue(options.seconds, "seconds"), variants=2, seed=7)
    model = find_bundle(options.model).folder
    dice = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="kill and resume ") as folder:
        root = Path(folder)
        events = Render(root / "peace", model, request, options.threads).run()
        wanted = outcome(root / "peace")
        kills: Counter[str] = Counter()
        renders = 0
        while kills.total() < options.kills:
            renders += 1
            queue = root / f"queue {renders}"
            render = Render(queue, model, request, options.threads)
            while kills.total() < options.kills:
                victim = VICTIMS[kills.total() % len(VICTIMS)]
                if render.run(kill_after=dice.randrange(1, events), victim=victim):
                    break
                kills[victim] += 1
                print(f"kill {kills.total()}: {victim}", flush=True)
            else:
                render.run()
            if outcome(queue) != wanted:
                print(f"render {renders}: other codes, samples or files than in peace")
                return 1
            shutil.rmtree(queue)
    print("| killed | times |\n|---|---|")
    for victim in VICTIMS:
        print(f"| {victim} | {kills[victim]} |")
    print(f"{renders} renders of {options.seconds:g} s, {events} events each in peace: all ended")
    print("with the codes and the samples of the one in peace")
    return 0


class Render:
    """One job in a queue of its own, run by the program as people run it."""

    def __init__(self, queue: Path, model: Path, request: Request, threads: int) -> None:
        self._command = [*PROGRAM, "queue", "run", str(queue), "--json", f"--threads={threads}"]
        self._queue = queue
        with FolderJobStore(queue) as store:
            folder = store.job_folder("job")
            job = Job(model, request.to_json(), queue / "out", job_id="job", folder=folder)
            store.save(QueueState((QueuedJob(job),)))

    def run(self, kill_after: int | None = None, victim: str = "") -> int:
        """Run on; the number of events where the job came to its end, 0 where it was killed.

        A job that fails other than by our hand ends the program.
        """
        events, was_killed = 0, False
        with FolderJobStore(self._queue) as store:
            state = store.load()
            if state.of("job").state == "failed":  # told of the worker's death: asked for again
                store.save(state.resumed("job"))
        with subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            for line in program.stdout:
                event = json.loads(line)
                events += 1
                if events == kill_after and event["event"] != "finished":
                    was_killed = True
                    kill(program.pid, victim)
                elif event["event"] == "failed" and not was_killed:
                    sys.exit(f"the job failed: {event['sentence']}")
        if was_killed:
            # A worker alone that had all but ended may have told so before it died.
            with FolderJobStore(self._queue) as store:
                was_killed = store.load().of("job").state != "finished"
        return 0 if was_killed else events


def kill(program: int, victim: str) -> None:
    found = psutil.Process(program)
    victims = found.children() if victim in ("worker", "both") else []
    if victim in ("program", "both"):
        victims.append(found)
    for process in victims:
        process.kill()


def outcome(queue: Path) -> dict[str, str]:
    """SHA-256 of the codes in a job's folder and of the samples in its results, by name."""
    hashes = {}
    for path in sorted(queue.glob("jobs/job/**/*.safetensors")):
        hashes[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    for path in sorted(queue.glob("out/**/*.wav")):
        samples = audio.read(path).samples
        hashes[path.name] = hashlib.sha256(samples.tobytes()).hexdigest()
    assert hashes, "nothing was made"
    return hashes


if __name__ == "__main__":
    sys.exit(main())
