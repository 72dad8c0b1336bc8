"""How well sound keeps to the song: its onsets to the grid, its notes to the clip's. No torch.

Onsets are aubio's (P. Brossier, "Automatic annotation of musical audio for interactive
applications", 2006; the package aubio-ledfx keeps it alive). On synthesised drums, chords and
clicks it missed none and made none up, with a median error of 3 ms, or 15 ms where chords fade in
over 30 ms. It takes 0.1 s for 12 s of sound and starts in 0.01 s. A spectral flux of our own needed
another threshold for each of them, and librosa takes 22 s to start. Chroma needs no more than a
Fourier transform. Stretching is Signalsmith Stretch's, through the package python-stretch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import aubio
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from jukebox_studio.audio import to_mono
from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import SongTime

Samples = NDArray[np.float32]
_Floats = NDArray[np.float64]

DIVISION = 4
"""Grid lines in a quarter note: sixteenths."""
FEWEST_ONSETS = 4
FURTHEST_STRETCH = 4.0

_FRAME_SECONDS = 0.021
# A detector that compares with the past finds nothing in a row of strokes with digital silence
# between them; noise this far below the peak gives it one.
_DITHER = 0.002
_SILENCE = 1e-4
_RUN_IN_HOPS = 48

_LOWEST_NOTE_HZ, _HIGHEST_NOTE_HZ = 65.0, 2_100.0
# Long enough to tell C2 from C sharp 2.
_CHROMA_SECONDS = 0.37
_CHROMA_WINDOW_SECONDS = 1.0

# How far off a model may play and still be taken to mean the song's tempo.
_TEMPO_RATIOS = np.linspace(0.92, 1.08, 641)
_WINDOW_BEATS = 8
_WINDOW_COHERENCE = 0.6
# What a steady stretch leaves over up to here is not worth another cut.
_STEADY_SECONDS = 0.012
_STEEPEST = 1.25
_MARGIN_SECONDS = 0.15
_CROSSFADE_SECONDS = 0.02
_SHORTEST_PART = 0.2
# Sound that is short by a second is made up for by the last eight.
_SHARE_FOR_LACK = 8


# Measuring ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OnsetReport:
    """How far onsets lie from the nearest line of the grid. None where they are too few to say."""

    onsets: int
    median_seconds: float | None
    """Of the distances, as is mean_seconds."""
    mean_seconds: float | None
    late_seconds: float | None
    """The median with its sign: above 0 they come after the lines."""
    chance_seconds: float | None
    """The median that onsets without any order would have: a quarter of a grid step."""


def onset_seconds(samples: Samples, rate_hz: int) -> _Floats:
    """When something starts to sound in samples [T] or [T, C], in seconds from their start."""
    mono = to_mono(samples)
    loudest = float(np.abs(mono).max(initial=0.0))
    if loudest < _SILENCE:
        return np.zeros(0)
    noise = np.random.default_rng(0).standard_normal(len(mono))
    heard = (mono / loudest + _DITHER * noise).astype(np.float32)
    hop = 1 << max(4, round(math.log2(_FRAME_SECONDS / 4 * rate_hz)))
    detector = aubio.onset("default", 4 * hop, hop, rate_hz)
    # Mirrored before its start, or being cut there would count as an onset; and a little silence
    # after its end, so that the last one gets out of the detector.
    before = min(_RUN_IN_HOPS * hop, len(heard) - 1)
    heard = np.pad(np.pad(heard, (before, 0), mode="reflect"), (0, 8 * hop))
    heard = np.pad(heard, (0, (-len(heard)) % hop))
    found = [
        detector.get_last_s()
        for start in range(0, len(heard), hop)
        if detector(heard[start : start + hop])[0]
    ]
    seconds = np.array(found, dtype=np.float64) - before / rate_hz
    return seconds[(seconds >= 0) & (seconds < len(mono) / rate_hz)]


def onset_error_seconds(
    samples: Samples,
    rate_hz: int,
    song: SongTime,
    start_seconds: Fraction,
    division: int = DIVISION,
) -> OnsetReport:
    """The distances of what starts to sound from the song's grid.

    samples [T] or [T, C] that begin at `start_seconds` of the timeline; a grid line every
    1 / `division` of a quarter note, through every change of tempo. Fewer than four onsets say
    nothing. Swing and triplets are off a grid of four by what they are.
    """
    onsets = onset_seconds(samples, rate_hz)
    if len(onsets) < FEWEST_ONSETS:
        return OnsetReport(len(onsets), None, None, None, None)
    grid = _Grid.over(song, start_seconds, len(samples) / rate_hz, division)
    late, steps = grid.late_seconds(onsets)
    return OnsetReport(
        onsets=len(onsets),
        median_seconds=float(np.median(np.abs(late))),
        mean_seconds=float(np.abs(late).mean()),
        late_seconds=float(np.median(late)),
        chance_seconds=float(np.median(steps)) / 4,
    )


def chroma_agreement(of_a: _Floats, of_b: _Floats) -> float | None:
    """How much two sounds share their notes, whatever their octave and tempo, by their `chroma`.

    1 for the same notes, about 0 for unrelated ones, below it for notes that avoid each other; None
    where one of them is silent. It is the mean of two correlations over the twelve pitch classes:
    that of all of a with all of b, and that of each second of b with the second of a that is most
    like it. The first asks for the same key, the second for the same chords in whatever order.
    """
    if not len(of_a) or not len(of_b):
        return None
    whole = float(_unit(of_a.mean(axis=0)) @ _unit(of_b.mean(axis=0)))
    alike = _unit(of_b) @ _unit(of_a).T
    return (whole + float(alike.max(axis=1).mean())) / 2


def chroma(samples: Samples, rate_hz: int) -> _Floats:
    """The twelve pitch classes in each second of samples [T] or [T, C]; [seconds, 12].

    Loud and soft seconds alike: each is 1 in sum. Seconds of silence are left out.
    """
    mono = to_mono(samples)
    length = 1 << round(math.log2(_CHROMA_SECONDS * rate_hz))
    mono = np.pad(mono, (0, max(0, length - len(mono))))
    frames = np.lib.stride_tricks.sliding_window_view(mono, length)[:: length // 4]
    hz = np.fft.rfftfreq(length, 1 / rate_hz)
    notes = (hz >= _LOWEST_NOTE_HZ) & (hz <= _HIGHEST_NOTE_HZ)
    pitch = np.round(12 * np.log2(hz[notes] / 440)).astype(int) % 12
    classes = np.eye(12)[pitch]
    window = np.hanning(length).astype(np.float32)
    # Roots of power, so that a bass does not drown the chord over it.
    found = np.stack([np.abs(fft.rfft(f * window)[notes]) @ classes for f in frames])
    per_window = max(1, round(_CHROMA_WINDOW_SECONDS * 4 * rate_hz / length))
    starts = range(0, max(1, len(found) - per_window // 2), per_window)
    windows = np.stack([found[s : s + per_window].sum(axis=0) for s in starts])
    heard = windows.sum(axis=1) > max(1e-3 * windows.sum(axis=1).max(), _SILENCE)
    windows = windows[heard]
    normal: _Floats = windows / windows.sum(axis=1, keepdims=True)
    return normal


def _unit(vectors: _Floats) -> _Floats:
    """Less their mean, at length 1: products of these are correlations."""
    vectors = vectors - vectors.mean(axis=-1, keepdims=True)
    unit: _Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return unit


@dataclass(frozen=True)
class _Grid:
    """Grid lines around a stretch of sound, in seconds from its start."""

    lines: _Floats
    first: int
    """The number of the first line, counted from beat 0."""
    division: int

    @classmethod
    def over(
        cls, song: SongTime, start_seconds: Fraction, length_seconds: float, division: int
    ) -> _Grid:
        if division < 1:
            raise JukeboxError(f"A beat cannot be divided by {division}; use 1 or more.")
        # A second or two more on either side than the sound can reach after a stretch.
        before = start_seconds - 1
        after = start_seconds + Fraction(length_seconds * 1.1) + 2
        first = math.floor(song.tempo.beat_at(before) * division)
        last = math.ceil(song.tempo.beat_at(after) * division)
        lines = [
            float(song.tempo.seconds_at(Fraction(n, division)) - start_seconds)
            for n in range(first, last + 1)
        ]
        return cls(np.array(lines), first, division)

    def beats(self, seconds: _Floats) -> _Floats:
        numbers = np.interp(seconds, self.lines, self.first + np.arange(len(self.lines)))
        return numbers / self.division

    def seconds(self, beats: _Floats) -> _Floats:
        numbers = self.first + np.arange(len(self.lines))
        return np.interp(beats * self.division, numbers, self.lines)

    def late_seconds(self, seconds: _Floats) -> tuple[_Floats, _Floats]:
        """From the nearest line to each time, and how long the step of the grid there is."""
        after = np.clip(np.searchsorted(self.lines, seconds), 1, len(self.lines) - 1)
        low, high = self.lines[after - 1], self.lines[after]
        late = np.where(seconds - low < high - seconds, seconds - low, seconds - high)
        return late, high - low


# Stretching --------------------------------------------------------------------------------------


def stretch_to(samples: Samples, rate_hz: int, wanted_samples: int) -> Samples:
    """Samples [T] or [T, C] played slower or faster at the same pitch: `wanted_samples` of them.

    The same array comes back when it has that many. Raises JukeboxError where that would be more
    than four times as slow or as fast, and where this machine has no package that stretches.
    """
    if wanted_samples == len(samples):
        return samples
    if not len(samples) / FURTHEST_STRETCH <= wanted_samples <= len(samples) * FURTHEST_STRETCH:
        raise JukeboxError(
            f"Sound of {len(samples) / rate_hz:.2f} s cannot be stretched to "
            f"{wanted_samples / rate_hz:.2f} s; ask for at most {FURTHEST_STRETCH:g} times as much "
            "or as little."
        )
    stretched = _stretched(samples.reshape(len(samples), -1), rate_hz, wanted_samples)
    return stretched.reshape(wanted_samples, *samples.shape[1:])


def stretch_to_grid(
    samples: Samples,
    rate_hz: int,
    song: SongTime,
    start_seconds: Fraction,
    *,
    wanted_samples: int | None = None,
    end_stays: bool = False,
    division: int = DIVISION,
) -> Samples:
    """Samples [T] or [T, C] with what starts to sound moved onto the song's grid.

    They begin at `start_seconds` of the timeline. Their first 20 ms stay as they are, so that a
    joint that was made there holds; with `end_stays` the last 20 ms too, for a span inside other
    sound. Returns `wanted_samples` of them, or as many as came: the very array that was given
    where nothing had to be done. A model that plays slow leaves too little, so give more samples
    than are wanted where there are more: what lacks at the end is made up by stretching.

    One steady stretch is tried first, to the tempo (within 8 %) at which the onsets agree best with
    each other on the grid. Where they still wander by more than 12 ms, each two bars are stretched
    for themselves. Sound that came no nearer to the grid by all this, or has too few onsets to
    tell, is only cut or stretched to its length. Raises JukeboxError as `stretch_to` does.
    """
    length = len(samples) / rate_hz
    wanted = len(samples) if wanted_samples is None else wanted_samples
    if wanted < len(samples) and not end_stays:
        plain = samples[:wanted]
    else:
        plain = stretch_to(samples, rate_hz, wanted)
    onsets = onset_seconds(samples, rate_hz)
    if len(onsets) < 2 * FEWEST_ONSETS:
        return plain
    grid = _Grid.over(song, start_seconds, max(length, wanted / rate_hz), division)
    best, least = plain, _error(plain, rate_hz, grid)
    ratio = _steady_ratio(onsets, grid)
    for anchors in ([(0.0, 0.0)], _anchors(onsets, ratio, grid)):
        ended = _to_the_end(anchors, ratio, length, wanted / rate_hz, end_stays)
        moved = _begun_as(samples, _warped(samples, rate_hz, ended)[:wanted], rate_hz)
        if end_stays:
            backwards = _begun_as(samples[::-1], moved[::-1], rate_hz)
            moved = np.ascontiguousarray(backwards[::-1])
        error = _error(moved, rate_hz, grid)
        if error < least:
            best, least = moved, error
        if least <= _STEADY_SECONDS:
            break
    return best


def _error(samples: Samples, rate_hz: int, grid: _Grid) -> float:
    onsets = onset_seconds(samples, rate_hz)
    if len(onsets) < FEWEST_ONSETS:
        return math.inf
    return float(np.median(np.abs(grid.late_seconds(onsets)[0])))


def _coherence(beats: _Floats, division: int) -> complex:
    """1 where all beats are equally far from the grid's lines; its angle says how far."""
    return complex(np.exp(2j * np.pi * division * beats).mean())


