"""The window beside real Ardour on one screen, both started as a musician starts them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import soundfile
from daw.ardour_driver import RATE_HZ, Ardour, Home, Region, ardour, needed_for_ardour
from daw.desk import PATIENCE_SECONDS, screen, wait_for
from daw.hand import Area, Hand, needed_for_hand
from scipy.signal import resample_poly
from sound_server import Recorder, needed_for_sound, sound_server

from jukebox_studio.clip import Clip
from jukebox_studio.session import Session
from jukebox_studio.session_records import Placement, SessionClip, Variant
from ui.settings_file import Settings, write_settings
from ui.theme import DARK

DEMO = Path(__file__).resolve().parents[2] / "presets" / "demo" / "industrial-120bpm.flac"
BAR = 2 * RATE_HZ
"""At 120 BPM, as a new session of Ardour has it."""
# On Ardour's own screen, which has its own fonts: the region, and a place further right.
REGION, FREE = (310, 366), (820, 380)
SEND_KEY = "ctrl+shift+y"
_SELECTED = """
local count = 0
for _ in Editor:get_selection ().regions:regionlist ():iter () do count = count + 1 end
return count
"""


@dataclass(frozen=True)
class Desk:
    """Two programs on one screen."""

    hand: Hand
    ardour: Ardour
    ardours: str
    ours: str
    recorder: Recorder
    project: Path
    exports: Path
    log: Path

    def shown(self, name: str) -> None:
        self.ardour.screenshot(f"window-{name}")

    def clips(self) -> list[SessionClip]:
        with Session.open(self.project, read_only=True) as session:
            return session.clips()

    def variants(self) -> list[Variant]:
        with Session.open(self.project, read_only=True) as session:
            return [v for v in session.variants() if v.state == "full"]

    def placements(self) -> list[Placement]:
        with Session.open(self.project, read_only=True) as session:
            return session.placements()

    def head_of_heard_lane(self) -> tuple[int, int]:
        """The lane that is heard has a bright edge, higher than that of any row of a list."""
        ours = self.hand.area(self.ours)
        area = Area(ours.left + 200, ours.top + 60, ours.width // 3, ours.height - 120)
        x, y = self.hand.upright(area, DARK.accent, at_least_px=50)
        return x + 60, y

    def send(self) -> Clip:
        """Click the region in Ardour and press the script's key; the clip that comes of it."""
        before = len(self.clips())
        wait_for("the hook's hello", lambda: b"Ardour 7" in self.log.read_bytes())
        self.hand.to_front(self.ardours)
        self.hand.click(*REGION)
        wait_for("the region is selected", lambda: self.ardour.run(_SELECTED) == "1")
        self.hand.press(SEND_KEY)
        wait_for("the region in the inbox", lambda: len(self.clips()) > before)
        return self.clips()[-1].clip

    def fill_in(self, *, bars: int, variants: int, seed: int) -> None:
        """Type into the panel at the right."""
        self.hand.to_front(self.ours)
        for key, value in (("alt+n", bars), ("alt+a", variants), ("alt+d", seed)):
            self.hand.press(key)
            self.hand.type(str(value))

    def regions_saved_by_hand(self, count: int) -> list[Region]:
        """Ctrl+S in Ardour until its file has so many regions on the track."""
        self.hand.to_front(self.ardours)

        def are_there() -> bool:
            self.hand.press("ctrl+s")
            return len(self.ardour.regions_on_disk("beat")) == count

        wait_for(f"{count} regions in Ardour's session", are_there)
        return self.ardour.regions_on_disk("beat")


@contextmanager
def desk_with_ardour(
    folder: Path,
    *,
    region: tuple[int, int],
    size: str = "1600x1420",
    frames: tuple[tuple[int, int, int, int], ...] = ((0, 0, 1590, 698), (150, 580, 1280, 800)),
    **settings: object,
) -> Iterator[Desk]:
    """region: position and length in samples of a part of the demo clip, on a track "beat".

    frames: left, top, width and height of Ardour's window and of ours, in pixels. settings: of
    ours, that are not the usual ones.
    """
    needed_for_ardour()
    needed_for_hand()
    needed_for_sound()
    home = Home(folder / "musician")
    song = home.make_session("song", "")
    home.studio("daw", "install", "ardour")
    home.bind("Primary-Tertiary-y", "LuaAction/script-2")
    write_settings(
        home.folder / ".config" / "jukebox-studio" / "settings.json",
        replace(Settings(), **settings),  # type: ignore[arg-type]
    )
    sound, rate_hz = soundfile.read(DEMO)
    beat = home.folder / "beat.wav"
    soundfile.write(beat, resample_poly(sound, RATE_HZ, rate_hz), RATE_HZ, subtype="PCM_24")
    sound_folder = folder / "sound"
    sound_folder.mkdir()
    with ExitStack() as stack:
        display = stack.enter_context(screen(size))
        recorder = stack.enter_context(sound_server(sound_folder))
        running = stack.enter_context(ardour(home, song, display))
        exports = home.folder / "exports"
        environment = home.environment | recorder.environment
        environment |= {
            "HOME": str(home.folder),
            "DISPLAY": display,
            "QT_QPA_PLATFORM": "xcb",
            "JUKEBOX_STUDIO_EXPORTS": str(exports),
            # Where the window of a user tells others that it is open.
            "TMPDIR": str(sound_folder),
        }
        studio = Path(sys.executable).with_name("jukebox-studio")
        window = subprocess.Popen([studio], env=environment)
        stack.callback(_ended, window)
        hand = Hand(display)
        running.import_file(beat, region[0], 0, region[1])
        ours = hand.window("— Jukebox Studio")
        ardours = hand.window("song - Ardour")
        for shown, frame in zip((ardours, ours), frames, strict=True):
            hand.place(shown, *frame)
        project = home.folder / "Documents" / "Jukebox Studio Projects" / "My first song"
        log = home.folder / ".local" / "state" / "jukebox-studio" / "log" / "window.log"
        yield Desk(hand, running, ardours, ours, recorder, project, exports, log)
        hand.to_front(ours)
        hand.press("ctrl+q")
        assert window.wait(PATIENCE_SECONDS) == 0


def _ended(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        process.wait(60)
