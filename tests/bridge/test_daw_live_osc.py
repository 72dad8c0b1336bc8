"""Live through AbletonOSC: a stand-in for it answers over UDP, the real bridge takes the clip."""

from __future__ import annotations

import queue
import socket
import threading
import time

import pytest
from ableton_osc_model import AbletonOSCModel
from bridge_parts import TOKEN, Remembering, write_sound
from live_model import Live, MidiClip, WarpMarker

from bridge.daws.live import ableton_osc
from bridge.daws.live.ableton_osc import AbletonOSC, SongState, answer, follow
from bridge.osc import Client
from bridge.paths import Roots
from bridge.server import Bridge
from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import MeterMap, TempoMap


class Parts:
    """Live with AbletonOSC, our client of it, and the program."""

    def __init__(self, folder) -> None:
        self.live = Live()
        self.sound = write_sound(folder / "loop.wav", 4 * 48_000)
        self.clip = self.live.session_clip(self.sound)
        self.actions = Remembering()
        self.bridge = Bridge(self.actions, TOKEN, Roots.of([folder]), port=0)
        # Any free port for the answers; AbletonOSC has a fixed one.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            answer_port = probe.getsockname()[1]
        self.theirs = AbletonOSCModel(self.live, answer_port)
        self.ours = AbletonOSC(self.theirs.port, answer_port)
        self.heard: queue.SimpleQueue = queue.SimpleQueue()
        self.client = Client(TOKEN, self.bridge.port, on_heard=self.heard.put)
        self.client.hello("Live (AbletonOSC)")

    def close(self) -> None:
        self.client.close()
        self.ours.__exit__()
        self.theirs.__exit__()
        self.bridge.close()


@pytest.fixture
def parts(tmp_path):
    made = Parts(tmp_path)
    yield made
    made.close()


def test_the_song(parts):
    song = parts.live.song
    song.tempo, song.signature_numerator, song.signature_denominator = 90.5, 7, 8
    song.is_playing, song.current_song_time = True, 6.0
    assert parts.ours.song() == SongState(90.5, "7/8", True, 6.0)


def test_the_selected_session_clip_reaches_the_program(parts):
    parts.live.song.signature_numerator = 3
    parts.clip.loop_start, parts.clip.loop_end = 1.0, 5.0
    parts.client.send("clip", parts.ours.selected_clip("c1"))
    parts.client.wait()
    [(_, name, clip)] = parts.actions.named("clip")
    assert (name, clip.path, clip.name) == ("c1", parts.sound, "loop")
    assert (clip.start_samples, clip.length_samples, clip.rate_hz) == (24_000, 96_000, 48_000)
    assert (clip.position_samples, clip.track_name) == (None, "Gitarre für Ada")
    assert (clip.song.tempo, clip.song.meters) == (TempoMap.of((0, 120)), MeterMap.of((0, "3/4")))


def test_an_unwarped_clip_counts_seconds(parts):
    parts.clip.warping = False
    parts.clip.loop_start, parts.clip.loop_end = 0.5, 3.0
    values = parts.ours.selected_clip("c1")
    assert (values["start_samples"], values["length_samples"]) == (24_000, 120_000)


def test_a_stretched_clip_is_refused(parts):
    """Its file has 60 BPM, so its markers lie at twice the time in the file."""
    parts.clip.add_warp_marker(WarpMarker(4.0, 4.0))
    parts.clip.loop_end = 4.0
    parts.live.song.tempo = 40.0
    with pytest.raises(JukeboxError, match="Live stretches loop to the song's tempo"):
        parts.ours.selected_clip("c1")


