"""Every operation end to end on a tiny random model: lengths, codes, joints, files, bad input."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
import torch
from other_device import DEVICE, moved, other_device

from jukebox_studio import audio, engine, loaded, results
from jukebox_studio.bundle import Bundle, open_bundle, recommend
from jukebox_studio.canvas import Canvas, differing_tail
from jukebox_studio.clip import Clip
from jukebox_studio.codes_file import SavedCodes, read_codes, save_codes
from jukebox_studio.drawing import Drawing, Leading
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Event, Note, Preview, Progress, VariantFinished
from jukebox_studio.files import write_atomically
from jukebox_studio.job import JobFolder, goes_on, settled
from jukebox_studio.loaded import Models
from jukebox_studio.model.vqvae import VQVAE
from jukebox_studio.operations import clip_result_samples, continue_samples
from jukebox_studio.request import (
    Continue,
    FileFormat,
    Guidance,
    Operation,
    Place,
    Relyric,
    Request,
    Restyle,
    Sampling,
    Schedule,
    Span,
    Upsample,
    Vary,
    request_from_json,
)
from jukebox_studio.results import heard_again, sound_of, spans_at_rate
from jukebox_studio.sampling.weights import is_packed
from jukebox_studio.style import Style, StylePoint, parse_blend
from jukebox_studio.tempo import SongTime, TempoMap, nearest

HOP = 32
"""Samples of one of the tiny model's top codes."""
RATE_HZ = 22_050

MakeClip = Callable[..., Clip]


@pytest.fixture
def make_clip(tmp_path: Path) -> MakeClip:
    """A clip of noise and tone, so that its codes are many."""

    def make(
        seconds: float = 0.15,
        rate_hz: int = RATE_HZ,
        channels: int = 1,
        timeline_rate_hz: int | None = None,
        **more: Any,
    ) -> Clip:
        rng = np.random.default_rng(5)
        time = np.arange(round(seconds * rate_hz)) / rate_hz
        tone = 0.2 * np.sin(2 * np.pi * 220 * time)[:, None]
        samples = tone + 0.1 * rng.standard_normal((len(time), channels))
        path = tmp_path / "a clip ü.wav"
        audio.write(path, samples.astype(np.float32), rate_hz, subtype="FLOAT")
        clip = Clip.from_file(path, SongTime.steady(120))
        return replace(clip, timeline_rate_hz=timeline_rate_hz or rate_hz, **more)

    return make


@dataclass
class Rendered:
    events: list[Event]

    @property
    def finished(self) -> list[VariantFinished]:
        return [event for event in self.events if isinstance(event, VariantFinished)]

    @property
    def notes(self) -> str:
        return " ".join(event.text for event in self.events if isinstance(event, Note))

    @property
    def previews(self) -> list[Preview]:
        return [event for event in self.events if isinstance(event, Preview)]

    @property
    def codes(self) -> list[SavedCodes]:
        return [read_codes(event.codes_path) for event in self.finished]

    @property
    def samples(self) -> list[np.ndarray]:
        return [audio.read(event.audio_path).samples for event in self.finished]

    def described(self, number: int = 0) -> dict[str, Any]:
        text = self.finished[number].description_path.read_text(encoding="utf-8")
        described: dict[str, Any] = json.loads(text)
        return described


@pytest.fixture(scope="module")
def models() -> Models:
    return Models()


class Studio:
    """Renders on one bundle, whose networks are loaded once."""

    def __init__(self, folder: Path, models: Models, out: Path) -> None:
        self.bundle: Bundle = open_bundle(folder)
        self.models, self.out = models, out

    def events(
        self, request: Request, job: Path | None = None, out: Path | None = None
    ) -> Iterator[Event]:
        return engine.render(self.bundle, request, out or self.out, job, self.models)

    def render(self, request: Request, job: Path | None = None) -> Rendered:
        return Rendered(list(self.events(request, job)))


@pytest.fixture
def studio(singing_bundle: Path, models: Models, tmp_path: Path) -> Studio:
    return Studio(singing_bundle, models, tmp_path / "out")


def same_codes(a: SavedCodes, b: SavedCodes) -> bool:
    if a.levels.keys() != b.levels.keys() or (a.side is None) != (b.side is None):
        return False
    sides = a.side is None or b.side is None or torch.equal(a.side, b.side)
    return sides and all(torch.equal(codes, b.levels[level]) for level, codes in a.levels.items())


def span_of(clip: Clip, start: float, end: float) -> Span:
    """From one share of the clip to another."""
    return Span(int(start * clip.length_samples), int(end * clip.length_samples))


def operation_of(kind: str, clip: Clip) -> Operation:
    return {
        "continue": Continue(0.06, "seconds"),
        "restyle": Restyle(0.4),
        "relyric": Relyric(span_of(clip, 0.4, 0.9), words_before="da"),
        "vary": Vary((span_of(clip, 0.2, 0.4), span_of(clip, 0.6, 0.7)), candidates=2),
    }[kind]


KINDS = ["continue", "restyle", "relyric", "vary"]

# Lengths and files -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("rate_hz", "timeline_rate_hz", "channels"), [(44_101, 48_000, 2), (16_000, 16_000, 1)]
)
def test_results_have_exactly_the_length_and_are_made_again_from_their_codes(
    studio: Studio,
    make_clip: MakeClip,
    kind: str,
    rate_hz: int,
    timeline_rate_hz: int,
    channels: int,
) -> None:
    clip = make_clip(0.151, rate_hz, channels, timeline_rate_hz, position_samples=777)
    operation = operation_of(kind, clip)
    request = Request(clip, operation, lyrics="la", variants=1, seed=7, file_format="wav-float")
    rendered = studio.render(request)
    (finished,) = rendered.finished
    if isinstance(operation, Continue):
        length, _ = continue_samples(clip, operation)
    else:
        length = clip_result_samples(clip)
    info = soundfile.info(finished.audio_path)
    assert (info.frames, info.samplerate) == (length, timeline_rate_hz)
    assert (info.channels, info.subtype) == (channels, "FLOAT")
    assert finished.length_samples == length
    (saved,) = rendered.codes
    assert (saved.side is not None) == (channels == 2)
    assert np.array_equal(heard_again(studio.models, saved), rendered.samples[0])


@pytest.mark.parametrize(("length", "unit"), [(1 / 44_100, "seconds"), (0.25, "beats")])
def test_a_tempo_change_and_a_single_sample(
    studio: Studio, make_clip: MakeClip, length: float, unit: Any
) -> None:
    song = replace(SongTime.steady(120), tempo=TempoMap.of((0, 120), (Fraction(2, 5), 300)))
    clip = make_clip(0.15, 44_100, song=song)
    (finished,) = studio.render(Request(clip, Continue(length, unit), variants=1)).finished
    # 0.15 s are 0.3 beats; 0.1 more at 120 and 0.15 at 300 beats a minute are 0.05 + 0.03 s.
    expected = {"seconds": 1, "beats": nearest(Fraction(8, 100) * 44_100)}[unit]
    assert finished.length_samples == expected


