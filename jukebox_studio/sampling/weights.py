"""The weights of a stack as a decoding step reads them: packed once for a model, not for a window.

A step multiplies a few rows with every matrix of the model, so it lasts as long as it takes to read
them. How they are read:

| precision | where | product |
| --- | --- | --- |
| float32 | CPU | oneDNN's, over its own order of the weights, with the activation in it |
| int8 | CPU | of whole numbers, with a step for each column of the weights and each row of x |
| float32 | elsewhere, and other dtypes | torch.addmm over the weights as they lie |

MKL's product of two to sixteen rows takes four to ten times as long as the weights take to be read;
oneDNN's takes hardly longer than for one row, but 13 to 16 us to begin: small matrices are faster
with what begins at once (benchmarks/decoding_step.py; docs/performance.md).

Letters: M rows, K inputs, N outputs.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import Precision
from jukebox_studio.model.prior import Autoregressive
from jukebox_studio.model.transformer import MLP, Block, Conv1D, Transformer, quick_gelu

Product = Callable[[Tensor], Tensor]
"""Tensor[M, K] -> Tensor[M, N]"""

Packed = TypeVar("Packed")

_GELU = 1.702
"""quick_gelu(x) = silu(1.702 x) / 1.702: the two factors are put into the weights around it."""


@dataclass(frozen=True)
class BlockWeights:
    """The four products of a block. `mlp_in` is activated, and `mlp_out` undoes its factor."""

    qkv: Product
    out: Product
    mlp_in: Product
    mlp_out: Product


@torch.no_grad()
def stack_weights(transformer: Transformer, precision: Precision) -> list[BlockWeights]:
    """The weights of each block. Packed at the first call, and again where they have changed.

    precision: float32 stands for whatever dtype the model was loaded in.
    JukeboxError where int8 is not to be had.
    """

    def pack() -> list[BlockWeights]:
        blocks = transformer._attn_mods
        return [_block(b, precision) for b in blocks if isinstance(b, Block)]

    return _kept(transformer, precision, pack)


@torch.no_grad()
def head_weights(model: Autoregressive, precision: Precision) -> Product:
    """From the stack's output to logits: as `stack_weights`."""
    weight = model.x_out.weight
    return _kept(model.x_out, precision, lambda: _product(weight.t(), None, precision))


_State = list[tuple[int, torch.dtype, torch.device, int]]

_packed: WeakKeyDictionary[nn.Module, dict[Precision, tuple[_State, Any]]] = WeakKeyDictionary()


def _kept(module: nn.Module, precision: Precision, pack: Callable[[], Packed]) -> Packed:
    """What was packed of a module, as long as its weights are the same. Lives as long as it."""
    state: _State = [
        (p.data_ptr(), p.dtype, p.device, 0 if p.is_inference() else p._version)
        for p in module.parameters()
    ]
    kept = _packed.setdefault(module, {})
    if precision not in kept or kept[precision][0] != state:
        kept.pop(precision, None)  # first, so that the old and the new are never both in memory
        kept[precision] = (state, pack())
    packed: Packed = kept[precision][1]
    return packed


def _block(block: Block, precision: Precision) -> BlockWeights:
    def of(layer: Conv1D) -> Product:
        return _product(layer.w, layer.b, precision)

    mlp_in, mlp_out = _mlp(block.mlp, precision)
    packed = BlockWeights(of(block.attn.c_attn), of(block.attn.c_proj), mlp_in, mlp_out)
    if block.mlp.c_fc.w.numel() >= _LARGE:
        _give_back_memory()
    return packed


_LARGE = 2**20


