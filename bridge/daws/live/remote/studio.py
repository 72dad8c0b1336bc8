"""Sends clips, creates clips, and tells how Live plays. Called ten times a second by `surface`."""

from __future__ import annotations

import logging
import struct
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .clips import Refusal, Treatment, beats_at, clip_values, nearest, selected_clip

if TYPE_CHECKING:
    from collections.abc import Callable

    from .exchange import Exchange

log = logging.getLogger(__name__)
"""Into Live's Log.txt: a line in the status bar is gone before anybody has written it down."""

OURS = " (Jukebox Studio)"
"""Behind the name of a track that we make because there is no room on the clip's own."""
TRANSPORT_RATE_HZ = 48_000
TRANSPORT_SECONDS = 0.25
"""Between two messages that tell where Live plays, if nothing else changes."""


class Studio:
    """document: gives Live's song. show: one line in Live's status bar.

    warp_marker: Live's class for one, made of seconds in the file and beats in the clip.
    """

    def __init__(
        self,
        document: Callable[[], Any],
        exchange: Exchange,
        show: Callable[[str], None],
        warp_marker: Callable[[float, float], Any],
    ) -> None:
        self._document = document
        self._exchange = exchange
        self._show = show
        self._warp_marker = warp_marker
        self._sending = False
        self._sent = 0
        self._treatments: dict[str, Treatment] = {}
        """Of the last clip of each track that was sent, by the track's name."""
        self._created: list[tuple[str, Any, float]] = []
        """Clips to be looked at in the next tick: insertion, clip, beat."""
        self._told: tuple[object, ...] = ()
        self._told_at = 0.0
        self._logged = ""

    def wants_to_send(self) -> None:
        """The musician pressed the key. Live forbids to do it here, while it tells."""
        self._sending = True

    def tick(self, now: float) -> None:
        """Do what there is to do. Raises nothing: Live would stop calling."""
        try:
            self._look_at_created()
            for name, values in self._exchange.look(now):
                self._act(name, values)
            if self._sending:
                self._sending = False
                self._send()
            if self._exchange.runs:
                self._tell_transport(now)
        except Exception:
            fault = traceback.format_exc()
            self._show("Jukebox Studio: " + fault.splitlines()[-1])
            if fault != self._logged:  # once, not ten times a second
                self._logged = fault
                log.error("Jukebox Studio: %s", fault)

    def close(self) -> None:
        self._exchange.close()

    def _act(self, name: str, values: dict[str, Any]) -> None:
        if name == "fetch":
            self._send()
        elif name == "insert":
            try:
                self._insert(values)
            except Refusal as refusal:
                self._answer(values["insert"], str(refusal))
            except Exception as fault:
                # Told there too, or the program would wait for an answer for ever.
                self._answer(values["insert"], f"Live could not insert it: {fault}")
                raise
        elif name == "error":
            self._show("Jukebox Studio: " + values["sentence"])

    # Sending -------------------------------------------------------------------------------------

    def _send(self) -> None:
        song = self._document()
        try:
            if not self._exchange.runs:
                raise Refusal("Jukebox Studio does not run; start it and send again.")
            clip = selected_clip(song)
            self._sent += 1
            values, treatment = clip_values(song, clip, f"live-{self._sent}")
        except Refusal as refusal:
            self._show(f"Jukebox Studio: {refusal}")
            return
        self._treatments[values["track"]] = treatment
        self._exchange.say("clip", values)
        said = treatment.remark(song)
        self._show(f"Jukebox Studio: sent {clip.name}{said and ' ' + said}.")

    # Inserting -----------------------------------------------------------------------------------

    def _insert(self, values: dict[str, Any]) -> None:
        song, path, wanted = self._document(), values["path"], values["track"]
        treatment = self._treatments.get(wanted)
        tempo_bpm = treatment.tempo_bpm if treatment else song.tempo
        beat = beats_at(values["position_samples"], tempo_bpm, values["timeline_rate_hz"])
        if not Path(path).is_file():
            raise Refusal(f"There is no file {path}.")
        if not hasattr(song.tracks[0], "create_audio_clip"):
            raise Refusal(
                "Live 12.0.5 and later let scripts create clips, this one does not: drag "
                f"{Path(path).name} from Jukebox Studio to {_place(song, beat)} of the track."
            )
        seconds = wav_seconds(path)
        end = float("inf") if seconds is None else beat + seconds * tempo_bpm / 60
        song.begin_undo_step()
        try:
            track = _track_with_room(song, wanted, beat, end)
            clip = track.create_audio_clip(path, beat)
        except (RuntimeError, ValueError) as error:  # how Live refuses
            raise Refusal(f"Live did not create the clip: {error}") from error
        else:
            clip.name = values["name"]
            try:
                self._treat(song, clip, treatment, seconds)
            except RuntimeError as error:
                self._show(f"Jukebox Studio: set the clip to {tempo_bpm:.2f} BPM yourself: {error}")
        finally:
            song.end_undo_step()
        self._created.append((values["insert"], clip, beat))

    def _treat(
        self, song: Any, clip: Any, treatment: Treatment | None, seconds: float | None
    ) -> None:
        """Let a new clip sound as the one that it was made for.

        Live warps what it imports, and guesses the tempo of what is long.
        """
        clip.looping = False
        if treatment is not None:
            clip.gain = treatment.gain
        if treatment is None or (treatment.tempo_bpm == song.tempo and not treatment.is_transposed):
            clip.warping = False
            return
        if seconds is None:
            raise RuntimeError("it is no WAV file")
        for marker in list(clip.warp_markers)[1:-1]:  # the last one is not a real one
            clip.remove_warp_marker(marker.beat_time)
        end = seconds * treatment.tempo_bpm / 60
        clip.add_warp_marker(self._warp_marker(seconds, end))
        clip.loop_end = end  # the end marker, without a loop
        clip.warp_mode = treatment.warp_mode
        clip.pitch_coarse, clip.pitch_fine = treatment.pitch_coarse, treatment.pitch_fine

    def _look_at_created(self) -> None:
        """A tick later, when Live has carried out what it defers, such as the end of warping."""
        created, self._created = self._created, []
        for insert, clip, beat in created:
            fault = ""
            try:
                start = clip.start_time
                if abs(start - beat) > 1e-6:
                    fault = f"Live put the clip at beat {start:.6f}, not at {beat:.6f}."
            except Exception:  # Boost.Python has several for what is gone
                fault = "The clip is gone again."
            self._answer(insert, fault)

    def _answer(self, insert: str, fault: str) -> None:
        if fault:
            self._show(f"Jukebox Studio: {fault}")
        values = {"insert": insert, "done": not fault, "sentence": fault}
        self._exchange.say("inserted", values)

    # Transport -----------------------------------------------------------------------------------

    def _tell_transport(self, now: float) -> None:
        song = self._document()
        meter = f"{song.signature_numerator}/{song.signature_denominator}"
        state = (song.is_playing, song.tempo, meter)
        rests = state == self._told and not song.is_playing
        if rests or (state == self._told and now - self._told_at < TRANSPORT_SECONDS):
            return
        self._told, self._told_at = state, now
        seconds = max(0.0, song.current_song_time * 60 / song.tempo)
        values = {"playing": song.is_playing, "tempo_bpm": song.tempo, "meter": meter}
        values["position_samples"] = nearest(seconds * TRANSPORT_RATE_HZ)
        values["timeline_rate_hz"] = TRANSPORT_RATE_HZ
        self._exchange.tell("transport", values)


