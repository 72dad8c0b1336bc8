"""Teaching one head to look at what is being sung.

Not in the paper, whose model found its alignment head by itself after a million songs. Where the
times of words are known, the head that `LyricsConfig` names is told: of its attention, so much as
lies near the character that is sung at a code should be all (guided attention, as in Tachibana et
al. 2018, but towards known times instead of the diagonal).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from jukebox_studio.model.prior import Prior
from jukebox_studio.model.transformer import Block

NEAR_CHARACTERS = 3
"""Attention within this of the sung character counts as right."""


class GuidedHead:
    """Listens to the alignment layer of a prior while it runs."""

    def __init__(self, prior: Prior) -> None:
        lyrics = prior.config.lyrics
        if lyrics is None or lyrics.alignment_layer is None or lyrics.alignment_head is None:
            raise ValueError(f"{prior.config.name} names no alignment head.")
        self.head = lyrics.alignment_head
        block = prior.prior.transformer._attn_mods[lyrics.alignment_layer]
        assert isinstance(block, Block)
        self.attention = block.attn
        self._heard: tuple[Tensor, Tensor | None] | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Remember what goes into the layer during a forward pass."""

        def remember(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            self._heard = (inputs[0], inputs[1])

        handle = self.attention.register_forward_pre_hook(remember)
        try:
            yield
        finally:
            handle.remove()

    def loss(self, sung: Tensor) -> Tensor:
        """Mean of -log of the attention near what is sung, a scalar; 0 where nobody sings.

        sung: Tensor[B, T], what is sung at each code, as of `labels.sung_places`.
        """
        assert self._heard is not None
        x, encoder_kv = self._heard
        self._heard = None
        told = sung.isfinite()
        if not bool(told.any()):
            return x.new_zeros(())
        # [B, H, T, N] -> [B, T, N]
        weights = self.attention.weights(x, encoder_kv)[:, self.head]
        characters = torch.arange(weights.shape[2])
        near = (characters - sung.nan_to_num(-1e6).unsqueeze(2)).abs() <= NEAR_CHARACTERS
        found = (weights * near).sum(dim=2)[told]
        return -(found + 1e-4).log().mean()
