"""The part of the golden vectors that is kept in tests/data, as a folder of its own."""

import hashlib
import json
from pathlib import Path

PART = Path(__file__).parent / "data" / "reference"


def list_files(folder: Path) -> None:
    """Write cases.json for what lies in a folder."""
    files = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "cases.json"
    }
    (folder / "cases.json").write_text(json.dumps({"files": files}))
