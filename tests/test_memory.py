"""What a render takes of memory, told from shapes, against what is there."""

from __future__ import annotations

import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from memory_parts import manifest
from tiny_priors import random_prior
from torch.utils._python_dispatch import TorchDispatchMode

from jukebox_studio.memory import Asked, plan
from jukebox_studio.model.config import PRIORS, PUBLISHED_PRIORS, STARTER_VQVAE

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


def test_float16_takes_half_and_packs_nothing() -> None:
    full = plan(manifest(PUBLISHED), Asked(steps="on a GPU")).levels
    half = plan(manifest(PUBLISHED), Asked(precision="float16", steps="on a GPU")).levels
    for a, b in zip(full, half, strict=True):
        assert b.loaded_bytes * 2 == b.held_bytes * 2 == a.loaded_bytes
        assert (b.row_bytes * 2, b.packed_bytes) == (a.row_bytes, 0)
    # On a processor it is the file itself, where that is float16.
    stored = plan(manifest(PUBLISHED, "F16"), Asked(precision="float16")).levels
    assert [need.held_bytes for need in stored] == [0, 0, 0]


def test_weights_of_another_dtype_stay_beside_what_is_packed() -> None:
    single = plan(manifest(PUBLISHED)).levels[2]
    half = plan(manifest(PUBLISHED, "F16")).levels[2]
    assert half.weights_bytes == single.weights_bytes
    assert half.held_bytes - single.held_bytes == single.loaded_bytes


class Peak(TorchDispatchMode):
    """The most bytes that tensors made under it took together."""

    def __init__(self) -> None:
        super().__init__()
        self.there = dict[int, int]()
        self.bytes = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = function(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else [made]:
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.there:
                    self.there[storage._cdata] = storage.nbytes()
                    weakref.finalize(storage, self.there.pop, storage._cdata, None)
        self.bytes = max(self.bytes, sum(self.there.values()))
        return made


@torch.no_grad()
def test_words_that_a_window_is_told_are_in_the_plan() -> None:
    rows, config = 24, PRIORS["starter_level_0"]
    assert config.labels
    assert config.lyrics
    assert config.conditioner
    genres = config.labels.max_genres
    y = torch.zeros((rows, 4 + genres + config.lyrics.n_tokens), dtype=torch.int64)
    y[:, 4 : 4 + genres] = -1
    n_above = config.n_ctx // config.conditioner.codes_per_code_above
    above = torch.arange(rows)[:, None].expand(-1, n_above)
    sung_at = torch.linspace(0, 9, config.n_ctx) + 0.01 * torch.arange(rows)[:, None]
    prior = random_prior(config)
    with Peak() as peak:
        prior.conditioning(y, above, plan=sung_at)
    asked = Asked(variants=rows, is_wide=False, clip_seconds=0.0, new_seconds=1.0)
    told = plan(manifest({0: config}, vqvae=STARTER_VQVAE), asked).levels[0].working_bytes
    assert peak.bytes == pytest.approx(told, rel=0.1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads what /proc counts")
@pytest.mark.parametrize("case", ["packed float32", "packed int8", "packed int8 after", "window"])
def test_what_is_told_is_taken(case: str) -> None:
    taken, told = in_own_process(case)
    assert taken > 5e6
    assert taken == pytest.approx(told, rel=0.15)


def in_own_process(case: str) -> tuple[int, int]:
    """What memory_parts.py says. A process in which other tests ran has memory to give again."""
    script = Path(__file__).with_name("memory_parts.py")
    run = subprocess.run(
        [sys.executable, str(script), *case.split()], check=True, capture_output=True, text=True
    )
    taken, told = map(int, run.stdout.split())
    return taken, told
