"""The window beside real Ardour, by hand: send a region, generate, compare, bring the result back.

Only xdotool touches the two programs; what came of it is read from what they keep on disk, from
what the sound server was given, and from the screen.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from daw.ardour_driver import RATE_HZ, Ardour, Home, Region, ardour, needed_for_ardour
from daw.desk import PATIENCE_SECONDS, screen, wait_for
from daw.hand import Area, Hand, needed_for_hand
from scipy.signal import fftconvolve, resample_poly
from sound_server import Recorder, needed_for_sound, sound_server

from jukebox_studio.session import Session
from jukebox_studio.session_records import Placement, SessionClip, Variant
from ui.theme import DARK

pytestmark = pytest.mark.daw

DEMO = Path(__file__).resolve().parents[2] / "presets" / "demo" / "industrial-120bpm.flac"
BAR = 2 * RATE_HZ
"""At 120 BPM, as a new session of Ardour has it."""
CLIP = (BAR, 2 * BAR)
"""Where the region lies on the timeline, and how long it is."""
# On Ardour's own screen, which has its own fonts: the region, and a place further right.
REGION, FREE = (310, 366), (820, 380)
SEND_KEY = "ctrl+shift+y"
ALIKE = 0.9
SELECTED = """
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

    def regions_saved_by_hand(self, count: int) -> list[Region]:
        """Ctrl+S in Ardour until its file has so many regions on the track."""
        self.hand.to_front(self.ardours)

        def are_there() -> bool:
            self.hand.press("ctrl+s")
            return len(self.ardour.regions_on_disk("beat")) == count

        wait_for(f"{count} regions in Ardour's session", are_there)
        return self.ardour.regions_on_disk("beat")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    needed_for_ardour()
    needed_for_hand()
    needed_for_sound()
    home = Home(tmp_path / "musician")
    song = home.make_session("song", "")
    home.studio("daw", "install", "ardour")
    home.bind("Primary-Tertiary-y", "LuaAction/script-2")
    sound, rate_hz = soundfile.read(DEMO)
    beat = home.folder / "beat.wav"
    soundfile.write(beat, resample_poly(sound, RATE_HZ, rate_hz), RATE_HZ, subtype="PCM_24")
    sound_folder = tmp_path / "sound"
    sound_folder.mkdir()
    with ExitStack() as stack:
        display = stack.enter_context(screen("1600x1420"))
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
        running.import_file(beat, *CLIP[:1], 0, CLIP[1])
        ours = hand.window("— Jukebox Studio")
        ardours = hand.window("song - Ardour")
        hand.place(ardours, 0, 0, 1590, 698)
        hand.place(ours, 150, 580, 1280, 800)
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


def test_a_region_goes_into_the_window_and_a_variant_back_onto_the_timeline(desk: Desk) -> None:
    hand, recorder = desk.hand, desk.recorder
    wait_for("the demo clip", lambda: desk.clips() != [])
    wait_for("the hook's hello", lambda: b"Ardour 7" in desk.log.read_bytes())
    desk.shown("1-both")

    hand.to_front(desk.ardours)
    hand.click(*REGION)
    wait_for("the region is selected", lambda: desk.ardour.run(SELECTED) == "1")

    hand.press(SEND_KEY)
    wait_for("the region in the inbox", lambda: len(desk.clips()) == 2)
    clip = desk.clips()[-1].clip
    assert (clip.position_samples, clip.length_samples) == CLIP
    assert (clip.timeline_rate_hz, clip.track_name) == (RATE_HZ, "beat")

    hand.to_front(desk.ours)
    for key, value in (("alt+n", 1), ("alt+a", 2), ("alt+d", 7)):
        hand.press(key)  # the length, the variants, the seed
        hand.type(str(value))
    desk.shown("2-sent")
    hand.press("ctrl+Return")
    wait_for("two variants", lambda: len(desk.variants()) == 2)
    first, second = desk.variants()
    desk.shown("3-rendered")

    sounds = {"1": mono(first.audio_path), "2": mono(second.audio_path), "0": mono(clip.path)}
    for name in "12":
        assert len(sounds[name]) == BAR
    hand.press("space")
    wait_until_heard(recorder, sounds["0"])
    # Over the variant, in a loop: what is heard around it is the clip.
    hand.press("1", "l")
    wait_until_heard(recorder, sounds["1"])
    desk.shown("4-playing")
    hand.press("2")
    wait_until_heard(recorder, sounds["2"])
    hand.press("1")
    wait_until_heard(recorder, sounds["1"])
    hand.press("l", "0", "Home")
    wait_until_heard(recorder, sounds["0"])
    hand.press("2", "space")

    def is_silent() -> bool:
        return not recorder.heard(recorder.length_samples - RATE_HZ // 4).any()

    wait_for("silence", is_silent)

    hand.drag(desk.head_of_heard_lane(), FREE)
    wait_for("the drop is noted", lambda: len(desk.placements()) == 1)
    _, dropped = desk.regions_saved_by_hand(2)
    desk.shown("5-dropped")
    [dragged] = desk.placements()
    assert (dragged.variant_id, dragged.how) == (second.id, "dragged")
    assert dragged.path.parent == desk.exports
    assert dropped.position > sum(CLIP)
    assert_is(dropped, dragged.path, second)

    hand.to_front(desk.ours)
    hand.press("1", "ctrl+d")
    wait_for("the variant on the timeline", lambda: len(desk.placements()) == 2)
    inserted = desk.placements()[-1]
    assert (inserted.variant_id, inserted.how) == (first.id, "inserted")
    _, follows, later = desk.regions_saved_by_hand(3)
    desk.shown("6-inserted")
    assert later == dropped
    assert follows.position == inserted.position_samples == sum(CLIP)
    assert not follows.fades_in
    assert_is(follows, inserted.path, first)


def assert_is(region: Region, path: Path, variant: Variant) -> None:
    """The region has all of the samples of a file of ours, which are the variant's."""
    ours, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate_hz == RATE_HZ
    assert (region.start, region.length) == (0, len(ours))
    np.testing.assert_array_equal(region.samples(), ours)
    made, _ = soundfile.read(variant.audio_path, dtype="float32", always_2d=True)
    np.testing.assert_array_equal(ours, made)


def mono(path: Path) -> np.ndarray:
    """[T], the left channel"""
    sound, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate_hz == RATE_HZ
    return sound[:, 0]


def wait_until_heard(recorder: Recorder, sound: np.ndarray) -> None:
    """Until what is recorded from now on has the loudest fifth of a second of a sound.

    Not to the sample, which tests/ui/test_player_pulse.py looks at: ALSA converts the rate.
    """
    start = recorder.length_samples
    size = RATE_HZ // 5
    energies = np.convolve(sound**2, np.ones(size), "valid")[:: size // 2]
    loudest = int(np.argmax(energies)) * (size // 2)
    piece = sound[loudest : loudest + size]

    def is_heard() -> bool:
        heard = recorder.heard(start)[:, 0]
        if len(heard) < size:
            return False
        products = fftconvolve(heard, piece[::-1], "valid")
        energy = np.maximum(fftconvolve(heard**2, np.ones(size), "valid"), 1e-6)
        return bool((products / np.sqrt(energy * np.sum(piece**2))).max() > ALIKE)

    wait_for("it is heard", is_heard)
