"""A region goes out of real Ardour and what follows it comes back, to the sample."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from daw.ardour_driver import RATE_HZ, Ardour, Home, ardour, needed_for_ardour
from daw.desk import screen, wait_for

from bridge.daws.ardour.scripts import lua_text
from bridge.daws.ardour.ui_scripts import names
from jukebox_studio.session import Session
from jukebox_studio.session_records import Placement, SessionClip
from jukebox_studio.tempo import MeterMap, SongTime, TempoMap

pytestmark = pytest.mark.daw

SONG = SongTime(TempoMap.of((0, 120), (15, Fraction(267, 2))), MeterMap.of((0, "4/4"), (2, "7/8")))
MAKE_TIME = """
local map = Temporal.TempoMap.write_copy ()
map:set_tempo (Temporal.Tempo (120, 120, 4), Temporal.timepos_t (0))
map:set_meter (Temporal.Meter (7, 8), Temporal.timepos_t.from_ticks (8 * 1920))
map:set_tempo (Temporal.Tempo (133.5, 133.5, 4), Temporal.timepos_t.from_ticks (15 * 1920))
Temporal.TempoMap.update (map)
map = nil
"""
TURN_DOWN = """
for route in Session:get_tracks ():iter () do
  if route:name () == NAME then
    local effect = ARDOUR.LuaAPI.new_luaproc (Session, "ACE Amplifier")
    route:add_processor_by_index (effect, 0, nil, true)
    ARDOUR.LuaAPI.set_processor_param (effect, 0, -6)
  end
end
"""
SELECT = """
local chosen = ArdourUI.SelectionList ()
for route in Session:get_tracks ():iter () do
  for region in route:to_track ():playlist ():region_list ():iter () do
    if (","..NAMES..","):find ("," .. route:name () .. ",", 1, true) then
      chosen:push_back (Editor:regionview_from_region (region))
    end
  end
end
Editor:set_selection (chosen, ArdourUI.SelectionOp.Set)
local count = 0
for _ in Editor:get_selection ().regions:regionlist ():iter () do count = count + 1 end
return count
"""
BARS = 2


@dataclass(frozen=True)
class Part:
    """A track with one region: a stretch of a file, with an offset into it."""

    name: str
    channels: int
    start_samples: int
    first_beat: Fraction
    last_beat: Fraction

    @property
    def position(self) -> int:
        return SONG.sample_at(self.first_beat, RATE_HZ)

    @property
    def end(self) -> int:
        return SONG.sample_at(self.last_beat, RATE_HZ)

    @property
    def end_of_result(self) -> int:
        """Two bars of 7/8 on."""
        return SONG.sample_at(self.last_beat + BARS * Fraction(7, 2), RATE_HZ)


GUITAR = Part("Gitarre", 1, 12_345, Fraction(4), Fraction(23, 2))
CHOIR = Part("Chor", 2, 6_789, Fraction(15), Fraction(22))


@dataclass(frozen=True)
class Studio:
    """Ardour and the program, side by side."""

    ardour: Ardour
    session: Path
    sounds: dict[str, np.ndarray]
    """[T, C] by the track's name."""
    log: Path

    def placements(self) -> list[Placement]:
        with Session.open(self.session, read_only=True) as session:
            return session.placements()

    def clips(self) -> list[SessionClip]:
        with Session.open(self.session, read_only=True) as session:
            return session.clips()

    def send(self, parts: tuple[Part, ...], script: int | None) -> list[Placement]:
        """Select, send, and wait for what comes back, in the order of the parts.

        script: the one that sends; None: the program is asked to fetch.
        """
        before = len(self.placements())
        names = ",".join(part.name for part in parts)
        assert self.ardour.run(SELECT.replace("NAMES", lua_text(names))) == str(len(parts))
        if script is None:
            self.ardour.home.studio("daw", "fetch")
        else:
            self.ardour.action(f"LuaAction/script-{script}")
        wait_for(
            f"{len(parts)} results on the timeline; see {self.log}",
            lambda: len(self.placements()) == before + len(parts),
        )
        came = self.placements()[before:]
        return [next(p for p in came if p.track == part.name) for part in parts]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    needed_for_ardour()
    home = Home(tmp_path_factory.mktemp("musician"))
    song = home.make_session("song", MAKE_TIME)
    told = home.studio("daw", "install", "ardour")
    assert "Kept what was there in" in told
    registered = (home.folder / ".config" / "ardour7" / "ui_scripts").read_bytes()
    assert len(names(registered)) == 3
    sounds = {}
    rng = np.random.default_rng(7)
    for part in (GUITAR, CHOIR):
        sound = rng.uniform(-0.4, 0.4, (6 * RATE_HZ, part.channels)).astype(np.float32)
        soundfile.write(home.folder / f"{part.name}.wav", sound, RATE_HZ, subtype="FLOAT")
        sounds[part.name] = sound
    log = home.folder / "bridge.log"
    jukebox = home.folder / "jukebox"
    options = ["--session", str(jukebox), "--model", "starter", "--bars", str(BARS)]
    options += ["--variants", "1", "--on-clip", "--insert", "--threads", "1", "--port", "0"]
    command = [str(Path(sys.executable).with_name("jukebox-studio")), "bridge", *options]
    with log.open("wb") as out:
        bridge = subprocess.Popen(command, env=home.environment, stdout=out, stderr=out)
    try:
        with screen() as display, ardour(home, song, display) as running:
            for part in (GUITAR, CHOIR):
                running.import_file(
                    home.folder / f"{part.name}.wav",
                    part.position,
                    part.start_samples,
                    part.end - part.position,
                )
                running.run(TURN_DOWN.replace("NAME", lua_text(part.name)))
            wait_for("the bridge", lambda: b"Listening" in log.read_bytes())
            wait_for("the hook's hello", lambda: b"Ardour 7" in log.read_bytes())
            yield Studio(running, jukebox, sounds, log)
    finally:
        bridge.terminate()
        bridge.wait(60)


