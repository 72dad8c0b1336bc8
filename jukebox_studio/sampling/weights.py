"""The weights of a stack as a decoding step reads them: packed once for a model, not for a window.

A step multiplies a few rows with every matrix of the model, so it lasts as long as it takes to read
them. `native.py` reads them in the order in which they lie here: panels of 64 outputs (of 32 or 16
at the end), one input after the other; in int8 four inputs at a time.

int8 has a step for each output and one for each row of what comes in: x w = (steps of x) (steps of
w) x (step of the row) x (step of the column). The sums are of whole numbers and exact.

Letters: K inputs, N outputs.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from jukebox_studio import heap
from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import Precision
from jukebox_studio.model.prior import Autoregressive
from jukebox_studio.model.transformer import Block, Transformer

Kept = TypeVar("Kept")

_SMALLEST = 1e-30
"""Of a step, so that a column of zeros divides."""


@functools.cache
def native() -> ModuleType | None:
    """The compiled functions, compiled now where they are not yet; None where that fails."""
    try:
        return importlib.import_module("jukebox_studio.sampling.native")
    except Exception as error:  # numba missing, or anything that a compiler may say
        warnings.warn(f"Sampling is slow, as it could not be compiled: {error!r}", stacklevel=1)
        return None


def loaded_dtype(precision: Precision) -> torch.dtype:
    """What weights are loaded in for it: those of int8 are made of float32."""
    return torch.float16 if precision == "float16" else torch.float32


def is_native(device: torch.device, dtype: torch.dtype, precision: Precision) -> bool:
    """Whether the compiled functions are used. JukeboxError where int8 is not to be had."""
    can = device.type == "cpu" and dtype == torch.float32 and native() is not None
    if precision == "int8" and not can:
        if device.type != "cpu" or dtype != torch.float32:
            raise JukeboxError(
                "int8 makes 8 bits of float32 on the processor, not of "
                f"{str(dtype).removeprefix('torch.')} on {device.type}; choose float32."
            )
        raise JukeboxError(
            "int8 needs sampling to be compiled for this processor, which failed; choose float32."
        )
    return can


@dataclass(frozen=True)
class Packed:
    """Matrices in the order of `native.py`."""

    table: NDArray[np.int64]
    """[matrices, 6]: see native.WEIGHTS and what follows it"""
    tensors: tuple[Tensor, ...]
    """What the addresses in the table are of."""
    is_whole: bool


@torch.no_grad()
def stack_weights(transformer: Transformer, precision: Precision) -> Packed:
    """The four matrices of each block. Packed at the first call, and again where they have changed.

    Only where `is_native`.
    """

    def pack() -> Packed:
        matrices = []
        for block in transformer._attn_mods:
            assert isinstance(block, Block)
            of = block.attn.c_attn, block.attn.c_proj, block.mlp.c_fc, block.mlp.c_proj
            matrices += [_packed(layer.w, layer.b, precision) for layer in of]
            if block.mlp.c_fc.w.numel() >= _LARGE:
                heap.give_back()
        return _together(matrices, precision)

    return _kept(transformer, precision, pack)


@torch.no_grad()
def head_weights(model: Autoregressive, precision: Precision) -> Packed:
    """From the stack's output to logits, one matrix: as `stack_weights`."""
    weight = model.x_out.weight
    return _kept(
        model.x_out,
        precision,
        lambda: _together([_packed(weight.t(), None, precision)], precision),
    )


@torch.no_grad()
def convolution_weights(
    module: nn.Module, matrices: Callable[[], list[tuple[Tensor, Tensor]]]
) -> Packed:
    """What a module's convolutions are as matrices Tensor[K, N], Tensor[N]: as `stack_weights`."""
    return _kept(
        module,
        None,
        lambda: _together([_packed(w, b, "float32") for w, b in matrices()], "float32"),
    )


_State = list[tuple[int, torch.dtype, torch.device, int]]

_Packing = Precision | None
"""None: of convolutions, which are float32 whatever is sampled in."""

_packed_of: WeakKeyDictionary[nn.Module, dict[_Packing, tuple[_State, Any]]] = WeakKeyDictionary()


