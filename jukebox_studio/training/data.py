"""Training data: a folder of audio with a table of artist, genre and lyrics.

`tracks.csv` in the folder has a line per track with the columns `file` (relative to the folder),
`artist`, `genre`, and optionally `title`, `split` (train, validation or test), `lyrics_file`: a
text, or JSON with "text" and timed "words"; empty where nobody sings, `unknown` where the words
are not known. Other columns are ignored.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from jukebox_studio import audio
from jukebox_studio.errors import JukeboxError
from jukebox_studio.files import write_atomically

SPLITS = ("train", "validation", "test")
TABLE = "tracks.csv"


@dataclass(frozen=True)
class Word:
    """A sung word and when it sounds, in seconds from the start of its track."""

    text: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class Track:
    """One line of the table."""

    path: Path
    artist: str
    genre: str
    title: str
    split: str
    lyrics: str | None = ""
    """None where somebody sings what nobody wrote down."""
    words: tuple[Word, ...] = field(default=(), repr=False)


def read_table(folder: Path) -> list[Track]:
    """The tracks of `folder`/tracks.csv. JukeboxError names the line that is wrong."""
    table = folder / TABLE
    if not table.is_file():
        raise JukeboxError(
            f"{folder} has no {TABLE}. Make one with the columns file, artist, genre; "
            f"docs/training.md shows an example."
        )
    tracks = []
    with table.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = {"file", "artist", "genre"} - set(reader.fieldnames or ())
        if missing:
            raise JukeboxError(f"{table} has no column {', '.join(sorted(missing))}.")
        for line, row in enumerate(reader, start=2):
            split = row.get("split") or "train"
            if split not in SPLITS:
                raise JukeboxError(
                    f"{table}, line {line}: split is {split!r}; use one of {', '.join(SPLITS)}."
                )
            path = folder / row["file"]
            if not path.is_file():
                raise JukeboxError(f"{table}, line {line}: {path} is not there.")
            lyrics, words = _read_lyrics(folder, row.get("lyrics_file") or "")
            tracks.append(
                Track(
                    path=path,
                    artist=row["artist"] or "unknown",
                    genre=row["genre"] or "unknown",
                    title=row.get("title") or path.stem,
                    split=split,
                    lyrics=lyrics,
                    words=words,
                )
            )
    if not tracks:
        raise JukeboxError(f"{table} lists no track.")
    return tracks


def _read_lyrics(folder: Path, name: str) -> tuple[str | None, tuple[Word, ...]]:
    if not name:
        return "", ()
    if name == "unknown":
        return None, ()
    path = folder / name
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".json":
            return text, ()
        data = json.loads(text)
        return data["text"], tuple(Word(**word) for word in data.get("words", ()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JukeboxError(f"The lyrics file {path} cannot be read: {error}.") from error


@dataclass(frozen=True)
class Sound:
    """Decoded audio of one track, mapped from a cache file: int16 Array[T], mono."""

    track: Track
    samples: np.ndarray
    rate_hz: int


def decode_tracks(
    tracks: Sequence[Track],
    rate_hz: int,
    cache: Path,
    told: Callable[[int, int], None] | None = None,
) -> list[Sound]:
    """Every track decoded once to mono int16 at `rate_hz`, kept in `cache` and mapped from there.

    `told(done, total)` hears of the progress.
    """
    cache.mkdir(parents=True, exist_ok=True)
    sounds = []
    for i, track in enumerate(tracks):
        stat = track.path.stat()
        key = f"{track.path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{rate_hz}"
        path = cache / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npy"
        if not path.is_file():
            sound = audio.read(track.path)
            mono = audio.resample(audio.to_mono(sound.samples), sound.rate_hz, rate_hz)
            save_array(path, np.round(np.clip(mono, -1, 1) * 32767).astype(np.int16))
        sounds.append(Sound(track, np.load(path, mmap_mode="r"), rate_hz))
        if told:
            told(i + 1, len(tracks))
    return sounds


def save_array(path: Path, values: np.ndarray) -> None:
    """Write a .npy file whole or not at all; two runs that share a cache do not meet."""
    content = io.BytesIO()
    np.save(content, values)
    write_atomically(path, content.getvalue())


def at_most_per_artist(sounds: Sequence[Sound], seconds: float) -> list[Sound]:
    """The first tracks of each artist that together last no longer than `seconds`."""
    kept, taken = [], dict[str, float]()
    for sound in sounds:
        length = len(sound.samples) / sound.rate_hz
        if taken.get(sound.track.artist, 0.0) + length <= seconds:
            taken[sound.track.artist] = taken.get(sound.track.artist, 0.0) + length
            kept.append(sound)
    return kept


def artist_weights(lengths: Sequence[tuple[str, float]], evenness: float) -> np.ndarray:
    """Chance of each item (artist, length): Array[N], summing to 1.

    `evenness` 1 gives every artist the same chance, 0 every second of music; within an artist
    items go by length.
    """
    totals: dict[str, float] = {}
    for artist, length in lengths:
        totals[artist] = totals.get(artist, 0.0) + length
    weights = np.array([length * totals[artist] ** -evenness for artist, length in lengths])
    return weights / weights.sum()


UNREACHED = 10**9
"""A step that no training reaches: the crops from here on are for measuring."""


class Crops:
    """Random crops of a set of sounds. The crop of (seed, step, row) is always the same."""

    def __init__(
        self, sounds: Sequence[Sound], length_samples: int, seed: int, evenness: float = 1.0
    ) -> None:
        self.sounds = [s for s in sounds if len(s.samples) >= length_samples]
        if not self.sounds:
            raise JukeboxError(
                f"No track is as long as a training crop ({length_samples} samples). "
                f"Add longer tracks or shorten the crop."
            )
        self.length_samples = length_samples
        self.seed = seed
        lengths = [(s.track.artist, float(len(s.samples))) for s in self.sounds]
        self._weights = artist_weights(lengths, evenness)

    def batch(self, step: int, size: int) -> Tensor:
        """Tensor[size, length_samples, 1] float32 in [-1, 1]."""
        return self.audio(self.places(step, size))

    def places(self, step: int, size: int) -> list[tuple[Sound, int]]:
        """The crops of a step: `size` sounds, and the sample at which each crop starts."""
        rng = np.random.default_rng([self.seed, step])
        chosen = rng.choice(len(self.sounds), size, p=self._weights)
        sounds = [self.sounds[index] for index in chosen]
        return [(s, int(rng.integers(len(s.samples) - self.length_samples + 1))) for s in sounds]

    def audio(self, places: Sequence[tuple[Sound, int]]) -> Tensor:
        """Tensor[len(places), length_samples, 1] float32 in [-1, 1]."""
        crops = [sound.samples[start : start + self.length_samples] for sound, start in places]
        return torch.from_numpy(np.stack(crops) / np.float32(32767)).unsqueeze(-1)

    def fixed_batches(self, count: int, size: int) -> Iterator[Tensor]:
        """The crops of steps that no training reaches: the same at every call."""
        for i in range(count):
            yield self.batch(UNREACHED + i, size)
