"""Packs weights or samples in a window, and prints what that took of memory and what is told of it.

    python tests/memory_parts.py packed float32 | packed int8 | packed int8 after | window

"after": the same weights were packed in float32 before, as by a render.

For a process of its own, on Linux.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import torch
from tiny_priors import random_prior

from jukebox_studio import heap
from jukebox_studio.bundle import FileEntry, Manifest, prior_file
from jukebox_studio.licences import OPENAI_JUKEBOX
from jukebox_studio.memory import Asked, packed_bytes, plan
from jukebox_studio.model.config import (
    PRIORS,
    PUBLISHED_PRIORS,
    PUBLISHED_VQVAE,
    ConditionerConfig,
    Precision,
    PriorConfig,
    TransformerConfig,
    VQVAEConfig,
)
from jukebox_studio.sampling.decode import Decoder
from jukebox_studio.sampling.weights import forget_others, head_weights, stack_weights


def manifest(
    priors: dict[int, PriorConfig], dtype: str = "F32", vqvae: VQVAEConfig = PUBLISHED_VQVAE
) -> Manifest:
    entry = FileEntry(sha256="0" * 64, size_bytes=1, dtypes=(dtype,))
    return Manifest(
        name="p",
        licence=OPENAI_JUKEBOX,
        attribution=(),
        vqvae=vqvae,
        priors=priors,
        files={prior_file(level): entry for level in priors},
    )


def packed(precision: Precision, is_second: bool) -> tuple[int, int]:
    stack = TransformerConfig(640, 10, 1, 2, 8)
    config = replace(PRIORS["tiny_level_0"], transformer=stack)
    prior = random_prior(config)
    small = random_prior(PRIORS["tiny_level_0"])
    stack_weights(small.prior.transformer, precision)  # what compiling takes is the program's
    heap.give_back()
    before = proc_bytes("RssAnon")
    if is_second:
        stack_weights(prior.prior.transformer, "float32")
        forget_others(precision)
    kept = stack_weights(prior.prior.transformer, precision), head_weights(prior.prior, precision)
    assert kept
    heap.give_back()
    return proc_bytes("RssAnon") - before, packed_bytes(config, precision)


@torch.no_grad()
def window() -> tuple[int, int]:
    rows, stack = 24, TransformerConfig(256, 12, 2, 2, 64)
    config = replace(
        PUBLISHED_PRIORS["upsampler_level_0"],
        n_ctx=4096,
        transformer=stack,
        labels=None,
        conditioner=ConditionerConfig(32, 2, (2, 2)),
    )
    asked = Asked(variants=rows, is_wide=False, clip_seconds=0.0)
    prior = random_prior(config)

    def sampled() -> None:
        above = torch.randint(config.codebook_size, (rows, config.n_ctx // 4))
        decoder = Decoder(prior, rows, prior.conditioning(None, above))
        for cache in decoder._stack.caches:
            cache.fill_(0.1)  # as at its end: nothing takes memory before it is written
        decoder.step(None)

    sampled()  # packs and compiles
    heap.give_back()
    before = proc_bytes("VmRSS")
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # the peak, to now
    sampled()
    told = plan(manifest({0: config}), asked).levels[0].working_bytes
    return proc_bytes("VmHWM") - before, told


def proc_bytes(what: str) -> int:
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(x.split()[1]) * 1024 for x in file if x.startswith(what))


if __name__ == "__main__":
    torch.manual_seed(1)
    if sys.argv[1] == "window":
        print(*window())
    else:
        print(*packed("int8" if "int8" in sys.argv else "float32", "after" in sys.argv))
