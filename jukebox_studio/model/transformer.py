"""Factored attention and the stack of blocks around it (paper, appendix A: sparse transformers).

Module names are the keys of the published checkpoints, so that those load without renaming.
`forward` here is the plain full pass; sampling/decode.py reproduces it one position at a time.

Letters in the comments: B batch, T positions, W width, S attention state, H heads, D = S / H,
R rows (blocks), L block length, N lyric tokens.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jukebox_studio.model.config import (
    BLOCK,
    COLUMN,
    DENSE,
    LYRICS,
    PREVIOUS_BLOCK,
    PRIME,
    TransformerConfig,
)


class Conv1D(nn.Module):
    """A linear layer whose weight is stored (in, out), as the published checkpoints have it."""

    def __init__(self, n_in: int, n_out: int, init_scale: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.empty(n_in, n_out))
        self.b = nn.Parameter(torch.zeros(n_out))
        nn.init.normal_(self.w, std=0.02 * init_scale)

    def forward(self, x: Tensor) -> Tensor:
        """Tensor[..., n_in] -> Tensor[..., n_out]."""
        flat = torch.addmm(self.b, x.reshape(-1, self.w.shape[0]), self.w)
        return flat.view(*x.shape[:-1], self.w.shape[1])


class LayerNorm(nn.LayerNorm):
    """Normalises in float32 whatever the dtype of its input, and returns that dtype."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype == torch.float32:
            return super().forward(x)
        weight, bias = self.weight.float(), self.bias.float()
        return F.layer_norm(x.float(), self.normalized_shape, weight, bias, self.eps).to(x.dtype)


def quick_gelu(x: Tensor) -> Tensor:
    """x sigmoid(1.702 x), the original's approximation of GELU."""
    return x * torch.sigmoid(1.702 * x)


