"""The database of a session: its tables, its versions, and how it is opened. No torch.

One SQLite file in WAL mode. A commit survives the death of the program at any moment; after a power
cut the last commits may be gone, but what is there is whole (synchronous = NORMAL).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from jukebox_studio.errors import JukeboxError

DATABASE = "session.sqlite"
BACKUPS = "backups"
LAST_GOOD = "last-good.sqlite"
APPLICATION_ID = 0x4A_42_58_53  # "JBXS", as `file` sees it

_VERSION_1 = """
CREATE TABLE clips (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    clip_json TEXT NOT NULL,
    name TEXT NOT NULL,
    notes TEXT NOT NULL DEFAULT '',
    pruned INTEGER NOT NULL,
    copy_path TEXT,
    added_at TEXT NOT NULL
) STRICT;
CREATE TABLE requests (
    sha256 TEXT PRIMARY KEY,
    request_json TEXT NOT NULL
) STRICT;
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    clip_id INTEGER NOT NULL REFERENCES clips(id) ON DELETE CASCADE,
    parent_id INTEGER REFERENCES variants(id) ON DELETE SET NULL,
    request_sha256 TEXT NOT NULL REFERENCES requests(sha256),
    operation TEXT NOT NULL,
    styles TEXT NOT NULL,
    length_said TEXT NOT NULL,
    model TEXT NOT NULL,
    state TEXT NOT NULL,
    position INTEGER NOT NULL,
    sentence TEXT NOT NULL DEFAULT '',
    added_at TEXT NOT NULL
) STRICT;
CREATE TABLE variants (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    clip_id INTEGER NOT NULL REFERENCES clips(id) ON DELETE CASCADE,
    parent_id INTEGER REFERENCES variants(id) ON DELETE SET NULL,
    job_id INTEGER NOT NULL REFERENCES jobs(id),
    number INTEGER NOT NULL,
    is_branch INTEGER NOT NULL,
    seed TEXT NOT NULL, -- up to 2^64 - 1, more than an INTEGER holds
    state TEXT NOT NULL,
    audio_path TEXT NOT NULL,
    codes_path TEXT,
    gain_db REAL NOT NULL,
    length_samples INTEGER NOT NULL,
    rate_hz INTEGER NOT NULL,
    remarks_json TEXT NOT NULL,
    created_at TEXT NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    notes TEXT NOT NULL DEFAULT '',
    rating INTEGER NOT NULL DEFAULT 0,
    hidden INTEGER NOT NULL DEFAULT 0,
    pruned INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_variant_a_number ON variants(job_id, number) WHERE is_branch = 0;
CREATE INDEX variants_of_clip ON variants(clip_id);
CREATE INDEX variants_of_parent ON variants(parent_id);
CREATE INDEX jobs_of_clip ON jobs(clip_id);
CREATE INDEX jobs_of_parent ON jobs(parent_id);
CREATE TABLE exports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    variant_id INTEGER REFERENCES variants(id) ON DELETE SET NULL,
    path_json TEXT NOT NULL, -- JSON, since a path may hold what is no UTF-8
    source_path TEXT NOT NULL,
    source_size_bytes INTEGER NOT NULL,
    source_mtime_ns INTEGER NOT NULL,
    exported_at TEXT NOT NULL
) STRICT;
CREATE INDEX exports_of_variant ON exports(variant_id);
CREATE TABLE placements (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    variant_id INTEGER REFERENCES variants(id) ON DELETE SET NULL,
    path_json TEXT NOT NULL,
    how TEXT NOT NULL,
    daw TEXT NOT NULL,
    track TEXT NOT NULL,
    position_samples INTEGER,
    timeline_rate_hz INTEGER,
    placed_at TEXT NOT NULL
) STRICT;
CREATE INDEX placements_of_variant ON placements(variant_id);
CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    label TEXT NOT NULL,
    edits_json TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0
) STRICT;
"""

MIGRATIONS = [_VERSION_1]
"""The SQL that leads to version n stands at n - 1. What was released is never edited."""

_NOT_DAMAGE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)


@dataclass(frozen=True)
class Opened:
    """A connection in autocommit mode, and in sentences what is damaged in its database."""

    connection: sqlite3.Connection
    damage: tuple[str, ...] = ()


def create_database(folder: Path) -> sqlite3.Connection:
    """A new database; the caller holds the writer's lock."""
    return _for_writing(folder, "rwc")


def open_to_write(folder: Path) -> Opened:
    """The database, brought up to this version; damage is told and then nothing may be written.

    The caller holds the writer's lock. An older version is copied to `backups/` first. Raises
    JukeboxError where it is no session, or one of a newer version.
    """
    opened, _ = _look_into(folder)
    if opened.damage:
        return opened
    # Held open meanwhile: the last to close would fold the log away, to be made again.
    with contextlib.closing(opened.connection):
        connection = _for_writing(folder, "rw")
    # A full disk must not keep musicians from their session.
    with contextlib.suppress(sqlite3.Error, OSError):
        _keep_last_good(connection, folder)
    return Opened(connection)


def open_to_read(folder: Path) -> Opened:
    """The database as it is, another writer's last commit included; nothing is written.

    An older version is brought up to this one in memory. What is damaged is told in `damage`, and
    what can be read of it can be read. Raises JukeboxError as `open_to_write` does.
    """
    opened, version = _look_into(folder)
    if opened.damage or version == len(MIGRATIONS):
        return opened
    copy = _in_memory()
    with contextlib.closing(opened.connection) as connection:
        connection.backup(copy)
    _migrate(copy, version)
    return Opened(copy)


