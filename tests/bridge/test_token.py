"""The token and its file."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from bridge import token
from bridge.token import is_token, load_token, make_private_folder
from jukebox_studio.errors import JukeboxError

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@posix
def test_a_token_is_made_once_for_the_user_alone(tmp_path):
    path = tmp_path / "config" / "bridge-token"
    made = load_token(path)
    assert len(bytes.fromhex(made)) == 32
    assert load_token(path) == made
    assert load_token(tmp_path / "other" / "bridge-token") != made
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


@posix
def test_a_token_that_others_could_read_is_replaced(tmp_path):
    path = tmp_path / "config" / "bridge-token"
    made = load_token(path)
    path.chmod(0o644)
    path.parent.chmod(0o755)
    assert load_token(path) != made
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


def test_a_line_end_after_the_token_does_no_harm(tmp_path):
    path = tmp_path / "bridge-token"
    made = load_token(path)
    path.write_text(made + "\n", encoding="ascii")
    assert load_token(path) == made


def test_a_file_without_a_token_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(token, "_WRITTEN_WITHIN_SECONDS", 0.05)
    path = tmp_path / "bridge-token"
    load_token(path)
    for content in ("", "short", "Z" * 64):
        path.write_text(content, encoding="ascii")
        with pytest.raises(JukeboxError, match="holds no token; delete it"):
            load_token(path)


def test_half_a_token_is_waited_for(tmp_path, monkeypatch):
    """Two programs start at once: one has made the file and not yet written."""
    path = tmp_path / "bridge-token"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    waits = []

    def write_meanwhile(seconds: float) -> None:
        waits.append(seconds)
        path.write_text("ab" * 32, encoding="ascii")

    monkeypatch.setattr(token.time, "sleep", write_meanwhile)
    assert load_token(path) == "ab" * 32
    assert len(waits) == 1


@posix
def test_links_and_pipes_are_no_token(tmp_path):
    path = tmp_path / "bridge-token"
    load_token(tmp_path / "real")
    path.symlink_to(tmp_path / "real")
    with pytest.raises(JukeboxError, match="cannot be read or written"):
        load_token(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(JukeboxError, match="is no file"):
        load_token(path)


@posix
def test_another_users_files_are_not_trusted(tmp_path, monkeypatch):
    path = tmp_path / "bridge-token"
    load_token(path)
    monkeypatch.setattr(token.os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(JukeboxError, match="belongs to another user"):
        load_token(path)
    with pytest.raises(JukeboxError, match="belongs to another user"):
        make_private_folder(tmp_path)


def test_only_the_token_is_the_token():
    assert is_token("ab" * 32, "ab" * 32)
    for wrong in ("", "ab", "AB" * 32, "ab" * 33, None, 7, b"ab" * 32, "ä", "\ud800", ["ab" * 32]):
        assert not is_token("ab" * 32, wrong)
