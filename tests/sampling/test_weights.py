"""Packed products against plain ones, and steps in int8 and float64 against the full pass."""

from dataclasses import replace

import psutil
import pytest
import torch
from tiny_priors import ORDER_DEPTHS, order_config, random_inputs, random_prior, upsampler_config
from torch import Tensor

from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import PriorConfig, TransformerConfig
from jukebox_studio.model.prior import Prior
from jukebox_studio.model.transformer import Transformer
from jukebox_studio.sampling import weights
from jukebox_studio.sampling.decode import Decoder
from jukebox_studio.sampling.weights import Precision, head_weights, stack_weights


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
    monkeypatch.setattr(weights, "_SMALL_FLOAT32", 0)
    single = logits(random_prior(config), batch, "float32")
    torch.testing.assert_close(single.double(), exact, atol=1e-4, rtol=1e-4)
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


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("order", ORDER_DEPTHS)
@torch.no_grad()
def test_a_row_is_the_same_alone_as_among_others(
    order: int, precision: Precision, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From four rows on; in int8 from one, but for a lyric encoder, which stays in float32."""
    for limit in ("_SMALL_INT8", "_SMALL_FLOAT32"):
        monkeypatch.setattr(weights, limit, 2**30 if small else 0)
    config = order_config(order)
    stack = replace(config.transformer, width=256)
    prior = fresh_prior(replace(config, transformer=stack))
    among = logits(prior, 7, precision)
    encoder = config.lyrics is not None and config.lyrics.encoder is not None
    fewer = [] if encoder or precision == "float32" else [slice(0, 1), slice(2, 4)]
    for rows in (slice(0, 4), slice(2, 7), *fewer):
        assert torch.equal(logits(prior, 7, precision, rows=rows), among[rows])


@torch.no_grad()
def test_a_row_in_int8_is_the_same_however_it_was_primed() -> None:
    prior = fresh_prior(wide_config())
    want = logits(prior, 3, "int8", given=9, chunk_size=1)
    for chunk_size in (2, 9):
        got = logits(prior, 3, "int8", given=9, chunk_size=chunk_size)
        assert relative_error(got, want) < 0.01


@pytest.mark.parametrize(("vnni", "small"), [(True, True), (True, False), (False, False)])
@torch.no_grad()
def test_an_int8_product_is_that_of_whole_numbers(
    vnni: bool, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not small:
        monkeypatch.setattr(weights, "_SMALL_INT8", 0)
    monkeypatch.setattr(weights, "_has_vnni", lambda: vnni)
    most = 127 if vnni else 63
    generator = torch.Generator().manual_seed(0)
    prior = fresh_prior(wide_config())
    product = head_weights(prior.prior, "int8")
    w = prior.prior.x_out.weight.double()
    x = torch.randn(5, w.shape[1], generator=generator)
    x[3] = 0.0
    x[4] *= 1e-4
    columns = w.abs().amax(dim=1, keepdim=True) / 127
    rows = (x.double().abs().amax(dim=1, keepdim=True) / most).clamp(min=1e-30)
    whole = (x / rows).round() @ (w / columns).round().t()
    got = product(x).double()
    assert relative_error(got, whole * rows * columns.t()) < 1e-3
    assert 1e-3 < relative_error(got, x.double() @ w.t()) < (0.015 if vnni else 0.03)
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


def test_packed_weights_go_with_their_model() -> None:
    prior = random_prior(order_config(2))
    stack_weights(prior.prior.transformer, "float32")
    there = len(weights._packed)
    del prior
    assert len(weights._packed) == there - 1


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
    monkeypatch.setattr(weights, "_has_onednn", lambda: False)
    prior = random_prior(order_config(2))
    with pytest.raises(JukeboxError, match="choose float32"):
        stack_weights(prior.prior.transformer, "int8")
    # float32 goes on without it
    want = prior(random_inputs(prior.config).codes, random_inputs(prior.config).y)
    torch.testing.assert_close(logits(prior, 3, "float32"), want[:, 5:], atol=1e-4, rtol=1e-4)
    with pytest.raises(JukeboxError, match="choose float32"):
        stack_weights(prior.double().prior.transformer, "int8")
