"""How well candidates lead to the music after them: bits of the codes that follow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from jukebox_studio.model.labels import LabelBatch
from jukebox_studio.model.prior import Prior
from jukebox_studio.operations import AFTER_SHARE, Stretch
from jukebox_studio.sampling.conditions import labels_at

CANDIDATE_STREAMS = 2**17
"""Between the randomness of a variant's candidates; the first is the variant without any."""
_ROWS = 4


@torch.no_grad()
def follow_up_bits(
    prior: Prior, codes: Tensor, followed: Sequence[Stretch], labels: LabelBatch | None
) -> Tensor:
    """Mean bits per code of what follows the varied spans, under the prior: float Tensor[B].

    codes: int64 Tensor[B, T] of the prior's level, complete. followed: as of a `Plan`; of each the
    first quarter of a window is looked at, or what there is. 0 where nothing follows.
    """
    config = prior.config
    device = next(prior.parameters()).device
    total = codes.new_zeros(len(codes), dtype=torch.float32)
    counted = 0
    for stretch in followed:
        end = stretch.start
        count = min(round(AFTER_SHARE * config.n_ctx), stretch.end - end)
        if count < 1:
            continue
        start = max(0, end + count - config.n_ctx)
        window = codes[:, start : start + config.n_ctx]
        padded = F.pad(window, (0, config.n_ctx - window.shape[1]))  # the model looks back only
        y, plan = labels_at(prior, labels, start) if labels is not None else (None, None)
        for first in range(0, len(codes), _ROWS):
            rows = slice(first, first + _ROWS)
            logits = prior(
                padded[rows].to(device),
                y[rows] if y is not None else None,
                plan=plan[rows] if plan is not None else None,
            )
            at = slice(end - start, end - start + count)
            shift = config.merged_lyrics.vocabulary_size if config.merged_lyrics else 0
            lyrics = config.merged_lyrics.n_tokens if config.merged_lyrics else 0
            spoken = logits[:, lyrics:][:, at].float().to(codes.device)
            nats = F.cross_entropy(
                spoken.flatten(0, 1), (padded[rows][:, at] + shift).flatten(), reduction="none"
            )
            total[rows] += nats.view(-1, count).sum(dim=1) / math.log(2)
        counted += count
    return total / max(1, counted)
