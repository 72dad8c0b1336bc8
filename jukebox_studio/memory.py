"""How much memory a render takes, from shapes alone. No torch.

A render goes through phases: the clip is encoded, each level is sampled, results become sound. A
phase takes the networks that are in memory by then and its own working memory, and the peak is that
of the fullest. What is told here is held against what the system counts in
`benchmarks/memory_plan.py`, which the few measured factors below come from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from jukebox_studio.bundle import Manifest, prior_file
from jukebox_studio.model.config import Precision, PriorConfig, VQVAEConfig
from jukebox_studio.model.shapes import Shapes, cache_values, prior_shapes, vqvae_shapes
from jukebox_studio.operations import clip_result_samples, continue_samples
from jukebox_studio.request import Continue, Request
from jukebox_studio.sampling.segments import batches, can_be_cut, split_stretch
from jukebox_studio.sampling.windows import FEWEST_ROWS, MOST_ROWS

Steps = Literal["compiled", "of torch", "on a GPU"]
"""What computes: compiled functions, which read weights that are packed for them; torch; or torch
in a memory of its own, which no file can be."""

PROGRAM_BYTES = 545_000_000
"""Python, torch, what is compiled, and the libraries that a render uses, without a model (measured
on Linux, with torch for the CPU)."""

_FLOAT_BYTES = 4
_HALF_BYTES = 2
_CHUNK_SECONDS = 4.0
"""In which the VQ-VAE encodes and decodes."""
_CONVOLVED_ROWS = 4
"""Rows whose codes above are convolved at a time."""
_PRIMED_AT_ONCE = 256
_FED_AT_ONCE = 1024
"""Positions of all rows together, at most."""
_LIVE_ACTIVATIONS = 13
"""Tensors of the size of a residual block's input that are there while it is convolved, torch's own
working space among them (measured)."""
_LIVE_DECODED = 5
"""While codes are decoded by compiled functions, or in bfloat16 for previews (measured)."""
_KEPT_BYTES = 35_000_000
"""By each level of the VQ-VAE, for the next convolution of a length that it has met (measured)."""
_PREVIEW_COPIES = 3
"""Of a variant, that are kept of its previews until the render ends (measured)."""
_SOUND_COPIES = 7
"""Of a result, while it is widened, joined to the clip and written (measured)."""
_TAIL_SECONDS = 10.0
"""Of the clip, that are made beside a result."""


@dataclass(frozen=True)
class Asked:
    """What of a request decides how much memory it takes."""

    variants: int = 4
    new_seconds: float = 8.0
    clip_seconds: float = 10.0
    is_wide: bool = True
    """Whether the bottom is sampled twice, for stereo."""
    rate_hz: int = 44_100
    """Of the result."""
    conditions: int = 1
    """1, and one more for each guidance."""
    precision: Precision = "float32"
    steps: Steps = "compiled"

    @classmethod
    def by(cls, request: Request, channels: int) -> Asked:
        """What a request asks for that goes on from a clip of so many channels."""
        clip, operation, guidance = request.clip, request.operation, request.guidance
        new = clip_result_samples(clip)
        if isinstance(operation, Continue):
            new, _ = continue_samples(clip, operation)
        return cls(
            variants=request.variants,
            new_seconds=new / clip.timeline_rate_hz,
            clip_seconds=clip.length_samples / clip.rate_hz,
            is_wide=channels == 2 and request.width > 0,
            rate_hz=clip.timeline_rate_hz,
            conditions=1 + bool(guidance.style) + bool(guidance.lyrics),
            precision=request.precision,
        )


@dataclass(frozen=True)
class LevelNeed:
    """Memory of one level's prior, in bytes."""

    level: int
    loaded_bytes: int
    """Its weights in float32, or in float16 where that is asked for."""
    packed_bytes: int
    """The same once more, as a compiled step reads them."""
    is_mapped: bool
    """Whether what was loaded is the file itself, whose memory the system can take back."""
    row_bytes: int
    """Caches of a row of the batch at a full window, and what it alone is told, at most."""
    sampling_bytes: int
    """Of all rows that are sampled at a time."""
    working_bytes: int
    """The same, or what it takes before the first step where that is more."""

    @property
    def held_bytes(self) -> int:
        """What the system cannot take back once the level is sampled."""
        return self.packed_bytes + (0 if self.is_mapped else self.loaded_bytes)

    @property
    def weights_bytes(self) -> int:
        return self.packed_bytes + self.loaded_bytes


