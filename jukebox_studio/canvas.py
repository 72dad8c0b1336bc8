"""The stretch of music that a render happens on: what is known of the clip, as codes and sound."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from fractions import Fraction
from math import gcd
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jukebox_studio import audio
from jukebox_studio.bundle import Manifest, bundle_sha256
from jukebox_studio.clip import Clip
from jukebox_studio.codes_file import SavedCodes, read_codes
from jukebox_studio.errors import JukeboxError
from jukebox_studio.loaded import Models
from jukebox_studio.model.vqvae import VQVAE, Pieces
from jukebox_studio.operations import Plan, Source, plan
from jukebox_studio.request import Continue, Request
from jukebox_studio.tempo import nearest

SHORTEST_CLIP_SECONDS = 0.1
RESAMPLER_SECONDS = 0.5
"""More of the file than is needed, since a resampler looks around itself."""
TAIL_CUTS = 3
"""At how many places of a clip it is measured how far a false future reaches."""

Samples = NDArray[np.float32]
Measured = TypeVar("Measured")


class Canvas:
    """What a request starts from: its plan, and the clip's codes level by level, when asked for."""

    def __init__(self, models: Models, request: Request) -> None:
        self.request = request
        self.models = models
        manifest = models.bundle.manifest
        clip = request.clip
        info = clip.check_file()
        seconds = clip.length_samples / clip.rate_hz
        if seconds < SHORTEST_CLIP_SECONDS:
            raise JukeboxError(
                f"The clip of {clip.path} lasts {seconds:.3f} s; it needs at least "
                f"{SHORTEST_CLIP_SECONDS:g} s."
            )
        self.channels = info.channels
        self.saved: SavedCodes | None = None
        length = nearest(Fraction(clip.length_samples * manifest.sample_rate_hz, clip.rate_hz))
        source = Source(length)
        if request.codes_path is not None:
            self.saved = saved = read_codes(request.codes_path)
            check_belong(saved, models)
            self._check_codes(saved)
            into = Fraction(clip.start_samples * manifest.sample_rate_hz, clip.rate_hz)
            top = saved.levels[max(manifest.priors)]
            grid = nearest(saved.made.result_at_samples + into)
            source = Source(length, grid_samples=grid, codes=len(top))
        self.plan: Plan = plan(manifest.vqvae, manifest.priors, request, source)
        self._codes: dict[int, Tensor] = {}
        self._mono: Samples | None = None
        self._read = dict[tuple[int, int], Samples]()
        self._measured = dict[Hashable, Any]()
        self.pieces: Pieces = {}
        """What was decoded, so that the clip's end is decoded once for all variants."""

    def _check_codes(self, saved: SavedCodes) -> None:
        """JukeboxError where the codes are not all that the request needs of its clip."""
        wanted = sorted(self.models.bundle.manifest.priors, reverse=True)
        if not set(wanted[: 1 if self.request.preview_only else None]) <= set(saved.levels):
            raise JukeboxError(
                "The variant is a preview and has no codes of its lower levels yet; render it in "
                "full first."
            )
        clip, made = self.clip, saved.made
        if Fraction(clip.end_samples, clip.rate_hz) > Fraction(made.length_samples, made.rate_hz):
            raise JukeboxError(
                f"{self.request.codes_path} holds the codes of {made.length_samples:,} samples at "
                f"{made.rate_hz:,} Hz, and the clip ends after them; choose the codes that were "
                "made with it."
            )

    @property
    def clip(self) -> Clip:
        return self.request.clip

    @property
    def rate_hz(self) -> int:
        """Of the model."""
        return self.models.bundle.manifest.sample_rate_hz

    def codes(self, level: int) -> Tensor:
        """The clip's codes on the canvas, int64 Tensor[1, source_codes x codes per top code]."""
        if level not in self._codes:
            made = self._saved_codes(level) if self.saved else self._encoded(level)
            self._codes[level] = made
        return self._codes[level]

    def audio(self, start_samples: int, end_samples: int) -> Samples:
        """The clip itself, Array[T, C] at the timeline's rate, between samples of the result's rate
        that count from the clip's first sample. Outside the clip there is nothing to give."""
        key = start_samples, end_samples
        if key not in self._read:
            self._read[key] = read_clip(self.clip, *key, self.clip.timeline_rate_hz)
        return self._read[key]

    def once(self, what: Hashable, measured: Callable[[], Measured]) -> Measured:
        """What is the same for all variants, so that it is found once."""
        if what not in self._measured:
            self._measured[what] = measured()
        found: Measured = self._measured[what]
        return found

    # How the clip becomes codes ------------------------------------------------------------------

    @torch.no_grad()
    def _encoded(self, level: int) -> Tensor:
        """An encoder looks ahead: past the end of the clip it is given the clip mirrored in time,
        whose codes are then dropped, since silence would colour the last ones."""
        vqvae = self.models.vqvae()
        hop = vqvae.config.hop_samples(level)
        reach = -(-vqvae.config.encoder_receptive_samples(level) // (2 * hop)) * hop
        padded = np.pad(self.mono(), (0, reach), mode="reflect")
        encoded = vqvae.encode_chunked(torch.from_numpy(padded)[None, :, None], level)
        return encoded[:, : self.plan.source_codes * self.plan.top_hop_samples // hop]

    def mono(self) -> Samples:
        """The clip on the canvas, [source samples] at the model's rate; mirrored past its ends."""
        if self._mono is None:
            count = self.plan.source_codes * self.plan.top_hop_samples
            first = -self.plan.clip_at
            rate, clip = self.rate_hz, self.clip
            length = nearest(Fraction(clip.length_samples * rate, clip.rate_hz))
            there = read_clip(clip, max(0, first), min(length, first + count), rate)
            mono = audio.to_mono(there)
            before = max(0, -first)
            after = count - before - len(mono)
            if before or after > 0:
                mono = np.pad(mono, (before, max(0, after)), mode="reflect")
            self._mono = np.ascontiguousarray(mono[:count])
        return self._mono

    def _saved_codes(self, level: int) -> Tensor:
        assert self.saved is not None
        codes = self.saved.levels[level]
        vqvae = self.models.bundle.manifest.vqvae
        ratio = self.plan.top_hop_samples // vqvae.hop_samples(level)
        first, count = self.plan.first_code * ratio, self.plan.source_codes * ratio
        codes = codes[first : first + count]
        missing = count - len(codes)
        if missing > 0:  # only where a lower level wants a longer window than there is
            codes = torch.cat([codes, codes.flip(0).repeat(missing // len(codes) + 1)[:missing]])
        return codes[None]

    def tails(self) -> dict[int, int]:
        """How many of the clip's last codes are others than with the true music after them.

        By level. Measured on the clip itself: cut at a few earlier places and encoded as if it
        ended there. None for codes that were sampled, and where the clip does not end the canvas.
        """
        if self.saved or not isinstance(self.request.operation, Continue):
            return {}
        vqvae = self.models.vqvae()
        return {
            level: differing_tail(vqvae, self.mono(), level, self.codes(level)[0])
            for level in range(vqvae.config.levels)
        }


def check_belong(saved: SavedCodes, models: Models) -> None:
    """JukeboxError where codes are another model's, or none that this one could have made."""
    manifest, made = models.bundle.manifest, saved.made
    if made.bundle_sha256 != bundle_sha256(models.bundle.folder):
        raise JukeboxError(
            f"The variant was made with {made.model}, whose codes mean nothing to this "
            f"{manifest.name}. Choose the model it was made with, or start from the variant's "
            "audio."
        )
    if wrong := _damage(saved, manifest):
        raise JukeboxError(
            f"The variant's codes are damaged: {wrong}. Choose another variant, or start from "
            "the variant's audio."
        )


def _damage(saved: SavedCodes, manifest: Manifest) -> str:
    """What of codes no render of this model could have made; nothing where they are sound."""
    made, vqvae, top = saved.made, manifest.vqvae, max(manifest.priors)
    if not {top, made.level} <= saved.levels.keys() <= manifest.priors.keys():
        return f"their levels are {sorted(saved.levels)}"
    length = Fraction(made.length_samples * manifest.sample_rate_hz, made.rate_hz)
    end = made.result_at_samples + length
    longest = len(saved.levels[top]) * vqvae.hop_samples(top)
    rows = [*saved.levels.items(), *([] if saved.side is None else [(0, saved.side)])]
    for level, codes in rows:
        reach = len(codes) * vqvae.hop_samples(level)
        if not 0 <= made.result_at_samples < end <= reach <= longest:
            return f"level {level} is {reach:,} samples long, which does not fit the others"
        for code in (int(codes.min()), int(codes.max())):
            if not 0 <= code < vqvae.codebook_size:
                return f"level {level} holds {code}, and there are 0 to {vqvae.codebook_size - 1}"
    return ""


def read_clip(clip: Clip, start: int, end: int, rate_hz: int) -> Samples:
    """Array[end - start, C] of a clip at `rate_hz`, counted from the clip's first sample.

    Reads no more of the file than that takes.
    """
    if rate_hz == clip.rate_hz:
        there = min(end, clip.length_samples)
        read = audio.read(
            clip.path, start_samples=clip.start_samples + start, length_samples=there - start
        )
        return read.samples
    # Where a read may begin: on a sample of both rates.
    step = rate_hz // gcd(rate_hz, clip.rate_hz)
    file_step = clip.rate_hz // gcd(rate_hz, clip.rate_hz)
    margin = round(RESAMPLER_SECONDS * rate_hz)
    steps = max(0, start - margin) // step
    first_file = steps * file_step
    last_file = -(-(end + margin) * clip.rate_hz // rate_hz)
    last_file = min(clip.length_samples, last_file)
    read = audio.read(
        clip.path,
        start_samples=clip.start_samples + first_file,
        length_samples=last_file - first_file,
    )
    made = audio.resample(read.samples, clip.rate_hz, rate_hz)[start - steps * step :]
    missing = (end - start) - len(made)
    if missing > 0:  # half a sample's rounding at the clip's end
        made = np.pad(made, ((0, missing), (0, 0)), mode="edge")
    return np.ascontiguousarray(made[: end - start])


@torch.no_grad()
def differing_tail(vqvae: VQVAE, mono: Samples, level: int, codes: Tensor) -> int:
    """How far before a cut the codes of a level differ from those with the true future after it.

    codes: int64 Tensor[T] of mono [samples].
    """
    hop = vqvae.config.hop_samples(level)
    reach = -(-vqvae.config.encoder_receptive_samples(level) // (2 * hop))
    longest = 0
    for i in range(TAIL_CUTS):
        # Each cut leaves its whole reach of true music after it.
        cut = len(mono) // hop - reach * (i + 1)
        first = cut - 2 * reach
        if first < 0:
            break
        known = mono[first * hop : cut * hop]
        padded = torch.from_numpy(np.pad(known, (0, reach * hop), mode="reflect"))
        false = vqvae.encode_chunked(padded[None, :, None], level)[0, : cut - first]
        # What lies before a reach of the start knows a false past; the end is what is asked for.
        differ = (codes[first:cut] != false)[reach:].nonzero()
        if len(differ):
            longest = max(longest, reach - int(differ[0]))
    return longest
