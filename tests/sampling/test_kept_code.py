"""What is compiled is kept, mended where it is damaged, and removed when nobody uses it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numba
import pytest

from jukebox_studio.sampling import kept_code, native
from jukebox_studio.sampling.kept_code import UNUSED_SECONDS, folder_for


def one_more(x):  # type: ignore[no-untyped-def]
    return x + 1


def compiled() -> Any:
    made = native._compiled("i8(i8)")(one_more)
    assert made(2) == 3
    return made


def was_kept(made: Any) -> bool:
    """Whether it came from the folder."""
    return sum(made.stats.cache_hits.values()) == 1


@pytest.fixture
def kept_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(native, "_KEPT_IN", tmp_path)
    return tmp_path


def test_a_start_finds_what_was_compiled_before(kept_in: Path) -> None:
    assert not was_kept(compiled())
    assert was_kept(compiled())


@pytest.mark.parametrize("suffix", ["nbi", "nbc", "nbc.sha256"])
@pytest.mark.parametrize("damage", ["empty", "cut", "one bit", "gone"])
def test_a_damaged_file_is_compiled_anew_once(
    kept_in: Path, suffix: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    compiled()
    (file,) = kept_in.rglob(f"*.{suffix}")
    there = bytearray(file.read_bytes())
    there[len(there) // 2] ^= 1
    file.write_bytes({"empty": b"", "cut": there[:-20]}.get(damage, bytes(there)))
    if damage == "gone":
        file.unlink()
    assert not was_kept(compiled())
    assert was_kept(compiled())
    assert not caplog.records


def test_what_cannot_be_kept_is_compiled_all_the_same(
    kept_in: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile.save", full)
    compiled()
    assert "cannot be kept" in caplog.text


def test_folders_that_nobody_uses_go_when_one_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_code, "user_cache_path", lambda name: tmp_path / name)
    old, used, ours = (folder_for(made_from) for made_from in (b"old", b"used", b"ours"))
    assert old and used and ours  # noqa: PT018
    (old / "step.nbc").write_bytes(b"code")
    other = old.parent / "what somebody put here"
    other.mkdir()
    then = time.time() - UNUSED_SECONDS - 60
    for folder in (old, used, other):
        os.utime(folder, (then, then))
    assert folder_for(b"used") == used, "as at the start of another version"
    assert folder_for(b"ours") == ours
    assert old.exists(), "only a new one sweeps"
    new = folder_for(b"new")
    assert new is not None
    assert not old.exists()
    assert all(folder.is_dir() for folder in (used, ours, new, other))


def test_where_no_folder_can_be_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_bytes(b"")
    monkeypatch.setattr(kept_code, "user_cache_path", lambda name: tmp_path / "a file")
    assert folder_for(b"code") is None
