"""Sampling whole levels of a song in overlapping windows, and aligning its lyrics.

The codes of a song are one tensor per level, `codes[level]`, Tensor[B, T] int64, level 0 the finest
(longest). Levels are sampled from the top down; a level may hold codes already (none, a prompt, a
saved song's), and only what is missing is made. So one loop serves every mode of the original:

| mode | codes at the start | levels |
| --- | --- | --- |
| ancestral | none | all |
| primed by audio | the encoded prompt, at every level | all |
| continue | a saved song's, cut where new music starts | all |
| upsample | a saved song's | all but the top |

Everything here is a generator of `Progress`, so a long render tells how far it is and can be left
between two codes: what is not asked for further is not computed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jukebox_studio.model.config import Precision
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
from jukebox_studio.sampling.guidance import Pick, Shaper, greedy_pick, seeded_pick, shaped_pick
from jukebox_studio.sampling.windows import (
    Window,
    hop_codes,
    schedule,
    split_rows,
    window_starts,
)


@dataclass(frozen=True)
class Progress:
    """How far a level is. Counts are codes of that level, summed over the rows of the batch."""

    level: int
    done: int
    total: int
    rows: slice
    """Of the batch, that are being sampled now."""
    window: Window
    codes: Tensor
    """int64 Tensor[rows, codes of the window so far, those given included]: a view that lives on"""


Picks = Callable[[int, Window, slice], Pick]
"""(level, window, rows of the batch) -> what chooses the codes of those rows in that window"""


def greedy(level: int, window: Window, rows: slice) -> Pick:
    """The `Picks` without randomness."""
    return greedy_pick


@dataclass(frozen=True)
class LevelSettings:
    """How one level is sampled."""

    hop_fraction: float = 0.5
    """The share of a window that is new in the next one."""
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.0
    chunk_size: int = 256
    """Codes in one pass of priming: more is faster and takes more memory."""
    most_rows: int = 16
    """Rows of the batch sampled at a time."""
    precision: Precision = "float32"


def drawn(
    seed: int,
    variants: Sequence[int],
    settings: Mapping[int, LevelSettings],
    shapers: Mapping[int, Sequence[Shaper]] | None = None,
) -> Picks:
    """The `Picks` of a render: each row draws from the stream of its own variant.

    variants: the number of each row's variant; settings, shapers: by level. Variant k of a seed
    draws the same uniforms whether made alone or among others, in one go or resumed, in whatever
    windows.
    """

    def picks(level: int, window: Window, rows: slice) -> Pick:
        shape = settings[level]
        pick = seeded_pick(
            seed=seed,
            variants=variants[rows],
            level=level,
            first_position=window.start,
            count=window.length,
            temperature=shape.temperature,
            top_k=shape.top_k,
            top_p=shape.top_p,
        )
        of_rows = [shaper.of_rows(rows) for shaper in (shapers or {}).get(level, ())]
        return shaped_pick(pick, of_rows, window.start)

    return picks


def empty_codes(batch: int, levels: int, device: torch.device | str = "cpu") -> list[Tensor]:
    """The codes of a song not begun: Tensor[B, 0] for each level."""
    return [torch.zeros((batch, 0), dtype=torch.int64, device=device) for _ in range(levels)]


def cut_codes(codes: Sequence[Tensor], samples: int, hops: Sequence[int]) -> list[Tensor]:
    """The first `samples` of a song, at every level. `hops`: audio samples per code, by level.

    Raises ValueError where `samples` is not a whole number of codes at each level.
    """
    return [c[:, : codes_in(samples, hop)] for c, hop in zip(codes, hops, strict=True)]


def codes_in(samples: int, hop_samples: int) -> int:
    """How many codes `samples` of audio are; ValueError where they are no whole number."""
    if samples % hop_samples:
        raise ValueError(f"{samples} samples are not a multiple of the hop, {hop_samples}.")
    return samples // hop_samples


def sample_song(
    priors: Mapping[int, Prior],
    codes: Sequence[Tensor],
    samples: int,
    *,
    picks: Picks,
    labels: Mapping[int, LabelBatch],
    settings: Mapping[int, LevelSettings],
    levels: Iterable[int] | None = None,
) -> Generator[Progress, None, list[Tensor]]:
    """Make a song `samples` long from the codes there are: see the table above.

    priors, labels, settings: by level (a mapping may load a prior when it is asked for it).
    labels: of models that take them, as made for the *start* of the song; each window gets its own.
    levels: which to sample, all of `priors` by default.

    Returns the codes of all levels; those not sampled are as they were. The caller's are not
    changed. Raises ValueError where the length does not fit the levels; see `sample_level`.
    """
    codes = list(codes)
    wanted = sorted(priors if levels is None else levels, reverse=True)
    for level in wanted:
        prior = priors[level]
        codes[level] = yield from sample_level(
            prior,
            codes[level],
            codes_in(samples, prior.config.hop_samples),
            above=codes[level + 1] if prior.config.conditioner else None,
            picks=picks,
            labels=labels.get(level),
            settings=settings[level],
        )
    return codes


def sample_level(
    prior: Prior,
    codes: Tensor,
    total: int,
    *,
    picks: Picks,
    above: Tensor | None = None,
    labels: LabelBatch | None = None,
    settings: LevelSettings,
    guides: Sequence[Guide] = (),
) -> Generator[Progress, None, Tensor]:
    """Bring one level to `total` codes: Tensor[B, filled] -> Tensor[B, max(filled, total)].

    above: the codes of the level above, Tensor[B, at least total / ratio], where the model has such
    a conditioner; it then needs `total` to be at least one full window. Render more and cut: see
    `windows.render_samples`.
    """
    config = prior.config
    ratio = config.conditioner.codes_per_code_above if config.conditioner else 1
    hop = hop_codes(settings.hop_fraction, config.n_ctx, ratio)
    windows = schedule(total, config.n_ctx, hop, filled=codes.shape[1])
    return (
        yield from sample_windows(
            prior,
            codes,
            windows,
            picks=picks,
            above=above,
            labels=labels,
            settings=settings,
            guides=guides,
        )
    )


def sample_windows(
    prior: Prior,
    codes: Tensor,
    windows: Sequence[Window],
    *,
    picks: Picks,
    above: Tensor | None = None,
    labels: LabelBatch | None = None,
    settings: LevelSettings,
    style: Callable[[Window], Tensor] | None = None,
    guides: Sequence[Guide] = (),
) -> Generator[Progress, None, Tensor]:
    """Sample windows one after the other, each going on where the codes then end.

    codes: Tensor[B, filled]. Each window's `primed` codes must be those at the end of what is there
    by then, as `schedule` and `extension` make them. Returns Tensor[B, end of the last window].

    style: Tensor[B, 1, W] for each window, in place of the labels' artist and genres: a blend, or
    one that changes from window to window. guides: each costs as many rows again as the batch has.

    Raises ValueError where codes or labels are missing that the model needs.
    """
    batch = codes.shape[0]
    if labels is not None and len(labels.y) != batch:
        raise ValueError(f"{batch} rows of codes, but labels for {len(labels.y)}.")
    total = batch * sum(window.new for window in windows)
    done = 0
    for window in windows:
        if window.start + window.primed != codes.shape[1]:
            raise ValueError(f"{window} does not go on from {codes.shape[1]} codes.")
        window_above = codes_above(prior, above, window)
        conditions = conditions_of(prior, labels, style(window) if style else None, guides, window)
        made = []
        for rows in split_rows(batch, settings.most_rows):
            count = rows.stop - rows.start

            def every(rows_of: Sequence[Tensor | None], part: slice = rows) -> Tensor | None:
                """The rows under each condition, one condition after the other."""
                parts = [r[part] for r in rows_of if r is not None]
                return filled_up(torch.cat(parts)) if parts else None

            prime = every([codes[:, window.start :]] * len(conditions))
            assert prime is not None
            steps = window_steps(
                prior,
                y=every([c.y for c in conditions]),
                codes_above=every([window_above] * len(conditions)),
                prime=prime,
                pick=row_pick(
                    picks(prior.config.level, window, rows), count, [g.weight for g in guides]
                ),
                sample_tokens=window.length,
                chunk_size=settings.chunk_size,
                style=every([c.style for c in conditions]),
                plan=every([c.plan for c in conditions]),
                precision=settings.precision,
            )
            there = window.primed
            while True:
                try:
                    now = next(steps)
                except StopIteration as finished:
                    made.append(finished.value.codes[:count, window.primed :])
                    break
                done += count * (now.shape[1] - there)
                there = now.shape[1]
                yield Progress(prior.config.level, done, total, rows, window, now[:count])
        codes = torch.cat([codes, torch.cat(made)], dim=1)
    return codes


def _device(prior: Prior) -> torch.device:
    return next(prior.parameters()).device


# Lyrics ------------------------------------------------------------------------------------------


def align_lyrics(
    prior: Prior, codes: Tensor, labels: LabelBatch, settings: LevelSettings
) -> Generator[tuple[int, int], None, list[NDArray[np.float32]]]:
    """Which character of the lyrics is sung at which code (paper, section 5.3).

    codes: Tensor[B, T] of the prior's level. Returns for each row float32 [T, characters]: the
    attention of the model's alignment head, window by window. Where windows overlap the earlier one
    counts, which has heard more of what leads there. Yields windows done, and in all.

    Raises ValueError for a model without an alignment head.
    """
    config = prior.config
    lyrics = config.lyrics
    if lyrics is None or lyrics.alignment_layer is None or lyrics.alignment_head is None:
        raise ValueError(f"{config.name} has no alignment head.")
    batch, length = codes.shape
    padded = torch.nn.functional.pad(codes, (0, max(config.n_ctx - length, 0)))
    hop = hop_codes(settings.hop_fraction, config.n_ctx)
    starts = window_starts(padded.shape[1], config.n_ctx, hop)
    # The last column takes the weight of padding, whose index is -1, and is dropped.
    sung = [
        np.zeros((padded.shape[1], len(full) + 1), dtype=np.float32) for full in labels.full_tokens
    ]
    for number, start in enumerate(reversed(starts), 1):
        y, indices = labels.at(start * config.hop_samples, config.sample_length, lyrics.n_tokens)
        window = slice(start, start + config.n_ctx)
        for row in range(batch):
            weights = prior.attention_weights(
                padded[row : row + 1, window].to(_device(prior)),
                torch.from_numpy(y[row : row + 1]).to(_device(prior)),
                layers=[lyrics.alignment_layer],
            )[lyrics.alignment_layer]
            # [1, heads, n_ctx, N] -> [n_ctx, N]
            sung[row][window, indices[row]] = weights[0, lyrics.alignment_head].float().cpu()
        yield number, len(starts)
    return [table[:length, :-1] for table in sung]
