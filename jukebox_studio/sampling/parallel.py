"""Sampling a lower level as many windows at once; see `segments` for how they lie.

All segments of all rows advance by one code in each step, so that the weights are read once for all
of them. Each segment is led towards the beginning of the next one, which has been there for long
when it comes to their overlap; the joint is then made where the two agree best, in codes, so that
decoding what is kept gives what was heard.

The uniform of a code is that of its place, in whichever segment, so where two segments share places
they draw alike as far as the model lets them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jukebox_studio.model.labels import LabelBatch
from jukebox_studio.model.prior import Prior
from jukebox_studio.sampling.conditions import (
    Guide,
    codes_above,
    conditions_of,
    filled_up,
    row_pick,
)
from jukebox_studio.sampling.decode import window_steps
from jukebox_studio.sampling.guidance import Keep, Pick, shaped_pick, table_pick
from jukebox_studio.sampling.randomness import uniforms
from jukebox_studio.sampling.segments import batches, leads_to
from jukebox_studio.sampling.song import LevelSettings
from jukebox_studio.sampling.windows import Window

LEAD = 2.0
"""How hard a segment is led towards the next one at the end of their overlap, as a strength of
`Keep`; it rises from nothing."""
AGREEMENT_CODES = 4
"""On each side of a joint, of which the distance between two segments is added up."""
UNMADE = -1


@dataclass(frozen=True)
class SegmentProgress:
    """How far the segments are."""

    done: int
    """Codes, summed over segments and rows."""
    total: int
    whole_batch: bool
    """Whether a batch of segments has just been finished."""
    made: Tensor
    """int64 Tensor[segments, B, longest segment]: what is there of whole batches, else `UNMADE`"""


def no_segments(segments: Sequence[Window], batch: int) -> Tensor:
    """The `made` of nothing: int64 Tensor[segments, B, longest segment]."""
    longest = max(window.length for window in segments)
    return torch.full((len(segments), batch, longest), UNMADE, dtype=torch.int64)


def sample_segments(
    prior: Prior,
    codes: Mapping[int, Tensor],
    segments: Sequence[Window],
    made: Tensor,
    *,
    seed: int,
    variants: Sequence[int],
    distances: Tensor,
    above: Tensor | None = None,
    labels: LabelBatch | None = None,
    settings: LevelSettings,
    style: Callable[[Window], Tensor] | None = None,
    guides: Sequence[Guide] = (),
    keeps: Sequence[Keep] = (),
) -> Generator[SegmentProgress, None, Tensor]:
    """Sample what is missing of `made` (as from `no_segments`); returns it whole.

    codes: by segment that is primed, the codes it is primed with, Tensor[B, primed]. variants: the
    number of each row's variant. distances: of the level's codes, see `code_distances`. keeps: as
    for whole levels. Otherwise as for `song.sample_windows`.

    What comes out depends neither on `most_rows` nor on what `made` holds already.
    """
    if prior.config.conditioner is None or prior.config.merged_lyrics:
        raise ValueError(f"{prior.config.name} has no codes above that lead through a level.")
    made = made.clone()
    batch = made.shape[1]
    total, done = batch * sum(w.new for w in segments), 0
    for part, rows in batches(len(segments), batch, settings.most_rows):
        windows = [segments[i] for i in part]
        height = rows.stop - rows.start
        length = max(w.length for w in windows)
        if bool((made[part.start : part.stop, rows, 0] == UNMADE).any()):
            conditions = [
                conditions_of(prior, labels, style(w) if style else None, guides, w)
                for w in windows
            ]
            above_each = [codes_above(prior, _padded(prior, above, w), w) for w in windows]
            numbers = variants[rows.start : rows.stop]
            level = prior.config.level
            table = np.concatenate(
                [uniforms(seed, numbers, level, w.start, length) for w in windows]
            )
            steps = window_steps(
                prior,
                y=_rows([[c.y for c in told] for told in conditions], rows),
                codes_above=_rows([[a] * (1 + len(guides)) for a in above_each], rows),
                prime=filled_up(
                    torch.empty((len(windows) * height * (1 + len(guides)), 0), dtype=torch.int64)
                ),
                pick=row_pick(
                    _led(
                        table_pick(
                            torch.from_numpy(table),
                            settings.temperature,
                            settings.top_k,
                            settings.top_p,
                        ),
                        [keep.of_rows(rows).of_windows(windows, length) for keep in keeps],
                        _given(windows, part, codes, rows, length),
                        _Lead(segments, part, rows, made, length, distances),
                    ),
                    len(windows) * height,
                    [g.weight for g in guides],
                ),
                sample_tokens=length,
                style=_rows([[c.style for c in told] for told in conditions], rows),
                plan=_rows([[c.plan for c in told] for told in conditions], rows),
                precision=settings.precision,
            )
            for now in steps:
                there = now.shape[1]
                if there == length:
                    for i, own in zip(part, now.split(height), strict=False):
                        made[i, rows, :length] = own
                        made[i, rows, segments[i].length :] = 0
                new = sum(min(max(there - w.primed, 0), w.new) for w in windows)
                yield SegmentProgress(done + height * new, total, there == length, made)
        done += height * sum(w.new for w in windows)
    return made


def _rows(parts: Sequence[Sequence[Tensor | None]], rows: slice) -> Tensor | None:
    """Of [window][condition] Tensor[B, ...]: all windows' rows, one condition after the other."""
    each = [part[rows] for of in zip(*parts, strict=True) for part in of if part is not None]
    return filled_up(torch.cat(each)) if each else None


