"""What shapes the logits before a code is drawn, and the picking of codes from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from jukebox_studio.errors import JukeboxError
from jukebox_studio.sampling.randomness import draw, uniforms

Pick = Callable[[Tensor, int], Tensor]
"""(logits Tensor[B, V], position of the code in its window) -> ids int64 Tensor[B]"""


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
        ordered, order = logits.sort(dim=-1, descending=True)
        mass = ordered.softmax(dim=-1).cumsum(dim=-1)
        # A code goes if the codes before it have crossed the threshold already.
        gone = torch.zeros_like(mass, dtype=torch.bool)
        gone[..., 1:] = mass[..., :-1] > top_p
        return logits.masked_fill(gone.scatter(-1, order, gone), -torch.inf)
    return logits


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

    def pick(logits: Tensor, position: int) -> Tensor:
        kept = filter_logits(logits.float(), temperature, top_k, top_p)
        return draw(kept.softmax(dim=1), table[:, position])

    return pick


def greedy_pick(logits: Tensor, position: int) -> Tensor:
    """The likeliest code: what top_k=1 draws."""
    return logits.argmax(dim=1)
