"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from jukebox_studio.errors import JukeboxError


@contextmanager
def replacing(path: Path, *, is_lasting: bool = True) -> Iterator[BinaryIO]:
    """A file to write, which replaces the one at `path` in one step once the block is done.

    Of a failure nothing is left. is_lasting: whether it has to outlive a power cut; waiting for the
    disk costs milliseconds. Raises JukeboxError when it cannot be written: full disk, no folder, no
    permission.
    """
    # In the same folder, since only a rename within one file system replaces in a single step.
    temporary = path.with_name(f".{path.name[:64]}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            if is_lasting:
                # Else a power cut after the rename could leave the new name on an empty file.
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise JukeboxError(
            f"{path} could not be written: {error.strerror or error}. "
            "Make room or choose another folder, and try again."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes, *, is_lasting: bool = True) -> None:
    """Put `content` at `path`, replacing what was there; as `replacing`."""
    with replacing(path, is_lasting=is_lasting) as file:
        file.write(content)