def _padded(prior: Prior, above: Tensor | None, window: Window) -> Tensor | None:
    """`above` up to the end of a whole context: the last code goes on where the music ends."""
    config = prior.config
    if above is None or config.conditioner is None:
        return above
    end = -(-(window.start + config.n_ctx) // config.conditioner.codes_per_code_above)
    missing = max(0, end - above.shape[1])
    return torch.cat([above, above[:, -1:].expand(-1, missing)], dim=1)


def _given(
    windows: Sequence[Window], part: range, codes: Mapping[int, Tensor], rows: slice, length: int
) -> Tensor:
    """What each row is primed with, int64 Tensor[windows x rows, length]; `UNMADE` where free."""
    each = []
    for number, window in zip(part, windows, strict=True):
        given = torch.full((rows.stop - rows.start, length), UNMADE)
        if window.primed:
            given[:, : window.primed] = codes[number][rows]
        each.append(given)
    return torch.cat(each)


class _Lead:
    """What leads the segments of a batch towards those after them."""

    def __init__(
        self,
        segments: Sequence[Window],
        part: range,
        rows: slice,
        made: Tensor,
        length: int,
        distances: Tensor,
    ) -> None:
        height = rows.stop - rows.start
        size = len(part) * height
        towards = torch.zeros((size, length), dtype=torch.int64)
        strength = torch.zeros((size, length))
        self.keep = Keep(towards, distances, strength)
        self._inside: list[tuple[slice, slice, int, int]] = []
        """(rows of a segment, of the next one, where that begins in the first, codes shared)"""
        for at, (i, leads) in enumerate(zip(part, leads_to(segments)[part.start :], strict=False)):
            if not leads:
                continue
            own, after = segments[i], segments[i + 1]
            begin, shared = after.start - own.start, own.end - after.start
            mine = slice(at * height, (at + 1) * height)
            strength[mine, begin : begin + shared] = LEAD * torch.arange(1, shared + 1) / shared
            if i + 1 in part:
                others = slice(mine.stop, mine.stop + height)
                self._inside.append((mine, others, begin, shared))
            else:
                towards[mine, begin : begin + shared] = made[i + 1, rows, :shared]

    def learn(self, ids: Tensor, position: int) -> None:
        """What was drawn at a position of all segments, Tensor[segments x rows]."""
        for mine, others, begin, shared in self._inside:
            if position < shared:
                self.keep.original[mine, begin + position] = ids[others]


def _led(pick: Pick, keeps: Sequence[Keep], given: Tensor, lead: _Lead) -> Pick:
    drawn = shaped_pick(pick, [*keeps, lead.keep], 0)

    def picked(logits: Tensor, position: int) -> Tensor:
        known = given[:, position]
        ids = torch.where(known == UNMADE, drawn(logits, position), known)
        lead.learn(ids, position)
        return ids

    return picked


# Joints ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stitched:
    """Segments as one row of codes."""

    stretches: tuple[Tensor, ...]
    """int64 Tensor[B, new codes of the stretch] for each"""
    joints: Tensor
    """int64 Tensor[B, joints]: the first code that is the later segment's, counted from the start
    of the level"""


def stitch(segments: Sequence[Window], made: Tensor, distances: Tensor) -> Stitched:
    """Each code from the segment that the joints give it to.

    A joint lies where the two segments differ least in the sound of their codes around it, the
    latest of equal ones, since there both know more of the music.
    """
    batch = made.shape[1]
    stretches: list[Tensor] = []
    joints: list[Tensor] = []
    leads = leads_to(segments)
    for i, window in enumerate(segments):
        own = made[i, :, : window.length]
        if i == 0 or not leads[i - 1]:
            sofar = own[:, window.primed :]
        else:
            before = segments[i - 1]
            shared = before.end - window.start
            theirs = made[i - 1, :, before.length - shared : before.length]
            joints.append(window.start + _joint(distances[theirs, own[:, :shared]]))
            is_own = torch.arange(window.start, window.start + shared) >= joints[-1][:, None]
            overlap = torch.where(is_own, own[:, :shared], theirs)
            sofar = torch.cat([sofar[:, :-shared], overlap, own[:, shared:]], dim=1)
        if not leads[i]:
            stretches.append(sofar)
    found = torch.stack(joints, dim=1) if joints else torch.empty((batch, 0), dtype=torch.int64)
    return Stitched(tuple(stretches), found)


def _joint(apart: Tensor) -> Tensor:
    """Where to change over, given how far apart two segments are, float Tensor[B, shared].

    int64 Tensor[B]: the first of the codes that is the later segment's.
    """
    size = 2 * AGREEMENT_CODES
    if apart.shape[1] <= size:
        return torch.full((len(apart),), apart.shape[1] // 2)
    # Of a joint before code t: the codes t - AGREEMENT_CODES to t + AGREEMENT_CODES - 1.
    around = apart.unfold(1, size, 1).sum(dim=2).flip(1)
    return apart.shape[1] - AGREEMENT_CODES - around.argmin(dim=1)
