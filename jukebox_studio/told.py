"""What a model is told of a render: labels, words in time, styles, and what guidance leaves out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jukebox_studio.errors import JukeboxError
from jukebox_studio.loaded import Models
from jukebox_studio.model.config import PUBLISHED_PRIORS, PriorConfig
from jukebox_studio.model.labels import (
    Label,
    LabelBatch,
    Labeller,
    LabelTables,
    clean_lyrics,
    dropped_characters,
    even_times,
    fit_timing,
)
from jukebox_studio.model.prior import Prior
from jukebox_studio.operations import Plan
from jukebox_studio.request import Continue, Relyric, Request
from jukebox_studio.sampling.conditions import Guide
from jukebox_studio.sampling.windows import Window
from jukebox_studio.style import UNKNOWN, Blend, Part, StylePoint, format_blend

MOST_CHARACTERS_PER_SECOND = 40.0
"""Nobody sings faster; more would only push words out of the model's sight."""


@dataclass(frozen=True)
class SungWords:
    """The lyrics of a canvas and when each character is sung."""

    text: str
    sung_at_samples: NDArray[np.float64]
    """Array[characters] on the canvas, at the model's rate."""
    first: int
    """The characters from `first` to `end` are those that were asked for."""
    end: int
    begin_samples: float
    """They are sung from here to `end_samples`, on the canvas."""
    end_samples: float
    until_samples: float
    """When the last character of all ends, on the canvas."""


@dataclass
class Told:
    """Of one render. Sentences collect in `notes` as the levels are asked for."""

    request: Request
    plan: Plan
    models: Models
    notes: dict[str, None] = field(default_factory=dict)

    def labels(self, level: int, rows: int) -> LabelBatch | None:
        """The labels of a level for `rows` equal rows; None for a prior without."""
        tables = self.models.tables(level)
        if tables is None:
            return None
        style = self.request.style.points[0]
        label, words = self._label(level, tables, style, self.request.lyrics)
        return self._batch(level, label, words, rows)

    def words(self, level: int) -> SungWords | None:
        """None where a level knows no words, or none are said."""
        config = self.models.bundle.manifest.priors[level]
        if config.lyrics is None or self.request.lyrics is None:
            return None
        return self._words(config, self.request.lyrics)

    def style(self, prior: Prior) -> Callable[[Window], Tensor] | None:
        """Tensor[1, 1, W] for a window; None where the labels say all there is."""
        level = prior.config.level
        tables = self.models.tables(level)
        style = self.request.style
        if tables is None or not (style.morphs or _is_blend(style.points[0])):
            return None
        rate, hop = prior.config.sample_rate_hz, prior.config.hop_samples

        def at(window: Window) -> Tensor:
            middle = (window.start + window.primed + window.end) / 2 * hop
            seconds = (middle - float(self.plan.result_at)) / rate
            return style_vector(prior, tables, style.at(max(0.0, seconds)))

        return at

    def guides(self, prior: Prior, rows: int) -> list[Guide]:
        """What to lead away from: the unknown style, unknown words."""
        config, guidance = prior.config, self.request.guidance
        tables = self.models.tables(config.level)
        if tables is None:
            return []
        guides = []
        if guidance.style:
            # The words stay as they are: only the style is left out.
            unknown = style_vector(prior, tables, StylePoint(0.0))
            guides.append(Guide(guidance.style, style=unknown.expand(rows, -1, -1)))
        if guidance.lyrics and config.lyrics:
            null = None if config.lyrics.null_token is not None else ""
            label, words = self._label(config.level, tables, self.request.style.points[0], null)
            without = self._batch(config.level, label, words, rows)
            guides.append(Guide(guidance.lyrics, labels=without))
        if guides and config.name in PUBLISHED_PRIORS:
            self.notes[
                f"{self.models.bundle.manifest.name} was not trained with its labels left out: "
                "guidance is a contrast of two labels there, and nobody has shown what it is worth."
            ] = None
        return guides

    def _batch(
        self, level: int, label: Label, sung_at_samples: NDArray[np.float64] | None, rows: int
    ) -> LabelBatch:
        lyrics = self.models.bundle.manifest.priors[level].lyrics
        centred = lyrics is not None and lyrics.centred
        sung_at = None if sung_at_samples is None else [sung_at_samples] * rows
        return LabelBatch.of([label] * rows, sung_at, centred=centred)

    def _label(
        self, level: int, tables: LabelTables, style: StylePoint, lyrics: str | None
    ) -> tuple[Label, NDArray[np.float64] | None]:
        config = self.models.bundle.manifest.priors[level]
        total, offset = self._timing(config)
        words = self._words(config, lyrics) if config.lyrics and lyrics is not None else None
        known = words.text if words else ("" if lyrics is not None or not config.lyrics else None)
        label = Labeller.for_prior(config, tables).label(
            artist=_strongest(style.artists),
            genre=_strongest(style.genres),
            lyrics=known,
            total_samples=total,
            offset_samples=offset,
        )
        for name in self.request.style.artist_names:
            self.notes |= dict.fromkeys(tables.unlisted(name, UNKNOWN))
        for name in self.request.style.genre_names:
            self.notes |= dict.fromkeys(tables.unlisted(UNKNOWN, name))
        sung_at = np.append(words.sung_at_samples, words.until_samples) if words else None
        return label, sung_at

    def _timing(self, config: PriorConfig) -> tuple[int, int]:
        """Total length and offset of the canvas in its song, at the model's rate."""
        rate, name = config.sample_rate_hz, self.models.bundle.manifest.name
        assert config.labels is not None
        canvas = self.plan.total_samples
        longest = config.labels.max_duration_seconds
        if longest is not None and canvas >= longest * rate:
            raise JukeboxError(
                f"Clip and result would last {canvas / rate:.0f} s; {name} knows songs up to "
                f"{longest:g} s. Ask for less at a time."
            )
        before, song = 0, canvas
        place = self.request.place
        if place is not None:
            before = round(place.clip_start_seconds * rate) - self.plan.clip_at
            song = round(place.song_seconds * rate)
        elif (marked := self.request.clip.place_in_song()) is not None:
            before = round(float(marked[0]) * rate) - self.plan.clip_at
            song = round(float(marked[1]) * rate)
        before = max(0, before)
        song = max(song, before + canvas)
        total, offset = fit_timing(config, song, before)
        if longest is not None and offset + canvas > total:
            offset = max(0, total - canvas)
        if config.labels.t_bins is not None and (total, offset) != (song, before):
            self.notes[
                f"{name} knows songs of {config.labels.min_duration_seconds or 0:.0f} to "
                f"{longest or 0:.0f} s, so it is told of one of {total / rate:.0f} s, and of a "
                f"place {offset / rate:.0f} s into it (of {song / rate:.0f} s and "
                f"{before / rate:.0f} s)."
            ] = None
        return total, offset

    def _words(self, config: PriorConfig, lyrics: str) -> SungWords:
        """The words before, those asked for, those after; each evenly over its own time.

        So it is also planned which character is sung at each code; see `even_times`.
        """
        assert config.lyrics is not None
        version = config.lyrics.version
        if dropped := dropped_characters(lyrics, version):
            self.notes[f"The lyrics cannot be sung with these characters, left out: {dropped}"] = (
                None
            )
        rate = config.sample_rate_hz
        start = float(self.plan.result_at)
        operation, clip = self.request.operation, self.request.clip
        before, after = "", ""
        if isinstance(operation, Continue):
            before = clip.lyrics
            begin, end = start, start + self.plan.length_samples * rate / clip.timeline_rate_hz
        elif isinstance(operation, Relyric):
            before, after = operation.words_before, operation.words_after
            scale = rate / clip.rate_hz
            begin = self.plan.clip_at + operation.span.start_samples * scale
            end = self.plan.clip_at + operation.span.end_samples * scale
        else:
            begin, end = start, start + self.plan.length_samples * rate / clip.timeline_rate_hz
        parts = [clean_lyrics(text, version) for text in (before, lyrics, after)]
        fastest = len(parts[1]) / max((end - begin) / rate, 1e-9)
        if fastest > MOST_CHARACTERS_PER_SECOND:
            raise JukeboxError(
                f"{len(parts[1])} letters in {(end - begin) / rate:.1f} s are more than anybody "
                "can sing; shorten the words or select more music."
            )
        text, spans, until = "", [], begin
        times: list[float] = []
        clip_start = float(self.plan.clip_at)
        clip_end = clip_start + clip.length_samples * rate / clip.rate_hz
        edges = [(min(clip_start, begin), begin), (begin, end), (end, max(end, clip_end))]
        for part, (a, b) in zip(parts, edges, strict=True):
            if part and text:
                text, times = text + "\n", [*times, a]
            first = len(text)
            text += part
            times += even_times(part, a, b).tolist()
            until = b if part else until
            spans.append((first, len(text)))
        even = np.maximum.accumulate(np.array([0.0, *times]))[1:]
        return SungWords(text, even, *spans[1], begin, end, until)


