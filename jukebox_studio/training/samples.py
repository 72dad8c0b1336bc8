"""How good are the samples? Continuations beside what is real, its reconstruction, and n-grams."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from jukebox_studio.audio import loudness_lufs
from jukebox_studio.training.alignment import FEWEST_WORDS, Aligner, is_german
from jukebox_studio.training.averages import Averages, Measured
from jukebox_studio.training.codes import CodedTrack
from jukebox_studio.training.data import save_array
from jukebox_studio.training.kept import Kept
from jukebox_studio.training.memorisation import KnownCodes
from jukebox_studio.training.ngram import NGram
from jukebox_studio.training.renders import Clip, Render, Renderer
from jukebox_studio.training.similarity import Discrepancy, Embeddings, discrepancy
from jukebox_studio.training.voice import VoiceDetector

Kind = Literal["real", "reconstruction", "top_reconstruction", "continuation", "ngram"]
KINDS: dict[Kind, str] = {
    "real": "the track itself",
    "reconstruction": "its bottom codes, decoded",
    "top_reconstruction": "its top codes, decoded",
    "continuation": "continuations",
    "ngram": "top codes of a 4-gram, decoded",
}
SILENT_DBFS = -60.0
SILENCE_FRAME_SECONDS = 0.05
FULL_SCALE = 1.0
SUNG_KINDS: tuple[Kind, ...] = ("real", "reconstruction", "top_reconstruction", "continuation")
"""An n-gram was asked for no words."""

Samples = NDArray[np.float32]
Told = Callable[[str], None]


class Embedder(Protocol):
    def embed(self, samples: Samples, rate_hz: int) -> Embeddings: ...


@dataclass(frozen=True)
class SamplesReport:
    """Each number for each kind of sound, averaged like everything."""

    clips: int
    seconds: float
    averages: dict[str, Averages]
    """By kind: `loudness_lufs` (sounding clips only), `silence` (share of 50 ms frames below -60
    dBFS), `clipped` (share of samples beyond full scale), `voice` (1 where a voice is heard;
    `voice_where_sung` the same of clips with words), `voice_share` (of frames), `words_pairs` and
    `words_best` (see `alignment.Fit`), `top_repeat` and `bottom_repeat` (longest stretch of codes
    that the training music has, in seconds)."""
    real_against_real: Discrepancy | None
    """Two halves of the real places, drawn from the same tracks: what no difference looks like."""
    discrepancies: dict[str, Discrepancy | None]
    """By kind, against real music from other places of the same tracks."""


@dataclass(frozen=True)
class Piece:
    """One sound of one kind."""

    clip: Clip
    audio: Samples
    codes: dict[int, NDArray[np.int16]]
    """By level; empty where the sound was not made of them."""


def pieces_of(
    renders: Sequence[Render], renderer: Renderer, coded: Sequence[CodedTrack], ngram: NGram
) -> Iterator[tuple[Kind, Piece]]:
    """The sounds to compare, for each render; codes of what is real come from its track."""
    by_path = {track.track.path: track for track in coded}
    top, rng = renderer.top, np.random.default_rng(renderer.seed)
    for render in renders:
        clip = render.clip
        track = by_path[clip.track.path]
        real: dict[int, NDArray[np.int16]] = {}
        decoded: dict[int, Samples] = {}
        for level in (0, top):
            hop = renderer.vqvae.config.hop_samples(level)
            halo = renderer.vqvae.config.decoder_halo_codes(level)
            start = (clip.start_samples + clip.prompt_samples) // hop
            end = start + clip.length_samples // hop
            real[level] = np.asarray(track.levels[level][start:end])
            # With what lies around it, or its ends would be a decoder's edges.
            before = max(0, start - halo)
            around = np.asarray(track.levels[level][before : end + halo]).astype(np.int64)
            sound = renderer.decode(torch.from_numpy(around), level)
            decoded[level] = sound[(start - before) * hop : (end - before) * hop]
        yield "real", Piece(clip, clip.real, real)
        yield "reconstruction", Piece(clip, decoded[0], {})
        yield "top_reconstruction", Piece(clip, decoded[top], {})
        yield "continuation", Piece(clip, render.audio, {0: render.bottom, top: render.top})
        drawn = ngram.sample(len(render.top), rng)
        sound = renderer.decode(torch.from_numpy(drawn.astype(np.int64)), top)
        yield "ngram", Piece(clip, sound, {top: drawn})


def measure_samples(
    pieces: Sequence[tuple[Kind, Piece]],
    elsewhere: Sequence[Samples],
    *,
    rate_hz: int,
    hops: dict[int, int],
    embedder: Embedder,
    voices: VoiceDetector,
    aligner: Aligner,
    known: dict[int, KnownCodes],
    kept: Kept | None = None,
    told: Told = lambda _: None,
) -> SamplesReport:
    """All numbers. `elsewhere`: real sound of other places of the same tracks; hops, known: by
    level; kept: what an earlier run has heard, of whatever bundle."""
    rows: dict[Kind, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    embeddings: dict[Kind, list[Embeddings]] = {kind: [] for kind in KINDS}
    clips = [piece.clip for kind, piece in pieces if kind == "real"]
    for i, (kind, piece) in enumerate(pieces):
        name = f"{kind}/{piece.clip.name}/{sound_hash(piece.audio, rate_hz)}"
        measure = partial(_heard_values, kind, piece, rate_hz, voices, aligner)
        rows[kind].append(dict(kept.of(name, measure)) if kept else measure())
        embeddings[kind].append(embedder.embed(piece.audio, rate_hz))
        if i % 50 == 0:
            told(f"samples: listening to {i + 1} of {len(pieces)}")
    if kept:
        kept.write()
    for level, music in known.items():
        told(f"samples: looking for level {level} in the training music")
        name = "bottom_repeat" if level == 0 else "top_repeat"
        made = [(kind, piece.codes[level]) for kind, piece in pieces if level in piece.codes]
        found = music.longest_repeats([codes for _, codes in made])
        for kind in KINDS:
            lengths = [length for (k, _), length in zip(made, found, strict=True) if k == kind]
            for values, length in zip(rows[kind] if lengths else [], lengths, strict=True):
                values[name] = length * hops[level] / rate_hz
    real = [embedder.embed(samples, rate_hz) for samples in elsewhere]
    seconds = clips[0].length_samples / rate_hz
    return SamplesReport(
        clips=len(clips),
        seconds=seconds,
        averages={
            kind: Averages.of(
                [
                    Measured(
                        c.track.artist,
                        c.track.path.name,
                        bool(c.track.words or c.track.lyrics),
                        values,
                    )
                    for c, values in zip(clips, rows[kind], strict=True)
                ]
            )
            for kind in KINDS
        },
        real_against_real=discrepancy(real[::2], real[1::2]),
        discrepancies={kind: discrepancy(real, embeddings[kind]) for kind in KINDS},
    )


def _heard_values(
    kind: Kind, piece: Piece, rate_hz: int, voices: VoiceDetector, aligner: Aligner
) -> dict[str, float]:
    values = sound_values(piece.audio, rate_hz)
    heard = voices.hear(piece.audio, rate_hz)
    values |= {"voice": float(heard.voice), "voice_share": heard.share}
    if kind in SUNG_KINDS:
        values |= words_values(aligner, piece, rate_hz)
        if piece.clip.words(prompt=False):
            values["voice_where_sung"] = float(heard.voice)
    return values


class KeptEmbedder:
    """An embedder that remembers, in a folder, what it has heard before."""

    def __init__(self, embedder: Embedder, folder: Path) -> None:
        self._embedder = embedder
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def embed(self, samples: Samples, rate_hz: int) -> Embeddings:
        path = self._folder / f"{sound_hash(samples, rate_hz)}.npy"
        if path.is_file():
            known: Embeddings = np.load(path)
            return known
        found = self._embedder.embed(samples, rate_hz)
        save_array(path, found)
        return found


def sound_hash(samples: Samples, rate_hz: int) -> str:
    sound = hashlib.sha256(np.ascontiguousarray(samples).tobytes() + str(rate_hz).encode())
    return sound.hexdigest()[:24]


def elsewhere_of(clips: Sequence[Clip]) -> list[Samples]:
    """For each clip, real sound of the same length from another place of its track: as far away as
    can be."""
    found = []
    for clip in clips:
        length = clip.length_samples
        latest = len(clip.sound.samples) - length
        start = (clip.start_samples + clip.prompt_samples + latest // 2) % max(latest, 1)
        samples = clip.sound.samples[start : start + length]
        found.append(np.divide(samples, 32767, dtype=np.float32))
    return found


def sound_values(samples: Samples, rate_hz: int) -> dict[str, float]:
    """Loudness, silence and clipping of mono sound."""
    frame = max(1, round(SILENCE_FRAME_SECONDS * rate_hz))
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    power = np.square(frames.astype(np.float64)).mean(axis=1)
    silent = power < 10 ** (SILENT_DBFS / 10)
    values = {
        "silence": float(silent.mean()) if len(silent) else 0.0,
        "clipped": float((np.abs(samples) > FULL_SCALE).mean()),
    }
    loudness = loudness_lufs(samples, rate_hz)
    if math.isfinite(loudness):
        values["loudness_lufs"] = loudness
    return values


def words_values(aligner: Aligner, piece: Piece, rate_hz: int) -> dict[str, float]:
    """How well the words that are sung in the piece fit it; nothing where too few are."""
    words = piece.clip.words(prompt=False)
    if len(words) < FEWEST_WORDS:
        return {}
    german = is_german(piece.clip.track.lyrics or "")
    fit = aligner.fit(piece.audio, rate_hz, words, german=german, seed=piece.clip.number)
    if fit is None:
        return {}
    return {"words_pairs": fit.pairs, "words_best": float(fit.best)}
