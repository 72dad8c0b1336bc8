"""Bundles: manifest, verification, atomic writing, the registry, memory."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_checkpoints import (
    ARTISTS,
    GENRES,
    LYRIC_ENCODER,
    MERGED_LYRICS,
    random_state,
    tiny_prior,
    tiny_vqvae,
)

from jukebox_studio import bundle as bundles
from jukebox_studio.bundle import (
    Manifest,
    bundle_sha256,
    find_bundle,
    find_bundles,
    load_manifest,
    open_bundle,
    recommend,
    verify,
    write_bundle,
)
from jukebox_studio.drawing import Drawing, Leading
from jukebox_studio.errors import JukeboxError
from jukebox_studio.licences import CC_BY_SA_4, OPENAI_JUKEBOX
from jukebox_studio.model.config import PUBLISHED_PRIORS, PUBLISHED_VQVAE
from jukebox_studio.model.load import load_prior, load_vqvae, save_weights
from jukebox_studio.model.prior import Prior
from jukebox_studio.model.shapes import prior_shapes, vqvae_shapes
from jukebox_studio.model.vqvae import VQVAE
from jukebox_studio.tensor_file import TensorEntry, read_header, write_streamed


def tiny_manifest(name: str = "tiny", **top) -> Manifest:
    return Manifest(
        name=name,
        licence=CC_BY_SA_4,
        attribution=("Noise by nobody", "Silence by somebody"),
        vqvae=tiny_vqvae(),
        priors={0: tiny_prior(0), 2: tiny_prior(2, **top)},
    )


def fill_with(manifest: Manifest, dtype: torch.dtype | None = None):
    def fill(part: Path) -> Manifest:
        save_weights(part / "vqvae.safetensors", random_state(manifest.vqvae))
        for level, prior in manifest.priors.items():
            save_weights(part / f"prior_level_{level}.safetensors", random_state(prior), dtype)
        for version in manifest.label_versions:
            table = {
                "version": version,
                "artists": {name: number for number, name in enumerate(ARTISTS)},
                "genres": {name: number for number, name in enumerate(GENRES)},
            }
            (part / f"labels_{version}.json").write_text(json.dumps(table), encoding="utf-8")
        return manifest

    return fill


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "tiny", fill_with(tiny_manifest()))
    return tmp_path / "tiny"


# Manifest ------------------------------------------------------------------------------------


@pytest.mark.parametrize("top", [{}, MERGED_LYRICS, LYRIC_ENCODER, {"labels": False}])
def test_manifest_round_trip_is_exact(tmp_path: Path, top: dict) -> None:
    manifest = tiny_manifest(**top)
    written = write_bundle(tmp_path / "b", fill_with(manifest))
    read = load_manifest(tmp_path / "b")
    assert read == written
    assert read.priors == manifest.priors
    assert dataclasses.asdict(read.priors[2]) == dataclasses.asdict(manifest.priors[2])
    assert read.vqvae == manifest.vqvae


def test_published_configurations_survive_json() -> None:
    for prior in PUBLISHED_PRIORS.values():
        manifest = Manifest(
            name="p", licence=OPENAI_JUKEBOX, attribution=(), vqvae=PUBLISHED_VQVAE,
            priors={prior.level: prior},
        )  # fmt: skip
        read = Manifest.model_validate_json(manifest.model_dump_json())
        assert dataclasses.asdict(read.priors[prior.level]) == dataclasses.asdict(prior)
        assert read.vqvae == PUBLISHED_VQVAE


def test_what_a_manifest_says(folder: Path) -> None:
    manifest = load_manifest(folder)
    assert (manifest.sample_rate_hz, manifest.levels) == (8000, 3)
    assert manifest.label_versions == ("v2",)
    assert manifest.alignment is None
    assert tiny_manifest(**LYRIC_ENCODER).alignment == (3, 0)
    assert tiny_manifest(**MERGED_LYRICS).label_versions == ("v2", "v3")
    assert (folder / "LICENCE.txt").read_text(encoding="utf-8") == CC_BY_SA_4.notice
    credits = (folder / "ATTRIBUTION.txt").read_text(encoding="utf-8")
    assert credits == "Noise by nobody\nSilence by somebody\n"


def edit(folder: Path, change) -> None:
    path = folder / "manifest.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(format=2), "format 2"),
        (lambda d: d.pop("format"), "format None"),
        (lambda d: d.update(surprise=1), "surprise"),
        (lambda d: d["vqvae"].update(depth="deep"), "vqvae.depth"),
        (lambda d: d["vqvae"].update(multipliers=[1]), "one entry per level"),
        (lambda d: d["priors"]["0"].update(hop_samples=5), "hop_samples 5"),
        (lambda d: d["priors"].update({"1": d["priors"]["0"]}), "level 1"),
        (lambda d: d["files"].update({"../x": d["files"]["LICENCE.txt"]}), "plain name"),
        (lambda d: d["files"]["LICENCE.txt"].update(sha256="ab"), "sha256"),
        (lambda d: d.update(name="a/b"), "cannot be the name"),
        (lambda d: d.update(sampling={"0": {"temperature": 11}}), "temperature must lie between"),
        (lambda d: d.update(sampling={"0": {"top_k": 5, "top_p": 0.5}}), "not both"),
        (lambda d: d.update(sampling={"0": {"schedule": "exact"}}), "sampling.0.schedule"),
        (lambda d: d.update(sampling={"1": {}}), "level 1, which has no prior"),
    ],
)
def test_a_bad_manifest_is_told(folder: Path, change, words: str) -> None:
    edit(folder, change)
    with pytest.raises(JukeboxError) as caught:
        load_manifest(folder)
    assert words in str(caught.value)
    assert str(folder / "manifest.json") in str(caught.value)


def test_a_bundle_says_how_it_is_best_sampled(folder: Path) -> None:
    path = folder / "manifest.json"
    before, plain = path.read_bytes(), open_bundle(folder)
    assert plain.manifest.recommended == {0: Drawing(), 2: Drawing()}
    assert bundle_sha256(folder) == hashlib.sha256(before).hexdigest()
    led = recommend(plain, {}, Leading(lyrics=4.0))
    assert load_manifest(folder).guidance == led.manifest.guidance == Leading(lyrics=4.0)
    assert bundle_sha256(folder) == hashlib.sha256(before).hexdigest()
    changed = recommend(plain, {0: Drawing(0.65), 2: Drawing()})
    assert changed == open_bundle(folder)
    assert changed.manifest.recommended == {0: Drawing(0.65), 2: Drawing()}
    assert path.read_bytes() != before
    assert verify(folder) == changed.manifest
    # It is still the same model.
    assert bundle_sha256(folder) == hashlib.sha256(before).hexdigest()
    with pytest.raises(JukeboxError, match="level 1, which has no prior"):
        recommend(changed, {1: Drawing(0.5)})
    recommend(changed, {})
    assert path.read_bytes() == before
    manifest = changed.manifest.model_copy(update={"name": "again"})
    again = write_bundle(folder.parent / "again", fill_with(manifest))
    assert load_manifest(folder.parent / "again").sampling == again.sampling == {0: Drawing(0.65)}


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(JukeboxError, match="not a model bundle"):
        load_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(JukeboxError, match="not valid JSON"):
        load_manifest(tmp_path)


# Verification --------------------------------------------------------------------------------


def fault(folder: Path) -> str:
    with pytest.raises(JukeboxError) as caught:
        verify(folder)
    return str(caught.value)


def test_verify(folder: Path) -> None:
    seen = []
    manifest = verify(folder, lambda *step: seen.append(step))
    assert len(manifest.files) == 6
    total = sum(entry.size_bytes for entry in manifest.files.values())
    assert seen[-1][1:] == (total, total)


def test_a_changed_byte(folder: Path) -> None:
    path = folder / "prior_level_0.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    assert f"{path} was changed" in fault(folder)


@pytest.mark.parametrize("keep", [0, 5, 100, -4])
def test_a_cut_file(folder: Path, keep: int) -> None:
    path = folder / "prior_level_0.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    assert f"{path} is cut off" in fault(folder)


def test_garbage_in_place_of_weights(folder: Path) -> None:
    path = folder / "vqvae.safetensors"
    path.write_bytes((20).to_bytes(8, "little") + b"x" * 40)
    assert "no safetensors header" in fault(folder)


def test_wrong_shape_names_file_key_and_both_shapes(folder: Path) -> None:
    path = folder / "vqvae.safetensors"
    state = random_state(tiny_vqvae())
    state["decoders.1.out.weight"] = torch.zeros(1, 7, 3)
    save_weights(path, state)
    sentence = f"{path}: decoders.1.out.weight has shape (1, 7, 3), expected (1, 6, 3)"
    assert sentence in fault(folder)
    with pytest.raises(JukeboxError) as caught:
        load_vqvae(open_bundle(folder))
    assert sentence in str(caught.value)


def test_missing_and_surplus_keys(folder: Path) -> None:
    state = random_state(tiny_prior(0))
    state["prior.more"] = state.pop("prior.pos_emb.pos_emb")
    save_weights(folder / "prior_level_0.safetensors", state)
    sentence = fault(folder)
    assert "prior.pos_emb.pos_emb is missing, expected with shape (16, 8)" in sentence
    assert "1 more difference" in sentence
    with pytest.raises(JukeboxError, match="is missing"):
        load_prior(open_bundle(folder), 0)


def test_whole_numbers_are_no_weights(folder: Path) -> None:
    state = random_state(tiny_prior(0))
    state["prior.pos_emb.pos_emb"] = state["prior.pos_emb.pos_emb"].int()
    save_weights(folder / "prior_level_0.safetensors", state)
    assert "dtype I32" in fault(folder)


def test_every_bad_file_is_told(folder: Path) -> None:
    (folder / "LICENCE.txt").unlink()
    (folder / "labels_v2.json").write_text("[]", encoding="utf-8")
    sentences = fault(folder).splitlines()
    assert len(sentences) == 2
    assert "LICENCE.txt" in "".join(sentences)
    assert "not a label table" in "".join(sentences)


def test_label_ids_out_of_range(folder: Path) -> None:
    table = {"version": "v2", "artists": {"x": 3}, "genres": {}}
    (folder / "labels_v2.json").write_text(json.dumps(table), encoding="utf-8")
    assert "id 3" in fault(folder)
    table["version"] = "v3"
    (folder / "labels_v2.json").write_text(json.dumps(table), encoding="utf-8")
    assert "version v3" in fault(folder)


def test_an_unlisted_file_of_weights(folder: Path) -> None:
    edit(folder, lambda data: data["files"].pop("vqvae.safetensors"))
    assert "vqvae.safetensors is not listed" in fault(folder)


# Writing -------------------------------------------------------------------------------------


def test_float16_weights(tmp_path: Path) -> None:
    manifest = write_bundle(tmp_path / "h", fill_with(tiny_manifest(), torch.float16))
    assert manifest.files["prior_level_0.safetensors"].dtypes == ("F16",)
    assert manifest.files["vqvae.safetensors"].dtypes == ("F32",)
    assert load_prior(open_bundle(tmp_path / "h"), 0).prior.x_emb.weight.dtype == torch.float32


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def full(part: Path) -> Manifest:
        fill_with(tiny_manifest())(part)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(JukeboxError, match=r"No space left on device; nothing was kept"):
        write_bundle(tmp_path / "models/b", full)
    assert not list((tmp_path / "models").iterdir())


def test_a_missing_or_wrong_file_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(JukeboxError, match=r"needs vqvae\.safetensors"):
        write_bundle(tmp_path / "models/b", lambda part: tiny_manifest())

    def wrong(part: Path) -> Manifest:
        fill_with(tiny_manifest())(part)
        save_weights(part / "vqvae.safetensors", {"a": torch.zeros(1)})
        return tiny_manifest()

    with pytest.raises(JukeboxError, match="is missing"):
        write_bundle(tmp_path / "models/b", wrong)
    assert not list((tmp_path / "models").iterdir())


def test_replacing(folder: Path) -> None:
    with pytest.raises(JukeboxError, match="already there"):
        write_bundle(folder, fill_with(tiny_manifest()))
    write_bundle(folder, fill_with(tiny_manifest("new")), replace=True)
    assert verify(folder).name == "new"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_replacing_keeps_what_is_not_the_bundles(folder: Path) -> None:
    (folder / "recipe").mkdir()
    (folder / "recipe/how.txt").write_text("so", encoding="utf-8")
    write_bundle(folder, fill_with(tiny_manifest("new", labels=False)), replace=True)
    assert (folder / "recipe/how.txt").read_text(encoding="utf-8") == "so"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert verify(folder).name == "new"


def test_the_first_bundle_in_a_folder_of_others(tmp_path: Path) -> None:
    (tmp_path / "starter/recipe").mkdir(parents=True)
    write_bundle(tmp_path / "starter", fill_with(tiny_manifest()), replace=True)
    assert verify(tmp_path / "starter").name == "tiny"
    assert (tmp_path / "starter/recipe").is_dir()


def test_a_failed_replacement_keeps_the_old(folder: Path) -> None:
    with pytest.raises(JukeboxError):
        write_bundle(folder, lambda part: tiny_manifest("new"), replace=True)
    assert verify(folder).name == "tiny"


def test_streamed_files_are_what_the_library_reads(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    state = {"odd": torch.arange(3.0).half(), "wide": torch.randn(2, 3), "empty": torch.zeros(0, 4)}
    state["turned"] = torch.randn(4, 5).t()
    save_weights(path, state)
    found = load_file(path)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], state[key]) for key in state)
    entries = read_header(path)
    assert entries["turned"].shape == (5, 4)
    assert all(entry.start % 4 == 0 for entry in entries.values() if entry.dtype == "F32")


def test_too_few_bytes_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(JukeboxError, match="gave 3 bytes"):
        write_streamed(
            tmp_path / "x.safetensors",
            {"a": TensorEntry("F32", (2,))},
            lambda key: [memoryview(b"abc")],
        )


# Shapes and loading --------------------------------------------------------------------------


@pytest.mark.parametrize("top", [{}, MERGED_LYRICS, LYRIC_ENCODER, {"labels": False}])
def test_shapes_are_those_of_the_networks(top: dict) -> None:
    for config in (tiny_prior(2, **top), tiny_prior(1), tiny_prior(0)):
        found = {key: tuple(t.shape) for key, t in Prior(config).state_dict().items()}
        assert found == prior_shapes(config)
    found = {key: tuple(t.shape) for key, t in VQVAE(tiny_vqvae()).state_dict().items()}
    assert found == vqvae_shapes(tiny_vqvae())


def test_shapes_where_stages_differ() -> None:
    config = dataclasses.replace(
        tiny_vqvae(), strides=((4, 2), (2,), (2,)), widths=((3, 4), (5,), (6,)), m_conv=2.0
    )
    found = {key: tuple(t.shape) for key, t in VQVAE(config).state_dict().items()}
    assert found == vqvae_shapes(config)


def test_a_level_that_is_not_there(folder: Path) -> None:
    with pytest.raises(JukeboxError, match="no prior of level 1; it has levels 0, 2"):
        load_prior(open_bundle(folder), 1)


def test_a_prior_that_cannot_be(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["priors"]["0"]["transformer"]["heads"] = 3
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(JukeboxError, match=r"manifest.json describes a prior of level 0 that can"):
        load_prior(open_bundle(folder), 0)


# Registry ------------------------------------------------------------------------------------


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, Path, Path]:
    named, user, shipped = tmp_path / "named", tmp_path / "user", tmp_path / "shipped"
    monkeypatch.setenv("JUKEBOX_STUDIO_MODELS", str(named))
    monkeypatch.setattr(bundles.platformdirs, "user_data_path", lambda _: user)
    monkeypatch.setattr(bundles.presets, "presets_folder", lambda: shipped)
    return named, user / "models", shipped


def test_the_registry(places: tuple[Path, Path, Path]) -> None:
    assert find_bundles() == []
    named, user, shipped = places
    write_bundle(named / "one", fill_with(tiny_manifest("one")))
    write_bundle(user / "one", fill_with(tiny_manifest("one")))
    write_bundle(user / "two", fill_with(tiny_manifest("two")))
    write_bundle(shipped / "starter", fill_with(tiny_manifest("starter")))
    (user / ".two.part-x").mkdir()
    (user / "notes").mkdir()
    (user / "broken").mkdir()
    (user / "broken/manifest.json").write_text("{}", encoding="utf-8")

    found = {one.name: one for one in find_bundles()}
    assert list(found) == ["one", "broken", "two", "starter"]
    assert found["one"].folder == named / "one"
    assert "format None" in found["broken"].fault
    assert find_bundle("two").folder == user / "two"
    assert find_bundle(user / "one").folder == user / "one"
    with pytest.raises(JukeboxError, match="format None"):
        find_bundle("broken")
    with pytest.raises(JukeboxError, match="Installed: one, broken, two, starter"):
        find_bundle("three")


def test_the_variable_names_a_bundle_itself(
    places: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("JUKEBOX_STUDIO_MODELS", str(folder))
    assert [one.name for one in find_bundles()] == ["tiny"]
