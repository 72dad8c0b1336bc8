"""Whether operations do something musical: the tables of docs/operations.md.

    python benchmarks/operations.py --data DATA --out OUT [--part limits|keep|blend|vary|relyric]

DATA is the folder that the starter's recipe makes. Every render goes through the engine as a
musician's does. Prints a table for each part and writes OUT/operations.json and plots.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from jukebox_studio import audio
from jukebox_studio.bundle import find_bundle
from jukebox_studio.canvas import Canvas
from jukebox_studio.clip import Clip
from jukebox_studio.codes_file import read_codes
from jukebox_studio.engine import render
from jukebox_studio.events import VariantFinished
from jukebox_studio.loaded import Models
from jukebox_studio.operations import AFTER_SHARE
from jukebox_studio.ranking import follow_up_bits
from jukebox_studio.request import (
    Continue,
    Guidance,
    Operation,
    Relyric,
    Request,
    Restyle,
    Span,
    Vary,
)
from jukebox_studio.style import Part, Style, StylePoint
from jukebox_studio.tempo import SongTime
from jukebox_studio.told import Told
from jukebox_studio.training.alignment import Aligner, is_german
from jukebox_studio.training.data import Track, read_table
from jukebox_studio.training.extra import from_extra
from jukebox_studio.training.losses import mel_filters

KEEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
BLENDS = (0.0, 0.25, 0.5, 0.75, 1.0)
BLEND_GUIDANCE = 4.0
BLEND_TOLD = ("artist", "artist and genre")
RELYRICS = 120
"""Clips that new words are looked for; half of them have enough that can be spelled."""
FEWEST_CORRECT = 0.85
"""Of clips that a classifier of two artists has to tell apart."""
PARTS = ("limits", "keep", "blend", "vary", "relyric")
ROOT = Path(__file__).resolve().parent.parent


class Bench:
    """What every part needs."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.models = Models()
        self.bundle = find_bundle(options.model)
        self.models.use(self.bundle)
        self.out: Path = options.out
        self.blend_seeds: int = options.blend_seeds
        self.clips: int = options.clips
        self.tracks = read_table(options.data)
        self.top = max(self.bundle.manifest.priors)

    def held_out(self, *, sung: bool, split: str = "test") -> list[Track]:
        found = [t for t in self.tracks if t.split == split and bool(t.words) == sung]
        return sorted(found, key=lambda t: t.path.name)

    def clip(
        self, track: Track, start_seconds: float, length_seconds: float, lyrics: str = ""
    ) -> Clip:
        """A stretch of a track, on a timeline of 120 bpm."""
        info = audio.inspect(track.path)
        rate = info.rate_hz
        start = min(
            round(start_seconds * rate), max(0, info.length_samples - round(length_seconds * rate))
        )
        length = min(round(length_seconds * rate), info.length_samples - start)
        song = SongTime.steady(120)
        return Clip(track.path.resolve(), start, length, rate, song, rate, 0, lyrics=lyrics)

    def made(self, name: str, **request: Any) -> list[VariantFinished]:
        asked = Request(**{"width": 0.0, **request})
        folder = self.out / "renders" / name
        events = render(self.bundle, asked, folder, models=self.models)
        return [e for e in events if isinstance(e, VariantFinished)]

    def bits(self, request: Request, codes: Tensor, first: int, end: int) -> float:
        """Mean bits per code of top codes Tensor[T] from `first` to `end`, under the model."""
        prior = self.models.prior(self.top)
        canvas = Canvas(self.models, request)
        told = Told(request, canvas.plan, self.models)
        n = prior.config.n_ctx
        total, count = 0.0, 0
        for start in range(0, end, n // 2):
            window = codes[start : start + n]
            low, high = max(first, start + (n // 2 if start else 0)), min(end, start + n)
            if low >= high:
                continue
            labels = told.labels(self.top, 1)
            y = None
            if labels is not None:
                tokens = prior.config.lyrics.n_tokens if prior.config.lyrics else 0
                at = start * prior.config.hop_samples
                y = torch.from_numpy(labels.at(at, prior.config.sample_length, tokens)[0])
            ids = F.pad(window, (0, n - len(window)))[None]
            with torch.no_grad():
                logits = prior(ids, y)[0, -n:].float()
            lost = F.cross_entropy(logits, ids[0], reduction="none")[low - start : high - start]
            total, count = total + float(lost.sum()) / math.log(2), count + high - low
        return total / max(1, count)


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Markdown."""
    lines = [f"### {title}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [f"{c:.3f}" if isinstance(c, float) else str(c) for c in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


# Limits: every operation on three real clips --------------------------------------------------


def limits(bench: Bench) -> dict[str, Any]:
    """Lengths to the sample, and the joints, on a mono, a stereo and a sung clip."""
    mono = bench.clip(bench.held_out(sung=False)[0], 20, 8)
    demo = audio.read(ROOT / "presets/demo/industrial-120bpm.flac")
    stereo_path = bench.out / "stereo-48k.wav"
    stereo_path.parent.mkdir(parents=True, exist_ok=True)
    audio.write(stereo_path, audio.resample(demo.samples, demo.rate_hz, 48_000), 48_000)
    from jukebox_studio.tempo import MeterMap, TempoMap

    # The tempo changes inside the continuation, and the meter to 7/8.
    song = SongTime(TempoMap.of((0, 120), (24, 133)), MeterMap.of((0, "4/4"), (6, "7/8")))
    info = audio.inspect(stereo_path)
    stereo = Clip(stereo_path, 0, info.length_samples, 48_000, song, 48_000, 0)
    sung_track = bench.held_out(sung=True)[0]
    sung = bench.clip(sung_track, 5, 8)
    sings = any(p.lyrics for p in bench.bundle.manifest.priors.values())
    rows = []
    for name, clip in (("mono", mono), ("stereo 48 kHz, 7/8", stereo), ("sung", sung)):
        third = clip.length_samples // 3
        span = Span(third, 2 * third)
        operations: list[Operation] = [Continue(4), Restyle(0.5), Vary((span,), candidates=2)]
        if sings:
            operations.append(Relyric(span))
        for operation in operations:
            words = "and all the stars are bright" if isinstance(operation, Relyric) else None
            finished = bench.made(
                f"limits-{name[:4]}",
                clip=clip,
                operation=operation,
                lyrics=words,
                variants=2,
                width=1.0,
                seed=1,
            )
            if isinstance(operation, Continue):
                start = clip.end_position(clip.timeline_rate_hz)
                line = clip.song.bar_line_from(start, clip.timeline_rate_hz)
                end = clip.song.end_of_span(line, Fraction(operation.length))
                wanted = clip.song.sample_at(end, clip.timeline_rate_hz) - start
            else:
                wanted = clip.length_samples
            joints, problems = 0, []
            for event in finished:
                described = json.loads(event.description_path.read_text(encoding="utf-8"))
                joints += len(described["joints"])
                problems += [p for j in described["joints"] for p in j["problems"]]
            exact = all(e.length_samples == wanted for e in finished)
            said = "; ".join(problems) or "none"
            rows.append((name, operation.kind, wanted, exact, joints, said))
    print(table("Limits", ["clip", "operation", "samples", "exact", "joints", "over"], rows))
    return {"rows": rows}


# Keep -----------------------------------------------------------------------------------------


def keep(bench: Bench) -> dict[str, Any]:
    """The share of codes kept, and whether the kept ones are chosen well."""
    tracks = bench.held_out(sung=False)[: bench.clips]
    artists = sorted({t.artist for t in bench.tracks if t.split == "train" and not t.words})
    shares: dict[float, list[tuple[float, float]]] = {k: [] for k in KEEPS}
    bits: dict[float, list[tuple[float, float]]] = {k: [] for k in KEEPS}
    for i, track in enumerate(tracks):
        clip = bench.clip(track, 15, 8)
        other = artists[(artists.index(track.artist) + 1 + i) % len(artists)]
        style = Style.of(f'"{other}"' if "," in other or ":" in other else other)
        free: list[Tensor] = []
        for value in KEEPS:
            request = {"clip": clip, "operation": Restyle(value), "style": style, "seed": i}
            finished = bench.made("keep", variants=2, **request)
            asked = Request(**request)
            canvas = Canvas(bench.models, asked)
            (stretch,) = canvas.plan.stretches
            end = min(stretch.end, canvas.plan.needed_codes)
            for row, event in enumerate(finished):
                saved = read_codes(event.codes_path)
                equal = []
                for level, codes in saved.levels.items():
                    ratio = canvas.plan.top_hop_samples // (
                        bench.bundle.manifest.vqvae.hop_samples(level)
                    )
                    known = canvas.codes(level)[0]
                    part = slice(stretch.start * ratio, end * ratio)
                    equal.append(float((codes[part] == known[part]).float().mean()))
                top = saved.levels[bench.top]
                shares[value].append((equal[-1], equal[0]))
                if value == 0.0:
                    free.append(top)
                # The same share of the clip's codes at random places of what was made without.
                known = canvas.codes(bench.top)[0]
                rng = np.random.default_rng([i, row])
                copied = free[row].clone()
                there = rng.random(end) < equal[-1]
                at = torch.from_numpy(np.flatnonzero(there))
                at = at[at >= stretch.start]
                copied[at] = known[at]
                bits[value].append(
                    (
                        bench.bits(asked, top, stretch.start, end),
                        bench.bits(asked, copied, stretch.start, end),
                    )
                )
    rows = []
    for value in KEEPS:
        top, bottom = np.mean(shares[value], axis=0)
        own, copied = np.mean(bits[value], axis=0)
        rows.append((value, float(top), float(bottom), float(own), float(copied)))
    head = ["keep", "top codes equal", "bottom codes equal", "bits a code", "copied at random"]
    print(table("Keep", head, rows))
    tops = [row[1] for row in rows]
    return {
        "rows": rows,
        "monotone": tops == sorted(tops) and tops[-1] == 1.0,
        "better_than_copied": [row[3] < row[4] for row in rows[1:-1]],
    }


# Blend ----------------------------------------------------------------------------------------


def _mel_statistics(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Mean and spread of log mel magnitudes, Array[128]: what a sound is like, not its tune."""
    mono = audio.resample(audio.to_mono(samples), rate_hz, 22_050)
    spectrum = torch.stft(
        torch.from_numpy(mono), 1024, 512, window=torch.hann_window(1024), return_complex=True
    ).abs()
    mel = (mel_filters(1024, 64, 22_050) @ spectrum).clamp(min=1e-4).log10().numpy()
    mel = mel - mel.mean()  # not how loud it is
    return np.concatenate([mel.mean(axis=1), mel.std(axis=1)])


class _Classifier:
    """Which of two artists a sound is like: ridge regression on mel statistics."""

    def __init__(self, a: np.ndarray, b: np.ndarray) -> None:
        x = np.concatenate([a, b])
        y = np.concatenate([np.zeros(len(a)), np.ones(len(b))])
        self.mean, self.scale = x.mean(axis=0), x.std(axis=0) + 1e-6
        z = (x - self.mean) / self.scale
        self.offset = y.mean()
        self.weights = np.linalg.solve(z.T @ z + 10.0 * np.eye(z.shape[1]), z.T @ (y - self.offset))
        self.correct = float(np.mean((self.score(x) > 0.5) == (y > 0.5)))

    def score(self, x: np.ndarray) -> np.ndarray:
        """0 for the first artist, 1 for the second."""
        return (np.atleast_2d(x) - self.mean) / self.scale @ self.weights + self.offset


def blend(bench: Bench) -> dict[str, Any]:
    """Whether a blend from A to B moves from A to B, as a classifier of real music hears it."""
    held = [t for t in bench.tracks if t.split != "train" and not t.words]
    artists = sorted({t.artist for t in held})
    statistics = {}
    for artist in artists:
        found = []
        for track in (t for t in held if t.artist == artist):
            sound = audio.read(track.path)
            size = 6 * sound.rate_hz
            pieces = len(sound.samples) // size
            for p in np.linspace(0, pieces - 1, min(12, pieces)).astype(int):
                found.append(
                    _mel_statistics(sound.samples[p * size : (p + 1) * size], sound.rate_hz)
                )
        statistics[artist] = np.stack(found)
    pairs = [
        (a, b, classifier)
        for a, b in combinations(artists, 2)
        if (classifier := _Classifier(statistics[a], statistics[b])).correct >= FEWEST_CORRECT
    ]
    genre = {t.artist: t.genre for t in held}
    heard: dict[str, dict[str, list[float]]] = {told: {} for told in BLEND_TOLD}
    for (a, b, classifier), told in product(pairs, BLEND_TOLD):
        neutral = next(t for t in bench.held_out(sung=False) if t.artist not in (a, b))
        clip = bench.clip(neutral, 30, 0.75)
        scores = heard[told][f"{a} to {b}"] = []
        for share in BLENDS:
            parts = tuple(Part(n, w) for n, w in ((a, 1.0 - share), (b, share)) if w)
            genres = dict[str, float]()
            for part in parts if told != "artist" else ():
                genres[genre[part.name]] = genres.get(genre[part.name], 0.0) + part.weight
            point = StylePoint(0.0, parts, tuple(Part(n, w) for n, w in genres.items()))
            finished = bench.made(
                "blend",
                clip=clip,
                operation=Continue(6, "seconds"),
                style=Style((point,)),
                guidance=Guidance(style=BLEND_GUIDANCE),
                variants=bench.blend_seeds,
                seed=5,
            )
            sounds = [audio.read(e.audio_path) for e in finished]
            found = np.stack([_mel_statistics(s.samples, s.rate_hz) for s in sounds])
            scores.append(float(classifier.score(found).mean()))
    rows = []
    for told, by_pair in heard.items():
        scores_by_pair = np.array(list(by_pair.values()))
        rises = np.diff(scores_by_pair[:, [0, -1]])
        error = 1.96 * float(rises.std(ddof=1)) / math.sqrt(len(rises))
        means = (float(score) for score in scores_by_pair.mean(axis=0))
        rises_by = f"{float(rises.mean()):.2f} +- {error:.2f}"
        rows.append((told, len(rises), float((rises > 0).mean()), *means, rises_by))
    head = ["told", "pairs", "pairs that move", *(f"{share:g}" for share in BLENDS), "by"]
    print(table(f"Blend, {bench.blend_seeds} seeds a pair; 0 is the first artist", head, rows))
    return {"rows": rows, "pairs": heard}


# Vary -----------------------------------------------------------------------------------------


def vary(bench: Bench) -> dict[str, Any]:
    """Whether ranked candidates lead better to what follows than the first one does."""
    rows, outside = [], True
    for i, track in enumerate(bench.held_out(sung=False)[: bench.clips]):
        clip = bench.clip(track, 20, 9)
        span = Span(3 * clip.rate_hz, 6 * clip.rate_hz)
        found = {}
        for candidates in (1, 8):
            request = Request(clip, Vary((span,), candidates=candidates), seed=i, width=0.0)
            finished = bench.made(
                "vary", clip=clip, operation=request.operation, seed=i, variants=2
            )
            canvas = Canvas(bench.models, request)
            told = Told(request, canvas.plan, bench.models)
            (stretch,) = canvas.plan.stretches
            tops = []
            for event in finished:
                top = read_codes(event.codes_path).levels[bench.top]
                known = canvas.codes(bench.top)[0]
                outside &= bool((top[: stretch.start] == known[: stretch.start]).all())
                outside &= bool((top[stretch.end :] == known[stretch.end : len(top)]).all())
                tops.append(top)
            made = torch.stack(tops)
            labels = told.labels(bench.top, len(made))
            prior = bench.models.prior(bench.top)
            followed = canvas.plan.followed
            found[candidates] = float(follow_up_bits(prior, made, followed, labels).mean())
        rows.append((track.title, found[1], found[8]))
    rows.append(("mean", *(float(np.mean([r[n] for r in rows])) for n in (1, 2))))
    share = f"the {AFTER_SHARE:g} of a window after the span"
    print(table(f"Vary: bits a code over {share}", ["clip", "first", "best of 8"], rows))
    return {"rows": rows, "outside_unchanged": outside}


# Relyric --------------------------------------------------------------------------------------


def relyric(bench: Bench) -> dict[str, Any]:
    """Whether an aligner prefers the new words to the old where new ones were asked for."""
    if not any(p.lyrics for p in bench.bundle.manifest.priors.values()):
        print("This model does not sing.")
        return {}
    aligner = Aligner()
    tracks = bench.held_out(sung=True)
    best = bench.bundle.manifest.guidance.lyrics
    prefers: dict[float, list[bool]] = {0.0: [], best: []}
    ceiling = []
    for i in range(RELYRICS):
        track, other = tracks[i % len(tracks)], tracks[(i + 7 + i // len(tracks)) % len(tracks)]
        words = [w for w in track.words if w.start_seconds >= 3.0 and w.end_seconds <= 9.0]
        before = " ".join(w.text for w in track.words if w.end_seconds < 3.0)
        old = " ".join(w.text for w in words)
        german = is_german(track.lyrics or "")
        fresh = [w.text for w in other.words if is_german(other.lyrics or "") == german]
        new = " ".join(fresh[: len(words)])
        if len(words) < 4 or len(new.split()) < 4:
            continue
        clip = bench.clip(track, 0, 10)
        span = Span(3 * clip.rate_hz, 9 * clip.rate_hz)
        own = audio.read(track.path)

        def prefer(sound: audio.Audio, a: str, b: str, german: bool = german) -> bool | None:
            part = audio.to_mono(sound.samples)[3 * sound.rate_hz : 9 * sound.rate_hz]
            return aligner.prefers(part, sound.rate_hz, a.split(), b.split(), german=german)

        for weight, heard in prefers.items():
            (finished,) = bench.made(
                "relyric",
                clip=clip,
                operation=Relyric(span, words_before=before, words_there=old),
                lyrics=new,
                style=Style((StylePoint(0.0, (Part(track.artist),)),)),
                guidance=Guidance(lyrics=weight),
                variants=1,
                seed=i,
            )
            if (found := prefer(audio.read(finished.audio_path), new, old)) is not None:
                heard.append(found)
        if (found := prefer(own, old, new)) is not None:
            ceiling.append(found)
    rows = [
        (f"new words in the render, led by {weight:g}", len(heard), float(np.mean(heard or [0])))
        for weight, heard in prefers.items()
    ]
    rows.append(("own words in the recording", len(ceiling), float(np.mean(ceiling or [0]))))
    print(table("Relyric: the words asked for fit better", ["of", "clips", "share"], rows))
    return {"rows": rows}


def draw(found: dict[str, Any], folder: Path) -> None:
    """Keep and blend as pictures, of whichever parts were measured."""
    plt = from_extra("matplotlib.pyplot", "Drawing the tables")
    if rows := found.get("keep", {}).get("rows"):
        keeps = [row[0] for row in rows]
        figure, (shares, bits) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
        shares.plot(keeps, [row[1] for row in rows], marker="o", label="top")
        shares.plot(keeps, [row[2] for row in rows], marker="o", label="bottom")
        shares.set(xlabel="keep", ylabel="share of codes equal to the clip's")
        bits.plot(keeps, [row[3] for row in rows], marker="o", label="kept")
        bits.plot(keeps, [row[4] for row in rows], marker="o", label="copied at random")
        bits.set(xlabel="keep", ylabel="bits a top code")
        for axes in (shares, bits):
            axes.legend()
        figure.savefig(folder / "keep.png", dpi=80)
        plt.close(figure)
    if rows := found.get("blend", {}).get("rows"):
        figure, panels = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", sharey=True)
        for axes, (told, by_pair) in zip(panels, found["blend"]["pairs"].items(), strict=True):
            for scores in by_pair.values():
                axes.plot(BLENDS, scores, color="0.8", linewidth=0.7)
            axes.plot(BLENDS, np.mean(list(by_pair.values()), axis=0), "o-", color="C0")
            axes.set(xlabel="share of the second artist", title=f"{told} told", ylim=(-0.6, 1.6))
        panels[0].set_ylabel("heard as the second artist")
        figure.savefig(folder / "blend.png", dpi=80)
        plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="starter")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("operations"))
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--blend-seeds", type=int, default=4)
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    bench = Bench(options)
    path = options.out / "operations.json"
    options.out.mkdir(parents=True, exist_ok=True)
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for part in options.part or PARTS:
        found[part] = globals()[part](bench)
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draw(found, options.out)


if __name__ == "__main__":
    main()
