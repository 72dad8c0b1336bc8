"""Are the conditions heard? Bits of held-out windows under what is true, and under what is not.

Each clip is a window of the top level. Only the label changes, never the codes: a model that
listens to its artist, words or place in time finds the same music less likely under wrong ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from jukebox_studio.model.labels import LEAD_FIELDS, UNKNOWN, LabelTables
from jukebox_studio.model.prior import Prior
from jukebox_studio.training.averages import Averages, Measured
from jukebox_studio.training.codes import Batch, CodedTrack, CodeWindows

ARTIST, OFFSET = LEAD_FIELDS - 1, 1
"""Columns of a label."""
OTHERS = 4
"""How many wrong lyrics, and wrong positions, each clip is tried with."""
LEAST_SHIFT = 0.25
"""A wrong position is at least this share of the song's possible positions away."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Condition:
    """What is measured of one kind of label, all of it shares of clips or bits per code."""

    name: str
    what: str
    aim: float
    averages: Averages | None
    """`pairs`: share of wrong labels under which the clip costs more bits than under the true one;
    `beats_every`: share of clips where all of them do; `beats_mean`: where their mean does;
    `saves_bits`: how many bits per code the true one saves against that mean; `saves_unknown`:
    against no label. None where the model does not take such a label."""
    clips: int
    why_not: str = ""


@dataclass(frozen=True)
class ConditionsReport:
    clips: int
    conditions: tuple[Condition, ...]


def choose_windows(windows: CodeWindows, count: int) -> list[tuple[CodedTrack, int]]:
    """About `count` windows, at least one a track: as many of each artist, spread over tracks."""
    artists: dict[str, list[CodedTrack]] = {}
    for track in windows.tracks:
        artists.setdefault(track.track.artist, []).append(track)
    rows = []
    for tracks in artists.values():
        share = count / len(artists)
        total = sum(t.total_samples for t in tracks)
        for track in tracks:
            wanted = max(1, math.ceil(share * track.total_samples / total))
            latest = (len(track.levels[windows.config.level]) - windows.config.n_ctx) // (
                windows.ratio
            )
            for start in np.unique(np.linspace(0, latest, wanted).astype(int)):
                rows.append((track, int(start) * windows.ratio))
    return rows


def measure_conditions(
    prior: Prior,
    windows: CodeWindows,
    tables: LabelTables,
    rows: Sequence[tuple[CodedTrack, int]],
    *,
    known: Mapping[str, dict[str, float]] | None = None,
    batch_size: int = 4,
) -> Iterator[tuple[int, dict[str, dict[str, float]]]]:
    """The numbers of each clip: yields (clip, {condition: numbers}).

    known: what an earlier, interrupted run found, by `clip_key`: those are not measured again.
    """
    lyrics = _Lyrics(windows, rows) if prior.config.lyrics else None
    for i, (track, start) in enumerate(rows):
        found = _known(known, clip_key(track, start))
        if found is None:
            batch = windows.collate([(track, start)])
            candidates = {
                "artist": _artists(batch, tables),
                "lyrics": lyrics.candidates(batch, i) if lyrics else None,
                "position": _positions(prior, batch),
            }
            found = _compare(prior, batch, candidates, batch_size)
        yield i, found


def _known(
    known: Mapping[str, dict[str, float]] | None, key: str
) -> dict[str, dict[str, float]] | None:
    """Numbers kept flat, as `condition.number`."""
    if known is None or key not in known:
        return None
    found: dict[str, dict[str, float]] = {}
    for name, value in known[key].items():
        condition, _, number = name.partition(".")
        found.setdefault(condition, {})[number] = value
    return found


def clip_key(track: CodedTrack, start: int) -> str:
    return f"{track.track.path.name}@{start}"


def conditions_report(
    prior: Prior,
    rows: Sequence[tuple[CodedTrack, int]],
    found: Sequence[dict[str, dict[str, float]]],
    is_sung: Callable[[CodedTrack], bool],
) -> ConditionsReport:
    """The report of all clips, in the order of `rows`."""
    config = prior.config
    timed = config.labels is not None and config.labels.t_bins is not None
    absent = {
        "lyrics": "" if config.lyrics else "The bundle was not trained on words.",
        "position": "" if timed else "The bundle is not told where in a song it is.",
    }
    whats = {
        "artist": ("true artist against each wrong one", 0.9),
        "lyrics": ("true lyrics against those of another clip", 0.8),
        "position": ("true position in the song against a wrong one", 0.5),
    }
    conditions = []
    for name, (what, aim) in whats.items():
        measured = [
            Measured(t.track.artist, t.track.path.name, is_sung(t), clip[name])
            for (t, _), clip in zip(rows, found, strict=True)
            if name in clip
        ]
        why_not = absent.get(name, "") or ("" if measured else "No held-out clip has one.")
        conditions.append(
            Condition(
                name,
                what,
                aim,
                Averages.of(measured) if measured else None,
                len(measured),
                why_not,
            )
        )
    return ConditionsReport(len(rows), tuple(conditions))


@dataclass(frozen=True)
class _Candidates:
    """Labels to try in place of the true one, and one that says nothing."""

    wrong: Ints
    """[N, fields]"""
    unknown: Ints | None
    """[fields]"""


