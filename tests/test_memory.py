"""What a render takes of memory, told from shapes, against what is there."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
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
)
from jukebox_studio.sampling.decode import Decoder
from jukebox_studio.sampling.weights import head_weights, stack_weights


def manifest(priors: dict[int, PriorConfig], dtype: str = "F32") -> Manifest:
    entry = FileEntry(sha256="0" * 64, size_bytes=1, dtypes=(dtype,))
    return Manifest(
        name="p",
        licence=OPENAI_JUKEBOX,
        attribution=(),
        vqvae=PUBLISHED_VQVAE,
        priors=priors,
        files={prior_file(level): entry for level in priors},
    )


PUBLISHED = {
    0: PUBLISHED_PRIORS["upsampler_level_0"],
    1: PUBLISHED_PRIORS["upsampler_level_1"],
    2: PUBLISHED_PRIORS["prior_1b_lyrics"],
}


def test_a_published_model() -> None:
    told = plan(manifest(PUBLISHED), Asked(variants=1, is_wide=False, new_seconds=1.0))
    # Parameters of the paper's models: 981 M an upsampler, 943 M the top prior.
    assert [round(need.loaded_bytes / 4e6) for need in told.levels] == [981, 981, 943]
    # The columns alone take 754 MB a row of an upsampler and 642 MB of the top, what a row is told
    # of its positions 63 and 52 MB.
    assert 817e6 < told.levels[0].row_bytes < 863e6
    assert 694e6 < told.levels[2].row_bytes < 745e6
    assert told.one_level_bytes < told.peak_bytes / 2
    assert told.least_bytes <= told.one_level_bytes


def test_more_of_anything_takes_more() -> None:
    def peak(**more: object) -> int:
        return plan(manifest(PUBLISHED), replace(Asked(variants=1), **more)).peak_bytes  # type: ignore[arg-type]

    alone = peak()
    assert peak(variants=8) > alone
    assert peak(variants=4, conditions=2) > peak(variants=4)
    assert peak(new_seconds=600.0) > alone
    assert peak(precision="int8") < alone - 3 * 943_000_000


def test_weights_of_another_dtype_stay_beside_what_is_packed() -> None:
    single = plan(manifest(PUBLISHED)).levels[2]
    half = plan(manifest(PUBLISHED, "F16")).levels[2]
    assert half.weights_bytes == single.weights_bytes
    assert half.held_bytes - single.held_bytes == single.loaded_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="reads what /proc counts")
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_packed_weights_take_what_is_told(precision: Precision) -> None:
    stack = TransformerConfig(640, 10, 1, 2, 8)
    config = replace(PRIORS["tiny_level_0"], transformer=stack)
    prior = random_prior(config)
    told = packed_bytes(config, precision)
    small = random_prior(PRIORS["tiny_level_0"])
    stack_weights(small.prior.transformer, precision)  # what compiling takes is the program's
    heap.give_back()
    before = proc_bytes("RssAnon")
    kept = stack_weights(prior.prior.transformer, precision), head_weights(prior.prior, precision)
    assert kept
    heap.give_back()
    assert proc_bytes("RssAnon") - before == pytest.approx(told, rel=0.15)


@pytest.mark.skipif(sys.platform != "linux", reason="reads what /proc counts")
@torch.no_grad()
def test_a_window_takes_what_is_told() -> None:
    rows, stack = 24, TransformerConfig(256, 12, 2, 2, 64)
    config = replace(
        PUBLISHED[0],
        n_ctx=4096,
        transformer=stack,
        labels=None,
        conditioner=ConditionerConfig(32, 2, (2, 2)),
    )
    asked = Asked(variants=rows, is_wide=False, clip_seconds=0.0)
    told = plan(manifest({0: config}), asked).levels[0].working_bytes
    prior = random_prior(config)

    def window() -> None:
        above = torch.randint(config.codebook_size, (rows, config.n_ctx // 4))
        decoder = Decoder(prior, rows, prior.conditioning(None, above))
        for cache in decoder._stack.caches:
            cache.fill_(0.1)  # as at its end: nothing takes memory before it is written
        decoder.step(None)

    window()  # packs and compiles
    heap.give_back()
    before = proc_bytes("VmRSS")
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # the peak, to now
    window()
    taken = proc_bytes("VmHWM") - before
    assert taken > 200e6
    assert taken == pytest.approx(told, rel=0.15)


def proc_bytes(what: str) -> int:
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(x.split()[1]) * 1024 for x in file if x.startswith(what))
