"""Joining what the model made to the sound beside it, and measuring the joint. No torch.

What the model decodes differs from the clip in three ways: its version of the moment of the joint
is not the clip itself, it plays at another level, and its treble is weaker or stronger. Each has
its remedy below; `joint_report` says whether they were enough.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyloudnorm
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from jukebox_studio.audio import loudness_lufs

Samples = NDArray[np.float32]
_Floats = NDArray[np.float64]

MOST_GAIN_DB = 6.0
FADE_SECONDS = 0.03

# The largest step a joint may have is the clip's own at this percentile.
STEP_PERCENTILE = 99.9
MOST_LOUDNESS_CHANGE_LU = 1.0
# EBU Tech 3341's short-term window. A momentary one (0.4 s) is shorter than a beat, and changes by
# several LU from one beat to the next of music that nobody has cut.
LOUDNESS_SECONDS = 3.0
SHORTEST_LOUDNESS_SECONDS = 0.4
TREBLE_FROM_HZ = 4_000.0
TREBLE_SECONDS = 0.2
# Fewer blocks of the clip than these say nothing about how much its treble varies.
_FEWEST_TREBLE_BLOCKS = 4
# BS.1770's absolute gate: what lies below is silence, however much its logarithm varies.
_SILENCE_DB = -70.0
_SILENT = 10 ** (_SILENCE_DB / 10)
# A level is led to 0.2 LU inside what a joint may have, since what follows moves it a little.
_LOUDNESS_AIM_LU = 0.8
_STEP_FADE_SECONDS = 0.005
MOST_TREBLE_GAIN_DB = 12.0
MOST_SPAN_GAIN_DB = 18.0
_LEVELLING_ROUNDS = 6
_LEVEL_TOLERANCE_DB = 0.3
# The first 30 ms are mostly the clip's own treble already, so what follows is led a little further.
_TREBLE_LEAD = 1.2
_TREBLE_FADE_SECONDS = 2.0
_SPLIT_TAPS = 255


# Joining -----------------------------------------------------------------------------------------


def matching_gain_db(target: Samples, decoded: Samples, rate_hz: int) -> float:
    """The gain that brings `decoded` to the loudness of `target`, each [T] or [T, C].

    A mono `decoded` is measured as it will be heard: on all of the target's channels. At most 6 dB
    either way: beyond that the two are not the same music at another level. 0 where either is
    silent.
    """
    if target.ndim == 2 and decoded.ndim == 1:
        decoded = np.repeat(decoded[:, None], target.shape[1], axis=1)
    wanted, found = loudness_lufs(target, rate_hz), loudness_lufs(decoded, rate_hz)
    if not math.isfinite(wanted) or not math.isfinite(found):
        return 0.0
    return float(np.clip(wanted - found, -MOST_GAIN_DB, MOST_GAIN_DB))


def continue_from(
    clip_tail: Samples,
    decoded: Samples,
    rate_hz: int,
    *,
    treble_to_hz: float | None = None,
    heard_samples: int | None = None,
    own: OwnSound | None = None,
) -> Samples:
    """The new part of `decoded`, joined to the clip without a step.

    clip_tail [J, C]: the clip's last samples; decoded [H + T] or [H + T, C]: the last of them as
    the model heard them, and what it made after them. H is `heard_samples`, J by default; more than
    the fade takes and the treble is filtered with makes no difference. Returns [T, C].
    `treble_to_hz`, `own` as in `joint_report`.

    Where the first 3 s are more than 1 LU louder or softer than the clip, their level is led to
    where that ends, by at most 6 dB, and let go over as long again. Treble that begins outside of
    the clip's own is led into it, by at most 12 dB, and let go over 2 s.
    Then value and brightness are made to start as the clip ends: the model's error on the tail is
    let go on for a moment, mirrored in time, and faded out. A stroke on the very first sample is
    rounded off where it would step further than the clip itself ever does. What stands after that
    is the model's alone.
    """
    decoded = _over_channels(decoded, clip_tail.shape[1])
    joint = len(clip_tail) if heard_samples is None else heard_samples
    heard, new = decoded[:joint], decoded[joint:]
    return _joined(clip_tail, heard, new, rate_hz, treble_to_hz, len(new), own=own)


def replace_span(
    before_tail: Samples,
    decoded: Samples,
    after_head: Samples,
    rate_hz: int,
    *,
    treble_to_hz: float | None = None,
    own_span: Samples | None = None,
) -> Samples:
    """A remade span, joined at both ends to the sound that stays.

    before_tail [J, C]: what ends where the span begins; after_head [K, C]: what begins where it
    ends; decoded [J + T + K] or [J + T + K, C]: all of it as the model has it. J or K may be 0
    where the span reaches an end of the sound. Returns the span alone, [T, C], with both joints
    made as `continue_from` makes its one; each reaches at most to the middle. own_span [T, C]: what
    the span replaces, whose loudness it then has, half by half: music may well grow softer there.
    """
    before, after = len(before_tail), len(after_head)
    decoded = _over_channels(decoded, before_tail.shape[1])
    end = len(decoded) - after
    heard_before, span, heard_after = decoded[:before], decoded[before:end], decoded[end:]
    ends = before_tail, heard_before, heard_after, after_head
    if own_span is None:
        return _joined_at_both(span, *ends, rate_hz, treble_to_hz, None)
    offsets_db = np.zeros(2)
    for _ in range(_LEVELLING_ROUNDS):
        level = levelled_as(own_span, span, rate_hz, offsets_db)
        joined = _joined_at_both(level, *ends, rate_hz, treble_to_hz, own_span)
        # What the joints did to the level comes off it beforehand.
        excess_db = _excess_db(joined, own_span, rate_hz)
        if np.abs(excess_db).max() < _LEVEL_TOLERANCE_DB:
            break
        offsets_db = offsets_db - excess_db
    return joined


def _joined_at_both(
    span: Samples,
    before_tail: Samples,
    heard_before: Samples,
    heard_after: Samples,
    after_head: Samples,
    rate_hz: int,
    treble_to_hz: float | None,
    own_span: Samples | None,
) -> Samples:
    """A span [T, C] joined at its start, and then, seen from behind, at its end."""
    first = (len(span) + 1) // 2
    span = _joined(before_tail, heard_before, span, rate_hz, treble_to_hz, first, own_span)
    behind = _joined(
        after_head[::-1],
        heard_after[::-1],
        span[::-1],
        rate_hz,
        treble_to_hz,
        len(span) - first,
        None if own_span is None else own_span[::-1],
    )
    return np.ascontiguousarray(behind[::-1], dtype=np.float32)


def _over_channels(decoded: Samples, channels: int) -> Samples:
    if decoded.ndim == 1:
        decoded = np.repeat(decoded[:, None], channels, axis=1)
    return decoded


def _joined(
    clip_tail: Samples,
    heard: Samples,
    new: Samples,
    rate_hz: int,
    treble_to_hz: float | None,
    reach_samples: int,
    instead_of: Samples | None = None,
    own: OwnSound | None = None,
) -> Samples:
    """`new` [T, C] joined to the clip's tail; changes no more than its first `reach_samples`.

    heard [at most J, C]: the tail as the model has it.
    """
    if not len(clip_tail) or not reach_samples:
        return new
    own = own or own_sound(clip_tail, rate_hz, treble_to_hz)
    new = _led_level(clip_tail, new, rate_hz, reach_samples, own.loudness, instead_of)
    joined = _fitted(clip_tail, heard, new, rate_hz, reach_samples, own.steps)
    report = joint_report(clip_tail, joined, rate_hz, treble_to_hz=treble_to_hz, own=own)
    lack_db = _treble_lack_db(report)
    if not lack_db:
        return joined
    gain = 10 ** (float(np.clip(lack_db, -MOST_TREBLE_GAIN_DB, MOST_TREBLE_GAIN_DB)) / 20)
    led = _led_treble(heard, new, gain, rate_hz, reach_samples)
    heard, new = led[: len(heard)], led[len(heard) :]
    return _fitted(clip_tail, heard, new, rate_hz, reach_samples, own.steps)


def _led_treble(
    heard: Samples, new: Samples, gain: float, rate_hz: int, reach_samples: int
) -> Samples:
    """Both [H, C] and [T, C] in one, the treble raised by `gain` up to the joint, then let go."""
    held, go = round(TREBLE_SECONDS * rate_hz), round(_TREBLE_FADE_SECONDS * rate_hz)
    end = len(heard) + min(reach_samples, held + go)
    curve = np.ones(end)
    curve[len(heard) :] = _held_and_let_go(reach_samples, held, go)[: end - len(heard)]
    led = np.concatenate([heard, new]).astype(np.float32)
    low = scipy.signal.firwin(_SPLIT_TAPS, TREBLE_FROM_HZ, fs=rate_hz)
    # What lies behind the end has its part in what is filtered out before it.
    near = led[: end + _SPLIT_TAPS]
    bass = scipy.signal.fftconvolve(near, low[:, None], mode="same", axes=0)
    led[:end] += (gain - 1) * curve[:, None] * (near - bass)[:end]
    return led


def _treble_lack_db(report: JointReport) -> float:
    """The gain that brings the treble after the joint to where the clip's is; 0 where it is."""
    if report.treble_db is None or report.own_treble_db is None:
        return 0.0
    low, high = report.own_treble_db
    inside = float(np.clip(report.treble_db, low, high))
    return (inside - report.treble_db) * _TREBLE_LEAD