@pytest.mark.parametrize(
    ("file_format", "suffix", "subtype"), [("wav", ".wav", "PCM_24"), ("flac", ".flac", "PCM_24")]
)
def test_results_come_in_the_format_asked_for(
    studio: Studio, make_clip: MakeClip, file_format: FileFormat, suffix: str, subtype: str
) -> None:
    request = Request(make_clip(), Continue(0.01, "seconds"), variants=1, file_format=file_format)
    (finished,) = studio.render(request).finished
    assert finished.audio_path.suffix == suffix
    assert soundfile.info(finished.audio_path).subtype == subtype


def test_the_description_says_how_a_result_was_made(studio: Studio, make_clip: MakeClip) -> None:
    request = Request(
        make_clip(),
        Continue(0.06, "seconds"),
        style=Style.of("Ada", "hum"),
        lyrics="la",
        variants=1,
        seed=7,
    )
    rendered = studio.render(request)
    described = rendered.described()
    manifest = studio.bundle.manifest
    as_drawn = request.settled(manifest.recommended, manifest.guidance)
    assert described["request"] == as_drawn.to_json()
    assert described["seed"] == 7
    assert described["model"]["name"] == "singing"
    assert described["licence"]["name"] == "CC-BY-SA-4.0"
    assert described["audio"]["length_samples"] == rendered.finished[0].length_samples
    assert (studio.out / described["audio"]["file"]).is_file()
    assert described["audio"]["codes"] == rendered.finished[0].codes_path.name
    words = described["lyrics"]
    assert (words["text"], words["heard"]) == ("la", True)
    assert len(words["sung_at_seconds"]) == 2
    assert words["sung_at_seconds"] == sorted(words["sung_at_seconds"])
    # In what was made, not in the clip before it.
    assert 0 <= words["sung_at_seconds"][0] <= words["sung_at_seconds"][1] < 0.06


def test_a_second_render_keeps_the_first(studio: Studio, make_clip: MakeClip) -> None:
    request = Request(make_clip(), Continue(0.01, "seconds"), variants=1)
    first, second = studio.render(request), studio.render(request)
    paths = [r.finished[0].audio_path for r in (first, second)]
    assert paths[0] != paths[1]
    assert paths[0].is_file()


def test_a_very_long_name_is_cut(studio: Studio, make_clip: MakeClip, tmp_path: Path) -> None:
    clip = make_clip()
    path = clip.path.rename(tmp_path / f"{'é' * 120}.wav")
    request = Request(replace(clip, path=path), Continue(0.01, "seconds"), variants=1)
    (finished,) = studio.render(request).finished
    assert finished.audio_path.name.startswith("éé")


# Sampling ----------------------------------------------------------------------------------------


@pytest.fixture
def tuned(singing_bundle: Path, models: Models, tmp_path: Path) -> Studio:
    """The same model, recommending that level 0 be drawn among few codes."""
    folder = Path(shutil.copytree(singing_bundle, tmp_path / "tuned"))
    recommend(open_bundle(folder), {0: Drawing(0.9, top_p=0.2)})
    return Studio(folder, models, tmp_path / "tuned out")


def test_what_a_request_leaves_open_is_as_the_bundle_recommends(
    studio: Studio, tuned: Studio, make_clip: MakeClip
) -> None:
    left_open = Request(make_clip(), Continue(0.06, "seconds"), variants=1)
    few = replace(left_open, sampling_by_level={0: Sampling(0.9, top_p=0.2)})
    plain, explicit = (studio.render(request).codes[0] for request in (left_open, few))
    recommended = tuned.render(left_open)
    assert same_codes(recommended.codes[0], explicit)
    assert not torch.equal(plain.levels[0], explicit.levels[0])
    assert torch.equal(plain.levels[1], explicit.levels[1])
    # What a request says goes before it, a part of it too.
    overridden = replace(left_open, sampling=Sampling(0.98, top_p=0.0))
    assert same_codes(tuned.render(overridden).codes[0], plain)
    warm = tuned.render(replace(left_open, sampling=Sampling(0.98))).described()["request"]
    assert Sampling(**warm["sampling_by_level"]["0"]) == Sampling(0.98, 0, 0.2)
    # The result says what it was drawn with, so that the same comes out whatever is recommended.
    said = recommended.described()["request"]
    assert said["sampling"]["temperature"] == 0.98
    again = request_from_json(said)
    recommend(tuned.bundle, {1: Drawing(0.1)})
    later = Studio(tuned.bundle.folder, tuned.models, tuned.out)
    assert same_codes(later.render(again).codes[0], recommended.codes[0])
    assert not same_codes(later.render(left_open).codes[0], recommended.codes[0])


def test_codes_stay_those_of_a_model_that_recommends_something_else(
    studio: Studio, tuned: Studio, make_clip: MakeClip
) -> None:
    request = Request(make_clip(), Restyle(0.2), variants=1)
    whole = tuned.render(request)
    (preview,) = tuned.render(replace(request, preview_only=True)).finished
    # As the preview was asked for, and not as this one recommends.
    upsampled = studio.render(Request(request.clip, Upsample(), preview.codes_path, variants=1))
    assert same_codes(upsampled.codes[0], whole.codes[0])
    assert upsampled.described()["request"]["sampling_by_level"]["0"]["top_p"] == 0.2


def test_a_job_ends_as_it_began_whatever_is_recommended_meanwhile(
    tuned: Studio, make_clip: MakeClip, tmp_path: Path
) -> None:
    request = Request(make_clip(), Restyle(0.2), variants=1)
    whole = tuned.render(request).codes[0]
    begun = tuned.events(request, tmp_path / "job")
    while not isinstance(next(begun), Progress):
        pass
    begun.close()  # type: ignore[attr-defined]
    recommend(tuned.bundle, {})
    later = Studio(tuned.bundle.folder, tuned.models, tuned.out)
    assert same_codes(later.render(request, tmp_path / "job").codes[0], whole)
    assert not same_codes(later.render(request).codes[0], whole)


# Variants ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["parallel", "exact"])
@pytest.mark.parametrize("kind", ["continue", "vary"])
def test_a_variant_is_the_same_alone_and_among_others(
    studio: Studio, make_clip: MakeClip, kind: str, schedule: Schedule
) -> None:
    clip = make_clip(channels=2)
    request = Request(
        clip,
        operation_of(kind, clip),
        sampling=Sampling(schedule=schedule),
        style=Style.of("Ada:0.5,Bo:0.5"),
        lyrics="la",
        guidance=Guidance(1.0, 1.0),
        variants=3,
        seed=7,
    )
    three = studio.render(request)
    one = studio.render(replace(request, first_variant=2, variants=1))
    assert same_codes(three.codes[2], one.codes[0])
    assert np.array_equal(three.samples[2], one.samples[0])
    assert not same_codes(three.codes[0], three.codes[1])


