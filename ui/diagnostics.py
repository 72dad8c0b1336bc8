"""The log, and what to send along with a question when something went wrong. Nothing personal but
paths: no sound, no lyrics, no token."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import logging.handlers
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import platformdirs

from ui.words import translate

LOG_BYTES = 1_000_000
LOG_FILES = 3
TOLD_LINES = 60
_PACKAGES = ("jukebox-studio", "PyQt6", "numpy", "soundfile", "torch")


def log_path() -> Path:
    return platformdirs.user_log_path("jukebox-studio", appauthor=False) / "window.log"


def start_log(path: Path) -> str:
    """Write the log there from now on; a sentence where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8", errors="replace"
        )
    except OSError as error:
        return translate("Diagnostics", "There is no log: {0} cannot be written ({1}).").format(
            path, error.strerror or error
        )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    return ""


def note_crashes(path: Path) -> None:
    """Should the program crash, what its threads were at is written beside the log at `path`."""
    with contextlib.suppress(OSError):  # that there is no log is told already
        faulthandler.enable(crash_path(path).open("a", encoding="utf-8"))


def crash_path(log: Path) -> Path:
    return log.with_suffix(".crash")


def diagnostics(path: Path, *told: str) -> str:
    """Versions, the system, what the parts say of themselves, and the end of the log."""
    lines = [f"Python {platform.python_version()}, {platform.platform()}, {sys.executable}"]
    for package in _PACKAGES:
        try:
            lines.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            lines.append(f"{package}: not installed")
    lines += [text for text in told if text]
    lines.append(f"Log: {path}")
    try:
        last = path.read_text(encoding="utf-8", errors="replace").splitlines()[-TOLD_LINES:]
    except OSError as error:
        last = [f"It cannot be read: {error.strerror or error}."]
    with contextlib.suppress(OSError):
        crashed = crash_path(path).read_text(encoding="utf-8", errors="replace").splitlines()
        last += ["Crashes:", *crashed[-TOLD_LINES:]] if crashed else []
    return "\n".join([*lines, *last]) + "\n"
