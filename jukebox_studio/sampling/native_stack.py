"""A stack on the compiled functions of `native.py`: its tensors, and the threads that call them."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jukebox_studio.model.config import (
    BLOCK,
    COLUMN,
    DENSE,
    LYRICS,
    PREVIOUS_BLOCK,
    PRIME,
    Precision,
)
from jukebox_studio.model.prior import Autoregressive
from jukebox_studio.model.transformer import Block, Transformer
from jukebox_studio.sampling import native
from jukebox_studio.sampling.weights import Packed, head_weights, padded, stack_weights

_MOST_ROWS = 1024
"""Rows of positions in one call: more take memory and no less time."""
_ALONE = 2**24
"""Bytes of weights read, and a quarter of the products made, up to which one thread is done before
others are there."""
_MOST_THREADS = 4
"""Memory is read no faster by more, and each has to be woken."""
_SLACK = native.LANES
"""Floats behind a cache, as far as a vector may reach beyond its end."""

Table = NDArray[np.int64]


class NativeStack:
    """A transformer stack that is fed its positions in order, any number of them at a time.

    As `eager.EagerStack`, for float32 on the processor.
    """

    @torch.no_grad()
    def __init__(
        self,
        transformer: Transformer,
        batch: int,
        encoder_kv: Tensor | None,
        precision: Precision,
    ) -> None:
        self.position = 0
        """How many positions have been fed."""
        self.n_ctx = transformer.n_ctx
        self._batch = batch
        self._precision = precision
        self._packed = stack_weights(transformer, precision)
        self._weights = sum(t.numel() for t in self._packed.tensors)
        self._weights_bytes = sum(t.nbytes for t in self._packed.tensors)
        blocks = [block for block in transformer._attn_mods if isinstance(block, Block)]
        self._caches = [_Cache.of(block, batch, self.n_ctx, encoder_kv) for block in blocks]
        self._norms = [
            padded(values.detach())
            for block in blocks
            for norm in (block.ln_0, block.ln_1)
            for values in (norm.weight, norm.bias)
        ]
        attention, mlp = blocks[0].attn, blocks[0].mlp
        self._width, self._hidden = mlp.c_fc.w.shape
        self._state, self._heads = attention.c_proj.w.shape[0], attention.heads
        self._block_length = attention.block_length
        self._scale = blocks[0].res_scale
        self._records: dict[int, Tensor] = {}
        self._made: _Buffers | None = None
        self._head: tuple[Packed, Table] | None = None
        self._layers = self._layer_table()

    @property
    def caches(self) -> list[Tensor]:
        """Keys and values of all layers."""
        return [t for cache in self._caches for t in (cache.keys, cache.values)]

    def record(self, layer: int, n_tokens: int) -> Tensor:
        """Tensor[B, H, T, N], to be filled with what each position gives to the lyrics there.

        Raises ValueError for a layer that does not look at them.
        """
        kind = self._caches[layer].kind
        if kind not in (LYRICS, PRIME):
            raise ValueError(f"Attention kind {kind} does not look at the lyrics.")
        weights = torch.zeros((self._batch, self._heads, self.n_ctx, n_tokens))
        self._records[layer] = weights
        self._layers = self._layer_table()
        return weights

    @torch.inference_mode()
    def feed(self, x: Tensor) -> Tensor:
        """The next n positions: Tensor[B, n, W] -> Tensor[B, n, W].

        Raises ValueError where they are more than the context holds.
        """
        self._check(x.shape[1])
        out = torch.empty_like(x)
        most = max(1, _MOST_ROWS // self._batch)
        for begin in range(0, x.shape[1], most):
            end = min(begin + most, x.shape[1])
            n = end - begin
            buffers = self._buffers(self._batch * n)
            rows = buffers.x[: self._batch * n, : self._width].unflatten(0, (self._batch, n))
            rows.copy_(x[:, begin:end])
            self._run(buffers, self._packed.table, n, 0, 0, 0)
            out[:, begin:end] = rows
            self.position += n
        return out

    @torch.inference_mode()
    def step(self, model: Autoregressive, last: Tensor, told: Tensor | None) -> Tensor:
        """Logits Tensor[B, V] of the next position, from the ids before it, Tensor[B].

        told: the conditioning there, Tensor[B, 1, W]. Raises ValueError where an id, or the number
        of rows, is not one of the model's, since nothing is checked behind this.
        """
        self._check(1)
        if len(last) != self._batch or (told is not None and len(told) != self._batch):
            raise ValueError(f"{self._batch} rows are sampled; {len(last)} were given.")
        buffers = self._buffers(self._batch)
        table, positions = model.x_emb.weight, model.pos_emb.pos_emb
        at, stride = 0, 0
        if told is not None:
            assert told.stride(2) == 1
            at, stride = told.data_ptr(), 4 * told.stride(0)
        here = positions.data_ptr() + 4 * self.position * self._width
        ids = last.contiguous().numpy()
        if ids.min() < 0 or ids.max() >= len(table):
            raise ValueError(f"Ids 0 to {len(table) - 1} expected, got {ids.tolist()}.")
        native.embed(ids, table.data_ptr(), here, at, stride, self._width, buffers.x_at)
        head = head_weights(model, self._precision)
        logits = torch.empty((self._batch, native.LANES * int(head.table[0, native.PANELS])))
        if not model.conditions_output:
            at = 0
        matrices = self._with(head)
        self._run(buffers, matrices, 1, logits.data_ptr(), at, stride)
        self.position += 1
        return logits[:, : model.x_out.weight.shape[0]]

    def take(self, rows: Tensor) -> None:
        """Go on with the rows that int64 Tensor[any number] names, in its order, some repeated."""
        self._batch = len(rows)
        self._caches = [cache.taken(rows) for cache in self._caches]
        self._layers = self._layer_table()
        self._made = None

    def _check(self, n: int) -> None:
        end = self.position + n
        if end > self.n_ctx:
            raise ValueError(f"A window has {self.n_ctx} positions; {end} were asked for.")

    def _with(self, head: Packed) -> Table:
        if self._head is None or self._head[0] is not head:
            self._head = head, np.concatenate([self._packed.table, head.table])
        return self._head[1]

    def _layer_table(self) -> Table:
        rows = []
        for number, cache in enumerate(self._caches):
            norms = [t.data_ptr() for t in self._norms[4 * number : 4 * number + 4]]
            record = self._records.get(number)
            recorded = [0, 0, 0]
            if record is not None:
                recorded = [record.data_ptr(), record.shape[2], record.shape[3]]
            at = [cache.keys.data_ptr(), cache.values.data_ptr()]
            rows.append([cache.kind, *at, cache.capacity, cache.seen, *norms, *recorded])
        return np.array(rows, dtype=np.int64)

    def _buffers(self, rows: int) -> _Buffers:
        if self._made is None or len(self._made.x) < rows:
            most = max(c.capacity for c in self._caches)
            sizes = [self._width, self._state, self._heads, self._block_length, self._hidden]
            self._made = _Buffers.of(
                rows, self._batch, sizes, self._packed.is_whole, most, len(self._caches)
            )
        return self._made

    def _run(
        self, buffers: _Buffers, matrices: Table, n: int, logits: int, plus: int, stride: int
    ) -> None:
        buffers.counters.fill(0)
        given = matrices, self._layers, buffers.sizes, self._scale
        rest = self.position, n, logits, plus, stride
        helping: list[Future[Any]] = []
        work = self._weights_bytes + self._weights * self._batch * n / 4
        if len(buffers.own) > 1 and work > _ALONE:
            pool = _threads(len(buffers.own) - 1)
            for own in buffers.own[1:]:
                helping.append(pool.submit(functools.partial(native.run, *given, own, *rest)))
        try:
            native.run(*given, buffers.own[0], *rest)
        finally:  # also when interrupted: nobody may still work in memory that is freed
            for helper in helping:
                if not helper.cancel():
                    helper.result()


def apply_head(model: Autoregressive, precision: Precision, h: Tensor) -> Tensor:
    """Tensor[M, W] -> logits Tensor[M, V]: the product of `NativeStack.step`."""
    head = head_weights(model, precision)
    rows, width = h.shape
    buffers = _Buffers.of(rows, rows, [width, 0, 1, 1, 0], head.is_whole, 0, 0)
    buffers.x[:rows, :width] = h
    logits = torch.empty((rows, native.LANES * int(head.table[0, native.PANELS])))
    layers = np.zeros((0, native.RECORD_TOKENS + 1), dtype=np.int64)
    given = head.table, layers, buffers.sizes, 1.0, buffers.own[0]
    native.run(*given, 0, 1, logits.data_ptr(), 0, 0)
    return logits[:, : model.x_out.weight.shape[0]]


@functools.cache
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="decoding")


@dataclass(frozen=True)
class _Cache:
    """Keys and values of one layer, as many as its kind can still look at.

    | kind | lead | kept |
    | --- | --- | --- |
    | own block | | the current row |
    | column | L | one column in one piece for each place in a row |
    | previous block | 2 | the current row and the one before, taking turns |
    | dense | | everything |
    | prime | | the first positions |
    | lyrics | | the encoder's keys and values, computed once |
    """

    kind: int
    keys: Tensor
    """Tensor[lead, B, H, D, capacity]: a vector holds one number of 16 keys"""
    values: Tensor
    """Tensor[lead, B, H, capacity, D]"""
    capacity: int
    """Whole vectors."""
    seen: int
    """How many there are of lyrics, or to be seen of the first positions; else 0."""

    @classmethod
    def of(cls, block: Block, batch: int, positions: int, encoder_kv: Tensor | None) -> _Cache:
        attention = block.attn
        kind, heads, length = attention.kind, attention.heads, attention.block_length
        size = attention.c_proj.w.shape[0] // heads
        seen = min(attention.prime_positions, positions) if kind == PRIME else 0
        if kind == LYRICS:
            if encoder_kv is None:
                raise ValueError("A layer attends to the lyrics, but none were encoded.")
            # [B, N, 2 S] -> 2 x [B, N, H, D]
            k, v = attention.c_enc_kv(encoder_kv).unflatten(2, (2, heads, size)).unbind(2)
            seen = k.shape[1]
        lead, kept = {
            BLOCK: (1, length),
            COLUMN: (length, positions // length),
            PREVIOUS_BLOCK: (2, length),
            DENSE: (1, positions),
            PRIME: (1, seen),
            LYRICS: (1, seen),
        }[kind]
        capacity = -(-kept // native.LANES) * native.LANES
        keys = _zeros((lead, batch, heads, size, capacity))
        values = _zeros((lead, batch, heads, capacity, size))
        if kind == LYRICS:
            keys[0, ..., :seen] = k.permute(0, 2, 3, 1)
            values[0, :, :, :seen] = v.permute(0, 2, 1, 3)
        return cls(kind, keys, values, capacity, seen)

    def taken(self, rows: Tensor) -> _Cache:
        """With these rows of the batch."""

        def of_rows(old: Tensor) -> Tensor:
            new = _zeros((old.shape[0], len(rows), *old.shape[2:]))
            return torch.index_select(old, 1, rows, out=new)

        return replace(self, keys=of_rows(self.keys), values=of_rows(self.values))


def _zeros(shape: Sequence[int]) -> Tensor:
    """With what is read behind its end."""
    size = int(np.prod(shape))
    return torch.zeros(size + _SLACK)[:size].view(tuple(shape))


@dataclass(frozen=True)
class _Buffers:
    """What a call computes on the way."""

    x: Tensor
    """Tensor[rows, padded width]"""
    x_at: int
    sizes: Table
    own: list[Table]
    """For each thread."""
    counters: Table
    tensors: tuple[Tensor, ...]
    """What the addresses are of."""

    @classmethod
    def of(
        cls, rows: int, batch: int, sizes: Sequence[int], is_whole: bool, most: int, layers: int
    ) -> _Buffers:
        """sizes: width, state, heads, block length, hidden; most: keys that a head sees."""
        width, state, heads, _, hidden = sizes

        def rows_of(size: int) -> Tensor:
            lanes = native.LANES
            return torch.zeros((rows, -(-size // lanes) * lanes))

        shared = [rows_of(s) for s in (width, 3 * state, state, width, hidden, width)]
        per_phase = native.COUNTER_BYTES // 8
        counters = np.zeros((layers * native.PHASES + 1) * per_phase, dtype=np.int64)
        own, tensors = [], list(shared)
        threads = 1
        if native.CAN_SHARE:
            threads = max(1, min(torch.get_num_threads(), os.cpu_count() or 1, _MOST_THREADS))
        widest = max(width, state, hidden)
        for _ in range(threads):
            normed, bytes_ = rows_of(width), torch.zeros(1, dtype=torch.uint8)
            if is_whole:
                bytes_ = torch.zeros(rows_of(widest).numel(), dtype=torch.uint8)
            scores = torch.zeros(heads * (most + native.LANES))
            mine = [normed, bytes_, torch.zeros(rows), scores]
            own.append(np.array([t.data_ptr() for t in mine], dtype=np.int64))
            tensors += mine
        addresses = [t.data_ptr() for t in shared] + [counters.ctypes.data]
        table = np.array([batch, *sizes, int(is_whole), *addresses], dtype=np.int64)
        return cls(shared[0], shared[0].data_ptr(), table, own, counters, tuple(tensors))
