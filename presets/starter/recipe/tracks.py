"""The tracks of the data set: their table, their split, and the lists made from them."""

import csv
import hashlib
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

# An artist below this is for training only: nothing would be left to hold out.
MIN_HELD_OUT_ARTIST_SECONDS = 600.0
HELD_OUT_SHARE = 0.1
SPLITS = ("train", "validation", "test")
UNKNOWN_WORDS = "unknown"


@dataclass(frozen=True)
class Track:
    """One row of tracks.csv; `file` and `lyrics_file` are relative to the data folder.

    `lyrics_file` is empty where nobody sings, and UNKNOWN_WORDS where the words are not known.
    """

    file: str
    artist: str
    genre: str
    title: str
    split: str
    source_package: str
    source_file: str
    licence: str
    duration_seconds: float
    lyrics_file: str = ""

    @property
    def has_words(self) -> bool:
        return self.lyrics_file not in ("", UNKNOWN_WORDS)


def split_by_group(durations_seconds: dict[str, float]) -> dict[str, str]:
    """Assign "train", "validation" or "test" to each group (a track, or a song) of one artist.

    The order is that of the SHA-256 of the name, so a split never depends on the order of a
    table. Test and then validation take groups until each holds about a tenth of the time, and
    at least one; artists that are short, or have fewer than three groups, are for training.
    """
    split = dict.fromkeys(durations_seconds, "train")
    total = sum(durations_seconds.values())
    if total < MIN_HELD_OUT_ARTIST_SECONDS or len(durations_seconds) < 3:
        return split
    order = sorted(durations_seconds, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    for part, must_leave in (("test", 2), ("validation", 1)):
        taken_seconds = 0.0
        # 0.8: a part that is nearly full is not topped up with one more long track.
        while taken_seconds < 0.8 * HELD_OUT_SHARE * total and len(order) > must_leave:
            name = order.pop(0)
            split[name] = part
            taken_seconds += durations_seconds[name]
    return split


def with_splits(tracks: list[Track]) -> list[Track]:
    """Return the tracks with splits assigned by track within each artist."""
    split: dict[str, str] = {}
    for artist in {track.artist for track in tracks}:
        own = {track.file: track.duration_seconds for track in tracks if track.artist == artist}
        split |= split_by_group(own)
    return [replace(track, split=split[track.file]) for track in tracks]


def write_text(path: Path, text: str) -> None:
    """Write a text file so that it is either whole or absent, with LF line ends everywhere."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8", newline="\n")
    os.replace(part, path)


def write_tracks(path: Path, tracks: Iterable[Track]) -> None:
    """Write tracks.csv, ordered by file."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        names = [field.name for field in fields(Track)]
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        for track in sorted(tracks, key=lambda track: track.file):
            writer.writerow(asdict(track) | {"duration_seconds": f"{track.duration_seconds:.3f}"})
    os.replace(part, path)


def read_tracks(path: Path) -> list[Track]:
    """Read a table written by write_tracks; a missing file is an empty table."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Track(**row | {"duration_seconds": float(row["duration_seconds"])})
            for row in csv.DictReader(file)
        ]


def summary(tracks: list[Track]) -> str:
    """Return table.md: minutes per artist and split, with genres and licences."""
    lines = [
        "| artist | genre | licence | tracks | train min | validation min | test min |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for artist in sorted({track.artist for track in tracks}, key=str.lower):
        own = [track for track in tracks if track.artist == artist]
        genres = "; ".join(sorted({track.genre for track in own}))
        licences = ", ".join(sorted({track.licence for track in own}))
        lines.append(f"| {artist} | {genres} | {licences} | {len(own)} | {_minutes(own)} |")
    artists = len({track.artist for track in tracks})
    licences = ", ".join(sorted({track.licence for track in tracks}))
    lines.append(
        f"| **all: {artists} artists** | | {licences} | {len(tracks)} | {_minutes(tracks)} |"
    )
    hours = sum(track.duration_seconds for track in tracks) / 3600
    head = f"# Training data of the starter model\n\n{hours:.2f} hours, split by track.\n\n"
    return head + "\n".join(lines) + "\n"


def _minutes(tracks: list[Track]) -> str:
    sums = [sum(t.duration_seconds for t in tracks if t.split == split) for split in SPLITS]
    return " | ".join(f"{seconds / 60:.1f}" for seconds in sums)
