"""What a Live clip is in a `clip` message, and where samples lie in beats. Pure, but for the clip.

A Live clip has no place in samples: the Arrangement counts beats, and the API tells one tempo and
one meter, those of now. So a song is told as steady. What a clip plays of its file is known through
its warping, in beats or in seconds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

GRID = 960
"""Parts of a beat: on these a place is taken to have been before it became a sample."""
MOST_UNEVEN_SECONDS = 0.005
"""Within which warp markers may lie off a steady tempo."""


class Refusal(Exception):
    """Something that cannot be done; the text is for people."""


def nearest(number: float) -> int:
    """The nearest whole number, halves up."""
    return math.floor(number + 0.5)


def samples_at(beats: float, tempo_bpm: float, rate_hz: int) -> int:
    return nearest(beats * 60 / tempo_bpm * rate_hz)


def beats_at(samples: int, tempo_bpm: float, rate_hz: int) -> float:
    """Where a sample lies: on the grid, if it is the one nearest to a place there."""
    beats = samples / rate_hz * tempo_bpm / 60
    on_grid = nearest(beats * GRID) / GRID
    return on_grid if samples_at(on_grid, tempo_bpm, rate_hz) == samples else beats


def selected_clip(song: Any) -> Any:
    """The clip that Live shows in its Clip View, or that lies in the highlighted slot."""
    clip = song.view.detail_clip
    if clip is None:
        slot = song.view.highlighted_clip_slot
        clip = slot.clip if slot is not None else None
    if clip is None:
        raise Refusal("Select an audio clip, then send.")
    return clip


def clip_values(song: Any, clip: Any, clip_id: str) -> tuple[dict[str, Any], Treatment]:
    """The own arguments of a `clip` message, and what Live does to the clip.

    Raises Refusal where the clip does not play one steady stretch of a file.
    """
    if not clip.is_audio_clip:
        raise Refusal(f"{clip.name} is a MIDI clip; select an audio clip.")
    if not clip.file_path:
        raise Refusal(f"{clip.name} has no file yet; save the set and send again.")
    rate_hz = nearest(clip.sample_rate)
    start, stop = _played(clip)
    first, last = _in_file(clip, start, rate_hz), _in_file(clip, stop, rate_hz)
    tempo_bpm = _tempo(song, clip, start, stop, rate_hz)
    position_beats = clip.start_time
    if first < 0:  # silence before the file begins
        position_beats += -first / rate_hz * tempo_bpm / 60
        first = 0.0
    start_samples = nearest(first)
    stop_samples = min(nearest(last), clip.sample_length)
    if stop_samples <= start_samples:
        raise Refusal(f"{clip.name} plays nothing of its file.")
    length_samples = stop_samples - start_samples
    position_samples = -1
    if clip.is_arrangement_clip:
        position_samples = samples_at(position_beats, tempo_bpm, rate_hz)
        # A clip that ends on a beat shall end on the sample of that beat.
        to_end = samples_at(clip.end_time, tempo_bpm, rate_hz) - position_samples
        if abs(to_end - length_samples) == 1 and start_samples + to_end <= clip.sample_length:
            length_samples = to_end
    song_end = samples_at(song.last_event_time, tempo_bpm, rate_hz)
    return {
        "clip": clip_id,
        "path": clip.file_path,
        "start_samples": start_samples,
        "length_samples": length_samples,
        "rate_hz": rate_hz,
        "position_samples": position_samples,
        "timeline_rate_hz": rate_hz,
        "tempo": f"0:{tempo_bpm:.12f}",
        "meters": f"0:{song.signature_numerator}/{song.signature_denominator}",
        "song_start_samples": 0 if song_end > 0 else -1,
        "song_end_samples": song_end if song_end > 0 else -1,
        "track": track_of(clip).name,
        "name": clip.name,
        "lyrics": _lyrics(song, clip),
    }, Treatment(clip, tempo_bpm)


class Treatment:
    """What Live does to a clip's file, and is to do to what comes back for it."""

    def __init__(self, clip: Any, tempo_bpm: float) -> None:
        """tempo_bpm: that of the file, in quarter notes per minute."""
        self.tempo_bpm = tempo_bpm
        self.gain = clip.gain
        self.pitch_coarse = clip.pitch_coarse
        self.pitch_fine = clip.pitch_fine
        self.warp_mode = clip.warp_mode

    @property
    def is_transposed(self) -> bool:
        return bool(self.pitch_coarse or self.pitch_fine)

    def remark(self, song: Any) -> str:
        """What is sent otherwise than it sounds, as a half sentence for people; or empty."""
        parts = []
        if self.tempo_bpm != song.tempo:
            parts.append(f"unwarped, at its own {self.tempo_bpm:.2f} BPM")
        if self.is_transposed:
            parts.append("without its transposition, which its results get in Live")
        return ", ".join(parts)


