"""What the Lua scripts of all DAWs share, run in real Lua."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from bridge_parts import TOKEN, Remembering
from lupa import lua53, lua54

from bridge.daws.ardour.scripts import SCRIPTS, chunk, lua_text, source
from bridge.paths import Roots
from bridge.protocol import MESSAGES, lua_constants
from bridge.service import Peer, Service
from bridge.spool import Spool

COMMON = Path(__file__).parents[2] / "bridge" / "daws" / "common.lua"


class Lua:
    """common.lua in a Lua of its own."""

    def __init__(self, runtime, folder: Path) -> None:
        self._runtime = runtime
        names = ("program", "say", "hear", "write_wav", "short_hash")
        exported = ", ".join(f"{name} = {name}" for name in names)
        self._functions = runtime.execute(
            f"local configuration = {lua_text(str(folder))}\n"
            f"local protocol = (function () {lua_constants()} end) ()\n"
            f"{COMMON.read_text(encoding='utf-8')}\nreturn {{ {exported} }}"
        )

    def __getattr__(self, name):
        return self._functions[name]

    def table(self, values):
        return self._runtime.table_from(values)


@pytest.fixture(params=[lua53, lua54], ids=["5.3", "5.4"])
def lua(request, tmp_path):
    (tmp_path / "bridge-token").write_text(TOKEN)
    return Lua(request.param.LuaRuntime(unpack_returned_tuples=True), tmp_path)


def test_what_lua_says_is_understood(lua, tmp_path):
    spool, actions = Spool(tmp_path / "spool"), Remembering()
    service = Service(actions, TOKEN, Roots(()), lambda *_: None, spool)
    where = lua.table({"port": 1, "spool": str(tmp_path / "spool"), "pid": 3})
    hello = {"daw": 'Ardour "ä"\n\\', "version": "7.3", "pid": 0, "port": 0, "answers": 0}
    lua.say(where, "ardour-1", "hello", lua.table(hello))
    lua.say(where, "ardour-1", "keep", lua.table({"amount": 0.1}))
    service.read_spool()
    peer = Peer("ardour-1", 'Ardour "ä"\n\\', "7.3")
    assert actions.calls == [("hello", peer), ("keep", peer, 0.1)]
    assert service.counts == {}


def test_lua_refuses_to_say_what_is_no_message(lua, tmp_path):
    Spool(tmp_path / "spool")
    where = lua.table({"spool": str(tmp_path / "spool")})
    with pytest.raises(Exception, match="needs amount"):
        lua.say(where, "a", "keep", lua.table({}))
    with pytest.raises(Exception, match="an argument too many"):
        lua.say(where, "a", "keep", lua.table({"amount": 1, "more": 1}))
    assert not list((tmp_path / "spool" / "inbox").iterdir())


def test_lua_understands_what_the_program_says(lua, tmp_path):
    values = {"token": TOKEN, "sender": "studio-1", "sequence": 0, "insert": "i"}
    values |= {"path": '/häuser/\U0001f3b8 "x"\\.wav', "position_samples": 2**53 - 1}
    values |= {"timeline_rate_hz": 48_000, "track": "a\tb\n\x01", "name": ""}
    path = Spool(tmp_path / "spool").write("ardour-1", MESSAGES["insert"], values)
    address, heard = lua.hear(path.read_text(encoding="utf-8"))
    assert address == "/jukebox/v1/insert"
    assert dict(heard) == values
    # As another writer might spell it.
    _, heard = lua.hear(json.dumps({"address": "x", "arguments": values}, indent=2))
    assert dict(heard) == values


def test_lua_stops_at_what_is_no_json(lua):
    for text in ("", "{", '{"a"}', '{"a":', '{"a":"b', '{"a":nonsense}', '{"a":"\\u12"}'):
        with pytest.raises(Exception, match=r"missing|no end|cannot be read|spelled wrong"):
            lua.hear(text)


def test_lua_knows_where_the_program_is(lua, tmp_path):
    assert lua.program() is None
    (tmp_path / "bridge.json").write_text('{"port": 19740, "spool": "/x", "pid": 12}')
    assert dict(lua.program()) == {"port": 19740, "spool": "/x", "pid": 12}


def test_lua_writes_sound(lua, tmp_path):
    sound = np.random.default_rng(1).uniform(-1, 1, (10_000, 2)).astype(np.float32)

    def read(channel, start, count):
        return lua.table([float(value) for value in sound[start : start + count, channel - 1]])

    lua.write_wav(str(tmp_path / "x.wav"), 48_000, 2, len(sound), read)
    written, rate = soundfile.read(tmp_path / "x.wav", dtype="float32")
    assert rate == 48_000
    assert np.array_equal(written, sound)
    assert [path.name for path in tmp_path.glob("x*")] == ["x.wav"]


def test_the_scripts_for_ardour_are_lua(tmp_path):
    runtime = lua53.LuaRuntime()
    load = runtime.eval("function (text) local made, fault = load (text) return fault end")
    for script in SCRIPTS:
        lua = chunk(script, tmp_path / 'a "b"\\c', tmp_path / "sent", "7.3.0")
        assert load(lua) is None
        assert load(source(script, lua)) is None
