"""What shapes the logits before a code is drawn, and the picking of codes from them.

Each shaper is a small frozen object that knows numbers alone: no model, no request. They compose in
the order given. Without any, what is drawn from are the model's own logits, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from jukebox_studio.errors import JukeboxError
from jukebox_studio.sampling.randomness import draw, uniforms
from jukebox_studio.sampling.weights import is_native
from jukebox_studio.sampling.windows import Window

Pick = Callable[[Tensor, int], Tensor]
"""(logits Tensor[B, V], position of the code in its window) -> ids int64 Tensor[B]"""


class Shaper(Protocol):
    """Changes the logits of one code."""

    def __call__(self, logits: Tensor, position: int) -> Tensor:
        """Tensor[B, V], position of the code in the song -> Tensor[B, V]; the input is kept."""

    def of_rows(self, rows: slice) -> Shaper:
        """The same for a part of the batch."""


@dataclass(frozen=True)
class Ban:
    """Codes that are not to be drawn."""

    ids: Tensor
    """int64 Tensor[N]"""

    def __call__(self, logits: Tensor, position: int) -> Tensor:
        return logits.index_fill(1, self.ids, -torch.inf)

    def of_rows(self, rows: slice) -> Ban:
        return self


@dataclass(frozen=True)
class Keep:
    """Holds a level to codes that it had before: a force towards the same or a like sound.

    Adds to the logit of code k: -strength x the squared distance of k's codebook vector to that of
    the original code at the same position. Strength 0 does nothing; infinite leaves the original.
    """

    original: Tensor
    """int64 Tensor[T]: the codes from the start of the song on; or Tensor[B, T], by row"""
    distances: Tensor
    """Tensor[V, V], see `code_distances`"""
    strength: Tensor
    """float Tensor[B, T], one row for each of the batch; zero at positions that are free"""
    first_id: int = 0
    """Where codes start in the vocabulary; lyrics come before them in merged models."""

    def __call__(self, logits: Tensor, position: int) -> Tensor:
        if position >= self.original.shape[-1]:
            return logits
        strength = self.strength[:, position]
        if not bool(strength.any()):
            return logits
        kept = self.original[..., position]
        shaped = logits.clone()
        # Not infinity times a distance of zero, which is no number.
        finite = strength.nan_to_num(posinf=0.0)[:, None]
        shaped[:, self.first_id :] -= finite * self.distances[kept]
        held = strength == torch.inf
        if bool(held.any()):
            shaped[held] = -torch.inf
            shaped[held, self.first_id + kept.expand(len(shaped))[held]] = 0.0
        return shaped

    def of_rows(self, rows: slice) -> Keep:
        original = self.original if self.original.dim() == 1 else self.original[rows]
        return replace(self, original=original, strength=self.strength[rows])

    def of_windows(self, windows: Sequence[Window], length: int) -> Keep:
        """The same for the rows of each window, one window after the other.

        Positions then count from the window's start; those from `length` on are free.
        """

        def cut(codes: Tensor, window: Window) -> Tensor:
            part = codes[..., window.start : window.start + length]
            return F.pad(part, (0, length - part.shape[-1])).expand(len(self.strength), -1)

        return replace(
            self,
            original=torch.cat([cut(self.original, w) for w in windows]),
            strength=torch.cat([cut(self.strength, w) for w in windows]),
        )


def code_distances(codebook: Tensor) -> Tensor:
    """Squared distances between all codes, Tensor[V, emb] -> Tensor[V, V].

    In units of the median distance from a code to its nearest neighbour, so that a strength means
    the same for every codebook.
    """
    squares = torch.cdist(codebook.double(), codebook.double()).square()
    apart = squares + torch.diag(torch.full((len(squares),), torch.inf, dtype=squares.dtype))
    nearest = apart.min(dim=1).values
    return (squares / nearest[nearest > 0].median()).float()


def keep_strength(keep: float) -> float:
    """The strength of a slider from 0 (new) to 1 (the same), rising without bound.

    Raises JukeboxError outside 0 to 1.
    """
    if not 0.0 <= keep <= 1.0:
        raise JukeboxError(f"Keep goes from 0 (new) to 1 (the same), not {keep:g}.")
    return torch.inf if keep == 1.0 else keep / (1.0 - keep)


def guide(conditional: Tensor, others: Sequence[tuple[float, Tensor]]) -> Tensor:
    """Classifier-free guidance (Ho and Salimans 2022): away from what is said of other conditions.

    conditional: logits Tensor[B, V]; others: (weight, logits Tensor[B, V]) of the same codes under
    a condition left out. Returns conditional + sum of weight x (conditional - other). Weight 0
    changes nothing.
    """
    guided = conditional
    for weight, other in others:
        guided = guided + weight * (conditional - other)
    return guided


def shaped_pick(pick: Pick, shapers: Sequence[Shaper], first_position: int) -> Pick:
    """`pick` after `shapers`, whose positions count from `first_position` of the song."""
    if not shapers:
        return pick

    def picked(logits: Tensor, position: int) -> Tensor:
        for shaper in shapers:
            logits = shaper(logits, first_position + position)
        return pick(logits, position)

    return picked


def filter_logits(
    logits: Tensor, temperature: float = 1.0, top_k: int = 0, top_p: float = 0.0
) -> Tensor:
    """Logits / temperature, with -inf where a code is ruled out: Tensor[..., V] -> Tensor[..., V].

    top_k > 0 keeps the k likeliest codes and all that tie with the k-th. top_p > 0 keeps the
    likeliest codes until their probability is above top_p, the one that crosses it included
    (Holtzman et al. 2020); of equally likely codes at that border the sort decides. 1.0 keeps all.

    Raises JukeboxError where both are asked for, or a number makes no sense.
    """
    if top_k and top_p:
        raise JukeboxError(f"Choose top-k ({top_k}) or top-p ({top_p}), not both.")
    if not temperature > 0:
        raise JukeboxError(f"The temperature must be above 0, not {temperature}.")
    if top_k < 0:
        raise JukeboxError(f"Top-k must be 0 (off) or above, not {top_k}.")
    if not 0.0 <= top_p <= 1.0:
        raise JukeboxError(f"Top-p must lie between 0 (off) and 1, not {top_p}.")
    logits = logits / temperature
    if top_k:
        least = logits.topk(min(top_k, logits.shape[-1]), dim=-1).values[..., -1:]
        return logits.masked_fill(logits < least, -torch.inf)
    if top_p:
        ordered = _descending(logits)
        mass = ordered.softmax(dim=-1).cumsum(dim=-1)
        # A code goes if the codes before it have crossed the threshold already.
        border = mass.new_full((*mass.shape[:-1], 1), top_p)
        before = torch.searchsorted(mass[..., :-1].contiguous(), border, right=True)
        least = ordered.gather(-1, before)
        following = ordered.gather(-1, (before + 1).clamp(max=ordered.shape[-1] - 1))
        if bool(((following < least) | (before == ordered.shape[-1] - 1)).all()):
            return logits.masked_fill(logits < least, -torch.inf)
        return _nucleus(logits, top_p)
    return logits


def _nucleus(logits: Tensor, top_p: float) -> Tensor:
    """What top_p keeps, by the order of all codes: the truth, also where codes are as likely."""
    ordered, order = logits.sort(dim=-1, descending=True)
    mass = ordered.softmax(dim=-1).cumsum(dim=-1)
    gone = torch.zeros_like(mass, dtype=torch.bool)
    gone[..., 1:] = mass[..., :-1] > top_p
    return logits.masked_fill(gone.scatter(-1, order, gone), -torch.inf)


def _descending(logits: Tensor) -> Tensor:
    """The values alone. numpy sorts them fifty times as fast as torch does on a CPU."""
    if logits.device.type == "cpu" and logits.dtype in (torch.float32, torch.float64):
        return torch.from_numpy(np.sort(logits.detach().numpy(), axis=-1)).flip(-1)
    return logits.sort(dim=-1, descending=True).values


def seeded_pick(
    *,
    seed: int,
    variants: Sequence[int],
    level: int,
    first_position: int,
    count: int,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 0.0,
) -> Pick:
    """Draws with the randomness of each variant; row i of the logits belongs to variants[i].

    first_position: where position 0 of the window lies in the variant, in codes; count: how many
    codes the window has. Raises JukeboxError as filter_logits and uniforms do.
    """
    table = torch.from_numpy(uniforms(seed, variants, level, first_position, count))
    return table_pick(table, temperature, top_k, top_p)


def table_pick(table: Tensor, temperature: float = 1.0, top_k: int = 0, top_p: float = 0.0) -> Pick:
    """Draws row i at position t with the uniform table[i, t], float64 Tensor[B, n].

    Compiled where that can be. Then of equally likely codes at the border of top_p the first stay.
    """
    filter_logits(torch.zeros(1), temperature, top_k, top_p)  # refuses what makes no sense

    def pick(logits: Tensor, position: int) -> Tensor:
        # Nothing checks bounds there; what does not fit is told, or made to fit, by torch.
        fits = len(table) == len(logits) and 0 <= position < table.shape[1]
        is_double = table.dtype == torch.float64 and table.device == logits.device
        if not top_k and fits and is_double and is_native(logits.device, logits.dtype, "float32"):
            # Not above: it compiles.
            from jukebox_studio.sampling.native import draw_rows

            ids = torch.empty(len(logits), dtype=torch.int64)
            rows = logits.detach().contiguous().numpy()
            if draw_rows(rows, table.numpy(), position, temperature, top_p, ids.numpy()):
                return ids
        kept = filter_logits(logits.float(), temperature, top_k, top_p)
        return draw(kept.softmax(dim=1), table[:, position])

    return pick


def greedy_pick(logits: Tensor, position: int) -> Tensor:
    """The likeliest code: what top_k=1 draws."""
    return logits.argmax(dim=1)
