"""The commands `continue`, `restyle`, `relyric`, `vary` and `upsample`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from jukebox_studio import audio
from jukebox_studio.clip import Clip
from jukebox_studio.command_types import Whole
from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import Precision
from jukebox_studio.progress import show_render
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
)
from jukebox_studio.sampling_options import said_of_sampling
from jukebox_studio.style import Style, StylePoint, parse_blend
from jukebox_studio.tempo import MeterMap, SongTime, TempoMap, nearest

MOST_THREADS = 256


@Parameter(name="*")
@dataclass(frozen=True)
class ClipOptions:
    """The clip and its time."""

    tempo: str = "120"
    """Beats (quarter notes) per minute. With changes: `120,8:140` goes to 140 at beat 8."""
    meter: str = "4/4"
    """Time signature. With changes: `4/4,8:7/8` goes to 7/8 at bar 8, counted from 0."""
    start: float = 0.0
    """Where the clip starts in its file, in seconds."""
    length: float | None = None
    """How long the clip is, in seconds; without, to the end of the file."""
    position: float | None = None
    """Where the clip lies on the timeline, in beats."""
    rate: Whole = 0
    """Samples per second of the results; 0 is the clip's own."""
    words: str = ""
    """What the clip sings."""
    codes: Path | None = None
    """The codes of a variant that the clip is, to go on from without encoding it."""
    song_seconds: float | None = None
    """How long the whole song is, for the model to know."""
    song_position: float = 0.0
    """Where in the song the clip starts, in seconds; needs --song-seconds."""

    def clip(self, path: Path) -> Clip:
        info = audio.inspect(path)
        song = SongTime(_tempo_map(self.tempo), _meter_map(self.meter))
        start = nearest(_seconds(self.start, "start") * info.rate_hz)
        count = None
        if self.length is not None:
            count = nearest(_seconds(self.length, "length") * info.rate_hz)
        clip = Clip.from_file(path, song, start_samples=start, length_samples=count)
        rate = self.rate or info.rate_hz
        position = None
        if self.position is not None:
            position = song.sample_at(_seconds(self.position, "position"), rate)
        return Clip(
            path=clip.path.resolve(),
            start_samples=clip.start_samples,
            length_samples=clip.length_samples,
            rate_hz=clip.rate_hz,
            song=song,
            timeline_rate_hz=rate,
            position_samples=position,
            lyrics=self.words,
        )

    def place(self) -> Place | None:
        if self.song_seconds is None:
            if self.song_position:
                raise JukeboxError("Say how long the song is too, with --song-seconds.")
            return None
        return Place(self.song_seconds, self.song_position)


@Parameter(name="*")
@dataclass(frozen=True)
class RenderOptions:
    """How to render."""

    artist: str = ""
    """In whose style: a name, or a blend like A:0.5,B:0.5; see `jukebox-studio models info`."""
    genre: str = ""
    """In which genre, likewise."""
    morph: tuple[str, ...] = ()
    """Later styles: `SECONDS=ARTISTS` or `SECONDS=ARTISTS/GENRES`; weights glide in between."""
    lyrics: str | None = None
    """Words to sing, for models that sing; "" asks for music without a voice."""
    style_guidance: float | None = None
    """How hard to lead towards the style, 0 being off; else as the model recommends."""
    lyric_guidance: float | None = None
    """How hard to lead towards the words, likewise."""
    variants: Whole = 3
    """How many different results."""
    first_variant: Whole = 0
    """The number of the first: variant 3 of a seed alone is `--first-variant 3 --variants 1`."""
    seed: Whole = 0
    """The same seed gives the same results."""
    temperature: str = ""
    """Below 1 is safer, above 1 wilder; else as the model recommends. By level: `0.98,0:0.9`."""
    top_k: str = ""
    """Draw among the k likeliest codes only; 0 is off. By level: `0,1:100`."""
    top_p: str = ""
    """Draw among the likeliest codes that together have this probability; 0 is off."""
    schedule: Schedule = "parallel"
    """Levels below the top: many windows side by side, or, exact, one after the other as published,
    several times as slow."""
    preview: bool = False
    """Make the top level only; `upsample` goes on from there."""
    width: float = 1.0
    """Stereo width of the results of a stereo clip: 1 is the clip's own, 0 is mono."""
    to_grid: bool = False
    """Stretch a result whose onsets lie off the beat."""
    file_format: Annotated[FileFormat, Parameter(name="--format")] = "wav"
    """24-bit WAV, float WAV or 24-bit FLAC."""
    precision: Precision = "float32"
    """int8 samples faster with large models, float16 takes half the memory of a GPU; both draw a
    little otherwise."""
    out: Path = Path("out")
    """Folder of the results."""
    job: Path | None = None
    """Folder that keeps what is done, so that the same command goes on after a kill."""
    model: str = "starter"
    """Name or folder of the model."""
    threads: Whole = 0
    """Processor threads; 0 leaves one core free for the DAW."""
    json_lines: Annotated[bool, Parameter(name="--json")] = False
    """Print events as JSON lines."""
    save_request: Path | None = None
    """Write the request as JSON, for `queue add`, and render nothing."""

    def style(self) -> Style:
        points = [StylePoint(0.0, parse_blend(self.artist), parse_blend(self.genre))]
        for text in self.morph:
            at, equals, blend = text.partition("=")
            artists, _, genres = blend.partition("/")
            try:
                seconds = float(at)
            except ValueError:
                equals = ""
            if not equals:
                raise JukeboxError(
                    f"{text!r} is no point of a morph; write SECONDS=ARTISTS, like 4=A:0.5,B:0.5."
                )
            points.append(StylePoint(seconds, parse_blend(artists), parse_blend(genres)))
        return Style(tuple(points))

    def sampling(self) -> tuple[Sampling, dict[int, Sampling]]:
        return said_of_sampling(self.temperature, self.top_k, self.top_p, self.schedule)


