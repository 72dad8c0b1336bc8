"""`jukebox-studio daw ...`: what reaches the program that runs."""

from __future__ import annotations

import pytest
from bridge_parts import Remembering

from bridge.daw_command import fetch
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