@pytest.mark.parametrize("what", ["no clip", "MIDI", "empty", "return track"])
def test_what_cannot_be_sent(parts, what):
    slot = parts.live.guitar.clip_slots[0]
    sentence = {
        "no clip": "Select a Session clip",
        "MIDI": "riff is a MIDI clip",
        "empty": "plays nothing",
        "return track": "AbletonOSC says: .* is not in list",
    }[what]
    if what == "no clip":
        slot._clip = None
    elif what == "MIDI":
        slot._clip = MidiClip(parts.live, slot, "riff")
    elif what == "empty":
        parts.clip.loop_start, parts.clip.loop_end = 7.99999, 8.0
    else:
        parts.theirs.selected = (-1, 0)
    with pytest.raises(JukeboxError, match=sentence):
        parts.ours.selected_clip("c1")


def test_lost_datagrams_are_asked_again(parts):
    parts.theirs.lose = 3
    assert parts.ours.song().tempo_bpm == 120


def test_silence_is_a_sentence(parts, monkeypatch):
    monkeypatch.setattr(ableton_osc, "GIVES_UP_SECONDS", 0.2)
    parts.theirs.lose = 1_000
    with pytest.raises(JukeboxError, match="AbletonOSC does not answer"):
        parts.ours.song()


def test_answers_that_are_no_messages_or_anothers_do_not_count(parts):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        to = ("127.0.0.1", parts.ours.answer_port)
        stranger.sendto(b"#bundle\0" + bytes(8) + b"\xff\xff\xff\xfc", to)
        stranger.sendto(b"/live/clip/get/name\0,iis\0\0\0\0" + bytes(7) + b"\x09mine\0\0\0\0", to)
    assert parts.ours.selected_clip("c1")["name"] == "loop"


def test_the_port_for_the_answers_may_be_taken(parts):
    with pytest.raises(JukeboxError, match="Another program listens for AbletonOSC's answers"):
        AbletonOSC(parts.theirs.port, parts.ours.answer_port)


def wait_for(condition) -> None:
    give_up = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_the_program_hears_how_live_plays_and_fetches(parts):
    goes_on = threading.Event()
    goes_on.set()
    following = threading.Thread(
        target=follow, args=(parts.ours, parts.client, parts.heard, goes_on.is_set)
    )
    following.start()
    try:
        told = parts.actions
        wait_for(lambda: told.named("transport"))
        parts.live.song.tempo = 97.0
        parts.live.song.is_playing = True
        wait_for(lambda: told.named("transport")[-1][1].tempo_bpm == 97)
        parts.theirs.beat(12)
        wait_for(lambda: told.named("transport")[-1][1].position_samples)
        last = told.named("transport")[-1][1]
        assert (last.playing, last.position_samples) == (True, round(12 * 60 / 97 * 48_000))
        parts.live.song.tempo = 120.0
        sender = parts.client.conversation.sender
        parts.bridge.send(sender, "fetch", {})
        wait_for(lambda: told.named("clip"))
        parts.theirs.selected = (-1, 0)
        parts.bridge.send(sender, "fetch", {})
        insert = {"insert": "i1", "path": "/x/r.wav", "position_samples": 0}
        insert |= {"timeline_rate_hz": 48_000, "track": "", "name": ""}
        parts.bridge.send(sender, "insert", insert)
        wait_for(lambda: told.named("inserted"))
        [(_, _, done, sentence)] = told.named("inserted")
        assert not done
        assert sentence.startswith("AbletonOSC creates no audio clips: drag /x/r.wav")
        assert len(told.named("clip")) == 1, "what could not be fetched did not end it"
    finally:
        goes_on.clear()
        following.join()
    wait_for(lambda: not parts.theirs.listeners)


def test_a_refused_clip_is_a_sentence(parts, tmp_path_factory):
    elsewhere = write_sound(tmp_path_factory.mktemp("elsewhere") / "loop.wav")
    parts.live.session_clip(elsewhere)
    parts.bridge.send(parts.client.conversation.sender, "fetch", {})
    with pytest.raises(JukeboxError, match="outside the folders"):
        answer(parts.ours, parts.client, parts.heard.get(timeout=60))
