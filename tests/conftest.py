"""What every test needs: no screen, two threads, and the golden vectors where they are."""

import os
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "2")

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def reference_folder() -> Path:
    """The whole set of golden vectors: $JUKEBOX_REFERENCE, or ../shared/reference."""
    folder = Path(os.environ.get("JUKEBOX_REFERENCE", ROOT.parent / "shared" / "reference"))
    if not folder.is_dir():
        pytest.skip(f"no golden vectors at {folder}; set JUKEBOX_REFERENCE to their folder")
    return folder
