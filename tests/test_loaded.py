"""Networks within the memory there is: what is held against it, on which device."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from jukebox_studio import loaded, memory
from jukebox_studio.bundle import open_bundle
from jukebox_studio.errors import JukeboxError
from jukebox_studio.loaded import SPARE_SHARE, Models
from jukebox_studio.memory import Asked, LevelNeed
from jukebox_studio.sampling.weights import stack_weights
from jukebox_studio.sampling.windows import FEWEST_ROWS

LEVEL = 1


@pytest.fixture
def models(tiny_bundle: Path) -> Models:
    made = Models()
    made.use(open_bundle(tiny_bundle))
    return made


def need(models: Models, asked: Asked) -> LevelNeed:
    levels = memory.plan(models.bundle.manifest, asked).levels
    return next(need for need in levels if need.level == LEVEL)


def leave(patch: pytest.MonkeyPatch, weights_bytes: int, row_bytes: int) -> None:
    """Have so much memory free that these weights fit, and the fewest rows and a half."""
    free = (weights_bytes + (FEWEST_ROWS + 0.5) * row_bytes) / (1.0 - SPARE_SHARE)
    machine = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=free))
    patch.setattr(loaded, "psutil", machine)


def test_what_is_loaded_has_yet_to_be_packed(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = need(models, Asked())
    models.prior(LEVEL)
    leave(monkeypatch, plan.packed_bytes, plan.row_bytes)
    assert models.make_room(LEVEL, 4)[0] == 4
    leave(monkeypatch, plan.packed_bytes // 2, plan.row_bytes)
    assert plan.packed_bytes > 2 * plan.row_bytes
    with pytest.raises(JukeboxError, match="Close other programs"):
        models.make_room(LEVEL, 4)
    stack_weights(models.prior(LEVEL).prior.transformer, "float32")
    assert models.make_room(LEVEL, 4)[0] == 4


def test_a_gpu_takes_the_weights_themselves_and_packs_none(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = need(models, Asked()), need(models, Asked(steps="on a GPU"))
    assert (there.packed_bytes, there.held_bytes) == (0, here.loaded_bytes)
    assert here.held_bytes == here.packed_bytes < there.held_bytes
    uncompiled = need(models, Asked(steps="of torch"))
    assert (uncompiled.packed_bytes, uncompiled.held_bytes) == (0, 0)
    models.device = torch.device("lazy:0")
    leave(monkeypatch, there.held_bytes, there.row_bytes)
    assert models.make_room(LEVEL, 4)[0] == 4
    leave(monkeypatch, here.held_bytes - here.row_bytes, here.row_bytes)
    with pytest.raises(JukeboxError, match="Close other programs"):
        models.make_room(LEVEL, 4)
