"""How much memory a model takes, from its shapes alone. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from jukebox_studio.bundle import Manifest
from jukebox_studio.model.shapes import Shapes, cache_values, prior_shapes, vqvae_shapes

Dtype = Literal["float32", "float16"]


@dataclass(frozen=True)
class LevelNeed:
    """Memory of one level's prior, in bytes."""

    level: int
    weights_bytes: int
    cache_bytes: int
    """Keys and values of one variant, at a full window."""

    def total_bytes(self, variants: int) -> int:
        return self.weights_bytes + variants * self.cache_bytes


@dataclass(frozen=True)
class MemoryPlan:
    """Weights and caches of a model, in bytes. What a step computes on the way comes on top."""

    dtype: Dtype
    vqvae_bytes: int
    levels: tuple[LevelNeed, ...]

    def one_level_bytes(self, variants: int) -> int:
        """The most needed with one prior loaded at a time."""
        most = max((need.total_bytes(variants) for need in self.levels), default=0)
        return self.vqvae_bytes + most

    def all_levels_bytes(self, variants: int) -> int:
        """Needed with every prior loaded, one of them sampling at a time."""
        weights = sum(need.weights_bytes for need in self.levels)
        cache = max((need.cache_bytes for need in self.levels), default=0)
        return self.vqvae_bytes + weights + variants * cache


def plan(manifest: Manifest, dtype: Dtype) -> MemoryPlan:
    """What sampling with a model takes.

    All weights and caches of the priors are in `dtype`; the VQ-VAE stays float32.
    """
    value_bytes = 2 if dtype == "float16" else 4
    needs = []
    for level, prior in sorted(manifest.priors.items()):
        shapes = prior_shapes(prior)
        if not prior.untied_head:
            del shapes["prior.x_out.weight"]  # the same memory as the embedding
        cache_bytes = cache_values(prior) * value_bytes
        needs.append(LevelNeed(level, _values(shapes) * value_bytes, cache_bytes))
    return MemoryPlan(dtype, _values(vqvae_shapes(manifest.vqvae)) * 4, tuple(needs))


def _values(shapes: Shapes) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


def size_text(size_bytes: int) -> str:
    """A number of bytes as people read it: `3.9 GB`."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size_bytes >= limit:
            return f"{size_bytes / limit:.1f} {unit}"
    return f"{size_bytes} bytes"
