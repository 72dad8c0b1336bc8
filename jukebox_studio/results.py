"""From codes to the sound of a result: decoded, levelled, widened, joined, to the sample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jukebox_studio import audio, grid, seam, stereo
from jukebox_studio.canvas import Canvas, check_belong
from jukebox_studio.codes_file import SavedCodes
from jukebox_studio.loaded import Models
from jukebox_studio.model.vqvae import VQVAE, Pieces
from jukebox_studio.operations import result_position
from jukebox_studio.request import (
    Continue,
    Relyric,
    Request,
    Restyle,
    Span,
    Vary,
    request_from_json,
)
from jukebox_studio.tempo import nearest

TAIL_SECONDS = 10.0
"""How much of the clip beside a joint is decoded again, to fit loudness and joint to it."""
JOINT_SECONDS = 0.25
"""How much of it is decoded for each variant of a continuation: what the joint itself takes."""
RESAMPLER_SECONDS = 0.05
"""More is decoded on either side, since a resampler looks around itself (by less than 0.02 s)."""
PREVIEW_TAIL_SECONDS = 3.0
"""The same for a preview, which should come soon."""
_MOST_STARTS = 640
"""Samples among which a decoding is begun, so that its ends fall on samples of both rates."""

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Sound:
    """A result as it is heard."""

    samples: Samples
    """[T, C] at the timeline's rate."""
    gain_db: float
    """By which the model's sound was brought to the clip's level."""


def sound_of(
    canvas: Canvas,
    codes: Tensor,
    side: Tensor | None,
    level: int,
    gain_db: float | None = None,
    *,
    length_samples: int | None = None,
    tail_seconds: float = TAIL_SECONDS,
    is_coarse: bool = False,
) -> Sound:
    """What codes int64 Tensor[T] of a level sound like as a result of the canvas' request.

    side: the second bottom codes of a stereo result. gain_db: that of an earlier decoding; None
    measures it. The same codes and gain give the same samples. What is spare for a stretch comes
    at the end. length_samples: other than the whole result, while it grows. tail_seconds: how much
    of the clip's end level and joint are fitted to. is_coarse: as for `VQVAE.decode`, for previews.
    """
    request, plan = canvas.request, canvas.plan
    voice = _Voice(canvas, codes, side, level, is_coarse)
    if isinstance(request.operation, Continue):
        length = length_samples or plan.length_samples + plan.spare_samples
        return _continued(canvas, voice, length, gain_db, tail_seconds)
    if isinstance(request.operation, Restyle):
        return _restyled(canvas, voice, length_samples or plan.length_samples, gain_db)
    return _respanned(canvas, voice, gain_db)


def has_width(canvas: Canvas) -> bool:
    """Whether the clip has two channels that differ: mono is often kept as two of the same.

    Heard where its width is measured.
    """

    def differ() -> bool:
        own = canvas.audio(*_own_range(canvas))
        return not np.array_equal(own[:, 0], own[:, 1])

    return canvas.channels == 2 and canvas.once("channels differ", differ)


def _own_range(canvas: Canvas) -> tuple[int, int]:
    """What a result is fitted to of the clip, in samples of the result's rate."""
    clip, rate = canvas.clip, canvas.clip.timeline_rate_hz
    end = nearest(Fraction(clip.length_samples * rate, clip.rate_hz))
    if isinstance(canvas.request.operation, Continue):
        return max(0, end - round(TAIL_SECONDS * rate)), end
    return 0, end


