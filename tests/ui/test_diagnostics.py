"""What is sent along with a question."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ui.diagnostics import diagnostics


def test_a_crash_says_where_it_was(tmp_path: Path) -> None:
    log = tmp_path / "window.log"
    log.write_text("begun\n")
    assert "Crashes" not in diagnostics(log)
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from ui.diagnostics import note_crashes\n"
        "def draw():\n"
        "    os.abort()\n"
        "note_crashes(Path(sys.argv[1]))\n"
        "draw()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(log)], capture_output=True, timeout=60)
    assert done.returncode != 0
    told = diagnostics(log)
    assert "Fatal Python error: Aborted" in told
    assert "in draw" in told
