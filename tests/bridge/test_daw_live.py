"""The remote script for Live over a model of Live, talking to the real service."""

from __future__ import annotations

import ast
import json
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from bridge_parts import TOKEN, Remembering, write_sound
from live_model import Live, MidiClip, WarpMarker, installed

from bridge.daws.install import install, installed_files, remove
from bridge.daws.live import install as live_install
from bridge.daws.live.install import MODULES, SCRIPT, LiveInstaller, chosen_library, user_library
from bridge.headless import Settings
from bridge.headless_command import running
from bridge.paths import Roots
from bridge.server import Bridge, tell_where
from bridge.service import DawTransport, Service
from bridge.spool import Spool
from bridge.token import configuration_folder, load_token, token_path
from jukebox_studio import audio
from jukebox_studio.errors import JukeboxError
from jukebox_studio.operations import result_position
from jukebox_studio.request import Continue
from jukebox_studio.session import Session
from jukebox_studio.tempo import Meter, MeterMap, TempoMap

RENDER_SECONDS = 600
TICKS_A_SECOND = 10
SEND = (0xBF, 119, 127)
"""CC 119 on channel 16."""


@pytest.fixture
def home(tmp_path, monkeypatch):
    for variable in ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "User Library").mkdir()
    install("live", LiveInstaller(tmp_path / "User Library", lambda: False))
    token_path().write_text(TOKEN)
    token_path().chmod(0o600)
    return tmp_path


class Studio:
    """Live with our script, and the program, side by side."""

    def __init__(self, folder: Path, version=(12, 1, 0), monkeypatch=None) -> None:
        self.folder = folder
        self.live = Live(version)
        self.actions = Remembering()
        self.spool = Spool(folder / "spool")
        roots = Roots.of([folder])
        self.service = Service(self.actions, TOKEN, roots, lambda *_: None, self.spool)
        self.say_where(12)
        scripts = folder / "User Library" / "Remote Scripts"
        package = installed(scripts, SCRIPT, self.live.modules())
        # The script looks once a second at the clock, ten times a second at its folder.
        self.clock = 0.0
        surface = sys.modules[f"{SCRIPT}.surface"]
        monkeypatch.setattr(surface.time, "monotonic", lambda: self.clock)
        self.live.choose(package.create_instance)
        self.second()

    def say_where(self, pid: int) -> None:
        told = {"port": 1, "spool": str(self.spool.folder), "pid": pid}
        (configuration_folder() / "bridge.json").write_text(json.dumps(told))

    def second(self) -> None:
        for _ in range(TICKS_A_SECOND + 1):
            self.clock += 1 / TICKS_A_SECOND
            self.live.tick()
            self.service.read_spool()

    def send(self) -> list:
        """As the musician does, with the key; the clips that arrive."""
        self.actions.calls.clear()
        self.live.midi(*SEND)
        self.live.tick()
        self.service.read_spool()
        return [clip for _, _, clip in self.actions.named("clip")]

    def insert(self, path: Path, **values) -> tuple:
        """What the program asks for, and what the script says of it."""
        values = {"insert": "i1", "path": str(path), "timeline_rate_hz": 48_000} | values
        values = {"track": self.live.guitar.name, "name": "v1"} | values
        self.service.send(self.service.peers[0].sender, "insert", values)
        self.live.tick()
        self.live.tick()
        self.service.read_spool()
        [(_, _, done, sentence)] = self.actions.named("inserted")
        self.actions.calls.clear()
        return done, sentence

    @property
    def said(self) -> str:
        """The status bar."""
        return self.live.messages[-1]


@pytest.fixture
def studio(home, monkeypatch):
    return Studio(home, monkeypatch=monkeypatch)


@pytest.fixture
def older(home, monkeypatch):
    return Studio(home, (11, 3, 20), monkeypatch)


def test_the_script_greets_and_goes(studio):
    [peer] = studio.service.peers
    assert (peer.daw, peer.version) == ("Live", "12.1.0")
    studio.say_where(13)
    studio.second()
    assert len(studio.service.peers) == 2, "a program that was started anew is greeted"
    studio.live.quit()
    studio.service.read_spool()
    assert [peer.sender for peer in studio.service.peers] == [peer.sender]


