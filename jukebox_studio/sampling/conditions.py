"""What a batch is told of a window, under the song's condition and under those it is led away from.

Each condition has the whole batch as rows of its own, one condition after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from jukebox_studio.model.labels import LabelBatch
from jukebox_studio.model.prior import Prior
from jukebox_studio.sampling.guidance import Pick, guide
from jukebox_studio.sampling.windows import FEWEST_ROWS, Window


@dataclass(frozen=True)
class Guide:
    """The same music under a condition left out, to be led away from."""

    weight: float
    labels: LabelBatch | None = None
    """As of the song; None for the song's own."""
    style: Tensor | None = None
    """Tensor[B, 1, W] in place of the song's; None for what the labels say."""


@dataclass(frozen=True)
class Condition:
    """What a batch is told of a window under one condition."""

    y: Tensor | None
    style: Tensor | None
    plan: Tensor | None = None
    """See `Prior.conditioning`."""

    @classmethod
    def of(
        cls, prior: Prior, labels: LabelBatch | None, style: Tensor | None, window: Window
    ) -> Condition:
        y, plan = labels_at(prior, labels, window.start)
        return cls(y, style, plan)

    def with_style(self, prior: Prior) -> Condition:
        """With the style that the labels stand for, where none is given."""
        if self.style is not None or self.y is None:
            return self
        labels = prior.split_labels(self.y)
        return replace(self, style=prior.y_emb.style(labels.artist, labels.genres))


def conditions_of(
    prior: Prior,
    labels: LabelBatch | None,
    style: Tensor | None,
    guides: Sequence[Guide],
    window: Window,
) -> list[Condition]:
    """The song's own condition in a window, and that of each guide.

    ValueError where labels are missing that the model needs.
    """
    told = Condition.of(prior, labels, style, window)
    left_out = [
        Condition.of(prior, g.labels or labels, told.style if g.style is None else g.style, window)
        for g in guides
    ]
    conditions = [told, *left_out]
    if any(c.style is not None for c in conditions):
        conditions = [c.with_style(prior) for c in conditions]
    return conditions


def labels_at(
    prior: Prior, labels: LabelBatch | None, start: int
) -> tuple[Tensor | None, Tensor | None]:
    """The labels of the window that starts at code `start`, Tensor[B, fields], and the plan of its
    words, Tensor[B, n_ctx]; None for what the model does not take."""
    config = prior.config
    if config.labels is None:
        return None, None
    if labels is None:
        raise ValueError(f"{config.name} needs labels.")
    n_tokens = config.lyrics.n_tokens if config.lyrics else 0
    first, device = start * config.hop_samples, next(prior.parameters()).device
    y, indices = labels.at(first, config.sample_length, n_tokens)
    plan = None
    if config.lyrics is not None and config.lyrics.plan_width is not None:
        places = labels.plan(indices, first, config.hop_samples, config.n_ctx)
        plan = torch.from_numpy(places).float().to(device)
    return torch.from_numpy(y).to(device), plan


def codes_above(prior: Prior, above: Tensor | None, window: Window) -> Tensor | None:
    """The codes of the level above over a whole context from `window.start`: Tensor[B, n]."""
    config = prior.config
    if config.conditioner is None:
        return None
    ratio = config.conditioner.codes_per_code_above
    end = window.start + config.n_ctx
    if window.start % ratio or config.n_ctx % ratio:
        raise ValueError(
            f"{config.name}: a window starts at code {window.start}, in the midst of a code of the "
            f"level above, which spans {ratio}."
        )
    if above is None or above.shape[1] * ratio < end:
        there = 0 if above is None else above.shape[1]
        raise ValueError(
            f"{config.name} needs {end // ratio} codes of the level above, and there are {there}: "
            "a lower level takes at least one full window."
        )
    return above[:, window.start // ratio : end // ratio]


def filled_up(rows: Tensor) -> Tensor:
    """Tensor[B, ...] -> Tensor[max(B, FEWEST_ROWS), ...], the last row repeated."""
    missing = FEWEST_ROWS - len(rows)
    if missing <= 0:
        return rows
    return torch.cat([rows, rows[-1:].expand(missing, *rows.shape[1:])])


def row_pick(pick: Pick, count: int, weights: Sequence[float]) -> Pick:
    """`pick` for `count` rows, guided by as many rows again for each weight.

    All rows of a variant take the code that is picked for it; rows beyond follow the last.
    """

    def picked(logits: Tensor, position: int) -> Tensor:
        groups = logits[: count * (1 + len(weights))].split(count)
        ids = pick(guide(groups[0], list(zip(weights, groups[1:], strict=True))), position)
        repeated = ids.repeat(1 + len(weights)) if weights else ids
        beyond = len(logits) - len(repeated)
        return torch.cat([repeated, repeated[-1:].expand(beyond)]) if beyond else repeated

    return picked
