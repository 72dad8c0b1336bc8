"""Factored attention against a slow, literal reading of what each kind may look at."""

import math

import pytest
import torch
from tiny_priors import ORDER_DEPTHS, randomise
from torch import Tensor

from jukebox_studio.model.config import (
    BLOCK,
    COLUMN,
    DENSE,
    LYRICS,
    PREVIOUS_BLOCK,
    PRIME,
    TransformerConfig,
)
from jukebox_studio.model.transformer import Attention, Block, LayerNorm, Transformer

T, BLOCKS, HEADS, WIDTH, LYRIC_POSITIONS = 24, 4, 2, 16, 6
PRIME_POSITIONS = 8  # (6 // 4 + 1) * 4


def sees(kind: int, q: int, k: int) -> bool:
    """Whether the position q may look at the position k."""
    length = T // BLOCKS
    if kind == BLOCK:
        return k <= q and k // length == q // length
    if kind == COLUMN:
        return k <= q and k % length == q % length
    if kind == PREVIOUS_BLOCK:
        return k // length == q // length - 1
    if kind == PRIME:
        return k <= q and k < PRIME_POSITIONS
    return k <= q


def literal(attention: Attention, x: Tensor, encoder_kv: Tensor) -> tuple[Tensor, Tensor]:
    """(output [B, T, W], probabilities [B, H, T, keys]) with one loop per position and head."""
    qkv = x @ attention.c_attn.w + attention.c_attn.b
    if attention.kind == LYRICS:
        q = qkv
        k, v = (encoder_kv @ attention.c_enc_kv.w + attention.c_enc_kv.b).chunk(2, dim=2)
    else:
        q, k, v = qkv.chunk(3, dim=2)
    size = q.shape[2] // HEADS
    mixed = torch.zeros_like(q)
    probabilities = torch.zeros(len(x), HEADS, T, k.shape[1])
    for h in range(HEADS):
        part = slice(h * size, (h + 1) * size)
        for t in range(T):
            seen = [
                i
                for i in range(k.shape[1])
                if attention.kind == LYRICS or sees(attention.kind, t, i)
            ]
            if not seen:
                continue
            scores = torch.einsum("bd,bkd->bk", q[:, t, part], k[:, seen, part]) / math.sqrt(size)
            weights = scores.softmax(dim=1)
            probabilities[:, h, t, seen] = weights
            mixed[:, t, part] = torch.einsum("bk,bkd->bd", weights, v[:, seen, part])
    return mixed @ attention.c_proj.w + attention.c_proj.b, probabilities


def attention_of(kind: int) -> Attention:
    config = TransformerConfig(WIDTH, 1, HEADS, 0, BLOCKS)
    attention = Attention(kind, config, T, LYRIC_POSITIONS, 1.0)
    randomise(attention)
    return attention


@pytest.mark.parametrize("kind", [DENSE, BLOCK, COLUMN, PREVIOUS_BLOCK, LYRICS, PRIME])
@torch.no_grad()
def test_each_kind_looks_where_it_should(kind: int) -> None:
    attention = attention_of(kind)
    x, encoder_kv = torch.randn(2, T, WIDTH), torch.randn(2, 5, WIDTH)
    want, _ = literal(attention, x, encoder_kv)
    torch.testing.assert_close(attention(x, encoder_kv), want, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_recorded_weights_of_the_lyric_encoder_sum_to_one() -> None:
    attention = attention_of(LYRICS)
    x, encoder_kv = torch.randn(2, T, WIDTH), torch.randn(2, 5, WIDTH)
    weights = attention.weights(x, encoder_kv)
    torch.testing.assert_close(weights, literal(attention, x, encoder_kv)[1])
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, HEADS, T))


@torch.no_grad()
def test_recorded_weights_of_a_merged_sequence_are_cut_after_the_softmax() -> None:
    attention = attention_of(PRIME)
    x = torch.randn(2, T, WIDTH)
    weights = attention.weights(x)
    assert weights.shape == (2, HEADS, T - LYRIC_POSITIONS, LYRIC_POSITIONS)
    _, want = literal(attention, x, x)
    torch.testing.assert_close(weights, want[:, :, LYRIC_POSITIONS:, :LYRIC_POSITIONS])
    assert weights.sum(-1).max() < 1


def test_weights_of_a_layer_without_lyrics_are_refused() -> None:
    with pytest.raises(ValueError, match="does not look at the lyrics"):
        attention_of(BLOCK).weights(torch.zeros(1, T, WIDTH))


def test_lyric_layers_say_when_lyrics_are_missing() -> None:
    with pytest.raises(ValueError, match="none were encoded"):
        attention_of(LYRICS)(torch.zeros(1, T, WIDTH))


def test_shapes_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="7 blocks do not divide 24"):
        Transformer(TransformerConfig(WIDTH, 1, 2, 2, 7), T)
    with pytest.raises(ValueError, match="3 heads do not divide"):
        Transformer(TransformerConfig(WIDTH, 1, 3, 2, 4), T)


def test_prime_positions_of_the_published_lyrics_model() -> None:
    attention = Attention(PRIME, TransformerConfig(16, 1, 2, 12, 64), 6528, 384, 1.0)
    assert attention.prime_positions == 448
    assert attention.block_length == 102


@pytest.mark.parametrize("order", ORDER_DEPTHS)
@torch.no_grad()
def test_no_position_sees_a_later_one(order: int) -> None:
    stack = Transformer(
        TransformerConfig(WIDTH, ORDER_DEPTHS[order], HEADS, order, BLOCKS), T, lyric_positions=6
    )
    randomise(stack)
    x, encoder_kv = torch.randn(1, T, WIDTH), torch.randn(1, 5, WIDTH)
    before = stack(x, encoder_kv)
    for t in (1, 7, 12, 23):
        changed = x.clone()
        changed[:, t:] += 1.0
        after = stack(changed, encoder_kv)
        torch.testing.assert_close(after[:, :t], before[:, :t], atol=2e-4, rtol=2e-4)
        assert not torch.allclose(after[:, t], before[:, t])


@torch.no_grad()
def test_scaled_residuals() -> None:
    config = TransformerConfig(WIDTH, 5, HEADS, 9, BLOCKS, res_scale=True)
    block = Block(DENSE, config, T, 0, 1.0)
    randomise(block)
    x = torch.randn(1, T, WIDTH)
    a = block.attn(block.ln_0(x))
    m = block.mlp(block.ln_1(x + a))
    torch.testing.assert_close(block(x), x + (a + m) / 5)


@torch.no_grad()
def test_layer_norm_runs_in_float32() -> None:
    norm = LayerNorm(8).half()
    x = (torch.randn(4, 8) * 1000).half()
    want = torch.nn.functional.layer_norm(x.float(), (8,)).half()
    out = norm(x)
    assert out.dtype == torch.float16
    assert torch.equal(out, want)


def test_asking_for_a_layer_that_is_not_there() -> None:
    stack = Transformer(TransformerConfig(WIDTH, 4, HEADS, 6, BLOCKS), T)
    with pytest.raises(ValueError, match=r"no layer \[9\]"):
        stack.attention_weights(torch.zeros(1, T, WIDTH), torch.zeros(1, 5, WIDTH), [3, 9])
