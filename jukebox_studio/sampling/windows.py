"""The schedule of overlapping windows in which a level is sampled (paper, section 3.3). No torch.

All counts are codes of one level. A model sees `n_ctx` codes at once; longer music is sampled in
windows that each start from codes already there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FEWEST_ROWS = 4
"""Matrix products of one to three rows round differently from those of four and more, which all
round alike (measured on float32, CPU). Smaller batches are filled up with copies, so that a variant
has the same codes alone as among others."""
MOST_ROWS = 64
"""Rows of a batch beyond which a step takes longer for each code again."""


@dataclass(frozen=True)
class Window:
    """Codes `start` to `end` of a level, of which the first `primed` are there already."""

    start: int
    end: int
    primed: int

    @property
    def length(self) -> int:
        return self.end - self.start

    @property
    def new(self) -> int:
        return self.length - self.primed


def hop_codes(fraction: float, n_ctx: int, multiple: int = 1) -> int:
    """By how many codes a window starts after the last, where `fraction` of each is new.

    multiple: the codes under one code of the level above, in the midst of which no window may
    start. The hop is rounded down to it, or is it where the fraction is less.

    Raises ValueError for a fraction outside 0 < f <= 1, or one of less than a code.
    """
    hop = int(fraction * n_ctx)
    if not 0 < fraction <= 1 or hop < 1:
        raise ValueError(f"A window of {n_ctx} codes cannot hop by {fraction} of itself.")
    return max(hop // multiple, 1) * multiple


def render_samples(wanted: int, contexts: Mapping[int, int], hops: Mapping[int, int]) -> int:
    """The shortest audio of at least `wanted` samples that all levels can be sampled for.

    contexts, hops: `n_ctx` and audio samples per code, by level. Whole codes at every level, and at
    least one full window of each but the top. Render this much and cut.

    Raises ValueError for nothing wanted, or hops that do not divide the ones above.
    """
    if wanted < 1:
        raise ValueError(f"Cannot render {wanted} samples.")
    *lower, top = sorted(contexts)
    if any(hops[top] % hops[level] for level in lower):
        raise ValueError(f"Hops of {sorted(hops.values())} samples do not divide one another.")
    least = max([wanted, *(contexts[level] * hops[level] for level in lower)])
    return -(-least // hops[top]) * hops[top]


def window_starts(total: int, n_ctx: int, hop: int) -> list[int]:
    """Where the windows over `total` codes start: every `hop`, the last moved back to fit.

    Raises ValueError where not even one window fits; see `schedule`.
    """
    if total < n_ctx:
        raise ValueError(f"{total} codes are less than one window of {n_ctx}.")
    if not 1 <= hop <= n_ctx:
        raise ValueError(f"A window of {n_ctx} codes cannot hop by {hop}.")
    last = total - n_ctx
    return [*range(0, last, hop), last]


def schedule(total: int, n_ctx: int, hop: int, filled: int = 0) -> list[Window]:
    """The windows still to be sampled so that a level has `total` codes, `filled` being there.

    Windows already filled are left out. Fewer than `n_ctx` codes are one short window; there the
    original counts differently, see `extension`.
    """
    starts = [0] if total < n_ctx else window_starts(total, n_ctx, hop)
    windows = []
    for start in starts:
        end = min(start + n_ctx, total)
        if end > filled:
            windows.append(Window(start, end, primed=max(filled - start, 0)))
            filled = end
    return windows


def extension(filled: int, new: int, n_ctx: int) -> Window:
    """One window that adds `new` codes to the `filled` ones, seeing as many of them as fit.

    This is what the original does where it is asked for fewer codes in all than one window: it
    adds that many to what is there. Raises ValueError for more than a window holds.
    """
    if not 0 < new <= n_ctx:
        raise ValueError(f"One window of {n_ctx} codes cannot add {new}.")
    start = max(filled + new - n_ctx, 0)
    return Window(start, filled + new, primed=filled - start)


def split_chunks(length: int, chunk: int) -> list[int]:
    """Sizes of the passes in which `length` codes prime a model, `chunk` at a time."""
    if length < 1 or chunk < 1:
        raise ValueError(f"Cannot split {length} codes into chunks of {chunk}.")
    whole, rest = divmod(length, chunk)
    return [chunk] * whole + [rest] * (rest > 0)


def split_rows(rows: int, most: int) -> list[slice]:
    """Slices of a batch of at most `most` rows each."""
    if rows < 1 or most < 1:
        raise ValueError(f"Cannot split {rows} rows into batches of {most}.")
    return [slice(i, min(i + most, rows)) for i in range(0, rows, most)]