def track_of(clip: Any) -> Any:
    """The track whose clip it is, in the Session, the Arrangement or a take lane."""
    parent = clip.canonical_parent
    while not hasattr(parent, "clip_slots"):
        parent = parent.canonical_parent
    return parent


def _played(clip: Any) -> tuple[float, float]:
    """From where to where it plays: in beats where it is warped, else in seconds."""
    start, stop = clip.loop_start, clip.loop_end  # without a loop: the start and end markers
    if clip.looping and clip.is_arrangement_clip:
        start = clip.start_marker
        stop = start + clip.end_time - clip.start_time
        if stop > clip.loop_end + 1 / GRID:
            raise Refusal(
                f"{clip.name} plays its loop more than once; consolidate it (Ctrl+J, on a Mac "
                "Cmd+J), then send."
            )
    return start, stop


def _in_file(clip: Any, at: float, rate_hz: int) -> float:
    """A place of the clip in samples of its file."""
    return float(clip.beat_to_sample_time(at)) if clip.warping else at * rate_hz


def _tempo(song: Any, clip: Any, start: float, stop: float, rate_hz: int) -> float:
    """The song's tempo, or that of the file where Live stretches it to the song's."""
    if not clip.warping:
        if clip.pitch_coarse or clip.pitch_fine:
            raise Refusal(
                f"{clip.name} is transposed with Warp off, so it plays at another speed; turn Warp "
                "on, or freeze and flatten the track, then send."
            )
        return float(song.tempo)
    first, last = _in_file(clip, start, rate_hz), _in_file(clip, stop, rate_hz)
    if stop <= start or last <= first:
        raise Refusal(f"{clip.name} plays nothing of its file.")
    if abs((stop - start) * 60 / song.tempo * rate_hz - (last - first)) <= 1:
        tempo_bpm = float(song.tempo)
    else:
        tempo_bpm = (stop - start) * 60 * rate_hz / (last - first)
    for beats in _warped_at(clip, start, stop):
        steady = first + (beats - start) * 60 / tempo_bpm * rate_hz
        if abs(_in_file(clip, beats, rate_hz) - steady) > MOST_UNEVEN_SECONDS * rate_hz:
            raise Refusal(
                f"{clip.name} is warped unevenly; consolidate it (Ctrl+J, on a Mac Cmd+J), then "
                "send."
            )
    return tempo_bpm


def _warped_at(clip: Any, start: float, stop: float) -> Iterator[float]:
    for marker in clip.warp_markers:
        if start < marker.beat_time < stop:
            yield marker.beat_time


def _lyrics(song: Any, clip: Any) -> str:
    """The words of the locators within an Arrangement clip whose names begin with `lyrics:`."""
    if not clip.is_arrangement_clip:
        return ""
    lines = []
    for cue in sorted(song.cue_points, key=lambda cue: cue.time):
        head, colon, words = cue.name.partition(":")
        within = clip.start_time <= cue.time < clip.end_time
        if within and colon and head.strip().lower() == "lyrics":
            lines.append(words.strip())
    return "\n".join(lines)