def style_vector(prior: Prior, tables: LabelTables, point: StylePoint) -> Tensor:
    """The weighted sum of artist and genre embeddings, Tensor[1, 1, W]."""
    emb = prior.y_emb
    device = emb.artist_emb.emb.weight.device

    def row(table: torch.nn.Module, index: int) -> Tensor:
        vector: Tensor = table(torch.tensor([[index]], device=device))
        return vector

    genre = artist = None
    for part in point.genres or (_NOTHING,):
        for index in tables.genre_ids(part.name):
            vector = part.weight * row(emb.bow_genre_emb, index)
            genre = vector if genre is None else genre + vector
    for part in point.artists or (_NOTHING,):
        vector = part.weight * row(emb.artist_emb, tables.artist_id(part.name))
        artist = vector if artist is None else artist + vector
    assert artist is not None
    return artist if genre is None else genre + artist


def describe(point: StylePoint) -> str:
    """A style as people read it."""
    artists, genres = format_blend(point.artists), format_blend(point.genres)
    return " / ".join(text for text in (artists, genres) if text) or UNKNOWN


_NOTHING = Part(UNKNOWN)


def _strongest(blend: Blend) -> str:
    return max(blend, key=lambda part: part.weight).name if blend else UNKNOWN


def _is_blend(point: StylePoint) -> bool:
    """Whether it is more than the labels of one artist and one genre can say."""
    return any(
        len([p for p in blend if p.weight]) > 1 or any(p.weight not in (0.0, 1.0) for p in blend)
        for blend in (point.artists, point.genres)
    )
