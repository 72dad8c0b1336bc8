"""What messages do, with no socket: the service and a conversation over a link made of lists."""

from __future__ import annotations

import heapq
import json
import logging
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from bridge_parts import HELLO, HERE, TOKEN, Remembering, clip_of, refusing, write_sound

from bridge.clip_message import clip_to_values
from bridge.conversation import Answer, Conversation
from bridge.datagram import build, messages_in
from bridge.pace import Pace
from bridge.paths import Roots
from bridge.protocol import MESSAGES, WINDOW, Direction
from bridge.service import MOST_SENDERS, Actions, DawTransport, Generate, Peer, Service
from bridge.spool import Spool
from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import Meter

ARDOUR = Peer("ardour-1", "Ardour", "7.3", 4711)


class Studio:
    """A service, what it sent, and a clock that goes when it is told to."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.now = 0.0
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.actions = Remembering()
        self.sound = write_sound(folder / "a.wav")
        self.spool = Spool(folder / "spool", lambda: 4e9)
        self.service = Service(
            self.actions,
            TOKEN,
            Roots.of([folder]),
            lambda datagram, address: self.sent.append((datagram, address)),
            self.spool,
            lambda: self.now,
            **settings,
        )

    def hear(
        self, what: str, /, by: str = "ardour-1", number: int = 0, source=HERE, **values
    ) -> list[tuple]:
        """The answers to a message, as (name, values)."""
        header = {"token": TOKEN, "sender": by, "sequence": number}
        kind = MESSAGES[what]
        self.service.receive(build(kind, (header if kind.acting else {}) | values), source)
        return self.answers()

    def answers(self) -> list[tuple]:
        sent, self.sent = self.sent, []
        return [
            (message.address.rpartition("/")[2], *message.arguments)
            for datagram, _ in sent
            for message in messages_in(datagram)
        ]

    def leave(self, what: str, /, **values: object) -> None:
        """In the spool, as a script does."""
        path = self.spool.folder / "inbox" / f"{len(self.actions.calls):05d}.json"
        told = {"address": f"/jukebox/v1/{what}", "arguments": values}
        path.write_text(json.dumps(told), encoding="utf-8")

    def left_for(self, sender: str) -> list[dict]:
        folder = self.spool.folder / "outbox" / f"to-{sender}"
        return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.iterdir())]


@pytest.fixture
def studio(tmp_path):
    return Studio(tmp_path)


def test_a_clip_arrives(studio):
    clip = clip_of(studio.sound.resolve())
    assert studio.hear("hello", number=1, **HELLO) == [("accepted", "ardour-1", 1)]
    assert studio.hear("clip", number=2, **clip_to_values("c1", clip)) == [
        ("accepted", "ardour-1", 2)
    ]
    assert studio.actions.calls == [("hello", ARDOUR), ("clip", ARDOUR, "c1", clip)]
    assert studio.service.peers == (ARDOUR,)


def test_every_message_of_the_table_reaches_its_action(studio):
    studio.hear("hello", **HELLO)
    said = [
        ("select", {"clip": "c1"}, ("c1",)),
        (
            "transport",
            {
                "playing": True,
                "position_samples": 7,
                "timeline_rate_hz": 48_000,
                "tempo_bpm": 90.5,
                "meter": "7/8",
            },
            (DawTransport(True, 7, 48_000, 90.5, Meter(7, 8)),),
        ),
        (
            "generate",
            {"clip": "c1", "operation": "vary", "length_bars": 4.0, "variants": 3, "seed": 0},
            (Generate("c1", "vary", 4.0, 3, 0),),
        ),
        (
            "generate",
            {"clip": "", "operation": "", "length_bars": 0.0, "variants": 0, "seed": -1},
            (Generate(None, None, None, None, None),),
        ),
        ("cancel", {"job": ""}, (None,)),
        ("inserted", {"insert": "i", "done": False, "sentence": "no"}, ("i", False, "no")),
        ("choose", {"job": "j", "variant": 2}, ("j", 2)),
        ("rate", {"job": "", "variant": 2, "stars": 5}, (None, 2, 5)),
        ("audition", {"job": "", "variant": 2, "playing": True}, (None, 2, True)),
        ("blend", {"position": 0.25}, (0.25,)),
        ("keep", {"amount": 0.75}, (0.75,)),
        ("goodbye", {}, ()),
    ]
    for name, values, wanted in said:
        studio.actions.calls.clear()
        assert studio.hear(name, **values) == []
        assert studio.actions.calls == [(name, ARDOUR, *wanted)]
    acting = {
        kind.name
        for kind in MESSAGES.values()
        if kind.acting and kind.direction is not Direction.FROM_STUDIO
    }
    assert {name for name, *_ in said} | {"hello", "clip", "fetch"} == acting
    assert acting - {"fetch"} <= set(vars(Actions)), "the door to the program has them all"


def test_a_controllers_fetch_goes_to_the_daws(studio):
    assert studio.hear("fetch", by="pedal-1")[0][3] == "refused", "there is none"
    studio.hear("hello", **HELLO)
    assert studio.hear("fetch", by="pedal-1")[0][0] == "fetch"
    assert studio.hear("fetch", by="ardour-1")[0][3] == "refused", "not to itself"


def test_nothing_acts_without_the_token(studio, caplog):
    header = {"sender": "ardour-1", "sequence": 1}
    with caplog.at_level(logging.WARNING):
        for token in ("", "5a" * 31, TOKEN.upper(), "5b" + TOKEN[2:]):
            for kind in MESSAGES.values():
                if kind.name == "keep":
                    values = header | {"token": token, "amount": 0.5}
                    studio.service.receive(build(kind, values), HERE)
    assert studio.answers() == studio.actions.calls == []
    assert studio.service.counts == {"no token": 4}
    assert len(caplog.records) == 1, "logged once"
    assert TOKEN not in caplog.text


def test_the_token_alone_does_not_let_a_wrong_header_in(studio):
    from pythonosc.osc_message_builder import build_msg

    studio.service.receive(build_msg("/jukebox/v1/keep", [TOKEN, "../x", 0, 0.5]).dgram, HERE)
    [(name, sender, sequence, code, sentence)] = studio.answers()
    assert (name, sender, sequence, code) == ("error", "unknown", 0, "arguments")
    assert "sender must have lower-case letters" in sentence
    studio.service.receive(build_msg("/jukebox/v1/keep", [TOKEN]).dgram, HERE)
    assert studio.answers() == []


def test_unknown_and_wrong_messages_are_answered_in_a_sentence(studio):
    from pythonosc.osc_message_builder import build_msg

    header = [TOKEN, "ardour-1", 0]
    for address, arguments, code, sentence in (
        ("/jukebox/v1/dance", [], "address", "knows no message /jukebox/v1/dance"),
        ("/jukebox/v1/insert", [], "address", "knows no message /jukebox/v1/insert"),
        ("/jukebox/v1/keep", [], "arguments", "takes 4 arguments, not 3"),
        ("/jukebox/v1/keep", ["much"], "arguments", "amount must be a number"),
        ("/jukebox/v1/keep", [2.0], "arguments", "between 0 and 1, not 2"),
        ("/jukebox/v1/goodbye", [], "refused", "has not said hello"),
    ):
        studio.service.receive(build_msg(address, header + arguments).dgram, HERE)
        [answer] = studio.answers()
        assert answer[:4] == ("error", "ardour-1", 0, code)
        assert sentence in answer[4]
    assert studio.actions.calls == []


@pytest.mark.parametrize(
    ("values", "code", "sentence"),
    [
        ({"path": "/etc/passwd"}, "file", "outside the folders"),
        ({"path": "/dev/zero"}, "file", "outside the folders"),
        ({"path": "a.wav"}, "file", "no absolute path"),
        ({"rate_hz": 44_100}, "file", "has 48,000 samples per second, the clip is said"),
        ({"length_samples": 4_701}, "file", "there is no clip from 100 to 4,801"),
        ({"tempo": "fast"}, "arguments", "tempo: 'fast' cannot be read"),
        ({"song_end_samples": 0}, "arguments", "The song would end at sample 0"),
    ],
)
def test_clips_that_cannot_be_are_refused(studio, values, code, sentence):
    said = clip_to_values("c1", clip_of(studio.sound)) | values
    [answer] = studio.hear("clip", **said)
    assert answer[3] == code
    assert sentence in answer[4]
    assert studio.actions.calls == []


def test_files_that_are_no_sound_are_refused(studio, tmp_path):
    clip = clip_of(tmp_path / "b.wav")

    def answer() -> str:
        [told] = studio.hear("clip", **clip_to_values("c1", clip))
        assert told[3] == "file"
        return told[4]

    assert "There is no file" in answer()  # it went away between message and reading
    clip.path.mkdir()
    assert "a folder" in answer()
    clip.path.rmdir()
    clip.path.write_bytes(b"RIFF" + bytes(100))
    assert "not an audio file" in answer()
    soundfile.write(clip.path, np.zeros((2_000, 9)), 48_000)
    assert "9 channels" in answer()
    soundfile.write(clip.path, np.zeros(2_000), 1)
    assert "1 samples per second" in answer()
    assert studio.actions.calls == []


def test_what_the_program_cannot_do_is_told(studio):
    studio.service._actions = refusing("Nothing is selected; send a clip.")
    studio.service._handlers = studio.service._table_of_handlers()
    values = {"clip": "", "operation": "", "length_bars": 0.0, "variants": 0, "seed": -1}
    assert studio.hear("generate", **values) == [
        ("error", "ardour-1", 0, "refused", "Nothing is selected; send a clip.")
    ]


def test_a_fault_of_the_program_does_not_end_the_bridge(studio, caplog):
    studio.actions.refusal = ZeroDivisionError()
    [answer] = studio.hear("keep", amount=0.5)
    assert answer[3] == "failed"
    assert "ZeroDivisionError" in caplog.text
    studio.actions.refusal = None
    assert studio.hear("keep", amount=0.5) == []
    assert studio.actions.named("keep") == [(Peer("ardour-1"), 0.5)]


def test_repetitions_get_the_same_answer_and_do_not_act(studio):
    studio.hear("hello", number=1, **HELLO)
    for _ in range(3):
        assert studio.hear("keep", number=2, amount=0.5) == [("accepted", "ardour-1", 2)]
    [first] = studio.hear("clip", number=3, **clip_to_values("c", clip_of(Path("/gone.wav"))))
    assert first[0] == "error"
    assert studio.hear("keep", number=3, amount=0.5) == [first], "the number is used up"
    assert studio.actions.named("keep") == [(ARDOUR, 0.5)]


def test_what_comes_too_early_waits_for_the_hello(studio):
    assert studio.hear("keep", number=3, amount=0.3) == []
    assert studio.hear("keep", number=2, amount=0.2) == []
    assert [a[2] for a in studio.hear("hello", number=1, **HELLO)] == [1, 2, 3]
    assert [amount for _, amount in studio.actions.named("keep")] == pytest.approx([0.2, 0.3])


def test_who_does_not_say_hello_is_told_to(studio):
    [answer] = studio.hear("keep", number=1, amount=0.5)
    assert answer[3:] == ("hello", "ardour-1 must say hello before keep.")
    assert studio.actions.calls == []


def test_two_daws_at_once_have_numbers_of_their_own(studio):
    other = ("127.0.0.1", 50_001)
    studio.hear("hello", number=1, **HELLO)
    studio.hear("hello", by="reaper-1", number=1, source=other, **HELLO | {"daw": "REAPER"})
    for sequence in (2, 3):
        for sender, source in (("ardour-1", HERE), ("reaper-1", other)):
            answer = studio.hear("keep", sender, sequence, source, amount=0.5)
            assert answer == [("accepted", sender, sequence)]
    assert [peer.daw for peer, _ in studio.actions.named("keep")] == ["Ardour", "REAPER"] * 2
    studio.service.send("reaper-1", "progress", {"job": "j", "done": 0.5, "seconds_left": 3.0})
    assert [address for _, address in studio.sent] == [other]


def test_a_script_that_takes_an_old_name_again_is_heard(studio):
    studio.hear("hello", number=1, **HELLO)
    studio.hear("keep", number=2, amount=0.5)
    studio.hear("hello", number=1, **HELLO)
    assert len(studio.actions.named("hello")) == 1, "the same hello is a repetition"
    assert studio.hear("hello", number=1, **HELLO | {"pid": 4712}) == [("accepted", "ardour-1", 1)]
    assert studio.hear("keep", number=2, amount=0.6) == [("accepted", "ardour-1", 2)]
    assert [amount for _, amount in studio.actions.named("keep")] == pytest.approx([0.5, 0.6])


def test_answers_go_where_a_controller_listens(studio):
    studio.hear("hello", **HELLO | {"port": 9_000})
    studio.service.receive(
        build(
            MESSAGES["choose"],
            {"token": TOKEN, "sender": "ardour-1", "sequence": 1, "job": "", "variant": 1},
        ),
        HERE,
    )
    assert [address for _, address in studio.sent] == [("127.0.0.1", 9_000)]


def insert_values(path: Path) -> dict:
    values = {"insert": "i1", "path": str(path), "position_samples": 2**40 + 1}
    return values | {"timeline_rate_hz": 48_000, "track": "Gitarre", "name": "v1"}


def test_what_is_sent_is_repeated_until_it_is_answered(studio):
    studio.hear("hello", number=1, **HELLO)
    studio.service.send("ardour-1", "insert", insert_values(studio.sound))
    [insert] = studio.answers()
    assert insert[1] == TOKEN
    assert insert[6] == 2**40 + 1
    studio.now = 0.06
    studio.service.tick()
    assert studio.answers() == [insert]
    assert studio.service.is_busy
    accepted = {"sender": insert[2], "sequence": insert[3]}
    studio.hear("accepted", source=("10.0.0.9", 50_000), **accepted)
    assert studio.service.is_busy, "an answer from elsewhere is none"
    studio.hear("accepted", **accepted)
    studio.now = 5.0
    studio.service.tick()
    assert studio.answers() == []
    assert not studio.service.is_busy


def test_a_controller_that_does_not_answer_is_told_once(studio):
    studio.hear("hello", **HELLO | {"answers": False})
    studio.service.send("ardour-1", "insert", insert_values(studio.sound))
    studio.service.send("ardour-1", "progress", {"job": "j", "done": 0.5, "seconds_left": -1})
    assert [(a[0], a[3]) for a in studio.answers()] == [("insert", 0), ("progress", -1.0)]
    assert not studio.service.is_busy


def test_a_daw_that_died_is_noticed(studio, caplog):
    studio.hear("hello", number=1, **HELLO)
    studio.service.send("ardour-1", "insert", insert_values(studio.sound))
    for _ in range(300):
        studio.now += 0.05
        studio.service.tick()
    assert studio.actions.named("lost") == [(ARDOUR,)]
    assert studio.service.peers == ()
    assert "Ardour (ardour-1) does not answer" in caplog.text
    with pytest.raises(JukeboxError, match="ardour-1 is not connected"):
        studio.service.send("ardour-1", "insert", insert_values(studio.sound))
    studio.sent.clear()
    assert studio.hear("hello", number=1, **HELLO) == [("accepted", "ardour-1", 1)]


def test_a_loss_that_cannot_be_acted_on_does_not_end_the_bridge(studio, caplog):
    studio.hear("hello", number=1, **HELLO)
    studio.service.send("ardour-1", "insert", insert_values(studio.sound))
    studio.actions.refusal = ZeroDivisionError()
    for _ in range(300):
        studio.now += 0.05
        studio.service.tick()
    assert studio.service.counts["failed: lost"] == 1
    assert "The loss of ardour-1 could not be acted on" in caplog.text
    studio.actions.refusal = None
    assert studio.hear("hello", number=1, **HELLO)[-1] == ("accepted", "ardour-1", 1)


def test_senders_and_their_messages_do_not_fill_the_memory(studio):
    for number in range(3 * MOST_SENDERS):
        studio.hear("hello", by=f"daw-{number}", number=1, **HELLO)
    assert len(studio.service.peers) == MOST_SENDERS
    assert len(studio.actions.named("lost")) == 2 * MOST_SENDERS
    assert studio.hear("keep", by="daw-9", number=WINDOW + 1, amount=0.5) == []
    assert studio.service.counts["repeated or too far ahead"] == 1


def test_too_many_messages_are_dropped_and_counted(tmp_path):
    studio = Studio(tmp_path, pace=Pace(burst=10, per_second=0))
    for _ in range(25):
        studio.hear("keep", amount=0.5)
    assert len(studio.actions.named("keep")) == 10
    assert studio.service.counts["too many messages"] == 15
    studio.hear("keep", source=("127.0.0.1", 1), amount=0.5)
    assert len(studio.actions.named("keep")) == 11


def test_a_script_without_ears_uses_the_folder(studio):
    header = {"token": TOKEN, "sender": "reaper-1", "sequence": 0}
    studio.leave("hello", **header, **HELLO | {"answers": False})
    studio.hear("doorbell")
    assert studio.actions.calls == [], "many rings cost one look, at the next tick"
    studio.service.tick()
    reaper = replace(ARDOUR, sender="reaper-1")
    assert studio.actions.calls == [("hello", reaper)]
    clip = clip_of(studio.sound.resolve())
    studio.leave("clip", **header, **clip_to_values("c1", clip))
    studio.service.read_spool()
    assert studio.actions.named("clip") == [(reaper, "c1", clip)]
    studio.service.send("reaper-1", "insert", insert_values(studio.sound))
    studio.service.send("reaper-1", "progress", {"job": "j", "done": 0.5, "seconds_left": -1})
    [insert] = studio.left_for("reaper-1")
    assert insert["address"] == "/jukebox/v1/insert"
    assert insert["arguments"]["token"] == TOKEN
    assert insert["arguments"]["position_samples"] == 2**40 + 1
    assert studio.sent == []
    studio.leave("goodbye", **header)
    studio.service.read_spool()
    assert not (studio.spool.folder / "outbox" / "to-reaper-1").exists()


def test_the_folder_needs_the_token_too_and_is_answered_there(studio):
    header = {"sender": "reaper-1", "sequence": 0}
    studio.leave("keep", **header, token="", amount=0.5)
    studio.service.read_spool()
    studio.leave("keep", **header, token=None, amount=0.5)
    studio.service.read_spool()
    studio.leave("progress", job="j", done=0.5, seconds_left=1)
    studio.service.read_spool()
    assert studio.service.counts == {"no token": 2, "not for the spool": 1}
    wrong = {**header, "token": TOKEN, "amonut": 0.5}
    studio.leave("keep", **wrong)
    studio.service.read_spool()
    assert list((studio.spool.folder / "outbox").iterdir()) == [], "nobody said hello"
    studio.leave("hello", **header, token=TOKEN, **HELLO)
    studio.service.read_spool()
    studio.leave("keep", **wrong)
    studio.service.read_spool()
    [answer] = studio.left_for("reaper-1")
    assert answer["arguments"]["code"] == "arguments"
    assert "has no 'amonut'" in answer["arguments"]["sentence"]
    assert studio.actions.named("keep") == []


def test_the_same_number_by_both_ways_acts_once(studio):
    header = {"token": TOKEN, "sender": "ardour-1"}
    studio.hear("hello", number=1, **HELLO)
    studio.hear("keep", number=2, amount=0.5)
    studio.leave("keep", **header, sequence=2, amount=0.5)
    studio.service.read_spool()
    assert len(studio.actions.named("keep")) == 1


class LossyLink:
    """Between two sides: a part of the datagrams is dropped, doubled, and comes late."""

    def __init__(self, seed: int, part: float) -> None:
        self._random = random.Random(seed)
        self._part = part
        self._on_the_way: list[tuple[float, int, bytes]] = []
        self._count = 0

    def put(self, datagram: bytes, now: float) -> None:
        if self._random.random() < self._part:
            return
        for _ in range(1 + (self._random.random() < self._part)):
            late = self._random.uniform(0, 0.2) if self._random.random() < self._part else 0.001
            self._count += 1
            heapq.heappush(self._on_the_way, (now + late, self._count, datagram))

    def arrived(self, now: float) -> list[bytes]:
        here = []
        while self._on_the_way and self._on_the_way[0][0] <= now:
            here.append(heapq.heappop(self._on_the_way)[2])
        return here


def test_ten_thousand_clips_arrive_once_and_in_order(studio):
    """Of two senders at once, over one bad link."""
    there, back = LossyLink(1, 0.2), LossyLink(2, 0.2)
    talks = {sender: Conversation(TOKEN, sender) for sender in ("ardour-1", "reaper-1")}
    values = clip_to_values("", clip_of(studio.sound.resolve()))
    for talk in talks.values():
        talk.put("hello", HELLO)
        for number in range(5_000):
            talk.put("clip", values | {"clip": f"c{number}"})
    answers: dict[str, list[Answer]] = {sender: [] for sender in talks}
    while any(talk.unanswered for talk in talks.values()):
        for talk in talks.values():
            assert not talk.lost(studio.now)
            for datagram in talk.due(studio.now):
                there.put(datagram, studio.now)
        for datagram in there.arrived(studio.now):
            studio.service.receive(datagram, HERE)
        for datagram, _ in studio.sent:
            back.put(datagram, studio.now)
        studio.sent.clear()
        for datagram in back.arrived(studio.now):
            for sender, talk in talks.items():
                answers[sender] += talk.receive(datagram).answers
        studio.now += 0.01
    for sender in talks:
        names = [name for peer, name, _ in studio.actions.named("clip") if peer.sender == sender]
        assert names == [f"c{number}" for number in range(5_000)]
        assert sorted(answer.sequence for answer in answers[sender]) == list(range(1, 5_002))
        assert not any(answer.code for answer in answers[sender])


def test_what_the_program_says_arrives_once_and_in_order_too(studio):
    there, back = LossyLink(3, 0.2), LossyLink(4, 0.2)
    talk = Conversation(TOKEN, "ardour-1")
    studio.hear("hello", **HELLO)
    for number in range(1_000):
        values = insert_values(studio.sound) | {"insert": f"i{number}"}
        studio.service.send("ardour-1", "insert", values)
    heard = []
    while studio.service.is_busy:
        for datagram, _ in studio.sent:
            there.put(datagram, studio.now)
        studio.sent.clear()
        for datagram in there.arrived(studio.now):
            received = talk.receive(datagram)
            heard += [message.values["insert"] for message in received.heard]
            for reply in received.replies:
                back.put(reply, studio.now)
        for datagram in back.arrived(studio.now):
            studio.service.receive(datagram, HERE)
        studio.now += 0.01
        studio.service.tick()
    assert heard == [f"i{number}" for number in range(1_000)]
    assert studio.actions.named("lost") == []


def test_a_conversation_believes_only_who_knows_the_token(studio):
    talk = Conversation(TOKEN, "ardour-1")
    header = {"token": "0" * 64, "sender": "studio-1", "sequence": 1}
    forged = build(MESSAGES["insert"], header | insert_values(studio.sound))
    received = talk.receive(forged)
    assert (received.heard, received.replies) == ([], [])
    for junk in (b"", b"/jukebox/v1/*\0\0\0,\0\0\0", forged[:-4], b"#bundle\0" + bytes(8)):
        assert talk.receive(junk).heard == []


def test_nothing_of_the_header_leaks_into_the_names_of_actions():
    """Each method of Actions is documented by the table or in its own words."""
    for name in vars(Actions):
        if not name.startswith("_"):
            assert name == "lost" or name in MESSAGES
            assert re.fullmatch("[a-z]+", name)
