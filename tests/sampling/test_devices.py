"""Sampling where the network is on another device than the codes, and in half precision."""

from __future__ import annotations

import pytest
import torch
from other_device import DEVICE, Elsewhere, moved, other_device
from tiny_priors import order_config, random_inputs, random_prior, upsampler_config

from jukebox_studio.model.config import TINY_VQVAE, PriorConfig
from jukebox_studio.model.vqvae import VQVAE
from jukebox_studio.sampling.decode import sample_window
from jukebox_studio.sampling.guidance import greedy_pick

CONFIGS = [*(order_config(order) for order in (0, 2, 6, 10, 12)), upsampler_config()]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_a_window_is_the_same_on_another_device(config: PriorConfig) -> None:
    prior, inputs = random_prior(config), random_inputs(config)

    def codes() -> torch.Tensor:
        return sample_window(
            prior,
            y=inputs.y,
            codes_above=inputs.codes_above,
            prime=inputs.codes[:, :5],
            pick=greedy_pick,
        ).codes

    here = codes()
    with other_device():
        moved(prior)
        there = codes()
    assert not isinstance(there, Elsewhere), "codes are where they were"
    assert torch.equal(here, there)


def test_two_devices_are_not_mixed_unseen() -> None:
    with other_device():
        there = torch.ones(3, device=DEVICE)
        with pytest.raises(RuntimeError, match="two devices"):
            there + torch.ones(3)
        with pytest.raises(RuntimeError, match="numpy"):
            there.numpy()
        assert (there + 1).cpu().numpy().tolist() == [2, 2, 2]


@torch.no_grad()
def test_the_autoencoder_takes_and_gives_what_is_here() -> None:
    torch.manual_seed(0)
    vqvae = VQVAE(TINY_VQVAE).eval().requires_grad_(False)
    vqvae.codebook(0).k.normal_()
    sound = torch.randn(1, 4000, 1)
    codes = vqvae.encode_chunked(sound, 0, 0.05)
    heard = vqvae.decode_chunked(codes, 0, 0.05)
    with other_device():
        moved(vqvae)
        assert torch.equal(vqvae.encode_chunked(sound, 0, 0.05), codes)
        again = vqvae.decode_chunked(codes, 0, 0.05)
        assert not isinstance(again, Elsewhere)
        torch.testing.assert_close(again, heard)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.no_grad()
def test_half_precision_is_near_the_full_pass(config: PriorConfig, dtype: torch.dtype) -> None:
    prior, inputs = random_prior(config), random_inputs(config)
    want = prior(inputs.codes, inputs.y, inputs.codes_above)[:, -config.n_ctx :]
    prior.to(dtype)
    got = []

    def listened(logits: torch.Tensor, position: int) -> torch.Tensor:
        got.append(logits)
        shift = config.sequence_vocabulary - config.codebook_size
        return inputs.codes[:, position] + shift

    sample_window(
        prior,
        y=inputs.y,
        codes_above=inputs.codes_above,
        prime=inputs.codes[:, :5],
        pick=listened,
    )
    assert got[0].dtype == torch.float32, "what is drawn from is not rounded again"
    error = torch.stack(got, dim=1).float() - want[:, 5:]
    assert float(error.std() / want.std()) < (0.02 if dtype == torch.float16 else 0.15)