@dataclass(frozen=True)
class MemoryPlan:
    """Memory of a render, in bytes, beside `PROGRAM_BYTES`."""

    vqvae_bytes: int
    """Weights, and what is kept of convolutions and of what was heard."""
    convolving_bytes: int
    """While a clip is encoded."""
    decoding_bytes: int
    """While codes become sound."""
    sound_bytes: int
    """While a result is made ready."""
    levels: tuple[LevelNeed, ...]
    """From the bottom up."""

    @property
    def peak_bytes(self) -> int:
        """With every level staying in memory once it was used."""
        above = [n.weights_bytes for n in self.levels]
        return self._peak([sum(above[i:]) for i in range(len(above))], self.decoding_bytes)

    @property
    def one_level_bytes(self) -> int:
        """With one level in memory at a time, as where memory is short."""
        # What the level before leaves behind is not all gone by then: as much as encoding takes.
        return self._peak([need.weights_bytes for need in self.levels], self.convolving_bytes)

    @property
    def least_bytes(self) -> int:
        """With one level in memory at a time, and the fewest rows."""
        fewest = [n.weights_bytes + FEWEST_ROWS * n.row_bytes for n in self.levels]
        return self.vqvae_bytes + max([self.convolving_bytes, *fewest])

    def _peak(self, weights_bytes: list[int], decoding_bytes: int) -> int:
        phases = [self.convolving_bytes]
        if weights_bytes:
            # The top is heard while it is sampled, the bottom when it is done.
            heard = decoding_bytes + self.sound_bytes
            phases += [weights_bytes[-1] + self.levels[-1].sampling_bytes + heard]
            phases += [weights_bytes[0] + heard]
            each = zip(weights_bytes, self.levels, strict=True)
            phases += [weights + need.working_bytes for weights, need in each]
        return self.vqvae_bytes + max(phases)


def plan(manifest: Manifest, asked: Asked = Asked()) -> MemoryPlan:
    """What a render takes: weights are loaded as is asked for, whatever they are on disk."""
    vqvae, is_half = manifest.vqvae, asked.precision == "float16"
    is_compiled = asked.steps == "compiled" and not is_half
    value_bytes, stored = (_HALF_BYTES, "F16") if is_half else (_FLOAT_BYTES, "F32")
    needs = []
    for level, prior in sorted(manifest.priors.items()):
        entry = manifest.files.get(prior_file(level))
        rows, different, primed = _batch(prior, level == max(manifest.priors), asked)
        cached, told = cache_values(prior), _conditioning_values(prior)
        kinds = (different if prior.conditioner else 1) * asked.conditions
        is_there = asked.steps != "on a GPU"
        fed_at_once = max(rows, min(_FED_AT_ONCE, different * min(primed, _PRIMED_AT_ONCE)))
        sampling = rows * cached + kinds * told + fed_at_once * _step_values(prior)
        needs.append(
            LevelNeed(
                level,
                _values(_loaded_shapes(prior)) * value_bytes,
                packed_bytes(prior, asked.precision) if is_compiled else 0,
                is_there and (entry is None or entry.dtypes == (stored,)),
                (cached + told) * value_bytes,
                sampling * value_bytes,
                max(sampling, _preparing_values(prior, kinds, different)) * value_bytes,
            )
        )
    channels = 2 if asked.is_wide else 1
    heard = (asked.new_seconds + _TAIL_SECONDS) * asked.rate_hz * channels
    longest = max(asked.new_seconds, asked.clip_seconds)
    previews = asked.variants * asked.new_seconds * asked.rate_hz * channels * _PREVIEW_COPIES
    levels = range(vqvae.levels)
    encoded = _FLOAT_BYTES * max(_widest_values(vqvae, n, longest, True) for n in levels)
    decoded = _FLOAT_BYTES * max(_widest_values(vqvae, n, longest, False) for n in levels)
    return MemoryPlan(
        vqvae_bytes=(_values(vqvae_shapes(vqvae)) + round(previews)) * _FLOAT_BYTES
        + vqvae.levels * _KEPT_BYTES,
        convolving_bytes=_LIVE_ACTIVATIONS * encoded,
        decoding_bytes=decoded * (_LIVE_DECODED if is_compiled else _LIVE_ACTIVATIONS),
        sound_bytes=round(heard * _SOUND_COPIES) * _FLOAT_BYTES,
        levels=tuple(needs),
    )