def _compare(
    prior: Prior, batch: Batch, candidates: Mapping[str, _Candidates | None], batch_size: int
) -> dict[str, dict[str, float]]:
    """One pass for the true label and every candidate of every condition."""
    asked = {name: c for name, c in candidates.items() if c is not None and len(c.wrong)}
    labels = [batch.y.numpy()]
    for c in asked.values():
        labels.append(c.wrong)
        if c.unknown is not None:
            labels.append(c.unknown[None])
    bits = label_bits(prior, batch, torch.from_numpy(np.concatenate(labels)), batch_size)
    true, at, found = float(bits[0]), 1, {}
    for name, c in asked.items():
        wrong = bits[at : at + len(c.wrong)]
        at += len(wrong)
        values = {
            "pairs": float(np.mean(wrong > true)),
            "beats_every": float(np.all(wrong > true)),
            "beats_mean": float(wrong.mean() > true),
            "saves_bits": float(wrong.mean() - true),
        }
        if c.unknown is not None:
            values["saves_unknown"] = float(bits[at] - true)
            at += 1
        found[name] = values
    return found


@torch.no_grad()
def label_bits(prior: Prior, batch: Batch, y: Tensor, batch_size: int) -> NDArray[np.float64]:
    """Bits per code of one window under each label: y Tensor[N, fields] -> Array[N]."""
    codes, above = batch.codes[:1], None if batch.above is None else batch.above[:1]
    merged = prior.config.merged_lyrics
    shift = merged.vocabulary_size if merged else 0
    found = []
    for part in y.split(batch_size):
        n = len(part)
        ids = codes.expand(n, -1)
        logits = prior(ids, part, None if above is None else above.expand(n, -1))
        logits = logits[:, -ids.shape[1] :].float().transpose(1, 2)
        lost = F.cross_entropy(logits, ids + shift, reduction="none")
        found.append(lost.double().mean(dim=1).numpy() / math.log(2))
    return np.concatenate(found)


def _artists(batch: Batch, tables: LabelTables) -> _Candidates | None:
    """Every other artist of the table; None for music by nobody in it."""
    y = batch.y[0].numpy()
    if y[ARTIST] == UNKNOWN:
        return None
    others = sorted(set(tables.artists.values()) - {UNKNOWN, int(y[ARTIST])})
    wrong = np.repeat(y[None], len(others), axis=0)
    wrong[:, ARTIST] = others
    unknown = y.copy()
    unknown[ARTIST] = UNKNOWN
    return _Candidates(wrong, unknown)


def _positions(prior: Prior, batch: Batch) -> _Candidates | None:
    """Up to OTHERS positions far from the true one; None in a song too short for any."""
    config = prior.config
    y = batch.y[0].numpy()
    if config.labels is None or config.labels.t_bins is None:
        return None
    latest = int(y[0]) - config.sample_length
    if latest < config.sample_length:
        return None
    places = np.linspace(0, latest, 4 * OTHERS).astype(np.int64)
    far = places[np.abs(places - y[OFFSET]) >= LEAST_SHIFT * latest]
    far = far[np.linspace(0, len(far) - 1, OTHERS).astype(int)]
    wrong = np.repeat(y[None], len(far), axis=0)
    wrong[:, OFFSET] = far
    return _Candidates(wrong, None)


class _Lyrics:
    """The words of clips of other songs."""

    def __init__(self, windows: CodeWindows, rows: Sequence[tuple[CodedTrack, int]]) -> None:
        config = windows.config
        assert config.lyrics is not None
        self.n_tokens = config.lyrics.n_tokens
        self.null_token = config.lyrics.null_token
        self.texts = [track.track.lyrics for track, _ in rows]
        self.kinds = [track.track.genre for track, _ in rows]
        # A clip counts where words are known and somebody sings them in it.
        seconds = config.hop_samples / config.sample_rate_hz
        self.sung = [
            any(
                w.start_seconds < (start + config.n_ctx) * seconds
                and w.end_seconds > start * seconds
                for w in track.track.words
            )
            for track, start in rows
        ]
        self.tokens: dict[int, Ints] = {
            i: windows.collate([row]).y[0, -self.n_tokens :].numpy()
            for i, row in enumerate(rows)
            if self.sung[i]
        }

    def candidates(self, batch: Batch, clip: int) -> _Candidates | None:
        """Words of other songs of the same kind, so of the same language, where there are any."""
        if clip not in self.tokens:
            return None
        others = [i for i in self.tokens if self.texts[i] != self.texts[clip]]
        alike = [i for i in others if _kind(self.kinds[i]) == _kind(self.kinds[clip])]
        others = alike if len(alike) >= OTHERS else others
        if not others:
            return None
        rng = np.random.default_rng([0, clip])
        chosen = rng.choice(others, min(OTHERS, len(others)), replace=False)
        y = batch.y[0].numpy()
        wrong = np.repeat(y[None], len(chosen), axis=0)
        wrong[:, -self.n_tokens :] = [self.tokens[int(i)] for i in chosen]
        unknown = None
        if self.null_token is not None:
            unknown = y.copy()
            unknown[-self.n_tokens :] = self.null_token
        return _Candidates(wrong, unknown)


def _kind(genre: str) -> frozenset[str]:
    """Genre words without those that only say what is played beside the voice."""
    return frozenset(genre.split()) - {"solo", "backing"}
