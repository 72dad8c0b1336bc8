"""Requests and events as JSON, there and back, and what a request refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jukebox_studio.clip import Clip
from jukebox_studio.drawing import Drawing, Leading
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import (
    Event,
    Failed,
    Preview,
    Progress,
    Queued,
    VariantFinished,
    event_from_json,
)
from jukebox_studio.request import (
    Continue,
    Guidance,
    Operation,
    Place,
    Relyric,
    Request,
    Restyle,
    Sampling,
    Span,
    Upsample,
    Vary,
    request_from_json,
)
from jukebox_studio.style import Style, StylePoint, parse_blend
from jukebox_studio.tempo import MeterMap, SongTime, TempoMap

CLIP = Clip(
    Path("a clip ü.wav"),
    100,
    44_100,
    44_100,
    SongTime(TempoMap.of((0, 120), (8, 90.5)), MeterMap.of((0, "7/8"))),
    48_000,
    position_samples=1234,
    lyrics="la",
)
REQUEST = Request(
    CLIP,
    Continue(4.0),
    codes_path=Path("a variant.codes"),
    style=Style((StylePoint(0.0, parse_blend("Ada")), StylePoint(2.0, parse_blend("Bo:0.3")))),
    lyrics="la la",
    guidance=Guidance(1.5, 2.0),
    sampling=Sampling(0.9, top_p=0.8),
    sampling_by_level={0: Sampling(0.95, top_k=100)},
    place=Place(180.0, 30.0),
    variants=2,
    first_variant=3,
    seed=2**63,
    width=0.5,
    to_grid=True,
    file_format="flac",
    precision="int8",
    date=datetime(2026, 11, 22, 21, 5, tzinfo=UTC),
)


@pytest.mark.parametrize(
    "operation",
    [
        Continue(2.5, "seconds"),
        Restyle(0.25),
        Relyric(Span(1, 20), 0.1, "before", "there", "after"),
        Vary((Span(0, 5), Span(5, 9)), 0.2, 3),
        Upsample(),
    ],
)
def test_a_request_comes_back_as_it_was(operation: Operation) -> None:
    request = replace(REQUEST, operation=operation)
    assert request_from_json(json.loads(json.dumps(request.to_json()))) == request
    assert request.to_json()["operation"]["kind"] == operation.kind


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "version 2"),
        ({"operation": "dance"}, "no operation 'dance'"),
        ({"operation": {"kind": "dance"}}, "no operation 'dance'"),
        ({"operation": {"kind": "continue", "length": "many"}}, "length"),
        ({"operation": {"kind": "continue", "length": 0.0}}, "above 0"),
        ({"operation": {"kind": "continue", "length": 1.0, "speed": 2}}, "speed"),
        ({"operation": {"kind": "restyle", "keep": 1.5}}, "Keep goes from 0"),
        ({"variants": 65}, "1 to 64"),
        ({"colour": "blue"}, "colour"),
        ({"clip": {"path": "x"}}, "clip"),
        ({"sampling": {"temperature": 0.0}}, "temperature"),
        ({"sampling": {"loudness": 1.0}}, "loudness"),
        ({"lyrics": "x" * 100_001}, "lyrics"),
        ({"style": {"points": []}}, "point at 0 s"),
    ],
)
def test_a_bad_request_is_told(change: dict[str, Any], said: str) -> None:
    with pytest.raises(JukeboxError, match=said):
        request_from_json(REQUEST.to_json() | change)


@pytest.mark.parametrize("data", [None, [], "continue", 3])
def test_what_is_no_request_is_told(data: object) -> None:
    with pytest.raises(JukeboxError, match="version"):
        request_from_json(data)


NAN = float("nan")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Continue(0.0), "at most 10,000"),
        (lambda: Continue(NAN), "at most 10,000"),
        (lambda: Continue(1e9, "seconds"), "number of seconds"),
        (lambda: Restyle(-0.1), "Keep goes from 0"),
        (lambda: Restyle(NAN), "Keep goes from 0"),
        (lambda: Span(5, 5), "is empty"),
        (lambda: Span(-1, 5), "is empty"),
        (lambda: Vary(()), "Nothing is selected"),
        (lambda: Vary((Span(0, 5), Span(4, 9))), "overlap"),
        (lambda: Vary((Span(0, 5),), candidates=0), "1 to 64 candidates"),
        (lambda: Guidance(style=21.0), "Guidance of style"),
        (lambda: Guidance(lyrics=NAN), "Guidance of lyrics"),
        (lambda: Place(0.0, 0.0), "cannot last"),
        (lambda: Place(10.0, 10.0), "cannot start"),
        (lambda: Sampling(NAN), "temperature"),
        (lambda: Sampling(top_k=-1), "Top-k"),
        (lambda: Sampling(top_p=1.1), "Top-p"),
        (lambda: Sampling(top_k=5, top_p=0.5), "not both"),
        (lambda: replace(REQUEST, seed=-1), "2\\^64"),
        (lambda: replace(REQUEST, first_variant=2**16), "65,535"),
        (lambda: replace(REQUEST, width=NAN), "stereo width"),
        (lambda: Request(CLIP, Upsample()), "no codes to upsample"),
        (lambda: replace(REQUEST, operation=Upsample(), preview_only=True), "there already"),
    ],
)
def test_what_cannot_be_is_told_at_once(make: Any, said: str) -> None:
    with pytest.raises(JukeboxError, match=said):
        make()


def test_levels_are_drawn_as_they_are_told() -> None:
    assert REQUEST.sampling_of(0) == Sampling(0.95, top_k=100)
    assert REQUEST.sampling_of(1) == REQUEST.sampling
    assert list(REQUEST.variant_numbers) == [3, 4]


def test_what_is_left_open_is_as_recommended() -> None:
    recommended = Drawing(0.7, top_p=0.9)
    assert Sampling().over(recommended) == recommended
    assert Sampling(0.5).over(recommended) == Drawing(0.5, top_p=0.9)
    assert Sampling(top_p=0.0).over(recommended) == Drawing(0.7)
    assert Sampling(top_k=5).over(recommended) == Drawing(0.7, top_k=5)


def test_guidance_that_is_left_open_leads_to_what_is_named() -> None:
    best, none = Leading(1.5, 4.0), Style()
    plain = replace(REQUEST, style=none, lyrics=None, guidance=Guidance())
    assert plain.leading(best) == Leading()
    assert replace(plain, lyrics="").leading(best) == Leading(), "nobody sings"
    assert replace(plain, lyrics="la").leading(best) == Leading(lyrics=4.0)
    assert replace(plain, style=Style.of("Ada", "")).leading(best) == Leading(style=1.5)
    said = replace(plain, lyrics="la", guidance=Guidance(style=2.0, lyrics=0.0))
    assert said.leading(best) == Leading(style=2.0)
    settled = replace(plain, lyrics="la").settled({0: Drawing()}, best)
    assert settled.guidance == Guidance(0.0, 4.0)
    assert settled.settled({0: Drawing()}, Leading(9.0, 9.0)) == settled


def test_a_settled_request_stays_as_it_is() -> None:
    left_open = replace(REQUEST, sampling=Sampling(), sampling_by_level={2: Sampling(top_k=3)})
    recommended = {0: Drawing(0.65), 1: Drawing(), 2: Drawing(1.5)}
    settled = left_open.settled(recommended, Leading())
    assert settled.sampling == Sampling(1.5, 3, 0.0)
    assert settled.sampling_by_level == {0: Sampling(0.65, 0, 0.0), 1: Sampling(0.98, 0, 0.0)}
    assert settled.settled(dict.fromkeys(range(3), Drawing(2.0)), Leading(9.0, 9.0)) == settled
    # Levels that there are not are kept, to be told of.
    assert (
        left_open.settled({0: Drawing()}, Leading()).sampling_by_level
        == left_open.sampling_by_level
    )
    assert request_from_json(left_open.to_json()) == left_open


@pytest.mark.parametrize(
    "event",
    [
        Queued(2),
        Progress(1, 2, 3, 4.0, 5.0),
        Preview(1, Path("p.wav"), 1, 100, 44_100),
        VariantFinished(0, Path("a.wav"), Path("a.json"), Path("a.codes"), 100, 44_100, 1),
        Failed("The disk is full."),
    ],
)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    assert event_from_json(json.loads(json.dumps(event.to_json()))) == event


@pytest.mark.parametrize("data", [{}, {"event": "party"}, {"event": "note"}])
def test_what_is_no_event_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="event"):
        event_from_json(data)