def test_an_arrangement_clip_is_sent_with_its_place(studio):
    sound = write_sound(studio.folder / "take.wav", 6 * 48_000)
    clip = studio.live.clip(sound, 16.0)
    clip.loop_start, clip.loop_end = 2.0, 10.0
    studio.live.cue("Lyrics: la la", 17.0)
    studio.live.cue("lyrics: no", 40.0)
    studio.live.song.signature_numerator, studio.live.song.signature_denominator = 7, 8
    [sent] = studio.send()
    assert studio.service.counts == {}
    assert (sent.path, sent.name, sent.track_name) == (sound, "take", "Gitarre für Ada")
    assert (sent.start_samples, sent.length_samples, sent.rate_hz) == (48_000, 192_000, 48_000)
    assert (sent.position_samples, sent.timeline_rate_hz) == (8 * 48_000, 48_000)
    assert (sent.song_start_samples, sent.song_end_samples) == (0, 12 * 48_000)
    assert sent.song.tempo == TempoMap.of((0, 120))
    assert sent.song.meters == MeterMap.of((0, "7/8"))
    assert sent.lyrics == "la la"
    assert studio.said == "Jukebox Studio: sent take."


def test_an_unwarped_clip_counts_seconds(studio):
    clip = studio.live.clip(write_sound(studio.folder / "take.wav", 4 * 48_000), 3.0)
    clip.warping = False
    studio.live.tick()
    clip.loop_start, clip.loop_end = 0.5, 2.0
    [sent] = studio.send()
    assert (sent.start_samples, sent.length_samples) == (24_000, 72_000)
    assert sent.position_samples == 72_000
    clip.pitch_coarse = 1
    assert studio.send() == []
    assert "is transposed with Warp off" in studio.said


def test_what_live_does_to_the_clip_is_done_to_its_results(studio):
    """Consolidating, for one, makes a file loud and turns its clip down."""
    clip = studio.live.clip(write_sound(studio.folder / "take.wav", 48_000), 0.0)
    clip.gain = 0.25
    studio.send()
    result = write_sound(studio.folder / "r.wav", 48_000)
    assert studio.insert(result, position_samples=48_000) == (True, "")
    *_, plain = studio.live.guitar.arrangement_clips
    assert (plain.gain, plain.warping) == (0.25, False)
    clip.pitch_coarse, clip.pitch_fine, clip.warp_mode = -2, 30.0, 6
    studio.send()
    expected = "sent take without its transposition, which its results get in Live."
    assert studio.said == f"Jukebox Studio: {expected}"
    assert studio.insert(result, position_samples=96_000) == (True, "")
    *_, low = studio.live.guitar.arrangement_clips
    assert (low.pitch_coarse, low.pitch_fine, low.warp_mode) == (-2, 30.0, 6)
    assert (low.warping, low.start_time, low.end_time) == (True, 4.0, 6.0)


def test_a_clip_that_is_gone_at_once_is_not_inserted(studio):
    result = write_sound(studio.folder / "r.wav")
    values = {"insert": "i1", "path": str(result), "position_samples": 0, "name": "r"}
    values |= {"timeline_rate_hz": 48_000, "track": studio.live.guitar.name}
    studio.service.send(studio.service.peers[0].sender, "insert", values)
    studio.live.tick()
    studio.live.guitar.arrangement_clips[0]._gone = True
    studio.live.guitar._clips.clear()
    studio.live.tick()
    studio.service.read_spool()
    assert studio.actions.named("inserted")[0][1:] == ("i1", False, "The clip is gone again.")


def test_a_clip_that_begins_before_its_file(studio):
    clip = studio.live.clip(write_sound(studio.folder / "take.wav", 2 * 48_000), 8.0)
    clip.loop_start = -1.0
    [sent] = studio.send()
    assert (sent.start_samples, sent.length_samples) == (0, 96_000)
    assert sent.position_samples == 9 * 24_000


