"""The session's database: versions, damage, who may open it, and on which disks."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest
from session_maker import WHEN, add_tree, sound, state_of

from jukebox_studio import session_lock, session_schema
from jukebox_studio.errors import JukeboxError
from jukebox_studio.session import Session
from jukebox_studio.session_schema import BACKUPS, DATABASE, LAST_GOOD, MIGRATIONS

NEXT_VERSION = "ALTER TABLE clips ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey'"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Session.create(tmp_path / "Ein Lied ü") as session:
        add_tree(session, sound(tmp_path / "a.wav"))
    return session.folder


def seen(folder: Path) -> object:
    with Session.open(folder, read_only=True) as session:
        return state_of(session)


# Versions


def test_a_newer_version_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = seen(folder)
    with monkeypatch.context() as patch:
        patch.setattr(session_schema, "MIGRATIONS", [*MIGRATIONS, NEXT_VERSION])
        Session.open(folder).close()
    content = (folder / DATABASE).read_bytes()
    for read_only in (False, True):
        with pytest.raises(JukeboxError, match=r"newer Jukebox Studio \(version 2; this one knows"):
            Session.open(folder, read_only=read_only)
    assert (folder / DATABASE).read_bytes() == content
    os.replace(folder / BACKUPS / "before-version-2.sqlite", folder / DATABASE)
    assert seen(folder) == before


def test_an_older_version_is_migrated_after_a_backup(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = seen(folder)
    monkeypatch.setattr(session_schema, "MIGRATIONS", [*MIGRATIONS, NEXT_VERSION])
    # To read it, nothing is written.
    content = (folder / DATABASE).read_bytes()
    with Session.open(folder, read_only=True) as session:
        assert state_of(session) == before
        colours = session._connection.execute("SELECT colour FROM clips").fetchall()
        assert [row["colour"] for row in colours] == ["grey"]
    assert (folder / DATABASE).read_bytes() == content
    assert not (folder / BACKUPS / "before-version-2.sqlite").exists()

    with Session.open(folder) as session:
        assert state_of(session) == before
        assert session.undoable is not None
    backup = folder / BACKUPS / "before-version-2.sqlite"
    with sqlite3.connect(backup) as kept:
        assert kept.execute("PRAGMA user_version").fetchone() == (1,)
        assert kept.execute("SELECT count(*) FROM variants").fetchone() == (3,)
    kept.close()


def test_a_migration_that_fails_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = seen(folder)
    with monkeypatch.context() as patch:
        broken = [*MIGRATIONS, NEXT_VERSION, "ALTER TABLE nowhere ADD COLUMN x"]
        patch.setattr(session_schema, "MIGRATIONS", broken)
        for _ in range(2):
            with pytest.raises(JukeboxError, match="could not be written"):
                Session.open(folder)
        # Each try has its own backup: none replaces one before.
        assert len(list((folder / BACKUPS).glob("before-version-2*"))) == 2
    with Session.open(folder) as session:
        assert state_of(session) == before


def test_a_session_whose_making_was_killed_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"")
    assert seen(tmp_path) == ([], [], [], [], [])
    with Session.open(tmp_path) as session:
        assert not session.read_only
        assert session.clips() == []


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / DATABASE) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    content = (tmp_path / DATABASE).read_bytes()
    with pytest.raises(JukeboxError, match="of another program"):
        Session.open(tmp_path)
    assert (tmp_path / DATABASE).read_bytes() == content
    with sqlite3.connect(tmp_path / DATABASE) as other:
        other.execute("PRAGMA application_id = 7")
    other.close()
    with pytest.raises(JukeboxError, match="of another program"):
        Session.open(tmp_path)


# Damage


def test_a_destroyed_database_opens_read_only(folder: Path) -> None:
    with Session.open(folder) as session:  # which keeps the copy that it found whole
        before = state_of(session)
    (folder / DATABASE).write_bytes(b"This is no database" * 1_000)
    for read_only in (False, True):
        with Session.open(folder, read_only=read_only) as session:
            assert session.read_only
            assert "is damaged" in session.damage[0]
            assert str(folder / BACKUPS / LAST_GOOD) in session.damage[0]
            assert session.variants() == []
            with pytest.raises(JukeboxError, match="is damaged, so nothing was changed"):
                session.undo()
    # The remedy that the sentence tells.
    os.replace(folder / BACKUPS / LAST_GOOD, folder / DATABASE)
    with Session.open(folder) as session:
        assert not session.read_only
        assert state_of(session) == before


def test_without_a_backup_none_is_promised(folder: Path) -> None:
    (folder / DATABASE).write_bytes(b"This is no database" * 1_000)
    with Session.open(folder) as session:
        assert "audio files beside it are as they were" in session.damage[0]


@pytest.mark.parametrize("seed", range(12))
def test_damaged_pages_do_not_hide_the_rest(folder: Path, seed: int) -> None:
    """Whatever bytes are hit, the session opens, tells, and gives what it can."""
    with Session.open(folder) as session:
        for n in range(300):
            session.rename(1, f"a longer name, that fills pages {n}" * 10, when=WHEN)
    content = bytearray((folder / DATABASE).read_bytes())
    chance = random.Random(seed)
    pages = len(content) // 4096
    for page in chance.sample(range(1, pages), max(1, pages // 4)):
        start = page * 4096
        content[start : start + 4096] = chance.randbytes(4096)
    (folder / DATABASE).write_bytes(content)
    with Session.open(folder) as session:
        assert session.read_only
        assert session.damage
        session.clips(), session.variants(), session.jobs(), session.exports()
        session.search("a"), session.placements()
    with Session.open(folder, read_only=True) as session:
        assert session.damage


def test_rows_beyond_a_damaged_page_are_read(folder: Path) -> None:
    with Session.open(folder) as session:
        for n in range(400):
            session.record_placement(1, Path(f"{n}.wav"), "saved", when=WHEN, track="t" * 60)
        root = (
            session._connection.execute(
                "SELECT pageno FROM dbstat WHERE name = 'placements' AND pagetype = 'leaf'"
            )
            if _has_dbstat(session)
            else None
        )
        leaves = [row[0] for row in root] if root else []
    if not leaves:
        pytest.skip("this SQLite does not tell where its pages are")
    content = bytearray((folder / DATABASE).read_bytes())
    middle = (leaves[len(leaves) // 2] - 1) * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    (folder / DATABASE).write_bytes(content)
    with Session.open(folder) as session:
        ids = [p.id for p in session.placements()]
        assert ids[0] == 1
        assert ids[-1] == 400
        assert 300 < len(ids) < 400
        assert any("unreadable" in sentence for sentence in session.damage)


def _has_dbstat(session: Session) -> bool:
    rows = session._connection.execute("PRAGMA compile_options").fetchall()
    return any(row[0] == "ENABLE_DBSTAT_VTAB" for row in rows)


def test_a_row_of_nonsense_is_told_and_left_out(folder: Path) -> None:
    with sqlite3.connect(folder / DATABASE) as raw:
        raw.execute("UPDATE variants SET remarks_json = '[' WHERE id = 2")
        raw.execute("UPDATE jobs SET state = 'asleep' WHERE id = 1")
        raw.execute("""UPDATE clips SET clip_json = '{"version": 1}'""")
    raw.close()
    with Session.open(folder, read_only=True) as session:
        assert [v.id for v in session.variants()] == [1, 3]
        assert [j.id for j in session.jobs()] == [2]
        assert session.clips() == []
        assert len(session.damage) == 3


def test_a_folder_that_cannot_be_written_is_read(folder: Path) -> None:
    before = seen(folder)
    for name in (f"{DATABASE}-wal", f"{DATABASE}-shm"):
        (folder / name).unlink(missing_ok=True)
    mode = folder.stat().st_mode
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        if os.access(folder, os.W_OK):
            pytest.skip("this user may write everywhere")
        assert seen(folder) == before
        with pytest.raises(JukeboxError, match="cannot be locked"):
            Session.open(folder)
    finally:
        folder.chmod(mode)


# Which disks, and whose turn


def mounted(monkeypatch: pytest.MonkeyPatch, *mounts: tuple[str, str, str]) -> None:
    told = [SimpleNamespace(mountpoint=m, fstype=f, opts=o) for m, f, o in mounts]
    monkeypatch.setattr(session_lock.psutil, "disk_partitions", lambda all: told)


@pytest.mark.parametrize(
    ("kind", "options", "refused"),
    [
        ("nfs4", "rw", True),
        ("CIFS", "rw", True),
        ("fuse.sshfs", "rw", True),
        ("9p", "rw", True),
        ("NTFS", "rw,remote", True),  # as Windows tells of a drive with a letter
        ("ext4", "rw", False),
        ("fuseblk", "rw", False),  # NTFS on a disk of this computer
        ("", "rw", False),
    ],
)
def test_network_disks_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, options: str, refused: bool
) -> None:
    root = Path(tmp_path.anchor)
    mounted(
        monkeypatch,
        (str(root), "ext4", "rw"),
        (str(tmp_path), kind, options),
        (str(tmp_path / "other"), "nfs", "rw"),
    )
    if refused:
        with pytest.raises(JukeboxError, match=r"network disk \(.*on a disk of this computer"):
            Session.create(tmp_path / "session")
        assert not (tmp_path / "session" / DATABASE).exists()
    else:
        Session.create(tmp_path / "session").close()


def test_the_last_of_two_mounts_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted(monkeypatch, (str(tmp_path), "nfs", ""), (str(tmp_path), "ext4", ""))
    session_lock.refuse_network_disk(tmp_path)


def test_a_link_to_a_network_disk_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "here").symlink_to(tmp_path / "net")
    mounted(monkeypatch, (str(tmp_path.resolve() / "net"), "nfs", ""))
    with pytest.raises(JukeboxError, match="network disk"):
        session_lock.refuse_network_disk(tmp_path / "here" / "session")


def test_a_holder_that_does_not_say_who_it_is(folder: Path) -> None:
    with Session.open(folder):
        (folder / session_lock.WRITER_FILE).write_text("[]", encoding="utf-8")
        with pytest.raises(JukeboxError, match="in another program"):
            Session.open(folder)
