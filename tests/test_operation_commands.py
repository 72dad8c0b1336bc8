"""The commands of the operations: what they ask for, and what they refuse before any model."""

import io
import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jukebox_studio import audio
from jukebox_studio.cli import app, main
from jukebox_studio.errors import JukeboxError
from jukebox_studio.operation_commands import (
    ClipOptions,
    RenderOptions,
    continue_clip,
    relyric,
    restyle,
    upsample,
    vary,
)
from jukebox_studio.request import (
    Continue,
    Guidance,
    Place,
    Relyric,
    Request,
    Restyle,
    Sampling,
    Span,
    Vary,
    request_from_json,
)
from jukebox_studio.style import StylePoint, parse_blend
from jukebox_studio.tempo import MeterMap, TempoMap


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "a clip ü.wav"
    audio.write(path, np.zeros((88_200, 1), np.float32), 44_100)
    return path


def asked(tmp_path: Path, *arguments: str) -> Request:
    """The request that a command line stands for."""
    path = tmp_path / "request.json"
    app([*arguments, "--save-request", str(path)], result_action="return_value")
    return request_from_json(json.loads(path.read_text(encoding="utf-8")))


def test_everything_that_can_be_said_is_asked_for(tmp_path: Path, clip: Path) -> None:
    request = asked(
        tmp_path,
        *("continue", str(clip), "--bars", "2", "--tempo", "120,8:140.5", "--meter", "4/4,2:7/8"),
        *("--start", "0.5", "--length", "1", "--position", "4", "--rate", "48000"),
        *("--words", "la", "--song-seconds", "200", "--song-position", "20"),
        *("--artist", "Ada:0.5,Bo:0.5", "--genre", "hum", "--morph", "4=Bo/hum:0.5"),
        *("--lyrics", "la la", "--style-guidance", "1.5", "--lyric-guidance", "2"),
        *("--variants", "2", "--first-variant", "3", "--seed", "18446744073709551615"),
        *("--temperature", "0.9,0:0.95", "--top-k", "0,0:100", "--top-p", "0", "--preview"),
        *("--width", "0.5", "--to-grid", "--format", "flac", "--precision", "int8"),
        *("--schedule", "exact"),
    )
    assert request.operation == Continue(2.0, "bars")
    made = request.clip
    assert (made.start_samples, made.length_samples, made.rate_hz) == (22_050, 44_100, 44_100)
    assert (made.timeline_rate_hz, made.lyrics, made.path) == (48_000, "la", clip.resolve())
    assert made.song.tempo == TempoMap.of((0, 120), (8, Fraction("140.5")))
    assert made.song.meters == MeterMap.of((0, "4/4"), (2, "7/8"))
    assert made.position_samples == 2 * 48_000  # beat 4 at 120 a minute
    assert request.place == Place(200.0, 20.0)
    assert request.style.points == (
        StylePoint(0.0, parse_blend("Ada:0.5,Bo:0.5"), parse_blend("hum")),
        StylePoint(4.0, parse_blend("Bo"), parse_blend("hum:0.5")),
    )
    assert (request.lyrics, request.guidance) == ("la la", Guidance(1.5, 2.0))
    assert (request.variants, request.first_variant, request.seed) == (2, 3, 2**64 - 1)
    assert request.sampling == Sampling(0.9, 0, 0.0, "exact")
    assert request.sampling_by_level == {0: Sampling(0.95, 100, 0.0, "exact")}
    assert (request.preview_only, request.width, request.to_grid) == (True, 0.5, True)
    assert (request.file_format, request.precision) == ("flac", "int8")
    assert request.date is not None


def test_guidance_that_is_not_said_is_left_to_the_model(tmp_path: Path, clip: Path) -> None:
    line = ("continue", str(clip), "--bars", "1", "--lyrics", "la")
    assert asked(tmp_path, *line).guidance == Guidance()
    otherwise = ("--lyric-guidance", "0", "--style-guidance", "1")
    assert asked(tmp_path, *line, *otherwise).guidance == Guidance(1.0, 0.0)


def test_sampling_that_is_not_said_is_left_to_the_model(tmp_path: Path, clip: Path) -> None:
    line = ("continue", str(clip), "--bars", "1")
    left_open = asked(tmp_path, *line, "--schedule", "exact")
    assert (left_open.sampling, left_open.sampling_by_level) == (Sampling(schedule="exact"), {})
    one_level = asked(tmp_path, *line, "--top-p", "0:0.9")
    assert one_level.sampling == Sampling()
    assert one_level.sampling_by_level == {0: Sampling(top_p=0.9)}
    with pytest.raises(JukeboxError, match=r"'0:' is no top-p"):
        asked(tmp_path, *line, "--top-p", "0:")
    with pytest.raises(JukeboxError, match=r"whole number, not 1\.5"):
        asked(tmp_path, *line, "--top-k", "1.5")


