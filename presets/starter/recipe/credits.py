"""presets/starter/CREDITS.md: one line for each track the weights were trained on.

Run as: python presets/starter/recipe/credits.py
"""

from fetch import HERE
from music import recordings
from tracks import write_text

HEAD = """# Credits

The weights of the starter model, and the audio that comes with it, are an adaptation of the works
below and are licensed CC-BY-SA-4.0 (https://creativecommons.org/licenses/by-sa/4.0/). None of the
artists endorses this project. This file is written by `recipe/credits.py`.

Licences: CC-BY-SA-3.0 https://creativecommons.org/licenses/by-sa/3.0/ (a + allows later versions),
CC-BY-3.0 https://creativecommons.org/licenses/by/3.0/, MIT (text in the package named).

## Recorded music

Title, artist, source (Debian package: file), licence, what was done.

"""


def text() -> str:
    """Return the credits, in the order of music.csv."""
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
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    write_text(HERE.parent / "CREDITS.md", text())
