"""The exchange folder, for scripts that cannot receive OSC: one JSON file per message.

    inbox/            what DAWs' scripts write, each file renamed into place
    claimed/          what is being acted on
    refused/          what could not be read, the newest of them, for people to look at
    outbox/to-SENDER/ what a sender shall read

A file acts once: it is claimed by a rename, which only one reader wins, and what a killed program
left claimed does not act again.
"""

from __future__ import annotations

import heapq
import json
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from bridge.protocol import SENDER, MessageKind, Values
from bridge.token import make_private_folder
from jukebox_studio.errors import JukeboxError
from jukebox_studio.files import write_atomically

LARGEST_FILE_BYTES = 256 * 1024
MOST_FILES_AT_ONCE = 256
MOST_REFUSED = 50
MOST_UNREAD = 1_000
HALF_WRITTEN_SECONDS = 2.0
LEFT_BEHIND_SECONDS = 3_600.0

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.json", re.ASCII)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpoolMessage:
    """What a file said, not checked beyond its form."""

    address: str
    arguments: dict[str, object]
    size_bytes: int


def spool_folder() -> Path:
    return platformdirs.user_data_path("jukebox-studio", appauthor=False) / "spool"


class Spool:
    """The program's side of the exchange folder.

    wall_clock: seconds since 1970, as the times of files are.
    """

    def __init__(self, folder: Path, wall_clock: Callable[[], float] = time.time) -> None:
        """Makes the folders, for the user alone; JukeboxError where that cannot be."""
        self.folder = folder
        self._inbox = folder / "inbox"
        self._claimed = folder / "claimed"
        self._refused = folder / "refused"
        self._outbox = folder / "outbox"
        self._wall_clock = wall_clock
        self._half_written: list[Path] = []
        self._written: dict[str, int] = {}
        """How many messages each sender was left since its folder was made."""
        try:
            for each in (folder, self._inbox, self._claimed, self._refused, self._outbox):
                make_private_folder(each)
            self._set_aside_what_was_left()
        except OSError as error:
            raise JukeboxError(
                f"The exchange folder {folder} cannot be made: {error.strerror or error}."
            ) from error

    # In ------------------------------------------------------------------------------------------

    def claim(self) -> list[SpoolMessage]:
        """The messages that are there, in the order of their names, at most MOST_FILES_AT_ONCE.

        Each is claimed for good: it is not seen again, here or by another program. What is no
        message is set aside; what does not have a message's name is left alone.
        """
        messages = []
        half_written, self._half_written = self._half_written, []
        for claimed in half_written + self._claim_files():
            try:
                message = self._read(claimed)
            except (OSError, ValueError, RecursionError) as error:
                self._not_read(claimed, error)
                continue
            claimed.unlink(missing_ok=True)
            messages.append(message)
        return messages

    def _claim_files(self) -> list[Path]:
        try:
            with os.scandir(self._inbox) as entries:
                names = heapq.nsmallest(
                    MOST_FILES_AT_ONCE,
                    (entry.name for entry in entries if _NAME.fullmatch(entry.name)),
                )
        except OSError as error:
            log.warning("The exchange folder cannot be read: %s", error)
            return []
        claimed_files = []
        for name in names:
            claimed = self._claimed / f"{name}.{secrets.token_hex(4)}"
            try:
                if not stat.S_ISREG((self._inbox / name).lstat().st_mode):
                    continue  # nobody's message: a link, a pipe or a folder
                (self._inbox / name).rename(claimed)
            except OSError:  # someone else was faster
                continue
            claimed_files.append(claimed)
        return claimed_files

    def _read(self, claimed: Path) -> SpoolMessage:
        """Raises OSError or ValueError where the file is no message."""
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with open(os.open(claimed, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError("it is no file")
            content = file.read(LARGEST_FILE_BYTES + 1)
        if len(content) > LARGEST_FILE_BYTES:
            raise ValueError(f"it has more than {LARGEST_FILE_BYTES:,} bytes")
        data = json.loads(content)
        if not isinstance(data, dict) or set(data) != {"address", "arguments"}:
            raise ValueError("it has not just an address and arguments")
        address, arguments = data["address"], data["arguments"]
        if not isinstance(address, str) or not isinstance(arguments, dict):
            raise ValueError("its address or arguments are of another type")
        return SpoolMessage(address, arguments, len(content))

    def _not_read(self, claimed: Path, error: Exception) -> None:
        """Wait for a file that is still being written; set any other aside."""
        try:
            found = claimed.lstat()
        except OSError:
            return  # it went away by itself
        young = abs(self._wall_clock() - found.st_mtime) < HALF_WRITTEN_SECONDS
        if young and found.st_size <= LARGEST_FILE_BYTES:
            self._half_written.append(claimed)
            return
        log.warning("A file in the exchange folder is no message (%s): %s", claimed.name, error)
        self._set_aside(claimed)

    def _set_aside(self, claimed: Path) -> None:
        try:
            if claimed.lstat().st_size > LARGEST_FILE_BYTES:
                claimed.unlink()  # keeping it would let anything fill the disk
                return
            claimed.replace(self._refused / claimed.name)
            kept = sorted(self._refused.iterdir(), key=lambda path: path.lstat().st_mtime)
            for path in kept[:-MOST_REFUSED]:
                path.unlink()
        except OSError as error:
            log.warning("%s cannot be set aside: %s", claimed.name, error)

    def _set_aside_what_was_left(self) -> None:
        """What a killed program had claimed, and answers that nobody fetched.

        Younger files may be another program's.
        """
        for claimed in self._claimed.iterdir():
            # Renaming leaves the time of writing, but changes that of the entry.
            if self._wall_clock() - claimed.lstat().st_ctime > LEFT_BEHIND_SECONDS:
                log.warning("A message was left in the midst of being acted on: %s", claimed.name)
                self._set_aside(claimed)
        for folder in self._outbox.glob("to-*"):
            if self._wall_clock() - folder.lstat().st_mtime > LEFT_BEHIND_SECONDS:
                self.forget(folder.name.removeprefix("to-"))

    # Out -----------------------------------------------------------------------------------------

    def write(self, sender: str, kind: MessageKind, values: Values) -> Path:
        """Leave a message for a sender to read.

        Files are numbered from 1, because the Lua of some DAWs cannot list a folder.

        Raises JukeboxError where the values are wrong, the file cannot be written, or the sender
        has left MOST_UNREAD of them unread.
        """
        checked = kind.check(kind.from_names(values))
        folder = self._outbox_of(sender)
        try:
            make_private_folder(folder)
            unread = sum(1 for _ in folder.iterdir())
        except OSError as error:
            raise JukeboxError(f"{folder} cannot be used: {error.strerror or error}.") from error
        if unread >= MOST_UNREAD:
            raise JukeboxError(
                f"{sender} has not read {unread:,} messages in {folder}; is its script running?"
            )
        number = self._written.get(sender, 0) + 1
        path = folder / f"{number:06d}.json"
        message = {"address": kind.address, "arguments": dict(checked)}
        write_atomically(path, json.dumps(message, ensure_ascii=False).encode())
        self._written[sender] = number
        return path

    def forget(self, sender: str) -> None:
        """Delete what a sender has not read."""
        folder = self._outbox_of(sender)
        self._written.pop(sender, None)
        try:
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("%s cannot be emptied: %s", folder, error)

    def _outbox_of(self, sender: str) -> Path:
        if not SENDER.fullmatch(sender):
            raise JukeboxError(f"{sender[:40]!r} is no name of a sender.")
        return self._outbox / f"to-{sender}"
