"""What holds for the project as a whole: its lock, its presets, its import rules at run time."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from jukebox_studio import presets
from jukebox_studio.errors import JukeboxError

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def locked() -> dict[str, str]:
    """From each package of the lock to its block of lines."""
    text = (ROOT / "requirements" / "lock.txt").read_text()
    blocks = re.findall(r"^(\w[^=\n]*)==.*\n((?: .*\n)*)", text, re.MULTILINE)
    return dict(blocks)


def test_the_lock_has_hashes_for_everything_but_torch():
    blocks = locked()
    assert "torch" not in blocks
    assert [name for name, hashes in blocks.items() if "--hash=sha256:" not in hashes] == []
    project = PYPROJECT["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    names = {re.split(r"[\[<>=]", requirement)[0].lower() for requirement in wanted}
    assert names - set(blocks) == {"torch", "jukebox-studio"}


def test_the_requirements_name_no_host_and_no_place():
    for path in (ROOT / "requirements").iterdir():
        text = path.read_text()
        assert not re.search(r"://|file:| @ |--(index|extra|find|trusted)", text), path.name


def test_the_modules_without_torch_load_none():
    [contract] = [
        contract
        for contract in PYPROJECT["tool"]["importlinter"]["contracts"]
        if contract["name"] == "The pure modules do not import torch"
    ]
    # A process of its own for all of them; -X importtime would name who brought it in.
    script = (
        f"import sys, {', '.join(contract['source_modules'])}; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_presets_are_found_in_a_checkout_and_in_an_installed_package(tmp_path, monkeypatch):
    assert presets.presets_folder() == ROOT / "presets"
    package = tmp_path / "site-packages" / "jukebox_studio"
    (package / "_presets").mkdir(parents=True)
    (package.parent / "presets").mkdir()  # another package's
    monkeypatch.setattr(presets, "__file__", str(package / "presets.py"))
    assert presets.presets_folder() == package / "_presets"


def test_missing_presets_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(presets, "__file__", str(tmp_path / "jukebox_studio" / "presets.py"))
    with pytest.raises(JukeboxError, match="install the program again"):
        presets.presets_folder()


def test_the_script_explains_itself():
    for arguments in ([], ["dance"]):
        run = subprocess.run(
            ["sh", str(ROOT / "studio"), *arguments], capture_output=True, text=True, check=False
        )
        assert run.returncode == 2
        assert run.stderr.startswith("usage: ./studio run | test | setup | lock")
