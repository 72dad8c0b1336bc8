"""A stack of torch's own operators, for every device and dtype; `native_stack.py` is the other.

Reproduces the full pass of model/prior.py. Every cache is allocated once, at its final size, and
each attention kind keeps only what it can still look at:

| kind | kept | shape |
| --- | --- | --- |
| own block | the current row | [2, B, H, L, D] |
| column | everything, one column in one piece | [L, 2, B, H, R, D] |
| previous block | the current row and the one before, taking turns | [2, 2, B, H, L, D] |
| dense | everything | [2, B, H, T, D] |
| prime | the first positions | [2, B, H, P, D] |
| lyrics | the encoder's keys and values, computed once | [2, B, H, N, D] |

The leading 2 of each (after the column or turn) is keys and values. Letters: B batch, T positions,
H heads, D head size, S = H D, R rows of L positions, N lyric tokens, W width, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from jukebox_studio.model.config import (
    BLOCK,
    COLUMN,
    DENSE,
    LYRICS,
    PREVIOUS_BLOCK,
    PRIME,
)
from jukebox_studio.model.transformer import Block, Transformer, lyric_probabilities


class EagerStack:
    """A transformer stack that is fed its positions in order, any number of them at a time."""

    @torch.no_grad()
    def __init__(self, transformer: Transformer, batch: int, encoder_kv: Tensor | None) -> None:
        self.position = 0
        """How many positions have been fed."""
        self.n_ctx = transformer.n_ctx
        blocks = [block for block in transformer._attn_mods if isinstance(block, Block)]
        self.layers = [_Layer(block, batch, self.n_ctx, encoder_kv) for block in blocks]

    @property
    def caches(self) -> list[Tensor]:
        """Keys and values of all layers."""
        return [layer.cache for layer in self.layers]

    @torch.inference_mode()
    def feed(self, x: Tensor) -> Tensor:
        """The next n positions: Tensor[B, n, W] -> Tensor[B, n, W].

        Raises ValueError where they are more than the context holds.
        """
        end = self.position + x.shape[1]
        if end > self.n_ctx:
            raise ValueError(f"A window has {self.n_ctx} positions; {end} were asked for.")
        # [B, n, W] -> [B n, W]
        flat = x.reshape(-1, x.shape[2])
        for layer in self.layers:
            flat = layer(flat, self.position, x.shape[1])
        self.position = end
        return flat.view(x.shape)

    def record(self, layer: int, n_tokens: int) -> Tensor:
        """Tensor[B, H, T, N], to be filled with what each position gives to the lyrics there.

        Raises ValueError for a layer that does not look at them.
        """
        recorder = _Recorder(self.layers[layer], self.n_ctx, n_tokens)
        self.layers[layer].recorder = recorder
        return recorder.weights

    def take(self, rows: Tensor) -> None:
        """Go on with the rows that int64 Tensor[any number] names, in its order, some repeated."""
        for layer in self.layers:
            layer.cache = layer.cache.index_select(layer.cache_rows_dim, rows)


class _Layer:
    """One block with its cache."""

    def __init__(
        self,
        block: Block,
        batch: int,
        positions: int,
        encoder_kv: Tensor | None,
    ) -> None:
        attn = block.attn
        self.kind = attn.kind
        self.heads = attn.heads
        self.block_length = attn.block_length
        self.res_scale = block.res_scale
        self.recorder: _Recorder | None = None
        self.cache_rows_dim = {COLUMN: 2, PREVIOUS_BLOCK: 2}.get(self.kind, 1)
        self.block = block
        w = attn.c_proj.w
        state = w.shape[0]
        self.state, self.head_size = state, state // self.heads
        self.prime_positions = min(attn.prime_positions, positions)
        if self.kind == LYRICS:
            if encoder_kv is None:
                raise ValueError("A layer attends to the lyrics, but none were encoded.")
            # [B, N, 2 S] -> [B, N, 2, H, D] -> [2, B, H, N, D]
            kv = attn.c_enc_kv(encoder_kv).detach()
            kv = kv.unflatten(2, (2, self.heads, self.head_size)).permute(2, 0, 3, 1, 4)
            self.cache = kv.contiguous()
            return
        length, rows = self.block_length, positions // self.block_length
        lead, kept = {
            BLOCK: ((), length),
            COLUMN: ((length,), rows),
            PREVIOUS_BLOCK: ((2,), length),
            DENSE: ((), positions),
            PRIME: ((), self.prime_positions),
        }[self.kind]
        shape = (*lead, 2, batch, self.heads, kept, self.head_size)
        self.cache = torch.zeros(shape, dtype=w.dtype, device=w.device)

    def __call__(self, x: Tensor, start: int, n: int) -> Tensor:
        """Tensor[B n, W], n positions from `start` on -> Tensor[B n, W]."""
        block = self.block
        # [B n, S or 3 S] -> [B, n, 1 or 3, H, D] -> [1 or 3, B, H, n, D]
        qkv = block.attn.c_attn(block.ln_0(x))
        qkv = qkv.view(-1, n, qkv.shape[1] // self.state, self.heads, self.head_size)
        qkv = qkv.permute(2, 0, 3, 1, 4)
        # [B, H, n, D] -> [B n, S]
        mixed = self._attend(qkv[0], qkv[1:], start).transpose(1, 2).reshape(-1, self.state)
        a = block.attn.c_proj(mixed)
        m = block.mlp(block.ln_1(x + a))
        if self.res_scale == 1.0:
            return a.add_(x).add_(m)
        return torch.add(x, a.add_(m), alpha=self.res_scale)

    def _attend(self, q: Tensor, kv: Tensor, start: int) -> Tensor:
        """q [B, H, n, D] and kv [2, B, H, n, D] (not for LYRICS) -> [B, H, n, D]."""
        n = q.shape[2]
        if self.kind == LYRICS:
            if self.recorder is not None:
                self.recorder.keep(q, self.cache[0], start)
            return _softmax_mix(q, self.cache[0], self.cache[1])
        if self.kind == DENSE:
            return self._attend_so_far(q, kv, start)
        if self.kind == PRIME:
            end = min(start + n, self.prime_positions)
            if start < end:
                self.cache.narrow(3, start, end - start).copy_(kv.narrow(3, 0, end - start))
            k, v = self.cache.narrow(3, 0, end).unbind(0)
            if self.recorder is not None:
                self.recorder.keep(q, k, start)
            return _softmax_mix(q, k, v, _seen(n, end, start, q.device))
        # The others think in rows: one piece per row that these positions touch.
        row, column = divmod(start, self.block_length)
        if column + n <= self.block_length:
            return self._attend_row(q, kv, row, column)
        pieces, at = [], 0
        while at < n:
            row, column = divmod(start + at, self.block_length)
            size = min(self.block_length - column, n - at)
            piece = q.narrow(2, at, size), kv.narrow(3, at, size)
            pieces.append(self._attend_row(*piece, row, column))
            at += size
        return torch.cat(pieces, dim=2)

    def _attend_row(self, q: Tensor, kv: Tensor, row: int, column: int) -> Tensor:
        """As _attend, for positions of one row, from `column` on."""
        n = q.shape[2]
        if self.kind == BLOCK:
            return self._attend_so_far(q, kv, column)
        if self.kind == PREVIOUS_BLOCK:
            self.cache[row % 2].narrow(3, column, n).copy_(kv)
            if row == 0:
                return torch.zeros_like(q)
            k, v = self.cache[1 - row % 2].unbind(0)
            return _softmax_mix(q, k, v)
        if n == 1:
            cache = self.cache[column]
            cache.narrow(3, row, 1).copy_(kv)
            k, v = cache.narrow(3, 0, row + 1).unbind(0)
            return _softmax_mix(q, k, v)
        # COLUMN: [2, B, H, n, D] -> [n, 2, B, H, D]; each column sees its own rows so far
        columns = self.cache.narrow(0, column, n)
        columns.select(4, row).copy_(kv.permute(3, 0, 1, 2, 4))
        k, v = columns.narrow(4, 0, row + 1).unbind(1)
        # [n, B, H, 1, D] on [n, B, H, row + 1, D] -> [B, H, n, D]
        out = _softmax_mix(q.permute(2, 0, 1, 3).unsqueeze(3), k, v)
        return out.squeeze(3).permute(1, 2, 0, 3)

    def _attend_so_far(self, q: Tensor, kv: Tensor, start: int) -> Tensor:
        """As _attend, where positions see all that are kept before them."""
        n = q.shape[2]
        self.cache.narrow(3, start, n).copy_(kv)
        k, v = self.cache.narrow(3, 0, start + n).unbind(0)
        return _softmax_mix(q, k, v, _seen(n, start + n, start, q.device))


class _Recorder:
    """Keeps what each position gives to the lyrics in one layer."""

    def __init__(self, layer: _Layer, positions: int, n_tokens: int) -> None:
        if layer.kind not in (LYRICS, PRIME):
            raise ValueError(f"Attention kind {layer.kind} does not look at the lyrics.")
        batch = layer.cache.shape[1]
        self.kind = layer.kind
        self.n_tokens = n_tokens
        self.weights = torch.zeros(
            (batch, layer.heads, positions, n_tokens), device=layer.cache.device
        )

    def keep(self, q: Tensor, k: Tensor, start: int) -> None:
        """q [B, H, n, D] at `start` on k [B, H, at least N seen so far, D]."""
        n, known = q.shape[2], k.shape[2]
        seen = None if self.kind == LYRICS else _seen(n, known, start, q.device)
        tokens = min(known, self.n_tokens)
        weights = lyric_probabilities(q, k, seen)[..., :tokens]
        self.weights[:, :, start : start + n, :tokens] = weights


def _softmax_mix(q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None = None) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen)


def _seen(n: int, keys: int, start: int, device: torch.device) -> Tensor | None:
    """bool Tensor[n, keys]: position start + i sees keys 0 to start + i. None where all is seen."""
    if n == 1 or start >= keys:
        return None
    return torch.ones(n, keys, dtype=torch.bool, device=device).tril(start)