class Attention(nn.Module):
    """One factored attention layer of a given kind (config.attention_kinds).

    Positions are laid out as R rows of L: kind BLOCK looks along the own row, COLUMN down the own
    column, PREVIOUS_BLOCK at the whole row before (the first row sees nothing, so only zeros come
    out), DENSE at everything before, LYRICS at the lyric encoder, PRIME at the first positions,
    which hold the lyrics of a merged sequence.
    """

    def __init__(
        self,
        kind: int,
        config: TransformerConfig,
        n_ctx: int,
        lyric_positions: int,
        init_scale: float,
    ) -> None:
        super().__init__()
        state = int(config.m_attn * config.width)
        if state % config.heads:
            raise ValueError(f"{config.heads} heads do not divide an attention state of {state}.")
        blocks = config.blocks or 1
        if n_ctx % blocks:
            raise ValueError(f"{blocks} blocks do not divide {n_ctx} positions.")
        self.kind = kind
        self.heads = config.heads
        self.block_length = n_ctx // blocks
        self.lyric_positions = lyric_positions
        # The original rounds up to the *number* of blocks, and a whole step further when it is
        # already round: a few music codes are seen too (384 lyrics of the 1b model become 448).
        self.prime_positions = (lyric_positions // blocks + 1) * blocks
        self.c_attn = Conv1D(config.width, state * (1 if kind == LYRICS else 3), init_scale)
        if kind == LYRICS:
            self.c_enc_kv = Conv1D(config.width, state * 2, init_scale)
        self.c_proj = Conv1D(state, config.width, init_scale)

    def forward(self, x: Tensor, encoder_kv: Tensor | None = None) -> Tensor:
        """Tensor[B, T, W], lyrics Tensor[B, N, W] -> Tensor[B, T, W]; T a multiple of L."""
        return self.c_proj(self._mix(*self._qkv(x, encoder_kv)))

    def weights(self, x: Tensor, encoder_kv: Tensor | None = None) -> Tensor:
        """What the music positions give to the lyrics: Tensor[B, H, T music, N], probabilities.

        Under PRIME the keys include some music, so the slice kept here does not sum to one.
        Raises ValueError for a kind that does not look at lyrics.
        """
        q, k, _ = self._qkv(x, encoder_kv)
        if self.kind == LYRICS:
            return lyric_probabilities(self._split(q), self._split(k))
        if self.kind != PRIME:
            raise ValueError(f"Attention kind {self.kind} does not look at the lyrics.")
        # [B, H, T, P]: causal, and cut to music x lyrics only after the softmax
        q, k = self._split(q), self._split(k)[:, :, : self.prime_positions]
        seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device).tril()
        music = slice(self.lyric_positions, None)
        return lyric_probabilities(q[:, :, music], k, seen[music])[..., : self.lyric_positions]

    def _qkv(self, x: Tensor, encoder_kv: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        if self.kind == LYRICS:
            if encoder_kv is None:
                raise ValueError("A layer attends to the lyrics, but none were encoded.")
            k, v = self.c_enc_kv(encoder_kv).chunk(2, dim=2)
            return self.c_attn(x), k, v
        q, k, v = self.c_attn(x).chunk(3, dim=2)
        return q, k, v

    def _split(self, x: Tensor) -> Tensor:
        # [B, T, S] -> [B, H, T, D]
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def _merge(self, x: Tensor) -> Tensor:
        # [B, H, T, D] -> [B, T, S]
        return x.transpose(1, 2).flatten(2)

    def _mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """[B, T, S] each -> [B, T, S]."""
        attend = F.scaled_dot_product_attention
        length = self.block_length
        if self.kind == DENSE:
            q, k, v = self._split(q), self._split(k), self._split(v)
            return self._merge(attend(q, k, v, is_causal=True))
        if self.kind == LYRICS:
            return self._merge(attend(self._split(q), self._split(k), self._split(v)))
        if self.kind == PRIME:
            p = self.prime_positions
            q, k, v = self._split(q), self._split(k[:, :p]), self._split(v[:, :p])
            out = attend(q[:, :, :p], k, v, is_causal=True)
            if q.shape[2] > p:
                out = torch.cat([out, attend(q[:, :, p:], k, v)], dim=2)
            return self._merge(out)
        batch = q.shape[0]
        # [B, T, S] -> [B, R, L, H, D]
        q, k, v = (x.unflatten(2, (self.heads, -1)).unflatten(1, (-1, length)) for x in (q, k, v))
        if self.kind == BLOCK:
            # -> [B R, H, L, D], causal along the row
            q, k, v = (x.flatten(0, 1).transpose(1, 2) for x in (q, k, v))
            out = attend(q, k, v, is_causal=True)
            # [B R, H, L, D] -> [B, T, S]
            return out.transpose(1, 2).flatten(2).reshape(batch, -1, self.c_proj.w.shape[0])
        if self.kind == COLUMN:
            # -> [B L, H, R, D], causal down the column
            q, k, v = (x.permute(0, 2, 3, 1, 4).flatten(0, 1) for x in (q, k, v))
            out = attend(q, k, v, is_causal=True)
            # [B L, H, R, D] -> [B, L, H, R, D] -> [B, R, L, H, D] -> [B, T, S]
            return out.unflatten(0, (batch, -1)).permute(0, 3, 1, 2, 4).flatten(3).flatten(1, 2)
        if self.kind == PREVIOUS_BLOCK:
            # -> [B (R - 1), H, L, D], rows 1.. on rows ..R-1, unmasked
            q = q[:, 1:].flatten(0, 1).transpose(1, 2)
            k, v = (x[:, :-1].flatten(0, 1).transpose(1, 2) for x in (k, v))
            if q.shape[0] == 0:
                return self._merge(q.new_zeros(batch, self.heads, length, q.shape[3]))
            out = attend(q, k, v).transpose(1, 2).flatten(2)
            out = out.reshape(batch, -1, self.c_proj.w.shape[0])
            # The first row attends to zero keys and values, which gives zeros.
            return F.pad(out, (0, 0, length, 0))
        raise ValueError(f"Attention kind {self.kind} is not known.")


def lyric_probabilities(q: Tensor, k: Tensor, seen: Tensor | None = None) -> Tensor:
    """Softmax of q k / sqrt(D) in float32: [B, H, T, D], [B, H, N, D] -> [B, H, T, N].

    seen: bool Tensor[T, N], False where a position must not look.
    """
    scores = (q @ k.transpose(2, 3)).float() / math.sqrt(q.shape[3])
    if seen is not None:
        scores = scores.masked_fill(~seen, -1e9)
    return scores.softmax(dim=-1)


class MLP(nn.Module):
    def __init__(self, width: int, state: int, init_scale: float) -> None:
        super().__init__()
        self.c_fc = Conv1D(width, state, init_scale)
        self.c_proj = Conv1D(state, width, init_scale)

    def forward(self, x: Tensor) -> Tensor:
        """Tensor[..., W] -> Tensor[..., W]."""
        return self.c_proj(quick_gelu(self.c_fc(x)))


class Block(nn.Module):
    """x + scale (a + m), with a = attention(ln_0(x)) and m = mlp(ln_1(x + a))."""

    def __init__(
        self,
        kind: int,
        config: TransformerConfig,
        n_ctx: int,
        lyric_positions: int,
        init_scale: float,
    ) -> None:
        super().__init__()
        self.res_scale = 1.0 / config.depth if config.res_scale else 1.0
        self.attn = Attention(kind, config, n_ctx, lyric_positions, init_scale)
        self.ln_0 = LayerNorm(config.width)
        self.mlp = MLP(config.width, int(config.m_mlp * config.width), init_scale)
        self.ln_1 = LayerNorm(config.width)

    def forward(self, x: Tensor, encoder_kv: Tensor | None = None) -> Tensor:
        """Tensor[B, T, W] -> Tensor[B, T, W]."""
        a = self.attn(self.ln_0(x), encoder_kv if self.attn.kind == LYRICS else None)
        m = self.mlp(self.ln_1(x + a))
        if self.res_scale == 1.0:
            return x + a + m
        return x + self.res_scale * (a + m)


class Transformer(nn.Module):
    """The stack. There is no LayerNorm after the last block."""

    def __init__(
        self,
        config: TransformerConfig,
        n_ctx: int,
        *,
        lyric_positions: int = 0,
        init_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.config = config
        self.n_ctx = n_ctx
        self._attn_mods = nn.ModuleList(
            Block(kind, config, n_ctx, lyric_positions, init_scale) for kind in config.kinds
        )

    def forward(self, x: Tensor, encoder_kv: Tensor | None = None) -> Tensor:
        """Tensor[B, T, W], lyrics Tensor[B, N, W] -> Tensor[B, T, W]."""
        for block in self._attn_mods:
            x = block(x, encoder_kv)
        return x

    def attention_weights(
        self, x: Tensor, encoder_kv: Tensor | None, layers: Collection[int]
    ) -> dict[int, Tensor]:
        """Probabilities of layers that look at lyrics: {layer: Tensor[B, H, T music, N]}.

        Runs no further than the last layer asked for.
        """
        recorded: dict[int, Tensor] = {}
        for index, block in enumerate(self._attn_mods):
            if index in layers:
                assert isinstance(block, Block)
                recorded[index] = block.attn.weights(block.ln_0(x), encoder_kv)
                if len(recorded) == len(set(layers)):
                    return recorded
            x = block(x, encoder_kv)
        missing = sorted(set(layers) - set(recorded))
        raise ValueError(f"There are {len(self._attn_mods)} layers; no layer {missing}.")
