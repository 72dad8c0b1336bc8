"""Are the conditions heard? Bits of held-out windows under what is true, and under what is not.

Each clip is a window of the top level. Only the label changes, never the codes: a model that
listens to its artist, words or place in time finds the same music less likely under wrong ones.

A model that is told which character is sung when (`model.prior.LyricPlan`) is told wrong words in
the rhythm of the true ones: words of another song with as many syllables each, at the same times.
So no time tells which are true. And it is asked with the words of another clip, the true ones no
better timed, as in a render: both evenly over each stretch of singing without a rest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from jukebox_studio.model.labels import (
    LEAD_FIELDS,
    UNKNOWN,
    VOWELS,
    LabelTables,
    clean_lyrics,
    detokenize,
    pauses_of,
    sung_lengths,
    tokenize,
)
from jukebox_studio.model.prior import Prior
from jukebox_studio.training.averages import Averages, Measured
from jukebox_studio.training.codes import Batch, CodedTrack, CodeWindows

ARTIST, OFFSET = LEAD_FIELDS - 1, 1
"""Columns of a label."""
OTHERS = 4
"""How many wrong lyrics, and wrong positions, each clip is tried with."""
SHORTEST_REST_SECONDS = 0.15
"""Between stretches of singing; what is shorter is within one."""
LEAST_SHIFT = 0.25
"""A wrong position is at least this share of the song's possible positions away."""