def test_a_stretched_clip_is_sent_at_the_tempo_of_its_file(studio):
    """Its file has 100 BPM, the song 120."""
    sound = write_sound(studio.folder / "take.wav", 12 * 48_000)
    clip = studio.live.clip(sound, 16.0)
    clip.add_warp_marker(WarpMarker(12.0, 20.0))
    clip.loop_end = 20.0
    [sent] = studio.send()
    assert (sent.start_samples, sent.length_samples) == (0, 12 * 48_000)
    assert [float(p.tempo_bpm) for p in sent.song.tempo.points] == [pytest.approx(100, abs=1e-9)]
    assert sent.position_samples == nearest_sample(16, 100)
    assert studio.said == "Jukebox Studio: sent take unwarped, at its own 100.00 BPM."
    result = write_sound(studio.folder / "r.wav", 6 * 48_000)
    assert studio.insert(result, position_samples=nearest_sample(36, 100)) == (True, "")
    _, created = studio.live.guitar.arrangement_clips
    assert (created.start_time, created.end_time) == (36, 46), "Live stretches the result, too"
    assert created.warping
    assert created.beat_to_sample_time(10.0) == 6 * 48_000


def nearest_sample(beats: float, tempo_bpm: float) -> int:
    return round(Fraction(beats) * 60 / Fraction(tempo_bpm) * 48_000)


def test_what_plays_no_steady_stretch_is_refused(studio):
    clip = studio.live.clip(write_sound(studio.folder / "take.wav", 4 * 48_000), 0.0)
    clip.add_warp_marker(WarpMarker(2.0, 3.5))
    clip.add_warp_marker(WarpMarker(4.0, 8.0))
    assert studio.send() == []
    assert "is warped unevenly; consolidate it" in studio.said
    clip.remove_warp_marker(3.5)
    clip.looping = True
    clip.drag_right_edge(12.0)
    assert studio.send() == []
    assert "plays its loop more than once" in studio.said
    clip.looping = False
    clip.loop_start, clip.loop_end = -4.0, -2.0
    assert studio.send() == []
    assert "plays nothing of its file" in studio.said
    studio.live.song.view.detail_clip = MidiClip(studio.live, studio.live.keys, "riff")
    assert studio.send() == []
    assert studio.said == "Jukebox Studio: riff is a MIDI clip; select an audio clip."
    studio.live.song.view.detail_clip = None
    assert studio.send() == []
    assert "Select an audio clip" in studio.said


def test_a_session_clip_has_no_place(studio):
    clip = studio.live.session_clip(write_sound(studio.folder / "loop.wav", 2 * 48_000))
    clip.loop_start, clip.loop_end = 1.0, 3.0
    clip.looping = True
    [sent] = studio.send()
    assert (sent.start_samples, sent.length_samples) == (24_000, 48_000)
    assert sent.position_samples is None
    assert sent.track_name == "Gitarre für Ada"


def test_the_program_fetches_what_is_selected(studio):
    studio.live.clip(write_sound(studio.folder / "take.wav"), 0.0)
    studio.service.send(studio.service.peers[0].sender, "fetch", {})
    studio.live.tick()
    studio.service.read_spool()
    assert len(studio.actions.named("clip")) == 1


def test_other_midi_is_not_for_us(studio):
    studio.live.clip(write_sound(studio.folder / "take.wav"), 0.0)
    studio.live.midi(0xBF, 119, 0)
    studio.live.midi(0xBF, 118, 127)
    studio.live.scripts[0].receive_midi((0x90, 60, 100))
    studio.live.tick()
    studio.service.read_spool()
    assert studio.actions.named("clip") == []
    assert studio.live.not_for_us == [(0x90, 60, 100)]


def test_a_fault_of_ours_is_shown_and_its_whole_story_logged_once(studio, caplog, monkeypatch):
    def breaks():
        raise ZeroDivisionError("no beats")

    monkeypatch.setattr(studio.live.scripts[0]._studio, "_document", breaks)
    for _ in range(3):
        studio.second()
    assert "ZeroDivisionError: no beats" in studio.said
    (record,) = [r for r in caplog.records if "no beats" in r.getMessage()]
    assert "in breaks" in record.getMessage()


