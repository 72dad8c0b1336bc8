"""The secret that every acting message carries, in a file that only the user can read."""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
import sys
import time
from pathlib import Path

import platformdirs

from jukebox_studio.errors import JukeboxError

TOKEN_BYTES = 32
_TOKEN = re.compile(f"[0-9a-f]{{{2 * TOKEN_BYTES}}}")
_WRITTEN_WITHIN_SECONDS = 1.0


def configuration_folder() -> Path:
    """Where the token lies, and `bridge.json`, which tells the DAWs' scripts port and spool."""
    return platformdirs.user_config_path("jukebox-studio", appauthor=False)


def token_path() -> Path:
    return configuration_folder() / "bridge-token"


def load_token(path: Path) -> str:
    """The token at `path`, made where there is none: 64 hexadecimal digits.

    A file that others could read may have been read: it is replaced by a new token. Raises
    JukeboxError where the file cannot be read or made, is another user's, or holds no token.

    Windows has no modes: there the file has the access list of the user's profile, which lets in
    the user, the system and administrators.
    """
    try:
        make_private_folder(path.parent)
        _create(path)
        for _ in range(2):
            token, was_private = _read(path)
            if was_private:
                return token
            path.unlink()
            _create(path)
    except OSError as error:
        raise JukeboxError(
            f"The token {path} cannot be read or written: {error.strerror or error}. "
            "Check the folder's permissions."
        ) from error
    raise JukeboxError(f"The token {path} stays readable for others; check the folder's disk.")


def is_token(token: str, offered: object) -> bool:
    """Whether `offered` is the token, in a time that does not tell how much of it is right."""
    return isinstance(offered, str) and hmac.compare_digest(
        token.encode(), offered.encode("utf-8", "replace")
    )


def make_private_folder(folder: Path) -> None:
    """A folder that only the user can enter, made or tightened.

    Raises JukeboxError where another user owns it, OSError where it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform == "win32":
        return
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise JukeboxError(f"The folder {folder} belongs to another user; remove it.")
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)


def _create(path: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        file = os.open(path, flags, 0o600)
    except FileExistsError:
        return
    with open(file, "w", encoding="ascii") as opened:
        opened.write(secrets.token_hex(TOKEN_BYTES))


def _read(path: Path) -> tuple[str, bool]:
    """The token, and whether nobody else could read it."""
    give_up = time.monotonic() + _WRITTEN_WITHIN_SECONDS
    while True:
        # Not through a link, and not waiting for the other end of a pipe.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with open(os.open(path, flags), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise JukeboxError(f"{path} is no file; remove it.")
            if sys.platform != "win32" and found.st_uid != os.geteuid():
                raise JukeboxError(f"The token {path} belongs to another user; remove it.")
            token = file.read(2 * TOKEN_BYTES + 2).decode("ascii", "replace").strip()
        if _TOKEN.fullmatch(token):
            return token, sys.platform == "win32" or not stat.S_IMODE(found.st_mode) & 0o077
        # Another start of the program may have made it a moment ago, and be about to fill it.
        if time.monotonic() > give_up:
            raise JukeboxError(f"The file {path} holds no token; delete it and start again.")
        time.sleep(0.02)
