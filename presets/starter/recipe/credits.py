"""presets/starter/CREDITS.md: what the weights were trained on, and by whom it is.

Run as: python presets/starter/recipe/credits.py --out DIR, where DIR is a built data folder.
"""

import argparse
from pathlib import Path

from fetch import HERE
from music import recordings
from tracks import Track, read_tracks, write_text

HEAD = """# Credits

What the starter's training data are made of. Weights that learned from the works below, and the
audio that comes with them, are an adaptation of these works and are licensed CC-BY-SA-4.0
(https://creativecommons.org/licenses/by-sa/4.0/). ATTRIBUTION.txt lists those that the shipped
weights learned from: all of them. None of the artists endorses this project. This file is written
by `recipe/credits.py`.

Licences: CC-BY-SA-3.0 https://creativecommons.org/licenses/by-sa/3.0/ (a + allows later versions),
CC-BY-3.0 https://creativecommons.org/licenses/by/3.0/, MIT (text in the package named).

## Recorded music

Title, artist, source (Debian package: file), licence, what was done.

"""

SINGING = """
## Synthetic singing

Made by `recipe/` and licensed CC-BY-SA-4.0; words and tunes are in the public domain or our own,
and the singers are programs: flite 2.2 (Starter Voices 2 and 3, from the CMU Arctic recordings of
rms and awb), festival 2.5 with festvox-us-slt-hts (Voices 1 and 4, from the CMU Arctic recordings
of slt) and espeak-ng 1.51 (Voices 5 to 8), re-timed and re-pitched with the WORLD vocoder. The
backing is by mma 21.09 and FluidSynth 2.3 with the sound font Fluid R3 GM by Frank Wen (MIT).

Title, source of words and tune, who sings, what was done.

"""


def music_lines() -> list[str]:
    """Return a line for each recording, in the order of music.csv."""
    lines = []
    for stems in recordings():
        first = stems[0]
        artist = first.artist
        if first.rights_holder != artist:
            artist += f" (copyright {first.rights_holder})"
        files = " + ".join(pin.file for pin in stems)
        lines.append(
            f'- "{first.title}", {artist}; {first.package}: {files}; {first.licence}; '
            "modified: used to train weights"
        )
    return lines


def singing_lines(tracks: list[Track]) -> list[str]:
    """Return a line for each song: several voices may sing it."""
    singers: dict[tuple[str, str], set[str]] = {}
    for track in tracks:
        if track.has_words:
            number = track.artist.split()[2]
            singers.setdefault((track.title, track.source_file), set()).add(number)
    return [
        f'- "{title}"; {source}; Starter Voice {", ".join(sorted(numbers))}; '
        "re-timed and re-pitched synthetic singing, made to train weights"
        for (title, source), numbers in sorted(singers.items())
    ]


def text(tracks: list[Track]) -> str:
    """Return the whole file for the tracks of a data folder."""
    singing = singing_lines(tracks)
    return (
        HEAD
        + "\n".join(music_lines())
        + "\n"
        + (SINGING + "\n".join(singing) + "\n" if singing else "")
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write presets/starter/CREDITS.md.")
    parser.add_argument("--out", type=Path, required=True, help="the built data folder")
    built = read_tracks(parser.parse_args().out / "tracks.csv")
    write_text(HERE.parent / "CREDITS.md", text(built))