@pytest.mark.parametrize(
    ("parts", "script", "gain_db"),
    [
        pytest.param((GUITAR,), 2, 0, id="mono"),
        pytest.param((CHOIR,), 2, 0, id="stereo"),
        pytest.param((GUITAR, CHOIR), 2, 0, id="two at once"),
        pytest.param((GUITAR, CHOIR), 3, -6, id="with effects"),
        pytest.param((GUITAR,), None, 0, id="fetched"),
    ],
)
def test_what_follows_a_region_lies_at_its_end(
    studio: Studio, parts: tuple[Part, ...], script: int | None, gain_db: float, request
) -> None:
    placed = studio.send(parts, script)
    studio.ardour.screenshot(request.node.callspec.id.replace(" ", "-"))
    for part, placement in zip(parts, placed, strict=True):
        assert placement.position_samples == part.end
        original, inserted = studio.ardour.saved_regions(part.name)
        assert original.position == part.position
        assert inserted.position == part.end
        assert inserted.length == part.end_of_result - part.end
        assert original.fades_in
        assert not inserted.fades_in, "the joint is not faded"
        ours, _ = soundfile.read(placement.path, dtype="float32", always_2d=True)
        assert ours.shape == (inserted.length, part.channels)
        loudness = np.sqrt(np.mean(ours**2, axis=0))
        assert (loudness > 0.01).all(), "the starter played something, in every channel"
        assert np.array_equal(inserted.samples(), ours)
        clip = next(c for c in reversed(studio.clips()) if c.clip.track_name == part.name).clip
        assert clip.song.meters == SONG.meters
        said = [(point.beat, float(point.tempo_bpm)) for point in clip.song.tempo.points]
        # Ardour keeps a quarter note as a whole number of superclocks.
        assert said == [(0, 120), (15, pytest.approx(133.5, abs=1e-6))]
        sent, _ = soundfile.read(clip.path, dtype="float32", always_2d=True)
        sent = sent[clip.start_samples : clip.end_samples]
        first = part.start_samples
        played = studio.sounds[part.name][first : first + part.end - part.position]
        if gain_db:
            # The effect begins to turn down from full loudness, and a bounce has the region's
            # fades of 64 samples.
            settled = slice(RATE_HZ // 2, -64)
            sent, played = sent[settled], played[settled] * 10 ** (gain_db / 20)
        np.testing.assert_allclose(sent, played, atol=1e-6)
    for _ in parts:
        studio.ardour.action("Editor/undo")
    for part in parts:
        [left] = studio.ardour.saved_regions(part.name)
        assert left.position == part.position, "undo takes the result away"
