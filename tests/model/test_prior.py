"""Priors: what they are conditioned on, their losses, their keys."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_priors import order_config, random_inputs, random_prior, upsampler_config
from torch import nn
from torch.nn import functional as F

from jukebox_studio.model.config import PUBLISHED_PRIORS, LyricsConfig, PriorConfig
from jukebox_studio.model.labels import UNKNOWN_LENGTH
from jukebox_studio.model.prior import LyricPlan, Prior

DATA = Path(__file__).parent.parent / "data"
CLOSE = {"atol": 1e-5, "rtol": 1e-4}


@torch.no_grad()
def test_logits_cover_the_whole_width() -> None:
    for order, positions, vocabulary in ((2, 24, 16), (8, 24, 16), (12, 32, 95)):
        config = order_config(order)
        inputs = random_inputs(config)
        logits = random_prior(config)(inputs.codes, inputs.y)
        assert logits.shape == (3, positions, vocabulary)


@pytest.mark.parametrize("order", [2, 10, 12])
@torch.no_grad()
def test_a_code_changes_no_logits_up_to_its_own(order: int) -> None:
    config = order_config(order)
    prior, inputs = random_prior(config), random_inputs(config)
    before = prior(inputs.codes, inputs.y)
    changed = inputs.codes.clone()
    changed[:, 9] = (changed[:, 9] + 1) % config.codebook_size
    after = prior(changed, inputs.y)
    own = config.sequence_length - config.n_ctx + 9
    torch.testing.assert_close(after[:, : own + 1], before[:, : own + 1], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(after[:, own + 1], before[:, own + 1])


@torch.no_grad()
def test_a_style_given_as_a_vector_replaces_the_labels() -> None:
    config = order_config(2)
    prior, inputs = random_prior(config), random_inputs(config)
    assert inputs.y is not None
    labels = prior.split_labels(inputs.y)
    own = prior.y_emb.style(labels.artist, labels.genres)
    torch.testing.assert_close(
        prior(inputs.codes, inputs.y, style=own), prior(inputs.codes, inputs.y)
    )
    blend = 0.5 * own + 0.5 * own.flip(0)
    assert not torch.allclose(
        prior(inputs.codes, inputs.y, style=blend), prior(inputs.codes, inputs.y)
    )


@pytest.mark.parametrize("make", [lambda: order_config(2), upsampler_config])
@torch.no_grad()
def test_style_may_be_told_at_every_position(make: Callable[[], PriorConfig]) -> None:
    config = make()
    assert config.labels is not None
    everywhere = replace(config, labels=replace(config.labels, style_everywhere=True))
    published, ours = random_prior(config), random_prior(everywhere)
    ours.load_state_dict(published.state_dict())
    inputs = random_inputs(config)
    told = (inputs.y, inputs.codes_above)
    first, every = published.conditioning(*told), ours.conditioning(*told)
    assert every.x_cond is not None
    assert every.y_cond is not None
    before = 0.0 if first.x_cond is None else first.x_cond
    expected = (before + every.y_cond).expand(-1, config.n_ctx, -1)
    torch.testing.assert_close(every.x_cond, expected)


@torch.no_grad()
def test_genres_are_a_bag_in_which_minus_one_counts_nothing() -> None:
    prior = random_prior(order_config(2))
    table, artist = prior.y_emb.bow_genre_emb.emb.weight, prior.y_emb.artist_emb.emb.weight
    style = prior.y_emb.style(torch.tensor([[4]]), torch.tensor([[1, 3]]))
    torch.testing.assert_close(style, (table[1] + table[3] + artist[4]).view(1, 1, -1))
    style = prior.y_emb.style(torch.tensor([[4]]), torch.tensor([[1, -1]]))
    torch.testing.assert_close(style, (table[1] + artist[4]).view(1, 1, -1))


@torch.no_grad()
def test_upsamplers_listen_to_the_level_above_where_it_lies() -> None:
    config = upsampler_config()
    prior, inputs = random_prior(config), random_inputs(config)
    assert inputs.codes_above is not None
    before = prior.conditioning(inputs.y, inputs.codes_above).x_cond
    assert before is not None
    assert before.shape == (3, 24, 16)
    changed = inputs.codes_above.clone()
    changed[:, -1] = (changed[:, -1] + 1) % 16
    after = prior.conditioning(inputs.y, changed).x_cond
    assert after is not None
    assert not torch.allclose(after[:, -4:], before[:, -4:])
    with pytest.raises(ValueError, match="needs 6 codes of the level above"):
        prior.conditioning(inputs.y, changed[:, 1:])


@torch.no_grad()
def test_a_prior_without_labels_learns_a_start() -> None:
    config = upsampler_config(labels=False)
    prior, inputs = random_prior(config), random_inputs(config)
    assert next(iter(dict(prior.prior.named_parameters()))) == "start_token"
    assert prior(inputs.codes, None, inputs.codes_above).shape == (3, 24, 16)


@torch.no_grad()
def test_lyrics_given_apart_replace_those_in_the_labels() -> None:
    for order in (8, 12):
        config = order_config(order)
        prior, inputs = random_prior(config), random_inputs(config)
        assert inputs.y is not None
        tokens = prior.split_labels(inputs.y).lyric_tokens
        own = prior(inputs.codes, inputs.y, lyric_tokens=tokens)
        torch.testing.assert_close(own, prior(inputs.codes, inputs.y))
        other = prior(inputs.codes, inputs.y, lyric_tokens=tokens.flip(1))
        assert not torch.allclose(own, other)


@pytest.mark.parametrize("order", [2, 8, 12])
@torch.no_grad()
def test_losses_in_bits(order: int) -> None:
    config = order_config(order)
    prior, inputs = random_prior(config), random_inputs(config)
    assert inputs.y is not None
    loss = prior.loss(inputs.codes, inputs.y)
    logits = prior(inputs.codes, inputs.y)
    shift = 79 if order == 12 else 0
    codes = F.cross_entropy(logits[:, -24:].transpose(1, 2), inputs.codes + shift) / math.log(2)
    torch.testing.assert_close(loss.codes, codes)
    if config.lyrics is None:
        assert loss.total == loss.codes
        assert loss.lyrics == 0
        return
    tokens, n = prior.split_labels(inputs.y).lyric_tokens, config.lyrics.n_tokens
    if order == 12:
        lyric_logits = logits[:, :n]
    else:
        lyric_logits = prior.prime_x_out(prior.encode_lyrics(tokens))
    lyrics = F.cross_entropy(lyric_logits.transpose(1, 2), tokens) / math.log(2)
    torch.testing.assert_close(loss.lyrics, lyrics)
    torch.testing.assert_close(loss.total, (0.4 * n * lyrics + 24 * codes) / (n + 24))


@torch.no_grad()
def test_what_is_shown_stands_before_what_is_asked_for() -> None:
    config = order_config(2)
    prior, inputs = random_prior(config), random_inputs(config)
    shown = inputs.codes.flip(1)
    logits = prior(shown, inputs.y)
    bits = F.cross_entropy(logits.transpose(1, 2), inputs.codes) / math.log(2)
    torch.testing.assert_close(prior.loss(inputs.codes, inputs.y, shown=shown).codes, bits)


@torch.no_grad()
def test_a_song_of_unknown_length_says_nothing_of_time() -> None:
    config = order_config(2)
    prior, inputs = random_prior(config), random_inputs(config)
    assert inputs.y is not None
    y = inputs.y.clone()
    y[0, 0] = UNKNOWN_LENGTH
    timing = prior.y_emb.timing(prior.split_labels(y))
    told = prior.y_emb.timing(prior.split_labels(inputs.y))
    assert timing is not None
    assert told is not None
    assert (timing[0] == 0).all()
    assert (timing[1:] == told[1:]).all()
    assert (told[0] != 0).any()


@pytest.mark.parametrize("order", [2, 8, 12])
def test_every_parameter_learns(order: int) -> None:
    config = order_config(order)
    prior, inputs = random_prior(config), random_inputs(config)
    prior.loss(inputs.codes, inputs.y).total.backward()
    for name, parameter in prior.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_tied_heads_share_one_weight_under_two_keys() -> None:
    tied, own = Prior(order_config(2)), Prior(order_config(10))
    assert tied.prior.x_out.weight is tied.prior.x_emb.weight
    assert own.prior.x_out.weight is not own.prior.x_emb.weight
    assert {"prior.x_emb.weight", "prior.x_out.weight"} <= set(tied.state_dict())
    assert "prior.x_out.weight" not in dict(tied.named_parameters())


def test_initial_weights_follow_the_original() -> None:
    torch.manual_seed(0)
    config = PUBLISHED_PRIORS["upsampler_level_1"]
    with torch.device("meta"):
        assert sum(p.numel() for p in Prior(config).parameters()) == pytest.approx(981e6, rel=0.01)
    prior = Prior(order_config(2))
    scale = prior.config.init_scale
    assert prior.prior.x_emb.weight.std().item() == pytest.approx(0.02 * scale, rel=0.2)
    assert prior.prior.pos_emb.pos_emb.std().item() == pytest.approx(0.01 * scale, rel=0.2)
    block = prior.get_submodule("prior.transformer._attn_mods.0")
    weight, bias = block.mlp.c_proj.w, block.mlp.c_proj.b
    assert weight.std().item() == pytest.approx(0.02 * scale, rel=0.2)
    assert bias.abs().max() == 0


def test_weights_stored_in_half_load() -> None:
    prior = random_prior(order_config(2))
    half = {k: v.half() if k.endswith(".w") else v for k, v in prior.state_dict().items()}
    other = Prior(order_config(2))
    other.load_state_dict(half)
    weight = other.get_parameter("prior.transformer._attn_mods.0.attn.c_attn.w")
    assert weight.dtype == torch.float32


def test_labels_that_do_not_fit_are_refused() -> None:
    config = order_config(2)
    prior, inputs = Prior(config), random_inputs(config)
    assert inputs.y is not None
    with pytest.raises(ValueError, match="Labels of 6 numbers"):
        prior.conditioning(inputs.y[:, 1:], None)
    for column, value, message in ((3, 5, "Artists 0 to 4"), (4, 4, "Genres -1 to 3")):
        y = inputs.y.clone()
        y[0, column] = value
        with pytest.raises(ValueError, match=message):
            prior.conditioning(y, None)
    with pytest.raises(ValueError, match="needs labels"):
        prior.conditioning(None, None)
    with pytest.raises(ValueError, match="window of 24 codes expected, got 23"):
        prior(inputs.codes[:, 1:], inputs.y)
    with pytest.raises(ValueError, match="knows no lyrics"):
        prior.attention_weights(inputs.codes, inputs.y, layers=[0])


# Plans of words ----------------------------------------------------------------------------------


def planned_prior() -> Prior:
    config = order_config(6)
    assert config.lyrics is not None
    return random_prior(replace(config, lyrics=replace(config.lyrics, plan_width=6)))


@torch.no_grad()
def test_a_plan_says_which_character_is_sung_where() -> None:
    plan = planned_prior().lyric_plan
    tokens = torch.arange(1, 11).repeat(2, 1)
    # Characters far enough apart for their neighbourhoods, and codes for theirs
    places = torch.full((2, 40), -math.inf)
    places[0, 10], places[0, 30] = 2.0, 2.5
    said = plan(tokens, places)
    assert said.shape == (2, 40, 16)
    changed = (said[0] - said[1]).abs().amax(dim=1) > 1e-6
    assert changed.nonzero()[:, 0].tolist() == [*range(6, 15), *range(26, 35)]
    # Another character than those around the place changes nothing, one of them does.
    far, near = tokens.clone(), tokens.clone()
    far[:, 9], near[:, 3] = 11, 11
    torch.testing.assert_close(plan(far, places), said)
    assert not torch.allclose(plan(near, places)[0], said[0])
    torch.testing.assert_close(plan(near, places)[1], said[1])
    # That nobody sings is not that nobody knows.
    unknown = plan(tokens, torch.full((2, 40), math.nan))
    assert not torch.allclose(unknown[1], said[1])
    # Halfway to the next character is between the two.
    plan.over_codes.weight[:, -2:] = 0.0
    plan.over_codes.bias[:] = 100.0
    even = plan(tokens[:1], torch.tensor([[1.0, 1.5, 2.0]]).repeat_interleave(20, dim=1))
    torch.testing.assert_close(even[:, 30], (even[:, 10] + even[:, 50]) / 2, **CLOSE)


@torch.no_grad()
def test_a_plan_is_the_same_to_the_bit_in_whatever_batch() -> None:
    plan = planned_prior().lyric_plan
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(0, 79, (5, 10), generator=generator)
    places = 9 * torch.rand((5, 24), generator=generator)
    places[0] = math.nan
    # Two rows that are told the same, and one that differs only in what is not known
    tokens = torch.cat([tokens, tokens[1:2], tokens[:1]])
    places = torch.cat([places, places[1:2], torch.full((1, 24), -math.inf)])
    together = plan(tokens, places)
    for row in range(7):
        assert torch.equal(plan(tokens[row : row + 1], places[row : row + 1])[0], together[row])
    with torch.enable_grad():
        torch.testing.assert_close(plan(tokens, places), together, **CLOSE)


@torch.no_grad()
def test_a_plan_in_float16_tells_the_last_letters_of_a_long_text_apart() -> None:
    torch.manual_seed(0)
    plan = LyricPlan(80, 8, 12)
    nn.init.normal_(plan.out.weight)
    tokens = torch.randint(80, (1, 4000))
    places = torch.linspace(3900.0, 3930.0, 60)[None]
    want = plan(tokens, places)
    error = plan.half()(tokens, places).float() - want
    assert float(error.std() / want.std()) < 0.01


@torch.no_grad()
def test_words_may_reach_the_codes_through_their_plan_alone() -> None:
    """As in our upsamplers: no lyric encoder, and none of the words in the sequence."""
    config = order_config(2)
    lyrics = LyricsConfig("v2", 10, 81, 0.1, None, None, None, null_token=80, plan_width=6)
    config = replace(config, lyrics=lyrics)
    prior = random_prior(config)
    assert (config.sequence_length, config.sequence_vocabulary) == (24, 16)
    assert not [name for name in prior.state_dict() if name.startswith("prime")]
    inputs = random_inputs(prior.config)
    plan = torch.linspace(-0.5, 9.5, 24).repeat(3, 1)
    told = prior(inputs.codes, inputs.y, plan=plan)
    assert told.shape == (3, 24, 16)
    assert not torch.allclose(told, prior(inputs.codes, inputs.y))
    loss = prior.loss(inputs.codes, inputs.y, plan=plan)
    assert loss.lyrics == 0
    assert loss.total == loss.codes


@torch.no_grad()
def test_a_plan_changes_what_is_predicted_and_alignment_does_not_see_it() -> None:
    prior = planned_prior()
    inputs = random_inputs(prior.config)
    plan = torch.linspace(-0.5, 9.5, 24).repeat(3, 1)
    unknown = torch.full((3, 24), math.nan)
    without = prior(inputs.codes, inputs.y)
    torch.testing.assert_close(prior(inputs.codes, inputs.y, plan=unknown), without)
    told = prior(inputs.codes, inputs.y, plan=plan)
    assert not torch.allclose(told, without)
    loss = prior.loss(inputs.codes, inputs.y, plan=plan)
    torch.testing.assert_close(
        loss.codes, F.cross_entropy(told.transpose(1, 2), inputs.codes) / math.log(2)
    )
    # A model without one leaves it aside.
    deaf = random_prior(order_config(6))
    torch.testing.assert_close(
        deaf(inputs.codes, inputs.y, plan=plan), deaf(inputs.codes, inputs.y)
    )


@torch.no_grad()
def test_a_new_plan_says_nothing() -> None:
    plan = Prior(planned_prior().config).lyric_plan
    assert not plan(torch.ones((1, 10), dtype=torch.int64), torch.full((1, 24), 3.0)).any()
