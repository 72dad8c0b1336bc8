"""Which files a message may name."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PureWindowsPath

import pytest

from bridge.paths import Roots, refuse_windows_trick
from jukebox_studio.errors import JukeboxError

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs links, pipes and devices")


@pytest.fixture
def inside(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    (folder / "a.wav").write_bytes(b"RIFF")
    (tmp_path / "secret.wav").write_bytes(b"RIFF")
    return folder


@pytest.fixture
def roots(inside):
    return Roots.of([inside])


def test_a_file_inside_is_found(roots, inside):
    assert roots.file(str(inside / "a.wav")) == (inside / "a.wav").resolve()
    assert roots.file(f"{inside}/../music/./a.wav") == (inside / "a.wav").resolve()


@pytest.mark.parametrize("name", ["../secret.wav", "..", "../musicians/a.wav", "../music-2/a.wav"])
def test_nothing_outside_is(roots, inside, name):
    with pytest.raises(JukeboxError, match="outside the folders"):
        roots.file(f"{inside}/{name}")


@posix
def test_links_lead_nowhere_else(roots, inside):
    (inside / "link.wav").symlink_to(inside.parent / "secret.wav")
    (inside / "up").symlink_to(inside.parent)
    (inside / "fine.wav").symlink_to(inside / "a.wav")
    (inside / "round").symlink_to(inside / "round")
    for name in ("link.wav", "up/secret.wav"):
        with pytest.raises(JukeboxError, match="outside the folders"):
            roots.file(str(inside / name))
    assert roots.file(str(inside / "fine.wav")) == (inside / "a.wav").resolve()
    with pytest.raises(JukeboxError, match="cannot be opened"):
        roots.file(str(inside / "round"))


@posix
def test_only_regular_files_are_taken(inside):
    os.mkfifo(inside / "pipe.wav")
    roots = Roots.of([inside, Path("/dev")])
    for path, why in (
        (inside / "pipe.wav", "a device or pipe"),
        (inside, "a folder"),
        (Path("/dev/zero"), "a device or pipe"),
    ):
        with pytest.raises(JukeboxError, match=why):
            roots.file(str(path))


@pytest.mark.parametrize("name", ["gone.wav", "a.wav/b.wav", "x" * 300, "\ud800.wav"])
def test_what_is_not_there_is_told(roots, inside, name):
    with pytest.raises(JukeboxError, match=r"There is no file|cannot be opened"):
        roots.file(str(inside / name))


@pytest.mark.parametrize("text", ["", "a.wav", "./a.wav", "~/a.wav", "file:///a.wav"])
def test_a_path_is_absolute(roots, text):
    with pytest.raises(JukeboxError, match="no absolute path"):
        roots.file(text)


def test_a_nul_is_no_path(roots, inside):
    with pytest.raises(JukeboxError, match="cannot be opened"):
        roots.file(f"{inside}/a\0.wav")


def test_a_root_that_is_gone_is_told(tmp_path):
    with pytest.raises(JukeboxError, match="Take it out of the settings"):
        Roots.of([tmp_path / "gone"])


def test_the_usual_roots_hold_what_is_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    assert Roots.usual().file(str(tmp_path / "a.wav")).name == "a.wav"


# Windows, whose paths need no Windows to be looked at ---------------------------------------------

FOLDERS = [PureWindowsPath(r"C:\Users\Ada"), PureWindowsPath(r"\\Studio\Music\Ada")]


@pytest.mark.parametrize(
    "text",
    [
        r"C:\Users\Ada\a.wav",
        "c:/users/ada/songs/../a.wav",
        r"C:\Users\Ada\console.wav",
        r"C:\Users\Ada\my.take.1.wav",
        r"D:\elsewhere\a.wav",  # refused later, once links are resolved
        r"\\STUDIO\music\Ada\a.wav",
    ],
)
def test_files_of_windows_pass(text):
    refuse_windows_trick(text, FOLDERS)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (r"\\evil\music\a.wav", "on another machine or a device"),
        ("//evil/music/a.wav", "on another machine or a device"),
        (r"\\Studio\Other\a.wav", "on another machine or a device"),
        (r"\\.\PhysicalDrive0", "on another machine or a device"),
        (r"\\?\C:\Users\Ada\a.wav", "on another machine or a device"),
        (r"\\?\UNC\evil\music\a.wav", "on another machine or a device"),
        (r"C:\Users\Ada\NUL", "is a device, as NUL is"),
        (r"C:\Users\Ada\con.wav", "is a device"),
        (r"C:\Users\Ada\Com1 .wav", "is a device"),
        ("C:\\Users\\Ada\\lpt\u00b9.wav", "is a device"),
        (r"C:\Users\aux\a.wav", "is a device, as aux is"),
        (r"C:\Users\Ada\a.wav:hidden", "has a colon"),
        (r"C:\Users\Ada\a.wav.", "ends with a dot"),
        (r"C:\Users\Ada \a.wav", "ends with a dot or space"),
    ],
)
def test_tricks_of_windows_do_not(text, why):
    with pytest.raises(JukeboxError, match=why):
        refuse_windows_trick(text, FOLDERS)