def _kept(module: nn.Module, precision: _Packing, pack: Callable[[], Kept]) -> Kept:
    """What was packed of a module, as long as its weights are the same. Lives as long as it."""
    state: _State = [
        (p.data_ptr(), p.dtype, p.device, 0 if p.is_inference() else p._version)
        for p in module.parameters()
    ]
    kept = _packed_of.setdefault(module, {})
    found = kept.get(precision)
    if found is None or found[0] != state:
        found = None
        kept.pop(precision, None)  # first, so that the old and the new are never both in memory
        found = kept[precision] = (state, pack())
    packed: Kept = found[1]
    return packed


def is_packed(model: Autoregressive, precision: Precision) -> bool:
    """Whether a step's weights of this precision are in memory."""
    return precision in _packed_of.get(model.transformer, {})


def forget_others(precision: Precision) -> None:
    """Let go of the stacks and heads that were packed in another precision, of every model."""
    for kept in _packed_of.values():
        for other in kept.keys() - {precision, None}:
            del kept[other]


_LARGE = 2**20


@dataclass(frozen=True)
class _Matrix:
    weights: Tensor
    bias: Tensor
    minus_128: Tensor
    """int32 Tensor[N]: what 128 too much in every input adds to the sums, less; empty in float32"""
    steps: Tensor
    """Tensor[N]; empty in float32"""
    inputs: int


def _together(matrices: list[_Matrix], precision: Precision) -> Packed:
    parts = [(m.weights, m.bias, m.minus_128, m.steps) for m in matrices]
    table = np.array(
        [
            [*(t.data_ptr() for t in part), m.inputs, len(m.bias) // _lanes()]
            for part, m in zip(parts, matrices, strict=True)
        ],
        dtype=np.int64,
    )
    return Packed(table, tuple(t for part in parts for t in part), precision == "int8")


def _packed(w: Tensor, b: Tensor | None, precision: Precision) -> _Matrix:
    """Of a matrix Tensor[K, N]."""
    w = w.detach()
    inputs, outputs = w.shape
    bias = padded(torch.zeros(outputs) if b is None else b.detach())
    if precision != "int8":
        empty = torch.empty(0)
        return _Matrix(_panels(w, lambda part: part), bias, empty, empty, inputs)
    steps = w.abs().amax(dim=0).div_(127).clamp_(min=_SMALLEST)
    whole = w.div(steps).round_().to(torch.int8)
    minus_128 = whole.sum(dim=0, dtype=torch.int32).mul_(-128)
    whole = F.pad(whole, (0, 0, 0, -inputs % _lanes()))

    def quads(part: Tensor) -> Tensor:
        # [K, n] -> [K / 4, 4, n] -> [K / 4, n, 4]
        return part.unflatten(0, (-1, 4)).transpose(1, 2)

    return _Matrix(_panels(whole, quads), bias, padded(minus_128), padded(steps), inputs)


def _panels(w: Tensor, order: Callable[[Tensor], Tensor]) -> Tensor:
    """Tensor[K, N] -> the panels of it one after the other, each as `order` has it, flat."""
    inputs, outputs = w.shape
    lanes = _lanes()
    across = -(-outputs // lanes) * lanes
    packed = torch.empty(inputs * across, dtype=w.dtype)
    begin = 0
    for size in panel_sizes(across // lanes):
        end = begin + size * lanes
        part = F.pad(w[:, begin:end], (0, end - begin - w[:, begin:end].shape[1]))
        packed[begin * inputs : end * inputs] = order(part).reshape(-1)
        begin = end
    return packed


def panel_sizes(vectors: int) -> list[int]:
    """How many vectors each panel of a matrix has: the most that may be, then what is left."""
    compiled = native()
    assert compiled is not None
    widest: int = compiled.widest_group(vectors)
    rest = vectors % widest
    return [widest] * (vectors // widest) + [2] * (rest // 2) + [1] * (rest % 2)


def padded(values: Tensor) -> Tensor:
    """Tensor[N] -> with zeros behind it up to a whole vector, in memory of its own."""
    return F.pad(values, (0, -len(values) % _lanes())).contiguous()


def _lanes() -> int:
    compiled = native()
    assert compiled is not None
    lanes: int = compiled.LANES
    return lanes