@pytest.mark.parametrize("kind", KINDS)
def test_each_level_has_its_schedule(studio: Studio, make_clip: MakeClip, kind: str) -> None:
    clip = make_clip()
    request = Request(clip, operation_of(kind, clip), variants=1, lyrics="la")
    one = studio.render(request)
    other = studio.render(replace(request, sampling_by_level={0: Sampling(schedule="exact")}))
    top_alone = studio.render(replace(request, sampling_by_level={1: Sampling(schedule="exact")}))
    (a,), (b,), (c,) = one.codes, other.codes, top_alone.codes
    assert torch.equal(a.levels[1], b.levels[1])
    assert a.levels[0].shape == b.levels[0].shape
    assert not torch.equal(a.levels[0], b.levels[0])
    assert not torch.equal(a.levels[1], c.levels[1]), "its windows lie further apart"
    asked = one.described()["request"]["sampling"], other.described()["request"]
    assert asked[0]["schedule"] == "parallel"
    assert asked[1]["sampling_by_level"]["0"]["schedule"] == "exact"


def test_one_window_is_the_same_in_both_schedules(studio: Studio, make_clip: MakeClip) -> None:
    request = Request(make_clip(), Continue(0.001, "seconds"), variants=1)
    exact = studio.render(replace(request, sampling_by_level={0: Sampling(schedule="exact")}))
    assert same_codes(studio.render(request).codes[0], exact.codes[0])


def test_words_are_led_to_as_the_model_recommends(
    tiny_bundle: Path, make_clip: MakeClip, tmp_path: Path
) -> None:
    """Whoever asks: the command line, the window, or a DAW without one."""
    folder = Path(shutil.copytree(tiny_bundle, tmp_path / "led"))
    recommend(open_bundle(folder), {}, Leading(lyrics=4.0))
    led = Studio(folder, Models(), tmp_path / "out")
    request = Request(make_clip(), Continue(0.15, "seconds"), lyrics="la", variants=1)
    job = tmp_path / "job"
    begun = led.render(request, job)
    assert begun.codes[0].made.request["guidance"] == {"style": 0.0, "lyrics": 4.0}
    said = led.render(replace(request, guidance=Guidance(0.0, 4.0)))
    assert same_codes(begun.codes[0], said.codes[0])
    silent = led.render(replace(request, lyrics=None))
    assert silent.codes[0].made.request["guidance"] == {"style": 0.0, "lyrics": 0.0}
    # A job ends as it began, and so does what comes of its preview.
    preview = led.render(replace(request, preview_only=True)).finished[0].codes_path
    recommend(open_bundle(folder), {})
    again = Studio(folder, Models(), tmp_path / "out").render(request, job)
    assert again.codes[0].made.request["guidance"]["lyrics"] == 4.0
    up = Studio(folder, Models(), tmp_path / "out").render(
        Request(request.clip, Upsample(), preview)
    )
    assert same_codes(up.codes[0], begun.codes[0])
    assert up.described()["request"]["guidance"]["lyrics"] == 4.0


def test_another_seed_is_other_music(studio: Studio, make_clip: MakeClip) -> None:
    request = Request(make_clip(), Restyle(0.0), variants=1, preview_only=True)
    one, other = (studio.render(replace(request, seed=seed)).codes[0] for seed in (7, 8))
    assert not same_codes(one, other)


def test_int8_is_drawn_alike_each_time_and_told(studio: Studio, make_clip: MakeClip) -> None:
    exact = Request(make_clip(), Restyle(0.0), sampling=Sampling(4.0), variants=1)
    coarse = replace(exact, precision="int8")
    one, again, other = (studio.render(request).codes[0] for request in (coarse, coarse, exact))
    assert same_codes(one, again)
    assert not same_codes(one, other)
    assert one.made.request["precision"] == "int8"
    for level in (0, 1):
        prior = studio.models.prior(level).prior
        assert (is_packed(prior, "float32"), is_packed(prior, "int8")) == (True, False)


@pytest.mark.parametrize("kind", KINDS)
def test_float16_draws_nearly_the_same(studio: Studio, make_clip: MakeClip, kind: str) -> None:
    clip = make_clip(channels=2)
    lyrics = "la" if kind in ("continue", "relyric") else None
    exact = Request(clip, operation_of(kind, clip), variants=2, lyrics=lyrics)
    exact = replace(exact, guidance=Guidance(style=1.5, lyrics=1.5 if lyrics else 0.0))
    half = replace(exact, precision="float16")
    one, again = studio.render(half), studio.render(half)
    assert "float16 is for GPUs" in one.notes
    dtypes = {p.dtype for level in (0, 1) for p in studio.models.prior(level).parameters()}
    assert dtypes == {torch.float16}
    want = studio.render(exact)
    dtypes = {p.dtype for level in (0, 1) for p in studio.models.prior(level).parameters()}
    assert dtypes == {torch.float32}
    for a, b, c in zip(one.codes, again.codes, want.codes, strict=True):
        assert same_codes(a, b)
        for level, codes in c.levels.items():
            assert float((codes == a.levels[level]).float().mean()) > 0.7, level


