"""The instruments behind the singer: MIDI from mma or a chorale's parts, sound from FluidSynth."""

import random
import struct
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from errors import RecipeError
from scores import Note, Song
from singer import LEAD_IN_SECONDS
from sound import SAMPLE_RATE_HZ, Audio

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
FADE_SECONDS = 0.4
TICKS_PER_BEAT = 480
# General MIDI: church organ, strings, drawbar organ, acoustic piano.
CHORALE_PROGRAMS = (19, 48, 16, 0)
NOTE_VELOCITY = 80


def play(song: Song, transpose: int, intro_bars: int, length_samples: int) -> Audio:
    """Return the backing at SAMPLE_RATE_HZ; like the voice it starts after LEAD_IN_SECONDS."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        midi = folder / "song.mid"
        if song.parts:
            midi.write_bytes(_chorale_midi(song, transpose))
        else:
            script = folder / "song.mma"
            script.write_text(_mma_script(song, transpose, intro_bars), encoding="utf-8")
            _run(["mma", "-f", str(midi), str(script)])
        wave = folder / "song.wav"
        settings = f"-r {SAMPLE_RATE_HZ} -g 0.6 -O float -o synth.cpu-cores=1"
        files = ["-F", str(wave), str(SOUNDFONT), str(midi)]
        _run(["fluidsynth", "-n", "-i", "-q", *settings.split(), *files])
        samples, _ = soundfile.read(wave, dtype="float64", always_2d=True)
    lead_in = round(LEAD_IN_SECONDS * SAMPLE_RATE_HZ)
    audio = np.zeros(length_samples)
    played = samples.mean(axis=1)[: length_samples - lead_in]
    audio[lead_in : lead_in + len(played)] = played
    fade = round(FADE_SECONDS * SAMPLE_RATE_HZ)
    audio[-fade:] *= np.linspace(1, 0, fade)
    return audio


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise RecipeError(f"The program {command[0]} is missing.") from error
    except subprocess.CalledProcessError as error:
        said = (error.stdout + error.stderr).strip()
        raise RecipeError(f"{command[0]} failed: {said}") from error


def _mma_script(song: Song, transpose: int, intro_bars: int) -> str:
    """Return the song as mma reads it; `intro_bars` bars of the first chord come before."""
    lines = [
        # mma varies its playing by chance, and must do it alike each time.
        f"RndSeed {random.Random(song.slug).randrange(10_000)}",
        f"Tempo {song.tempo_bpm:g}",
        f"Transpose {transpose}",
        f"Groove {song.style}",
    ]
    bars = [song.chords[0][:1]] * intro_bars + list(song.chords)
    lines += [f"{number} {' '.join(chords)}" for number, chords in enumerate(bars, start=1)]
    return "\n".join(lines) + "\n"


def _chorale_midi(song: Song, transpose: int) -> bytes:
    """Return alto, tenor and bass as a MIDI file, one channel each."""
    program = random.Random(song.slug).choice(CHORALE_PROGRAMS)
    tempo = round(60_000_000 / song.tempo_bpm)
    head = b"\x00\xff\x51\x03" + tempo.to_bytes(3, "big") + b"\x00\xff\x2f\x00"
    tracks = [head]
    for channel, part in enumerate(song.parts):
        tracks.append(_midi_track(part, channel, program, transpose))
    data = struct.pack(">4sIHHH", b"MThd", 6, 1, len(tracks), TICKS_PER_BEAT)
    for track in tracks:
        data += struct.pack(">4sI", b"MTrk", len(track)) + track
    return data


def _midi_track(part: tuple[Note, ...], channel: int, program: int, transpose: int) -> bytes:
    events: list[tuple[int, int, bytes]] = []
    for note in part:
        pitch = note.pitch + transpose
        start = round(note.start_beats * TICKS_PER_BEAT)
        # Ends come before starts at the same tick, else a repeated note would be cut off.
        end = round(note.end_beats * TICKS_PER_BEAT)
        events.append((start, 1, bytes((0x90 | channel, pitch, NOTE_VELOCITY))))
        events.append((end, 0, bytes((0x80 | channel, pitch, 0))))
    data = b"\x00" + bytes((0xC0 | channel, program))
    now = 0
    for tick, _, message in sorted(events):
        data += _variable_length(tick - now) + message
        now = tick
    return data + b"\x00\xff\x2f\x00"


def _variable_length(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(0x80 | (value & 0x7F))
    return bytes(reversed(digits))