PADDING = "\0"
"""In texts, what no character stands for."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


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
            truth = Told(batch.y[0].numpy(), None if batch.sung is None else batch.sung[0].numpy())
            candidates = {
                "artist": _artists(truth, tables),
                **(lyrics.candidates(truth, i) if lyrics else {}),
                "position": _positions(prior, truth),
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
    }
    if config.lyrics is not None and config.lyrics.plan_width is not None:
        whats |= {
            "lyrics": ("true lyrics against other words at the same times", 0.8),
            "lyrics_even": ("true lyrics against others, both evenly over the singing", 0.8),
            "lyrics_heard": ("true lyrics against others, no times told", 0.8),
        }
    whats |= {
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


@dataclass(frozen=True, eq=False)
class Told:
    """What a model is told of a window."""

    y: Ints
    """[fields]"""
    plan: Floats | None
    """[n_ctx], as of `labels.sung_places`; None where it is not told when what is sung"""


@dataclass(frozen=True)
class _Candidates:
    """What is true, what to try in its place, and what says nothing."""

    true: Told
    wrong: Sequence[Told]
    unknown: Told | None


def _compare(
    prior: Prior, batch: Batch, candidates: Mapping[str, _Candidates | None], batch_size: int
) -> dict[str, dict[str, float]]:
    """One pass for everything that is true or tried under any condition."""
    asked = {name: c for name, c in candidates.items() if c is not None and len(c.wrong)}
    every = [told for c in asked.values() for told in (c.true, *c.wrong, c.unknown) if told]
    once = list(dict.fromkeys(every))
    bits = dict(zip(once, label_bits(prior, batch, once, batch_size).tolist(), strict=True))
    found = {}
    for name, c in asked.items():
        true, wrong = bits[c.true], np.array([bits[told] for told in c.wrong])
        values = {
            "pairs": float(np.mean(wrong > true)),
            "beats_every": float(np.all(wrong > true)),
            "beats_mean": float(wrong.mean() > true),
            "saves_bits": float(wrong.mean() - true),
        }
        if c.unknown is not None:
            values["saves_unknown"] = bits[c.unknown] - true
        found[name] = values
    return found


@torch.no_grad()
def label_bits(prior: Prior, batch: Batch, told: Sequence[Told], batch_size: int) -> Floats:
    """Bits per code of one window under each thing told: Array[N]."""
    if not told:
        return np.empty(0)
    nothing = np.full(prior.config.n_ctx, np.nan)
    y = torch.from_numpy(np.stack([t.y for t in told]))
    plans = np.stack([nothing if t.plan is None else t.plan for t in told])
    plan = torch.from_numpy(plans).float()
    codes, above = batch.codes[:1], None if batch.above is None else batch.above[:1]
    merged = prior.config.merged_lyrics
    shift = merged.vocabulary_size if merged else 0
    found = []
    for part, planned in zip(y.split(batch_size), plan.split(batch_size), strict=True):
        n = len(part)
        ids = codes.expand(n, -1)
        logits = prior(ids, part, None if above is None else above.expand(n, -1), plan=planned)
        logits = logits[:, -ids.shape[1] :].float().transpose(1, 2)
        lost = F.cross_entropy(logits, ids + shift, reduction="none")
        found.append(lost.double().mean(dim=1).numpy() / math.log(2))
    return np.concatenate(found)


def _artists(truth: Told, tables: LabelTables) -> _Candidates | None:
    """Every other artist of the table; None for music by nobody in it."""
    y = truth.y
    if y[ARTIST] == UNKNOWN:
        return None
    others = sorted(set(tables.artists.values()) - {UNKNOWN, int(y[ARTIST])})
    return _Candidates(
        truth, [_changed(truth, ARTIST, artist) for artist in others], _changed(truth, ARTIST, 0)
    )


def _changed(truth: Told, column: int, value: int) -> Told:
    y = truth.y.copy()
    y[column] = value
    return Told(y, truth.plan)


def _positions(prior: Prior, truth: Told) -> _Candidates | None:
    """Up to OTHERS positions far from the true one; None in a song too short for any."""
    config, y = prior.config, truth.y
    if config.labels is None or config.labels.t_bins is None:
        return None
    latest = int(y[0]) - config.sample_length
    if latest < config.sample_length:
        return None
    places = np.linspace(0, latest, 4 * OTHERS).astype(np.int64)
    far = places[np.abs(places - y[OFFSET]) >= LEAST_SHIFT * latest]
    far = far[np.linspace(0, len(far) - 1, OTHERS).astype(int)]
    return _Candidates(truth, [_changed(truth, OFFSET, int(offset)) for offset in far], None)


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
        self.planned = config.lyrics.plan_width is not None
        self.rest_codes = SHORTEST_REST_SECONDS / seconds
        self.version = windows.labeller.tables.version

    def candidates(self, truth: Told, clip: int) -> dict[str, _Candidates]:
        """Words of other songs of the same kind, so of the same language, where there are any.

        By condition: without a plan, and where the model takes one as the module says.
        """
        if clip not in self.tokens:
            return {}
        others = [i for i in self.tokens if self.texts[i] != self.texts[clip]]
        alike = [i for i in others if _kind(self.kinds[i]) == _kind(self.kinds[clip])]
        others = alike if len(alike) >= OTHERS else others
        if not others:
            return {}
        rng = np.random.default_rng([0, clip])
        chosen = rng.choice(others, min(OTHERS, len(others)), replace=False)
        unknown = None
        if self.null_token is not None:
            unknown = self._told(truth, np.full(self.n_tokens, self.null_token))
        wrong = [self.tokens[int(i)] for i in chosen]
        heard = _Candidates(
            Told(truth.y, None), [self._told(truth, tokens) for tokens in wrong], unknown
        )
        if not self.planned:
            return {"lyrics": heard}
        assert truth.plan is not None
        sung = even_singing(truth.plan, self._begun(self.tokens[clip]), self.rest_codes)

        def laid(tokens: Ints) -> Told:
            return self._told(truth, tokens, places_of(sung, self._begun(tokens)))

        even = _Candidates(laid(self.tokens[clip]), [laid(tokens) for tokens in wrong], unknown)
        exchanged = [self._exchanged(truth, self.texts[int(i)] or "", rng) for i in chosen]
        return {
            "lyrics": _Candidates(truth, exchanged, unknown),
            "lyrics_even": even,
            "lyrics_heard": heard,
        }

    def _exchanged(self, truth: Told, song: str, rng: np.random.Generator) -> Told:
        """Each word in the lyric window taken for one of another song, sung at the same time."""
        assert truth.plan is not None
        n, own = self.n_tokens, self._text(truth.y[-self.n_tokens :])
        words = sorted(set(clean_lyrics(song, self.version).split()))
        pieces = re.split(rf"([\s{PADDING}]+)", own)  # a word, what is between, a word, ...
        others = [p if i % 2 or not p else most_like(p, words, rng) for i, p in enumerate(pieces)]
        # What is in the middle of the window stays where it begins.
        middle = int(np.searchsorted(np.cumsum([len(p) for p in pieces]), n // 2, side="right"))
        first = n + len("".join(others[:middle])) - len("".join(pieces[:middle]))
        padded = PADDING * n + "".join(others) + PADDING * n
        tokens = [
            0 if c == PADDING else tokenize(c, self.version)[0] for c in padded[first : first + n]
        ]
        done = np.interp(truth.plan + 0.5, np.arange(n + 1), words_done(own))
        sung = np.where(np.isfinite(truth.plan), done, truth.plan)
        plan = places_of(sung, words_done(padded)[first : first + n + 1])
        return self._told(truth, np.array(tokens), plan)

    def _told(self, truth: Told, tokens: Ints, plan: Floats | None = None) -> Told:
        y = truth.y.copy()
        y[-self.n_tokens :] = tokens
        return Told(y, plan)

    def _begun(self, tokens: Ints) -> Floats:
        """How much of the words has been sung where each character of the lyric window begins, and
        the last ends, counted from its middle: [N + 1]. Neither padding nor spaces take time."""
        text = self._text(tokens)
        lengths = np.where(pauses_of(text), 0.0, sung_lengths(text))
        begun = np.append(0.0, lengths.cumsum())
        return begun - begun[self.n_tokens // 2]

    def _text(self, tokens: Ints) -> str:
        return "".join(detokenize([int(token)], self.version) or PADDING for token in tokens)


def _kind(genre: str) -> frozenset[str]:
    """Genre words without those that only say what is played beside the voice."""
    return frozenset(genre.split()) - {"solo", "backing"}


def even_singing(plan: Floats, begun: Floats, rest_codes: float) -> Floats:
    """How much of the words has been sung at each code if they go at one pace: [n_ctx].

    plan [n_ctx] as of `labels.sung_places`; begun [N + 1], how much has been sung where each
    character begins and the last ends. The pace is that of each stretch of codes that no rest of
    more than `rest_codes` divides.
    """
    even = np.where(np.isfinite(plan), np.nan, plan)
    at = np.flatnonzero(np.isfinite(plan))
    sung = np.interp(plan[at] + 0.5, np.arange(len(begun)), begun)
    rests = np.flatnonzero(np.diff(at) > rest_codes + 1) + 1
    for stretch in np.split(np.arange(len(at)), rests):
        if len(stretch):
            first, last = at[stretch[0]], at[stretch[-1]]
            begin, end = float(sung[stretch[0]]), float(sung[stretch[-1]])
            even[first : last + 1] = np.linspace(begin, end, last + 1 - first)
    return even


def most_like(word: str, words: Sequence[str], rng: np.random.Generator) -> str:
    """Another word that may be sung like this one: with as many vowels, spelled alike if possible.

    One of the likest at random, or the word itself where there is no other.
    """

    def looks(w: str) -> tuple[int, bool, bool, int]:
        return len(VOWELS.findall(w)), w[0].isupper(), w[-1].isalnum(), len(w)

    def unlike(w: str) -> tuple[int, ...]:
        return tuple(abs(int(a) - int(b)) for a, b in zip(looks(w), looks(word), strict=True))

    others = [w for w in words if w.lower() != word.lower()]
    least = min(map(unlike, others), default=None)
    return str(rng.choice([w for w in others if unlike(w) == least])) if others else word


def words_done(text: str) -> Floats:
    """How many words have been sung where each character begins, and the last ends: [N + 1]."""
    lengths, done = sung_lengths(text), np.zeros(len(text))
    for word in re.finditer(rf"[^\s{PADDING}]+", text):
        at = slice(*word.span())
        done[at] = lengths[at] / lengths[at].sum() if lengths[at].any() else 1 / len(word[0])
    return np.append(0.0, done.cumsum())


def places_of(sung: Floats, begun: Floats) -> Floats:
    """The plan [n_ctx] by which so much is sung at each code; NaN where there are no such words."""
    places = np.interp(sung, begun, np.arange(len(begun)), left=np.nan, right=np.nan) - 0.5
    return np.where(np.isfinite(sung), places, sung)