_CLIP, _HOW = ClipOptions(), RenderOptions()
_OF_UPSAMPLE = (
    *("width", "to_grid", "file_format", "out", "job", "model"),
    *("threads", "json_lines", "save_request"),
)
"""What can be said anew of a preview; the rest is as it was asked for."""


def continue_clip(
    clip: Path,
    *,
    bars: float | None = None,
    beats: float | None = None,
    seconds: float | None = None,
    of: ClipOptions = _CLIP,
    how: RenderOptions = _HOW,
) -> None:
    """Write variants that go on where a clip stops.

    Each lies beside its codes and a JSON that says how it was made.

    Parameters
    ----------
    clip
        The audio file to continue.
    bars
        Length of the continuation; it ends on a bar line.
    beats
        Length in quarter notes, instead of bars.
    seconds
        Length in seconds, instead of bars.
    """
    lengths = {"bars": bars, "beats": beats, "seconds": seconds}
    given = [(value, unit) for unit, value in lengths.items() if value is not None]
    if len(given) != 1:
        raise JukeboxError("Say how long it should be with one of --bars, --beats or --seconds.")
    value, unit = given[0]
    _render(clip, Continue(value, unit), of, how)  # type: ignore[arg-type]


def restyle(
    clip: Path, *, keep: float = 0.5, of: ClipOptions = _CLIP, how: RenderOptions = _HOW
) -> None:
    """Write variants of a clip in another style.

    Parameters
    ----------
    clip
        The audio file.
    keep
        From 0, only the start of the clip guides it, to 1, the clip as the model hears it.
    """
    _render(clip, Restyle(keep), of, how)


def relyric(
    clip: Path,
    *,
    span: str,
    keep: float = 0.3,
    words_before: str = "",
    words_there: str = "",
    words_after: str = "",
    of: ClipOptions = _CLIP,
    how: RenderOptions = _HOW,
) -> None:
    """Write variants of a clip with a span sung again, with the words of --lyrics.

    Parameters
    ----------
    clip
        The audio file.
    span
        What is sung again, in seconds of the clip: `2-4.5`, or in bars of the clip: `bars 2-4`,
        from the end of bar 2.
    keep
        How much of the music stays, from 0 to 1.
    words_before
        What the clip sings before the span.
    words_there
        What it sings there so far, to compare syllables with.
    words_after
        What it sings after the span.
    """
    made = of.clip(clip)
    (only,) = _spans((span,), made)
    _run(made, Relyric(only, keep, words_before, words_there, words_after), of, how)


def vary(
    clip: Path,
    *,
    span: tuple[str, ...],
    keep: float = 0.0,
    candidates: Whole = 4,
    of: ClipOptions = _CLIP,
    how: RenderOptions = _HOW,
) -> None:
    """Write variants of a clip with one or more spans made anew.

    Parameters
    ----------
    clip
        The audio file.
    span
        What is made anew, as in `relyric`; may be given more than once.
    keep
        How much of the music stays, from 0 to 1.
    candidates
        Tops tried for each variant, of which the one that leads best to what follows is kept.
    """
    made = of.clip(clip)
    _run(made, Vary(_spans(span, made), keep, candidates), of, how)


def upsample(codes: Path, *, how: RenderOptions = _HOW) -> None:
    """Bring a preview to full quality, from its codes.

    Parameters
    ----------
    codes
        The codes of the preview, the file beside it that ends in `.codes`.
    """
    from jukebox_studio.codes_file import read_codes
    from jukebox_studio.request import request_from_json

    said = [f.name for f in fields(how) if getattr(how, f.name) != getattr(_HOW, f.name)]
    if over := [name for name in said if name not in _OF_UPSAMPLE]:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in over)
        raise JukeboxError(
            f"A preview is brought to full quality as it was asked for, so leave out {options}; "
            "make a new preview for something else."
        )
    before = request_from_json(read_codes(codes).made.request)
    request = Request(
        clip=before.clip,
        operation=Upsample(),
        codes_path=codes.resolve(),
        variants=1,
        seed=before.seed,
        width=how.width,
        to_grid=how.to_grid,
        file_format=how.file_format,
        date=datetime.now(UTC),
    )
    _start(request, how)