def _track_with_room(song: Any, wanted: str, start: float, end: float) -> Any:
    """The audio track of that name if nothing lies there, else one of ours behind it.

    Live would cut away what it puts a clip on.
    """
    after = len(song.tracks)
    for index, track in enumerate(song.tracks):
        if track.name not in (wanted, wanted + OURS):
            continue
        if track.is_foldable or not track.has_audio_input:  # a group, or MIDI
            continue
        after = index + 1
        clips = track.arrangement_clips
        if all(clip.end_time <= start or clip.start_time >= end for clip in clips):
            return track
    track = song.create_audio_track(after)
    track.name = wanted + OURS if wanted else OURS.strip(" ()")
    return track


def _place(song: Any, beat: float) -> str:
    """A beat as Live's ruler counts it, if the meter never changes."""
    beats_in_a_bar = 4 * song.signature_numerator / song.signature_denominator
    bar, into = divmod(beat, beats_in_a_bar)
    return f"bar {int(bar) + 1}, beat {into * song.signature_denominator / 4 + 1:g}"


def wav_seconds(path: str) -> float | None:
    """How long a WAV file sounds; None for another kind. Reads its head only."""
    with open(path, "rb") as file:
        if file.read(4) not in (b"RIFF", b"RF64") or file.read(8)[4:] != b"WAVE":
            return None
        bytes_per_second = 0
        while True:
            head = file.read(8)
            if len(head) < 8:
                return None
            size = struct.unpack("<I", head[4:])[0]
            if head[:4] == b"fmt ":
                bytes_per_second = struct.unpack("<I", file.read(16)[8:12])[0]
                size -= 16
            elif head[:4] == b"data":
                return size / bytes_per_second if bytes_per_second else None
            file.seek(size + size % 2, 1)
