"""Build the starter model's training data: one command, the same bytes every time.

Run as: python presets/starter/recipe/build.py --out DIR [--only music] [--split test] [--cache DIR]
The singing needs the Python packages of requirements.txt in this folder; the music does not.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import credits
import music
import platformdirs
from errors import RecipeError
from fetch import HERE, pinned_packages, require_installed
from ledger import Ledger
from tracks import SPLITS, Track, read_tracks, summary, write_text, write_tracks

PARTS = ("music", "singing")


def build(
    out: Path,
    cache: Path,
    parts: tuple[str, ...],
    split: str | None = None,
    limit: int | None = None,
    jobs: int = 1,
) -> list[Track]:
    """Build the named parts and return the tracks of OUT, older parts included.

    With `split` no other songs are sung, and the table has no other tracks. All recordings are
    there, since their lengths decide the split.
    """
    singing = _singing() if "singing" in parts else None  # what it lacks is told before the work
    (out / "audio").mkdir(parents=True, exist_ok=True)
    ledger = Ledger(out)
    if "music" in parts:
        write_tracks(out / "tracks-music.csv", music.build(out, cache, ledger))
    if singing:
        sung = singing.build(out, cache, ledger, split, limit, jobs)
        write_tracks(out / "tracks-singing.csv", sung)
    tracks = [track for part in PARTS for track in read_tracks(out / f"tracks-{part}.csv")]
    if split:
        tracks = [track for track in tracks if track.split == split]
    write_tracks(out / "tracks.csv", tracks)
    write_text(out / "table.md", summary(tracks))
    write_text(out / "CREDITS.md", credits.text(tracks))
    return tracks


def _singing() -> ModuleType:
    try:
        import singing
    except ModuleNotFoundError as error:
        raise RecipeError(
            f"The singing needs the Python package {error.name}: run `pip install -r "
            f"{HERE / 'requirements.txt'}` first, or build with --only music."
        ) from error
    require_installed(pinned_packages("singing"))
    return singing


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the data set")
    parser.add_argument("--cache", type=Path, help="folder for downloaded packages")
    parser.add_argument("--only", choices=PARTS, help="build this part only")
    parser.add_argument(
        "--split", choices=SPLITS, help="list and sing the tracks of this split only"
    )
    parser.add_argument("--limit", type=int, help="sing only so many songs, to try the recipe")
    parser.add_argument("--jobs", type=int, default=1, help="sing so many songs at once")
    arguments = parser.parse_args()
    cache = arguments.cache or platformdirs.user_cache_path("jukebox-studio") / "starter-recipe"
    parts = (arguments.only,) if arguments.only else PARTS
    try:
        tracks = build(
            arguments.out,
            cache.resolve(),
            parts,
            arguments.split,
            arguments.limit,
            arguments.jobs,
        )
    except (RecipeError, OSError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 2
    hours = sum(track.duration_seconds for track in tracks) / 3600
    print(f"{len(tracks)} tracks, {hours:.2f} hours: {arguments.out / 'tracks.csv'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
