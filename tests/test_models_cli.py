"""`jukebox-studio models ...` as a musician types it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny_checkpoints import write_ids, write_openai_model

from jukebox_studio import bundle as bundles
from jukebox_studio.errors import JukeboxError
from jukebox_studio.models_cli import app


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("JUKEBOX_STUDIO_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(bundles.platformdirs, "user_data_path", lambda _: tmp_path / "user")
    monkeypatch.setattr(bundles.presets, "presets_folder", lambda: tmp_path / "shipped")
    return tmp_path / "models"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_openai_model(tmp_path / "my checkpoints")
    write_ids(tmp_path / "ids")
    return tmp_path / "my checkpoints"


def call(*arguments: str | Path) -> None:
    app([str(a) for a in arguments], exit_on_error=False, result_action="return_value")


def test_import_list_info_verify(
    source: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call("list")
    assert "No models yet" in capsys.readouterr().out

    call("import", source, "--labels", source.parent / "ids")
    told = capsys.readouterr()
    assert "This import takes" in told.err
    assert "torch's older format" in told.err
    assert "my-checkpoints, in" in told.out
    assert (models / "my-checkpoints/manifest.json").is_file()

    call("list")
    assert "my-checkpoints: 3 levels, 8000 Hz" in capsys.readouterr().out
    call("info", "my-checkpoints")
    text = capsys.readouterr().out
    for words in (
        "Not for commercial use",
        "lyrics in windows of 8 characters",
        "attention layer 15, head 1",
        "prior_level_2.safetensors",
        "Memory for 4 variants of 8 s",
        "best at temperature 0.98",
        bundles.bundle_sha256(models / "my-checkpoints"),
    ):
        assert words in text
    call("verify", "my-checkpoints")
    assert "my-checkpoints is whole: 8 files" in capsys.readouterr().out


def test_how_a_model_is_best_sampled_is_changed(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(tiny_bundle, tmp_path / "models/tiny"))
    call("sampling", "tiny", "--temperature", "0.98,0:0.65", "--top-p", "0:0.9")
    told = "Level 1: temperature 0.98\nLevel 0: temperature 0.65, top-p 0.9\n"
    told += "Best led by 0 towards a style, by 0 towards words\n"
    assert capsys.readouterr().out == told
    call("sampling", folder)
    assert capsys.readouterr().out == told
    # The rest stays as it was recommended.
    call("sampling", folder, "--top-k", "0:50")
    assert "Level 0: temperature 0.65, top-k 50\n" in capsys.readouterr().out
    call("info", folder)
    assert "best at temperature 0.65, top-k 50" in capsys.readouterr().out
    for wrong, said in (
        ("2:0.5", "level 2, and the model has the levels 0, 1"),
        ("0:20", "between 0.01 and 10"),
    ):
        with pytest.raises(JukeboxError, match=said):
            call("sampling", folder, "--temperature", wrong)
    call("sampling", folder, "--lyric-guidance", "4")
    assert "top-k 50\nBest led by 0 towards a style, by 4 towards words" in capsys.readouterr().out
    call("sampling", folder, "--temperature", "0.98", "--top-k", "0", "--lyric-guidance", "0")
    assert (folder / "manifest.json").read_bytes() == (tiny_bundle / "manifest.json").read_bytes()


def test_import_by_options(source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pt"
    (source / "5b/prior_level_0.pth.tar").rename(other)
    call(
        "import", source, "--labels", tmp_path / "ids", "--name", "x", "--out", tmp_path / "out",
        "--level-0", other, "--top", "1b_lyrics",
    )  # fmt: skip
    assert bundles.verify(tmp_path / "out/x").name == "x"


def test_a_damaged_model(source: Path, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call("import", source, "--labels", source.parent / "ids", "--name", "x")
    (models / "x/vqvae.safetensors").write_bytes(b"")
    with pytest.raises(JukeboxError, match=r"vqvae\.safetensors is cut off"):
        call("verify", "x")
    (models / "x/manifest.json").write_text("{}", encoding="utf-8")
    (models / ".y.part-abc").mkdir()
    capsys.readouterr()
    call("list")
    text = capsys.readouterr().out
    assert "x: cannot be used" in text
    assert ".y.part-abc" in text


def test_a_folder_without_checkpoints(tmp_path: Path) -> None:
    with pytest.raises(JukeboxError, match=r"vqvae\.pth\.tar was found neither"):
        call("import", tmp_path)
    with pytest.raises(JukeboxError, match="not a folder"):
        call("import", tmp_path / "nowhere")