def test_what_is_wrong_on_the_programs_side_is_shown(studio, tmp_path_factory):
    elsewhere = write_sound(tmp_path_factory.mktemp("elsewhere") / "take.wav")
    studio.live.clip(elsewhere, 0.0)
    studio.live.midi(*SEND)
    studio.live.tick()
    studio.service.read_spool()
    studio.live.tick()
    assert "outside the folders" in studio.said
    (configuration_folder() / "bridge.json").unlink()
    studio.second()
    assert studio.send() == []
    assert "does not run; start it" in studio.said


@pytest.mark.parametrize("tempo_bpm", [120.0, 133.37, 97.123456, 61.8])
@pytest.mark.parametrize("start_beats", [0.0, 16.0, 33.25, 7 + 1 / 3])
def test_a_clip_goes_out_and_what_follows_lies_at_its_end(studio, tempo_bpm, start_beats):
    """Clip, service, result, insertion: two bars that begin on the beat where the clip ends."""
    studio.live.song.tempo = tempo_bpm
    sound = write_sound(studio.folder / "take.wav", 10 * 48_000)
    clip = studio.live.clip(sound, start_beats)
    clip.loop_end = 8.0
    [sent] = studio.send()
    position = result_position(sent, Continue(2))
    length = sent.song.sample_at(Fraction(start_beats).limit_denominator(960) + 16, 48_000)
    result = studio.folder / "result.wav"
    audio.write(result, np.zeros((length - position, 2), np.float32), 48_000)
    assert studio.insert(result, position_samples=position) == (True, "")
    _, created = studio.live.guitar.arrangement_clips
    assert created.start_time == pytest.approx(start_beats + 8, abs=1e-12), "Live's own precision"
    assert created.end_time == pytest.approx(start_beats + 16, abs=tempo_bpm / 60 / 48_000)
    assert not created.warping, "sample for sample"
    assert (created.file_path, created.name) == (str(result), "v1")
    assert studio.live.undo == ["begin", "clip", "end"], "one step"
    assert studio.live.cut_away == []


def test_a_place_off_the_grid_is_met_within_half_a_sample(studio):
    result = write_sound(studio.folder / "r.wav")
    for position in (1, 77_777, 2**31 + 12_345):
        studio.live.guitar._clips.clear()
        assert studio.insert(result, position_samples=position) == (True, "")
        [created] = studio.live.guitar.arrangement_clips
        assert abs(Fraction(created.start_time) * 24_000 - position) <= Fraction(1, 2)


def test_the_tempo_of_when_the_clip_was_sent_counts(studio):
    studio.live.clip(write_sound(studio.folder / "take.wav", 48_000), 8.0)
    studio.send()
    studio.live.song.tempo = 90.0
    result = write_sound(studio.folder / "r.wav", 48_000)
    assert studio.insert(result, position_samples=10 * 24_000) == (True, "")
    _, created = studio.live.guitar.arrangement_clips
    assert (created.start_time, created.end_time) == (10, 12)
    assert created.warping, "so that it follows the song, as its clip does"


def test_nothing_is_cut_away(studio):
    """Live would cut what a new clip lies on."""
    take = studio.live.clip(write_sound(studio.folder / "take.wav", 96_000), 4.0)
    result = write_sound(studio.folder / "r.wav", 96_000)
    for _ in range(2):
        assert studio.insert(result, position_samples=5 * 24_000) == (True, "")
    names = [track.name for track in studio.live.song.tracks]
    ours = "Gitarre für Ada (Jukebox Studio)"
    assert names == ["Gitarre für Ada", ours, ours, "Choir", "Keys"]
    assert studio.live.cut_away == []
    assert studio.live.guitar.arrangement_clips == (take,)
    assert studio.live.undo[:4] == ["begin", "track", "clip", "end"]
    studio.live.undo.clear()
    assert studio.insert(result, position_samples=6 * 24_000 * 2) == (True, "")
    assert len(studio.live.guitar.arrangement_clips) == 2, "there is room"


