"""The exchange folder: what is claimed, what is refused, what is left alone."""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
from pathlib import Path

import pytest

from bridge.protocol import MESSAGES
from bridge.spool import (
    HALF_WRITTEN_SECONDS,
    LARGEST_FILE_BYTES,
    LEFT_BEHIND_SECONDS,
    MOST_FILES_AT_ONCE,
    MOST_REFUSED,
    MOST_UNREAD,
    Spool,
)
from jukebox_studio.errors import JukeboxError

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs modes, links and pipes")

ACCEPTED = {"sender": "reaper-1", "sequence": 3}
LATER = 4_000_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = LATER

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def spool(tmp_path, clock):
    """Its clock is far ahead, so that what is written now counts as old."""
    return Spool(tmp_path / "spool", clock)


def leave(spool: Spool, name: str, content: object) -> Path:
    path = spool.folder / "inbox" / name
    if not isinstance(content, bytes):
        content = json.dumps(content).encode()
    path.write_bytes(content)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def message(number: int) -> dict[str, object]:
    return {"address": "/jukebox/v1/keep", "arguments": {"amount": number}}


@posix
def test_the_folders_are_the_users_alone(spool):
    for folder in (spool.folder, *spool.folder.iterdir()):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    path = spool.write("reaper-1", MESSAGES["accepted"], ACCEPTED)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_messages_are_claimed_once_and_in_the_order_of_their_names(spool, tmp_path):
    other = Spool(tmp_path / "spool")
    for number in (3, 1, 2):
        leave(spool, f"{number:05d}-reaper.json", message(number))
    assert [m.arguments["amount"] for m in spool.claim()] == [1, 2, 3]
    assert spool.claim() == other.claim() == []
    assert names(spool.folder / "inbox") == names(spool.folder / "claimed") == []


def test_two_readers_share_but_never_both_get_one(spool, tmp_path):
    readers = [spool, Spool(tmp_path / "spool")]
    got = []
    for number in range(600):
        leave(spool, f"{number:05d}.json", message(number))
        if number % 7 == 0:
            got += readers[number % 2].claim()
    got += spool.claim()
    assert sorted(m.arguments["amount"] for m in got) == list(range(600))


def test_many_are_read_in_several_turns(spool):
    for number in range(MOST_FILES_AT_ONCE + 5):
        leave(spool, f"{number:05d}.json", message(number))
    assert [len(spool.claim()) for _ in range(3)] == [MOST_FILES_AT_ONCE, 5, 0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b"1" * 5_000,
        b"NaN",
        b"[]",
        b'{"address": "/a"}',
        b'{"address": "/a", "arguments": []}',
        b'{"address": 1, "arguments": {}}',
        b'{"address": "/a", "arguments": {}, "more": 1}',
    ],
)
def test_what_is_no_message_is_set_aside(spool, content, caplog):
    leave(spool, "00001.json", content)
    leave(spool, "00002.json", message(2))
    with caplog.at_level(logging.WARNING):
        assert [m.arguments["amount"] for m in spool.claim()] == [2]
    assert "is no message (00001.json" in caplog.text
    [aside] = (spool.folder / "refused").iterdir()
    assert aside.read_bytes() == content
    assert spool.claim() == []


def test_a_huge_file_is_not_read_nor_kept(spool):
    path = leave(spool, "00001.json", b"")
    os.truncate(path, 2**33)  # sparse: it takes no room on the disk
    assert spool.claim() == []
    leave(spool, "00002.json", b" " * LARGEST_FILE_BYTES + b"1")
    assert spool.claim() == []
    for folder in ("inbox", "claimed", "refused"):
        assert names(spool.folder / folder) == []


def test_half_a_file_is_waited_for_but_not_for_ever(spool, clock):
    whole = json.dumps(message(1)).encode()
    path = spool.folder / "inbox" / "00001.json"
    with path.open("wb") as half:  # a script that does not rename, in the midst of writing
        half.write(whole[:10])
        half.flush()
        clock.now = path.stat().st_mtime + 0.1
        assert spool.claim() == []
        if sys.platform != "win32":
            half.write(whole[10:])
            half.flush()
            [found] = spool.claim()
            assert found.arguments == {"amount": 1}
    path = leave(spool, "00002.json", whole[:10])
    assert spool.claim() == []
    assert names(spool.folder / "refused") == []
    clock.now += HALF_WRITTEN_SECONDS + 1
    assert spool.claim() == []
    assert len(names(spool.folder / "refused")) == 1