def test_what_is_not_compiled_is_told(
    studio: Studio, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jukebox_studio.sampling.weights.native", lambda: None)
    request = Request(make_clip(), Restyle(0.0), sampling=Sampling(4.0), variants=1)
    assert studio.render(request).notes.count("could not be compiled") == 1
    coarse = studio.events(replace(request, precision="int8"))
    with pytest.raises(JukeboxError, match="int8 needs sampling to be compiled"):
        next(coarse)  # before any work
    studio.models.device = torch.device("cuda")
    try:
        with pytest.raises(JukeboxError, match="on cuda; choose float32"):
            next(studio.events(replace(request, precision="int8")))
    finally:
        studio.models.device = torch.device("cpu")


def test_a_style_that_weighs_nothing_changes_no_number(studio: Studio, make_clip: MakeClip) -> None:
    def codes(artists: str) -> torch.Tensor:
        style = Style.of(artists, "hum")
        request = Request(
            make_clip(),
            Restyle(0.0),
            style=style,
            sampling=Sampling(4.0),  # where many codes are likely, each small change shows
            variants=1,
            preview_only=True,
        )
        return studio.render(request).codes[0].levels[1]

    pure = codes("Ada")
    assert torch.equal(codes("Ada:1,Bo:0"), pure)
    assert not torch.equal(codes("Ada:0.5,Bo:0.5"), pure)
    assert not torch.equal(codes("Bo"), pure)


def test_guidance_and_morphs_are_heard(studio: Studio, make_clip: MakeClip) -> None:
    plain = Request(
        make_clip(),
        Restyle(0.0),
        style=Style.of("Ada"),
        lyrics="la",
        sampling=Sampling(4.0),
        variants=1,
        preview_only=True,
    )
    morph = Style((StylePoint(0.0, parse_blend("Ada")), StylePoint(0.1, parse_blend("Bo"))))
    asked = [
        plain,
        replace(plain, guidance=Guidance(style=3.0)),
        replace(plain, guidance=Guidance(lyrics=3.0)),
        replace(plain, style=morph),
    ]
    made = [studio.render(request).codes[0].levels[1] for request in asked]
    for i, one in enumerate(made):
        assert not any(torch.equal(one, other) for other in made[:i])


# Keep, spans and joints --------------------------------------------------------------------------


def test_keep_goes_from_new_to_the_same(studio: Studio, make_clip: MakeClip) -> None:
    clip = make_clip()
    shares = []
    for keep in (0.0, 0.25, 0.5, 0.75, 1.0):
        request = Request(clip, Restyle(keep), variants=1, preview_only=keep < 1)
        (saved,) = studio.render(request).codes
        canvas = Canvas(studio.models, request)
        own, guide = canvas.codes(1)[0], canvas.plan.stretches[0].start
        assert torch.equal(saved.levels[1][:guide], own[:guide])
        shares.append(float((saved.levels[1] == own)[guide:].float().mean()))
    assert shares == sorted(shares)
    assert shares[0] < 0.5
    assert shares[-1] == 1.0
    assert torch.equal(saved.levels[0], canvas.codes(0)[0][: len(saved.levels[0])])


@pytest.mark.parametrize("kind", ["relyric", "vary"])
def test_nothing_outside_the_spans_is_touched(
    studio: Studio, make_clip: MakeClip, kind: str
) -> None:
    clip = make_clip(channels=2)
    operation = operation_of(kind, clip)
    request = Request(clip, operation, lyrics="la", variants=1, file_format="wav-float")
    rendered = studio.render(request)
    own = audio.read(clip.path).samples
    outside = np.ones(len(own), bool)
    for start, end in spans_at_rate(request, RATE_HZ, len(own)):
        outside[start:end] = False
    (made,) = rendered.samples
    assert np.array_equal(made[outside], own[outside])
    assert not np.array_equal(made[~outside], own[~outside])
    canvas = Canvas(studio.models, request)
    for level, ratio in ((1, 1), (0, 4)):
        kept = torch.ones(canvas.plan.total_codes * ratio, dtype=torch.bool)
        for stretch in canvas.plan.stretches:
            kept[stretch.start * ratio : stretch.end * ratio] = False
        codes, known = rendered.codes[0].levels[level], canvas.codes(level)[0]
        assert torch.equal(codes[kept], known[kept])
        assert not torch.equal(codes[~kept], known[~kept])
    assert rendered.described()["joints"]


def test_both_channels_together_are_the_middle(studio: Studio, make_clip: MakeClip) -> None:
    request = Request(make_clip(channels=2), Restyle(0.2), variants=1, file_format="wav-float")
    rendered = studio.render(request)
    (saved,), (made,) = rendered.codes, rendered.samples
    assert saved.side is not None
    assert not torch.equal(saved.side, saved.levels[0])
    canvas = Canvas(studio.models, request)
    mid = sound_of(canvas, saved.levels[0], None, 0, saved.made.gain_db).samples
    assert np.abs(made[:, 0] - made[:, 1]).max() > 1e-3
    assert np.abs(made.mean(axis=1) - mid[:, 0]).max() < 1e-6
    mono = studio.render(replace(request, width=0.0))
    assert mono.codes[0].side is None
    assert torch.equal(mono.codes[0].levels[0], saved.levels[0])
    assert np.array_equal(mono.samples[0][:, 0], mono.samples[0][:, 1])


@pytest.mark.parametrize("kind", KINDS)
def test_two_channels_of_the_same_are_rendered_once(
    studio: Studio, make_clip: MakeClip, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip()
    same = audio.read(clip.path).samples.repeat(2, axis=1)
    audio.write(clip.path, same, RATE_HZ, subtype="FLOAT")
    operation, lyrics = operation_of(kind, clip), "la" if kind == "relyric" else None
    request = Request(clip, operation, variants=4, lyrics=lyrics, file_format="wav-float")
    rendered = studio.render(request)
    assert [codes.side for codes in rendered.codes] == [None] * 4
    # With a side it would be the same to the last bit, and take twice as long.
    monkeypatch.setattr(engine, "has_width", lambda canvas: True)
    twice = studio.render(request)
    for one, other in zip(rendered.codes, twice.codes, strict=True):
        assert other.side is not None
        assert torch.equal(one.levels[0], other.levels[0])
    for sound, other_sound in zip(rendered.samples, twice.samples, strict=True):
        assert sound.shape[1] == 2
        assert np.array_equal(sound, other_sound)


def test_width_anywhere_in_what_is_measured_is_rendered(
    studio: Studio, make_clip: MakeClip
) -> None:
    clip = make_clip(0.5, channels=2)
    samples = audio.read(clip.path).samples.copy()
    samples[-len(samples) // 3 :, 1] = samples[-len(samples) // 3 :, 0]
    audio.write(clip.path, samples, RATE_HZ, subtype="FLOAT")
    request = Request(clip, Continue(0.1, "seconds"), variants=1, file_format="wav-float")
    rendered = studio.render(request)
    assert rendered.codes[0].side is not None
    assert np.abs(np.diff(rendered.samples[0], axis=1)).max() > 1e-3


def test_the_tail_that_knows_a_false_future_is_measured(
    studio: Studio, make_clip: MakeClip
) -> None:
    clip = make_clip(0.5)
    request = Request(clip, Continue(0.02, "seconds"), variants=1)
    studio.models.use(studio.bundle)
    canvas = Canvas(studio.models, request)
    tails, vqvae = canvas.tails(), studio.models.vqvae()
    assert set(tails) == {0, 1}
    for level, tail in tails.items():
        hop = vqvae.config.hop_samples(level)
        reach = -(-vqvae.config.encoder_receptive_samples(level) // (2 * hop))
        assert 0 <= tail <= reach
        assert tail == differing_tail(vqvae, canvas.mono(), level, canvas.codes(level)[0])
    assert max(tails.values()) > 0
    # A sound of which every future is the same has none.
    silence = np.zeros(vqvae.config.hop_samples(1) * 200, np.float32)
    codes = vqvae.encode_chunked(torch.from_numpy(silence)[None, :, None], 1)[0]
    assert differing_tail(vqvae, silence, 1, codes) == 0
    codes[:] = (codes + 1) % vqvae.config.codebook_size
    assert differing_tail(vqvae, silence, 1, codes) > 0


# Codes as a start --------------------------------------------------------------------------------


def clip_of(finished: VariantFinished, clip: Clip) -> Clip:
    return replace(
        clip,
        path=finished.audio_path,
        start_samples=0,
        length_samples=finished.length_samples,
        rate_hz=finished.rate_hz,
    )


def test_a_preview_becomes_what_it_would_have_been(studio: Studio, make_clip: MakeClip) -> None:
    request = Request(make_clip(channels=2), Restyle(0.3), variants=2, seed=3)
    whole = studio.render(request)
    previews = studio.render(replace(request, preview_only=True))
    assert [event.level for event in previews.finished] == [1, 1]
    assert all("preview" in event.audio_path.name for event in previews.finished)
    up = Request(request.clip, Upsample(), previews.finished[1].codes_path)
    upsampled = studio.render(up)
    (finished,) = upsampled.finished
    assert (finished.variant, finished.level) == (1, 0)
    assert same_codes(upsampled.codes[0], whole.codes[1])
    assert np.array_equal(upsampled.samples[0], whole.samples[1])


def test_a_variant_goes_on_from_its_codes(
    studio: Studio, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip()
    first = studio.render(Request(clip, Continue(0.1, "seconds"), variants=1))
    (finished,), (saved,) = first.finished, first.codes

    def never(*_: object) -> None:
        raise AssertionError("encoded")

    monkeypatch.setattr(VQVAE, "encode_chunked", never)
    request = Request(
        clip_of(finished, clip), Continue(0.05, "seconds"), finished.codes_path, variants=1
    )
    second = studio.render(request)
    canvas = Canvas(studio.models, request)
    known, plan = canvas.plan.source_codes, canvas.plan
    old = saved.levels[1][plan.first_code : plan.first_code + known]
    assert torch.equal(second.codes[0].levels[1][:known], old)
    # The codes it starts from end less than a code before its own sound does.
    assert 0 <= plan.result_at - known * HOP < HOP
    assert second.finished[0].length_samples == nearest(Fraction(5, 100) * RATE_HZ)
    varied = Vary((span_of(clip, 0.1, 0.2),), candidates=1)
    again = studio.render(replace(request, operation=varied))
    assert np.array_equal(
        again.samples[0][span_of(clip, 0.1, 0.2).end_samples :],
        audio.read(finished.audio_path).samples[span_of(clip, 0.1, 0.2).end_samples :],
    )


def test_a_varied_clip_is_varied_again_elsewhere(
    studio: Studio, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(0.3)
    late, early = (Vary((span_of(clip, *at),), candidates=1) for at in ((0.8, 0.9), (0.1, 0.2)))
    first = studio.render(Request(clip, late, variants=1))
    (finished,) = first.finished
    monkeypatch.setattr(VQVAE, "encode_chunked", None)
    second = studio.render(Request(clip_of(finished, clip), early, finished.codes_path, variants=1))
    differ = (first.codes[0].levels[1] != second.codes[0].levels[1]).nonzero()
    span = early.spans[0]
    assert len(differ)
    assert span.start_samples // HOP <= int(differ.min())
    assert int(differ.max()) <= span.end_samples // HOP


def test_codes_of_another_model_are_refused(
    studio: Studio, make_clip: MakeClip, tiny_bundle: Path, tmp_path: Path
) -> None:
    clip = make_clip()
    (finished,) = studio.render(Request(clip, Restyle(), variants=1, preview_only=True)).finished
    other = Studio(tiny_bundle, Models(), tmp_path / "other")
    for operation in (Upsample(), Continue(0.1, "seconds")):
        with pytest.raises(JukeboxError, match="made with singing, whose codes mean nothing"):
            other.render(Request(clip, operation, finished.codes_path))
    with pytest.raises(JukeboxError, match="render it in full first"):
        studio.render(Request(clip, Continue(0.1, "seconds"), finished.codes_path))
    longer = make_clip(0.2)
    with pytest.raises(JukeboxError, match="ends after them"):
        studio.render(Request(longer, Restyle(), finished.codes_path, preview_only=True))


def _with(codes: torch.Tensor, number: int) -> torch.Tensor:
    changed = codes.clone()
    changed[len(codes) // 2] = number
    return changed


@pytest.mark.parametrize(
    ("level", "damaged", "said"),
    [
        (0, lambda codes: _with(codes, 32), "level 0 holds 32, and there are 0 to 31"),
        (1, lambda codes: _with(codes, -1), "level 1 holds -1"),
        (1, lambda codes: codes[:-40], "samples long, which does not fit"),
        (0, lambda codes: codes[:-40], "level 0 is .* samples long, which does not fit"),
        (0, lambda codes: torch.cat([codes, codes[:4]]), "level 0 is .* samples long"),
        (2, lambda codes: codes, r"levels are \[0, 1, 2\]"),
    ],
)
def test_damaged_codes_are_refused_before_any_work(
    studio: Studio,
    make_clip: MakeClip,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    level: int,
    damaged: Callable[[torch.Tensor], torch.Tensor],
    said: str,
) -> None:
    clip = make_clip(channels=2)
    rendered = studio.render(Request(clip, Restyle(), variants=1))
    (saved,), (finished,) = rendered.codes, rendered.finished
    levels = saved.levels | {level: damaged(saved.levels[min(level, 1)])}
    path = tmp_path / "damaged.codes"
    save_codes(path, saved.made, levels, saved.side)
    monkeypatch.setattr(studio.models, "prior", lambda level: pytest.fail("That is work."))
    for operation in (Upsample(), Continue(0.05, "seconds")):
        with pytest.raises(JukeboxError, match=f"codes are damaged: .*{said}"):
            studio.render(Request(clip, operation, path))
    if level == 0:
        save_codes(path, saved.made, saved.levels, levels[0])
        with pytest.raises(JukeboxError, match="codes are damaged"):
            heard_again(studio.models, read_codes(path))
    assert same_codes(read_codes(finished.codes_path), saved)


# Words -------------------------------------------------------------------------------------------


def test_new_words_need_a_voice(
    mute_bundle: Path, make_clip: MakeClip, studio: Studio, tmp_path: Path
) -> None:
    clip = make_clip()
    span = span_of(clip, 0.2, 0.9)
    mute = Studio(mute_bundle, Models(), tmp_path / "mute")
    with pytest.raises(JukeboxError, match="mute does not sing"):
        mute.render(Request(clip, Relyric(span), lyrics="la"))
    with pytest.raises(JukeboxError, match="no new words"):
        studio.render(Request(clip, Relyric(span)))
    request = Request(clip, Restyle(), lyrics="la", variants=1, preview_only=True)
    assert "lyrics are left out" in mute.render(request).notes
    with pytest.raises(JukeboxError, match="more than anybody can sing"):
        studio.render(replace(request, lyrics="la " * 50))


def test_other_syllables_are_told_before_the_work(studio: Studio, make_clip: MakeClip) -> None:
    clip = make_clip(0.6)
    operation = Relyric(span_of(clip, 0.1, 0.9), words_there="one two three four five six")
    events = studio.events(Request(clip, operation, lyrics="hello", variants=1))
    note = next(event for event in events if isinstance(event, Note))
    assert "syllables" in note.text


def test_what_the_model_does_not_know_is_told(studio: Studio, make_clip: MakeClip) -> None:
    request = Request(
        make_clip(),
        Continue(0.1, "seconds"),
        style=Style.of("Nobody Ever", "hum"),
        lyrics="la ☃",
        place=Place(10_000.0, 9_000.0),
        variants=1,
        preview_only=True,
    )
    rendered = studio.render(request)
    assert "“Nobody Ever”" in rendered.notes
    assert "“hum”" not in rendered.notes
    assert "☃" in rendered.notes
    assert "singing knows songs of 0 to 600 s" in rendered.notes
    assert "of 10000 s" in rendered.notes
    assert rendered.described()["notes"] == [
        event.text for event in rendered.events if isinstance(event, Note)
    ]


# Progress, previews, stopping --------------------------------------------------------------------


def test_progress_counts_up_to_all_codes_of_every_level(
    studio: Studio, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PROGRESS_SECONDS", 0.0)
    clip = make_clip(channels=2)
    events = studio.render(Request(clip, operation_of("vary", clip), variants=1)).events
    for level in (0, 1):
        progress = [e for e in events if isinstance(e, Progress) and e.level == level]
        assert [e.done for e in progress] == sorted({e.done for e in progress})
        assert progress[-1].done == progress[-1].total
        assert progress[-1].seconds_left >= 0.0


def test_previews_grow_and_never_change_what_was_given(
    studio: Studio, make_clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PREVIEW_SECONDS", 0.03)
    monkeypatch.setattr(engine, "PROGRESS_SECONDS", 0.0)
    # Whoever listens has heard each through when there is more.
    monkeypatch.setattr(engine.time, "monotonic", count().__next__)
    clip = make_clip(channels=2)
    operation = Continue(0.15, "seconds")
    request = Request(clip, operation, variants=2, preview_only=True)
    heard: dict[int, list[np.ndarray]] = {0: [], 1: []}
    for event in studio.events(request, tmp_path / "job"):
        if isinstance(event, Preview):
            samples = audio.read(event.audio_path).samples
            assert len(samples) == event.length_samples
            heard[event.variant].append(samples)
    for sounds in heard.values():
        assert len(sounds) >= 3
        for before, after in pairwise(sounds):
            assert len(after) > len(before)
            assert np.array_equal(after[: len(before)], before)
        assert len(sounds[-1]) == continue_samples(clip, operation)[0]
    assert not studio.render(request).previews  # there is no folder for any


def test_previews_come_as_often_as_they_can_be_listened_to(
    studio: Studio, make_clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PREVIEW_SECONDS", 0.02)
    monkeypatch.setattr(engine, "PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr(engine, "SOON_SECONDS", 0.0)
    request = Request(make_clip(), Continue(0.3, "seconds"), variants=1, preview_only=True)
    now = 0.0
    monkeypatch.setattr(engine.time, "monotonic", lambda: now)

    def lengths(music_per_second: float) -> list[int]:
        nonlocal now
        found, done = [], 0
        vqvae = studio.bundle.manifest.vqvae
        code_seconds = vqvae.hop_samples(vqvae.levels - 1) / vqvae.sample_rate_hz
        for event in studio.events(request, tmp_path / f"{music_per_second}"):
            if isinstance(event, Preview):
                found.append(event.length_samples)
            elif isinstance(event, Progress):
                now += (event.done - done) * code_seconds / music_per_second
                done = event.done
        return found

    # Nobody can have heard half of the first one when the last comes.
    assert len(lengths(1000.0)) == 2
    # Nor all of any: each is twice as long as the one before.
    doubled = lengths(1.5)
    assert len(doubled) >= 3
    assert all(after >= 1.5 * before for before, after in pairwise(doubled[:-1]))
    assert len(lengths(0.01)) > len(doubled)
    # At 1.5 times its speed all of it takes 0.2 s.
    monkeypatch.setattr(engine, "SOON_SECONDS", 0.5)
    assert len(lengths(1.4)) == 1
    assert len(lengths(0.02)) > 1


def test_a_result_shorter_than_a_window_is_heard_when_it_is_there(
    studio: Studio, make_clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sampled beyond it, to fill a window of the level below, may take minutes."""
    monkeypatch.setattr(engine, "PREVIEW_SECONDS", 5 * HOP / RATE_HZ)
    monkeypatch.setattr(engine, "PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr("jukebox_studio.canvas.SHORTEST_CLIP_SECONDS", 0.0)
    now = 0.0
    monkeypatch.setattr(engine.time, "monotonic", lambda: now)
    clip = make_clip(2.5 * HOP / RATE_HZ)
    request = Request(clip, Continue(4 * HOP / RATE_HZ, "seconds"), variants=1, preview_only=True)
    heard, done, total = [], 0, 0
    for event in studio.events(request, tmp_path / "job"):
        if isinstance(event, Progress):
            now += event.done - done  # a code a second
            done, total = event.done, event.total
        elif isinstance(event, Preview):
            heard.append(done)
    assert heard
    assert heard[0] < total / 2


def test_the_time_left_knows_how_long_lower_levels_took(
    studio: Studio, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PROGRESS_SECONDS", 0.0)
    now = 0.0
    monkeypatch.setattr(engine.time, "monotonic", lambda: now)
    request = Request(make_clip(), Continue(0.15, "seconds"), variants=2)
    studio.models.paces.clear()

    def foretold_and_true() -> tuple[float, float]:
        """At the first progress; a code of the top takes a second, one below it ten."""
        nonlocal now
        foretold, done, level = None, 0, -1
        for event in studio.events(request):
            if isinstance(event, Progress):
                done = done if event.level == level else 0
                now += (event.done - done) * (
                    1.0 if event.level == studio.bundle.manifest.vqvae.levels - 1 else 10.0
                )
                done, level = event.done, event.level
                if foretold is None:
                    foretold, told_at = event.seconds_left, now
        assert foretold is not None
        return foretold, now - told_at

    guessed, took = foretold_and_true()
    assert guessed != pytest.approx(took, rel=0.1)
    known, took = foretold_and_true()
    assert known == pytest.approx(took, rel=0.1)


def test_every_variant_is_previewed_however_soon_it_is_whole(
    studio: Studio, make_clip: MakeClip, tmp_path: Path
) -> None:
    """Also on a warm engine, which knows that the levels below take no time."""
    request = Request(make_clip(), Continue(0.15, "seconds"), variants=2)
    for job in ("cold", "warm", "warmer"):
        rendered = studio.render(request, tmp_path / job)
        assert {p.variant for p in rendered.previews} == {0, 1}


def test_a_span_is_previewed_when_it_is_whole(
    studio: Studio, make_clip: MakeClip, tmp_path: Path
) -> None:
    clip = make_clip()
    request = Request(clip, operation_of("vary", clip), variants=2, preview_only=True)
    previews = studio.render(request, tmp_path / "job").previews
    assert [p.variant for p in previews] == [0, 1]
    assert {p.length_samples for p in previews} == {clip.length_samples}


@pytest.mark.parametrize(
    ("kind", "schedule"),
    [*((kind, "parallel") for kind in (*KINDS, "upsample")), ("vary", "exact")],
)
def test_a_render_stopped_many_times_ends_as_if_it_never_was(
    studio: Studio,
    make_clip: MakeClip,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    schedule: Schedule,
) -> None:
    monkeypatch.setattr(engine, "PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr(engine, "PREVIEW_SECONDS", 0.05)
    sampling = Sampling(schedule=schedule)
    clip = make_clip(0.11, channels=2)
    if kind == "upsample":
        preview = Request(clip, Restyle(0.2), variants=1, preview_only=True)
        path = studio.render(preview).finished[0].codes_path
        request = Request(clip, Upsample(), path)
    else:
        operation = operation_of(kind, clip)
        request = Request(clip, operation, sampling=sampling, lyrics="la", variants=2, seed=3)
    whole = studio.render(request)
    out, job = tmp_path / "stopped", tmp_path / "job"
    takes, events = 10, list[Event]()
    while True:
        stopped = studio.events(request, job, out)
        events = [event for event, _ in zip(stopped, range(takes), strict=False)]
        stopped.close()  # type: ignore[attr-defined]
        if len(events) < takes:
            break
        takes = takes * 8 // 5  # a window takes so long at least, or it would never be done
    made = Rendered(events)
    count = len(whole.finished)
    assert len(made.finished) == len(list(out.glob("*.wav"))) == count
    assert all(same_codes(a, b) for a, b in zip(made.codes, whole.codes, strict=True))
    for a, b in zip(made.samples, whole.samples, strict=True):
        assert np.array_equal(a, b)
    again = studio.render(request, job)
    assert not [event for event in again.events if isinstance(event, Progress)]
    assert [e.audio_path for e in again.finished] == [e.audio_path for e in made.finished]


def test_a_variant_killed_while_it_is_written_leaves_one_file(
    studio: Studio, make_clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request(make_clip(), Restyle(), variants=1, preview_only=True)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(engine, "save_codes", killed)
        with pytest.raises(KeyboardInterrupt):
            studio.render(request, tmp_path / "job")
    assert len(list(studio.out.glob("*.wav"))) == 1
    (finished,) = studio.render(request, tmp_path / "job").finished
    assert list(studio.out.glob("*.wav")) == [finished.audio_path]


def test_a_job_of_another_request_or_model_is_refused(
    studio: Studio, make_clip: MakeClip, tmp_path: Path, tiny_bundle: Path
) -> None:
    request = Request(make_clip(), Continue(0.01, "seconds"), variants=1, preview_only=True)
    studio.render(request, tmp_path / "job")
    with pytest.raises(JukeboxError, match="another request"):
        studio.render(replace(request, seed=1), tmp_path / "job")
    with pytest.raises(JukeboxError, match="another model"):
        Studio(tiny_bundle, Models(), studio.out).render(request, tmp_path / "job")


def test_the_same_command_goes_on_with_what_it_began(
    studio: Studio, make_clip: MakeClip, tmp_path: Path
) -> None:
    first = Request(make_clip(), Restyle(), date=datetime(2026, 11, 22, tzinfo=UTC))
    again = replace(first, date=datetime(2026, 11, 23, tzinfo=UTC))
    assert goes_on(tmp_path / "job", first, studio.bundle) is first
    begun = settled(first, studio.bundle, tmp_path / "job")
    JobFolder.open(tmp_path / "job", studio.bundle, begun, studio.out)
    assert goes_on(tmp_path / "job", again, studio.bundle) == begun
    other = replace(again, seed=1)
    assert goes_on(tmp_path / "job", other, studio.bundle) is other


def test_the_same_upsampling_goes_on_with_what_it_began(
    studio: Studio, make_clip: MakeClip, tmp_path: Path
) -> None:
    exact = Sampling(schedule="exact")
    asked = Request(make_clip(), Restyle(0.2), variants=1, sampling=exact, preview_only=True)
    (preview,) = studio.render(asked).finished
    first = Request(
        asked.clip,
        Upsample(),
        preview.codes_path,
        variants=1,
        date=datetime(2026, 11, 22, tzinfo=UTC),
    )
    (made,) = studio.render(first, tmp_path / "job").finished
    again = replace(first, date=datetime(2026, 11, 23, tzinfo=UTC))
    begun = goes_on(tmp_path / "job", again, studio.bundle)
    assert studio.render(begun, tmp_path / "job").finished == [made]


def test_a_preview_without_music_to_spare_is_not_moved_onto_the_beat(
    studio: Studio, make_clip: MakeClip
) -> None:
    preview = Request(make_clip(), Continue(0.15, "seconds"), variants=1, preview_only=True)
    (plain,) = studio.render(preview).finished
    with pytest.raises(JukeboxError, match="without music to spare"):
        studio.render(Request(preview.clip, Upsample(), plain.codes_path, to_grid=True))
    (spared,) = studio.render(replace(preview, to_grid=True)).finished
    for to_grid in (True, False):
        upsampling = Request(preview.clip, Upsample(), spared.codes_path, to_grid=to_grid)
        (made,) = studio.render(upsampling).finished
        on = replace(preview, clip=Clip.from_file(made.audio_path, preview.clip.song))
        assert studio.render(replace(on, codes_path=made.codes_path)).finished


def test_a_left_render_leaves_nothing_behind(studio: Studio, make_clip: MakeClip) -> None:
    events = studio.events(Request(make_clip(), Restyle(), variants=1))
    while not isinstance(next(events), Progress):
        pass
    events.close()  # type: ignore[attr-defined]
    assert list(studio.out.iterdir()) == []


# Bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"operation": Vary((Span(0, 10**6),))}, "select a stretch inside the clip"),
        ({"operation": Continue(700, "seconds")}, "knows songs up to 600 s"),
        ({"sampling_by_level": {2: Sampling()}}, "has the levels 0 to 1"),
        ({"codes_path": Path("none.codes")}, "cannot be read"),
    ],
)
def test_what_cannot_be_made_is_told_before_the_work(
    studio: Studio, make_clip: MakeClip, change: dict[str, Any], said: str
) -> None:
    request = replace(Request(make_clip(), Restyle(), variants=1), **change)
    with pytest.raises(JukeboxError, match=said):
        next(studio.events(request))
    assert not studio.out.exists() or not list(studio.out.iterdir())


def test_a_clip_too_short_is_refused(studio: Studio, make_clip: MakeClip) -> None:
    with pytest.raises(JukeboxError, match=r"at least 0.1 s"):
        studio.render(Request(make_clip(0.09), Restyle()))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 5e4])
def test_a_clip_that_is_no_sound_is_refused(
    studio: Studio, make_clip: MakeClip, wrong: float
) -> None:
    clip = make_clip()
    samples = audio.read(clip.path).samples.copy()
    samples[100] = wrong
    soundfile.write(clip.path, samples, RATE_HZ, subtype="FLOAT")
    with pytest.raises(JukeboxError, match=r"clip ü\.wav holds"):
        studio.render(Request(clip, Restyle()))


@pytest.mark.parametrize(
    "file", ["labels_v2.json", "prior_level_0.safetensors", "vqvae.safetensors", "manifest.json"]
)
def test_a_damaged_model_is_named_before_the_work(
    tiny_bundle: Path, make_clip: MakeClip, tmp_path: Path, file: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_bundle, folder)
    bundle = open_bundle(folder)
    (folder / file).unlink()
    events = engine.render(bundle, Request(make_clip(), Restyle()), tmp_path / "out")
    with pytest.raises(JukeboxError, match=file if file != "manifest.json" else "is gone"):
        next(events)


def test_a_full_disk_leaves_no_file(
    studio: Studio, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        if path.suffix == ".json":
            raise JukeboxError("no room")
        write_atomically(path, content)

    monkeypatch.setattr(engine, "write_atomically", full)
    with pytest.raises(JukeboxError, match="no room"):
        studio.render(Request(make_clip(), Restyle(), variants=1, preview_only=True))
    assert list(studio.out.iterdir()) == []


def test_too_little_room_is_told_before_the_work(
    studio: Studio, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(JukeboxError, match="left and the results need"):
        studio.render(Request(make_clip(), Restyle()))


def test_little_memory_makes_fewer_rows_at_a_time_and_the_same_codes(
    studio: Studio, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request(make_clip(), Restyle(0.2), variants=6, preview_only=True)
    plenty = studio.render(request)
    level = 1
    need = next(n for n in engine_memory(studio).levels if n.level == level)
    free = (need.held_bytes + 4.5 * need.row_bytes) / 0.8
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": free}))
    short = Studio(studio.bundle.folder, Models(), studio.out).render(request)
    assert "4 of 6 rows are sampled at a time" in short.notes
    for a, b in zip(short.codes, plenty.codes, strict=True):
        assert same_codes(a, b)
    whole = replace(request, preview_only=False)
    many = Studio(studio.bundle.folder, Models(), studio.out).render(whole)
    assert "rows are sampled at a time" in many.notes
    monkeypatch.undo()
    assert same_codes(many.codes[2], studio.render(whole).codes[2])
    free = need.held_bytes / 2
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": free}))
    with pytest.raises(JukeboxError, match="Close other programs"):
        Studio(studio.bundle.folder, Models(), studio.out).render(request)


@pytest.mark.parametrize("kind", KINDS)
def test_a_render_with_the_network_on_another_device(
    studio: Studio, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    clip = make_clip(channels=2)
    lyrics = "la" if kind in ("continue", "relyric") else None
    request = Request(clip, operation_of(kind, clip), variants=2, lyrics=lyrics)
    request = replace(request, guidance=Guidance(style=1.5, lyrics=1.5 if lyrics else 0.0))
    here = studio.render(request)
    for name in ("load_prior", "load_vqvae"):
        load = getattr(loaded, name)
        monkeypatch.setattr(loaded, name, lambda *a, load=load: moved(load(*a)))
    with other_device():
        there = Studio(studio.bundle.folder, Models(), studio.out).render(request)
    # Another stack computes there, so the last bits differ, and with them a code here and there.
    for a, b in zip(here.codes, there.codes, strict=True):
        for level, codes in a.levels.items():
            assert float((codes == b.levels[level]).float().mean()) > 0.8, level


def test_a_preview_in_int8_is_upsampled_where_there_is_no_int8(
    studio: Studio, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request(make_clip(), Restyle(0.2), variants=1, precision="int8", preview_only=True)
    preview = studio.render(request).finished[0].codes_path
    upsampling = Request(request.clip, Upsample(), preview)
    here = studio.render(upsampling)
    assert (here.notes, here.codes[0].made.request["precision"]) == ("", "int8")
    for name in ("load_prior", "load_vqvae"):
        load = getattr(loaded, name)
        monkeypatch.setattr(
            loaded,
            name,
            lambda *a, load=load: moved(load(*("cpu" if x is DEVICE else x for x in a))),
        )
    models = Models()
    models.device = DEVICE
    with other_device():
        there = Studio(studio.bundle.folder, models, studio.out).render(upsampling)
    assert "made in int8, which cannot be had here" in there.notes
    assert there.described()["notes"] == [there.notes]
    assert there.codes[0].made.request["precision"] == "float32"
    assert torch.equal(here.codes[0].levels[1], there.codes[0].levels[1])


def engine_memory(studio: Studio) -> Any:
    from jukebox_studio import memory

    return memory.plan(studio.bundle.manifest)


def test_a_stretched_span_leaves_the_rest(
    studio: Studio, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip()
    request = Request(clip, operation_of("vary", clip), to_grid=True)
    studio.models.use(studio.bundle)
    canvas = Canvas(studio.models, request)
    own = audio.read(clip.path).samples
    asked = []

    def halved(samples: np.ndarray, rate_hz: int, song: SongTime, start: Fraction, **_: Any) -> Any:
        asked.append((start, len(samples)))
        return samples / 2

    monkeypatch.setattr(results.grid, "stretch_to_grid", halved)
    made = results.on_grid(canvas, own)
    for start, end in spans_at_rate(request, RATE_HZ, len(own)):
        assert (Fraction(start, RATE_HZ), end - start) in asked
        assert np.array_equal(made[start:end], own[start:end] / 2)
        own[start:end] = made[start:end]
    assert np.array_equal(made, own)
