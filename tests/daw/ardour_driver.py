"""Real Ardour on a screen of its own, in a home of its own, told what to do by Lua over OSC."""

from __future__ import annotations

import base64
import contextlib
import secrets
import shutil
import socket
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from daw.desk import (
    PATIENCE_SECONDS,
    Musician,
    needed_for_a_screen,
    screenshot,
)
from pythonosc.udp_client import SimpleUDPClient
from real_programs import needed, running

from bridge.daws.ardour.scripts import lua_text
from bridge.daws.ardour.ui_scripts import LUA

RATE_HZ = 48_000
SUPERCLOCKS_PER_SAMPLE = 282_240_000 // RATE_HZ
SYSTEM_KEYS = Path("/etc/ardour7/ardour.keys")

_STATE = (
    '<State backend="None (Dummy)" driver="Normal Speed" device="Silence" input-device="" '
    'output-device="" sample-rate="48000" buffer-size="1024" n-periods="0" input-latency="0" '
    'output-latency="0" lm-input="" lm-output="" active="1" use-buffered-io="0" '
    'midi-option="1 in, 1 out, Silence" lru="1790000000"><MIDIDevices/></State>'
)
_PROTOCOL = (
    '<ControlProtocols><Protocol name="Open Sound Control (OSC)" active="1" debugmode="0" '
    'address-only="0" remote-port="8000" banksize="0" striptypes="159" feedback="0" gainmode="0"/>'
    "</ControlProtocols>"
)

# The musician's own script, which was there before ours: it runs what the test leaves in a file.
_RUNNER = """
return function ()
  local file = io.open (HOME .. "/run.lua", "rb")
  if not file then return end
  local source = file:read ("a")
  file:close ()
  os.remove (HOME .. "/run.lua")
  local fine, told = pcall (function () return assert (load (source)) () end)
  file = io.open (HOME .. "/ran.part", "wb")
  file:write (fine and "fine " or "fault ", tostring (told))
  file:close ()
  os.rename (HOME .. "/ran.part", HOME .. "/ran")
  collectgarbage ()
end
"""
MAKE_SESSION = """
local session = create_session (FOLDER, NAME, 48000)
BODY
session:save_state ("")
close_session ()
quit ()
"""


_IMPORT = """
local files = C.StringVector ()
files:push_back (PATH)
Editor.do_import (Editor, files, Editing.ImportMergeFiles, Editing.ImportAsTrack,
  ARDOUR.SrcQuality.SrcBest, ARDOUR.MidiTrackNameSource.SMFTrackName,
  ARDOUR.MidiTempoMapDisposition.SMFTempoIgnore, Temporal.timepos_t (0), ARDOUR.PluginInfo (),
  ARDOUR.Track (), false)
for route in Session:get_tracks ():iter () do
  if route:name () == NAME then
    for region in route:to_track ():playlist ():region_list ():iter () do
      region:trim_front (Temporal.timepos_t (START))
      region:trim_end (Temporal.timepos_t (START + LENGTH))
      region:set_position (Temporal.timepos_t (POSITION))
    end
  end
end
"""


def needed_for_ardour() -> None:
    needed("ardour", "ardour7-lua", package="ardour")
    needed_for_a_screen()


@dataclass(frozen=True)
class Region:
    """As the saved session has it, in samples."""

    name: str
    position: int
    length: int
    start: int
    sources: tuple[Path, ...]
    fades_in: bool

    def samples(self) -> np.ndarray:
        """[T, C], as the session's files have it."""
        channels = []
        for path in self.sources:
            sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
            assert rate == RATE_HZ
            channels.append(sound[self.start : self.start + self.length, 0])
        return np.stack(channels, axis=1)


