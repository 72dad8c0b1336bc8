"""Sing a few songs twice, into two folders, and compare every byte.

Run as: python presets/starter/recipe/check_rebuild.py [--limit 6]
"""

import argparse
import sys
import tempfile
from pathlib import Path

import singing
from fetch import sha256_of
from ledger import Ledger


def built(out: Path, limit: int) -> dict[str, str]:
    """Build a few performances from nothing; return the SHA-256 of each file."""
    (out / "audio").mkdir(parents=True)
    singing.build(out, out / "cache", Ledger(out), limit)
    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    return {str(path.relative_to(out)): sha256_of(path) for path in files}


def main() -> int:
    """Return 0 if both builds agree."""
    parser = argparse.ArgumentParser(description="Build a few songs twice and compare the bytes.")
    parser.add_argument("--limit", type=int, default=6)
    limit = parser.parse_args().limit
    with tempfile.TemporaryDirectory() as folder:
        first = built(Path(folder) / "first", limit)
        second = built(Path(folder) / "second", limit)
    different = sorted(name for name in first | second if first.get(name) != second.get(name))
    for name in different:
        print(f"differs: {name}")
    print(f"{len(first) - len(different)} of {len(first)} files are the same bytes")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
