"""The recorded music: which files, checked against their pins, made mono at the model's rate."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import sound
from fetch import HERE, fetch, pinned_packages, read_verified
from ledger import Ledger
from tracks import UNKNOWN_WORDS, Track, with_splits

# They sing, and their words are in no file; to say that nobody sings would teach a lie.
SUNG_WITHOUT_TEXT = {"Obsidian Shell"}


@dataclass(frozen=True)
class Pin:
    """One audio file of music.csv. Rows that share a slug are stems of one recording."""

    slug: str
    title: str
    artist: str
    rights_holder: str
    genre: str
    licence: str
    package: str
    file: str
    sha256: str


def pins() -> list[Pin]:
    """Return the rows of music.csv."""
    with (HERE / "music.csv").open(encoding="utf-8", newline="") as file:
        return [Pin(**row) for row in csv.DictReader(file)]


def recordings() -> Iterator[list[Pin]]:
    """Yield the stems of each recording, in the order of music.csv."""
    for _, stems in groupby(pins(), key=lambda pin: pin.slug):
        yield list(stems)


def build(out: Path, cache: Path, ledger: Ledger) -> list[Track]:
    """Write every recording to OUT/audio and return their tracks, splits included."""
    folders = {package.name: fetch(package, cache) for package in pinned_packages("music")}
    tracks = []
    for stems in recordings():
        first = stems[0]
        name = f"audio/{first.slug}.flac"
        recipe = "music 1 " + " ".join(pin.sha256 for pin in stems)
        duration_seconds = ledger.get(name, recipe)
        if duration_seconds is None:
            audio = [
                sound.decode(read_verified(folders[pin.package], pin.file, pin.sha256))
                for pin in stems
            ]
            mixed = sound.mix([samples for samples, _ in audio])
            mono = sound.peak_safe(sound.to_mono(mixed, audio[0][1]))
            sound.write_flac(out / name, mono)
            duration_seconds = len(mono) / sound.SAMPLE_RATE_HZ
            ledger.put(name, recipe, duration_seconds)
            print(f"music: {name} {duration_seconds:.0f} s", flush=True)
        tracks.append(
            Track(
                file=name,
                artist=first.artist,
                genre=first.genre,
                title=first.title,
                split="",
                source_package=first.package,
                source_file=" + ".join(pin.file for pin in stems),
                licence=first.licence,
                duration_seconds=duration_seconds,
                lyrics_file=UNKNOWN_WORDS if first.artist in SUNG_WITHOUT_TEXT else "",
            )
        )
    return with_splits(tracks)