def _render(path: Path, operation: Operation, of: ClipOptions, how: RenderOptions) -> None:
    _run(of.clip(path), operation, of, how)


def _run(clip: Clip, operation: Operation, of: ClipOptions, how: RenderOptions) -> None:
    sampling, by_level = how.sampling()
    request = Request(
        clip=clip,
        operation=operation,
        codes_path=of.codes.resolve() if of.codes else None,
        style=how.style(),
        lyrics=how.lyrics,
        guidance=Guidance(how.style_guidance, how.lyric_guidance),
        sampling=sampling,
        sampling_by_level=by_level,
        place=of.place(),
        variants=how.variants,
        first_variant=how.first_variant,
        seed=how.seed,
        preview_only=how.preview,
        width=how.width,
        to_grid=how.to_grid,
        file_format=how.file_format,
        precision=how.precision,
        date=datetime.now(UTC),
    )
    _start(request, how)


def _start(request: Request, how: RenderOptions) -> None:
    if not 0 <= how.threads <= MOST_THREADS:
        raise JukeboxError(f"Ask for 0 (all but one) to {MOST_THREADS} threads, not {how.threads}.")
    if how.save_request is not None:
        from jukebox_studio.files import write_atomically

        text = json.dumps(request.to_json(), indent=1) + "\n"
        write_atomically(how.save_request, text.encode())
        return
    # After the arguments: bad ones are told without the seconds that torch takes to load.
    import torch

    from jukebox_studio.bundle import find_bundle
    from jukebox_studio.engine import render
    from jukebox_studio.job import goes_on

    torch.set_num_threads(how.threads or max(1, (os.cpu_count() or 1) - 1))
    bundle = find_bundle(how.model)
    if how.job is not None:
        request = goes_on(how.job, request, bundle)
    events = render(bundle, request, how.out, how.job)
    if how.json_lines:
        for event in events:
            print(json.dumps(event.to_json()), flush=True)  # ASCII: right in any pipe
    else:
        show_render(events, bundle.manifest.licence.in_plain_words)


# What options say --------------------------------------------------------------------------------


def _seconds(value: float, what: str) -> Fraction:
    try:
        exact = Fraction(str(value))
    except ValueError as error:
        raise JukeboxError(f"The {what} must be a number, not {value}.") from error
    if not 0 <= exact < 10**9:
        raise JukeboxError(f"The {what} cannot be {value:g}.")
    return exact


def _changes(text: str, what: str) -> list[tuple[Fraction, str]]:
    """`120,8:140` as [(0, "120"), (8, "140")]."""
    found = []
    for i, piece in enumerate(text.split(",")):
        at, colon, value = piece.rpartition(":")
        try:
            found.append((Fraction(at) if colon else Fraction(0), value.strip()))
        except (ValueError, ZeroDivisionError):
            raise JukeboxError(
                f"{piece!r} is no change of {what}; write the place, a colon and the {what}."
            ) from None
        if i and not colon:
            raise JukeboxError(f"Say where the {what} {piece.strip()} begins, with a colon.")
    return found


def _tempo_map(text: str) -> TempoMap:
    changes = []
    for beat, tempo in _changes(text, "tempo"):
        try:
            changes.append((beat, Fraction(tempo)))
        except (ValueError, ZeroDivisionError):
            raise JukeboxError(f"The tempo must be a number, not {tempo!r}.") from None
    return TempoMap.of(*changes)


def _meter_map(text: str) -> MeterMap:
    changes = []
    for bar, meter in _changes(text, "meter"):
        if bar.denominator != 1:
            raise JukeboxError(f"A meter begins with a bar, not at bar {float(bar):g}.")
        changes.append((bar.numerator, meter))
    return MeterMap.of(*changes)


def _spans(texts: tuple[str, ...], clip: Clip) -> tuple[Span, ...]:
    """`2-4.5` (seconds of the clip) or `bars 1-3` (of the clip, from the end of bar 1)."""
    spans = []
    for text in texts:
        in_bars = text.startswith("bars")
        start, dash, end = text.removeprefix("bars").strip().partition("-")
        try:
            a, b = Fraction(start), Fraction(end)
        except (ValueError, ZeroDivisionError):
            dash = ""
        if not dash:
            raise JukeboxError(f"{text!r} is no span; write 2-4.5 for seconds, or bars 1-3.")
        if in_bars:
            first = clip.start_beat
            times = [
                clip.song.tempo.seconds_at(clip.song.end_of_span(first, bars)) - clip.start_seconds
                for bars in (a, b)
            ]
            a, b = times
        spans.append(Span(nearest(a * clip.rate_hz), nearest(b * clip.rate_hz)))
    return tuple(spans)