def _steady_ratio(onsets: _Floats, grid: _Grid) -> float:
    """What all times are to be multiplied with, so that the onsets agree on the grid best."""
    scores = []
    for ratio in _TEMPO_RATIOS:
        beats = grid.beats(onsets * ratio)
        # Whole and half beats tell tempos apart that sixteenths alone cannot.
        parts = [abs(_coherence(beats, d)) for d in {1, 2, grid.division}]
        # Of two that are as good, the one nearer to what was played.
        scores.append(sum(parts) - abs(ratio - 1))
    return float(_TEMPO_RATIOS[int(np.argmax(scores))])


_Anchors = list[tuple[float, float]]
"""(second as played, second as wanted), going up in both, from (0, 0)."""


def _anchors(onsets: _Floats, ratio: float, grid: _Grid) -> _Anchors:
    """Every two bars, where what was played there belongs, by the onsets around."""
    beats = grid.beats(onsets * ratio)
    anchors: _Anchors = [(0.0, 0.0)]
    late = 0.0
    for start in np.arange(beats[0], beats[-1], _WINDOW_BEATS / 2):
        near = beats[(beats >= start) & (beats < start + _WINDOW_BEATS)]
        found = _coherence(near, grid.division) if len(near) >= FEWEST_ONSETS else 0j
        if abs(found) < _WINDOW_COHERENCE:
            continue
        # The angle repeats with every line: what was found before says which one is meant.
        turn = 1 / grid.division
        angle = math.atan2(found.imag, found.real) / (2 * math.pi) * turn
        late = angle + turn * round((late - angle) / turn)
        middle = np.array([float(near.mean())])
        played = float(grid.seconds(middle)[0]) / ratio
        wanted = float(grid.seconds(middle - late)[0])
        last_played, last_wanted = anchors[-1]
        slope = (wanted - last_wanted) / max(1e-9, played - last_played)
        if played - last_played > 0.5 and 1 / _STEEPEST < slope < _STEEPEST:
            anchors.append((played, wanted))
    return anchors


