"""Who may write to a session: one process, on a disk of this machine. No torch."""

from __future__ import annotations

import contextlib
import json
import os
import platform
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from jukebox_studio.errors import JukeboxError

LOCK_FILE, WRITER_FILE = ".lock", ".writer.json"

# As Linux, macOS and Windows call them; those of FUSE without its "fuse.".
# fmt: off
NETWORK_FILE_SYSTEMS = frozenset({
    "9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "davfs2", "glusterfs", "gpfs",
    "lustre", "ncpfs", "nfs", "nfs3", "nfs4", "orangefs", "prl_fs", "smb2", "smb3", "smbfs",
    "vboxsf", "vmhgfs", "webdav",
})
NETWORK_FUSE = frozenset({
    "ceph", "curlftpfs", "davfs2", "gcsfuse", "glusterfs", "gvfsd-fuse", "juicefs", "moosefs",
    "rclone", "s3fs", "sshfs", "vmhgfs-fuse",
})
# fmt: on


def refuse_network_disk(folder: Path) -> None:
    """JukeboxError where `folder` lies on a disk of another machine, as far as the system tells.

    SQLite's write-ahead log is shared through memory, which two machines do not have in common
    (https://sqlite.org/wal.html), and locks over a network are not to be relied on.
    """
    kind = _network_file_system(folder)
    if kind:
        raise JukeboxError(
            f"{folder} lies on a network disk ({kind}), where a session could be damaged; "
            "choose a folder on a disk of this computer."
        )


def _network_file_system(folder: Path) -> str | None:
    """The kind of network file system that `folder` lies on; None for a local or unknown one."""
    folder = Path(os.path.realpath(folder))
    if folder.drive.startswith("\\\\"):
        return folder.drive
    try:
        mounts = psutil.disk_partitions(all=True)
    except (OSError, RuntimeError):  # no /proc in a sandbox: best effort
        return None
    holding = [m for m in mounts if m.mountpoint and folder.is_relative_to(m.mountpoint)]
    if not holding:
        return None
    # The last of equally deep ones lies over those before it.
    deepest = max(enumerate(holding), key=lambda m: (len(Path(m[1].mountpoint).parts), m[0]))[1]
    kind = deepest.fstype.lower()
    is_network = (
        kind in NETWORK_FILE_SYSTEMS
        or kind.removeprefix("fuse.") in NETWORK_FUSE
        or "remote" in deepest.opts.split(",")
    )
    return deepest.fstype or "remote" if is_network else None


class WriterLock:
    """A lock of the operating system, so that it ends with the process however that ends."""

    def __init__(self, folder: Path) -> None:
        """Take the lock of a session's folder.

        Raises JukeboxError, which names the holder, when another process or session has it.
        """
        # Any thread may close a session. Without a lock of the system's we would rather not write.
        self._lock = FileLock(folder / LOCK_FILE, thread_local=False, fallback_to_soft=False)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise JukeboxError(
                f"The session in {folder} is open already{_held_by(folder)}; "
                "go on there, close it, or open this one to read only."
            ) from None
        except OSError as error:
            raise JukeboxError(
                f"The session in {folder} cannot be locked ({error.strerror or error}); open it "
                "to read only, or move its folder to where you may write."
            ) from error
        # Beside the lock, since Windows lets nobody read a locked file. It only makes a sentence
        # better, so it is not worth waiting for the disk.
        writer = {"process": os.getpid(), "computer": platform.node()}
        with contextlib.suppress(OSError):
            (folder / WRITER_FILE).write_text(json.dumps(writer), encoding="utf-8")
        self._writer_file = folder / WRITER_FILE

    def release(self) -> None:
        if self._lock.is_locked:
            with contextlib.suppress(OSError):
                self._writer_file.unlink(missing_ok=True)
            self._lock.release()


def _held_by(folder: Path) -> str:
    try:
        writer = json.loads((folder / WRITER_FILE).read_bytes())
        return f", in process {int(writer['process'])} on {writer['computer']}"
    except (OSError, ValueError, KeyError, TypeError):
        return " in another program"
