"""Real UDP on loopback: sockets, the client, the whole bridge, and liblo's tools."""

from __future__ import annotations

import json
import random
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable

import pytest
from bridge_parts import HELLO, TOKEN, Remembering, clip_of, write_sound
from real_programs import needed

from bridge.clip_message import clip_to_values
from bridge.conversation import Heard
from bridge.osc import Client, DatagramSocket, is_loopback
from bridge.paths import Roots
from bridge.protocol import PREFIX
from bridge.server import Bridge, tell_where
from bridge.spool import Spool
from jukebox_studio.errors import JukeboxError

PATIENCE_SECONDS = 60.0


def until(true: Callable[[], object]) -> None:
    """Wait for what another thread does; the machine may be busy."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.01)


@pytest.fixture
def sound(tmp_path):
    return write_sound(tmp_path / "a.wav").resolve()


@pytest.fixture
def actions():
    return Remembering()


@pytest.fixture
def bridge(tmp_path, actions):
    roots = Roots.of([tmp_path])
    with Bridge(actions, TOKEN, roots, spool=Spool(tmp_path / "spool"), port=0) as bridge:
        yield bridge


def test_a_clip_goes_there_and_an_insert_comes_back(bridge, actions, sound):
    heard: list[Heard] = []
    with Client(TOKEN, bridge.port, on_heard=heard.append) as client:
        client.hello("Live", "12.1")
        client.send("clip", clip_to_values("c1", clip_of(sound)))
        client.send_once("keep", {"amount": 0.5})
        client.wait()
        [(peer, name, clip)] = actions.named("clip")
        assert (peer.daw, name, clip) == ("Live", "c1", clip_of(sound))
        values = {"insert": "i1", "path": str(sound), "position_samples": 2**40 + 1}
        values |= {"timeline_rate_hz": 48_000, "track": "T", "name": "v1"}
        bridge.send(peer.sender, "insert", values)
        bridge.send(None, "progress", {"job": "j", "done": 0.5, "seconds_left": 1.0})
        bridge.send("nobody", "insert", values)  # logged
        until(lambda: len(heard) == 2 and actions.named("keep"))
        assert [message.name for message in heard] == ["insert", "progress"]
        assert heard[0].values["position_samples"] == 2**40 + 1
        until(lambda: not bridge.service.is_busy)


def test_the_client_tells_what_was_refused(bridge, sound):
    with Client(TOKEN, bridge.port) as client:
        client.hello("Live")
        client.send("clip", clip_to_values("c1", clip_of(sound.with_name("gone.wav"))))
        with pytest.raises(JukeboxError, match=r"There is no file .*gone\.wav"):
            client.wait()
        client.wait()
        with pytest.raises(JukeboxError, match="amount must lie between"):
            client.send("keep", {"amount": 2.0})


def test_a_program_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr("bridge.delivery.GIVES_UP_SECONDS", 0.1)
    free = DatagramSocket()
    free.close()
    with Client(TOKEN, free.address[1]) as client:
        client.send("hello", HELLO)
        with pytest.raises(
            JukeboxError, match=r"does not answer at 127\.0\.0\.1, port .* is it running"
        ):
            client.wait()


class LossyRelay:
    """Passes datagrams on between one client and the bridge, and does to them what networks do."""

    def __init__(self, port: int) -> None:
        self._random = random.Random(5)
        self._inner = ("127.0.0.1", port)
        self._client: tuple[str, int] | None = None
        self._front, self._back = DatagramSocket(), DatagramSocket()
        self.port = self._front.address[1]
        self._closed = False
        self._threads = [
            threading.Thread(target=self._run, args=(source,), daemon=True)
            for source in (self._front, self._back)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, source: DatagramSocket) -> None:
        held: list[bytes] = []
        while not self._closed:
            arrived = source.get(0.02)
            out: list[bytes] = []
            if arrived is None:
                out, held = held, []
            else:
                datagram, address = arrived
                if source is self._front:
                    self._client = address
                fate = self._random.random()
                if fate < 0.2:
                    pass
                elif fate < 0.4:
                    out = [datagram, datagram]
                elif fate < 0.6:
                    held.append(datagram)  # overtaken by those that follow
                else:
                    out = [datagram]
                if len(held) > 5:
                    out.append(held.pop(self._random.randrange(len(held))))
            for datagram in out:
                if source is self._front:
                    self._back.send(datagram, self._inner)
                elif self._client is not None:
                    self._front.send(datagram, self._client)

    def close(self) -> None:
        self._closed = True
        for thread in self._threads:
            thread.join()
        self._front.close()
        self._back.close()


def test_clips_arrive_once_and_in_order_over_a_bad_link(bridge, actions, sound, monkeypatch):
    """The ten thousand are in test_service.py, where the clock is not a real one."""
    monkeypatch.setattr("bridge.delivery.GIVES_UP_SECONDS", PATIENCE_SECONDS)
    relay = LossyRelay(bridge.port)
    try:
        with Client(TOKEN, relay.port) as client:
            client.send("hello", HELLO)
            values = clip_to_values("", clip_of(sound))
            for number in range(1_000):
                client.send("clip", values | {"clip": f"c{number}"})
            client.wait(timeout_seconds=PATIENCE_SECONDS)
    finally:
        relay.close()
    assert [name for _, name, _ in actions.named("clip")] == [f"c{n}" for n in range(1_000)]


def test_a_burst_of_five_thousand_is_kept():
    """python-osc's own threading server kept about 300 of them."""
    with_queue = DatagramSocket()
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        for number in range(5_000):
            sender.sendto(b"%08d" % number + bytes(120), with_queue.address)
        got = []
        while (arrived := with_queue.get(1.0)) is not None:
            got.append(int(arrived[0][:8]))
    finally:
        sender.close()
        with_queue.close()
    assert got == list(range(5_000))


