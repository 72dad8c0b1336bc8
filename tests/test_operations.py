"""Plans: lengths, windows and what they look at, for any clip and any model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import (
    PRIORS,
    PUBLISHED_PRIORS,
    PUBLISHED_VQVAE,
    TINY_VQVAE,
    PriorConfig,
    VQVAEConfig,
)
from jukebox_studio.operations import (
    FAST_HOP_FRACTION,
    HOP_FRACTION,
    Plan,
    Source,
    Stretch,
    clip_result_samples,
    continue_samples,
    plan,
    result_position,
    sliding_windows,
)
from jukebox_studio.request import (
    Continue,
    Operation,
    Relyric,
    Request,
    Restyle,
    Sampling,
    Schedule,
    Span,
    Vary,
)
from jukebox_studio.style import Style, StylePoint, parse_blend
from jukebox_studio.tempo import MeterMap, SongTime, TempoMap, nearest

Model = tuple[VQVAEConfig, Mapping[int, PriorConfig]]

TINY: Model = (TINY_VQVAE, {n: PRIORS[f"tiny_level_{n}"] for n in (0, 1)})
PUBLISHED: Model = (
    PUBLISHED_VQVAE,
    {
        0: PUBLISHED_PRIORS["upsampler_level_0"],
        1: PUBLISHED_PRIORS["upsampler_level_1"],
        2: PUBLISHED_PRIORS["prior_1b_lyrics"],
    },
)
RATES_HZ = [8_000, 16_000, 22_050, 44_100, 44_101, 48_000, 96_000]

songs = st.builds(
    SongTime,
    st.builds(
        lambda first, beat, then: TempoMap.of((0, first), (beat, then)),
        st.integers(30, 300),
        st.integers(1, 20),
        st.integers(30, 300),
    ),
    st.builds(
        lambda first, bar, then: MeterMap.of((0, first), (bar, then)),
        st.sampled_from(["4/4", "3/4", "7/8"]),
        st.integers(1, 8),
        st.sampled_from(["4/4", "5/4", "6/8"]),
    ),
)


@st.composite
def clips(draw: st.DrawFn, most_seconds: float = 30.0) -> Clip:
    rate = draw(st.sampled_from(RATES_HZ))
    return Clip(
        path=Path("clip.wav"),
        start_samples=draw(st.integers(0, 1000)),
        length_samples=draw(st.integers(round(0.1 * rate), round(most_seconds * rate))),
        rate_hz=rate,
        song=draw(songs),
        timeline_rate_hz=draw(st.sampled_from(RATES_HZ)),
        position_samples=draw(st.one_of(st.none(), st.integers(0, 5_000_000))),
    )


@st.composite
def operations(draw: st.DrawFn, clip: Clip) -> Operation:
    kind = draw(st.sampled_from(["continue", "restyle", "relyric", "vary"]))
    if kind == "continue":
        unit = draw(st.sampled_from(["bars", "beats", "seconds"]))
        return Continue(draw(st.floats(0.01, 12.0)), unit)
    if kind == "restyle":
        return Restyle(draw(st.floats(0, 1)))
    places = st.integers(0, clip.length_samples)
    count = 2 if kind == "relyric" else draw(st.sampled_from([2, 4, 6]))
    edges = sorted(draw(st.lists(places, min_size=count, max_size=count, unique=True)))
    spans = tuple(Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True))
    return Relyric(spans[0]) if kind == "relyric" else Vary(spans)


def source_of(clip: Clip, vqvae: VQVAEConfig, grid: int | None = None) -> Source:
    length = nearest(Fraction(clip.length_samples * vqvae.sample_rate_hz, clip.rate_hz))
    if grid is None:
        return Source(length)
    hop = vqvae.hop_samples(vqvae.levels - 1)
    return Source(length, grid, -(-(grid + length) // hop) + 1)


def check_windows(made: Plan, priors: Mapping[int, PriorConfig]) -> None:
    """Every stretch is covered once, from what is there, inside what is there above."""
    top = max(priors)
    for level, config in priors.items():
        ratio = made.top_hop_samples // config.hop_samples
        above = config.conditioner.codes_per_code_above if config.conditioner else 0
        share = HOP_FRACTION["top" if level == top else "lower"]
        if level == top and not made.is_published:
            share = FAST_HOP_FRACTION
        planned = made.windows(config, top=level == top, bottom=level == 0)
        assert len(planned) == len(made.stretches)
        for stretch, windows in zip(made.stretches, planned, strict=True):
            filled = stretch.start * ratio
            if stretch.start == made.source_codes:
                filled -= made.tails.get(level, 0)
            for window in windows:
                assert window.start + window.primed == filled
                assert window.start >= 0
                assert window.primed > 0
                assert 0 < window.new <= window.length <= config.n_ctx
                assert window.new <= max(made.most_new, share) * config.n_ctx
                if above:
                    assert window.start % above == 0
                    assert window.start + config.n_ctx <= made.total_codes * ratio
                filled = window.end
            last = min(stretch.end, made.needed_codes if level == 0 else made.total_codes)
            assert filled == last * ratio


@pytest.mark.parametrize("model", [TINY, PUBLISHED], ids=["tiny", "published"])
@settings(max_examples=60)
@given(st.data())
def test_a_plan_gives_every_window_what_it_needs(model: Model, data: st.DataObject) -> None:
    vqvae, priors = model
    clip = data.draw(clips())
    operation = data.draw(operations(clip))
    grid = data.draw(st.one_of(st.none(), st.integers(0, 100_000)))
    style = data.draw(
        st.sampled_from([Style(), Style((StylePoint(0.0), StylePoint(1.0, parse_blend("a"))))])
    )
    sampling = Sampling(schedule=data.draw(st.sampled_from(["parallel", "exact"])))
    request = Request(clip, operation, style=style, sampling=sampling)
    source = source_of(clip, vqvae, grid)
    try:
        made = plan(vqvae, priors, request, source)
    except JukeboxError as error:
        # Of what is drawn here, only these are too little for a model.
        if not any(said in str(error) for said in ("shorter than one code", "have no sample")):
            raise
        return
    check_windows(made, priors)
    if isinstance(operation, Continue):
        tails = {level: data.draw(st.integers(0, 20)) for level in priors}
        ratios = {n: made.top_hop_samples // priors[n].hop_samples for n in priors}
        tails = {n: min(t, made.source_codes * ratios[n] - 1) for n, t in tails.items()}
        check_windows(made.with_tails(tails), priors)
    # The result comes out of codes that are made, and none of it from a decoder's edge.
    rate = vqvae.sample_rate_hz
    end = made.result_at + Fraction(made.length_samples * rate, clip.timeline_rate_hz)
    assert made.result_at >= 0
    assert end <= made.needed_samples - made.top_hop_samples + 1
    assert made.needed_codes <= made.total_codes
    # What is sampled holds all that was asked for, to the code.
    hop = made.top_hop_samples
    if isinstance(operation, Relyric | Vary):
        spans = operation.spans if isinstance(operation, Vary) else (operation.span,)
        for span in spans:
            a, b = (
                made.clip_at + nearest(Fraction(s * rate, clip.rate_hz))
                for s in (span.start_samples, span.end_samples)
            )
            codes = range(max(1, a // hop), -(-b // hop))
            sampled = [c for s in made.stretches for c in range(s.start, s.end)]
            assert set(codes) <= set(sampled)
            assert len(sampled) == len(set(sampled))
        for stretch, after in zip(made.stretches, made.followed, strict=True):
            assert after.start == stretch.end <= after.end
            assert not set(range(after.start, after.end)) & set(sampled)
            assert after.end == after.start or after.end * hop <= made.clip_at + source.clip_samples


@given(clips(), st.integers(1, 9), st.integers(1, 9))
def test_continuations_by_bars_end_on_bar_lines_and_add_up(clip: Clip, a: int, b: int) -> None:
    rate, song = clip.timeline_rate_hz, clip.song
    start = clip.end_position(rate)
    first, _ = continue_samples(clip, Continue(a))
    then = replace(
        clip,
        start_samples=0,
        length_samples=first,
        rate_hz=rate,
        position_samples=result_position(clip, Continue(a)),
    )
    assert result_position(clip, Continue(a)) == start
    second, note = continue_samples(then, Continue(b))
    both, _ = continue_samples(clip, Continue(a + b))
    assert first + second == both
    assert not note  # the first ended on a bar line
    line = song.bar_line_from(start, rate)
    assert start + both == song.sample_at(song.end_of_span(line, a + b), rate)


@given(clips(most_seconds=3), st.floats(0.01, 100))
def test_lengths_are_whole_samples_between_the_two_rounded_ends(clip: Clip, length: float) -> None:
    rate = clip.timeline_rate_hz
    seconds, _ = continue_samples(clip, Continue(length, "seconds"))
    assert abs(seconds - Fraction(length) * rate) < 1
    beats, _ = continue_samples(clip, Continue(length, "beats"))
    tempo = clip.song.tempo
    exact = tempo.seconds_at(clip.end_beat + Fraction(length)) - clip.end_seconds
    assert abs(beats - exact * rate) < 1
    assert abs(clip_result_samples(clip) - Fraction(clip.length_samples * rate, clip.rate_hz)) < 1


def steady(seconds: float, rate_hz: int = 44_100) -> Clip:
    return Clip(
        Path("clip.wav"), 0, round(seconds * rate_hz), rate_hz, SongTime.steady(120), rate_hz
    )


def test_a_bar_that_the_clip_leaves_begun_is_finished_and_told() -> None:
    length, note = continue_samples(steady(2.5), Continue(1))
    assert length == round((1.5 + 2.0) * 44_100)
    assert "inside bar 2, on beat 2" in note or "inside bar 1, on beat 2" in note
    assert "1.50 s" in note


@pytest.mark.parametrize(("schedule", "room"), [("exact", 8), ("parallel", 2)])
def test_a_continuation_hears_as_much_as_leaves_room_for_a_hop(
    schedule: Schedule, room: int
) -> None:
    vqvae, priors = TINY
    sampling = Sampling(schedule=schedule)
    request = Request(steady(8), Continue(1, "seconds"), sampling=sampling)
    made = plan(vqvae, priors, request, source_of(steady(8), vqvae))
    context = priors[1].n_ctx
    assert made.source_codes == context - context // room
    assert made.source_codes * made.top_hop_samples == made.result_at  # it ends on a code


def test_a_varied_clip_keeps_codes_of_all_its_parts() -> None:
    vqvae, priors = TINY
    clip = steady(8)
    request = Request(clip, Vary((Span(300_000, 310_000),)))
    made = plan(vqvae, priors, request, source_of(clip, vqvae))
    assert made.first_code == 0
    assert made.result_at == 0
    assert made.total_samples >= 8 * vqvae.sample_rate_hz


def test_spans_that_share_a_code_are_one_stretch() -> None:
    vqvae, priors = TINY
    clip = steady(2, 22_050)
    request = Request(clip, Vary((Span(3200, 3300), Span(3310, 6400), Span(9600, 9700))))
    made = plan(vqvae, priors, request, source_of(clip, vqvae))
    assert made.stretches == (Stretch(100, 200), Stretch(300, 304))
    assert made.followed == (Stretch(200, 300), Stretch(304, 44_100 // 32))


def test_a_span_outside_the_clip_is_refused() -> None:
    vqvae, priors = TINY
    clip = steady(1)
    with pytest.raises(JukeboxError, match="select a stretch inside the clip"):
        plan(vqvae, priors, Request(clip, Vary((Span(0, 44_101),))), source_of(clip, vqvae))


def test_windows_see_as_much_as_they_can() -> None:
    windows = sliding_windows(filled=10, total=40, n_ctx=16, fraction=0.25, ratio=1)
    assert [(w.start, w.end, w.primed) for w in windows[:3]] == [
        (0, 16, 10),
        (4, 20, 12),
        (8, 24, 12),
    ]
    assert windows[-1].end == 40
    # Not 8 codes, 8, and 2: three windows that see as much as they can.
    even = sliding_windows(filled=12, total=30, n_ctx=16, fraction=0.5, ratio=1, is_even=True)
    assert [(w.start, w.end, w.primed) for w in even] == [(2, 18, 10), (8, 24, 10), (14, 30, 10)]


@pytest.mark.parametrize("seconds", [8, 30])
def test_the_top_reads_less_again_than_is_published(seconds: int) -> None:
    vqvae, priors = PUBLISHED
    clip = Clip(Path("clip.wav"), 0, 44_100 * 60, 44_100, SongTime.steady(120), 44_100)
    read = {}
    schedules: tuple[Schedule, ...] = ("parallel", "exact")
    for schedule in schedules:
        sampling = Sampling(schedule=schedule)
        request = Request(clip, Continue(seconds, "seconds"), sampling=sampling)
        made = plan(vqvae, priors, request, source_of(clip, vqvae))
        (windows,) = made.windows(priors[2], top=True, bottom=False)
        read[schedule] = sum(w.primed for w in windows)
        assert min(w.primed for w in windows) >= priors[2].n_ctx // 2 - 1
    assert read["parallel"] < read["exact"]
    assert seconds < 30 or read["parallel"] < read["exact"] / 5