class _Voice:
    """Codes that can be heard at any place of the canvas, at the timeline's rate."""

    def __init__(
        self,
        canvas: Canvas,
        codes: Tensor,
        side: Tensor | None,
        level: int,
        is_coarse: bool = False,
    ) -> None:
        self.canvas, self.codes, self.side, self.level = canvas, codes, side, level
        self.is_coarse = is_coarse
        self.rate_hz = canvas.clip.timeline_rate_hz

    @property
    def nyquist_hz(self) -> float:
        return self.canvas.rate_hz / 2

    def heard(
        self,
        at: Fraction,
        before: int,
        after: int,
        clip_tail: Samples,
        clip_db: NDArray[np.float64] | None = None,
    ) -> Samples:
        """[before + after] or [.., 2] samples around the sample `at` of the canvas.

        Stereo where there is a second render; clip_tail [at least before, C] is what goes before,
        clip_db as for `stereo.widened`.
        """
        mid = self.decoded(self.codes, at, before, after)
        width = self.canvas.request.width
        if self.side is None or not width:
            return mid
        second = self.decoded(self.side, at, before, after)
        return stereo.widened(
            clip_tail,
            mid,
            second,
            self.rate_hz,
            width=width,
            joint_samples=before,
            clip_db=clip_db,
        )

    def heard_as_wide_as(self, own: Samples, at: Fraction, after: int) -> Samples:
        """[after] or [after, 2] samples from `at` on, as wide as the sound own [T, C] is."""
        mid = self.decoded(self.codes, at, 0, after)
        width, rate = self.canvas.request.width, self.rate_hz
        if self.side is None or not width:
            return mid
        second = self.decoded(self.side, at, 0, after)
        wanted = stereo.side_to_mid_db(own, rate) + 20 * math.log10(width)
        middle = stereo.Heard.of(mid, rate)
        side = stereo.shaped_side(stereo.raw_side(middle, second), middle, wanted)
        return stereo.from_mid_side(mid, side)

    def decoded(self, codes: Tensor, at: Fraction, before: int, after: int) -> Samples:
        model_rate, rate = self.canvas.rate_hz, self.rate_hz
        vqvae = self.canvas.models.vqvae()
        margin = round(RESAMPLER_SECONDS * model_rate)
        wanted = math.floor(at - Fraction(before * model_rate, rate)) - margin
        first = _shared_start(at, max(0, wanted), model_rate, rate)
        last = math.ceil(at + Fraction(after * model_rate, rate)) + margin
        pieces, coarse = self.canvas.pieces, self.is_coarse
        decoded = decode_stretch(vqvae, codes, self.level, first, last, pieces, is_coarse=coarse)
        made = audio.resample(decoded, model_rate, rate)
        begin = nearest((at - first) * rate / model_rate) - before
        if begin < 0:  # the canvas begins in the midst of what is asked for
            made, begin = np.pad(made, (-begin, 0)), 0
        missing = begin + before + after - len(made)
        if missing > 0:
            made = np.pad(made, (0, missing))
        return np.ascontiguousarray(made[begin : begin + before + after])

    def known_before(self, at: Fraction, most: int) -> int:
        """Samples of the timeline's rate before `at` that lie on the canvas, at most `most`."""
        return max(0, min(most, math.floor(at * self.rate_hz / self.canvas.rate_hz)))

    def known_after(self, at: Fraction, most: int) -> int:
        """The same after it."""
        end = len(self.codes) * self.canvas.models.vqvae().config.hop_samples(self.level)
        return max(0, min(most, math.floor((end - at) * self.rate_hz / self.canvas.rate_hz)))


