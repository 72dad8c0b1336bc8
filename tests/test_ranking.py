"""Candidates are ranked by how likely the music after them is."""

from __future__ import annotations

import math

import torch
from tiny_priors import order_config, random_inputs, random_prior
from torch.nn import functional as F

from jukebox_studio.operations import AFTER_SHARE, Stretch
from jukebox_studio.ranking import follow_up_bits

CONFIG = order_config(2)


def test_bits_are_those_of_the_codes_that_follow_alone() -> None:
    prior = random_prior(CONFIG)
    codes = random_inputs(CONFIG, batch=5).codes
    told = random_inputs(CONFIG).y
    assert told is not None
    y = told[[0, 1, 2, 1, 0]]

    class Same:
        """Labels that are the same in every window."""

        def at(self, *_: int) -> tuple[object, None]:
            return y.numpy(), None

    labels = Same()
    found = follow_up_bits(prior, codes, [Stretch(4, 7), Stretch(12, 12), Stretch(15, 24)], labels)  # type: ignore[arg-type]
    with torch.no_grad():
        nats = F.cross_entropy(prior(codes, y).transpose(1, 2), codes, reduction="none")
    quarter = round(AFTER_SHARE * CONFIG.n_ctx)
    counted = [*range(4, 7), *range(15, 15 + quarter)]
    assert torch.allclose(found, nats[:, counted].mean(dim=1) / math.log(2), atol=1e-4)
    # What stands between the two stretches of the clip counts for nothing but as a past.
    other = codes.clone()
    other[:, 20:] = 0
    first = [Stretch(4, 7)]
    assert torch.equal(
        follow_up_bits(prior, codes, first, labels),  # type: ignore[arg-type]
        follow_up_bits(prior, other, first, labels),  # type: ignore[arg-type]
    )


def test_where_nothing_follows_all_are_alike() -> None:
    prior = random_prior(order_config(2))
    codes = random_inputs(CONFIG, batch=2).codes
    assert follow_up_bits(prior, codes, [Stretch(24, 24)], None).tolist() == [0.0, 0.0]
