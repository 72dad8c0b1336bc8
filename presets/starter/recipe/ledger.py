"""What has been built: lets an interrupted or repeated build skip what is there and verified."""

import json
from pathlib import Path

from fetch import sha256_of
from tracks import write_text


class Ledger:
    """A JSON file beside the data: for each output its recipe, SHA-256 and duration."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.path = out / "built.json"
        self.entries: dict[str, dict[str, str | float]] = {}
        if self.path.exists():
            self.entries = json.loads(self.path.read_text(encoding="utf-8"))

    def get(self, name: str, recipe: str) -> float | None:
        """Return the duration in seconds of an output that is there, unchanged and current."""
        entry = self.entries.get(name)
        path = self.out / name
        if entry is None or entry["recipe"] != recipe or not path.exists():
            return None
        if sha256_of(path) != entry["sha256"]:
            return None
        return float(entry["duration_seconds"])

    def put(self, name: str, recipe: str, duration_seconds: float) -> None:
        """Record an output that has just been written."""
        self.entries[name] = {
            "recipe": recipe,
            "sha256": sha256_of(self.out / name),
            "duration_seconds": duration_seconds,
        }
        write_text(self.path, json.dumps(self.entries, indent=1, sort_keys=True) + "\n")