def levelled_as(
    own: Samples, made: Samples, rate_hz: int, offsets_db: _Floats | None = None
) -> Samples:
    """`made` [T, C] as loud as `own` [T, C] in either half, by at most 18 dB, gliding between.

    offsets_db [2]: so much louder. Where a half of one of them is silent it is left as it is.
    """
    half = len(made) // 2
    if half < round(SHORTEST_LOUDNESS_SECONDS * rate_hz):
        return made
    offsets = np.zeros(2) if offsets_db is None else offsets_db
    at, gains_db = np.arange(len(made)), np.zeros(2)
    for _ in range(_LEVELLING_ROUNDS):
        curve = 10 ** (np.interp(at, [half / 2, len(made) - half / 2], gains_db) / 20)
        excess_db = _excess_db((made * curve[:, None]).astype(np.float32), own, rate_hz)
        change = np.where(excess_db == 0.0, 0.0, offsets - excess_db)
        gains_db = np.clip(gains_db + change, -MOST_SPAN_GAIN_DB, MOST_SPAN_GAIN_DB)
    curve = 10 ** (np.interp(at, [half / 2, len(made) - half / 2], gains_db) / 20)
    levelled: Samples = (made * curve[:, None]).astype(np.float32)
    return levelled


def _excess_db(made: Samples, own: Samples, rate_hz: int) -> _Floats:
    """How much louder each half of `made` is; 0 where one of the two is silent or too short."""
    if len(made) // 2 < round(SHORTEST_LOUDNESS_SECONDS * rate_hz):
        return np.zeros(2)
    found, wanted = _half_powers(made, rate_hz), _half_powers(own, rate_hz)
    heard = (wanted > _SILENT) & (found > _SILENT)
    ratio = np.where(heard, found / wanted.clip(_SILENT), 1.0)
    excess: _Floats = 10 * np.log10(ratio)
    return excess


