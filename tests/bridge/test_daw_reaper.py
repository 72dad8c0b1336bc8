"""The scripts for REAPER in real Lua 5.4, over a model of REAPER, talking to the real service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bridge_parts import TOKEN, Remembering, write_sound
from lupa import lua54
from reaper_model import Item, Reaper, Source, Take, Track

from bridge.daws.install import install, remove
from bridge.daws.reaper import install as reaper_install
from bridge.daws.reaper.install import BEGIN, SCRIPTS, ReaperInstaller, script, without_ours
from bridge.paths import Roots
from bridge.service import Service
from bridge.spool import Spool
from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import MeterMap, TempoMap


class Studio:
    def __init__(self, folder: Path) -> None:
        self.sound = write_sound(folder / "a.wav", 96_000)
        self.track = Track("Gitarre für Ada")
        self.item = Item(self.track, Take(Source(self.sound), "take 1"))
        self.item.values |= {"D_POSITION": 1.5, "D_LENGTH": 1.25}
        self.item.take.values["D_STARTOFFS"] = 0.25
        self.track.items.append(self.item)
        self.reaper = Reaper([self.track], [self.item])
        self.spool = Spool(folder / "spool")
        self.actions = Remembering()
        roots = Roots.of([folder])
        self.service = Service(self.actions, TOKEN, roots, lambda *_: None, self.spool)
        (folder / "bridge-token").write_text(TOKEN)
        told = {"port": 1, "spool": str(folder / "spool"), "pid": 12}
        (folder / "bridge.json").write_text(json.dumps(told))
        self.run(SCRIPTS["jukebox_studio_insert.lua"])
        self.service.read_spool()

    def run(self, entry: str) -> None:
        """As REAPER runs a script: each in a Lua of its own."""
        lua = lua54.LuaRuntime(unpack_returned_tuples=True)
        lua.globals().reaper = lua.table_from(self.reaper.functions())
        lua.execute(script(entry))

    def send(self, entry: str = "sending (false)") -> list:
        self.actions.calls.clear()
        self.run(entry)
        self.service.read_spool()
        assert self.service.counts == {}
        return [clip for _, _, clip in self.actions.named("clip")]

    def tick(self) -> None:
        """A second goes by in REAPER, and the program looks."""
        self.reaper.now += 1.5
        self.reaper.deferred()
        self.service.read_spool()

    @property
    def sender(self) -> str:
        return self.service.peers[0].sender


@pytest.fixture
def studio(tmp_path, monkeypatch):
    monkeypatch.setattr(reaper_install, "configuration_folder", lambda: tmp_path)
    return Studio(tmp_path)


def test_the_script_in_the_background_says_hello(studio):
    [peer] = studio.service.peers
    assert (peer.daw, peer.version) == ("REAPER", "7.16/linux-x86_64")
    studio.tick()
    assert len(studio.actions.named("hello")) == 1
    studio.reaper.at_exit()
    studio.service.read_spool()
    assert studio.service.peers == ()
    assert studio.reaper.console == []


def test_an_item_is_sent_with_its_place_and_time(studio):
    studio.reaper.markers = [(0.5, "=START"), (2.0, "lyrics: la la"), (9.0, "lyrics: no"),
                             (30.0, "=END")]  # fmt: skip
    [clip] = studio.send()
    assert (clip.path, clip.name, clip.track_name) == (studio.sound, "take 1", "Gitarre für Ada")
    assert (clip.start_samples, clip.length_samples) == (12_000, 60_000)
    assert (clip.position_samples, clip.timeline_rate_hz) == (72_000, 48_000)
    assert (clip.song_start_samples, clip.song_end_samples) == (24_000, 30 * 48_000)
    assert clip.lyrics == "la la"
    assert clip.song.tempo == TempoMap.of((0, 120), (8, 90))
    assert clip.song.meters == MeterMap.of((0, "4/4"), (2, "7/8"))
    assert studio.reaper.boxes == []


def test_a_tempo_that_glides_and_one_without_markers(studio):
    studio.reaper.tempos = [(0.0, 0, 120.0, 4, 4, True), (4.0, 0, 90.0, 0, 0, False)]
    [clip] = studio.send()
    first, _ = clip.song.tempo.points
    assert (first.tempo_bpm, first.end_tempo_bpm, first.glide) == (120, 90, "seconds")
    studio.reaper.quarters_in_a_beat = 0.5
    [clip] = studio.send()
    assert [float(n) for n in (clip.song.tempo.points[0].tempo_bpm, first.beat)] == [60, 0]
    assert clip.song.tempo.points[0].end_tempo_bpm == 45
    studio.reaper.quarters_in_a_beat = 1.0
    studio.reaper.tempos = []
    [clip] = studio.send()
    assert clip.song.tempo == TempoMap.of((0, 120))


def test_the_time_selection_cuts(studio):
    studio.reaper.time_selection = (2.0, 2.5)
    [clip] = studio.send()
    assert (clip.start_samples, clip.length_samples) == (36_000, 24_000)
    assert clip.position_samples == 96_000
    studio.reaper.selected, studio.reaper.selected_tracks = [], [studio.track]
    assert studio.send() == [clip]
    studio.reaper.time_selection = (10.0, 11.0)
    assert studio.send() == []
    assert "Select one or more audio items" in studio.reaper.boxes[0]


def test_the_sound_cards_rate_counts_where_the_project_has_none(studio):
    studio.reaper.rate_hz = 0.0
    [clip] = studio.send()
    assert (clip.timeline_rate_hz, clip.position_samples) == (44_100, 66_150)


@pytest.mark.parametrize(
    ("values", "parent"),
    [
        ({"D_PLAYRATE": 1.5}, None),
        ({"D_PITCH": -1.0}, None),
        ({"D_STARTOFFS": 1.0}, None),
        ({"I_CHANMODE": 3.0}, None),
        ({}, Source(Path("whole.wav"))),
    ],
)
def test_what_is_no_plain_stretch_of_a_file_must_be_glued(studio, values, parent):
    studio.item.take.values |= values
    studio.item.take.source.parent = parent
    assert studio.send() == []
    assert "use 'Send glued'" in studio.reaper.boxes[0]


def test_an_item_with_stretch_markers_must_be_glued(studio):
    studio.item.take.stretch_markers = 2
    assert studio.send() == []
    assert "use 'Send glued'" in studio.reaper.boxes[0]


def test_the_program_fetches_what_is_selected(studio):
    studio.service.send(studio.sender, "fetch", {})
    studio.tick()
    [(_, _, clip)] = studio.actions.named("clip")
    assert clip.path == studio.sound
    studio.reaper.selected = []
    studio.service.send(studio.sender, "fetch", {})
    studio.tick()
    assert len(studio.actions.named("clip")) == 1
    assert "Select one or more audio items" in studio.reaper.boxes[0]


def test_glued_items_are_sent_and_the_project_is_as_before(studio, tmp_path):
    studio.item.take.values["D_PLAYRATE"] = 1.5
    glued = write_sound(tmp_path / "glued.wav", 60_000)

    def glue() -> None:
        studio.item.take = Take(Source(glued), "take 1-glued")

    studio.reaper.glued = glue
    [clip] = studio.send("sending (true)")
    assert (clip.path, clip.start_samples, clip.length_samples) == (glued, 0, 60_000)
    assert studio.reaper.undo == ["begin", "glued", "Jukebox Studio: send glued", "undone"]
    studio.reaper.glued = lambda: None
    studio.item.take.is_midi = True
    assert studio.send("sending (true)") == []
    assert studio.reaper.undo[-1] == "undone", "after a fault, too"


def insert_values(path: Path, **others) -> dict:
    values = {"insert": "i1", "path": str(path), "position_samples": 132_001}
    values |= {"timeline_rate_hz": 48_000, "track": "Gitarre für Ada", "name": "v1"}
    return values | others


def test_a_result_is_inserted_on_the_items_track(studio, tmp_path):
    result = write_sound(tmp_path / "r.wav", 4_800)
    studio.service.send(studio.sender, "insert", insert_values(result))
    studio.tick()
    assert studio.actions.named("inserted")[0][1:] == ("i1", True, "")
    _, item = studio.track.items
    assert item.take.source.path == result
    assert item.take.name == "v1"
    assert round(item.values["D_POSITION"] * 48_000) == 132_001
    assert item.values["D_LENGTH"] == pytest.approx(0.1)
    assert (item.values["D_FADEINLEN"], item.values["D_FADEOUTLEN"]) == (0, 0)
    assert studio.reaper.undo == ["begin", "Insert from Jukebox Studio"]
    assert studio.reaper.peaks_built == 1
    studio.tick()
    assert len(studio.track.items) == 2, "once"


def test_a_track_that_is_gone_is_made(studio, tmp_path):
    result = write_sound(tmp_path / "r.wav")
    studio.service.send(studio.sender, "insert", insert_values(result, track="Neu"))
    studio.service.send(studio.sender, "insert", insert_values(result, insert="i2", track=""))
    studio.tick()
    assert [track.name for track in studio.reaper.tracks[1:]] == ["Neu", "Jukebox Studio"]


def test_what_cannot_be_inserted_is_told(studio, tmp_path):
    studio.service.send(studio.sender, "insert", insert_values(tmp_path / "gone.wav"))
    studio.tick()
    [(_, _, done, sentence)] = studio.actions.named("inserted")
    assert not done
    assert sentence.startswith("REAPER cannot open ")
    assert studio.reaper.undo[-1] == "Insert from Jukebox Studio", "the block is closed"


def test_a_program_that_starts_anew_is_greeted(studio, tmp_path):
    (tmp_path / "bridge.json").write_text(
        json.dumps({"port": 1, "spool": str(tmp_path / "spool"), "pid": 13})
    )
    assert studio.send() == []
    assert "has not found Jukebox Studio yet" in studio.reaper.boxes[0]
    studio.tick()
    assert len(studio.send()) == 1
    (tmp_path / "bridge.json").unlink()
    assert studio.send() == []
    assert "does not run" in studio.reaper.boxes[1]


def test_installing_merges_with_the_startup_script(tmp_path, monkeypatch):
    for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    folder = tmp_path / "REAPER"
    with pytest.raises(JukeboxError, match="was never started here"):
        install("reaper", ReaperInstaller(folder))
    startup = folder / "Scripts" / "__startup.lua"
    startup.parent.mkdir(parents=True)
    startup.write_text("mine ()")
    for _ in range(2):
        install("reaper", ReaperInstaller(folder))
        assert startup.read_text().startswith(f"mine ()\n{BEGIN}\n")
        assert startup.read_text().count(BEGIN) == 1
    load = lua54.LuaRuntime().eval("function (text) local f, fault = load (text) return fault end")
    for path in (folder / "Scripts").rglob("jukebox*.lua"):
        assert load(path.read_text()) is None
    reaper, lua = Reaper(resource_path=str(folder)), lua54.LuaRuntime(unpack_returned_tuples=True)
    lua.globals().reaper = lua.table_from(reaper.functions())
    lua.execute("function mine () end")
    lua.execute(startup.read_text())
    assert [Path(path).name for path in reaper.scripts] == list(SCRIPTS)
    assert reaper.deferred is not None, "the one that inserts runs"
    remove("reaper", ReaperInstaller(folder))
    assert startup.read_text() == "mine ()\n"
    assert not list((folder / "Scripts").rglob("jukebox*.lua"))
    with pytest.raises(JukeboxError, match="is missing"):
        without_ours(f"{BEGIN}\nx")
