"""UDP sockets: one that loses nothing in a burst, and the client on top of it."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import logging
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from bridge.conversation import Answer, Conversation, Heard, new_sender
from bridge.protocol import DEFAULT_PORT, LARGEST_DATAGRAM_BYTES, Value
from jukebox_studio.errors import JukeboxError

LOOPBACK = "127.0.0.1"
RECEIVE_BUFFER_BYTES = 8 * 2**20
"""Asked of the system, which may give less (Linux: net.core.rmem_max)."""
MOST_QUEUED_BYTES = 64 * 2**20
PORTS_TRIED = 10

# What the queue counts for a datagram besides its bytes: the objects around it.
_DATAGRAM_OVERHEAD_BYTES = 256
_LOOK_UP_SECONDS = 0.25

Address = tuple[str, int]

log = logging.getLogger(__name__)


class DatagramSocket:
    """A UDP socket that a thread of its own empties into memory at once.

    The system's buffer often holds a few hundred datagrams only, and a thread that also acts on
    them is too slow for a burst. What comes when MOST_QUEUED_BYTES lie here is dropped.
    """

    def __init__(self, host: str = LOOPBACK, port: int = 0, *, on_network: bool = False) -> None:
        """port: 0 for any that is free; else it or one of the PORTS_TRIED - 1 after it.

        Raises JukeboxError for a host that others can reach, unless `on_network` says that this is
        meant, and where no port is free.
        """
        if not on_network and not is_loopback(host):
            raise JukeboxError(
                f"The bridge would listen at {host}, where other machines can reach it; turn that "
                "on in the settings if you mean it. Every message needs the token then, too."
            )
        self._socket = _bind(host, port)
        self.address: Address = self._socket.getsockname()[:2]
        self.wanted_port = port
        self.dropped = 0
        """Datagrams for which there was no room."""
        self._queue: deque[tuple[bytes, Address]] = deque()
        self._queued_bytes = 0
        self._woken = False
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._empty, name="bridge-socket", daemon=True)
        self._thread.start()

    def get(self, timeout_seconds: float) -> tuple[bytes, Address] | None:
        """The next datagram and where it came from; None after the timeout, or `wake`."""
        with self._changed:
            if not self._queue and not self._woken:
                self._changed.wait(timeout_seconds)
            self._woken = False
            if not self._queue:
                return None
            datagram, source = self._queue.popleft()
            self._queued_bytes -= len(datagram) + _DATAGRAM_OVERHEAD_BYTES
            return datagram, source

    def wake(self) -> None:
        """End a `get` that waits, or the next one."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def send(self, datagram: bytes, address: Address) -> None:
        """Send once; a datagram that cannot be sent is as good as lost on the way."""
        try:
            self._socket.sendto(datagram, address)
        except (OSError, OverflowError) as error:
            log.debug(
                "A datagram of %d bytes to %s was not sent: %s", len(datagram), address, error
            )

    def close(self) -> None:
        self._closed = True
        # A datagram to itself wakes the thread on every system; closing the socket does not.
        with contextlib.suppress(OSError):
            self._socket.sendto(b"", self._reachable())
        self._thread.join(2 * _LOOK_UP_SECONDS)
        self._socket.close()

    def _reachable(self) -> Address:
        host, port = self.address
        return (LOOPBACK if host in ("0.0.0.0", "") else host), port

    def _empty(self) -> None:
        while not self._closed:
            try:
                # One byte more than is allowed, so that what is longer is seen to be.
                datagram, source = self._socket.recvfrom(LARGEST_DATAGRAM_BYTES + 1)
            except TimeoutError:
                continue
            except OSError as error:
                # Windows tells here that nobody heard something we sent (WSAECONNRESET), or that a
                # datagram was too long; neither concerns what comes next.
                if self._closed or error.errno == errno.EBADF:
                    return
                continue
            size_bytes = len(datagram) + _DATAGRAM_OVERHEAD_BYTES
            with self._changed:
                if self._queued_bytes + size_bytes > MOST_QUEUED_BYTES:
                    self.dropped += 1
                    continue
                self._queue.append((datagram, source[:2]))
                self._queued_bytes += size_bytes
                self._changed.notify()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`: an address of loopback, or localhost."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bind(host: str, port: int) -> socket.socket:
    last: OSError | None = None
    for candidate in range(port, min(port + PORTS_TRIED, 65_536)) if port else (0,):
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if sys.platform == "win32":
                # Else another program could take the same port and hear the token.
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            with contextlib.suppress(OSError):  # macOS refuses what it cannot give
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            # So that closing never waits for a datagram, should its own not arrive.
            opened.settimeout(_LOOK_UP_SECONDS)
            opened.bind((host, candidate))
            return opened
        except OSError as error:
            opened.close()
            last = error
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                break
    where = f"{host}, port {port} or one of the {PORTS_TRIED - 1} after it" if port else host
    raise JukeboxError(f"The bridge cannot listen at {where}: {last}. Choose another port.")


class Client:
    """A DAW's script or controller in Python: says, repeats, and hears.

    on_heard is called on the client's own thread for each message of the program, once, in order.
    """

    def __init__(
        self,
        token: str,
        port: int = DEFAULT_PORT,
        *,
        host: str = LOOPBACK,
        sender: str = "",
        on_heard: Callable[[Heard], None] | None = None,
    ) -> None:
        self.conversation = Conversation(token, sender or new_sender("python"))
        self._program: Address = (host, port)
        self._on_heard = on_heard
        # Replies come back to it from the program's own address, on the network too.
        self._socket = DatagramSocket(LOOPBACK if is_loopback(host) else "", on_network=True)
        self._changed = threading.Condition()
        self._errors: dict[int, Answer] = {}
        self._lost = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="bridge-client", daemon=True)
        self._thread.start()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def hello(self, daw: str, version: str = "", pid: int = 0) -> None:
        """The first word, heard and accepted when this returns; JukeboxError as `wait`."""
        values: dict[str, Value] = {"daw": daw, "version": version, "pid": pid}
        values |= {"port": 0, "answers": True}
        self.send("hello", values)
        self.wait()

    def send(self, name: str, values: dict[str, Value]) -> int:
        """Queue a message of the table, given its own arguments; its number.

        Raises JukeboxError where a value is wrong.
        """
        with self._changed:
            sequence = self.conversation.put(name, values)
        self._socket.wake()
        return sequence

    def send_once(self, name: str, values: dict[str, Value]) -> None:
        """Send a message that is not repeated: a knob, the transport, the doorbell."""
        self._socket.send(self.conversation.once(name, values), self._program)

    def wait(self, timeout_seconds: float = 30.0) -> None:
        """Until everything is answered.

        Raises JukeboxError with the sentence of the first error that came, and where the program
        does not answer.
        """
        give_up = time.monotonic() + timeout_seconds
        with self._changed:
            while self.conversation.unanswered and not self._lost:
                left = give_up - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
            errors, self._errors = self._errors, {}
            if errors:
                raise JukeboxError(errors[min(errors)].sentence)
            if self.conversation.unanswered:
                host, port = self._program
                raise JukeboxError(
                    f"The program does not answer at {host}, port {port}; is it running?"
                )

    def close(self) -> None:
        self._closed = True
        self._socket.wake()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._closed:
            arrived = self._socket.get(0.02 if self.conversation.unanswered else _LOOK_UP_SECONDS)
            heard: list[Heard] = []
            with self._changed:
                if arrived is not None and arrived[1] == self._program:
                    received = self.conversation.receive(arrived[0])
                    heard = received.heard
                    for reply in received.replies:
                        self._socket.send(reply, self._program)
                    self._errors |= {a.sequence: a for a in received.answers if a.code}
                now = time.monotonic()
                for datagram in self.conversation.due(now):
                    self._socket.send(datagram, self._program)
                self._lost = self.conversation.lost(now)
                self._changed.notify_all()
            for message in heard:
                if self._on_heard is not None:
                    self._on_heard(message)