@pytest.mark.parametrize(
    "name", ["a.part", "a.json.part", ".a.json", "a.txt", "ä.json", "a b.json", "a" * 150 + ".json"]
)
def test_foreign_names_are_left_alone(spool, name):
    path = leave(spool, name, message(1))
    assert spool.claim() == []
    assert path.exists()


@posix
def test_links_pipes_and_folders_are_left_alone(spool, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(json.dumps(message(1)))
    inbox = spool.folder / "inbox"
    (inbox / "1.json").symlink_to(secret)
    os.mkfifo(inbox / "2.json")
    (inbox / "3.json").mkdir()
    (inbox / "4.json").symlink_to("/dev/zero")
    assert spool.claim() == []
    assert names(inbox) == ["1.json", "2.json", "3.json", "4.json"]
    assert secret.exists()


def test_only_the_newest_refused_files_are_kept(spool):
    for number in range(MOST_REFUSED + 10):
        path = leave(spool, f"{number:05d}.json", b"{")
        os.utime(path, (number, number))
        spool.claim()
    kept = names(spool.folder / "refused")
    assert len(kept) == MOST_REFUSED
    assert kept[0].startswith("00010.json")


def test_what_a_killed_program_had_claimed_does_not_act_again(spool, tmp_path, caplog):
    left = spool.folder / "claimed" / "00001.json.abcd"
    left.write_text(json.dumps(message(1)))
    now = left.stat().st_ctime
    assert Spool(tmp_path / "spool", lambda: now + 10).claim() == []
    assert left.exists(), "it may be another program's, which runs"
    with caplog.at_level(logging.WARNING):
        assert Spool(tmp_path / "spool", lambda: now + LEFT_BEHIND_SECONDS + 1).claim() == []
    assert "in the midst" in caplog.text
    assert names(spool.folder / "refused") == [left.name]


def test_answers_that_nobody_fetched_do_not_pile_up(spool, tmp_path):
    path = spool.write("reaper-1", MESSAGES["accepted"], ACCEPTED)
    now = path.parent.stat().st_mtime
    Spool(tmp_path / "spool", lambda: now + 10)
    assert path.exists()
    Spool(tmp_path / "spool", lambda: now + LEFT_BEHIND_SECONDS + 1)
    assert not path.parent.exists()


def test_what_is_written_is_whole_in_order_and_by_name(spool):
    for sequence in range(12):
        spool.write("reaper-1", MESSAGES["accepted"], ACCEPTED | {"sequence": sequence})
    folder = spool.folder / "outbox" / "to-reaper-1"
    read = [json.loads((folder / name).read_text(encoding="utf-8")) for name in names(folder)]
    assert [m["arguments"]["sequence"] for m in read] == list(range(12))
    assert read[0] == {
        "address": "/jukebox/v1/accepted",
        "arguments": {"sender": "reaper-1", "sequence": 0},
    }
    spool.forget("reaper-1")
    assert not folder.exists()
    spool.forget("reaper-1")


def test_writing_leads_nowhere_else(spool):
    for sender in ("../x", "a/b", "", "A", ".."):
        with pytest.raises(JukeboxError, match="no name of a sender"):
            spool.write(sender, MESSAGES["accepted"], ACCEPTED)
    with pytest.raises(JukeboxError, match="sequence must"):
        spool.write("reaper-1", MESSAGES["accepted"], ACCEPTED | {"sequence": -1})
    assert names(spool.folder / "outbox") == []


def test_a_script_that_never_reads_does_not_fill_the_disk(spool):
    folder = spool.folder / "outbox" / "to-reaper-1"
    folder.mkdir()
    for number in range(MOST_UNREAD):
        (folder / f"{number}.json").touch()
    with pytest.raises(JukeboxError, match="has not read 1,000 messages"):
        spool.write("reaper-1", MESSAGES["accepted"], ACCEPTED)


@posix
@pytest.mark.skipif(os.geteuid() == 0 if sys.platform != "win32" else False, reason="root may all")
def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(JukeboxError, match="cannot be made"):
        Spool(tmp_path / "closed" / "spool")


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "spool").write_text("")
    with pytest.raises(JukeboxError, match="cannot be made"):
        Spool(tmp_path / "spool")


def test_a_folder_that_goes_away_does_not_end_the_reading(spool, caplog):
    (spool.folder / "inbox").rmdir()
    assert spool.claim() == []
    assert "cannot be read" in caplog.text
