"""What the joints cost where a level is sampled as many windows at once.

    python benchmarks/parallel_windows.py --data DATA [--clips 24] [--seconds 12]

DATA is the folder that the starter's recipe makes. Held-out recordings are encoded; then the level
below the top is sampled under their own codes above: window by window (`exact`), and side by side
under several strengths of the lead that a segment is given towards the next (`side by side`). At
the places of the joints, and at the same places of all others, are measured:

bits      of the codes from the joint on, under the prior with the codes before the joint in sight
flux      the change of sound over the joint: mean difference of log mel spectra of the 23 ms before
          it and after it, in dB
onset     the strength of the onset at the joint (rising parts of that change), in dB
step      the step from sample to sample at the joint, over the standard deviation of those around

with the 95 % interval of the difference to `exact` in the same places, by clips.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from jukebox_studio import audio
from jukebox_studio.bundle import find_bundle
from jukebox_studio.loaded import Models
from jukebox_studio.model.labels import LabelBatch, Labeller
from jukebox_studio.model.prior import Prior
from jukebox_studio.operations import HOP_FRACTION
from jukebox_studio.sampling import parallel
from jukebox_studio.sampling.conditions import codes_above, conditions_of
from jukebox_studio.sampling.guidance import code_distances
from jukebox_studio.sampling.segments import split_stretch
from jukebox_studio.sampling.song import LevelSettings, drawn, sample_level
from jukebox_studio.sampling.windows import Window
from jukebox_studio.training.data import read_table
from jukebox_studio.training.losses import mel_filters

LEVEL = 0
GIVEN_CODES = 384
SEED = 5
FRAME = 512
"""Samples on each side of a joint."""
SPANS = ((0, 8), (8, 32), (32, 128))
"""Codes after a joint, whose bits are averaged."""


def finish(steps: Generator[Any, None, Tensor]) -> Tensor:
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            made: Tensor = finished.value
            return made


class Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.models = Models()
        self.models.use(find_bundle(options.model))
        self.prior: Prior = self.models.prior(LEVEL)
        config = self.prior.config
        assert config.conditioner is not None
        self.ratio = config.conditioner.codes_per_code_above
        self.vqvae = self.models.vqvae()
        self.distances = code_distances(self.vqvae.codebook(LEVEL).k)
        tracks = [t for t in read_table(options.data) if t.split == "test" and not t.words]
        tracks.sort(key=lambda t: t.path.name)
        hop_above = config.hop_samples * self.ratio
        length = int(options.seconds * config.sample_rate_hz) // hop_above * hop_above
        own, above, labels = [], [], []
        tables = self.models.tables(LEVEL)
        assert tables is not None
        for number in range(options.clips):
            track = tracks[number % len(tracks)]
            rate = audio.inspect(track.path).rate_hz
            start = (20 + 15 * (number // len(tracks))) * rate
            count = math.ceil((options.seconds + 0.1) * rate)
            read = audio.read(track.path, start_samples=start, length_samples=count)
            mono = audio.to_mono(audio.resample(read.samples, rate, config.sample_rate_hz))[:length]
            sound = torch.from_numpy(np.ascontiguousarray(mono))[None, :, None]
            with torch.no_grad():
                own.append(self.vqvae.encode_chunked(sound, LEVEL))
                above.append(self.vqvae.encode_chunked(sound, LEVEL + 1))
            labels.append(
                Labeller.for_prior(config, tables).label(
                    artist=track.artist,
                    genre=track.genre,
                    lyrics=None,
                    total_samples=length,
                    offset_samples=0,
                )
            )
        self.own, self.above = torch.cat(own), torch.cat(above)
        self.labels = LabelBatch.of(labels)
        self.rows = len(own)
        self.total = self.own.shape[1]
        self.settings = LevelSettings(
            hop_fraction=HOP_FRACTION["lower"], temperature=0.98, most_rows=options.rows
        )

    def exact(self) -> Tensor:
        picks = drawn(SEED, range(self.rows), {LEVEL: self.settings})
        return finish(
            sample_level(
                self.prior,
                self.own[:, :GIVEN_CODES],
                self.total,
                picks=picks,
                above=self.above,
                labels=self.labels,
                settings=self.settings,
            )
        )

    def side_by_side(self, lead: float) -> tuple[Tensor, Tensor]:
        """Codes Tensor[B, T], joints Tensor[B, joints]."""
        parallel.LEAD = lead
        n_ctx = self.prior.config.n_ctx
        segments = split_stretch(GIVEN_CODES, self.total, GIVEN_CODES, n_ctx, self.ratio)
        given = self.own[:, segments[0].start : GIVEN_CODES]
        made = finish(
            parallel.sample_segments(
                self.prior,
                {0: given},
                segments,
                parallel.no_segments(segments, self.rows),
                seed=SEED,
                variants=range(self.rows),
                distances=self.distances,
                above=self.above,
                labels=self.labels,
                settings=self.settings,
            )
        )
        stitched = parallel.stitch(segments, made, self.distances)
        whole = torch.cat([self.own[:, :GIVEN_CODES], stitched.stretches[0]], dim=1)
        return whole, stitched.joints

    @torch.no_grad()
    def bits(self, codes: Tensor, joints: Tensor) -> Tensor:
        """Bits of the codes after each joint, Tensor[B, joints, last of SPANS]; NaN past the end.

        From a window in which half a context lies before the joint.
        """
        n_ctx, last = self.prior.config.n_ctx, SPANS[-1][1]
        found = torch.full((*joints.shape, last), torch.nan)
        for row in range(self.rows):
            for number, joint in enumerate(joints[row].tolist()):
                start = max(0, min(joint - n_ctx // 2, self.total - n_ctx))
                start = start // self.ratio * self.ratio
                window = Window(start, start + n_ctx, 0)
                condition = conditions_of(self.prior, self.labels, None, [], window)[0]
                assert condition.y is not None
                under = codes_above(self.prior, self.above, window)
                assert under is not None
                part = codes[row : row + 1, start : start + n_ctx]
                logits = self.prior(part, condition.y[row : row + 1], under[row : row + 1])
                bits = F.cross_entropy(logits[0].float(), part[0], reduction="none") / math.log(2)
                after = bits[joint - start : joint - start + last]
                found[row, number, : len(after)] = after
        return found

    @torch.no_grad()
    def sound(self, codes: Tensor) -> np.ndarray:
        return np.stack([self.vqvae.decode_chunked(c[None], LEVEL)[0, :, 0].numpy() for c in codes])

    def heard(self, sound: np.ndarray, joints: Tensor) -> dict[str, np.ndarray]:
        """Array[B, joints] of each measure of sound."""
        rate, hop = self.prior.config.sample_rate_hz, self.prior.config.hop_samples
        mel = mel_filters(FRAME, 40, rate).numpy()
        window = np.hanning(FRAME)

        def log_mel(row: int, start: int) -> np.ndarray:
            spectrum = np.abs(np.fft.rfft(sound[row, start : start + FRAME] * window)) ** 2
            return 10 * np.log10(mel @ spectrum + 1e-7)

        found = {name: np.zeros(joints.shape) for name in ("flux", "onset", "step")}
        for row in range(self.rows):
            for number, joint in enumerate((joints[row] * hop).tolist()):
                change = log_mel(row, joint) - log_mel(row, joint - FRAME)
                found["flux"][row, number] = np.abs(change).mean()
                found["onset"][row, number] = np.maximum(change, 0).mean()
                steps = np.diff(sound[row, joint - FRAME : joint + FRAME])
                largest = np.abs(steps[FRAME - hop : FRAME + hop]).max()
                found["step"][row, number] = largest / (steps.std() + 1e-9)
        return found


def interval(difference: np.ndarray) -> tuple[float, float]:
    """Mean and half the 95 % interval over clips, Array[B, ...]."""
    by_clip = np.nanmean(difference.reshape(len(difference), -1), axis=1)
    return float(by_clip.mean()), float(1.96 * by_clip.std(ddof=1) / math.sqrt(len(by_clip)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--leads", type=float, nargs="+", default=[0.0, 0.5, 1.0, 2.0])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    bench = Bench(options)
    began = time.perf_counter()
    exact = bench.exact()
    print(f"exact: {time.perf_counter() - began:.1f} s for {bench.rows} clips", flush=True)
    exact_sound, own_sound = bench.sound(exact), bench.sound(bench.own)
    results: dict[str, Any] = {}
    if options.out and options.out.is_file():
        results = json.loads(options.out.read_text(encoding="utf-8"))
    spans = [f"bits {a}-{b}" for a, b in SPANS]
    columns = [*spans, "flux", "onset", "step"]
    print(f"| | time | {' | '.join(columns)} |\n|---|---|{'---|' * len(columns)}")

    def measured(codes: Tensor, sound: np.ndarray, joints: Tensor) -> dict[str, np.ndarray]:
        bits = bench.bits(codes, joints).numpy()
        found = {name: bits[:, :, a:b] for name, (a, b) in zip(spans, SPANS, strict=True)}
        return found | bench.heard(sound, joints)

    for lead in options.leads:
        began = time.perf_counter()
        codes, joints = bench.side_by_side(lead)
        took = time.perf_counter() - began
        beside = measured(codes, bench.sound(codes), joints)
        there = measured(exact, exact_sound, joints)
        recorded = measured(bench.own, own_sound, joints)
        line = {"seconds": took}
        for name in columns:
            more, about = interval(beside[name] - there[name])
            line[name] = {
                "side by side": float(np.nanmean(beside[name])),
                "exact": float(np.nanmean(there[name])),
                "recording": float(np.nanmean(recorded[name])),
                "difference": more,
                "interval": about,
            }
        results[str(lead)] = line
        if options.out:
            options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        told = [
            f"{line[n]['side by side']:.2f} ({line[n]['exact']:.2f}, "
            f"{line[n]['difference']:+.2f} ± {line[n]['interval']:.2f})"
            for n in columns
        ]
        print(f"| lead {lead:g} | {took:.1f} s | {' | '.join(told)} |", flush=True)
        told = [f"{line[n]['recording']:.2f}" for n in columns]
        print(f"| recording there | | {' | '.join(told)} |", flush=True)


if __name__ == "__main__":
    main()
