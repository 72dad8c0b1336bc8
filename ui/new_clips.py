"""Files that come in: what is found out about one before it becomes a clip."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from jukebox_studio import audio
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import SongTime, checked_tempo
from jukebox_studio.tempo_detection import TempoGuess, detect_tempo_of_file
from ui.helper_process import HELPER
from ui.words import tempo_guess_said, translate

TEMPO_LISTEN_SECONDS = 90
"""Of a new clip, from its start."""
UNKNOWN_TEMPO_BPM = 120.0
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".mp3", ".aif", ".aiff", ".w64", ".caf", ".opus")
_TEMPO_IN_NAME = re.compile(r"(?<![\d.])(\d{2,3}(?:\.\d+)?)[ _-]?bpm", re.IGNORECASE)


@dataclass(frozen=True)
class Looked:
    """What was found out about a file before it became a clip."""

    clip: Clip
    guess: TempoGuess | None
    said: str
    """What people are told of the tempo."""


@dataclass(frozen=True)
class DawTempo:
    """What the DAW plays at, and who told it."""

    tempo_bpm: float
    source: str


def round_tempo(tempo_bpm: float) -> float:
    """A whole number where one is as near as can be heard: most songs are made at one."""
    whole = round(tempo_bpm)
    return float(whole) if abs(tempo_bpm - whole) <= tempo_bpm / 1000 else round(tempo_bpm, 2)


def look_at(path: Path, daw_tempo: DawTempo | None = None) -> Looked:
    """A whole file as a clip, with a tempo. Takes up to seconds; JukeboxError where it is no clip.

    The tempo in the file's name counts ("loop-120bpm.wav"), else the DAW's, else it is listened
    for.
    """
    if path.is_dir():
        raise JukeboxError(
            translate("Project", "{0} is a folder; drop the audio files in it.").format(path.name)
        )
    if not path.exists():
        raise JukeboxError(
            translate(
                "Project",
                "{0} is not there any more. Connect its drive, or choose another file.",
            ).format(path)
        )
    info = audio.inspect(path)
    named = _TEMPO_IN_NAME.search(path.stem)
    guess = None
    if named and 20 <= float(named[1]) <= 400:
        tempo_bpm = float(named[1])
        said = translate("Project", "{0} BPM, as the file's name says.").format(f"{tempo_bpm:g}")
    elif daw_tempo is not None:
        tempo_bpm = daw_tempo.tempo_bpm
        said = translate(
            "Project", "{0} BPM, as {1} has it now; say so where the file is at another."
        ).format(f"{tempo_bpm:g}", daw_tempo.source)
    else:
        most = min(info.length_samples, TEMPO_LISTEN_SECONDS * info.rate_hz)
        guess = HELPER.result(detect_tempo_of_file, path, length_samples=most)
        if guess is None:
            tempo_bpm = UNKNOWN_TEMPO_BPM
            said = translate(
                "Project", "No beat was heard, so {0} BPM was taken; say what it is."
            ).format(f"{tempo_bpm:g}")
        else:
            tempo_bpm, said = round_tempo(guess.tempo_bpm), tempo_guess_said(guess)
    clip = Clip.from_file(path.resolve(), SongTime.steady(checked_tempo(tempo_bpm)))
    return Looked(clip, guess, said)
