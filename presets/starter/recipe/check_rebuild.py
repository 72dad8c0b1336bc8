"""Sing a few songs again and compare every byte with the first time.

Run as: python presets/starter/recipe/check_rebuild.py [--against DIR] [--limit 6]
"""

import argparse
import sys
import tempfile
from pathlib import Path

import singing
from fetch import sha256_of
from ledger import Ledger


def built(out: Path, cache: Path, limit: int) -> dict[str, str]:
    """Build a few performances from nothing; return the SHA-256 of each file."""
    (out / "audio").mkdir(parents=True)
    tracks = singing.build(out, cache, Ledger(out), limit=limit)
    names = [name for track in tracks for name in (track.file, track.lyrics_file)]
    return {name: sha256_of(out / name) for name in names}


def main() -> int:
    """Return 0 if both builds agree."""
    parser = argparse.ArgumentParser(description="Build a few songs again and compare the bytes.")
    parser.add_argument("--against", type=Path, help="a built data folder; else build twice")
    parser.add_argument("--cache", type=Path, help="where the chorales that were read are kept")
    parser.add_argument("--limit", type=int, default=6)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cache = arguments.cache or folder / "cache"
        first = built(folder / "first", cache, arguments.limit)
        if arguments.against:
            second = {file: sha256_of(arguments.against / file) for file in first}
        else:
            second = built(folder / "second", cache, arguments.limit)
    different = [file for file in first if first[file] != second[file]]
    for file in different:
        print(f"differs: {file}")
    print(f"{len(first) - len(different)} of {len(first)} files are the same bytes")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
