"""The external sample editor: a file goes to the program and comes back in its place."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from bridge_parts import TOKEN, Remembering

from bridge import editor, editor_command
from bridge.editor import (
    FADE_SAMPLES,
    Editing,
    edit,
    one_at_a_time,
    replace_sound,
    running_port,
    spliced,
)
from bridge.paths import Roots
from bridge.server import Bridge, tell_where
from jukebox_studio.errors import JukeboxError

RNG = np.random.default_rng(3)


def noise(length: int, channels: int = 2) -> np.ndarray:
    return RNG.uniform(-0.5, 0.5, (length, channels)).astype(np.float32)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for variable in ("HOME", "USERPROFILE", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(editor, "configuration_folder", lambda: tmp_path / "config")
    monkeypatch.setattr(editor, "token_path", lambda: tmp_path / "config" / "bridge-token")
    monkeypatch.setattr(editor, "backup_folder", lambda: tmp_path / "backups")
    (tmp_path / "config").mkdir(mode=0o700)
    (tmp_path / "config" / "bridge-token").touch(mode=0o600)
    (tmp_path / "config" / "bridge-token").write_text(TOKEN)
    return tmp_path


def test_a_result_of_the_same_length_takes_the_place_of_all():
    original, result = noise(1_000), noise(1_000)
    assert np.array_equal(spliced(original, result, 0, False), result)


def test_a_result_inside_gives_way_to_what_was_there():
    original, result = noise(2_000), noise(1_000)
    made = spliced(original, result, 400, False)
    assert np.array_equal(made[:400], original[:400])
    assert np.array_equal(made[400 : 1_400 - FADE_SAMPLES], result[:-FADE_SAMPLES])
    assert np.array_equal(made[1_400:], original[1_400:])
    assert len(made) == 2_000


def test_the_file_grows_only_where_it_may():
    original, result = noise(1_000), noise(500)
    assert len(spliced(original, result, 800, False)) == 1_000
    grown = spliced(original, result, 1_000, True)
    assert np.array_equal(grown, np.concatenate([original, result]))
    with pytest.raises(JukeboxError, match="--grow"):
        spliced(original, result, 1_000, False)


def test_channels_stay():
    original = noise(100, 2)
    mono = noise(100, 1)
    assert np.array_equal(spliced(original, mono, 0, False), np.repeat(mono, 2, axis=1))
    assert spliced(mono, original, 0, False).shape == (100, 1)


@pytest.mark.parametrize(
    ("suffix", "form", "subtype", "rate_hz"),
    [
        ("wav", "WAV", "PCM_16", 44_100),
        ("wav", "WAVEX", "FLOAT", 48_000),
        ("aiff", "AIFF", "PCM_24", 48_000),
        ("flac", "FLAC", "PCM_16", 96_000),
    ],
)
def test_rate_length_format_and_remarks_stay(home, suffix, form, subtype, rate_hz):
    path = home / f"a.{suffix}"
    with soundfile.SoundFile(path, "w", rate_hz, 2, subtype, format=form) as file:
        file.title = "my title"
        file.write(noise(5_000))
    before = path.read_bytes()
    result = noise(5_000 if rate_hz == 44_100 else 2_500)
    soundfile.write(home / "r.wav", result, 44_100, subtype="FLOAT")
    kept = replace_sound(path, home / "r.wav", 0, may_grow=False)
    assert kept.read_bytes() == before
    with soundfile.SoundFile(path) as file:
        told = (file.format, file.subtype, file.samplerate, file.frames, file.title)
        assert told == (form, subtype, rate_hz, 5_000, "my title")
        written = file.read(dtype="float32")
    if rate_hz == 44_100:
        np.testing.assert_allclose(written, result, atol=2**-15)
    assert not np.array_equal(written, soundfile.read(kept, dtype="float32")[0])


def test_what_fails_leaves_the_file(home, monkeypatch):
    path = home / "a.wav"
    soundfile.write(path, noise(100), 48_000)
    before = path.read_bytes()
    with pytest.raises(JukeboxError):
        replace_sound(path, home / "gone.wav", 0, False)
    (home / "backups").write_text("in the way")
    soundfile.write(home / "r.wav", noise(100), 48_000)
    with pytest.raises(JukeboxError, match="left as it is"):
        replace_sound(path, home / "r.wav", 0, False)
    assert path.read_bytes() == before


class Program(Remembering):
    """Sends a result back as soon as a clip is there, or a variant is chosen."""

    def __init__(self, result: Path, position: int = 0, at_once: bool = True) -> None:
        super().__init__()
        self.result, self.position, self.at_once = result, position, at_once
        self.bridge: Bridge | None = None
        self.told = threading.Event()

    def clip(self, peer, name, clip) -> None:
        self.calls.append(("clip", peer, name, clip))
        if self.at_once:
            self.insert(peer)

    def generate(self, peer, wish) -> None:
        self.calls.append(("generate", peer, wish))
        values = {"job": "7", "clip": "edited", "variant": 1, "path": str(self.result)}
        self.bridge.send(peer.sender, "variant", values | {"length_samples": 9, "rate_hz": 48_000})

    def choose(self, peer, job, variant) -> None:
        self.calls.append(("choose", peer, job, variant))
        self.insert(peer)

    def inserted(self, peer, insert, done, sentence) -> None:
        self.calls.append(("inserted", peer, insert, done, sentence))
        self.told.set()

    def insert(self, peer) -> None:
        values = {"insert": "i1", "path": str(self.result), "position_samples": self.position}
        values |= {"timeline_rate_hz": 48_000, "track": "", "name": "x"}
        self.bridge.send(peer.sender, "insert", values)


@pytest.fixture
def sounds(home):
    soundfile.write(home / "a.wav", noise(4_800), 48_000)
    result = noise(4_800)
    soundfile.write(home / "r.wav", result, 48_000, subtype="FLOAT")
    return home / "a.wav", home / "r.wav", result


def listening(program: Program, home: Path) -> Bridge:
    program.bridge = Bridge(program, TOKEN, Roots.of([home]), port=0)
    return program.bridge


def test_the_musician_inserts_a_variant_in_the_window(home, sounds):
    path, result, samples = sounds
    program = Program(result)
    with listening(program, home) as bridge:
        edited = edit(Editing(path, 93.5, "7/8"), bridge.port)
    assert edited is not None
    assert edited.result == result
    np.testing.assert_allclose(soundfile.read(path)[0], samples, atol=2**-14)
    [(_, name, clip)] = program.named("clip")
    assert (name, clip.position_samples, clip.length_samples) == ("edited", 0, 4_800)
    assert str(clip.song.meters.points[0].meter) == "7/8"
    assert program.named("inserted")[0][1:] == ("i1", True, "")
    assert program.named("goodbye")


def test_at_once_takes_the_first_variant(home, sounds):
    path, result, _ = sounds
    program = Program(result, at_once=False)
    with listening(program, home) as bridge:
        assert edit(Editing(path, 120), bridge.port, generate={"operation": "restyle"})
    [(_, wish)] = program.named("generate")
    assert (wish.operation, wish.variants, wish.clip) == ("restyle", 1, "edited")
    assert [call[1:] for call in program.named("choose")] == [("7", 1)]


def test_what_does_not_fit_is_told_to_both_sides(home, sounds):
    path, result, _ = sounds
    before = path.read_bytes()
    program = Program(result, position=4_800)
    with listening(program, home) as bridge, pytest.raises(JukeboxError, match="--grow"):
        edit(Editing(path, 120), bridge.port)
    assert program.named("inserted")[0][2] is False
    assert path.read_bytes() == before


def test_a_refused_file_is_said(home, sounds):
    path, result, _ = sounds
    program = Program(result)
    program.bridge = Bridge(program, TOKEN, Roots(()), port=0)
    with program.bridge, pytest.raises(JukeboxError, match="outside the folders"):
        edit(Editing(path, 120), program.bridge.port)


def test_it_ends_when_the_program_does(home, sounds):
    path, result, _ = sounds
    program = Program(result, at_once=False)
    with listening(program, home) as bridge:
        assert edit(Editing(path, 120), bridge.port, still_waiting=lambda: False) is None


def test_a_file_is_open_once(sounds):
    path, _, _ = sounds
    with one_at_a_time(path):
        with pytest.raises(JukeboxError, match="is open in Jukebox Studio already"):
            one_at_a_time(path).__enter__()
        with one_at_a_time(path.with_name("r.wav")):
            pass
    with one_at_a_time(path):
        pass


def test_the_program_is_found_while_it_lives(home, sounds):
    assert running_port() is None
    with listening(Program(sounds[1]), home) as bridge:
        tell_where(home / "config" / "bridge.json", bridge, home / "spool")
        assert running_port() == bridge.port
    (home / "config" / "bridge.json").write_text('{"port": 5, "pid": 999999999}')
    assert running_port() is None


def test_the_command_edits_in_the_program_that_runs(home, sounds, monkeypatch, capsys):
    path, result, samples = sounds
    program = Program(result, at_once=False)
    with listening(program, home) as bridge:
        monkeypatch.setattr(editor_command, "running_port", lambda: bridge.port)
        editor_command.edit_file(path, tempo=120, operation="restyle")
    assert "now has the sound of" in capsys.readouterr().out
    np.testing.assert_allclose(soundfile.read(path)[0], samples, atol=2**-14)
    with pytest.raises(JukeboxError, match="There is no file"):
        editor_command.edit_file(home / "gone.wav")
