"""How much slower sampling gets while something else keeps a core busy.

    VENV/bin/pip install -r benchmarks/requirements.txt
    VENV/bin/python benchmarks/busy_neighbour.py [--threads 1 2] [--program step ...]

step          a decoding step of width 512 and depth 12, four rows
transformers  the same of Hugging Face's Jukebox, same weights
render        a second of the starter, one variant, all levels, with the engine

Each in a process of its own with so many threads, by turns alone and beside a process that spins.
With a core for the neighbour, one thread should lose nothing, and as many threads as there are
cores half of what the neighbour takes of theirs. RESULTS keeps all that was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "busy_neighbour.json"
DEMO = Path(__file__).parent.parent / "presets/demo/industrial-120bpm.flac"
PROGRAMS = ("step", "transformers", "render")


def step_of(program: str) -> Callable[[], None]:
    """A function that takes one step in the middle of a window."""
    import torch
    from decoding_step import CASES, Ours, Peer  # beside this file

    from jukebox_studio.model.prior import Prior

    case, rows = CASES["512"], 4
    theirs = Peer(case)
    runner: Any = theirs
    if program == "step":
        with torch.device("meta"):
            prior = Prior(case.config())
        prior.load_state_dict(theirs.weights(), assign=True)
        runner = Ours(prior.eval().requires_grad_(False), "float32")
    ids = torch.zeros(rows, dtype=torch.int64)
    runner.begin(rows, case.positions // 2)
    steps = [0]

    def step() -> None:
        steps[0] += 1
        if steps[0] % 400 == 0:
            runner.begin(rows, case.positions // 2)
        runner.step(ids)

    return step


def render_of(folder: Path) -> Callable[[], None]:
    from jukebox_studio.bundle import find_bundle
    from jukebox_studio.clip import Clip
    from jukebox_studio.engine import render
    from jukebox_studio.loaded import Models
    from jukebox_studio.request import Continue, Request
    from jukebox_studio.tempo import SongTime

    models, bundle = Models(), find_bundle("starter")
    request = Request(
        Clip.from_file(DEMO, SongTime.steady(120)), Continue(1, "seconds"), variants=1
    )

    def once() -> None:
        for _ in render(bundle, request, folder, None, models):
            pass

    return once


def measure(program: str, threads: int, seconds: float, turns: int) -> dict[str, float]:
    """Times done in a second, alone and beside a process that spins."""
    import torch

    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as name:
        work = render_of(Path(name)) if program == "render" else step_of(program)
        work()
        rates: dict[str, list[float]] = {"alone": [], "beside": []}
        spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            for _ in range(turns):
                for state, told in (("alone", signal.SIGSTOP), ("beside", signal.SIGCONT)):
                    spinner.send_signal(told)
                    time.sleep(0.2)
                    began, done = time.perf_counter(), 0
                    while (passed := time.perf_counter() - began) < seconds or not done:
                        work()
                        done += 1
                    rates[state].append(done / passed)
        finally:
            spinner.kill()
    return {state: statistics.median(each) for state, each in rates.items()}


def table(results: dict[str, Any]) -> str:
    lines = [
        "| program | threads | alone, 1/s | beside a busy core, 1/s | kept |",
        "|---|---|---|---|---|",
    ]
    for key, rates in sorted(results.items()):
        program, threads = key.split("/")
        kept = rates["beside"] / rates["alone"]
        lines.append(
            f"| {program} | {threads} | {rates['alone']:.2f} | {rates['beside']:.2f} | {kept:.0%} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--program", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--seconds", type=float, default=2.0, help="of a turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        found = measure(given.program[0], given.threads[0], given.seconds, given.turns)
        print(json.dumps(found))
        return
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    for program in given.program:
        for threads in given.threads:
            # The engine's worker waits so (worker.settings_from_arguments).
            policy = {} if program == "transformers" else {"OMP_WAIT_POLICY": "passive"}
            command = [sys.executable, __file__, "--one", "--program", program]
            command += ["--threads", str(threads), "--turns", str(given.turns)]
            out = subprocess.run(
                [*command, "--seconds", str(given.seconds)],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | {"OMP_NUM_THREADS": str(threads)} | policy,
            ).stdout
            results[f"{program}/{threads}"] = json.loads(out.splitlines()[-1])
            RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
