"""Ableton Link with real peers, in a network of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from real_programs import jack_server, needed, own_network

from bridge.link import LinkPeer
from jukebox_studio.errors import JukeboxError

SESSION = Path(__file__).with_name("link_session.py")


def session(what: str, environment: dict[str, str]) -> dict[str, object]:
    done = subprocess.run(
        [*own_network(), sys.executable, str(SESSION), what],
        env=environment | {"PYTHONPATH": str(SESSION.parent.parent.parent)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_two_peers_follow_each_other() -> None:
    assert session("peers", dict(os.environ)) == {
        "peers_while_off": 0,
        "met": True,
        "agree": True,
        "source": "link",
        "they_follow": True,
        "we_follow": True,
        "same_phase": True,
        "they_start": True,
        "we_stop": True,
        "left": True,
        "source_after": None,
        "lost": "link",
    }


def test_link_hut_and_the_program_follow_each_other() -> None:
    needed("LinkHut", package="ableton-link-utils")
    needed("jackd", package="jackd2")
    needed("jack_lsp", package="jackd2")
    # LinkHut plays its clicks through JACK, and does not start without.
    with jack_server() as environment:
        result = session("linkhut", environment)
    assert result == dict.fromkeys(
        ["runs", "met", "it_follows", "we_follow", "we_start", "it_stops", "it_starts"], True
    )


def test_a_tempo_that_cannot_be_is_refused_and_one_beyond_link_is_brought_near() -> None:
    with pytest.raises(JukeboxError):
        LinkPeer(float("nan"))
    peer = LinkPeer(15.0)
    assert not peer.enabled
    assert peer.state().tempo_bpm == pytest.approx(20)
    peer.set_tempo(90.0)
    assert peer.state().tempo_bpm == pytest.approx(90)
    with pytest.raises(JukeboxError):
        peer.set_tempo(5.0)
