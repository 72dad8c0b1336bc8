"""Tiny random priors of every kind, with inputs to go with them."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from jukebox_studio.model.config import (
    ConditionerConfig,
    LabelConfig,
    LyricsConfig,
    PriorConfig,
    TransformerConfig,
)
from jukebox_studio.model.prior import Prior

ORDER_DEPTHS = {0: 2, 2: 4, 6: 5, 8: 11, 9: 5, 10: 20, 12: 48}
"""Every attention order, deep enough to hold every kind of layer it has."""


def randomise(module: nn.Module, seed: int = 0) -> None:
    """Weights far from their small initial values, so that every term of a sum shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            norm_weight = ".ln" in f".{name}" and name.endswith("weight")
            parameter.copy_(1.0 + 0.1 * noise if norm_weight else 0.25 * noise)


@dataclass(frozen=True)
class Inputs:
    codes: Tensor
    y: Tensor | None
    codes_above: Tensor | None


def order_config(order: int, n_ctx: int = 24, blocks: int = 4, heads: int = 2) -> PriorConfig:
    """A prior with lyrics where its order looks at them (in order 12 ahead of the codes)."""
    encoder = TransformerConfig(8, 3, 1, 2, 5)
    lyrics = {
        6: LyricsConfig("v3", 10, 79, 0.4, encoder, 3, 0),
        8: LyricsConfig("v3", 10, 79, 0.4, encoder, 9, 0),
        10: LyricsConfig("v3", 10, 79, 0.4, encoder, 18, 0),
        12: LyricsConfig("v3", 2 * blocks, 79, 0.4, None, 15, 0),
    }.get(order)
    return PriorConfig(
        name=f"order_{order}",
        level=2,
        n_ctx=n_ctx,
        codebook_size=16,
        hop_samples=128,
        sample_rate_hz=1000,
        transformer=TransformerConfig(16, ORDER_DEPTHS[order], heads, order, blocks),
        labels=LabelConfig("v3", 5, 4, 2, 8, 1.0, 60.0),
        lyrics=lyrics,
        conditioner=None,
        untied_head=order == 10,
    )


def upsampler_config(labels: bool = True) -> PriorConfig:
    return PriorConfig(
        name="upsampler",
        level=0,
        n_ctx=24,
        codebook_size=16,
        hop_samples=8,
        sample_rate_hz=1000,
        transformer=TransformerConfig(16, 3, 2, 2, 4),
        labels=LabelConfig("v3", 5, 4, 2, None, None, None) if labels else None,
        lyrics=None,
        conditioner=ConditionerConfig(12, 3, (2, 2), res_scale=True),
    )


def random_prior(config: PriorConfig, seed: int = 0) -> Prior:
    prior = Prior(config)
    randomise(prior, seed)
    return prior.eval()


def random_inputs(config: PriorConfig, batch: int = 3, seed: int = 1) -> Inputs:
    generator = torch.Generator().manual_seed(seed)

    def ids(high: int, *shape: int) -> Tensor:
        return torch.randint(high, shape, generator=generator)

    y = None
    if config.labels is not None:
        numbers = [
            [30_000, 2_000 * i, config.sample_length, i % 4, i % 4, -1] for i in range(batch)
        ]
        y = torch.tensor(numbers)
        if config.lyrics is not None:
            tokens = ids(config.lyrics.vocabulary_size, batch, config.lyrics.n_tokens)
            y = torch.cat([y, tokens], dim=1)
    above = None
    if config.conditioner is not None:
        ratio = config.conditioner.codes_per_code_above
        above = ids(config.codebook_size, batch, config.n_ctx // ratio)
    return Inputs(ids(config.codebook_size, batch, config.n_ctx), y, above)
