"""Packed products against plain ones, and steps in int8 and float64 against the full pass."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import get_args

import numpy as np
import psutil
import pytest
import torch
from numba import njit
from tiny_priors import ORDER_DEPTHS, order_config, random_inputs, random_prior, upsampler_config
from torch import Tensor

from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import PriorConfig, TransformerConfig
from jukebox_studio.model.prior import Prior
from jukebox_studio.model.transformer import Transformer
from jukebox_studio.sampling import native, native_stack, vectors, weights
from jukebox_studio.sampling.decode import Decoder, stack_logits
from jukebox_studio.sampling.weights import (
    Precision,
    convolution_weights,
    forget_others,
    stack_weights,
)


def logits(
    prior: Prior,
    batch: int,
    precision: Precision,
    *,
    rows: slice | None = None,
    given: int = 5,
    chunk_size: int = 3,
) -> Tensor:
    """Of the positions from `given` on, Tensor[rows, positions, V]."""
    inputs = random_inputs(prior.config, batch)
    tokens = prior.lyric_tokens(inputs.y, None)
    part = rows or slice(None)

    def of(whole: Tensor | None) -> Tensor | None:
        return None if whole is None else whole[part]

    decoder = Decoder(
        prior,
        len(inputs.codes[part]),
        prior.conditioning(of(inputs.y), of(inputs.codes_above)),
        prior.encoder_kv(of(tokens)),
        precision=precision,
    )
    ids = prior.sequence(inputs.codes[part], of(tokens))
    decoder.prime(ids[:, :given], chunk_size)
    steps = [decoder.step(ids[:, t - 1]) for t in range(given, ids.shape[1])]
    return torch.stack(steps, dim=1)


@pytest.mark.parametrize("batch", [1, 2, 4, 7])
@pytest.mark.parametrize("order", ORDER_DEPTHS)
@torch.no_grad()
def test_every_order_dtype_and_batch_follows_the_full_pass(
    order: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = order_config(order)
    prior, inputs = random_prior(config), random_inputs(config, batch)
    exact = prior.double()(inputs.codes, inputs.y)[:, 5:]
    torch.testing.assert_close(logits(prior, batch, "float32"), exact, atol=1e-9, rtol=1e-9)
    single = logits(prior.float(), batch, "float32")
    torch.testing.assert_close(single.double(), exact, atol=1e-4, rtol=1e-4)
    with monkeypatch.context() as patch:
        patch.setattr(weights, "native", lambda: None)
        eager = logits(prior, batch, "float32")
    torch.testing.assert_close(eager.double(), exact, atol=1e-4, rtol=1e-4)
    assert not torch.equal(eager, single)
    half = logits(prior.bfloat16(), batch, "float32")
    assert float((half - exact).norm() / exact.norm()) < 0.1


def wide_config(width: int = 128, depth: int = 6) -> PriorConfig:
    """Wide enough that the error of int8 evens out as it does in real models."""
    small = upsampler_config()
    stack = TransformerConfig(width, depth, 2, 2, 4)
    return replace(small, transformer=stack, codebook_size=64)


def fresh_prior(config: PriorConfig) -> Prior:
    """With the weights that training begins with: logits as mild as those of real models."""
    torch.manual_seed(0)
    return Prior(config).eval()


def relative_error(got: Tensor, want: Tensor) -> float:
    return float((got - want).norm() / want.norm())


@pytest.mark.parametrize("batch", [1, 4, 16])
@torch.no_grad()
def test_int8_stays_close(batch: int) -> None:
    prior = fresh_prior(wide_config())
    want = logits(prior, batch, "float32")
    got = logits(prior, batch, "int8")
    assert 0 < relative_error(got, want) < 0.02
    assert torch.equal(got, logits(prior, batch, "int8"))


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("order", ORDER_DEPTHS)
@torch.no_grad()
def test_a_row_is_the_same_alone_as_among_others(order: int, precision: Precision) -> None:
    """But for a lyric encoder, which is torch's: from four rows on."""
    config = order_config(order)
    stack = replace(config.transformer, width=256)
    prior = fresh_prior(replace(config, transformer=stack))
    among = logits(prior, 7, precision)
    encoder = config.lyrics is not None and config.lyrics.encoder is not None
    fewer = [] if encoder else [slice(0, 1), slice(2, 4)]
    for rows in (slice(0, 4), slice(2, 7), *fewer):
        assert torch.equal(logits(prior, 7, precision, rows=rows), among[rows])


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("order", ORDER_DEPTHS)
@torch.no_grad()
def test_a_row_is_the_same_however_it_was_primed(order: int, precision: Precision) -> None:
    prior = fresh_prior(order_config(order))
    want = logits(prior, 3, precision, given=19, chunk_size=1)
    for chunk_size in (2, 7, 19):
        assert torch.equal(logits(prior, 3, precision, given=19, chunk_size=chunk_size), want)


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("order", [8, 12])
@torch.no_grad()
def test_a_row_is_the_same_with_any_number_of_threads(order: int, precision: Precision) -> None:
    prior = fresh_prior(order_config(order))
    want = logits(prior, 5, precision)
    for threads in (2, 3):
        torch.set_num_threads(threads)
        try:
            assert torch.equal(logits(prior, 5, precision), want)
        finally:
            torch.set_num_threads(1)