def test_a_track_that_is_gone_is_made(studio):
    result = write_sound(studio.folder / "r.wav")
    assert studio.insert(result, position_samples=0, track="") == (True, "")
    assert studio.insert(result, position_samples=0, track="Keys") == (True, "")
    names = [track.name for track in studio.live.song.tracks]
    assert names[2:] == ["Keys", "Jukebox Studio", "Keys (Jukebox Studio)"], "no MIDI track"


def test_what_live_refuses_is_told(studio):
    result = write_sound(studio.folder / "r.wav")
    assert studio.insert(studio.folder / "gone.wav", position_samples=0)[1].startswith(
        "There is no"
    )
    (studio.folder / "text.wav").write_text("no sound")
    done, sentence = studio.insert(studio.folder / "text.wav", position_samples=0)
    assert not done
    assert "does not appear to point to a valid audio file" in sentence
    studio.live.guitar._frozen = True
    done, sentence = studio.insert(result, position_samples=0)
    assert (done, sentence) == (
        False,
        "Live did not create the clip: Cannot create clips on frozen tracks",
    )
    assert studio.said == f"Jukebox Studio: {sentence}"
    assert studio.live.undo[-1] == "end"
    far = studio.insert(result, position_samples=2**53 - 1, track="Choir")
    assert "out of range" in far[1]


def test_an_older_live_says_to_drag(older):
    [peer] = older.service.peers
    assert peer.version == "11.3.20"
    older.live.clip(write_sound(older.folder / "take.wav", 48_000), 4.0)
    assert len(older.send()) == 1
    result = write_sound(older.folder / "r.wav")
    done, sentence = older.insert(result, position_samples=6 * 24_000)
    assert not done
    assert sentence == (
        "Live 12.0.5 and later let scripts create clips, this one does not: drag r.wav from "
        "Jukebox Studio to bar 2, beat 3 of the track."
    )
    assert older.said.endswith(sentence)


def test_a_fault_of_ours_does_not_stop_the_script(studio, monkeypatch):
    monkeypatch.setattr(type(studio.live.song), "view", property(lambda self: 1 / 0))
    studio.send()
    assert studio.said == "Jukebox Studio: ZeroDivisionError: division by zero"
    monkeypatch.undo()


def test_a_fault_of_ours_while_inserting_is_answered(studio, monkeypatch):
    result = write_sound(studio.folder / "r.wav")
    monkeypatch.setattr(type(studio.live.song), "tracks", property(lambda self: 1 / 0))
    assert studio.insert(result, position_samples=0) == (
        False,
        "Live could not insert it: division by zero",
    )
    monkeypatch.undo()
    assert studio.insert(result, position_samples=0)[0]


def test_the_transport_comes_over_a_real_socket(home, monkeypatch):
    studio = Studio(home, monkeypatch=monkeypatch)
    actions, token = Remembering(), load_token(token_path())
    with Bridge(actions, token, Roots(()), spool=Spool(home / "spool"), port=0) as bridge:
        tell_where(configuration_folder() / "bridge.json", bridge, home / "spool")
        studio.live.song.tempo, studio.live.song.current_song_time = 90.5, 6.0
        studio.clock += 1
        studio.live.tick()
        wait_for(lambda: actions.named("transport"))
        studio.clock += 10
        studio.live.tick()
        studio.live.song.is_playing = True
        studio.live.tick()
        wait_for(lambda: len(actions.named("transport")) == 2)
    told = [transport for _, transport in actions.named("transport")]
    stopped = DawTransport(False, round(6 * 60 / 90.5 * 48_000), 48_000, 90.5, Meter(4, 4))
    assert told[0] == stopped
    assert told[1].playing
    assert len(told) == 2, "nothing is told twice while it rests"


