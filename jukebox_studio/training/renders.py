"""Continuations of held-out clips, many clips as rows of one batch.

What the engine does for a clip is done here for many at once: the end of each is encoded, every
level is sampled in its windows, top down, with the random numbers of a variant of its own, and the
bottom is decoded. What the engine does to the sound afterwards (loudness, joint) is not: the
model is measured, not the seam.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jukebox_studio.bundle import Bundle
from jukebox_studio.drawing import Leading
from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.labels import (
    LabelBatch,
    Labeller,
    LabelTables,
    Version,
    clean_lyrics,
    even_times,
    fit_timing,
)
from jukebox_studio.model.load import load_prior, load_vqvae
from jukebox_studio.model.prior import Prior
from jukebox_studio.model.vqvae import VQVAE
from jukebox_studio.operations import HOP_FRACTION
from jukebox_studio.request import Sampling
from jukebox_studio.sampling.conditions import Guide
from jukebox_studio.sampling.song import LevelSettings, Picks, drawn, sample_level
from jukebox_studio.sampling.windows import render_samples
from jukebox_studio.style import StylePoint
from jukebox_studio.told import style_vector
from jukebox_studio.training.data import Sound, Track, save_array

Samples = NDArray[np.float32]
Codes = NDArray[np.int16]

PROMPT_SECONDS = 4.0
ROWS = 32


@dataclass(frozen=True)
class Clip:
    """A place in a held-out track: what comes before it is the prompt."""

    number: int
    """Also the variant whose random numbers its continuation draws."""
    sound: Sound
    start_samples: int
    """Of the prompt."""
    prompt_samples: int
    length_samples: int
    """Of the continuation."""

    @property
    def track(self) -> Track:
        return self.sound.track

    @property
    def name(self) -> str:
        seconds = (self.start_samples + self.prompt_samples) / self.sound.rate_hz
        return f"{self.number:03d}-{self.track.path.stem}-{seconds:.0f}s"

    @property
    def prompt(self) -> Samples:
        return self._samples(self.start_samples, self.prompt_samples)

    @property
    def real(self) -> Samples:
        """What follows the prompt in the track."""
        return self._samples(self.start_samples + self.prompt_samples, self.length_samples)

    def _samples(self, start: int, length: int) -> Samples:
        return np.divide(self.sound.samples[start : start + length], 32767, dtype=np.float32)

    def words(self, *, prompt: bool) -> list[str]:
        """The words that start and end in the continuation, or from the prompt on."""
        rate = self.sound.rate_hz
        start = (self.start_samples + (0 if prompt else self.prompt_samples)) / rate
        end = (self.start_samples + self.prompt_samples + self.length_samples) / rate
        return [
            w.text
            for w in self.track.words
            if w.start_seconds >= start - 0.05 and w.end_seconds <= end + 0.05
        ]

    @property
    def lyrics(self) -> str | None:
        """As somebody would type them for prompt and continuation."""
        return " ".join(self.words(prompt=True)) if self.track.words else self.track.lyrics

    def sung_at_samples(self, version: Version) -> NDArray[np.float64] | None:
        """When each character of `lyrics`, cleaned, begins and the last ends if the words of the
        prompt go evenly over it, and those of the continuation over that: Array[characters + 1].
        None where nobody knows what is sung."""
        if self.lyrics is None:
            return None
        every, new = len(self.words(prompt=True)), len(self.words(prompt=False))
        text = clean_lyrics(self.lyrics, version)
        before = clean_lyrics(" ".join(self.words(prompt=True)[: every - new]), version)
        first = len(before) if self.track.words else 0
        end = self.prompt_samples + self.length_samples
        return np.concatenate(
            [
                even_times(text[:first], 0, self.prompt_samples),
                even_times(text[first:], self.prompt_samples, end),
                [end],
            ]
        )


@dataclass(frozen=True)
class Render:
    """A continuation; codes and audio of the new part only."""

    clip: Clip
    top: Codes
    bottom: Codes
    audio: Samples


def choose_clips(
    sounds: Sequence[Sound], count: int, hop_samples: int, seconds: float
) -> list[Clip]:
    """`count` places, as many of each artist as of any, spread evenly over its tracks."""
    rate = sounds[0].rate_hz
    prompt = round(PROMPT_SECONDS * rate) // hop_samples * hop_samples
    length = max(1, round(seconds * rate) // hop_samples) * hop_samples
    artists: dict[str, list[Sound]] = {}
    for sound in sounds:
        if len(sound.samples) >= prompt + length:
            artists.setdefault(sound.track.artist, []).append(sound)
    if not artists:
        raise JukeboxError(
            f"No held-out track lasts {(prompt + length) / rate:.0f} s, as long as a prompt and "
            "its continuation; ask for fewer --seconds."
        )
    places: list[tuple[Sound, int]] = []
    for i, tracks in enumerate(artists.values()):
        wanted = count // len(artists) + (i < count % len(artists))
        room = np.array([len(s.samples) - prompt - length + 1 for s in tracks])
        ends = np.cumsum(room)
        for place in ((np.arange(wanted) + 0.5) / max(wanted, 1) * ends[-1]).astype(int):
            track = int(np.searchsorted(ends, place, side="right"))
            start = int(place - (ends[track - 1] if track else 0))
            places.append((tracks[track], start // hop_samples * hop_samples))
    return [Clip(i, sound, start, prompt, length) for i, (sound, start) in enumerate(places)]


class Renderer:
    """Renders clips of one length with one bundle."""

    def __init__(
        self,
        bundle: Bundle,
        tables: LabelTables,
        seed: int,
        sampling: Mapping[int, Sampling] | None = None,
        guidance: Leading | None = None,
    ) -> None:
        """sampling: by level; what is left out, and guidance, is as the bundle recommends."""
        self.guidance = bundle.manifest.guidance if guidance is None else guidance
        self.vqvae: VQVAE = load_vqvae(bundle)
        self.priors: dict[int, Prior] = {n: load_prior(bundle, n) for n in bundle.manifest.priors}
        self.tables = tables
        self.seed = seed
        self.top = max(self.priors)
        self.settings = {}
        for level, recommended in bundle.manifest.recommended.items():
            drawing = (sampling or {}).get(level, Sampling()).over(recommended)
            self.settings[level] = LevelSettings(
                hop_fraction=HOP_FRACTION["top" if level == self.top else "lower"],
                temperature=drawing.temperature,
                top_k=drawing.top_k,
                top_p=drawing.top_p,
                most_rows=ROWS,
            )

    def render(self, clips: Sequence[Clip], kept: Path | None = None) -> Iterator[Render]:
        """One after the other, made a batch at a time.

        kept: a folder in which finished renders are looked for, and kept.
        """
        for i in range(0, len(clips), ROWS):
            batch = clips[i : i + ROWS]
            found = [_read(kept, clip) for clip in batch]
            if all(r is not None for r in found):
                yield from (r for r in found if r is not None)
                continue
            for render in self._batch(batch):
                _keep(kept, render)
                yield render

    def _batch(self, clips: Sequence[Clip]) -> list[Render]:
        prompt, length = clips[0].prompt_samples, clips[0].length_samples
        hops = {n: p.config.hop_samples for n, p in self.priors.items()}
        contexts = {n: p.config.n_ctx for n, p in self.priors.items()}
        # One code of the top level more, so that no sample comes from a decoder's edge.
        total = render_samples(prompt + length + hops[self.top], contexts, hops)
        codes = [self.encode(clips, level) for level in sorted(self.priors)]
        picks: Picks = drawn(self.seed, [clip.number for clip in clips], self.settings)
        for level in sorted(self.priors, reverse=True):
            prior = self.priors[level]
            steps = sample_level(
                prior,
                codes[level],
                total // hops[level],
                picks=picks,
                above=codes[level + 1] if prior.config.conditioner else None,
                labels=self.labels(clips, level),
                settings=self.settings[level],
                guides=self.guides(clips, level),
            )
            while True:
                try:
                    next(steps)
                except StopIteration as finished:
                    codes[level] = finished.value
                    break
        return [self._render(clip, [level[i] for level in codes]) for i, clip in enumerate(clips)]

    def _render(self, clip: Clip, codes: Sequence[Tensor]) -> Render:
        prompt, end = clip.prompt_samples, clip.prompt_samples + clip.length_samples
        hop, hop_top = (self.vqvae.config.hop_samples(n) for n in (0, self.top))
        return Render(
            clip,
            codes[self.top][prompt // hop_top : end // hop_top].numpy().astype(np.int16),
            codes[0][prompt // hop : end // hop].numpy().astype(np.int16),
            self.decode(codes[0], 0)[prompt:end],
        )

    @torch.no_grad()
    def encode(self, clips: Sequence[Clip], level: int) -> Tensor:
        """Codes of the prompts, Tensor[B, T].

        An encoder looks ahead: it is given the prompt mirrored in time, not what really follows.
        """
        hop = self.vqvae.config.hop_samples(level)
        reach = -(-self.vqvae.config.encoder_receptive_samples(level) // (2 * hop)) * hop
        prompts = np.stack([np.pad(clip.prompt, (0, reach), mode="reflect") for clip in clips])
        codes = self.vqvae.encode_chunked(torch.from_numpy(prompts)[..., None], level)
        return codes[:, : clips[0].prompt_samples // hop]

    @torch.no_grad()
    def decode(self, codes: Tensor, level: int) -> Samples:
        """Codes Tensor[T] of a level to sound [T x hop]."""
        return self.vqvae.decode_chunked(codes[None].long(), level)[0, :, 0].numpy()

    def guides(self, clips: Sequence[Clip], level: int) -> list[Guide]:
        """What is led away from, as the engine does: the unknown style, and where words are sung,
        unknown words."""
        prior, guides = self.priors[level], list[Guide]()
        if self.guidance.style and prior.config.labels is not None:
            unknown = style_vector(prior, self.tables, StylePoint(0.0))
            guides.append(Guide(self.guidance.style, style=unknown.expand(len(clips), -1, -1)))
        if self.guidance.lyrics and prior.config.lyrics is not None:
            without = self.labels(clips, level, has_words=False)
            guides.append(Guide(self.guidance.lyrics, labels=without))
        return guides

    def labels(
        self, clips: Sequence[Clip], level: int, *, has_words: bool = True
    ) -> LabelBatch | None:
        """As the engine is told of a clip: a song that begins with it and ends with the render.

        Words go evenly over prompt and continuation, as the engine takes them. has_words: whether
        those of what is sung are known.
        """
        config = self.priors[level].config
        if config.labels is None:
            return None
        labeller = Labeller.for_prior(config, self.tables)
        labels, sung_at = [], []
        for clip in clips:
            total, offset = fit_timing(config, clip.prompt_samples + clip.length_samples, 0)
            lyrics: str | None = clip.lyrics if config.lyrics else ""
            is_known = has_words or not lyrics
            if config.lyrics:
                sung_at.append(clip.sung_at_samples(config.lyrics.version) if is_known else None)
                if not is_known:
                    lyrics = None if config.lyrics.null_token is not None else ""
            labels.append(
                labeller.label(
                    artist=clip.track.artist,
                    genre=clip.track.genre,
                    lyrics=lyrics,
                    total_samples=total,
                    offset_samples=offset,
                )
            )
        if config.lyrics is None:
            return LabelBatch.of(labels)
        return LabelBatch.of(labels, sung_at, centred=config.lyrics.centred)


def _paths(folder: Path, clip: Clip) -> Mapping[str, Path]:
    return {part: folder / f"{clip.name}-{part}.npy" for part in ("top", "bottom", "audio")}


def _read(folder: Path | None, clip: Clip) -> Render | None:
    if folder is None or not all(p.is_file() for p in _paths(folder, clip).values()):
        return None
    parts = {name: np.load(path) for name, path in _paths(folder, clip).items()}
    return Render(clip, parts["top"], parts["bottom"], parts["audio"])


def _keep(folder: Path | None, render: Render) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for part, path in _paths(folder, render.clip).items():
        save_array(path, getattr(render, part))
