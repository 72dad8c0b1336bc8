"""The service with its socket and its thread."""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from bridge.osc import LOOPBACK, DatagramSocket
from bridge.paths import Roots
from bridge.protocol import DEFAULT_PORT, Value
from bridge.service import Actions, Service
from bridge.spool import Spool
from bridge.token import make_private_folder
from jukebox_studio.errors import JukeboxError
from jukebox_studio.files import write_atomically

TICK_SECONDS = 0.02
IDLE_SECONDS = 0.25
SPOOL_LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)


class Bridge:
    """Hears and answers until it is closed.

    `send` may be called from any thread; `actions` are called on the bridge's own.
    """

    def __init__(
        self,
        actions: Actions,
        token: str,
        roots: Roots,
        *,
        spool: Spool | None = None,
        host: str = LOOPBACK,
        port: int = DEFAULT_PORT,
        on_network: bool = False,
    ) -> None:
        """Raises JukeboxError as DatagramSocket, and without a token."""
        if not token:
            raise JukeboxError("The bridge needs a token; see bridge.token.load_token.")
        self._socket = DatagramSocket(host, port, on_network=on_network)
        self.service = Service(actions, token, roots, self._socket.send, spool)
        """For its counts and peers; call nothing on it."""
        self._wishes: queue.SimpleQueue[tuple[str | None, str, Mapping[str, Value]]] = (
            queue.SimpleQueue()
        )
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="bridge", daemon=True)
        self._thread.start()

    def __enter__(self) -> Bridge:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def host(self) -> str:
        return self._socket.address[0]

    @property
    def port(self) -> int:
        """Where it listens: the port that was asked for, or the next free one."""
        return self._socket.address[1]

    @property
    def note(self) -> str:
        """A sentence for people where the port is another than was asked for, else empty."""
        if self._socket.wanted_port in (0, self.port):
            return ""
        return (
            f"Port {self._socket.wanted_port} is taken, so the bridge listens on port {self.port}. "
            "Controllers that were set to the other must be set to this one."
        )

    def send(self, sender: str | None, name: str, values: Mapping[str, Value]) -> None:
        """Tell a peer, or all (None), something; as `Service.send`, but errors are logged."""
        self._wishes.put((sender, name, values))
        self._socket.wake()

    def close(self) -> None:
        self._closed = True
        self._socket.wake()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        next_tick = next_look = time.monotonic()
        while not self._closed:
            # Mostly nothing happens, and a DAW on the same processor needs its time.
            arrived = self._socket.get(TICK_SECONDS if self.service.is_busy else IDLE_SECONDS)
            if arrived is not None:
                self.service.receive(*arrived)
            while not self._wishes.empty():
                self._send(*self._wishes.get())
            now = time.monotonic()
            if now >= next_tick:
                self.service.tick()
                next_tick = now + TICK_SECONDS
            if now >= next_look:
                self.service.read_spool()
                next_look = now + SPOOL_LOOK_SECONDS

    def _send(self, sender: str | None, name: str, values: Mapping[str, Value]) -> None:
        try:
            if sender is None:
                self.service.send_to_all(name, values)
            else:
                self.service.send(sender, name, values)
        except JukeboxError as error:
            log.warning("%s", error)


def tell_where(path: Path, bridge: Bridge, spool: Path) -> None:
    """Write `bridge.json`, from which the DAWs' scripts know port and spool.

    Raises JukeboxError where it cannot be written.
    """
    try:
        make_private_folder(path.parent)
    except OSError as error:
        raise JukeboxError(f"{path.parent} cannot be made: {error.strerror or error}.") from error
    told = {"port": bridge.port, "spool": str(spool), "pid": os.getpid()}
    write_atomically(path, json.dumps(told, ensure_ascii=False).encode())