def _begun_as(samples: Samples, moved: Samples, rate_hz: int) -> Samples:
    """`moved` with the first 20 ms of `samples`, and a crossfade as long after them."""
    fade = min(round(_CROSSFADE_SECONDS * rate_hz), len(moved) // 2, len(samples) // 2)
    share = np.clip((np.arange(2 * fade) - fade) / max(1, fade), 0, 1)
    share = share.reshape(-1, *[1] * (samples.ndim - 1)).astype(np.float32)
    begun = moved.copy()
    begun[: 2 * fade] = samples[: 2 * fade] * (1 - share) + moved[: 2 * fade] * share
    return begun


def _to_the_end(
    anchors: _Anchors, ratio: float, length: float, wanted: float, end_stays: bool
) -> _Anchors:
    """With an end: where the wanted length is reached, or else where the sound ends."""
    kept = [a for a in anchors if a[0] < length - _SHORTEST_PART and a[1] < wanted - _SHORTEST_PART]
    kept = kept or anchors[:1]
    played, reached = kept[-1]
    end = played + (wanted - reached) / ratio
    if end <= length and not end_stays:
        return [*kept, (end, wanted)]
    # The last part is played at another speed, and what comes before it keeps its place.
    turn = length - _SHARE_FOR_LACK * abs(end - length)
    kept = [a for a in kept if a[0] < turn - _SHORTEST_PART] or anchors[:1]
    played, reached = kept[-1]
    if turn > played + _SHORTEST_PART:
        kept.append((turn, reached + (turn - played) * ratio))
    return [*kept, (length, wanted)]


def _warped(samples: Samples, rate_hz: int, anchors: _Anchors) -> Samples:
    """The sound with each anchor's moment where it is wanted, up to the last anchor."""
    fade = round(_CROSSFADE_SECONDS * rate_hz)
    out: Samples = np.zeros((0, *samples.shape[1:]), np.float32)
    for (played, wanted), (next_played, next_wanted) in pairwise(anchors):
        slope = (next_wanted - wanted) / (next_played - played)
        # With more around it than is used, so that a part begins and ends inside of music.
        first = max(0, round((played - _MARGIN_SECONDS) * rate_hz))
        last = min(len(samples), round((next_played + _MARGIN_SECONDS) * rate_hz))
        part = stretch_to(samples[first:last], rate_hz, round((last - first) * slope))
        end = round(next_wanted * rate_hz)
        inside = round((played - first / rate_hz) * slope * rate_hz)
        overlap = min(fade, inside, len(out))
        part = part[inside - overlap :]
        share = (np.arange(overlap) + 0.5) / max(1, overlap)
        share = share.reshape(-1, *[1] * (samples.ndim - 1)).astype(np.float32)
        mixed = out[len(out) - overlap :] * (1 - share) + part[:overlap] * share
        out = np.concatenate([out[: len(out) - overlap], mixed, part[overlap:]])[:end]
        lacking = end - len(out)
        if lacking > 0:
            out = np.pad(out, [(0, lacking)] + [(0, 0)] * (samples.ndim - 1))
    return out


def _stretched(samples: Samples, rate_hz: int, wanted_samples: int) -> Samples:
    """[T, C] -> [wanted_samples, C]."""
    try:
        from python_stretch import Signalsmith
    except ImportError as error:
        raise JukeboxError(
            "Sound cannot be stretched on this machine, since python-stretch is not installed: "
            "install it with `pip install python-stretch` (it needs a C++ compiler where there is "
            "no ready build), or ask for the result without stretching."
        ) from error
    # The seed fixes what the library does by chance.
    stretch = Signalsmith.Stretch(1)
    stretch.preset(samples.shape[1], rate_hz)
    # It rounds on its own; half a sample more leaves nothing to lack.
    stretch.timeFactor = len(samples) / (wanted_samples + 0.5)
    made = np.asarray(stretch.process(np.ascontiguousarray(samples.T, dtype=np.float32)))
    made = made[:, :wanted_samples].T
    lacking = wanted_samples - len(made)
    return np.pad(made, ((0, lacking), (0, 0))) if lacking else np.ascontiguousarray(made)
