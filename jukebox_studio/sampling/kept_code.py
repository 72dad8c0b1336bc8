"""Where compiled functions are kept between starts: whole files, of versions that are in use.

numba runs what it finds in its files. Of damaged ones some cannot be read, and the others end the
process or compute something else, so each has its SHA-256 beside it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_cache_path

from jukebox_studio.files import write_atomically

UNUSED_SECONDS = 28 * 86_400.0
"""After which the folder of another version goes. Whoever uses it compiles anew, once."""
_SUFFIX = ".sha256"


def folder_for(made_from: bytes) -> Path | None:
    """The folder of what is compiled from exactly this; None where there can be none.

    When it is made, those that nobody has used for weeks are removed.
    """
    home = user_cache_path("jukebox-studio") / "compiled"
    folder = home / hashlib.sha256(made_from).hexdigest()[:16]
    try:
        if folder.is_dir():
            with contextlib.suppress(OSError):  # may be another user's
                os.utime(folder)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            _remove_unused(home)
    except OSError:
        return None
    return folder


def _remove_unused(home: Path) -> None:
    for other in home.iterdir():
        is_ours = re.fullmatch("[0-9a-f]{16}", other.name) and not other.is_symlink()
        if is_ours and time.time() - other.stat().st_mtime > UNUSED_SECONDS:
            shutil.rmtree(other, ignore_errors=True)


@contextlib.contextmanager
def whole(folder: Path, function: str) -> Iterator[None]:
    """Around the compiling of a function: no file of it is read that is not as it was written.

    Raises OSError or JukeboxError where a damaged one cannot be removed, or none be written.
    """
    for file in _files(folder, function):
        if _sum_beside(file) != _sum(file):
            file.unlink(missing_ok=True)
    yield
    for file in _files(folder, function):
        if _sum_beside(file) != (found := _sum(file)):
            write_atomically(file.with_name(file.name + _SUFFIX), found, is_lasting=False)


def _files(folder: Path, function: str) -> list[Path]:
    return list(folder.rglob(f"*.{function}-*.nb[ci]"))


def _sum(file: Path) -> bytes:
    """Of a file that another process may have removed meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        return hashlib.sha256(file.read_bytes()).hexdigest().encode()
    return b""


def _sum_beside(file: Path) -> bytes:
    with contextlib.suppress(FileNotFoundError):
        return file.with_name(file.name + _SUFFIX).read_bytes()
    return b""