def _look_into(folder: Path) -> tuple[Opened, int]:
    """The database of whatever version, to read, and its version."""
    path = folder / DATABASE
    if not path.is_file():
        raise JukeboxError(
            f"There is no session in {folder}: it has no {DATABASE}. Choose a session's folder, "
            "or make a new one."
        )
    connection = None
    try:
        connection = _connect_to_read(path)
        version = _checked_version(connection, folder)
        damage = quick_check(connection, folder)
    except (sqlite3.DatabaseError, JukeboxError) as error:
        if connection:
            connection.close()
        if isinstance(error, JukeboxError):
            raise
        if error.sqlite_errorcode & 0xFF in _NOT_DAMAGE:
            raise _cannot_open(path, error) from error
        return Opened(_empty(), (_damage_sentence(folder, str(error)),)), len(MIGRATIONS)
    return Opened(connection, damage), version


def quick_check(connection: sqlite3.Connection, folder: Path, *, thorough: bool = False) -> tuple[
    str, ...
]:  # fmt: skip
    """Sentences about damaged pages; none for a whole database. `thorough` checks indexes too."""
    pragma = "integrity_check" if thorough else "quick_check"
    try:
        told = [str(row[0]) for row in connection.execute(f"PRAGMA {pragma}(20)")]
    except sqlite3.DatabaseError as error:
        told = [str(error)]
    if told == ["ok"]:
        return ()
    return tuple(_damage_sentence(folder, " ".join(line.split())) for line in told)


def _damage_sentence(folder: Path, detail: str) -> str:
    kept = folder / BACKUPS / LAST_GOOD
    remedy = (
        f"Its state when it was last opened whole lies in {kept}: copy the folder, then put that "
        f"file in the place of {DATABASE}, and remove {DATABASE}-wal and {DATABASE}-shm."
        if kept.is_file()
        else "The audio files beside it are as they were."
    )
    return f"{folder / DATABASE} is damaged ({detail.rstrip('.')}). {remedy}"


def _for_writing(folder: Path, mode: str) -> sqlite3.Connection:
    connection = _connect(folder / DATABASE, mode)
    try:
        # auto_vacuum stays off: pages that move make a damaged file harder to read.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        version = _checked_version(connection, folder)
        if 0 < version < len(MIGRATIONS):
            _back_up(connection, _unused(folder / BACKUPS / f"before-version-{version + 1}.sqlite"))
        if version < len(MIGRATIONS):
            _migrate(connection, version)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error | OSError):
            raise JukeboxError(
                f"The session in {folder} could not be written ({error}); make room or choose "
                "another folder, and try again."
            ) from error
        raise
    return connection


def _checked_version(connection: sqlite3.Connection, folder: Path) -> int:
    """The database's version; 0 for one whose making was interrupted."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    mark = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if mark != APPLICATION_ID and (mark or version or tables):
        raise JukeboxError(f"{folder / DATABASE} is a database of another program.")
    if version > len(MIGRATIONS):
        raise JukeboxError(
            f"The session in {folder} was written by a newer Jukebox Studio (version {version}; "
            f"this one knows {len(MIGRATIONS)}); install that to open it. Nothing was changed."
        )
    return version


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    """One transaction for all steps: a session is of the old version or of the new one."""
    steps = ";\n".join(MIGRATIONS[version:])
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE; {steps}; PRAGMA application_id = {APPLICATION_ID};"
            f"PRAGMA user_version = {len(MIGRATIONS)}; COMMIT;"
        )
    except sqlite3.Error:
        if connection.in_transaction:
            connection.rollback()
        raise


def _keep_last_good(connection: sqlite3.Connection, folder: Path) -> None:
    """A copy of a database that was just found whole, unless there is one as new."""
    kept = folder / BACKUPS / LAST_GOOD
    files = [folder / DATABASE, folder / f"{DATABASE}-wal"]
    changed_ns = max(f.stat().st_mtime_ns for f in files if f.is_file())
    if not kept.is_file() or kept.stat().st_mtime_ns < changed_ns:
        _back_up(connection, kept)


def _back_up(connection: sqlite3.Connection, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)  # of a backup that was killed; there is one writer
    with contextlib.closing(sqlite3.connect(part)) as copy:
        connection.backup(copy)
    os.replace(part, path)


def _unused(path: Path) -> Path:
    number, free = 2, path
    while free.exists():
        free = path.with_stem(f"{path.stem}-{number}")
        number += 1
    return free


def _connect_to_read(path: Path) -> sqlite3.Connection:
    connection = _connect(path, "ro")
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError:
        # A folder where nothing may be written has no place for the log's index.
        connection.close()
        wal = path.with_name(f"{path.name}-wal")
        if wal.is_file() and wal.stat().st_size:
            raise
        connection = _connect(path, "ro&immutable=1")
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=10,
        )
    except sqlite3.Error as error:
        raise _cannot_open(path, error) from error
    return _with_habits(connection)


def _cannot_open(path: Path, error: sqlite3.Error) -> JukeboxError:
    return JukeboxError(
        f"{path} cannot be opened ({error}); check that you may read and write its folder, and "
        "that no other program holds it."
    )


def _in_memory() -> sqlite3.Connection:
    return _with_habits(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False))


def _with_habits(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.row_factory = sqlite3.Row
    # Text that damage has made no UTF-8 must not hide the rest of its row.
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection


def _empty() -> sqlite3.Connection:
    connection = _in_memory()
    _migrate(connection, 0)
    return connection
