"""Sampling one code at a time with cached keys and values, and whole windows of it.

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

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

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
    Precision,
)
from jukebox_studio.model.prior import Conditioning, Prior
from jukebox_studio.model.transformer import Block, LayerNorm, Transformer, lyric_probabilities
from jukebox_studio.sampling.guidance import Pick
from jukebox_studio.sampling.weights import (
    BlockWeights,
    Product,
    head_weights,
    stack_weights,
)

_FEWEST_SHARED = 4
"""Positions in a chunk of priming from which on equal rows are fed once: products of fewer rows
than this round differently (`conditions.FEWEST_ROWS`)."""


@dataclass(frozen=True)
class Window:
    """Codes of one sampled window, the given ones included."""

    codes: Tensor
    """int64 Tensor[B, K]"""
    attention: Tensor | None
    """Tensor[B, H, K, N]: what each code gave to each lyric token at the recorded layer"""


class CachedStack:
    """A transformer stack that is fed its positions in order, any number of them at a time."""

    @torch.no_grad()
    def __init__(
        self,
        transformer: Transformer,
        batch: int,
        encoder_kv: Tensor | None,
        precision: Precision = "float32",
    ) -> None:
        self.position = 0
        """How many positions have been fed."""
        self.n_ctx = transformer.n_ctx
        blocks = [block for block in transformer._attn_mods if isinstance(block, Block)]
        weights = stack_weights(transformer, precision)
        self.layers = [
            _Layer(block, packed, batch, self.n_ctx, encoder_kv)
            for block, packed in zip(blocks, weights, strict=True)
        ]

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

    def take(self, rows: Tensor) -> None:
        """Go on with the rows that int64 Tensor[any number] names, in its order, some repeated."""
        for layer in self.layers:
            layer.cache = layer.cache.index_select(layer.cache_rows_dim, rows)


class Decoder:
    """Feeds a prior one position at a time. Not thread-safe; one window per decoder.

    Ids are those of the transformer's sequence (`Prior.sequence`): where lyrics share it, they are
    fed first and codes are shifted behind them.
    """

    @torch.no_grad()
    def __init__(
        self,
        prior: Prior,
        batch_size: int,
        conditioning: Conditioning,
        encoder_kv: Tensor | None = None,
        record_layer: int | None = None,
        precision: Precision = "float32",
    ) -> None:
        self._prior = prior.prior
        self._x_cond = prior.sequence_conditioning(conditioning)
        self._encoder_kv = encoder_kv
        self._first = self._prior.first(batch_size, conditioning.y_cond)
        self._stack = CachedStack(self._prior.transformer, batch_size, encoder_kv, precision)
        self._head = head_weights(self._prior, precision)
        self._recorder: _Recorder | None = None
        if record_layer is not None:
            lyrics = prior.config.lyrics
            if lyrics is None:
                raise ValueError(f"{prior.config.name} knows no lyrics.")
            layer = self._stack.layers[record_layer]
            self._recorder = _Recorder(layer, self._stack.n_ctx, lyrics.n_tokens)
            layer.recorder = self._recorder

    @property
    def position(self) -> int:
        """How many positions have been fed."""
        return self._stack.position

    @property
    def recorded(self) -> Tensor:
        """Tensor[B, H, T, N]: weights of all positions fed so far, zeros for the others."""
        if self._recorder is None:
            raise ValueError("This decoder was not asked to record attention.")
        return self._recorder.weights

    @torch.inference_mode()
    def prime(self, ids: Tensor, chunk_size: int = 256) -> None:
        """Feeds the first k positions, so that `step(ids[:, -1])` then predicts position k.

        ids: Tensor[B, k], k at least 1: the tokens *at* positions 0 to k - 1, the last of which is
        not fed yet. Only a fresh decoder can be primed; ValueError otherwise.

        Rows that are told the same are fed once: variants that go on from one clip.
        """
        if self.position != 0:
            raise ValueError(f"{self.position} positions were fed already.")
        if chunk_size < 1:
            raise ValueError(f"A chunk holds at least one position, not {chunk_size}.")
        count = -(-ids.shape[1] // chunk_size)
        edges = [ids.shape[1] * i // count for i in range(count + 1)]
        fed, which = torch.arange(len(ids)), None
        if self._recorder is None and ids.shape[1] >= _FEWEST_SHARED * count:
            fed, which = self._different(ids)
            if len(fed) == len(ids):
                which = None
            else:
                self._stack.take(fed)
        for start, end in pairwise(edges):
            tokens = self._prior.x_emb(ids[fed, max(start - 1, 0) : end - 1])
            self._feed(torch.cat([self._first[fed], tokens], dim=1) if start == 0 else tokens, fed)
        if which is not None:
            self._stack.take(which)

    def _different(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Of rows Tensor[B, k] the first of each kind, Tensor[kinds], and each row's kind."""
        told = [t for t in (ids, self._first, self._x_cond, self._encoder_kv) if t is not None]
        fed: list[int] = []
        which: list[int] = []
        for row in range(len(ids)):
            for kind, other in enumerate(fed):
                if all(torch.equal(t[row], t[other]) for t in told):
                    which.append(kind)
                    break
            else:
                which.append(len(fed))
                fed.append(row)
        return torch.tensor(fed, device=ids.device), torch.tensor(which, device=ids.device)

    @torch.inference_mode()
    def step(self, last: Tensor | None) -> Tensor:
        """Logits Tensor[B, V] of the next position, given Tensor[B], the token before it.

        `last` is None at the very first position only.
        """
        if (last is None) != (self.position == 0):
            raise ValueError("The first step takes no token, every other takes the one before it.")
        # [B] -> [B, 1, W]
        x = self._first if last is None else self._prior.x_emb(last).unsqueeze(1)
        h = self._feed(x)
        if self._prior.conditions_output and self._x_cond is not None:
            h = h + self._x_cond[:, self.position - 1 : self.position]
        return self._head(h.squeeze(1))

    def _feed(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        """Embedded tokens Tensor[B, n, W] -> output of the stack at those n positions.

        rows: which of the batch these are, where they are not all.
        """
        start, end = self.position, self.position + x.shape[1]
        if end <= self._stack.n_ctx:  # else the stack says so
            x = x + self._prior.pos_emb.pos_emb[start:end]
            if self._x_cond is not None:
                x += self._x_cond[slice(None) if rows is None else rows, start:end]
        return self._stack.feed(x)


class _Layer:
    """One block with its cache."""

    def __init__(
        self,
        block: Block,
        weights: BlockWeights,
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
        self.weights = weights
        self.ln_0, self.ln_1 = _norm(block.ln_0), _norm(block.ln_1)
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
        weights = self.weights
        # [B n, S or 3 S] -> [B, n, 1 or 3, H, D] -> [1 or 3, B, H, n, D]
        qkv = weights.qkv(self.ln_0(x))
        qkv = qkv.view(-1, n, qkv.shape[1] // self.state, self.heads, self.head_size)
        qkv = qkv.permute(2, 0, 3, 1, 4)
        # [B, H, n, D] -> [B n, S]
        mixed = self._attend(qkv[0], qkv[1:], start).transpose(1, 2).reshape(-1, self.state)
        a = weights.out(mixed)
        m = weights.mlp_out(weights.mlp_in(self.ln_1(x + a)))
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


def _norm(layer: LayerNorm) -> Product:
    if layer.weight.dtype != torch.float32:
        return layer
    weight, bias = layer.weight.detach(), layer.bias.detach()
    return partial(
        torch.layer_norm,
        normalized_shape=layer.normalized_shape,
        weight=weight,
        bias=bias,
        eps=layer.eps,
    )


def _softmax_mix(q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None = None) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen)


def _seen(n: int, keys: int, start: int, device: torch.device) -> Tensor | None:
    """bool Tensor[n, keys]: position start + i sees keys 0 to start + i. None where all is seen."""
    if n == 1 or start >= keys:
        return None
    return torch.ones(n, keys, dtype=torch.bool, device=device).tril(start)


@torch.no_grad()
def sample_window(
    prior: Prior,
    *,
    y: Tensor | None = None,
    codes_above: Tensor | None = None,
    lyric_tokens: Tensor | None = None,
    prime: Tensor,
    pick: Pick,
    sample_tokens: int | None = None,
    chunk_size: int = 256,
    record_attention_layer: int | None = None,
    style: Tensor | None = None,
    plan: Tensor | None = None,
    precision: Precision = "float32",
) -> Window:
    """Codes of one window, the first k of them given.

    y, codes_above, lyric_tokens, style, plan: as for Prior.forward. prime: int64 Tensor[B, k], k
    from 0.
    sample_tokens: how many codes the window holds in the end, the given ones included; all
    n_ctx of them by default. precision: see weights.py.

    pick chooses ids from the whole vocabulary. Where lyrics share it a lyric token may come out: it
    is fed back as it is, and counts as code 0 in the result.

    Raises ValueError where more codes are given or asked for than there is room for.
    """
    steps = window_steps(
        prior,
        y=y,
        codes_above=codes_above,
        lyric_tokens=lyric_tokens,
        prime=prime,
        pick=pick,
        sample_tokens=sample_tokens,
        chunk_size=chunk_size,
        record_attention_layer=record_attention_layer,
        style=style,
        plan=plan,
        precision=precision,
    )
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


@torch.no_grad()
def window_steps(
    prior: Prior,
    *,
    y: Tensor | None = None,
    codes_above: Tensor | None = None,
    lyric_tokens: Tensor | None = None,
    prime: Tensor,
    pick: Pick,
    sample_tokens: int | None = None,
    chunk_size: int = 256,
    record_attention_layer: int | None = None,
    style: Tensor | None = None,
    plan: Tensor | None = None,
    precision: Precision = "float32",
) -> Generator[Tensor, None, Window]:
    """As `sample_window`, one code at a time: yields the codes so far, returns the window.

    What is yielded is a view, Tensor[B, codes so far], of what goes on being filled.

    So that a long render can tell how far it is, and be left between two codes.
    """
    config = prior.config
    batch, given = prime.shape
    total = config.n_ctx if sample_tokens is None else sample_tokens
    if not given <= total <= config.n_ctx:
        raise ValueError(
            f"A window of {config.name} holds {config.n_ctx} codes; {given} were given and {total} "
            "asked for."
        )
    tokens = prior.lyric_tokens(y, lyric_tokens)
    decoder = Decoder(
        prior,
        batch,
        prior.conditioning(y, codes_above, style, tokens, plan),
        prior.encoder_kv(tokens),
        record_layer=record_attention_layer,
        precision=precision,
    )
    ids = prior.sequence(prime, tokens)
    last = None
    if ids.shape[1] > 0:
        decoder.prime(ids, chunk_size)
        last = ids[:, -1]
    shift = config.merged_lyrics.vocabulary_size if config.merged_lyrics else 0
    codes = torch.empty((batch, total), dtype=torch.int64, device=prime.device)
    codes[:, :given] = prime
    for position in range(given, total):
        last = pick(decoder.step(last), position)
        codes[:, position] = (last - shift).clamp(min=0)
        yield codes[:, : position + 1]
    attention = None
    if record_attention_layer is not None:
        first = config.sequence_length - config.n_ctx
        attention = decoder.recorded[:, :, first : first + total]
    return Window(codes, attention)