@torch.no_grad()
def test_an_interrupt_waits_for_the_other_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    prior = fresh_prior(order_config(2))
    has_begun, ended = threading.Event(), []

    def run(*_: object) -> None:
        if threading.current_thread() is threading.main_thread():
            has_begun.wait()
            raise KeyboardInterrupt
        has_begun.set()
        time.sleep(0.05)
        ended.append(True)

    monkeypatch.setattr(native_stack, "_ALONE", 0)
    monkeypatch.setattr(native, "run", run)
    torch.set_num_threads(2)
    try:
        with pytest.raises(KeyboardInterrupt):
            logits(prior, 2, "float32")
    finally:
        torch.set_num_threads(1)
    assert ended


@pytest.mark.parametrize("way", get_args(vectors.Bytes))
def test_int8_is_the_same_on_every_processor(way: vectors.Bytes) -> None:
    ways: tuple[vectors.Bytes, ...] = get_args(vectors.Bytes)
    if ways.index(way) < ways.index(vectors.way_with_bytes()):
        pytest.skip("This processor cannot.")
    product = vectors.whole_tile(2, 2, way)

    @njit
    def multiplied(x, stride, quads, w, minus, steps, bias, row_steps, y, y_stride):  # type: ignore[no-untyped-def]
        product(x, stride, quads, w, minus, steps, bias, row_steps, y, y_stride)

    generator = np.random.default_rng(0)
    x = generator.integers(1, 256, (2, 24), dtype=np.uint8)
    w = generator.integers(-127, 128, (24, 32), dtype=np.int8)
    x[0], w[:, 0], w[:, 1] = 255, 127, -127
    packed = np.ascontiguousarray(w.reshape(6, 4, 32).transpose(0, 2, 1))
    minus = (-128 * w.astype(np.int32).sum(axis=0)).astype(np.int32)
    ones, zeros, y = (
        np.ones(32, np.float32),
        np.zeros(32, np.float32),
        np.empty((2, 32), np.float32),
    )
    at = [a.ctypes.data for a in (packed, minus, ones, zeros, ones, y)]
    multiplied(x.ctypes.data, 24, 6, *at, 128)
    assert np.array_equal(y, (x.astype(np.int64) - 128) @ w.astype(np.int64))


def test_only_what_numba_compiles_for_is_used() -> None:
    told = """
import platform
from jukebox_studio.sampling import vectors
assert vectors.way_with_bytes() == "by shifts"
assert vectors.widest() == 2
assert vectors._is_fused() != (platform.machine() in ("x86_64", "AMD64"))
"""
    other = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    subprocess.run([sys.executable, "-c", told], check=True, env={**os.environ, **other})


