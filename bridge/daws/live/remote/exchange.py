"""The program's exchange folder as a script sees it (docs/protocol.md)."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOK_SECONDS = 1.0
"""How often it is seen whether the program runs."""

_PACKED = {"i": ">i", "h": ">q", "f": ">f", "d": ">d"}


class Exchange:
    """Greets each start of the program, says messages, and hears those that are left for us.

    configuration: the program's folder with the token and `bridge.json`. messages: the protocol's
    table, for each name an address and its arguments with their types.
    """

    def __init__(
        self, configuration: Path, messages: Mapping[str, Any], daw: str, version: str
    ) -> None:
        self._configuration = configuration
        self._messages = messages
        self._names = {kind["address"]: name for name, kind in messages.items()}
        self._daw = daw
        self._version = version
        self._program: dict[str, Any] | None = None
        self._sender = ""
        self._written = 0
        self._read = 0
        self._next_look = 0.0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    @property
    def runs(self) -> bool:
        """Whether the program ran when it was last looked for."""
        return self._program is not None

    def look(self, now: float) -> list[tuple[str, dict[str, Any]]]:
        """What the program has left, by the messages' names; `now` in seconds of any clock."""
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            self._meet()
        heard = []
        while self._program is not None:
            folder = Path(self._program["spool"], "outbox", "to-" + self._sender)
            path = folder / (f"{self._read + 1:06d}.json")
            try:
                text = path.read_text("utf-8")
            except OSError:
                break  # not there, or on Windows still in the program's hands
            # Before it acts: what fails must not come again and again.
            self._read += 1
            path.unlink()
            message = json.loads(text)
            name = self._names.get(message["address"])
            if name is not None:
                heard.append((name, message["arguments"]))
        return heard

    def say(self, name: str, values: Mapping[str, Any]) -> None:
        """Leave a message in the exchange folder, and ring; OSError where that fails."""
        assert self._program is not None
        arguments = self._arguments(name, values)
        self._written += 1
        # Acted on in the order of these names.
        stamp = f"{int(time.time()):012d}-{self._written:06d}-{self._sender}.json"
        path = Path(self._program["spool"], "inbox", stamp)
        part = path.with_suffix(".part")
        message = {"address": self._messages[name]["address"], "arguments": arguments}
        part.write_text(json.dumps(message), "utf-8")
        os.replace(str(part), str(path))
        self._send("doorbell", {})

    def tell(self, name: str, values: Mapping[str, Any]) -> None:
        """Send a message once, as a datagram, where it does not matter if it is lost."""
        if self._program is not None:
            self._send(name, self._arguments(name, values))

    def close(self) -> None:
        if self._program is not None:
            with contextlib.suppress(OSError):  # the program has gone, too
                self.say("goodbye", {})
        self._socket.close()

    def _meet(self) -> None:
        """See whether the program runs, and greet it where it was started anew."""
        before = self._program and self._program["pid"]
        try:
            told = json.loads((self._configuration / "bridge.json").read_text("utf-8"))
        except (OSError, ValueError):
            self._program = None
            return
        self._program = told
        if told["pid"] == before:
            return
        self._sender, self._read = "live-" + os.urandom(6).hex(), 0
        values = {"daw": self._daw, "version": self._version, "port": 0, "answers": False}
        try:
            self.say("hello", {"pid": os.getpid(), **values})
        except OSError:
            self._program = None  # its folder is not there yet

    def _arguments(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        token = (self._configuration / "bridge-token").read_text("ascii").strip()
        given = {"token": token, "sender": self._sender, "sequence": 0}
        given.update(values)
        wanted = [argument for argument, _ in self._messages[name]["arguments"]]
        assert sorted(wanted) == sorted(given), name
        return {argument: given[argument] for argument in wanted}

    def _send(self, name: str, arguments: Mapping[str, Any]) -> None:
        kind = self._messages[name]
        assert self._program is not None
        datagram = osc(kind["address"], kind["arguments"], arguments)
        with contextlib.suppress(OSError):  # a lost datagram, like any other
            self._socket.sendto(datagram, ("127.0.0.1", self._program["port"]))


def osc(address: str, types: list[tuple[str, str]], values: Mapping[str, Any]) -> bytes:
    """An OSC 1.0 message; types: the names of `values` in order, with their type tags."""
    tags, content = ",", b""
    for name, tag in types:
        value = values[name]
        if tag == "T":
            tag = "T" if value else "F"
        elif tag == "s":
            content += _text(value)
        else:
            content += struct.pack(_PACKED[tag], value)
        tags += tag
    return _text(address) + _text(tags) + content


def _text(text: str) -> bytes:
    content = text.encode("utf-8") + b"\0"
    return content + b"\0" * (-len(content) % 4)
