"""A clip: the stretch of sound that a DAW handed over, and where it lies in the song. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter

from jukebox_studio import audio
from jukebox_studio.edges import checked
from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import SongTime, nearest

CLIP_VERSION = 1

Name = Annotated[str, Field(max_length=1_000)]


@dataclass(frozen=True)
class Clip:
    """A stretch of an audio file. The file itself is looked at by `check_file` only."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    path: Path
    start_samples: int
    """In the file, as is length_samples: samples at rate_hz, whatever the timeline's rate."""
    length_samples: int
    rate_hz: int
    song: SongTime
    timeline_rate_hz: int
    position_samples: int | None = None
    """On the timeline, at timeline_rate_hz; None where the clip came without a timeline."""
    track_name: Name = ""
    name: Name = ""
    song_start_samples: int | None = None
    """On the timeline, as is song_end_samples; None where the DAW does not mark the song."""
    song_end_samples: int | None = None
    lyrics: Annotated[str, Field(max_length=100_000)] = ""
    """The text of the DAW's marker, or what was typed."""

    def __post_init__(self) -> None:
        if self.start_samples < 0 or self.length_samples < 1:
            raise JukeboxError(
                f"{self._called} would have {self.length_samples:,} samples from "
                f"{self.start_samples:,} on; select a stretch of sound."
            )
        for rate_hz in (self.rate_hz, self.timeline_rate_hz):
            if not audio.LOWEST_RATE_HZ <= rate_hz <= audio.HIGHEST_RATE_HZ:
                raise JukeboxError(
                    f"{self._called} is said to have {rate_hz:,} samples per second; rates go "
                    f"from {audio.LOWEST_RATE_HZ:,} to {audio.HIGHEST_RATE_HZ:,}."
                )
        if self.position_samples is not None and not 0 <= self.position_samples < 2**53:
            raise JukeboxError(
                f"{self._called} cannot lie at sample {self.position_samples:,} of the timeline."
            )
        start, end = self.song_start_samples, self.song_end_samples
        if start is not None and end is not None and end <= start:
            raise JukeboxError(
                f"The song would end at sample {end:,} and start at {start:,}; move its markers."
            )

    @classmethod
    def from_file(
        cls,
        path: Path,
        song: SongTime,
        *,
        start_samples: int = 0,
        length_samples: int | None = None,
    ) -> Clip:
        """A file, or a stretch of it, as a clip without a place on a timeline.

        Raises JukeboxError for all that `audio.inspect` does, and for a stretch outside the file.
        """
        info = audio.inspect(path)
        if length_samples is None:
            length_samples = info.length_samples - start_samples
        clip = cls(path, start_samples, length_samples, info.rate_hz, song, info.rate_hz)
        clip._check(info)
        return clip

    @classmethod
    def from_json(cls, data: object) -> Clip:
        """What `to_json` gave; JukeboxError where it is something else. The file is not opened."""
        what = "The clip cannot be read"
        if not isinstance(data, dict) or data.get("version") != CLIP_VERSION:
            raise JukeboxError(f"{what}: it is not a clip of version {CLIP_VERSION}.")
        return checked(_CLIP, {k: v for k, v in data.items() if k != "version"}, what)

    def to_json(self) -> dict[str, Any]:
        return {"version": CLIP_VERSION, **_CLIP.dump_python(self, mode="json")}

    def check_file(self) -> audio.AudioInfo:
        """What the clip's file says of itself.

        Raises JukeboxError for all that `audio.inspect` does, and where the file does not hold
        what the clip says: it may have been changed since.
        """
        info = audio.inspect(self.path)
        self._check(info)
        return info

    def _check(self, info: audio.AudioInfo) -> None:
        if info.rate_hz != self.rate_hz:
            raise JukeboxError(
                f"{self.path} has {info.rate_hz:,} samples per second, the clip is said to have "
                f"{self.rate_hz:,}; select it again."
            )
        if self.end_samples > info.length_samples:
            raise JukeboxError(
                f"{self.path} has {info.length_samples:,} samples, so there is no clip from "
                f"{self.start_samples:,} to {self.end_samples:,}; select a stretch inside the file."
            )

    @property
    def _called(self) -> str:
        return f"The clip {self.name!r}" if self.name else f"A clip of {self.path}"

    @property
    def end_samples(self) -> int:
        """In the file: the sample after the clip's last."""
        return self.start_samples + self.length_samples

    @property
    def start_seconds(self) -> Fraction:
        """On the timeline; a clip without one is taken to lie at its start."""
        return Fraction(self.position_samples or 0, self.timeline_rate_hz)

    @property
    def end_seconds(self) -> Fraction:
        """On the timeline, where the clip's last sample has gone by."""
        return self.start_seconds + Fraction(self.length_samples, self.rate_hz)

    @property
    def start_beat(self) -> Fraction:
        return self.song.tempo.beat_at(self.start_seconds)

    @property
    def end_beat(self) -> Fraction:
        return self.song.tempo.beat_at(self.end_seconds)

    def end_position(self, rate_hz: int) -> int:
        """The timeline's sample, counted at `rate_hz`, on which what follows the clip starts."""
        return nearest(self.end_seconds * rate_hz)

    def place_in_song(self) -> tuple[Fraction, Fraction] | None:
        """Seconds of the song before the clip, and of the whole song; None where it is unmarked."""
        if self.song_start_samples is None or self.song_end_samples is None:
            return None
        start = Fraction(self.song_start_samples, self.timeline_rate_hz)
        end = Fraction(self.song_end_samples, self.timeline_rate_hz)
        return max(Fraction(0), self.start_seconds - start), end - start


_CLIP = TypeAdapter(Clip)
