"""The cached pass, in chunks and steps of any size, against the full pass."""

import pytest
import torch
from tiny_priors import (
    ORDER_DEPTHS,
    Inputs,
    order_config,
    random_inputs,
    random_prior,
    upsampler_config,
)
from torch import Tensor

from jukebox_studio.model.config import PriorConfig
from jukebox_studio.model.prior import Conditioning, Prior
from jukebox_studio.sampling import decode
from jukebox_studio.sampling.decode import Decoder, different_rows, sample_window
from jukebox_studio.sampling.guidance import greedy_pick
from jukebox_studio.sampling.native_stack import NativeStack

CLOSE = {"atol": 1e-4, "rtol": 1e-4}


@pytest.fixture(params=["compiled", "torch's"])
def _either_stack(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "torch's":
        monkeypatch.setattr(decode, "is_native", lambda *_: False)


def decoder_of(prior: Prior, inputs: Inputs, shared: bool = False) -> Decoder:
    """shared: rows that are told the same share it."""
    y, above = inputs.y, inputs.codes_above
    told = None
    if shared:
        which, told = different_rows([y, above])
        y, above = (t if t is None else t[which] for t in (y, above))
    tokens = prior.lyric_tokens(y, None)
    return Decoder(
        prior,
        len(inputs.codes),
        prior.conditioning(y, above),
        prior.encoder_kv(tokens),
        told=told,
    )


def stepped(
    prior: Prior, inputs: Inputs, given: int, chunk_size: int, shared: bool = False
) -> Tensor:
    """Logits of the positions from `given` on, Tensor[B, positions - given, V]."""
    ids = prior.sequence(inputs.codes, prior.lyric_tokens(inputs.y, None))
    decoder = decoder_of(prior, inputs, shared)
    if given:
        decoder.prime(ids[:, :given], chunk_size)
    logits = [decoder.step(ids[:, t - 1] if t else None) for t in range(given, ids.shape[1])]
    return torch.stack(logits, dim=1)


@torch.no_grad()
def check_all_prefixes(config: PriorConfig, prefixes: range) -> None:
    prior, inputs = random_prior(config), random_inputs(config)
    want = prior(inputs.codes, inputs.y, inputs.codes_above)
    for given in prefixes:
        for chunk_size in (1, 5, config.sequence_length) if given > 1 else (1,):
            got = stepped(prior, inputs, given, chunk_size)
            torch.testing.assert_close(got, want[:, given:], **CLOSE)


@pytest.mark.usefixtures("_either_stack")
@pytest.mark.parametrize(("n_ctx", "blocks"), [(24, 4), (30, 10), (12, 1)])
@pytest.mark.parametrize("order", ORDER_DEPTHS)
def test_cached_steps_equal_the_full_pass(order: int, n_ctx: int, blocks: int) -> None:
    config = order_config(order, n_ctx, blocks)
    length = config.sequence_length // blocks
    # No prefix at all, every phase of the second row, and all but the last position
    check_all_prefixes(config, range(1))
    check_all_prefixes(config, range(length - 1, min(2 * length + 1, config.sequence_length - 1)))
    check_all_prefixes(config, range(config.sequence_length - 1, config.sequence_length))


@pytest.mark.parametrize("order", ORDER_DEPTHS)
@torch.no_grad()
def test_equal_rows_are_primed_once_and_to_the_bit(
    order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = order_config(order)
    prior, each = random_prior(config), random_inputs(config, batch=8)
    assert each.y is not None
    fed: list[int] = []
    feed = NativeStack.feed

    def counted(stack: NativeStack, x: Tensor) -> Tensor:
        fed.append(len(x))
        return feed(stack, x)

    monkeypatch.setattr(NativeStack, "feed", counted)
    want = stepped(prior, each, 13, 5)
    which = torch.tensor([6, 2, 2, 6, 6])
    # The same codes under other labels, or after another code, are another row.
    labels, codes = each.y[which], each.codes[which]
    labels[4], codes[2, 0] = each.y[0], 15 - codes[2, 0]
    assert set(fed[:3]) == {8}
    fed.clear()
    got = stepped(prior, Inputs(codes, labels, None), 13, 5, shared=True)
    assert set(fed[:3]) == {4}
    assert len(fed) == 3
    same = [0, 1, 3]
    assert torch.equal(got[same], want[which[same]])
    assert not torch.equal(got[2], want[2])
    assert not torch.equal(got[4], want[6])


def test_rows_differ_where_anything_of_them_does() -> None:
    nan = float("nan")
    plan = torch.tensor([[1.0, nan], [1.0, nan], [nan, 1.0], [1.0, nan], [1.0, nan]])
    labels = torch.tensor([[1, 2, 3], [1, 2, 3], [1, 2, 3], [1, 2, 4], [1, 2, 3]])
    firsts, kinds = different_rows([labels, None, plan])
    assert firsts.tolist() == [0, 2, 3]
    assert kinds.tolist() == [0, 0, 1, 2, 0]


@pytest.mark.usefixtures("_either_stack")
@pytest.mark.parametrize("config", [upsampler_config(True), order_config(12), order_config(10)])
def test_what_rows_share_is_computed_once_and_to_the_bit(
    config: PriorConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    prior, each = random_prior(config), random_inputs(config, batch=6)
    told: list[int] = []
    conditioning = Prior.conditioning

    def counted(self: Prior, y: Tensor | None, *rest: Tensor | None) -> Conditioning:
        told.append(0 if y is None else len(y))
        return conditioning(self, y, *rest)

    monkeypatch.setattr(Prior, "conditioning", counted)

    def sampled(which: Tensor) -> Tensor:
        return sample_window(
            prior,
            y=None if each.y is None else each.y[which],
            codes_above=None if each.codes_above is None else each.codes_above[which],
            prime=each.codes[which, :7],
            pick=greedy_pick,
        ).codes

    want = sampled(torch.arange(6))
    doubled = torch.tensor([0, 1, 2, 3, 4, 5, 5, 4, 3, 0, 1, 2])
    assert torch.equal(sampled(doubled), want[doubled])
    assert told == [6, 6]


@pytest.mark.usefixtures("_either_stack")
@pytest.mark.parametrize("labels", [True, False])
def test_cached_upsamplers_equal_the_full_pass(labels: bool) -> None:
    check_all_prefixes(upsampler_config(labels), range(0, 24, 5))


@torch.no_grad()
def greedily(prior: Prior, inputs: Inputs, total: int) -> Tensor:
    """What greedy sampling must give, by one full pass per code."""
    merged = prior.config.merged_lyrics
    shift = merged.vocabulary_size if merged else 0
    tokens = prior.lyric_tokens(inputs.y, None)
    ids = prior.sequence(torch.zeros_like(inputs.codes), tokens)
    first = ids.shape[1] - prior.config.n_ctx
    conditioning = prior.conditioning(inputs.y, inputs.codes_above)
    x_cond, kv = prior.sequence_conditioning(conditioning), prior.encoder_kv(tokens)
    for t in range(first, first + total):
        logits = prior.prior(ids, x_cond, conditioning.y_cond, kv)
        ids[:, t] = logits[:, t].argmax(dim=1)
    return (ids[:, first : first + total] - shift).clamp(min=0)


@pytest.mark.parametrize("order", [2, 8, 12])
def test_sampling_is_the_same_however_much_is_given(order: int) -> None:
    config = order_config(order)
    prior, inputs = random_prior(config), random_inputs(config)
    want = greedily(prior, inputs, 24)
    if order == 12:
        # Lyric tokens do come out of this one, and count as code 0.
        assert bool((want == 0).any())
    for given in (0, 1, 7, 24):
        if order == 12 and bool((want[:, :given] == 0).any()):
            continue  # a lyric token was fed back there, which its code does not tell
        window = sample_window(
            prior, y=inputs.y, prime=want[:, :given], pick=greedy_pick, chunk_size=5
        )
        assert torch.equal(window.codes, want)
        assert window.attention is None


def test_part_of_a_window() -> None:
    config = order_config(2)
    prior, inputs = random_prior(config), random_inputs(config)
    nothing = torch.zeros((3, 0), dtype=torch.int64)
    window = sample_window(prior, y=inputs.y, prime=nothing, pick=greedy_pick, sample_tokens=13)
    assert torch.equal(window.codes, greedily(prior, inputs, 13))


def test_pick_is_told_the_position_and_can_say_anything() -> None:
    config = order_config(12)
    prior, inputs = random_prior(config), random_inputs(config)
    told: list[int] = []

    def pick(logits: Tensor, position: int) -> Tensor:
        assert logits.shape == (3, 95)
        told.append(position)
        return torch.full((3,), 40 if position % 2 else 79 + position % 16)

    window = sample_window(prior, y=inputs.y, prime=inputs.codes[:, :3], pick=pick)
    assert told == list(range(3, 24))
    assert torch.equal(window.codes[:, :3], inputs.codes[:, :3])
    assert window.codes[0, 3:7].tolist() == [0, 4, 0, 6]


@pytest.mark.usefixtures("_either_stack")
@pytest.mark.parametrize(("order", "layer"), [(8, 9), (12, 15), (12, 31)])
@pytest.mark.parametrize("chunk_size", [1, 7, 100])
def test_attention_recorded_while_sampling(order: int, layer: int, chunk_size: int) -> None:
    config = order_config(order)
    prior, inputs = random_prior(config), random_inputs(config)
    want = prior.attention_weights(inputs.codes, inputs.y, layers=[layer])[layer]
    for given in (0, 10, 24):
        window = sample_window(
            prior,
            y=inputs.y,
            prime=inputs.codes[:, :given],
            pick=lambda logits, position: inputs.codes[:, position] + (79 if order == 12 else 0),
            sample_tokens=24,
            chunk_size=chunk_size,
            record_attention_layer=layer,
        )
        assert window.attention is not None
        torch.testing.assert_close(window.attention, want, atol=1e-5, rtol=1e-4)


@pytest.mark.usefixtures("_either_stack")
def test_only_lyric_layers_can_be_recorded() -> None:
    config = order_config(8)
    prior, inputs = random_prior(config), random_inputs(config)
    nothing = inputs.codes[:, :0]
    with pytest.raises(ValueError, match="does not look at the lyrics"):
        sample_window(prior, y=inputs.y, prime=nothing, pick=greedy_pick, record_attention_layer=0)


@torch.no_grad()
def test_what_a_step_cannot_take_is_refused_before_memory_is_read() -> None:
    config = order_config(2)
    prior, inputs = random_prior(config), random_inputs(config)
    decoder = decoder_of(prior, inputs)
    decoder.step(None)
    for wrong in (-1, config.sequence_vocabulary):
        with pytest.raises(ValueError, match="Ids 0 to"):
            decoder.step(torch.tensor([0, wrong, 0]))
    with pytest.raises(ValueError, match="3 rows are sampled"):
        decoder.step(torch.zeros(4, dtype=torch.int64))


def test_a_style_vector_reaches_the_samples() -> None:
    config = order_config(2)
    prior, inputs = random_prior(config), random_inputs(config)
    assert inputs.y is not None
    labels = prior.split_labels(inputs.y)
    style = prior.y_emb.style(labels.artist, labels.genres)
    nothing = inputs.codes[:, :0]
    plain = sample_window(prior, y=inputs.y, prime=nothing, pick=greedy_pick)
    styled = sample_window(prior, y=inputs.y, prime=nothing, pick=greedy_pick, style=style)
    moved = sample_window(prior, y=inputs.y, prime=nothing, pick=greedy_pick, style=style + 2)
    assert torch.equal(plain.codes, styled.codes)
    assert not torch.equal(plain.codes, moved.codes)


def test_codes_can_be_trained_on_afterwards() -> None:
    config = order_config(2)
    prior, inputs = random_prior(config), random_inputs(config)
    window = sample_window(prior, y=inputs.y, prime=inputs.codes[:, :1], pick=greedy_pick)
    prior.loss(window.codes, inputs.y).total.backward()


@pytest.mark.usefixtures("_either_stack")
def test_requests_that_do_not_fit_are_refused() -> None:
    config = order_config(2)
    prior, inputs = random_prior(config), random_inputs(config)
    for total in (25, 4):
        with pytest.raises(ValueError, match="holds 24 codes; 5 were given"):
            sample_window(
                prior,
                y=inputs.y,
                prime=inputs.codes[:, :5],
                pick=greedy_pick,
                sample_tokens=total,
            )
    decoder = decoder_of(prior, inputs)
    with pytest.raises(ValueError, match="first step takes no token"):
        decoder.step(inputs.codes[:, 0])
    with pytest.raises(ValueError, match="at least one position"):
        decoder.prime(inputs.codes, 0)
    decoder.prime(inputs.codes)
    with pytest.raises(ValueError, match="24 positions were fed already"):
        decoder.prime(inputs.codes)
    with pytest.raises(ValueError, match="has 24 positions; 25 were asked for"):
        decoder.step(inputs.codes[:, -1])
    with pytest.raises(ValueError, match="not asked to record"):
        _ = decoder.recorded
