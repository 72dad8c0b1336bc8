"""Cut the clip of presets/demo out of a held-out track: the README's first command continues it.

Run as: python presets/starter/recipe/demo.py [--out presets/demo] [--cache DIR]
"""

import argparse
from pathlib import Path

import platformdirs
import sound
from fetch import HERE, fetch, pinned_packages, read_verified
from music import pins
from tracks import write_text

# From the test split, so the model never learned from it. The track runs at a fixed 120 beats
# per minute from its first sample: 2 s a bar, and 40 s is where a section of 4 bars begins.
SLUG = "marine-baklund-industrial"
TEMPO_BPM = 120
START_SECONDS = 40
LENGTH_SECONDS = 10

README = """# The demo clip

`industrial-120bpm.flac` is what the README's first command continues: {length} s (5 bars of 4/4)
of "{title}" by {artist}, 44.1 kHz stereo, 16 bit.
Tempo: {tempo} beats per minute; a bar starts at its first sample, and another would start right
after its last.

The track is in the test split of the starter's data: no weight has been trained on it.
Made by `presets/starter/recipe/demo.py`; who made the music is in `CREDITS`.
"""

CREDITS = """industrial-120bpm.flac

Title: {title}
Artist: {artist}
Source: Debian package {package} {version}, file {file} (the game UFO: Alien Invasion)
Licence: {licence}, https://creativecommons.org/licenses/by-sa/3.0/
Modified: excerpt, from {start} s to {end} s

The artist does not endorse this project. What is rendered from this clip is an adaptation of it
and is under the same licence or a later version of it.
"""


def main() -> None:
    """Write the clip, its README and its CREDITS."""
    parser = argparse.ArgumentParser(description="Cut the demo clip out of a held-out track.")
    parser.add_argument("--out", type=Path, default=HERE.parents[1] / "demo")
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args()
    cache = arguments.cache or platformdirs.user_cache_path("jukebox-studio") / "starter-recipe"
    pin = next(pin for pin in pins() if pin.slug == SLUG)
    package = next(p for p in pinned_packages("music") if p.name == pin.package)
    samples, rate_hz = sound.decode(
        read_verified(fetch(package, cache.resolve()), pin.file, pin.sha256)
    )
    end_seconds = START_SECONDS + LENGTH_SECONDS
    arguments.out.mkdir(parents=True, exist_ok=True)
    excerpt = samples[START_SECONDS * rate_hz : end_seconds * rate_hz]
    sound.write_flac(arguments.out / "industrial-120bpm.flac", excerpt, rate_hz)
    facts = {
        "title": pin.title,
        "artist": pin.artist,
        "licence": pin.licence,
        "package": package.name,
        "version": package.version,
        "file": pin.file,
        "start": START_SECONDS,
        "end": end_seconds,
        "length": LENGTH_SECONDS,
        "tempo": TEMPO_BPM,
    }
    write_text(arguments.out / "README.md", README.format(**facts))
    write_text(arguments.out / "CREDITS", CREDITS.format(**facts))


if __name__ == "__main__":
    main()
