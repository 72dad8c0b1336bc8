"""What a model is told: words at their time, styles as vectors, the place in the song."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from jukebox_studio import audio
from jukebox_studio.bundle import open_bundle
from jukebox_studio.canvas import Canvas
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.loaded import Models
from jukebox_studio.model.labels import SILENT, detokenize
from jukebox_studio.request import Continue, Guidance, Place, Relyric, Request, Restyle, Span
from jukebox_studio.sampling.windows import Window
from jukebox_studio.style import Style, StylePoint, parse_blend
from jukebox_studio.tempo import SongTime
from jukebox_studio.told import Told, style_vector

RATE_HZ = 22_050


@pytest.fixture(scope="module")
def models(singing_bundle: Path) -> Models:
    models = Models()
    models.use(open_bundle(singing_bundle))
    return models


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    path = tmp_path_factory.mktemp("clips") / "clip.wav"
    audio.write(path, np.zeros((2 * RATE_HZ, 1), np.float32), RATE_HZ)
    return Clip.from_file(path, SongTime.steady(120))


def told(models: Models, request: Request) -> Told:
    return Told(request, Canvas(models, request).plan, models)


def test_words_are_told_at_the_time_they_are_sung(models: Models, clip: Clip) -> None:
    span = Span(RATE_HZ // 2, RATE_HZ)
    request = Request(
        clip, Relyric(span, words_before="oh dear", words_after="the end"), lyrics="la la"
    )
    made = told(models, request)
    words = made.words(1)
    assert words is not None
    assert words.text == "oh dear\nla la\nthe end"
    assert words.text[words.first : words.end] == "la la"
    at = words.sung_at_samples
    assert (np.diff(at) >= 0).all()
    # Half a second for two consonants, and two vowels that are held four times as long.
    assert list(at[words.first : words.end]) == [
        pytest.approx(span.start_samples + i * RATE_HZ / 20) for i in (0, 1, 5, 5, 6)
    ]
    assert at[0] == 0
    assert at[words.end + 1] == span.end_samples
    assert at[-1] < 2 * RATE_HZ
    labels = made.labels(1, 2)
    assert labels is not None
    # Sixteen characters around the one that is sung in the middle of the window.
    y, indices = labels.at(RATE_HZ // 2, 2048, 16)
    middle = int(np.searchsorted(at, RATE_HZ // 2 + 1024))
    assert list(indices[0]) == list(range(middle - 8, middle + 8))
    assert detokenize(y[1, -16:], "v2") == words.text[middle - 8 : middle + 8]
    # The upsampler is told the same words at the same times; and nobody, where none are said.
    below = made.words(0)
    assert below is not None
    assert below.text == words.text
    assert list(below.sung_at_samples) == list(at)
    assert told(models, replace(request, lyrics=None)).words(1) is None
    # Nothing is said of the music before the words; after them nobody sings.
    alone = told(models, replace(request, operation=Relyric(span))).labels(1, 1)
    assert alone is not None
    _, indices = alone.at(0, 2 * RATE_HZ, 16)
    plan = alone.plan(indices, 0, RATE_HZ // 4, 8)[0]
    assert np.isnan(plan[:2]).all()
    assert plan[2:4] == pytest.approx([3 + 0.875, 3 + 3.875], abs=0.01)
    assert (plan[4:] == SILENT).all()


def test_a_continuation_goes_on_after_the_words_of_the_clip(models: Models, clip: Clip) -> None:
    request = Request(replace(clip, lyrics="oh"), Continue(1, "seconds"), lyrics="la")
    made = told(models, request)
    words = made.words(1)
    assert words is not None
    assert (words.text, words.first, words.end) == ("oh\nla", 3, 5)
    # The clip begins before the canvas, so what was sung there is sung at its start.
    start = float(made.plan.result_at)
    assert made.plan.clip_at < 0
    assert list(words.sung_at_samples[3:]) == [start, pytest.approx(start + RATE_HZ / 5)]
    assert words.sung_at_samples[0] == 0


def test_unknown_words_are_not_empty_ones(models: Models, clip: Clip) -> None:
    def tokens(lyrics: str | None) -> list[int]:
        labels = told(models, Request(clip, Restyle(), lyrics=lyrics)).labels(1, 1)
        assert labels is not None
        return list(labels.at(0, 2048, 16)[0][0, -16:])

    assert set(tokens(None)) == {80}
    assert set(tokens("")) == {0}
    assert detokenize(tokens("la"), "v2") == "la"


def test_each_guide_leaves_one_thing_out(models: Models, clip: Clip) -> None:
    request = Request(
        clip,
        Restyle(),
        style=Style.of("Ada:0.5,Bo:0.5", "hum"),
        lyrics="la",
        guidance=Guidance(1.5, 2.5),
    )
    made, prior = told(models, request), models.prior(1)
    style, words = made.guides(prior, 3)
    assert (style.weight, words.weight) == (1.5, 2.5)
    tables = models.tables(1)
    assert tables is not None
    unknown = style_vector(prior, tables, StylePoint(0.0))
    assert style.labels is None
    assert style.style is not None
    assert torch.equal(style.style, unknown.expand(3, -1, -1))
    assert words.style is None
    assert words.labels is not None
    assert set(words.labels.at(0, 2048, 16)[0][:, -16:].ravel()) == {80}
    # The level below is led by both, too; without weights there is no guide at all.
    assert [g.weight for g in made.guides(models.prior(0), 3)] == [1.5, 2.5]
    assert told(models, replace(request, guidance=Guidance())).guides(prior, 3) == []


def test_a_blend_is_the_weighted_sum_and_one_name_is_its_label(models: Models, clip: Clip) -> None:
    prior, tables = models.prior(1), models.tables(1)
    assert tables is not None

    def vector(artists: str, genres: str = "") -> torch.Tensor:
        point = StylePoint(0.0, parse_blend(artists), parse_blend(genres))
        return style_vector(prior, tables, point)

    ada, bo, none = vector("Ada", "hum"), vector("Bo", "hum"), vector("", "hum")
    genre = vector("", "hum") - vector("")
    assert not torch.allclose(ada, bo)
    assert torch.allclose(vector("Ada:0.25,Bo:0.75", "hum"), 0.25 * ada + 0.75 * bo, atol=1e-5)
    assert torch.allclose(vector("Nobody", "hum"), none)
    assert torch.allclose(vector("Ada") + genre, ada, atol=1e-5)
    request = Request(clip, Restyle(), style=Style.of("Ada:1,Bo:0", "hum"))
    made = told(models, request)
    assert made.style(prior) is None
    labels = made.labels(1, 1)
    assert labels is not None
    split = prior.split_labels(torch.from_numpy(labels.at(0, 2048, 16)[0]))
    assert torch.equal(prior.y_emb.style(split.artist, split.genres), ada)


def test_a_morph_goes_with_the_middle_of_what_is_new(models: Models, clip: Clip) -> None:
    prior, tables = models.prior(1), models.tables(1)
    assert tables is not None
    style = Style((StylePoint(0.0, parse_blend("Ada")), StylePoint(1.0, parse_blend("Bo"))))
    request = Request(clip, Continue(1, "seconds"), style=style)
    made = told(models, request)
    at = made.style(prior)
    assert at is not None
    start = made.plan.source_codes
    codes_a_second = RATE_HZ / 32
    for seconds in (0.25, 0.75):
        middle = start + round(seconds * codes_a_second)
        window = Window(0, middle + 4, primed=middle - 4)
        expected = style_vector(prior, tables, style.at(seconds))
        assert torch.allclose(at(window), expected, atol=0.01)
    assert torch.equal(at(Window(0, 2, 0)), style_vector(prior, tables, style.at(0.0)))


@pytest.mark.parametrize(
    ("place", "expected", "notes"),
    [
        (None, (2.0, 0.0), 0),
        (Place(100.0, 30.0), (100.0, 30.0), 0),
        (Place(1000.0, 900.0), (600.0, 598.0), 1),
    ],
)
def test_the_place_in_the_song_is_held_to_what_the_model_knows(
    models: Models, clip: Clip, place: Place | None, expected: tuple[float, float], notes: int
) -> None:
    made = told(models, Request(clip, Restyle(), place=place))
    labels = made.labels(1, 1)
    assert labels is not None
    total, offset = labels.y[0, 0] / RATE_HZ, labels.y[0, 1] / RATE_HZ
    assert (total, offset) == (
        pytest.approx(expected[0], abs=0.01),
        pytest.approx(expected[1], 0.1),
    )
    assert len(made.notes) == notes


def test_the_song_of_the_timeline_is_told(models: Models, clip: Clip) -> None:
    marked = replace(
        clip,
        position_samples=10 * RATE_HZ,
        song_start_samples=4 * RATE_HZ,
        song_end_samples=64 * RATE_HZ,
    )
    labels = told(models, Request(marked, Restyle())).labels(1, 1)
    assert labels is not None
    assert labels.y[0, :2].tolist() == [60 * RATE_HZ, 6 * RATE_HZ]


def test_words_too_many_for_their_time_are_refused(models: Models, clip: Clip) -> None:
    request = Request(clip, Relyric(Span(0, RATE_HZ // 2)), lyrics="la " * 10)
    with pytest.raises(JukeboxError, match="more than anybody can sing"):
        told(models, request).labels(1, 1)