def test_what_nobody_fetches_is_bounded(monkeypatch):
    monkeypatch.setattr("bridge.osc.MOST_QUEUED_BYTES", 10_000)
    queue = DatagramSocket()
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        for _ in range(50):
            sender.sendto(bytes(744), queue.address)
        until(lambda: queue.dropped == 40)
        assert queue.get(0.0) is not None
    finally:
        sender.close()
        queue.close()


def test_a_taken_port_is_told_and_the_next_one_used(bridge, actions, tmp_path):
    assert bridge.note == ""
    with Bridge(actions, TOKEN, Roots.of([tmp_path]), port=bridge.port) as second:
        assert bridge.port < second.port < bridge.port + 10
        assert second.note.startswith(f"Port {bridge.port} is taken, so the bridge listens on port")
        with Client(TOKEN, second.port) as client:
            client.hello("Live")


def test_no_free_port_is_told(monkeypatch):
    monkeypatch.setattr("bridge.osc.PORTS_TRIED", 1)
    first = DatagramSocket()
    try:
        with pytest.raises(JukeboxError, match=r"cannot listen at 127\.0\.0\.1, port .* Choose"):
            DatagramSocket(port=first.address[1])
    finally:
        first.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "", "studio.local", "::"])
def test_the_network_must_be_asked_for(host, actions, tmp_path):
    assert not is_loopback(host)
    with pytest.raises(JukeboxError, match="turn that on in the settings"):
        Bridge(actions, TOKEN, Roots.of([tmp_path]), host=host, port=0)


def test_on_the_network_the_token_is_needed_too(actions, tmp_path):
    roots = Roots.of([tmp_path])
    with pytest.raises(JukeboxError, match="needs a token"):
        Bridge(actions, "", roots, host="0.0.0.0", port=0, on_network=True)
    with Bridge(actions, TOKEN, roots, host="0.0.0.0", port=0, on_network=True) as bridge:
        with Client("0" * 64, bridge.port) as stranger:
            stranger.send("hello", HELLO)
            until(lambda: bridge.service.counts["no token"])
        assert actions.calls == []
        with Client(TOKEN, bridge.port) as client:
            client.hello("Live")


def test_only_loopback_is_bound_by_default(bridge):
    assert bridge.host == "127.0.0.1"
    for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost"):
        assert is_loopback(host)


def test_junk_does_not_stop_the_bridge(bridge, actions):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    hanging = b"#bundle\0" + bytes(8) + b"\xff\xff\xff\xfc"
    for junk in (hanging, b"", b"/" + b"*" * 22 + b"a\0\0\0\0,\0\0\0", bytes(60_000)):
        sender.sendto(junk, ("127.0.0.1", bridge.port))
    sender.close()
    with Client(TOKEN, bridge.port) as client:
        client.hello("Live")
    assert bridge.service.counts["not a message: bundle element size"] == 1
    assert bridge.service.counts["not a message: too long"] == 1


def test_a_file_and_a_doorbell_are_enough(bridge, actions, tmp_path):
    told = {"token": TOKEN, "sender": "reaper-1", "sequence": 0, "amount": 0.5}
    message = json.dumps({"address": f"{PREFIX}keep", "arguments": told})
    part = tmp_path / "spool" / "inbox" / "1.part"
    part.write_text(message)
    part.rename(part.with_suffix(".json"))
    with Client(TOKEN, bridge.port) as client:
        client.send_once("doorbell", {})
        until(lambda: actions.named("keep"))


