"""The schedule of a level that is sampled as many windows at once. No torch.

The codes above are known over the whole level, so its windows need not wait for each other. A
stretch is cut into segments that overlap; all are sampled side by side, as rows of one batch:

    known codes ----|                                              |---- known codes
                [given|          ]
                            [lead|          ]
                                        [lead|          ]

In an overlap both segments have codes, and one joint inside it says up to where the earlier one's
are taken. All counts are codes of one level.
"""

from __future__ import annotations

from collections.abc import Sequence

from jukebox_studio.sampling.windows import Window

OVERLAP_SHARE = 0.125
"""Of a context, that two segments share."""
GIVEN_SHARE = 0.375
"""Of a context, at most: how much of what is there the first segment goes on from."""


def overlap_codes(n_ctx: int) -> int:
    """How many codes two segments share."""
    return max(1, int(OVERLAP_SHARE * n_ctx))


def can_be_cut(n_ctx: int, ratio: int) -> bool:
    """Whether a context is long enough for segments that overlap, `ratio` codes to one above."""
    return n_ctx >= 4 * (overlap_codes(n_ctx) + ratio)


def split_stretch(filled: int, total: int, known: int, n_ctx: int, ratio: int) -> list[Window]:
    """Segments over the codes `filled` to `total`, of about one length.

    known: how many codes before `filled` are there whatever happens elsewhere. ratio: codes under
    one code of the level above; every segment starts on one of these. The first segment is primed
    with known codes, the others with none. Each shares `overlap_codes` with the next.

    Raises ValueError for an empty stretch, one that nothing known leads to from the start of a code
    above, and a context too short to be cut.
    """
    overlap = overlap_codes(n_ctx)
    if filled >= total:
        raise ValueError(f"There is nothing between code {filled} and {total}.")
    if not can_be_cut(n_ctx, ratio):
        raise ValueError(f"A context of {n_ctx} codes, {ratio} to one above, is too short.")
    given = min(known, filled, int(GIVEN_SHARE * n_ctx))
    first = -(-(filled - given) // ratio) * ratio
    if first > filled:
        raise ValueError(f"No segment can begin at code {filled}, in the midst of one above.")
    if total - first <= n_ctx:
        return [Window(first, total, primed=filled - first)]
    # Starts are rounded down to whole codes above, which may add `ratio` codes to a segment.
    count = -(-(total - first - overlap) // (n_ctx - overlap - ratio))
    step = (total - first - overlap) / count
    starts = [first + int(i * step) // ratio * ratio for i in range(count)]
    ends = [*(start + overlap for start in starts[1:]), total]
    primed = [filled - first, *[0] * (count - 1)]
    return [Window(*window) for window in zip(starts, ends, primed, strict=True)]


def leads_to(segments: Sequence[Window]) -> list[bool]:
    """Of each segment, whether the next one shares its last codes."""
    nexts = [*segments[1:], None]
    return [
        after is not None and after.start < segment.end
        for segment, after in zip(segments, nexts, strict=True)
    ]


def batches(segments: int, rows: int, most_rows: int) -> list[tuple[range, slice]]:
    """In which order and with which rows segments are sampled: at most `most_rows` at a time.

    From the last to the first, since a segment is led towards the beginning of the next. Batches
    are about as large as each other. Each is a range of segments and a slice of each one's rows.

    Raises ValueError for none of anything.
    """
    if segments < 1 or rows < 1 or most_rows < 1:
        raise ValueError(f"Cannot batch {segments} segments of {rows} rows by {most_rows}.")
    count = -(-segments // max(1, most_rows // rows))
    edges = [segments * i // count for i in range(count + 1)]
    parts = -(-rows // most_rows)
    cuts = [rows * i // parts for i in range(parts + 1)]
    return [
        (range(edges[i], edges[i + 1]), slice(cuts[j], cuts[j + 1]))
        for i in reversed(range(count))
        for j in range(parts)
    ]
