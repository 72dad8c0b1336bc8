"""Which files a message may name: regular ones, inside the folders that are allowed."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath, PureWindowsPath

from jukebox_studio.errors import JukeboxError

# Where removable disks appear.
_MOUNTS = {
    "linux": ("/media", "/mnt", "/run/media"),
    "darwin": ("/Volumes",),
}

# Devices, in whatever folder and with whatever ending (Microsoft: Naming Files, Paths).
_WINDOWS_DEVICE = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\..*)?", re.IGNORECASE
)


def refuse_windows_trick(text: str, folders: Iterable[PurePath]) -> None:
    """JukeboxError for a path that Windows takes for something else than a file.

    folders: the roots. A share that none of them lies on is refused before it is asked for, since
    asking tells its server who asks.
    """
    path = PureWindowsPath(text)
    if path.drive.startswith("\\\\"):
        drives = {PureWindowsPath(folder).drive.lower() for folder in folders}
        if path.drive.lower() not in drives:
            raise JukeboxError(
                f"{text} is on another machine or a device; copy the file to a disk of this one, "
                "or add its folder in the settings."
            )
    for part in path.parts[1:]:
        if _WINDOWS_DEVICE.fullmatch(part):
            raise JukeboxError(f"{text} is a device, as {part} is on Windows; name an audio file.")
        if ":" in part or (part != ".." and part[-1] in ". "):
            raise JukeboxError(
                f"{text} cannot be the name of an audio file: {part!r} has a colon, or ends with a "
                "dot or space."
            )


@dataclass(frozen=True)
class Roots:
    """The folders that messages may name files in, links resolved."""

    folders: tuple[Path, ...]

    @classmethod
    def of(cls, folders: Iterable[Path]) -> Roots:
        """Raises JukeboxError for a folder that is not there."""
        resolved = []
        for folder in folders:
            try:
                resolved.append(folder.resolve(strict=True))
            except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
                raise JukeboxError(
                    f"The folder {folder} cannot be used: {error}. Take it out of the settings."
                ) from error
        return cls(tuple(resolved))

    @classmethod
    def usual(cls) -> Roots:
        """The user's own folder, and removable disks."""
        mounts = (Path(folder) for folder in _MOUNTS.get(sys.platform, ()))
        return cls.of([Path.home(), *(folder for folder in mounts if folder.is_dir())])

    def file(self, text: str) -> Path:
        """The file that a message names, without links.

        Raises JukeboxError where the path is not absolute, leads out of the roots (through links,
        too), or to anything but a regular file. Nothing is opened.
        """
        path = Path(text)
        if not path.is_absolute():
            raise JukeboxError(f"{text!r} is no absolute path; name the file from its root on.")
        if sys.platform == "win32":
            refuse_windows_trick(text, self.folders)
        try:
            resolved = path.resolve()
            if not any(resolved.is_relative_to(folder) for folder in self.folders):
                raise self._outside(text)
            mode = resolved.lstat().st_mode
        except FileNotFoundError as error:
            raise JukeboxError(f"There is no file {text}; save the song and send again.") from error
        except (OSError, RuntimeError, ValueError) as error:
            raise JukeboxError(f"{text!r} cannot be opened: {error}.") from error
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "a device or pipe"
            raise JukeboxError(f"{text} is {kind}; name an audio file.")
        return resolved

    def _outside(self, text: str) -> JukeboxError:
        allowed = ", ".join(str(folder) for folder in self.folders)
        return JukeboxError(
            f"{text} is outside the folders that messages may name files in ({allowed}); "
            "add its folder in the settings."
        )
