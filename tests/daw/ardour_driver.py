"""Real Ardour on a screen of its own, in a home of its own, told what to do by Lua over OSC."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pythonosc.udp_client import SimpleUDPClient
from real_programs import needed, running

from bridge.daws.ardour.scripts import lua_text
from bridge.daws.ardour.ui_scripts import LUA

RATE_HZ = 48_000
SUPERCLOCKS_PER_SAMPLE = 282_240_000 // RATE_HZ
PATIENCE_SECONDS = 600
"""For what takes a second on a machine with nothing else to do."""

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


def needed_for_ardour() -> None:
    needed("ardour", "ardour7-lua", package="ardour")
    needed("Xvfb", package="xvfb")
    needed("openbox", package="openbox")
    needed("import", package="imagemagick")


def wait_for(what: str, condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, f"in vain: {what}"
        time.sleep(0.1)


@dataclass(frozen=True)
class Region:
    """As the saved session has it, in samples."""

    name: str
    position: int
    length: int
    start: int
    sources: tuple[Path, ...]
    fades_in: bool


class Home:
    """A musician's home folder with Ardour's configuration in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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

    @property
    def environment(self) -> dict[str, str]:
        data = self.folder / ".local" / "share"
        return os.environ | {
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / ".config"),
            "XDG_DATA_HOME": str(data),
            "OMP_NUM_THREADS": "1",
        }

    def studio(self, *arguments: str) -> str:
        """What a command of the program prints."""
        done = subprocess.run(
            [str(Path(sys.executable).with_name("jukebox-studio")), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

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

    def __init__(self, home: Home, session: Path, display: str) -> None:
        self.home = home
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
            assert time.monotonic() < give_up, "Ardour does not answer"
        fine, _, told = done.read_text(encoding="utf-8").partition(" ")
        assert fine == "fine", told
        return told

    def action(self, name: str) -> None:
        """Press a menu's item."""
        self._client.send_message("/access_action", [name])

    def screenshot(self, name: str) -> None:
        """Kept where $JUKEBOX_TEST_ARTEFACTS says, else in out/daw."""
        root = Path(__file__).resolve().parents[2]
        folder = Path(os.environ.get("JUKEBOX_TEST_ARTEFACTS", root / "out" / "daw"))
        folder.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"DISPLAY": self.display}
        command = ["import", "-window", "root", str(folder / f"{name}.png")]
        subprocess.run(command, env=environment, check=True, timeout=PATIENCE_SECONDS)

    def saved_regions(self, track: str) -> list[Region]:
        """The regions of a track in the session file, which is saved first."""
        assert self.run('Session:save_state ("") return "saved"') == "saved"
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
def screen() -> Iterator[str]:
    """A screen that nobody sees, with a window manager; its name."""
    read, write = os.pipe()
    command = ("Xvfb", "-displayfd", str(write), "-screen", "0", "1600x900x24", "-nolisten", "tcp")
    server = subprocess.Popen(
        command, pass_fds=[write], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    try:
        with os.fdopen(read) as told:
            display = f":{told.readline().strip()}"
        with running("openbox", environment=os.environ | {"DISPLAY": display}):
            yield display
    finally:
        server.terminate()
        server.wait(30)


@contextlib.contextmanager
def ardour(home: Home, session: Path) -> Iterator[Ardour]:
    """Ardour with a session, its window on a screen of its own."""
    with screen() as display:
        environment = home.environment | {"DISPLAY": display}
        program = shutil.which("ardour")
        assert program is not None
        with running(program, "-a", "-n", str(session), environment=environment):
            started = Ardour(home, session, display)
            try:
                yield started
            finally:
                started.screenshot("at-the-end")
