"""Width for a model that hears and plays in mono. numpy only.

The middle M is what the model made. A second render of its lower level differs from M in what the
codes above leave open: mostly texture. That difference is the side S, and the channels are
L = M + S and R = M - S, so that whoever sums them hears M and nothing else (mid-side stereo, as
A. D. Blumlein, British patent 394,325). How wide S is in each band is taken from the clip.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Samples = NDArray[np.float32]
_Floats = NDArray[np.float64]
_Response = Callable[[_Floats], _Floats]

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


def widened(
    clip_tail: Samples, mid: Samples, second: Samples, rate_hz: int, *, width: float = 1.0
) -> Samples:
    """The model's sound over the clip's channels, as wide as the clip in each band; [J + T, C].

    clip_tail [J, C]: what the result is joined to; mid [J + T]: the model's version of it, and what
    it made after it; second [J + T]: the same with its lower levels drawn again. Both renders are
    alike up to the joint, so width is matched over the 3 s after it: between the clip's end and
    there. `width` scales the side: 0 is mono, 1 as wide as the clip. All channels are the middle
    where the clip is mono, or has other than two.
    """
    joint, channels = clip_tail.shape
    if channels != 2 or not width or joint == len(mid):
        return np.repeat(mid[:, None], channels, axis=1)
    seconds = round(MEASURED_SECONDS * rate_hz)
    wanted = side_to_mid_db(clip_tail[-seconds:], rate_hz) + 20 * math.log10(width)
    side = shaped_side(
        raw_side(mid, second, rate_hz), mid, wanted, rate_hz, at=slice(joint, joint + seconds)
    )
    return from_mid_side(mid, side)


def from_mid_side(mid: Samples, side: Samples) -> Samples:
    """L = M + S, R = M - S; [T, 2] from [T] and [T]. (L + R) / 2 is M to the last bit of each."""
    stereo: Samples = np.stack([mid + side, mid - side], axis=1).astype(np.float32)
    return stereo


def raw_side(mid: Samples, second: Samples, rate_hz: int) -> Samples:
    """What a second render [T] has that the middle [T] has not, without its bass.

    Zero phase, so that it stays where it is in time.
    """
    return _filtered(second - mid, rate_hz, lambda hz: _rising(hz, SIDE_FROM_HZ))


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
    side: Samples,
    mid: Samples,
    wanted_db: _Floats,
    rate_hz: int,
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
    wanted = np.minimum(wanted_db, 0.0)
    gains_db = np.zeros(len(edges_hz) + 1)
    shaped = side
    mid_powers = [_band_powers(mid[part], rate_hz, edges_hz) for part in (at, slice(None))]

    def ratios_db() -> list[_Floats]:
        """Over the samples `at`, and over all."""
        return [
            _ratios_db(_band_powers(shaped[part], rate_hz, edges_hz), mid_power)
            for part, mid_power in zip((at, slice(None)), mid_powers, strict=True)
        ]

    for _ in range(_ROUNDS):
        found, overall = ratios_db()
        # -inf - -inf, an empty band that is to be empty, is a NaN that stands for no change.
        with np.errstate(invalid="ignore"):
            change = np.minimum(wanted - found, -overall)
        change = np.where(np.isneginf(found) & ~np.isneginf(wanted), 0.0, change)
        change = np.nan_to_num(change, nan=0.0, neginf=_TAKEN_OUT_DB)
        gains_db = np.minimum(gains_db + change, _MOST_BAND_GAIN_DB)
        shaped = _equalised(side, gains_db, rate_hz, edges_hz)
    # What the rounds left over.
    excess = max(float(np.max(ratios, initial=0.0)) for ratios in ratios_db())
    return shaped if excess <= 0 else (shaped * 10 ** (-excess / 20)).astype(np.float32)


def _ratios_db(side_power: _Floats, mid_power: _Floats) -> _Floats:
    """Power of side over mid per band, in dB; -inf where the side is empty beside all the sound."""
    empty = (side_power + mid_power).sum() * 10 ** (_EMPTY_DB / 10)
    ratios = np.full(len(side_power), -math.inf)
    heard = side_power > empty
    floor = max(empty, 1e-30)
    ratios[heard] = 10 * np.log10(side_power[heard] / np.maximum(mid_power[heard], floor))
    return ratios


def _band_powers(samples: NDArray[np.floating], rate_hz: int, edges_hz: Sequence[float]) -> _Floats:
    if not len(samples):
        return np.zeros(len(edges_hz) + 1)
    window = np.hanning(len(samples) + 2)[1:-1]  # else a loud bass leaks into every band
    # Of whatever length was asked for a transform could take ten times as long.
    length = fft.next_fast_len(len(samples), real=True)
    power = np.abs(fft.rfft(samples * window, length)) ** 2
    # The first bin at or above each edge.
    first = [math.ceil(edge * length / rate_hz) for edge in edges_hz if edge <= rate_hz / 2]
    parts = np.split(power, np.minimum(first, len(power)))
    powers = [float(part.sum()) for part in parts]
    return np.array(powers + [0.0] * (len(edges_hz) + 1 - len(powers)))


def _equalised(
    samples: Samples, gains_db: _Floats, rate_hz: int, edges_hz: Sequence[float]
) -> Samples:
    gains = 10 ** (gains_db / 20)

    def response(hz: _Floats) -> _Floats:
        # Each edge takes over from what lies below it, so that equal gains add up to themselves.
        curve = np.full(len(hz), gains[0])
        for edge, below, above in zip(edges_hz, gains[:-1], gains[1:], strict=True):
            curve += (above - below) * _rising(hz, edge)
        return curve

    return _filtered(samples, rate_hz, response)


def _rising(hz: _Floats, edge_hz: float) -> _Floats:
    """From 0 to 1 around an edge, in half a cosine over the logarithm of frequency."""
    reach = math.log2(1 + _CROSSOVER)
    octaves = np.log2(np.maximum(hz, 1e-3) / edge_hz)
    rising: _Floats = 0.5 * (1 + np.sin(0.5 * np.pi * np.clip(octaves / reach, -1, 1)))
    return rising


def _filtered(samples: Samples, rate_hz: int, response: _Response) -> Samples:
    """Zero phase; what rings on over an end goes into silence put there, not to the other end."""
    padded = len(samples) + rate_hz // 4
    length = fft.next_fast_len(padded, real=True)
    spectrum = fft.rfft(samples.astype(np.float64), length)
    hz: _Floats = np.fft.rfftfreq(length, 1 / rate_hz).astype(np.float64)
    spectrum *= response(hz)
    filtered: Samples = fft.irfft(spectrum, length)[: len(samples)].astype(np.float32)
    return filtered
