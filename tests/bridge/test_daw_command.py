"""`jukebox-studio daw ...`: what reaches the program that runs."""

from __future__ import annotations

import socket

import pytest
from ableton_osc_model import AbletonOSCModel
from bridge_parts import Remembering, write_sound
from live_model import Live

from bridge import daw_command
from bridge.daw_command import fetch, live_osc
from bridge.daws.live.ableton_osc import AbletonOSC
from bridge.osc import Client
from bridge.paths import Roots
from bridge.server import Bridge, tell_where
from bridge.token import configuration_folder, load_token, token_path
from jukebox_studio.errors import JukeboxError


@pytest.fixture
def home(tmp_path, monkeypatch):
    for variable in ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def test_fetch_reaches_the_daw(home):
    with pytest.raises(JukeboxError, match="does not run"):
        fetch()
    actions, heard = Remembering(), []
    token = load_token(token_path())
    with Bridge(actions, token, Roots(()), port=0) as bridge:
        tell_where(configuration_folder() / "bridge.json", bridge, home)
        with pytest.raises(JukeboxError, match="No DAW is connected"):
            fetch()
        with Client(token, bridge.port, on_heard=heard.append) as daw:
            daw.hello("Live")
            fetch()
            daw.send("keep", {"amount": 0.5})
            daw.wait()
    assert [message.name for message in heard] == ["fetch"]
    assert [peer.daw for (peer,) in actions.named("goodbye")] == ["Key", "Key"]


def test_live_osc_sends_the_selected_clip_once(home, monkeypatch):
    live, actions, token = Live(), Remembering(), load_token(token_path())
    live.session_clip(write_sound(home / "loop.wav", 48_000))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        answers = probe.getsockname()[1]
    with (
        Bridge(actions, token, Roots.of([home]), port=0) as bridge,
        AbletonOSCModel(live, answers) as theirs,
    ):
        tell_where(configuration_folder() / "bridge.json", bridge, home)
        monkeypatch.setattr(daw_command, "AbletonOSC", lambda: AbletonOSC(theirs.port, answers))
        live_osc(once=True)
    assert [call[0] for call in actions.calls] == ["hello", "clip", "goodbye"]