def _half_powers(samples: Samples, rate_hz: int) -> _Floats:
    weighted, _ = _k_weighted(samples, rate_hz)
    halves = weighted[: len(weighted) // 2], weighted[-(len(weighted) // 2) :]
    return np.array([float(np.sum(np.mean(h**2, axis=0))) for h in halves])


def _led_level(
    clip_tail: Samples,
    new: Samples,
    rate_hz: int,
    reach_samples: int,
    loudness: _Loudness,
    instead_of: Samples | None = None,
) -> Samples:
    """`new` [T, C] with the loudness of its start led to what a joint may have, and let go."""
    if instead_of is not None:
        return new  # a span has the loudness of what it replaces already
    change = _loudness_change_lu(clip_tail, new, rate_hz, loudness)
    if change is None or abs(change) <= _LOUDNESS_AIM_LU:
        return new
    gain_db = math.copysign(min(abs(change) - _LOUDNESS_AIM_LU, MOST_GAIN_DB), -change)
    led = new.copy()
    measured = round(LOUDNESS_SECONDS * rate_hz)
    curve = 10 ** (gain_db * _held_and_let_go(reach_samples, measured, measured) / 20)
    led[:reach_samples] *= curve[:, None]
    return led


def _held_and_let_go(length_samples: int, hold_samples: int, go_samples: int) -> _Floats:
    """1 for as long as something is measured, then to 0; half each where that is too long."""
    hold = min(hold_samples, length_samples // 2)
    go = min(go_samples, length_samples - hold)
    curve = np.zeros(length_samples)
    curve[:hold] = 1.0
    curve[hold : hold + go] = _fade(go)
    return curve


def _fitted(
    clip_tail: Samples,
    heard: Samples,
    new: Samples,
    rate_hz: int,
    reach_samples: int,
    own_steps: _Floats,
) -> Samples:
    """`new` [T, C] with its first samples fitted to the clip's last; changes no others.

    heard [at most J, C]: the clip's tail as the model has it. own_steps [C]: of the clip.
    """
    new = new.copy()
    length = min(len(heard), reach_samples, max(1, round(FADE_SECONDS * rate_hz)))
    error = clip_tail[-length:] - heard[-length:]
    new[:length] += error[::-1] * _fade(length)[:, None]
    step = new[0] - clip_tail[-1]
    # A breath less than the percentile: the sum below is rounded to float32.
    most = 0.999 * own_steps
    length = min(reach_samples, max(1, round(_STEP_FADE_SECONDS * rate_hz)))
    new[:length] += (np.clip(step, -most, most) - step) * _fade(length)[:, None]
    return new


def _fade(length: int) -> _Floats:
    """From 1 towards 0 over `length` samples."""
    fade: _Floats = 0.5 * (1.0 + np.cos(np.pi * np.arange(length) / max(1, length)))
    return fade


# Measuring ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OwnSound:
    """What the clip before a joint is like: the same for all that is joined to it."""

    steps: _Floats
    """[C]: the 99.9th percentile of the steps of each channel."""
    treble_db: tuple[float, float] | None
    """The lowest and the highest treble of blocks of 0.2 s; None where there are too few."""
    loudness: _Loudness
    """Of its last 3 s."""


@dataclass(frozen=True)
class _Loudness:
    """What the last samples of a clip leave in BS.1770-5's filters."""

    length_samples: int
    power: float
    states: _Floats

    @classmethod
    def of(cls, samples: Samples, rate_hz: int) -> _Loudness:
        weighted, states = _k_weighted(samples, rate_hz)
        return cls(len(samples), _power(weighted), states)


def own_sound(
    clip_tail: Samples,
    rate_hz: int,
    treble_to_hz: float | None = None,
    block_samples: int | None = None,
) -> OwnSound:
    """Measure a clip's tail [J, C], as `joint_report` does.

    block_samples: of the treble, where what follows has less than 0.2 s.
    """
    top_hz = min(rate_hz / 2, treble_to_hz or math.inf)
    full = round(TREBLE_SECONDS * rate_hz)
    length = full if block_samples is None else min(full, block_samples)
    hop = max(1, round(TREBLE_SECONDS / 4 * rate_hz))
    starts = range(len(clip_tail) - length, -1, -hop)
    treble = None
    if top_hz > TREBLE_FROM_HZ and len(starts) >= _FEWEST_TREBLE_BLOCKS and length > 64:
        window = scipy.signal.windows.hann(length, sym=False).astype(np.float32)
        levels = [_treble_db(clip_tail[s : s + length], window, rate_hz, top_hz) for s in starts]
        treble = (min(levels), max(levels))
    loudness = _Loudness.of(clip_tail[-round(LOUDNESS_SECONDS * rate_hz) :], rate_hz)
    return OwnSound(_own_steps(clip_tail), treble, loudness)


@dataclass(frozen=True)
class JointReport:
    """What a joint is like, beside what the clip itself is like. None: too short to be measured."""

    step: float
    """From the clip's last sample to the first new one, in the channel that fares worst."""
    own_step: float
    """The clip's 99.9th percentile of steps from sample to sample, in that channel."""
    loudness_change_lu: float | None
    """New less clip, over up to 3 s on either side; of a span that replaces music, up to half of
    it, less the change that the clip had there itself."""
    treble_db: float | None
    """Level from 4 kHz up over the first 0.2 s that are new; full scale is 0."""
    own_treble_db: tuple[float, float] | None
    """The lowest and the highest such level in the clip's tail."""

    def problems(self) -> list[str]:
        """What is over its limit, as sentences; none for a joint that passes."""
        found = []
        if self.step > self.own_step + 1e-6:
            found.append(
                f"The joint steps by {self.step:.4f}, and the clip itself by {self.own_step:.4f}."
            )
        change = self.loudness_change_lu
        if change is not None and abs(change) > MOST_LOUDNESS_CHANGE_LU:
            found.append(
                f"After the joint it is {abs(change):.1f} LU {'louder' if change > 0 else 'softer'}"
                " than it should be."
            )
        if self.treble_db is not None and self.own_treble_db is not None:
            low, high = self.own_treble_db
            if not low <= self.treble_db <= high:
                found.append(
                    f"The treble after the joint is at {self.treble_db:.1f} dB, and in the clip "
                    f"between {low:.1f} and {high:.1f} dB."
                )
        return found


def joint_report(
    clip_tail: Samples,
    new: Samples,
    rate_hz: int,
    *,
    treble_to_hz: float | None = None,
    instead_of: Samples | None = None,
    own: OwnSound | None = None,
) -> JointReport:
    """Measure the joint between clip_tail [J, C] and new [T, C], J and T above 0.

    instead_of [T, C]: what the clip had there, where a span of it was remade. own: of `own_sound`,
    where the tail has been measured already.

    A few seconds of tail are needed to know what the clip is like; ten are better. For the other
    end of a span give both reversed in time.

    Loudness is BS.1770-5 without its gates, on equally long stretches of at most 3 s on either
    side, at least 0.4 s: momentary blocks are shorter than a beat, and would call a kick a jump.
    Treble is the power from 4 kHz to `treble_to_hz` (the model's Nyquist frequency, or all there
    is) in blocks of 0.2 s, all channels together; the clip's own are taken every 0.05 s.
    """
    if own is None or len(new) < round(TREBLE_SECONDS * rate_hz):
        own = own_sound(clip_tail, rate_hz, treble_to_hz, len(new))
    step = np.abs(new[0] - clip_tail[-1])
    worst = int(np.argmax(step - own.steps))
    treble = None
    if own.treble_db is not None:
        block = new[: round(TREBLE_SECONDS * rate_hz)]
        window = scipy.signal.windows.hann(len(block), sym=False).astype(np.float32)
        treble = _treble_db(block, window, rate_hz, min(rate_hz / 2, treble_to_hz or math.inf))
    if instead_of is None:
        change = _loudness_change_lu(clip_tail, new, rate_hz, own.loudness)
    else:
        half = len(new) // 2
        change = _loudness_change_lu(clip_tail, new[:half], rate_hz)
        before = _loudness_change_lu(clip_tail, instead_of[:half], rate_hz)
        change = None if change is None or before is None else change - before
    steps = float(step[worst]), float(own.steps[worst])
    return JointReport(*steps, change, treble, own.treble_db)


def shift_samples(expected: Samples, found: Samples, most_samples: int) -> int:
    """By how many samples `found` comes late against `expected`, both [T] and of the same music.

    0 where no sample was doubled or lost; looks at most `most_samples` either way. It is the place
    of the highest cross-correlation of the steps from sample to sample: the sound itself would
    correlate nearly as well a few samples off, its bass being so slow.
    """
    correlation = scipy.signal.correlate(np.diff(found), np.diff(expected), method="fft")
    middle = len(expected) - 2
    low = max(0, middle - most_samples)
    return int(np.argmax(correlation[low : middle + most_samples + 1])) + low - middle


def _own_steps(clip_tail: Samples) -> _Floats:
    """The 99.9th percentile of the steps of each channel; [C]."""
    if len(clip_tail) < 2:
        return np.zeros(clip_tail.shape[1])
    steps: _Floats = np.percentile(np.abs(np.diff(clip_tail, axis=0)), STEP_PERCENTILE, axis=0)
    return steps


def _loudness_change_lu(
    clip_tail: Samples, new: Samples, rate_hz: int, tail: _Loudness | None = None
) -> float | None:
    """Ungated loudness after less before; None where it is too short, or silent on a side.

    tail: that of as much of the clip, where it was measured already.
    """
    length = min(len(clip_tail), len(new), round(LOUDNESS_SECONDS * rate_hz))
    if length < round(SHORTEST_LOUDNESS_SECONDS * rate_hz):
        return None
    if tail is None or tail.length_samples != length:
        tail = _Loudness.of(clip_tail[-length:], rate_hz)
    # The filters go on, so that the joint is no start for them.
    after = _power(_k_weighted(new[:length], rate_hz, tail.states)[0])
    if tail.power < _SILENT or after < _SILENT:
        return None
    return 10 * math.log10(after / tail.power)


def _power(weighted: _Floats) -> float:
    """The mean square of [T, C] with T above 0, all channels added up."""
    return float(np.vdot(weighted, weighted)) / len(weighted)


def _k_weighted(
    samples: Samples, rate_hz: int, states: _Floats | None = None
) -> tuple[_Floats, _Floats]:
    """[T, C] after BS.1770-5's two filters, for any rate, and what these then hold [2, 2, C].

    states: what they held before.
    """
    stages = (
        pyloudnorm.IIRfilter(gain_db, q, at_hz, rate_hz, kind)
        for gain_db, q, at_hz, kind in (
            (4.0, 1 / math.sqrt(2), 1500.0, "high_shelf"),
            (0.0, 0.5, 38.0, "high_pass"),
        )
    )
    sections = np.array([[*stage.b, *stage.a] for stage in stages])
    held = np.zeros((2, 2, samples.shape[1])) if states is None else states
    # In one go, a fifth of the time of one filter after the other.
    weighted, left = scipy.signal.sosfilt(sections, samples.astype(np.float64), axis=0, zi=held)
    return weighted, left


def _treble_db(block: Samples, window: Samples, rate_hz: int, top_hz: float) -> float:
    """Power of [T, C] from 4 kHz to `top_hz`, in dB; at least -70. window [T]: Hann's."""
    # Each channel in one piece of memory: transforms over the other axis take twice as long.
    spectrum = scipy.fft.rfft(block.T.astype(np.float32) * window)
    first, end = (
        min(spectrum.shape[1], math.ceil(hz * len(block) / rate_hz))
        for hz in (TREBLE_FROM_HZ, top_hz)
    )
    power = np.abs(spectrum[:, first:end]).astype(np.float64) ** 2
    total = 2 * float(power.sum()) / len(block) / float(np.sum(window.astype(np.float64) ** 2))
    return max(_SILENCE_DB, 10 * math.log10(max(total, 1e-30)))
