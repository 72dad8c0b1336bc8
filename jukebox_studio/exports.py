"""The exports folder: files that the musician dragged, copied, inserted or saved. No torch.

A DAW may play such a file in place for years. So it is written once, under a name of its own that a
person can find again, and this program never changes, moves or deletes it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import platformdirs

from jukebox_studio.errors import JukeboxError

EXPORTS_VARIABLE = "JUKEBOX_STUDIO_EXPORTS"
FOLDER_NAME = "Jukebox Studio"
MOST_NAME_BYTES = 180
"""Of 255 that file systems allow, which leaves room for a number and for what a DAW appends."""

# What Windows takes for devices, whatever the suffix.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+')


def exports_folder() -> Path:
    """$JUKEBOX_STUDIO_EXPORTS, or "Jukebox Studio" in the user's music, else documents, folder."""
    named = os.environ.get(EXPORTS_VARIABLE)
    if named:
        return Path(named).expanduser()
    music = platformdirs.user_music_path()
    # os.path: a folder that we may not look into is no error here.
    home = music if os.path.isdir(music) else platformdirs.user_documents_path()
    return home / FOLDER_NAME


@dataclass(frozen=True)
class ExportName:
    """What a person looks for in a file's name."""

    clip: str
    operation: str
    length_said: str
    """Such as "8 bars"."""
    variant: int
    """Counted from 1."""
    date: datetime

    def file_name(self, suffix: str) -> str:
        """A name that Linux, macOS and Windows all take; the clip's part gives way if too long."""
        said = re.split(r"[(,;]", self.length_said)[0]
        rest = [clean(part)[:40].strip() for part in (self.operation, said)]
        rest = [part for part in rest if part]
        rest += [f"v{self.variant}", f"{self.date:%Y-%m-%d}"]
        end = " - ".join(rest) + suffix
        clip = _cut(clean(self.clip) or "clip", MOST_NAME_BYTES - len(f" - {end}".encode()))
        return f"{clip} - {end}"


def clean(text: str) -> str:
    """`text` as a part of a file name; empty where nothing of it can be one."""
    text = unicodedata.normalize("NFC", text)
    text = " ".join(_NOT_IN_NAMES.sub(" ", text).split())
    text = text.strip(" .")
    return f"{text}_" if _DEVICES.fullmatch(text) else text


def _cut(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore").rstrip(" .")


def export_file(source: Path, folder: Path, name: ExportName) -> Path:
    """A copy of `source` in `folder`, there whole or not at all; where it is.

    No file is replaced: if the name is taken, a number is added. Raises JukeboxError where the
    source cannot be read or the copy not be written.
    """
    file_name = name.file_name(source.suffix)
    part = folder / f".{secrets.token_hex(8)}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as content, part.open("xb") as copy:
            shutil.copyfileobj(content, copy, 2**20)
            copy.flush()
            os.fsync(copy.fileno())
        return _put(part, folder / file_name)
    except OSError as error:
        what = error.filename or folder / file_name
        raise JukeboxError(
            f"{source.name} could not be exported to {folder}: {error.strerror or error} ({what}). "
            "Make room or choose another exports folder, and try again."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _put(part: Path, path: Path) -> Path:
    """Give `part` the name of `path` or, where that is taken, with a number."""
    number, free = 2, path
    while True:
        try:
            _rename_to_new(part, free)
            return free
        except FileExistsError:
            free = path.with_name(f"{path.stem} ({number}){path.suffix}")
            number += 1


def _rename_to_new(part: Path, path: Path) -> None:
    """FileExistsError where there is a file at `path`, at whatever moment it came."""
    if os.name == "nt":
        part.rename(path)  # which refuses there to replace
        return
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # exFAT and others have no links
        if path.exists():
            raise FileExistsError(path) from None
        part.rename(path)