@pytest.mark.parametrize(
    ("arguments", "operation"),
    [
        (["continue", "--seconds", "1.5"], Continue(1.5, "seconds")),
        (["continue", "--beats", "3"], Continue(3.0, "beats")),
        (["restyle"], Restyle(0.5)),
        (["restyle", "--keep", "0"], Restyle(0.0)),
        (
            ["relyric", "--span", "0.5-1", "--words-there", "da"],
            Relyric(Span(22_050, 44_100), words_there="da"),
        ),
        (
            ["vary", "--span", "0-0.25", "--span", "bars 0-1", "--candidates", "2"],
            None,
        ),
        (
            ["vary", "--span", "0-0.25", "--span", "1-1.5", "--candidates", "2"],
            Vary((Span(0, 11_025), Span(44_100, 66_150)), candidates=2),
        ),
        (["vary", "--span", "bars 0-0.5"], Vary((Span(0, 44_100),))),
    ],
)
def test_each_operation_has_its_command(
    tmp_path: Path, clip: Path, arguments: list[str], operation: Any
) -> None:
    line = [arguments[0], str(clip), *arguments[1:]]
    if operation is None:
        with pytest.raises(JukeboxError, match="overlap"):
            asked(tmp_path, *line)
    else:
        assert asked(tmp_path, *line).operation == operation


@pytest.mark.parametrize("bars", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_bars_are_told_with_both_ends_of_their_range(bars: float) -> None:
    with pytest.raises(JukeboxError, match="above 0 and at most 10,000"):
        continue_clip(Path("none.wav"), bars=bars)


@pytest.mark.parametrize("lengths", [{}, {"bars": 1.0, "seconds": 1.0}])
def test_one_length_is_asked_for(lengths: dict[str, float]) -> None:
    with pytest.raises(JukeboxError, match="one of --bars, --beats or --seconds"):
        continue_clip(Path("none.wav"), **lengths)


@pytest.mark.parametrize("threads", [-1, 100_000])
def test_threads_that_cannot_be_are_refused(clip: Path, threads: int) -> None:
    with pytest.raises(JukeboxError, match="threads"):
        restyle(clip, how=RenderOptions(threads=threads))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (ClipOptions(tempo="0"), "tempo"),
        (ClipOptions(tempo="fast"), "tempo must be a number, not 'fast'"),
        (ClipOptions(tempo="120,140"), "Say where the tempo 140 begins"),
        (ClipOptions(tempo="1/0"), "tempo must be a number"),
        (ClipOptions(meter="4"), "4"),
        (ClipOptions(meter="4/4,1.5:3/4"), "begins with a bar"),
        (ClipOptions(start=float("nan")), "start must be a number"),
        (ClipOptions(start=5.0), "select a stretch"),
        (ClipOptions(length=0.0), "select a stretch"),
        (ClipOptions(rate=10), "rates go from"),
        (ClipOptions(song_position=1.0), "--song-seconds"),
    ],
)
def test_a_clip_that_cannot_be_is_told(clip: Path, options: ClipOptions, said: str) -> None:
    with pytest.raises(JukeboxError, match=said):
        restyle(clip, of=options, how=RenderOptions(save_request=clip.with_suffix(".json")))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"morph": ("4",)}, "is no point of a morph"),
        ({"morph": ("x=Ada",)}, "is no point of a morph"),
        ({"temperature": "hot"}, "is no temperature"),
        ({"temperature": "0"}, "temperature must lie"),
        ({"top_k": "1.5"}, "whole number"),
        ({"top_k": "5", "top_p": "0.5"}, "not both"),
        ({"artist": "Ada:-1"}, "weight of Ada"),
        ({"variants": 0}, "1 to 64 variants"),
    ],
)
def test_options_that_cannot_be_are_told(clip: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(JukeboxError, match=said):
        restyle(clip, how=RenderOptions(save_request=clip.with_suffix(".json"), **options))


@pytest.mark.parametrize("span", ["", "1", "1-", "a-b", "bars 2", "1-1/0"])
def test_a_span_that_cannot_be_read_is_told(clip: Path, span: str) -> None:
    with pytest.raises(JukeboxError, match="is no span"):
        vary(clip, span=(span,))
    with pytest.raises(JukeboxError, match="is no span"):
        relyric(clip, span=span)


@pytest.mark.filterwarnings("ignore:.*without tokens")  # of cyclopts, of such a call in a test
def test_a_sentence_with_letters_the_pipe_has_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stderr", pipe)
    monkeypatch.setattr(sys, "argv", ["jukebox-studio", "continue", "日本.wav", "--bars", "1"])
    with pytest.raises(SystemExit) as exit_:
        main()
    pipe.flush()
    assert exit_.value.code == 2
    assert b"There is no file" in pipe.buffer.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"temperature": "0.9"}, "--temperature"),
        ({"lyrics": "la", "style_guidance": 1.0}, "--lyrics, --style-guidance"),
        ({"precision": "int8", "out": Path("elsewhere")}, "leave out --precision;"),
    ],
)
def test_a_preview_goes_on_as_it_was_asked_for(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(JukeboxError, match=said):
        upsample(tmp_path / "not-read.codes", how=RenderOptions(**options))