def _shared_start(at: Fraction, latest: int, model_rate: int, rate: int) -> int:
    """The last sample up to `latest` from which to `at` it is a whole number at the other rate.

    Where there is none, the one that comes nearest.
    """
    step = min(model_rate // gcd(model_rate, rate), _MOST_STARTS)

    def off(first: int) -> Fraction:
        exact = (at - first) * rate / model_rate
        return abs(exact - nearest(exact))

    return min(range(latest, max(-1, latest - step), -1), key=lambda first: (off(first), -first))


@torch.no_grad()
def decode_stretch(
    vqvae: VQVAE,
    codes: Tensor,
    level: int,
    start_samples: int,
    end_samples: int,
    kept: Pieces | None = None,
    *,
    is_coarse: bool = False,
) -> Samples:
    """Audio [end - start] of codes int64 Tensor[T], as if all of them were decoded.

    Less where the codes end before. kept, is_coarse: see `VQVAE.decode_chunked`.
    """
    hop = vqvae.config.hop_samples(level)
    first, last = start_samples // hop, min(len(codes), -(-end_samples // hop))
    of = range(first, last)
    heard = vqvae.decode_chunked(codes[None], level, kept=kept, is_coarse=is_coarse, of=of)
    decoded = heard[0, :, 0].numpy()
    return decoded[start_samples - first * hop : end_samples - first * hop]


def _continued(
    canvas: Canvas, voice: _Voice, length: int, gain_db: float | None, tail_seconds: float
) -> Sound:
    rate, at = voice.rate_hz, canvas.plan.result_at
    start, clip_end = _own_range(canvas)
    own = canvas.audio(start, clip_end)
    tail = voice.known_before(at, min(clip_end, round(tail_seconds * rate)))
    if gain_db is None:
        # Of the clip's own codes: the same for all variants.
        def measured() -> float:
            known = _Voice(canvas, canvas.codes(voice.level)[0], None, voice.level)
            return seam.matching_gain_db(own[-tail:], known.decoded(known.codes, at, tail, 0), rate)

        gain_db = canvas.once(("gain", voice.level, tail), measured)
    before = min(tail, round(JOINT_SECONDS * rate))
    clip_db = None
    if voice.side is not None and canvas.channels == 2:
        clip_db = canvas.once("width", lambda: stereo.tail_width_db(own, rate))
    heard = voice.heard(at, before, length, own, clip_db)
    made = seam.continue_from(
        own,
        heard * _factor(gain_db),
        rate,
        treble_to_hz=voice.nyquist_hz,
        heard_samples=before,
        own=_own_sound(canvas, start, clip_end),
    )
    return Sound(_exactly(made, length), gain_db)


def _own_sound(canvas: Canvas, start: int, end: int) -> seam.OwnSound:
    def measured() -> seam.OwnSound:
        own = canvas.audio(start, end)
        return seam.own_sound(own, canvas.clip.timeline_rate_hz, canvas.rate_hz / 2)

    return canvas.once(("own", start, end), measured)


def _restyled(canvas: Canvas, voice: _Voice, length: int, gain_db: float | None) -> Sound:
    rate = voice.rate_hz
    own = canvas.audio(*_own_range(canvas))
    heard = voice.heard_as_wide_as(own, canvas.plan.result_at, length)
    if gain_db is None:
        gain_db = seam.matching_gain_db(own, heard, rate)
    made = heard * _factor(gain_db)
    if made.ndim == 1:
        made = np.repeat(made[:, None], canvas.channels, axis=1)
    return Sound(_exactly(made, length), gain_db)


def _respanned(canvas: Canvas, voice: _Voice, gain_db: float | None) -> Sound:
    rate, plan = voice.rate_hz, canvas.plan
    made = canvas.audio(0, plan.length_samples).copy()
    most = round(TAIL_SECONDS * rate)
    for start, end in spans_at_rate(canvas.request, rate, plan.length_samples):
        at = plan.clip_at + Fraction(start * canvas.rate_hz, rate)
        before = min(start, voice.known_before(at, most))
        after = min(
            plan.length_samples - end,
            voice.known_after(at + Fraction((end - start) * canvas.rate_hz, rate), most),
        )
        own_before, own_after = made[start - before : start], made[end : end + after]
        if before:
            heard = voice.heard(at, before, end - start + after, own_before)
        else:
            own = own_after if after else made[start:end]
            heard = voice.heard_as_wide_as(own, at, end - start + after)
        if gain_db is None:
            gain_db = _gain_beside(own_before, own_after, made[start:end], heard, rate)
        span = seam.replace_span(
            own_before,
            heard * _factor(gain_db),
            own_after,
            rate,
            treble_to_hz=voice.nyquist_hz,
            own_span=made[start:end],
        )
        made[start:end] = _exactly(span, end - start)
    return Sound(made, gain_db or 0.0)


def _gain_beside(
    own_before: Samples, own_after: Samples, own_span: Samples, heard: Samples, rate_hz: int
) -> float:
    """The gain that brings what is heard beside a span, or else all of it, to the clip's level."""
    own = np.concatenate([own_before, own_after])
    if not len(own):
        return seam.matching_gain_db(own_span, heard, rate_hz)
    after_at = len(heard) - len(own_after)
    outside = np.concatenate([heard[: len(own_before)], heard[after_at:]])
    return seam.matching_gain_db(own, outside, rate_hz)


def spans_at_rate(request: Request, rate_hz: int, length_samples: int) -> list[tuple[int, int]]:
    """The spans of a vary or relyric in samples of the result."""
    operation = request.operation
    spans: tuple[Span, ...] = ()
    if isinstance(operation, Vary):
        spans = operation.spans
    elif isinstance(operation, Relyric):
        spans = (operation.span,)
    return [
        (
            nearest(Fraction(span.start_samples * rate_hz, request.clip.rate_hz)),
            min(
                nearest(Fraction(span.end_samples * rate_hz, request.clip.rate_hz)),
                length_samples,
            ),
        )
        for span in spans
    ]


def joints_of(canvas: Canvas, samples: Samples) -> list[seam.JointReport]:
    """The joints of a result [T, C] with the clip: its end against what follows, and at the end of
    a span the other way round."""
    rate, top = canvas.clip.timeline_rate_hz, canvas.rate_hz / 2
    most = round(TAIL_SECONDS * rate)
    if isinstance(canvas.request.operation, Continue):
        start, end = _own_range(canvas)
        own, measured = canvas.audio(start, end), _own_sound(canvas, start, end)
        return [seam.joint_report(own, samples, rate, treble_to_hz=top, own=measured)]
    found = []
    for start, end in spans_at_rate(canvas.request, rate, len(samples)):
        span, own_span = samples[start:end], canvas.audio(start, end)
        before, after = samples[max(0, start - most) : start], samples[end : end + most]
        if len(before):
            found.append(
                seam.joint_report(before, span, rate, treble_to_hz=top, instead_of=own_span)
            )
        if len(after):
            behind = after[::-1], span[::-1]
            found.append(
                seam.joint_report(*behind, rate, treble_to_hz=top, instead_of=own_span[::-1])
            )
    return found


def on_grid(canvas: Canvas, samples: Samples) -> Samples:
    """A result with its onsets moved onto the song's beat, of the length that was asked for.

    Of a varied clip the spans alone. The very array that was given where nothing had to be done.
    """
    rate, clip = canvas.clip.timeline_rate_hz, canvas.clip
    wanted = canvas.plan.length_samples
    position = result_position(clip, canvas.request.operation)
    if not (spans := spans_at_rate(canvas.request, rate, len(samples))):
        return grid.stretch_to_grid(
            samples, rate, clip.song, Fraction(position, rate), wanted_samples=wanted
        )
    moved = samples
    for start, end in spans:
        span = samples[start:end]
        made = grid.stretch_to_grid(
            span,
            rate,
            clip.song,
            Fraction(position + start, rate),
            wanted_samples=len(span),
            end_stays=True,
        )
        if made is not span:
            moved = np.concatenate([moved[:start], made, moved[end:]])
    return moved


def heard_again(models: Models, saved: SavedCodes) -> Samples:
    """The samples [T, C] of a variant's file, from its codes and the gain recorded with them.

    The clip that it was made from has to be there still, for the joint. JukeboxError where it is
    not, or where the codes are another model's.
    """
    check_belong(saved, models)
    canvas = Canvas(models, request_from_json(saved.made.request))
    made = saved.made
    codes = saved.levels[made.level]
    sound = sound_of(canvas, codes, saved.side, made.level, made.gain_db)
    return on_grid(canvas, sound.samples) if canvas.request.to_grid else sound.samples


class GrowingPreview:
    """The sound of a variant's top level while it is sampled.

    What was given once does not change: at the growing end the codes are held back whose sound
    those after them still change.
    """

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._gain_db: float | None = None
        self.samples: Samples = np.zeros((0, canvas.channels), np.float32)

    def grow(self, codes: Tensor, level: int) -> bool:
        """Decode what int64 Tensor[T] of the canvas adds; whether it was anything."""
        canvas = self._canvas
        rate, plan = canvas.clip.timeline_rate_hz, canvas.plan
        vqvae = canvas.models.vqvae().config
        hop = vqvae.hop_samples(level)
        whole = len(codes) * hop >= plan.needed_samples
        known = (len(codes) - (0 if whole else vqvae.decoder_halo_codes(level))) * hop
        length = math.floor((known - plan.result_at) * rate / canvas.rate_hz)
        length = min(plan.length_samples, length)
        done = len(self.samples)
        if length <= done:
            return False
        if not done:
            first = sound_of(
                canvas,
                codes,
                None,
                level,
                length_samples=length,
                tail_seconds=PREVIEW_TAIL_SECONDS,
                is_coarse=True,
            )
            self._gain_db, self.samples = first.gain_db, first.samples
            return True
        at = plan.result_at + Fraction(done * canvas.rate_hz, rate)
        voice = _Voice(canvas, codes, None, level, is_coarse=True)
        added = voice.decoded(codes, at, 0, length - done)
        added = added * _factor(self._gain_db or 0.0)
        over = np.repeat(added[:, None], canvas.channels, axis=1)
        self.samples = np.concatenate([self.samples, over])
        return True


def _factor(gain_db: float) -> np.float32:
    return np.float32(10 ** (gain_db / 20))


def _exactly(made: Samples, length: int) -> Samples:
    if len(made) != length:
        raise AssertionError(f"{len(made)} samples were made, {length} planned.")
    return made