def test_scripts_find_the_port_and_the_folder(bridge, tmp_path):
    path = tmp_path / "config" / "bridge.json"
    tell_where(path, bridge, tmp_path / "spool")
    told = json.loads(path.read_text(encoding="utf-8"))
    assert (told["port"], told["spool"]) == (bridge.port, str(tmp_path / "spool"))


# liblo itself ------------------------------------------------------------------------------------


@pytest.fixture
def liblo() -> None:
    needed("oscsend", "oscdump", package="liblo-tools")


def oscsend(port: int, name: str, types: str, *values: object) -> None:
    address = PREFIX + name
    command = ["oscsend", "127.0.0.1", str(port), address, types, *map(str, values)]
    subprocess.run(command, check=True, timeout=PATIENCE_SECONDS)


@pytest.mark.usefixtures("liblo")
def test_oscsend_speaks_and_oscdump_hears(bridge, actions, sound, tmp_path):
    free = DatagramSocket()
    port = free.address[1]
    free.close()
    told = tmp_path / "dump.txt"
    with told.open("w") as out:
        dump = subprocess.Popen(["oscdump", "-L", str(port)], stdout=out)
    try:
        head = (TOKEN, "pedal-1")
        # Its socket needs a moment; a hello is answered at the port that it gives.
        sequence = 0

        def heard(what: str) -> list[str]:
            return [line for line in told.read_text().splitlines() if what in line]

        def greet() -> bool:
            nonlocal sequence
            sequence += 1
            oscsend(bridge.port, "hello", "ssissiiF", *head, sequence, "Pedal", "1", 0, port)
            return bool(heard("/accepted"))

        until(greet)
        oscsend(bridge.port, "generate", "ssissfih", *head, 0, "", "continue", 4.0, 2, -1)
        oscsend(bridge.port, "keep", "ssif", *head, 0, 0.75)
        oscsend(bridge.port, "rate", "ssisii", *head, 0, "", 2, 5)
        oscsend(bridge.port, "audition", "ssisiT", *head, 0, "", 2)
        clip = clip_to_values("c1", clip_of(sound))
        samples = {key: str(value) for key, value in clip.items() if key.endswith("_samples")}
        types = "".join("i" if key.endswith("_hz") else "s" for key in clip)
        oscsend(bridge.port, "clip", "ssi" + types, *head, 0, *(clip | samples).values())
        oscsend(bridge.port, "keep", "ssif", *head, 0, 1.75)
        until(lambda: heard("/error"))
        [peer] = bridge.service.peers
        assert (peer.daw, peer.version) == ("Pedal", "1")
        assert actions.named("clip") == [(peer, "c1", clip_of(sound))]
        assert [call[1:] for call in actions.named("keep")] == [(0.75,)]
        assert [call[1:] for call in actions.named("rate")] == [(None, 2, 5)]
        assert [call[1:] for call in actions.named("audition")] == [(None, 2, True)]
        [(_, wish)] = actions.named("generate")
        assert (wish.operation, wish.length_bars, wish.variants, wish.seed) == (
            "continue",
            4,
            2,
            None,
        )
        bridge.send("pedal-1", "progress", {"job": "j1", "done": 0.25, "seconds_left": -1})
        insert = {"insert": "i1", "path": str(sound), "position_samples": 2**40 + 1}
        insert |= {"timeline_rate_hz": 48_000, "track": "T", "name": "v1"}
        bridge.send("pedal-1", "insert", insert)
        until(lambda: heard("/insert"))
        [error] = heard("/error")
        assert re.search(r'siss "pedal-1" 0 "arguments" ".*between 0 and 1, not 1.75', error)
        [progress] = heard("/progress")
        assert progress.endswith('sff "j1" 0.250000 -1.000000')
        [line] = heard("/insert")
        assert f'ssisshiss "{TOKEN}"' in line
        assert f'"i1" "{sound}" {2**40 + 1} 48000 "T" "v1"' in line
    finally:
        dump.terminate()
        dump.wait(timeout=PATIENCE_SECONDS)


@pytest.mark.usefixtures("liblo")
def test_oscsend_without_the_token_is_dropped(bridge, actions):
    oscsend(bridge.port, "keep", "ssif", "0" * 64, "pedal-1", 0, 0.75)
    oscsend(bridge.port, "*", "ssif", TOKEN, "pedal-1", 0, 0.75)
    until(lambda: bridge.service.counts["no token"])
    until(lambda: bridge.service.counts["not a message: address"])
    assert actions.calls == []