def _give_back_memory() -> None:
    """To the system, what packing has freed: as much as the weights take lies between them else."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
        if trim is not None:
            trim(0)


def _mlp(mlp: MLP, precision: Precision) -> tuple[Product, Product]:
    first, second = mlp.c_fc, mlp.c_proj
    if not _is_packed(first.w, precision):
        plain = _Plain(first.w, first.b)
        return lambda x: quick_gelu(plain(x)), _Plain(second.w, second.b)
    return (
        _product(first.w * _GELU, first.b * _GELU, precision, activated=True),
        _product(second.w / _GELU, second.b, precision),
    )


def _product(w: Tensor, b: Tensor | None, precision: Precision, activated: bool = False) -> Product:
    """x w + b, its silu where `activated`. w: Tensor[K, N], b: Tensor[N] | None."""
    if not _is_packed(w, precision):
        assert not activated
        return _Plain(w, b)
    if precision == "int8":
        return _Int8(w.detach(), b, activated)
    if w.numel() <= _SMALL_FLOAT32:
        return _Small(w.detach(), b, activated)
    return _Blocked(w.detach(), b, activated)


def _is_packed(w: Tensor, precision: Precision) -> bool:
    packed = w.device.type == "cpu" and w.dtype == torch.float32 and _has_onednn()
    if precision == "int8" and not packed:
        raise JukeboxError(
            "int8 needs an Intel or AMD processor and a torch with oneDNN, and makes 8 bits of "
            f"float32, not of {w.dtype} on {w.device.type}; choose float32."
        )
    return packed


def _has_onednn() -> bool:
    """Whether torch has the operators, which are for its own compiler and may move."""
    return (
        torch.backends.mkldnn.is_available()
        and torch.cpu.get_capabilities().get("architecture") == "x86_64"
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
        and hasattr(torch.ops.onednn, "qlinear_prepack")
    )


class _Plain:
    def __init__(self, w: Tensor, b: Tensor | None) -> None:
        self._w, self._b = w.detach(), None if b is None else b.detach()

    def __call__(self, x: Tensor) -> Tensor:
        return x @ self._w if self._b is None else torch.addmm(self._b, x, self._w)


_SMALL_FLOAT32 = 2**15
"""Weights of a matrix up to which torch.addmm is faster than oneDNN's packed product."""
_SMALL_INT8 = 2**19
"""The same of int8, and torch._int_mm."""


class _Small:
    def __init__(self, w: Tensor, b: Tensor | None, activated: bool) -> None:
        self._w, self._b = w, torch.zeros(w.shape[1]) if b is None else b.detach()
        self._activated = activated

    def __call__(self, x: Tensor) -> Tensor:
        y = torch.addmm(self._b, x, self._w)
        return F.silu(y, inplace=True) if self._activated else y


class _Blocked:
    def __init__(self, w: Tensor, b: Tensor | None, activated: bool) -> None:
        self._w = torch.ops.mkldnn._reorder_linear_weight(w.t().contiguous())
        self._b = None if b is None else b.detach()
        self._after = "swish" if activated else "none"
        self._op = torch.ops.mkldnn._linear_pointwise.default

    def __call__(self, x: Tensor) -> Tensor:
        return self._op(x, self._w, self._b, self._after, [], "")


class _Int8:
    """x w = (steps of x) (steps of w) x (step of the row) x (step of the column).

    The sums of the steps are whole numbers and exact: a row gives the same bits whatever rows stand
    beside it. Sums of products of 8 bits need a processor with VNNI; without it two of them could
    leave the 16 bits in which it adds them, and what comes in has 7 bits there.
    """

    def __init__(self, w: Tensor, b: Tensor | None, activated: bool) -> None:
        self._most = 127 if _has_vnni() else 63
        w = w.t()
        self._column_steps = w.abs().amax(dim=1).div_(127).clamp_(min=_SMALLEST)
        steps = w.div(self._column_steps[:, None]).round_().to(torch.int8)
        # Without VNNI that product has no whole 8 bits either, and no way to spare one.
        self._small = w.numel() <= _SMALL_INT8 and self._most == 127
        self._w = steps.t() if self._small else torch.ops.onednn.qlinear_prepack(steps, None)
        self._zeros = torch.zeros(len(w), dtype=torch.int32)
        self._b = torch.zeros(len(w)) if b is None else b.detach()
        self._smallest = torch.full((1, 1), _SMALLEST)
        self._activated = activated
        self._op = torch.ops.onednn.qlinear_pointwise.default

    def __call__(self, x: Tensor) -> Tensor:
        row_steps = torch.add(self._smallest, x.abs().amax(1, True), alpha=1 / self._most)
        steps = torch.div(x, row_steps)
        if self._small:
            whole = torch._int_mm(steps.round_().to(torch.int8), self._w)
            y = torch.mul(whole, self._column_steps)
        else:
            zero = self._most + 1  # the operator wants unsigned numbers
            unsigned = steps.add_(zero + 0.5).to(torch.uint8)
            # fmt: off
            y = self._op(unsigned, 1.0, zero, self._w, self._column_steps, self._zeros, None,
                         1.0, 0, torch.float32, "none", [], "")
            # fmt: on
        y = torch.addcmul(self._b, y, row_steps)
        return F.silu(y, inplace=True) if self._activated else y


_SMALLEST = 1e-30
"""Of a step, so that rows and columns of zeros divide."""


def _has_vnni() -> bool:
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_vnni") or has.get("avx_vnni"))