class Home(Musician):
    """With Ardour's configuration."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.osc_port: int = probe.getsockname()[1]
        configuration = folder / ".config" / "ardour7"
        configuration.mkdir(parents=True)
        (configuration / ".a7").touch()
        options = {
            "try-autostart-engine": "1",
            "hide-dummy-backend": "0",
            "use-osc": "1",
            "osc-port": str(self.osc_port),
            "check-announcements": "0",
        }
        told = "".join(f'<Option name="{name}" value="{v}"/>' for name, v in options.items())
        (configuration / "config").write_text(
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Ardour><Config>{told}</Config><Extra>'
            f"<AudioMIDISetup><EngineStates>{_STATE}</EngineStates></AudioMIDISetup></Extra>"
            f"{_PROTOCOL}</Ardour>\n",
            encoding="utf-8",
        )
        runner = f"local HOME = {lua_text(str(folder))}\n{_RUNNER}"
        assignments = (
            'scripts = {} scripts[1] = {} scripts[1]["n"] = "Mine" '
            f'scripts[1]["s"] = {lua_text(runner)} scripts[1]["f"] = {lua_text(runner)} '
            'scripts[1]["a"] = {} '
        )
        (configuration / "ui_scripts").write_text(
            f'<UIScripts><ActionScript lua="{LUA}">'
            f"{base64.b64encode(assignments.encode()).decode()}</ActionScript></UIScripts>",
            encoding="utf-8",
        )

    def bind(self, key: str, action: str) -> None:
        """Give a menu's item a key, as the window of keyboard shortcuts does."""
        keys = SYSTEM_KEYS.read_text(encoding="utf-8")
        before = '<Bindings name="Editor">\n  <Press>\n'
        assert before in keys
        bound = f'{before}   <Binding key="{key}" action="{action}" group="Scripts"/>\n'
        own = self.folder / ".config" / "ardour7" / "ardour.keys"
        own.write_text(keys.replace(before, bound, 1), encoding="utf-8")

    def make_session(self, name: str, body: str) -> Path:
        """A session made without a screen; body: Lua that has `session`."""
        folder = self.folder / name
        script = MAKE_SESSION.replace("FOLDER", lua_text(str(folder)))
        script = script.replace("NAME", lua_text(name)).replace("BODY", body)
        path = self.folder / "make.lua"
        path.write_text(script, encoding="utf-8")
        subprocess.run(
            ["ardour7-lua", str(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=self.environment,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        file = folder / f"{name}.ardour"
        assert file.is_file(), "ardour7-lua made no session"
        text = file.read_text(encoding="utf-8")
        assert "<ControlProtocols" in text
        tree = ElementTree.fromstring(text)
        old = tree.find("ControlProtocols")
        assert old is not None
        tree.remove(old)
        tree.append(ElementTree.fromstring(_PROTOCOL))
        file.write_bytes(ElementTree.tostring(tree))
        return folder


class Ardour:
    """A running Ardour with a session."""

    def __init__(
        self, home: Home, session: Path, display: str, process: subprocess.Popen[bytes]
    ) -> None:
        self.home = home
        self._process = process
        self.session = session
        self.display = display
        self._client = SimpleUDPClient("127.0.0.1", home.osc_port)

    def run(self, lua: str) -> str:
        """What a piece of Lua returns that runs in Ardour's window."""
        done = self.home.folder / "ran"
        done.unlink(missing_ok=True)
        part = self.home.folder / f"run.{secrets.token_hex(4)}"
        part.write_text(lua, encoding="utf-8")
        part.rename(self.home.folder / "run.lua")
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not done.exists():
            # While Ardour starts, nobody hears; the file is run once, however often this is said.
            self._client.send_message("/access_action", ["LuaAction/script-1"])
            until = time.monotonic() + 3
            while not done.exists() and time.monotonic() < until:
                time.sleep(0.05)
                assert self._process.poll() is None, "Ardour ended"
            assert time.monotonic() < give_up, "Ardour does not answer"
        fine, _, told = done.read_text(encoding="utf-8").partition(" ")
        assert fine == "fine", told
        return told

    def import_file(self, path: Path, position: int, start: int, length: int) -> None:
        """A stretch of a file as the one region of a new track; all in samples."""
        lua = _IMPORT.replace("PATH", lua_text(str(path))).replace("NAME", lua_text(path.stem))
        for what, value in (("START", start), ("LENGTH", length), ("POSITION", position)):
            lua = lua.replace(what, str(value))
        self.run(lua)
        [region] = self.saved_regions(path.stem)
        assert (region.position, region.length, region.start) == (position, length, start)

    def action(self, name: str) -> None:
        """Press a menu's item."""
        self._client.send_message("/access_action", [name])

    def screenshot(self, name: str) -> None:
        screenshot(self.display, name)

    def saved_regions(self, track: str) -> list[Region]:
        """The regions of a track in the session file, which is saved first."""
        assert self.run('Session:save_state ("") return "saved"') == "saved"
        return self.regions_on_disk(track)

    def regions_on_disk(self, track: str) -> list[Region]:
        """The regions of a track as they were saved last."""
        root = ElementTree.parse(self.session / f"{self.session.name}.ardour").getroot()
        names = {s.get("id"): s.get("name", "") for s in root.findall("Sources/Source")}
        audio = self.session / "interchange" / self.session.name / "audiofiles"
        playlists = {
            p.get("id"): p
            for p in [
                *root.findall("Playlists/Playlist"),
                *root.findall("UnusedPlaylists/Playlist"),
            ]
        }
        route = next(r for r in root.findall("Routes/Route") if r.get("name") == track)
        playlist = playlists[route.get("audio-playlist")]
        regions = []
        for element in playlist.findall("Region"):
            length, at = element.get("length", "").split("@")
            count = int(element.get("channels", "1"))
            sources = [names[element.get(f"source-{n}")] for n in range(count)]
            regions.append(
                Region(
                    element.get("name", ""),
                    _samples(at),
                    _samples(length),
                    _samples(element.get("start", "a0")),
                    tuple(audio / name for name in sources),
                    element.get("fade-in-active") != "0",
                )
            )
        return sorted(regions, key=lambda region: region.position)


def _samples(superclock: str) -> int:
    assert superclock.startswith("a"), superclock
    samples, rest = divmod(int(superclock[1:]), SUPERCLOCKS_PER_SAMPLE)
    assert rest == 0, "not on a sample"
    return samples


@contextlib.contextmanager
def ardour(home: Home, session: Path, display: str) -> Iterator[Ardour]:
    """Ardour with a session, its window on that screen."""
    environment = home.environment | {"DISPLAY": display}
    program = shutil.which("ardour")
    assert program is not None
    with running(program, "-a", "-n", str(session), environment=environment) as process:
        started = Ardour(home, session, display, process)
        try:
            yield started
        finally:
            started.screenshot(f"{session.name}-at-the-end")
