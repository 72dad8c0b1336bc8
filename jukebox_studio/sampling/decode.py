"""Sampling one code at a time with cached keys and values, and whole windows of it.

Letters: B batch, T positions, H heads, N lyric tokens, W width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from jukebox_studio.model.config import Precision
from jukebox_studio.model.prior import Autoregressive, Conditioning, Prior
from jukebox_studio.model.transformer import Transformer
from jukebox_studio.sampling.eager import EagerStack
from jukebox_studio.sampling.guidance import Pick
from jukebox_studio.sampling.weights import is_native

if TYPE_CHECKING:
    from jukebox_studio.sampling.native_stack import NativeStack

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


def cached_stack(
    transformer: Transformer,
    batch: int,
    encoder_kv: Tensor | None,
    precision: Precision = "float32",
) -> NativeStack | EagerStack:
    """A stack that is fed its positions in order, compiled where that can be.

    JukeboxError where int8 is not to be had.
    """
    weight = next(transformer.parameters())
    if not is_native(weight.device, weight.dtype, precision):
        return EagerStack(transformer, batch, encoder_kv)
    # Not above: it compiles.
    from jukebox_studio.sampling.native_stack import NativeStack

    return NativeStack(transformer, batch, encoder_kv, precision)


def stack_logits(model: Autoregressive, h: Tensor, precision: Precision = "float32") -> Tensor:
    """From what a stack of this precision gives to logits: Tensor[M, W] -> Tensor[M, V]."""
    if not is_native(h.device, h.dtype, precision):
        return model.x_out(h)
    from jukebox_studio.sampling.native_stack import apply_head

    return apply_head(model, precision, h)


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
        told: Tensor | None = None,
    ) -> None:
        """conditioning and encoder_kv have a row for each kind of what rows are told; told:
        int64 Tensor[B], the kind of each row, None where each has its own."""
        self._prior = prior.prior
        self._x_cond = prior.sequence_conditioning(conditioning)
        device = next(prior.parameters()).device
        self._kinds = torch.arange(batch_size).to(device) if told is None else told
        y_cond, encoder_kv = (
            None if t is None else t[self._kinds] for t in (conditioning.y_cond, encoder_kv)
        )
        self._first = self._prior.first(batch_size, y_cond)
        self._precision = precision
        self._stack = cached_stack(self._prior.transformer, batch_size, encoder_kv, precision)
        self._recorded: Tensor | None = None
        if record_layer is not None:
            lyrics = prior.config.lyrics
            if lyrics is None:
                raise ValueError(f"{prior.config.name} knows no lyrics.")
            self._recorded = self._stack.record(record_layer, lyrics.n_tokens)

    @property
    def position(self) -> int:
        """How many positions have been fed."""
        return self._stack.position

    @property
    def recorded(self) -> Tensor:
        """Tensor[B, H, T, N]: weights of all positions fed so far, zeros for the others."""
        if self._recorded is None:
            raise ValueError("This decoder was not asked to record attention.")
        return self._recorded

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
        if self._recorded is None and ids.shape[1] >= _FEWEST_SHARED * count:
            fed, which = (t.to(ids.device) for t in different_rows([ids, self._kinds]))
            if len(fed) == len(ids):
                which = None
            else:
                self._stack.take(fed)
        for start, end in pairwise(edges):
            tokens = self._prior.x_emb(ids[fed, max(start - 1, 0) : end - 1])
            self._feed(torch.cat([self._first[fed], tokens], dim=1) if start == 0 else tokens, fed)
        if which is not None:
            self._stack.take(which)

    @torch.inference_mode()
    def step(self, last: Tensor | None) -> Tensor:
        """Logits Tensor[B, V] of the next position, given Tensor[B], the token before it.

        `last` is None at the very first position only.
        """
        if (last is None) != (self.position == 0):
            raise ValueError("The first step takes no token, every other takes the one before it.")
        if last is not None and not isinstance(self._stack, EagerStack):
            told = self._told(self.position, self.position + 1)
            return self._stack.step(self._prior, last, told)
        # [B] -> [B, 1, W]
        x = self._first if last is None else self._prior.x_emb(last).unsqueeze(1)
        h = self._feed(x)
        told = self._told(self.position - 1, self.position)
        if self._prior.conditions_output and told is not None:
            h = h + told
        return stack_logits(self._prior, h.squeeze(1), self._precision)

    def _feed(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        """Embedded tokens Tensor[B, n, W] -> output of the stack at those n positions.

        rows: which of the batch these are, where they are not all.
        """
        start, end = self.position, self.position + x.shape[1]
        if end <= self._stack.n_ctx:  # else the stack says so
            x = x + self._prior.pos_emb.pos_emb[start:end]
            told = self._told(start, end, rows)
            if told is not None:
                x += told
        return self._stack.feed(x)

    def _told(self, start: int, end: int, rows: Tensor | None = None) -> Tensor | None:
        """What all rows, or those given, are told at some positions: Tensor[B, n, W]."""
        if self._x_cond is None:
            return None
        kinds = self._kinds if rows is None else self._kinds[rows]
        return self._x_cond[:, start:end].index_select(0, kinds)


def different_rows(each: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:
    """Of the rows that tensors [B, ...] have together, the first of each kind; the kind of all.

    int64 Tensor[kinds] and Tensor[B]. What is None is the same in all rows.
    """
    there = [t.flatten(1) if t.dim() > 1 else t[:, None] for t in each if t is not None]
    in_bytes = [t.cpu().contiguous().view(torch.uint8).numpy() for t in there]
    first: dict[tuple[bytes, ...], int] = {}
    firsts: list[int] = []
    kinds: list[int] = []
    for row in range(len(there[0])):
        kind = first.setdefault(tuple(b[row].tobytes() for b in in_bytes), len(first))
        if kind == len(firsts):
            firsts.append(row)
        kinds.append(kind)
    return torch.tensor(firsts), torch.tensor(kinds)


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
    device = next(prior.parameters()).device  # the network's: codes stay where they are
    # Rows of one song differ in little that they are told: both renders of stereo in nothing.
    each = [torch.zeros(batch), y, codes_above, lyric_tokens, style, plan]
    which, told = (t.to(device) for t in different_rows(each))
    y, codes_above, lyric_tokens, style, plan = (
        None if t is None else t.to(device)[which]
        for t in (y, codes_above, lyric_tokens, style, plan)
    )
    tokens = prior.lyric_tokens(y, lyric_tokens)
    decoder = Decoder(
        prior,
        batch,
        prior.conditioning(y, codes_above, style, tokens, plan),
        prior.encoder_kv(tokens),
        record_layer=record_attention_layer,
        precision=precision,
        told=told,
    )
    ids = prior.sequence(prime.to(device), None if tokens is None else tokens[told])
    last = None
    if ids.shape[1] > 0:
        decoder.prime(ids, chunk_size)
        last = ids[:, -1]
    shift = config.merged_lyrics.vocabulary_size if config.merged_lyrics else 0
    codes = torch.empty((batch, total), dtype=torch.int64, device=prime.device)
    codes[:, :given] = prime
    for position in range(given, total):
        logits = decoder.step(last).to(codes.device)
        if logits.dtype != torch.float64:
            logits = logits.float()  # what is drawn from is not rounded again
        drawn = pick(logits, position)
        codes[:, position] = (drawn - shift).clamp(min=0)
        last = drawn.to(device)
        yield codes[:, : position + 1]
    attention = None
    if record_attention_layer is not None:
        first = config.sequence_length - config.n_ctx
        attention = decoder.recorded[:, :, first : first + total]
    return Window(codes, attention)
