"""Whether renders take as much memory as their plan says.

    python benchmarks/memory_plan.py [--case NAME ...]

Every case runs in a process of its own: a first small render of a tiny model loads the libraries,
then the system's count of the peak is set to zero and the case is rendered. Models other than the
starter have random weights and are made for it, in float32 as after an import. "Mapped" is what of
the peak is files, which the system takes back where memory is short. Linux.

Each case goes into RESULTS as it is done, and the table is printed of all there is.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

SHORT_BYTES = 1_100_000_000
"""What a case that is short of memory is allowed: more than one level of it needs."""
RESULTS = Path(__file__).parent / "results" / "memory_plan.json"
DEMO = Path(__file__).parent.parent / "presets/demo/industrial-120bpm.flac"

CASES: dict[str, dict[str, Any]] = {
    "1 variant": {"variants": 1},
    "4 variants": {},
    "8 variants": {"variants": 8},
    "4 variants, mono": {"width": 0.0},
    "4 variants, int8": {"precision": "int8"},
    "4 variants, guidance": {"guidance": 1.5},
    "1 variant, 60 s": {"variants": 1, "seconds": 60.0},
    "1024 x 24, 4 variants": {"model": "1024", "seconds": 0.1},
    "1024 x 24, 4 variants, int8": {"model": "1024", "seconds": 0.1, "precision": "int8"},
    "1024 x 24, 4 variants, int8 after float32": {
        "model": "1024",
        "seconds": 0.1,
        "precision": "int8",
        "before": "float32",
    },
    "1024 x 24, one level at a time": {"model": "1024", "seconds": 0.1, "one_level": True},
    "1b_lyrics, top level": {"model": "1b_lyrics", "seconds": 0.1, "variants": 1, "clip": 2.0},
}


# Models ------------------------------------------------------------------------------------------


def make_model(name: str, folder: Path) -> None:
    """A bundle of random weights: the tiny one, or published shapes scaled down in width."""
    import torch

    from jukebox_studio.bundle import VQVAE_FILE, Manifest, labels_file, prior_file, write_bundle
    from jukebox_studio.licences import CC_BY_SA_4
    from jukebox_studio.model import config as table
    from jukebox_studio.model.labels import LabelTables
    from jukebox_studio.model.load import save_weights
    from jukebox_studio.model.shapes import prior_shapes
    from jukebox_studio.model.vqvae import VQVAE

    vqvae = table.TINY_VQVAE if name == "tiny" else table.PUBLISHED_VQVAE
    if name == "tiny":
        priors = {level: table.PRIORS[f"tiny_level_{level}"] for level in (0, 1)}
    else:
        top = table.PRIORS["prior_1b_lyrics"]
        upsampler = table.PRIORS["upsampler_level_0"]
        if name == "1024":
            top = replace(
                top, n_ctx=1024, transformer=replace(top.transformer, width=1024, depth=24)
            )
        assert upsampler.conditioner is not None
        small = table.TransformerConfig(1024 if name == "1024" else 64, 24, 1, 2, 128)
        convolved = replace(upsampler.conditioner, width=128, depth=4)
        lower = replace(upsampler, n_ctx=1024, transformer=small, conditioner=convolved)
        priors = {
            0: lower,
            1: replace(lower, name="level 1", level=1, hop_samples=32),
            2: replace(top, name="level 2"),
        }

    def fill(part: Path) -> Manifest:
        torch.manual_seed(0)
        network = VQVAE(vqvae)
        for level in range(vqvae.levels):
            network.codebook(level).k.normal_(std=0.3)
        save_weights(part / VQVAE_FILE, network.state_dict())
        for level, prior in priors.items():
            state = {k: torch.empty(s).normal_(std=0.02) for k, s in prior_shapes(prior).items()}
            save_weights(part / prior_file(level), state)
        for version in {p.labels.version for p in priors.values() if p.labels}:
            tables = LabelTables(version, {"unknown": 0}, {"unknown": 0})
            (part / labels_file(version)).write_text(json.dumps(tables.to_json()), "utf-8")
        return Manifest(
            name=name, licence=CC_BY_SA_4, attribution=("Nobody",), vqvae=vqvae, priors=priors
        )

    write_bundle(folder, fill)


# One case ----------------------------------------------------------------------------------------


def memory_kb() -> dict[str, int]:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return {k: int(v.split()[0]) for k, _, v in (x.partition(":") for x in lines) if " kB" in v}


def _be_short_of_memory(limit_bytes: int) -> None:
    """Have the engine believe that no more than this is there for its process."""
    from jukebox_studio import loaded

    def virtual_memory() -> SimpleNamespace:
        return SimpleNamespace(available=limit_bytes - memory_kb()["RssAnon"] * 1024)

    loaded.psutil = SimpleNamespace(virtual_memory=virtual_memory)  # type: ignore[assignment]


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # it is what is there now


def measure(case: dict[str, Any], model: Path, tiny: Path) -> dict[str, Any]:
    import torch

    from jukebox_studio import heap, memory
    from jukebox_studio.bundle import find_bundle
    from jukebox_studio.clip import Clip
    from jukebox_studio.engine import render
    from jukebox_studio.events import Progress
    from jukebox_studio.loaded import Models
    from jukebox_studio.request import Continue, Guidance, Request
    from jukebox_studio.style import Style, StylePoint, parse_blend
    from jukebox_studio.tempo import SongTime

    torch.set_num_threads(1)
    clip = Clip.from_file(DEMO, SongTime.steady(120))
    with tempfile.TemporaryDirectory() as name:
        folder, models = Path(name), Models()
        first = Request(clip, Continue(0.5, "seconds"), variants=1)
        for _ in render(find_bundle(tiny), first, folder / "a", folder / "b", models):
            pass
        models.unload()
        heap.give_back()
        length = round(case.get("clip", 10.0) * clip.rate_hz)
        request = Request(
            replace(clip, length_samples=length),
            Continue(case.get("seconds", 8.0), "seconds"),
            variants=case.get("variants", 4),
            width=case.get("width", 1.0),
            precision=case.get("precision", "float32"),
            preview_only=case.get("model") == "1b_lyrics",
        )
        if guidance := case.get("guidance"):
            style = Style((StylePoint(0.0, parse_blend("Sectoid")),))
            request = replace(request, style=style, guidance=Guidance(style=guidance))
        bundle = find_bundle(model)
        before = memory_kb()
        if precision := case.get("before"):
            other = replace(request, precision=precision)
            for _ in render(bundle, other, folder / "other", folder / "other job", models):
                pass
        if case.get("one_level"):
            _be_short_of_memory(before["RssAnon"] * 1024 + SHORT_BYTES)
        _forget_peak()
        began, most, is_sampling = time.perf_counter(), 0, False
        for event in render(bundle, request, folder / "out", folder / "job", models):
            if case.get("before") and isinstance(event, Progress) and not is_sampling:
                _forget_peak()  # that of the weights which were there before
                is_sampling = True
            most = max(most, memory_kb()["RssFile"])
        after = memory_kb()
        made = bundle.manifest
        if request.preview_only:
            top = max(made.priors)
            made = made.model_copy(update={"priors": {top: made.priors[top]}})
        plan = memory.plan(made, memory.Asked.by(request, channels=2))
        planned = plan.one_level_bytes if case.get("one_level") else plan.peak_bytes
    return {
        "program": before["VmRSS"] * 1024,
        "measured": (after["VmHWM"] - before["VmRSS"]) * 1024,
        "mapped": (most - before["RssFile"]) * 1024,
        "planned": planned,
        "seconds": time.perf_counter() - began,
    }


def table(results: dict[str, Any]) -> str:
    lines = [
        "| case | planned | measured | planned / measured | with the program | mapped |",
        "|---|---|---|---|---|---|",
    ]
    from jukebox_studio.memory import PROGRAM_BYTES

    for name, found in results.items():
        planned, measured = found["planned"], found["measured"]
        whole = (planned + PROGRAM_BYTES) / (measured + found["program"])
        lines.append(
            f"| {name} | {planned / 1e6:.0f} MB | {measured / 1e6:.0f} MB | "
            f"{planned / measured:.2f} | {whole:.2f} | {max(0, found['mapped']) / 1e6:.0f} MB |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make_model(options.make.name, options.make)
        return
    if options.one:
        print(json.dumps(measure(CASES[options.case[0]], *options.one)))
        return
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    with tempfile.TemporaryDirectory() as name:
        for case in options.case:
            model = CASES[case].get("model", "starter")
            paths = {m: m if m == "starter" else f"{name}/{m}" for m in ("tiny", model)}
            for path in paths.values():
                if path != "starter" and not Path(path).exists():
                    subprocess.run([sys.executable, __file__, "--make", path], check=True)
            told = subprocess.run(
                [sys.executable, __file__, "--case", case, "--one", paths[model], paths["tiny"]],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            ).stdout
            results[case] = json.loads(told.splitlines()[-1])
            print(table({case: results[case]}).splitlines()[-1], file=sys.stderr, flush=True)
            RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
