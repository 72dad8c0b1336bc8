"""Width for a model that hears and plays in mono. numpy only.

The middle M is what the model made. A second render of its lower level differs from M in what the
codes above leave open: mostly texture. That difference is the side S, and the channels are
L = M + S and R = M - S, so that whoever sums them hears M and nothing else (mid-side stereo, as
A. D. Blumlein, British patent 394,325). How wide S is in each band is taken from the clip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Samples = NDArray[np.float32]
_Floats = NDArray[np.float64]
_Spectrum = NDArray[np.complex64]

# Below this a difference between the channels is not heard as width, and it costs headroom.
SIDE_FROM_HZ = 120.0
BAND_EDGES_HZ = (300.0, 800.0, 2_000.0, 5_000.0, 10_000.0)
"""Between the bands; the first begins at 0, the last ends at half the rate."""
MEASURED_SECONDS = 3.0

# More would make a side out of what a render leaves behind by chance.
_MOST_BAND_GAIN_DB = 24.0
# Less than any sound; without end it would add up to what is no number.
_TAKEN_OUT_DB = -400.0
# A band this far below the whole has no width worth a number.
_EMPTY_DB = -80.0
# From one band to the next within this share of the edge between them.
_CROSSOVER = 0.25
# A band's gain reaches a little into its neighbours, so the gains are found in a few rounds.
_ROUNDS = 4
_CLOSE_DB = 0.1


def widened(
    clip_tail: Samples,
    mid: Samples,
    second: Samples,
    rate_hz: int,
    *,
    width: float = 1.0,
    joint_samples: int | None = None,
    clip_db: _Floats | None = None,
) -> Samples:
    """The model's sound over the clip's channels, as wide as the clip in each band; [H + T, C].

    clip_tail [J, C]: what the result is joined to; mid [H + T]: the model's version of its last
    `joint_samples` (J by default), and what it made after it; second [H + T]: the same with its
    lower levels drawn again. Both renders are alike up to the joint, so width is matched over the
    3 s after it: between the clip's end and there. `width` scales the side: 0 is mono, 1 as wide as
    the clip. All channels are the middle where the clip is mono, or has other than two. clip_db:
    `tail_width_db` of the clip, where it has been measured.
    """
    joint, channels = clip_tail.shape
    if joint_samples is not None:
        joint = joint_samples
    if channels != 2 or not width or joint == len(mid):
        return np.repeat(mid[:, None], channels, axis=1)
    seconds = round(MEASURED_SECONDS * rate_hz)
    wanted = tail_width_db(clip_tail, rate_hz) if clip_db is None else clip_db
    wanted = wanted + 20 * math.log10(width)
    middle = Heard.of(mid, rate_hz)
    raw, at = raw_side(middle, second), slice(joint, joint + seconds)
    return from_mid_side(mid, shaped_side(raw, middle, wanted, at=at))


def tail_width_db(clip_tail: Samples, rate_hz: int) -> _Floats:
    """`side_to_mid_db` of the last 3 s of [J, 2]: the width that what follows is to have."""
    return side_to_mid_db(clip_tail[-round(MEASURED_SECONDS * rate_hz) :], rate_hz)


def from_mid_side(mid: Samples, side: Samples) -> Samples:
    """L = M + S, R = M - S; [T, 2] from [T] and [T]. (L + R) / 2 is M to the last bit of each."""
    stereo: Samples = np.stack([mid + side, mid - side], axis=1).astype(np.float32)
    return stereo


@dataclass(frozen=True)
class Heard:
    """Sound with its Fourier transform, which takes most of the time here."""

    samples: Samples
    """[T]"""
    spectrum: _Spectrum
    """Of the samples and `_padded_length`."""
    rate_hz: int

    @classmethod
    def of(cls, samples: Samples, rate_hz: int) -> Heard:
        # Single precision: what it rounds lies 140 dB below, and the width is asked for to half a
        # dB.
        length = _padded_length(len(samples), rate_hz)
        spectrum: _Spectrum = fft.rfft(samples.astype(np.float32, copy=False), length)
        return cls(samples, spectrum, rate_hz)

    @classmethod
    def made_of(cls, spectrum: _Spectrum, length_samples: int, rate_hz: int) -> Heard:
        length = _padded_length(length_samples, rate_hz)
        return cls(fft.irfft(spectrum, length)[:length_samples], spectrum, rate_hz)

    @property
    def length(self) -> int:
        """Samples that were transformed."""
        return _padded_length(len(self.samples), self.rate_hz)


def raw_side(mid: Heard, second: Samples) -> Heard:
    """What a second render [T] has that the middle [T] has not, without its bass.

    Zero phase, so that it stays where it is in time.
    """
    spectrum = Heard.of(second, mid.rate_hz).spectrum - mid.spectrum
    first, rising = _rising(mid.length, mid.rate_hz, SIDE_FROM_HZ)
    spectrum[:first] = 0
    spectrum[first : first + len(rising)] *= rising
    return Heard.made_of(spectrum, len(second), mid.rate_hz)


def side_to_mid_db(
    stereo: Samples, rate_hz: int, edges_hz: Sequence[float] = BAND_EDGES_HZ
) -> _Floats:
    """Power of (L - R) / 2 over that of (L + R) / 2 in each band; [len(edges) + 1], in dB.

    stereo [T, 2]. -inf where a band has no side worth a number; at most 0, since what follows is
    never wider than that: a sound that is all side would vanish when summed.
    """
    left, right = stereo[:, 0].astype(np.float64), stereo[:, 1].astype(np.float64)
    sides, middles = (
        _band_powers(s, rate_hz, edges_hz) for s in ((left - right) / 2, (left + right) / 2)
    )
    return np.minimum(_ratios_db(sides, middles), 0.0)


def shaped_side(
    side: Heard,
    mid: Heard,
    wanted_db: _Floats,
    edges_hz: Sequence[float] = BAND_EDGES_HZ,
    *,
    at: slice = slice(None),
) -> Samples:
    """`side` [T] with each band brought to `wanted_db` beside `mid` [T] over the samples `at`.

    wanted_db [len(edges) + 1], as from `side_to_mid_db`; -inf takes a band out. In no band, neither
    over `at` nor over the whole, does the side exceed the middle, whatever is wanted. A band is
    raised by 24 dB at most, and not at all where it is empty. The bands add up to the whole and
    have no phase, so equal gains would change nothing but the level.
    """
    rate_hz, wanted = mid.rate_hz, np.minimum(wanted_db, 0.0)
    if np.isneginf(wanted).all():
        return np.zeros_like(side.samples)
    gains_db = np.zeros(len(edges_hz) + 1)
    shaped = side
    part = mid.samples[at]
    window = _window(len(part))
    mid_power = _band_powers(part, rate_hz, edges_hz, window)
    # All of a sound is long enough that what leaks out of a band without a window is nothing.
    whole_mid_power = _split_powers(mid.spectrum, mid.length, rate_hz, edges_hz)

    def found_db() -> _Floats:
        """Over the samples `at`."""
        powers = _band_powers(shaped.samples[at], rate_hz, edges_hz, window)
        return _ratios_db(powers, mid_power)

    def overall_db() -> _Floats:
        powers = _split_powers(shaped.spectrum, mid.length, rate_hz, edges_hz)
        return _ratios_db(powers, whole_mid_power)

    rising = [_rising(mid.length, rate_hz, edge) for edge in edges_hz]
    found, overall = found_db(), overall_db()
    for _ in range(_ROUNDS):
        # -inf - -inf, an empty band that is to be empty, is a NaN that stands for no change.
        with np.errstate(invalid="ignore"):
            change = np.minimum(wanted - found, -overall)
        change = np.where(np.isneginf(found) & ~np.isneginf(wanted), 0.0, change)
        change = np.nan_to_num(change, nan=0.0, neginf=_TAKEN_OUT_DB)
        before_db, gains_db = gains_db, np.minimum(gains_db + change, _MOST_BAND_GAIN_DB)
        if np.abs(gains_db - before_db).max() < _CLOSE_DB:
            break
        shaped = _equalised(side, gains_db, rising)
        found, overall = found_db(), overall_db()
    # What the rounds left over.
    excess = max(float(np.max(ratios, initial=0.0)) for ratios in (found, overall))
    if excess <= 0:
        return shaped.samples
    return (shaped.samples * 10 ** (-excess / 20)).astype(np.float32)


def _ratios_db(side_power: _Floats, mid_power: _Floats) -> _Floats:
    """Power of side over mid per band, in dB; -inf where the side is empty beside all the sound."""
    empty = (side_power + mid_power).sum() * 10 ** (_EMPTY_DB / 10)
    ratios = np.full(len(side_power), -math.inf)
    heard = side_power > empty
    floor = max(empty, 1e-30)
    ratios[heard] = 10 * np.log10(side_power[heard] / np.maximum(mid_power[heard], floor))
    return ratios


def _band_powers(
    samples: NDArray[np.floating],
    rate_hz: int,
    edges_hz: Sequence[float],
    window: Samples | None = None,
) -> _Floats:
    """[len(edges) + 1]; window [T]: of `_window`, where it is there already."""
    if not len(samples):
        return np.zeros(len(edges_hz) + 1)
    # Of whatever length was asked for a transform could take ten times as long.
    length = fft.next_fast_len(len(samples), real=True)
    # Without a window a loud bass leaks into every band.
    windowed = samples.astype(np.float32) * (_window(len(samples)) if window is None else window)
    return _split_powers(fft.rfft(windowed, length), length, rate_hz, edges_hz)


def _split_powers(
    spectrum: _Spectrum, length: int, rate_hz: int, edges_hz: Sequence[float]
) -> _Floats:
    """[len(edges) + 1], of a transform of `length` samples."""
    # The first bin at or above each edge.
    first = [math.ceil(edge * length / rate_hz) for edge in edges_hz if edge <= rate_hz / 2]
    parts = np.split(spectrum, np.minimum(first, len(spectrum)))
    powers = [float(np.vdot(part, part).real) for part in parts]
    return np.array(powers + [0.0] * (len(edges_hz) + 1 - len(powers)))


def _window(length: int) -> Samples:
    """Hann's, without the zeros at its ends."""
    angle = np.arange(1, length + 1) * (2 * np.pi / (length + 1))
    # A cosine in single precision takes a tenth of the time.
    window: Samples = np.float32(0.5) - np.float32(0.5) * np.cos(angle.astype(np.float32))
    return window


