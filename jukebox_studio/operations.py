"""From a request to a plan of what to encode, sample and decode. Pure: no torch, no audio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd

from jukebox_studio.model.config import PriorConfig, VQVAEConfig
from jukebox_studio.sampling.windows import Window, hop_codes

HOP_FRACTION = {"top": 0.125, "lower": 0.5}
"""The share of a window that is new in the next one, as published (paper, section 3.3)."""
TAIL_SECONDS = 3.0
"""How much of the clip's end is decoded again, to fit loudness and joint to it."""


@dataclass(frozen=True)
class ContinuePlan:
    """Everything that a continuation needs to know about lengths."""

    prompt_samples: int
    """Of the clip's end at the model's rate: a whole number of codes at every level."""
    windows: dict[int, tuple[Window, ...]]
    """By level, in codes counted from the start of the prompt."""
    tail_samples: int
    """Of the prompt, decoded again; at most prompt_samples."""
    total_samples: int
    """Prompt and new music at the model's rate."""

    def new_codes(self, level: int) -> int:
        return sum(window.new for window in self.windows[level])


def plan_continue(
    vqvae: VQVAEConfig,
    priors: Mapping[int, PriorConfig],
    *,
    clip_samples: int,
    clip_rate_hz: int,
    length_samples: int,
) -> ContinuePlan:
    """Plan `length_samples` of new music (at the clip's rate) after a clip.

    clip_samples: the clip at the *model's* rate. The prompt is as much of its end as the top level
    can see while it adds a hop of new codes.
    """
    top = max(priors)
    hop = vqvae.hop_samples(top)
    n_ctx = priors[top].n_ctx
    top_new_per_window = hop_codes(HOP_FRACTION["top"], n_ctx)
    prompt_codes = min(clip_samples // hop, n_ctx - top_new_per_window)
    prompt = prompt_codes * hop

    # One code more than the length asks for, so that no sample comes from a decoder's edge.
    needed = -(-length_samples * vqvae.sample_rate_hz // clip_rate_hz)
    total = (-(-(prompt + needed) // hop) + 1) * hop
    # A lower level sees codes of the level above under a whole window: make as many.
    floor = max((c.sample_length for n, c in priors.items() if n < top), default=0)
    whole = -(-max(total, floor) // hop) * hop

    windows: dict[int, tuple[Window, ...]] = {}
    for level, config in priors.items():
        ratio = config.conditioner.codes_per_code_above if config.conditioner else 1
        end = (whole if level > min(priors) else total) // config.hop_samples
        fraction = HOP_FRACTION["top" if level == top else "lower"]
        windows[level] = sliding_windows(
            prompt // config.hop_samples, end, config.n_ctx, fraction, ratio
        )

    step = vqvae.sample_rate_hz // gcd(vqvae.sample_rate_hz, clip_rate_hz)
    tail = min(prompt, round(TAIL_SECONDS * vqvae.sample_rate_hz))
    # Where it can, the tail is a whole number of samples at both rates: the joint is exact then.
    tail = tail // step * step or tail
    return ContinuePlan(prompt, windows, tail, total)


def sliding_windows(
    filled: int, total: int, n_ctx: int, fraction: float, ratio: int
) -> tuple[Window, ...]:
    """Windows that add codes from `filled` to `total`, each after as many codes as it can see.

    Every window adds at most `fraction` of the context, and starts on a code of the level above,
    which spans `ratio` codes.
    """
    hop = hop_codes(fraction, n_ctx)
    windows = []
    while filled < total:
        end = min(filled + hop if filled + hop > n_ctx else n_ctx, total)
        start = -(-max(0, end - n_ctx) // ratio) * ratio
        windows.append(Window(start, end, primed=filled - start))
        filled = end
    return tuple(windows)
