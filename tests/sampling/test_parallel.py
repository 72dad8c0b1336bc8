"""Segments of a level on a tiny upsampler with random weights."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from other_device import moved, other_device
from tiny_priors import random_prior
from torch import Tensor

from jukebox_studio.model.config import PRIORS
from jukebox_studio.model.labels import LabelBatch
from jukebox_studio.model.prior import Prior
from jukebox_studio.sampling import parallel
from jukebox_studio.sampling.conditions import Guide
from jukebox_studio.sampling.guidance import Keep, code_distances
from jukebox_studio.sampling.parallel import UNMADE, no_segments, sample_segments, stitch
from jukebox_studio.sampling.randomness import uniforms
from jukebox_studio.sampling.segments import overlap_codes, split_stretch
from jukebox_studio.sampling.song import LevelSettings, drawn, sample_windows
from jukebox_studio.sampling.windows import Window

CONFIG = PRIORS["tiny_level_0"]
SEED, RATIO = 11, 4
TOTAL = 240


@pytest.fixture(scope="module")
def prior() -> Prior:
    return random_prior(CONFIG)


@pytest.fixture(scope="module")
def distances() -> Tensor:
    return code_distances(torch.randn(CONFIG.codebook_size, 8, generator=generator(3)))


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def codes_above(rows: int, variants: Sequence[int]) -> Tensor:
    all_rows = torch.randint(CONFIG.codebook_size, (8, TOTAL // RATIO), generator=generator(4))
    return all_rows[list(variants)]


N_TOKENS = 8


def labels(rows: int) -> LabelBatch:
    """Forty characters are sung from the twentieth code on."""
    y = np.zeros((rows, 4 + 5 + N_TOKENS), dtype=np.int64)
    y[:, 2], y[:, 4:9] = CONFIG.sample_length, -1
    sung_at = CONFIG.hop_samples * np.linspace(20, TOTAL - 10, 41)
    pauses = np.arange(40) % 5 == 4
    return LabelBatch(
        y, (tuple(range(1, 41)),) * rows, (sung_at,) * rows, centred=True, pauses=(pauses,) * rows
    )


def run(
    prior: Prior,
    distances: Tensor,
    segments: Sequence[Window],
    variants: Sequence[int] = (0, 1, 2),
    made: Tensor | None = None,
    most_rows: int = 64,
    primed: Tensor | None = None,
    **more: Any,
) -> Tensor:
    """All segments, in the codes of which nothing is free any more."""
    rows = len(variants)
    codes = {} if primed is None else {0: primed.expand(rows, -1)}
    steps = sample_segments(
        prior,
        codes,
        segments,
        no_segments(segments, rows) if made is None else made,
        seed=SEED,
        variants=variants,
        distances=distances,
        above=codes_above(rows, variants),
        labels=labels(rows),
        settings=LevelSettings(most_rows=most_rows),
        **more,
    )
    whole = result_of(steps)
    assert not bool((whole == UNMADE).any())
    return whole


def result_of(steps: Generator[Any, None, Tensor]) -> Tensor:
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            made: Tensor = finished.value
            return made


def test_one_segment_is_one_window_of_the_exact_schedule(prior, distances) -> None:
    primed = torch.randint(CONFIG.codebook_size, (1, 16), generator=generator(5))
    for window, known in ((Window(0, 60, 0), primed[:, :0]), (Window(8, 72, 16), primed)):
        made = run(prior, distances, [window], primed=known if window.primed else None)
        settings = {0: LevelSettings()}
        before = torch.zeros((3, window.start), dtype=torch.int64)
        steps = sample_windows(
            prior,
            torch.cat([before, known.expand(3, -1)], dim=1),
            [window],
            picks=drawn(SEED, [0, 1, 2], settings),
            above=codes_above(3, [0, 1, 2]),
            labels=labels(3),
            settings=settings[0],
        )
        while True:
            try:
                next(steps)
            except StopIteration as finished:
                exact = finished.value
                break
        assert torch.equal(made[0], exact[:, window.start :])
        assert torch.equal(
            stitch([window], made, distances).stretches[0], made[0, :, len(known[0]) :]
        )


def test_codes_do_not_depend_on_what_they_are_batched_with(prior, distances) -> None:
    segments = split_stretch(16, TOTAL, 16, CONFIG.n_ctx, RATIO)
    primed = torch.randint(CONFIG.codebook_size, (1, 16), generator=generator(5))
    assert len(segments) > 3
    whole = run(prior, distances, segments, primed=primed)
    for most_rows in (1, 2, 3, 7):
        other = run(prior, distances, segments, primed=primed, most_rows=most_rows)
        assert torch.equal(whole, other), most_rows
    alone = run(prior, distances, segments, [1], primed=primed)
    assert torch.equal(whole[:, 1:2], alone)
    assert not torch.equal(whole[:, 0:1], alone)


def test_codes_are_the_same_on_another_device(distances) -> None:
    segments = split_stretch(16, TOTAL, 16, CONFIG.n_ctx, RATIO)
    primed = torch.randint(CONFIG.codebook_size, (1, 16), generator=generator(5))
    prior = random_prior(CONFIG)
    here = run(prior, distances, segments, primed=primed)
    with other_device():
        moved(prior)
        assert torch.equal(run(prior, distances, segments, primed=primed), here)


def test_segments_go_on_from_whatever_is_made(prior, distances) -> None:
    segments = split_stretch(0, TOTAL, 0, CONFIG.n_ctx, RATIO)
    whole = run(prior, distances, segments)
    for kept in (1, 3):
        begun = no_segments(segments, 3)
        begun[-kept:] = whole[-kept:]
        assert torch.equal(whole, run(prior, distances, segments, made=begun, most_rows=6))
    steps_of_nothing = sample_segments(
        prior,
        {},
        segments,
        whole,
        seed=SEED,
        variants=[0, 1, 2],
        distances=distances,
        above=codes_above(3, [0, 1, 2]),
        labels=labels(3),
        settings=LevelSettings(),
    )
    assert list(steps_of_nothing) == [], "nothing is computed again"


def test_progress_counts_what_is_new_up_to_all_of_it(prior, distances) -> None:
    segments = split_stretch(16, TOTAL, 16, CONFIG.n_ctx, RATIO)
    steps = list(
        sample_segments(
            prior,
            {0: torch.zeros((2, 16), dtype=torch.int64)},
            segments,
            no_segments(segments, 2),
            seed=SEED,
            variants=[0, 1],
            distances=distances,
            above=codes_above(2, [0, 1]),
            labels=labels(2),
            settings=LevelSettings(most_rows=4),
        )
    )
    done = [step.done for step in steps]
    assert done == sorted(done)
    assert done[-1] == steps[-1].total == 2 * sum(w.new for w in segments)
    wholes = [step for step in steps if step.whole_batch]
    assert len(wholes) == -(-len(segments) // 2)
    assert bool((wholes[-1].made != UNMADE).all())


def test_segments_are_what_the_plain_pass_draws(prior, distances) -> None:
    """Where nothing leads them: each code from the full pass over its segment's own codes."""
    segments = split_stretch(0, TOTAL, 0, CONFIG.n_ctx, RATIO)
    made = run(prior, distances, segments, [2])
    above = codes_above(1, [2])
    overlap = overlap_codes(CONFIG.n_ctx)
    for number, window in enumerate(segments[:-1]):
        codes = torch.zeros((1, CONFIG.n_ctx), dtype=torch.int64)
        codes[:, : window.length] = made[number, :, : window.length]
        at = window.start * CONFIG.hop_samples
        y, indices = labels(1).at(at, CONFIG.sample_length, N_TOKENS)
        plan = labels(1).plan(indices, at, CONFIG.hop_samples, CONFIG.n_ctx)
        assert np.isfinite(plan).any()
        with torch.no_grad():
            under = above[:, window.start // RATIO : (window.start + CONFIG.n_ctx) // RATIO]
            planned = torch.from_numpy(plan).float()
            logits = prior(codes, torch.from_numpy(y), under, plan=planned)[0].double()
        u = torch.from_numpy(uniforms(SEED, [2], 0, window.start, window.length))[0]
        mass = logits.softmax(-1).cumsum(-1)
        free = slice(0, window.length - overlap)
        told = torch.searchsorted(mass[free], u[free, None]).squeeze(1)
        assert (told == codes[0, free]).float().mean() > 0.97, "but for draws at a hair's breadth"


def test_a_segment_is_led_towards_the_next(prior, distances, monkeypatch) -> None:
    segments = split_stretch(0, TOTAL, 0, CONFIG.n_ctx, RATIO)
    apart = []
    for strength in (0.0, 2.0, torch.inf):
        monkeypatch.setattr(parallel, "LEAD", strength)
        made = run(prior, distances, segments, most_rows=7)
        apart.append(
            sum(
                float(distances[made[i, :, w.length - 8 : w.length], made[i + 1, :, :8]].mean())
                for i, w in enumerate(segments[:-1])
            )
        )
    assert apart[0] > apart[1] > apart[2] == pytest.approx(0)


def test_keep_and_guidance_reach_every_segment(prior, distances) -> None:
    segments = split_stretch(0, TOTAL, 0, CONFIG.n_ctx, RATIO)
    original = torch.randint(CONFIG.codebook_size, (TOTAL,), generator=generator(6))
    strength = torch.zeros((3, TOTAL))
    strength[1] = torch.inf
    keep = Keep(original, distances, strength)
    made = stitch(segments, run(prior, distances, segments, keeps=[keep]), distances)
    free = stitch(segments, run(prior, distances, segments), distances)
    assert torch.equal(made.stretches[0][1], original)
    assert torch.equal(made.stretches[0][0], free.stretches[0][0])
    null = LabelBatch(labels(3).y, ((),) * 3)
    for weight, same in ((0.0, True), (4.0, False)):
        guided = run(prior, distances, segments, guides=[Guide(weight, null)])
        plain = run(prior, distances, segments)
        assert torch.equal(guided, plain) == same


def test_joints_lie_where_two_segments_agree() -> None:
    segments = [Window(0, 60, 10), Window(40, 100, 0), Window(200, 230, 5)]
    distances = (torch.arange(12)[:, None] - torch.arange(12)).square().float()
    made = torch.full((3, 2, 60), 5)
    made[0, :, 40:60] = 9
    made[1, :, :20] = 3
    made[0, 0, 44:52] = 3
    made[0, 1, 45:53] = made[1, 1, 5:13] = 7
    found = stitch(segments, made, distances)
    assert found.joints.tolist() == [[48], [49]]
    first, second = found.stretches
    assert (first.shape, second.shape) == ((2, 90), (2, 25))
    assert torch.equal(first[0], torch.cat([made[0, 0, 10:48], made[1, 0, 8:]]))
    assert torch.equal(first[1], torch.cat([made[0, 1, 10:49], made[1, 1, 9:]]))
    made[0, :, 40:60] = made[1, :, :20]
    assert stitch(segments, made, distances).joints.tolist() == [[56], [56]], "the latest"