@torch.no_grad()
def test_an_int8_product_is_that_of_whole_numbers() -> None:
    generator = torch.Generator().manual_seed(0)
    prior = fresh_prior(wide_config())
    w = prior.prior.x_out.weight.double()
    x = torch.randn(5, w.shape[1], generator=generator)
    x[3] = 0.0
    x[4] *= 1e-4
    columns = w.abs().amax(dim=1, keepdim=True) / 127
    rows = (x.double().abs().amax(dim=1, keepdim=True) / 127).clamp(min=1e-30)
    whole = (x / rows).round() @ (w / columns).round().t()
    got = stack_logits(prior.prior, x, "int8").double()
    assert relative_error(got, whole * rows * columns.t()) < 1e-3
    assert 1e-3 < relative_error(got, x.double() @ w.t()) < 0.015
    assert not got[3].any()


@torch.no_grad()
def test_weights_are_packed_once_and_again_when_they_change() -> None:
    prior = random_prior(order_config(2))
    stack = prior.prior.transformer
    first = stack_weights(stack, "float32")
    assert stack_weights(stack, "float32") is first
    assert stack_weights(stack, "int8") is not first
    assert stack_weights(stack, "float32") is first
    before = logits(prior, 2, "float32")
    for parameter in prior.parameters():
        parameter.mul_(0.5)
    assert stack_weights(stack, "float32") is not first
    again = random_prior(order_config(2))
    for parameter in again.parameters():
        parameter.mul_(0.5)
    after = logits(prior, 2, "float32")
    assert torch.equal(after, logits(again, 2, "float32"))
    assert not torch.equal(after, before)
    replaced = {key: 2 * value for key, value in prior.state_dict().items()}
    prior.load_state_dict(replaced, assign=True)
    assert torch.equal(logits(prior, 2, "float32"), before)


def test_of_one_precision_at_a_time_and_of_convolutions_always() -> None:
    stack, conv = random_prior(order_config(2)).prior.transformer, torch.nn.Conv1d(16, 16, 1)

    def convolved() -> weights.Packed:
        return convolution_weights(conv, lambda: [(conv.weight[:, :, 0].t(), torch.zeros(16))])

    first, heard = stack_weights(stack, "float32"), convolved()
    forget_others("float32")
    assert stack_weights(stack, "float32") is first
    forget_others("int8")
    assert stack_weights(stack, "float32") is not first
    assert convolved() is heard


def test_packed_weights_go_with_their_model() -> None:
    prior = random_prior(order_config(2))
    stack_weights(prior.prior.transformer, "float32")
    there = len(weights._packed_of)
    del prior
    assert len(weights._packed_of) == there - 1


@pytest.mark.serial
@pytest.mark.parametrize(("precision", "share"), [("float32", 1.0), ("int8", 0.25)])
def test_packed_weights_take_no_more_memory_than_they_must(
    precision: Precision, share: float
) -> None:
    stack = Transformer(TransformerConfig(1536, 6, 2, 2, 4), 64).eval()
    size = sum(p.nbytes for p in stack.parameters())
    process = psutil.Process()
    before = process.memory_info().rss
    stack_weights(stack, precision)
    assert process.memory_info().rss - before < 1.2 * share * size + 10e6


def test_int8_is_refused_where_it_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    prior = random_prior(order_config(2))
    with pytest.raises(JukeboxError, match="not of float64 on cpu; choose float32"):
        logits(prior.double(), 3, "int8")
    # As where numba is missing
    monkeypatch.setitem(sys.modules, "jukebox_studio.sampling.native", None)
    weights.native.cache_clear()
    with (
        pytest.warns(UserWarning, match="Sampling is slow"),
        pytest.raises(JukeboxError, match="which failed; choose float32"),
    ):
        logits(prior.float(), 3, "int8")
    weights.native.cache_clear()