def wait_for(condition, seconds: float = 60) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_a_continuation_is_rendered_and_created_in_live(home, monkeypatch, tiny_bundle):
    """The program as it runs without a window, with a model, and our script in Live."""
    sound = write_sound(home / "take.wav", 4 * 48_000)
    settings = Settings(tiny_bundle, length_bars=1.0, variants=1, on_clip=True, insert_first=True)
    roots = Roots.of([home])
    with running(settings, home / "session", roots, 1, port=0) as (headless, _):
        live = Live()
        live.song.tempo, live.song.signature_numerator = 133.37, 3
        take = live.clip(sound, 9.0)
        take.loop_end = 6.0
        scripts = home / "User Library" / "Remote Scripts"
        live.choose(installed(scripts, SCRIPT, live.modules()).create_instance)

        def created() -> bool:
            live.tick()
            return len(live.guitar.arrangement_clips) == 2 and not headless._inserts

        live.midi(*SEND)
        live.tick()
        assert live.messages == ["Jukebox Studio: sent take."]
        wait_for(created, RENDER_SECONDS)
        live.quit()
    _, inserted = live.guitar.arrangement_clips
    assert inserted.start_time == 15.0
    assert inserted.end_time == pytest.approx(18.0, abs=133.37 / 60 / 48_000)
    with Session.open(home / "session", read_only=True) as session:
        [placement] = session.placements()
    assert (placement.daw, str(placement.path)) == ("Live", inserted.file_path)


def test_the_script_is_python_as_live_11_has_it():
    source = Path(live_install.__file__).parent / "remote"
    assert sorted(path.name for path in source.glob("*.py")) == sorted(MODULES)
    allowed = sys.stdlib_module_names | {"Live", "ableton"}
    for path in source.glob("*.py"):
        tree = ast.parse(path.read_text(), feature_version=(3, 7))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed
            elif isinstance(node, ast.ImportFrom) and not node.level:
                assert node.module.split(".")[0] in allowed


def test_the_script_goes_into_the_user_library_and_out_again(home):
    library = home / "User Library"
    script = library / "Remote Scripts" / SCRIPT
    assert sorted(path.name for path in script.iterdir()) == sorted([*MODULES, "settings.json"])
    assert len(installed_files("live")) == 6
    settings = json.loads((script / "settings.json").read_text())
    assert settings["configuration"] == str(configuration_folder())
    for act in (install, remove):
        with pytest.raises(JukeboxError, match="Live is running"):
            act("live", LiveInstaller(library, lambda: True))
    (script / "clips.py").write_text("mine")
    done = install("live", LiveInstaller(library, lambda: False))
    assert [path.read_text() for path in done.backups] == ["mine"]
    (script / "__pycache__").mkdir()
    done = remove("live", LiveInstaller(library, lambda: False))
    assert "compiled files" in done.notes[0]
    assert [path.name for path in script.iterdir()] == ["__pycache__"]
    with pytest.raises(JukeboxError, match="There is no User Library"):
        install("live", LiveInstaller(home / "nowhere", lambda: False))


def library_file(path: Path, project: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><Ableton><ContentLibrary><UserLibrary>'
        f'<LibraryProject><ProjectName Value="User Library"/><ProjectPath Value="{project}"/>'
        "</LibraryProject></UserLibrary></ContentLibrary></Ableton>"
    )


@pytest.mark.parametrize(
    ("platform", "preferences", "usual"),
    [
        ("darwin", "Library/Preferences/Ableton/Live 12.1.0/Library.cfg", "Music"),
        ("win32", "Ableton/Live 12.1.0/Preferences/Library.cfg", "Documents"),
    ],
)
def test_the_user_library_is_where_live_has_it(home, monkeypatch, platform, preferences, usual):
    monkeypatch.setattr(sys, "platform", platform)
    assert user_library() == home / usual / "Ableton" / "User Library"
    library_file(home / preferences, home / "elsewhere")
    assert user_library() == home / usual / "Ableton" / "User Library", "it is not there"
    (home / "elsewhere" / "User Library").mkdir(parents=True)
    assert user_library() == home / "elsewhere" / "User Library"
    (home / preferences).write_text("<damaged")
    assert chosen_library(home / preferences) is None
