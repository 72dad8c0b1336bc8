"""The player in the window: its process, restarted when it dies or loses its device."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pytestqt.qtbot import QtBot

import ui.player
from jukebox_studio.errors import JukeboxError
from ui.playable import prepare
from ui.playback import map_playable
from ui.playback_link import PlaybackSettings, remove_leftovers, working_folder
from ui.player import Player, PlayerSource, next_bar_seconds

RATE_HZ = 48_000
FADE = 240
WAIT = 30_000
FAKE_DEVICES = Path(__file__).resolve().parent.parent / "fake_devices.py"


def noise(seed: int, seconds: float = 20.0) -> np.ndarray:
    values = np.random.default_rng(seed).uniform(-0.5, 0.5, (round(seconds * RATE_HZ), 2))
    return values.astype(np.float32)


class Bench:
    """A folder of sounds, and a fake device that writes what it plays."""

    def __init__(self, folder: Path, qtbot: QtBot) -> None:
        self.folder, self._qtbot = folder, qtbot
        self.players: list[Player] = []
        self.lost: list[str] = []
        self.errors: list[str] = []
        self.states: list[bool] = []
        self.positions: list[float] = []
        self.switches: list[str] = []
        self.plug_in("Speakers")

    def plug_in(self, *names: str) -> None:
        outputs = [{"name": n, "rate_hz": RATE_HZ, "is_default": n == names[0]} for n in names]
        (self.folder / "outputs.json").write_text(json.dumps(outputs), encoding="utf-8")

    def player(self, settings: PlaybackSettings | None = None) -> Player:
        command = (sys.executable, str(FAKE_DEVICES), str(self.folder))
        player = Player(settings, playback=command)
        self.players.append(player)
        player.device_lost.connect(self.lost.append)
        player.error.connect(self.errors.append)
        player.state.connect(self.states.append)
        player.position.connect(self.positions.append)
        player.switched.connect(self.switches.append)
        return player

    def source(self, name: str, sound: np.ndarray, start_seconds: float = 0.0) -> PlayerSource:
        path = self.folder / f"{name}.wav"
        temporary = self.folder / "temporary.wav"
        soundfile.write(temporary, sound, RATE_HZ, subtype="FLOAT")
        temporary.replace(path)
        return PlayerSource(name, path, start_seconds)

    def heard(self) -> np.ndarray:
        """[T, 2] since the device was opened."""
        played = (self.folder / "heard.f32").read_bytes()
        return np.frombuffer(played[: len(played) // 8 * 8], np.float32).reshape(-1, 2)

    def until(self, is_so: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(is_so, timeout=WAIT)


@pytest.fixture
def bench(tmp_path: Path, qtbot: QtBot) -> Iterator[Bench]:
    made = Bench(tmp_path, qtbot)
    yield made
    for player in made.players:
        player.close()


def place_of(stretch: np.ndarray, heard: np.ndarray) -> int:
    """Where a stretch begins in what was heard; -1 where it is not in there to the sample."""
    for at in np.flatnonzero((heard[: len(heard) - len(stretch) + 1] == stretch[0]).all(axis=1)):
        if np.array_equal(heard[at : at + len(stretch)], stretch):
            return int(at)
    return -1


def test_what_is_asked_before_the_process_is_there_is_done_once_it_is(bench: Bench) -> None:
    a, b = noise(1), noise(2)
    player = bench.player()
    player.load([bench.source("a", a), bench.source("b", b)])
    player.switch("b")
    player.play(2.0)
    assert not player.is_playing
    bench.until(lambda: player.position_seconds > 2.5)
    assert bench.states == [True]
    assert bench.switches[-1] == "b"
    assert place_of(b[2 * RATE_HZ :][:20_000], bench.heard()) >= FADE
    assert bench.errors == bench.lost == []
    assert player.output == "Speakers"
    assert player.rate_hz == RATE_HZ
    assert player.latency_seconds > 0

    # The playhead is what is heard, goes forward, and often.
    moving = [at for at in bench.positions if at > 2.0]
    assert moving == sorted(moving)
    assert len(moving) >= 5

    player.stop()
    bench.until(lambda: not player.is_playing)
    assert bench.states == [True, False]


def test_switching_while_it_plays_is_exact(bench: Bench) -> None:
    a, b = noise(1), noise(2)
    player = bench.player()
    player.load([bench.source("a", a), bench.source("b", b)])
    player.play(1.0)
    bench.until(lambda: player.position_seconds > 1.3)
    player.switch("b")
    bench.until(lambda: bench.switches[-1] == "b")
    switched_at = player.position_seconds
    bench.until(lambda: player.position_seconds > switched_at + 0.3)
    player.stop()
    bench.until(lambda: not player.is_playing)
    heard = bench.heard()
    begin = place_of(a[RATE_HZ:][:100], heard)
    assert begin >= 0
    heard = heard[begin:]
    a, b = a[RATE_HZ:][: len(heard)], b[RATE_HZ:][: len(heard)]
    cut = int(np.flatnonzero((heard != a[: len(heard)]).any(axis=1))[0])
    assert cut > RATE_HZ // 5
    np.testing.assert_array_equal(heard[:cut], a[:cut])
    np.testing.assert_array_equal(heard[cut + FADE :][:9600], b[cut + FADE :][:9600])


def test_a_process_that_is_killed_is_replaced_and_plays_on(bench: Bench) -> None:
    a, b = noise(1), noise(2)
    player = bench.player()
    player.load([bench.source("a", a), bench.source("b", b)])
    player.switch("b")
    player.play(1.0)
    bench.until(lambda: player.position_seconds > 1.3)
    killed = player.process_id
    os.kill(killed, signal.SIGKILL)
    bench.until(lambda: player.process_id not in (0, killed))
    stopped_at = player.position_seconds
    bench.until(lambda: player.position_seconds > stopped_at + 0.2)
    assert player.is_playing
    begin = round(stopped_at * RATE_HZ)
    assert place_of(b[begin : begin + 4800], bench.heard()) >= 0
    assert bench.errors == bench.lost == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot hold a process")
def test_a_process_that_hangs_is_replaced(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    player = bench.player()
    bench.until(lambda: bool(player.outputs))
    monkeypatch.setattr(ui.player, "_SILENT_SECONDS", 3.0)
    held = player.process_id
    os.kill(held, signal.SIGSTOP)
    bench.until(lambda: player.process_id not in (0, held))
    player.load([bench.source("a", noise(1))])
    player.play()
    monkeypatch.setattr(ui.player, "_SILENT_SECONDS", 30.0)
    bench.until(lambda: player.position_seconds > 0.1)


def test_a_process_that_cannot_run_ends_in_a_sentence(bench: Bench, qtbot: QtBot) -> None:
    for command in ((sys.executable, "-c", "raise SystemExit('no sound today')"), ("/nowhere",)):
        player = Player(playback=command)
        bench.players.append(player)
        with qtbot.waitSignal(player.error, timeout=WAIT) as told:
            pass
        assert "ended several times" in told.args[0]
        assert player.process_id == 0
        # Asking again tries again.
        with qtbot.waitSignal(player.error, timeout=WAIT):
            player.play()
    assert "no sound today" in bench.players[0].last_words


def test_a_device_that_goes_away_is_told_and_played_through_again(bench: Bench) -> None:
    a = noise(1)
    player = bench.player()
    player.load([bench.source("a", a)])
    player.play(1.0)
    bench.until(lambda: player.position_seconds > 1.2)
    first = player.process_id
    (bench.folder / "gone").touch()
    bench.until(lambda: bool(bench.lost))
    assert "“Speakers” is gone" in bench.lost[0]
    bench.until(lambda: player.process_id not in (0, first))
    # Never of its own accord through what may be a hall's loudspeakers.
    assert bench.states == [True, False]
    (bench.folder / "gone").unlink()
    bench.plug_in("Headphones")
    stopped_at = player.position_seconds
    player.play()
    bench.until(lambda: player.position_seconds > stopped_at + 0.2)
    assert player.is_playing
    assert bench.errors == []


def test_without_a_device_there_is_a_sentence_until_there_is_one(
    bench: Bench, qtbot: QtBot
) -> None:
    bench.plug_in()
    player = bench.player()
    player.load([bench.source("a", noise(1))])
    player.play()
    bench.until(lambda: bool(bench.errors))
    assert "no audio device" in bench.lost[0]
    assert "no audio device" in bench.errors[0]
    assert (player.output, player.is_playing) == (None, False)
    with qtbot.waitSignal(player.device_found, timeout=WAIT):
        bench.plug_in("Speakers")
    player.play()
    bench.until(lambda: player.position_seconds > 0.2)
    assert len(bench.lost) == 1


def test_another_device_is_changed_to_while_it_plays(bench: Bench) -> None:
    bench.plug_in("Speakers", "Headphones")
    player = bench.player()
    player.load([bench.source("a", noise(1))])
    player.play(1.0)
    bench.until(lambda: player.position_seconds > 1.2)
    player.set_settings(PlaybackSettings("Headphones", rate_hz=44_100, latency_seconds=0.1))
    bench.until(lambda: player.output == "Headphones")
    at = player.position_seconds
    bench.until(lambda: player.position_seconds > at + 0.2)
    assert (bench.folder / "opened.txt").read_text() == "Headphones 44100"
    assert player.rate_hz == 44_100
    assert [output.name for output in player.outputs] == ["Speakers", "Headphones"]


def test_a_device_that_is_not_there_is_told_and_another_one_used(bench: Bench) -> None:
    player = bench.player(PlaybackSettings("Stage box"))
    bench.until(lambda: bool(bench.lost))
    assert bench.lost == ["The audio device “Stage box” is not there; “Speakers” plays."]
    assert player.output == "Speakers"


def test_a_file_that_cannot_be_read_is_told_and_the_others_play(bench: Bench) -> None:
    player = bench.player()
    gone = PlayerSource("gone", bench.folder / "gone.wav", 0.0)
    player.load([gone, bench.source("a", noise(1))])
    player.play()
    bench.until(lambda: bool(bench.errors))
    assert "gone.wav" in bench.errors[0]
    player.switch("a")
    player.play(1.0)
    bench.until(lambda: player.position_seconds > 1.1)


def test_with_nothing_loaded_there_is_a_sentence(bench: Bench) -> None:
    player = bench.player()
    player.play()
    bench.until(lambda: bool(bench.errors))
    assert "nothing to play" in bench.errors[0]


def test_a_preview_that_grows_and_late_variants_leave_what_is_heard_alone(bench: Bench) -> None:
    a = noise(1)
    player = bench.player()
    sources = [bench.source("a", a[: 3 * RATE_HZ])]
    player.load(sources)
    player.play(1.0)
    bench.until(lambda: player.position_seconds > 1.2)
    sources = [bench.source("a", a), *(bench.source(f"late {n}", noise(n, 5.0)) for n in (2, 3))]
    player.load(sources)
    player.set_context(None, bench.source("after", noise(4, 1.0), 20.0))
    bench.until(lambda: player.position_seconds > 3.3)
    assert place_of(a[RATE_HZ : 3 * RATE_HZ + 9600], bench.heard()) >= 0
    assert bench.states == [True]


def test_loop_context_mute_and_loudness_are_told_to_the_process(bench: Bench) -> None:
    a, before = noise(1, 2.0), noise(2, 1.0)
    player = bench.player()
    source = bench.source("a", a, start_seconds=1.0)
    player.load([PlayerSource(source.id, source.path, 1.0, gain_db=-6.0)])
    player.set_context(bench.source("before", before), None)
    player.set_matched(False)
    player.set_loop(0.5, 1.5)
    player.play(0.5)
    joined = np.concatenate([before[RATE_HZ // 2 :], a[: RATE_HZ // 2 - FADE]])

    def is_looped() -> bool:
        heard = bench.heard() if player.is_playing else joined[:0]
        first = place_of(joined, heard)
        return first >= 0 and place_of(joined, heard[first + 1 :]) == RATE_HZ - 1

    bench.until(is_looped)
    player.set_muted(True)
    bench.until(lambda: not bench.heard()[-4800:].any())
    player.set_loop(None)
    bench.until(lambda: not player.is_playing)
    assert player.position_seconds == 3.0
    player.seek(0.25)
    assert player.position_seconds == 0.25


def test_it_starts_on_the_bar(bench: Bench) -> None:
    a = noise(1)
    player = bench.player()
    player.load([bench.source("a", a)])
    bench.until(lambda: bool(player.outputs))
    bars: list[float] = []
    player.starts_at.connect(bars.append)
    now = time.monotonic()
    player.play_on_bar(2.0, at_seconds=now, beat=5.5, tempo_bpm=120.0, beats_per_bar=4.0)
    bench.until(lambda: bool(bars))
    bar = bars[0]
    assert bar > time.monotonic()
    assert (bar - now) % 2.0 == pytest.approx(1.25)  # two and a half beats of half a second
    bench.until(lambda: player.position_seconds > 2.2)
    place = place_of(a[2 * RATE_HZ :][:1000], bench.heard())
    assert place >= FADE
    first_sample_at = float((bench.folder / "first-sample.txt").read_text())
    # By the device's own clock: what is left is the time between two lines of code.
    assert abs(first_sample_at + place / RATE_HZ - bar) < 0.002


@pytest.mark.parametrize(
    ("earliest", "beat", "wanted"),
    [(100.0, 0.0, 100.0), (100.1, 0.0, 102.0), (100.0, 3.0, 100.5), (99.0, 1.0, 99.5)],
)
def test_the_next_bar(earliest: float, beat: float, wanted: float) -> None:
    bar = next_bar_seconds(earliest, at_seconds=100.0, beat=beat, tempo_bpm=120, beats_per_bar=4)
    assert bar == pytest.approx(wanted)


def test_what_was_made_is_removed(bench: Bench) -> None:
    player = bench.player()
    bench.players.clear()
    player.load([bench.source("a", noise(1, 1.0))])
    player.play()
    bench.until(lambda: player.position_seconds > 0.1)
    folder = player._folder
    assert len(list(folder.iterdir())) == 1
    player.load([bench.source("b", noise(2, 1.0))])
    bench.until(lambda: [f.stat().st_size for f in folder.iterdir()] == [RATE_HZ * 8])
    process = player.process_id
    player.close()
    assert not folder.exists()
    assert player.process_id == 0
    if sys.platform != "win32":
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_folders_of_processes_that_are_gone_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    own = working_folder()
    # No system gives a process such a number.
    left = tmp_path / own.name.replace(f"-{os.getpid()}-", "-999999999-")
    left.mkdir()
    (left / "x.f32").touch()
    other = tmp_path / "jukebox-studio-playing-music"
    other.mkdir()
    remove_leftovers()
    assert sorted(tmp_path.iterdir()) == sorted([own, other])


def test_a_playable_file_is_stereo_at_the_rate_of_the_device(tmp_path: Path) -> None:
    path = tmp_path / "mono.wav"
    sound = noise(1, 1.0)[:, :1]
    soundfile.write(path, sound, RATE_HZ, subtype="FLOAT")
    same_rate = map_playable(prepare(path, 1000, 5000, RATE_HZ, tmp_path))
    np.testing.assert_array_equal(same_rate, np.repeat(sound[1000:6000], 2, axis=1))
    assert map_playable(prepare(path, 0, None, 44_100, tmp_path)).shape == (44_100, 2)
    # What a preview does not hold yet is left out, and found when it has grown.
    short = prepare(path, 0, 2 * RATE_HZ, RATE_HZ, tmp_path)
    assert len(map_playable(short)) == RATE_HZ
    assert prepare(path, 0, 2 * RATE_HZ, RATE_HZ, tmp_path) == short
    soundfile.write(path, noise(1, 2.0), RATE_HZ, subtype="FLOAT")
    grown = map_playable(prepare(path, 0, 2 * RATE_HZ, RATE_HZ, tmp_path))
    np.testing.assert_array_equal(grown, noise(1, 2.0))


def test_of_many_channels_the_first_two_are_heard(tmp_path: Path) -> None:
    path = tmp_path / "surround.wav"
    sound = np.random.default_rng(1).uniform(-1, 1, (1000, 6)).astype(np.float32)
    soundfile.write(path, sound, RATE_HZ, subtype="FLOAT")
    heard = map_playable(prepare(path, 0, None, RATE_HZ, tmp_path))
    np.testing.assert_array_equal(heard, sound[:, :2])


@pytest.mark.parametrize(
    "settings",
    [{"rate_hz": 1}, {"latency_seconds": 0.0}, {"latency_seconds": 9.0}, {"block_samples": 1}],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(JukeboxError, match="choose"):
        PlaybackSettings(**settings)  # type: ignore[arg-type]
