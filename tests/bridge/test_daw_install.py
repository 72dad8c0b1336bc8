"""Scripts go into a DAW's folder and out again, and what is the user's stays."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import psutil
import pytest
from lupa import lua53

from bridge.daw_command import DAWS, list_daws
from bridge.daws.ardour.install import ArdourInstaller
from bridge.daws.ardour.scripts import lua_text
from bridge.daws.ardour.ui_scripts import MOST_SLOTS, TIMER_SIGNAL, Entry, added, names, removed
from bridge.daws.install import install, installed_files, program_runs, remove
from jukebox_studio.errors import JukeboxError

SEND = Entry("Jukebox Studio: Send", 'ardour {} -- "\\ä\n', "return function () end")
INSERT = Entry("Jukebox Studio: Insert", "source", "return function () end")
# With what Ardour itself writes: escapes of %q, byte code, arguments.
MINE = (
    b'scripts = {} scripts[2] = {} scripts[2]["n"] = "Mine \\"x\\"" scripts[2]["s"] = "a\\\nb" '
    b'scripts[2]["f"] = "\\27Lua\\0\\129]scripts[9] = {}" scripts[2]["a"] = {} '
    b'scripts[2]["a"]["gain"] = -1.5e-05 scripts[2]["c"] = true '
)


def file_of(lua: bytes, hooks: str = "") -> bytes:
    text = base64.b64encode(lua).decode()
    return (
        f'<UIScripts><ActionScript lua="Lua 5.3">{text}</ActionScript>'
        f"<ActionHooks>{hooks}</ActionHooks><Other/></UIScripts>"
    ).encode()


def scripts_of(content: bytes):
    """The table that Ardour's Lua would build."""
    text = re.search(rb"<ActionScript[^>]*>([^<]*)<", content)
    runtime = lua53.LuaRuntime(encoding="latin-1")
    runtime.execute(base64.b64decode(text[1]).decode("latin-1"))
    return {slot: dict(entry) for slot, entry in runtime.globals().scripts.items()}


def test_ours_are_added_to_the_users_and_taken_out_again():
    hook = '<LuaCallback id="5" name="Mine" signals="1">eA==</LuaCallback>'
    old = file_of(MINE, hook)
    before = scripts_of(old)
    new = added(old, [SEND, SEND], [INSERT])
    after = scripts_of(new)
    assert after[2].keys() == before[2].keys()
    assert {k: v for k, v in after[2].items() if k != "a"} == {
        k: v for k, v in before[2].items() if k != "a"
    }
    assert dict(after[2]["a"]) == {"gain": -1.5e-05}
    assert sorted(after) == [1, 2, 3]
    assert after[1]["n"] == SEND.name
    assert after[1]["s"].encode("latin-1").decode() == SEND.source
    assert after[3]["f"] == SEND.chunk
    assert names(new) == [SEND.name, SEND.name, INSERT.name]
    assert hook.encode() in new
    assert b"<Other" in new
    bits = re.search(rb'name="Jukebox Studio: Insert" signals="([01]*)"', new)
    assert int(bits[1], 2) == 1 << TIMER_SIGNAL
    assert names(added(new, [SEND], [INSERT])) == [SEND.name, INSERT.name], "not twice"
    assert scripts_of(removed(new)).keys() == {2}
    assert hook.encode() in removed(new)
    assert names(removed(new)) == []


def test_there_may_be_no_file_or_an_empty_one():
    for old in (None, b"<UIScripts/>", file_of(b"scripts = {} ")):
        assert scripts_of(added(old, [SEND], []))[1]["n"] == SEND.name


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<Other/>",
        b"<UIScripts><ActionScript>%%%</ActionScript></UIScripts>",
        file_of(b"scripts = {} os.remove('x')"),
        file_of(b'scripts = {} scripts[1]["s"] = "no end'),
    ],
)
def test_a_file_that_is_not_understood_is_left_alone(content):
    with pytest.raises(JukeboxError, match="ui_scripts cannot be read"):
        added(content, [SEND], [])


def test_there_must_be_room():
    full = "scripts = {} " + " ".join(f"scripts[{n}] = {{}}" for n in range(1, MOST_SLOTS + 1))
    with pytest.raises(JukeboxError, match="All 32 places"):
        added(file_of(full.encode()), [SEND], [])


@pytest.fixture
def home(tmp_path, monkeypatch):
    for variable in ("HOME", "USERPROFILE", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / ".local" / "share"))
    return tmp_path


def an_ardour(home: Path, version: str = "7.3.0", running: bool = False) -> ArdourInstaller:
    return ArdourInstaller(home / "ardour7", lambda: version, lambda: running)


def test_ardour_gets_its_scripts_and_loses_them(home):
    folder = home / "ardour7"
    folder.mkdir()
    (folder / "ui_scripts").write_bytes(file_of(MINE))
    done = install("ardour", an_ardour(home))
    [backup] = done.backups
    assert backup.read_bytes() == file_of(MINE)
    assert len(installed_files("ardour")) == 3
    assert len(names((folder / "ui_scripts").read_bytes())) == 3
    # Again, as after an update.
    assert install("ardour", an_ardour(home)).deleted == ()
    assert len(names((folder / "ui_scripts").read_bytes())) == 3
    changed = folder / "scripts" / "jukebox_studio_send.lua"
    changed.write_text("mine now")
    told = remove("ardour", an_ardour(home))
    assert [path.name for path in (folder / "scripts").iterdir()] == [changed.name]
    assert any("was changed after it was installed" in note for note in told.notes)
    assert scripts_of((folder / "ui_scripts").read_bytes()).keys() == {2}
    assert installed_files("ardour") == []


def test_the_scripts_know_the_folders(home):
    install("ardour", an_ardour(home))
    lua = (home / "ardour7" / "scripts" / "jukebox_studio_insert.lua").read_text()
    assert lua_text(str(home / ".config" / "jukebox-studio")) in lua
    assert (home / ".config" / "jukebox-studio" / "bridge-token").is_file()
    assert (home / ".local" / "share" / "jukebox-studio" / "sent").is_dir()


@pytest.mark.parametrize(
    ("ardour", "sentence"),
    [
        ({"version": ""}, "not installed"),
        ({"version": "8.2.0"}, "This is Ardour 8.2.0"),
        ({"running": True}, "Ardour is running"),
    ],
)
def test_ardour_must_be_the_right_one_and_rest(home, ardour, sentence):
    with pytest.raises(JukeboxError, match=sentence):
        install("ardour", an_ardour(home, **ardour))
    assert not (home / "ardour7").exists()


def test_another_7_gets_the_files_only(home):
    done = install("ardour", an_ardour(home, "7.5.0"))
    assert "add the scripts yourself" in done.notes[0]
    assert not (home / "ardour7" / "ui_scripts").exists()
    assert len(installed_files("ardour")) == 3


def test_a_file_of_someone_else_is_in_the_way(home):
    path = home / "ardour7" / "scripts" / "jukebox_studio_send.lua"
    path.parent.mkdir(parents=True)
    path.write_text("someone else's")
    with pytest.raises(JukeboxError, match="is not ours"):
        install("ardour", an_ardour(home))
    assert path.read_text() == "someone else's"


def test_programs_that_run_are_seen():
    name = re.escape(psutil.Process().name().removesuffix(".exe"))
    assert program_runs(name.swapcase())
    assert not program_runs("no-such-program")
    assert not program_runs(name[:2]), "the whole name"


def test_the_list_says_what_is_there(home, capsys):
    list_daws()
    told = capsys.readouterr().out
    assert told.count("not installed") == len(DAWS)
