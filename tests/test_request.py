"""Requests and events as JSON, there and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Failed, Progress, VariantFinished, event_from_json
from jukebox_studio.request import ContinueRequest, Sampling, request_from_json

REQUEST = ContinueRequest(
    Path("a clip.wav"),
    1000,
    artist="Ada",
    genre="hum",
    sampling=Sampling(0.9, top_p=0.8),
    variants=2,
    seed=2**63,
    file_format="flac",
)


def test_a_request_comes_back_as_it_was() -> None:
    assert request_from_json(json.loads(json.dumps(REQUEST.to_json()))) == REQUEST


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "version 2"),
        ({"operation": "dance"}, "no operation 'dance'"),
        ({"length_samples": "many"}, "length_samples"),
        ({"length_samples": 0}, "no sample"),
        ({"variants": 65}, "1 to 64"),
        ({"colour": "blue"}, "colour"),
        ({"sampling": {"temperature": 0.0}}, "temperature"),
        ({"sampling": {"loudness": 1.0}}, "loudness"),
    ],
)
def test_a_bad_request_is_told(change: dict[str, object], said: str) -> None:
    with pytest.raises(JukeboxError, match=said):
        request_from_json(REQUEST.to_json() | change)


@pytest.mark.parametrize("data", [None, [], "continue", 3])
def test_what_is_no_request_is_told(data: object) -> None:
    with pytest.raises(JukeboxError, match="version"):
        request_from_json(data)


@pytest.mark.parametrize(
    "event",
    [
        Progress(1, 2, 3, 4.0, 5.0),
        VariantFinished(0, Path("a.wav"), Path("a.json"), 100, 44_100),
        Failed("The disk is full."),
    ],
)
def test_an_event_comes_back_as_it_was(event) -> None:
    assert event_from_json(json.loads(json.dumps(event.to_json()))) == event


@pytest.mark.parametrize("data", [{}, {"event": "party"}, {"event": "note"}])
def test_what_is_no_event_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="event"):
        event_from_json(data)