def _equalised(side: Heard, gains_db: _Floats, edges: Sequence[tuple[int, Samples]]) -> Heard:
    """With a gain for each band; edges: the `_rising` between them."""
    gains = (10 ** (gains_db / 20)).astype(np.float32)
    # Each edge takes over from what lies below it, so that equal gains add up to themselves.
    curve = np.full(len(side.spectrum), gains[0])
    for (first, rising), below, above in zip(edges, gains[:-1], gains[1:], strict=True):
        curve[first : first + len(rising)] += (above - below) * rising
        curve[first + len(rising) :] += above - below
    return Heard.made_of(side.spectrum * curve, len(side.samples), side.rate_hz)


def _rising(length: int, rate_hz: int, edge_hz: float) -> tuple[int, Samples]:
    """From 0 to 1 around an edge, in half a cosine over the logarithm of frequency.

    Of the bins of a transform of `length` samples: the first that is above 0, and its value and
    those after it up to the last that is below 1.
    """
    reach = 1 + _CROSSOVER
    first, last = (
        min(length // 2 + 1, math.ceil(hz * length / rate_hz))
        for hz in (edge_hz / reach, edge_hz * reach)
    )
    octaves = np.log2(np.arange(first, last) * (rate_hz / length / edge_hz))
    rising = 0.5 * (1 + np.sin(0.5 * np.pi * octaves / math.log2(reach)))
    return first, rising.astype(np.float32)


def _padded_length(length_samples: int, rate_hz: int) -> int:
    """What rings on over an end goes into silence put there, not to the other end."""
    length: int = fft.next_fast_len(length_samples + rate_hz // 4, real=True)
    return length
