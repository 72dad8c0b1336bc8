"""Seconds of computing for a second of music, from the clip to the files, with all levels.

    python benchmarks/end_to_end.py [--part starter|order|lengths|variants|peer ...]

starter   8 s, 4 variants, side by side, without and with guidance of style
order     the same in order
lengths   one variant of 10, 30 and 300 s
variants  1 and 4 variants of 8 s
peer      VENV/bin/python, see benchmarks/requirements.txt: a published shape scaled down, with the
          same random weights here and in Hugging Face's Jukebox, which samples its windows in order

All renders go through the engine in this process, with one thread, on a warm bundle; all variants
together count as the music once. Of the peer and of ours beside it, steps are timed at the start,
in the middle and at the end of a window, by turns, and multiplied by the steps of 8 s of music: a
whole render of the peer would take a quarter of an hour. Decoding is not in these two.

RESULTS keeps each part as it is done. All four take about six minutes, peer two.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from jukebox_studio.bundle import find_bundle
from jukebox_studio.clip import Clip
from jukebox_studio.engine import render
from jukebox_studio.events import Loading, Preview, Progress, VariantFinished
from jukebox_studio.loaded import Models
from jukebox_studio.request import Continue, Guidance, Request, Sampling
from jukebox_studio.sampling.segments import split_stretch
from jukebox_studio.style import Style, StylePoint, parse_blend
from jukebox_studio.tempo import SongTime

ROOT = Path(__file__).resolve().parent.parent
SECONDS, VARIANTS = 8.0, 4
STYLE = Style((StylePoint(0.0, parse_blend("Sectoid")),))
GUIDANCE = 1.5
RESULTS = ROOT / "benchmarks/results/end_to_end.json"


class Bench:
    def __init__(self, model: str) -> None:
        self.models, self.bundle = Models(), find_bundle(model)
        demo = ROOT / "presets/demo/industrial-120bpm.flac"
        self.clip = Clip.from_file(demo, SongTime.steady(120))
        self.run(Request(self.clip, Continue(0.5, "seconds"), variants=4))

    def run(self, request: Request) -> dict[str, float]:
        """Seconds of computing by part, per second of music."""
        assert isinstance(request.operation, Continue)
        spent: dict[str, float] = {}
        with tempfile.TemporaryDirectory() as name:
            folders = Path(name) / "out", Path(name) / "job"
            began = before = time.perf_counter()
            part = "clip"
            for event in render(self.bundle, request, *folders, self.models):
                now = time.perf_counter()
                if isinstance(event, Progress):
                    part = f"level {event.level}"
                elif isinstance(event, Preview):
                    part = "previews"
                elif isinstance(event, VariantFinished):
                    part = "sound"
                if not isinstance(event, Loading):
                    spent[part] = spent.get(part, 0.0) + now - before
                before = now
            spent["all"] = time.perf_counter() - began
        return {part: took / request.operation.length for part, took in spent.items()}

    def request(self, seconds: float = SECONDS, variants: int = VARIANTS, **more: Any) -> Request:
        return Request(
            self.clip, Continue(seconds, "seconds"), variants=variants, seed=1, style=STYLE, **more
        )


def told(name: str, spent: dict[str, float]) -> str:
    parts = ", ".join(f"{part} {took:.3f}" for part, took in spent.items() if part != "all")
    return f"| {name} | {spent['all']:.3f} | {parts} |"


def starter(bench: Bench, found: dict[str, Any]) -> None:
    print("| 8 s, 4 variants, stereo clip | s per s of music | of which |\n|---|---|---|")
    plain = bench.request()
    for name, request in {
        "side by side": plain,
        "side by side, guidance of style": replace(plain, guidance=Guidance(style=GUIDANCE)),
        "side by side, mono": replace(plain, width=0.0),
        "side by side, int8": replace(plain, precision="int8"),
        "side by side, int8, guidance of style": replace(
            plain, precision="int8", guidance=Guidance(style=GUIDANCE)
        ),
    }.items():
        found[name] = bench.run(request)
        print(told(name, found[name]), flush=True)


def order(bench: Bench, found: dict[str, Any]) -> None:
    print("| 8 s, 4 variants, stereo clip | s per s of music | of which |\n|---|---|---|")
    plain = bench.request(sampling=Sampling(schedule="exact"))
    for name, request in {
        "in order": plain,
        "in order, guidance of style": replace(plain, guidance=Guidance(style=GUIDANCE)),
    }.items():
        found[name] = bench.run(request)
        print(told(name, found[name]), flush=True)


def lengths(bench: Bench, found: dict[str, Any]) -> None:
    print("| one variant | s per s of music | of which |\n|---|---|---|")
    for seconds in (10.0, 30.0, 300.0):
        found[f"{seconds:g} s"] = bench.run(bench.request(seconds, 1))
        print(told(f"{seconds:g} s", found[f"{seconds:g} s"]), flush=True)


def variants(bench: Bench, found: dict[str, Any]) -> None:
    print("| 8 s | s per s of music | of which |\n|---|---|---|")
    for count in (1, 4, 8):
        for name, more in {
            "": {},
            ", int8": {"precision": "int8"},
            ", mono": {"width": 0.0},
        }.items():
            row = f"{count} variants{name}"
            found[row] = bench.run(bench.request(variants=count, **more))
            print(told(row, found[row]), flush=True)


RENDERS = {"starter": starter, "order": order, "lengths": lengths, "variants": variants}


def peer(found: dict[str, Any], name: str, steps: int) -> None:
    """Three levels of the published rates and contexts, each with a transformer of one width."""
    from decoding_step import CASES, Ours, Peer  # beside this file

    from jukebox_studio.model.prior import Prior

    case = CASES[name]
    theirs = Peer(case)
    with torch.device("meta"):
        prior = Prior(case.config())
    prior.load_state_dict(theirs.weights(), assign=True)
    prior.eval().requires_grad_(False)
    codes = {level: int(SECONDS * 44_100) // hop for level, hop in ((0, 8), (1, 32), (2, 128))}
    work = {}
    for level, total in codes.items():
        segments = split_stretch(0, total, 0, case.n_ctx, 4) if level < 2 else []
        longest = max((w.length for w in segments), default=total)
        work[level] = longest, VARIANTS * max(1, len(segments))
    runners: dict[str, Any] = {"transformers": theirs}
    runners |= {p: Ours(prior, p) for p in ("float32", "int8")}
    batches = sorted({VARIANTS, *(rows for _, rows in work.values())})
    ms: dict[str, dict[int, float]] = {p: {} for p in runners}
    for batch in batches:
        ids = torch.randint(2048, (batch,))
        timed: dict[str, list[float]] = {p: [] for p in runners}
        for position in (0, case.positions // 2, case.positions - steps):
            for program, runner in runners.items():
                if program == "transformers" and batch != VARIANTS:
                    continue
                runner.begin(batch, position)
                for _ in range(steps):
                    began = time.perf_counter()
                    runner.step(ids)
                    timed[program].append(time.perf_counter() - began)
        for program, times in timed.items():
            if times:
                ms[program][batch] = 1e3 * statistics.median(times)
    whole = {"transformers": sum(codes.values()) * ms["transformers"][VARIANTS] / 1e3}
    for program in ("float32", "int8"):
        whole[program] = sum(n * ms[program][rows] for n, rows in work.values()) / 1e3
        whole[f"{program}, in order"] = sum(codes.values()) * ms[program][VARIANTS] / 1e3
    found[name] = {"ms": ms, "seconds": whole, "steps and rows": work}
    print(f"| {case.width} x {case.depth}, 8 s, 4 variants | s | against the peer |\n|---|---|---|")
    for program, seconds in whole.items():
        print(f"| {program} | {seconds:.0f} | {whole['transformers'] / seconds:.1f} |")
    print(f"ms a step by rows: {ms}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", nargs="+", choices=[*RENDERS, "peer"], default=list(RENDERS))
    parser.add_argument("--model", default="starter")
    parser.add_argument("--case", default="512", help="of the peer, as in decoding_step.py")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    bench = None if options.part == ["peer"] else Bench(options.model)
    for part in options.part:
        found = results.setdefault(part, {})
        if part == "peer":
            peer(found, options.case, options.steps)
        else:
            assert bench is not None
            RENDERS[part](bench, found)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