def packed_bytes(config: PriorConfig, precision: Precision) -> int:
    """What sampling/weights.py makes of a prior's weights: the matrices of the stack and its head.

    They are there once more, in the order in which a step reads them: in float32, or in 8 bits with
    a step and a zero for each output.
    """
    stack = [
        shape
        for key, shape in prior_shapes(config).items()
        if key == "prior.x_out.weight" or (key.startswith("prior.transformer") and len(shape) == 2)
    ]
    if precision == "float32":
        return sum(map(math.prod, stack)) * _FLOAT_BYTES
    return sum(math.prod(shape) + 8 * shape[1] for shape in stack)


def _loaded_shapes(config: PriorConfig) -> Shapes:
    shapes = prior_shapes(config)
    if not config.untied_head:
        del shapes["prior.x_out.weight"]  # the same memory as the embedding
    return shapes


def _values(shapes: Shapes) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


def _batch(prior: PriorConfig, is_top: bool, asked: Asked) -> tuple[int, int, int]:
    """Rows sampled at a time, how many of them differ in what they are told, and codes given."""
    codes_per_second = prior.sample_rate_hz / prior.hop_samples
    known = int(asked.clip_seconds * codes_per_second)
    new = max(1, int(asked.new_seconds * codes_per_second))
    each = asked.variants * (2 if prior.level == 0 and asked.is_wide else 1)
    most = max(1, MOST_ROWS // asked.conditions)
    segments = []
    if prior.conditioner and not is_top and can_be_cut(prior.n_ctx, ratio := _ratio(prior)):
        known = known // ratio * ratio
        segments = split_stretch(known, known + new, known, prior.n_ctx, ratio)
    if len(segments) > 1:
        of_part = [
            (len(part), rows.stop - rows.start) for part, rows in batches(len(segments), each, most)
        ]
        rows = max(parts * height for parts, height in of_part)
        different = max(parts * min(height, asked.variants) for parts, height in of_part)
        return max(FEWEST_ROWS, rows * asked.conditions), different, 0
    rows = min(each, most)
    different = min(rows, asked.variants)
    return max(FEWEST_ROWS, rows * asked.conditions), different, min(known, prior.n_ctx)


def _ratio(prior: PriorConfig) -> int:
    return prior.conditioner.codes_per_code_above if prior.conditioner else 1


def _conditioning_values(prior: PriorConfig) -> int:
    """What a row is told of each position of a window."""
    told = prior.conditioner or (prior.labels and prior.labels.t_bins)
    return prior.sequence_length * prior.transformer.width if told else 0


def _preparing_values(prior: PriorConfig, rows: int, different: int) -> int:
    """What becomes of codes above, times and style before the first step."""
    each = prior.n_ctx * prior.transformer.width
    everywhere = prior.labels is not None and prior.labels.style_everywhere
    if conditioner := prior.conditioner:
        wide = prior.n_ctx // conditioner.strides[-1] * conditioner.width
        convolved = _CONVOLVED_ROWS * (wide * _LIVE_ACTIVATIONS + 3 * each)
        different = -(-different // _CONVOLVED_ROWS) * _CONVOLVED_ROWS
        plan = prior.lyrics and prior.lyrics.plan_width
        told = different + (2 if plan else 1) * rows
        return max(different * each + convolved, told * each)
    if prior.labels and prior.labels.t_bins:
        return 3 * rows * each
    return rows * each if everywhere else 0


def _step_values(prior: PriorConfig) -> int:
    """What a position of a row computes on its way through the stack."""
    stack = prior.transformer
    return int(stack.width * (6 + 2 * stack.m_mlp + 6 * stack.m_attn))


def _widest_values(vqvae: VQVAEConfig, level: int, seconds: float, is_encoded: bool) -> int:
    """The largest tensor of a residual block, while a chunk of a level is encoded or decoded."""
    # What lies beside a chunk that is decoded is dropped before there is much of it.
    beside = vqvae.encoder_receptive_samples(level) if is_encoded else 0
    at = min(seconds, _CHUNK_SECONDS) * vqvae.sample_rate_hz + beside
    widest = 0.0
    for strides, widths in zip(vqvae.block_strides(level), vqvae.level_widths(level), strict=True):
        for stride, width in zip(strides, widths, strict=True):
            at /= stride
            widest = max(widest, at * width)
    return round(widest)


def size_text(size_bytes: int) -> str:
    """A number of bytes as people read it: `3.9 GB`."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size_bytes >= limit:
            return f"{size_bytes / limit:.1f} {unit}"
    return f"{size_bytes} bytes"
