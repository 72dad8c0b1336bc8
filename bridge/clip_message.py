"""Clips and song time as messages hold them, and back. Pure."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from bridge.protocol import Value, Values
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import Meter, MeterMap, MeterPoint, SongTime, TempoMap, TempoPoint

# Twenty digits on each side are more than any DAW writes, and keep fractions short.
_NUMBER = r"(-?[0-9]{1,20}(?:\.[0-9]{1,20}|/[1-9][0-9]{0,19})?)"
_TEMPO = re.compile(rf"{_NUMBER}:{_NUMBER}(?:>{_NUMBER}@(beats|seconds))?", re.ASCII)
_ANCHOR = re.compile(rf"{_NUMBER}={_NUMBER}", re.ASCII)
_METER = re.compile(r"([0-9]{1,8}):([0-9]{1,2}/[0-9]{1,2})", re.ASCII)


def tempo_from_text(text: str) -> TempoMap:
    """`0:120 16:90.5`, `0:120>140@beats 16:140` or `0=0 16=8.25`; see docs/protocol.md.

    Raises JukeboxError for anything else, and for all that TempoMap does.
    """
    entries = text.split()
    if entries and "=" in entries[0]:
        anchors = [_match(_ANCHOR, entry, "tempo").groups() for entry in entries]
        return TempoMap.through(*((Fraction(beat), Fraction(at)) for beat, at in anchors))
    points = []
    for entry in entries:
        beat, tempo_bpm, end_tempo_bpm, glide = _match(_TEMPO, entry, "tempo").groups()
        points.append(
            TempoPoint(
                Fraction(beat),
                Fraction(tempo_bpm),
                Fraction(end_tempo_bpm) if end_tempo_bpm else None,
                "seconds" if glide == "seconds" else "beats",
            )
        )
    return TempoMap(tuple(points))


def meters_from_text(text: str) -> MeterMap:
    """`0:4/4 8:7/8`: from the bar (counted from 0), the meter. JukeboxError for anything else."""
    points = []
    for entry in text.split():
        bar, meter = _match(_METER, entry, "meters").groups()
        points.append(MeterPoint(int(bar), Meter.parse(meter)))
    return MeterMap(tuple(points))


def _match(pattern: re.Pattern[str], entry: str, what: str) -> re.Match[str]:
    match = pattern.fullmatch(entry)
    if match is None:
        raise JukeboxError(f"{what}: {entry[:40]!r} cannot be read; see docs/protocol.md.")
    return match


def tempo_to_text(tempo: TempoMap) -> str:
    entries = []
    for point in tempo.points:
        entry = f"{point.beat}:{point.tempo_bpm}"
        if point.end_tempo_bpm is not None:
            entry += f">{point.end_tempo_bpm}@{point.glide}"
        entries.append(entry)
    return " ".join(entries)


def meters_to_text(meters: MeterMap) -> str:
    return " ".join(f"{point.bar}:{point.meter}" for point in meters.points)


def clip_from_values(values: Values, path: Path) -> Clip:
    """The clip of a `clip` message; `path` is its file, looked at elsewhere.

    Raises JukeboxError for all that `Clip` does, and where tempo or meters cannot be read.
    """
    return Clip(
        path=path,
        start_samples=int(values["start_samples"]),
        length_samples=int(values["length_samples"]),
        rate_hz=int(values["rate_hz"]),
        song=SongTime(
            tempo_from_text(str(values["tempo"])), meters_from_text(str(values["meters"]))
        ),
        timeline_rate_hz=int(values["timeline_rate_hz"]),
        position_samples=_where_given(values, "position_samples"),
        track_name=str(values["track"]),
        name=str(values["name"]),
        song_start_samples=_where_given(values, "song_start_samples"),
        song_end_samples=_where_given(values, "song_end_samples"),
        lyrics=str(values["lyrics"]),
    )


def _where_given(values: Values, name: str) -> int | None:
    samples = int(values[name])
    return None if samples < 0 else samples


def clip_to_values(name: str, clip: Clip) -> dict[str, Value]:
    """The arguments of a `clip` message, without its header. `name` stands for the clip in others.

    Tempos of which a fraction is longer than 20 digits cannot be read back.
    """

    def or_none(samples: int | None) -> int:
        return -1 if samples is None else samples

    return {
        "clip": name,
        "path": str(clip.path),
        "start_samples": clip.start_samples,
        "length_samples": clip.length_samples,
        "rate_hz": clip.rate_hz,
        "position_samples": or_none(clip.position_samples),
        "timeline_rate_hz": clip.timeline_rate_hz,
        "tempo": tempo_to_text(clip.song.tempo),
        "meters": meters_to_text(clip.song.meters),
        "song_start_samples": or_none(clip.song_start_samples),
        "song_end_samples": or_none(clip.song_end_samples),
        "track": clip.track_name,
        "name": clip.name,
        "lyrics": clip.lyrics,
    }
