"""Published checkpoints become bundles, whole or not at all."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
import torch
from hugging_face_names import hugging_face_key
from safetensors.torch import load_file, save_file
from tiny_checkpoints import (
    LYRIC_ENCODER,
    MERGED_LYRICS,
    VQVAE_HPS,
    hugging_face_state,
    random_state,
    tiny_hps,
    tiny_prior,
    tiny_vqvae,
    write_hugging_face_texts,
    write_ids,
    write_openai,
    write_openai_model,
)

from jukebox_studio import convert, tensor_file
from jukebox_studio.bundle import open_bundle, verify
from jukebox_studio.convert import find_checkpoints, import_checkpoints, plan_import
from jukebox_studio.errors import JukeboxError
from jukebox_studio.hugging_face import openai_keys
from jukebox_studio.model.load import load_prior, load_vqvae


def imported(tmp_path: Path, source: Path, **options) -> Path:
    return import_checkpoints(source, "m", tmp_path / "models", **options)


def refused(tmp_path: Path, source: Path, **options) -> str:
    """The sentence of an import that fails, after checking that it left nothing behind."""
    with pytest.raises(JukeboxError) as caught:
        imported(tmp_path, source, **options)
    models = tmp_path / "models"
    assert not models.exists() or not list(models.iterdir())
    return str(caught.value)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoints"
    write_openai_model(folder)
    write_ids(folder / "ids")
    return folder


@pytest.mark.parametrize("top", [MERGED_LYRICS, LYRIC_ENCODER, {"merged_decoder": True}])
def test_openai_form(tmp_path: Path, top: dict) -> None:
    states = write_openai_model(tmp_path / "c", top)
    folder = imported(tmp_path, tmp_path / "c", label_tables=write_ids(tmp_path / "ids"))

    manifest = verify(folder)
    assert manifest.vqvae == tiny_vqvae()
    assert manifest.priors == {n: tiny_prior(n, **(top if n == 2 else {})) for n in (0, 1, 2)}
    assert manifest.label_versions == (("v2", "v3") if top is MERGED_LYRICS else ("v2",))
    assert manifest.files["prior_level_2.safetensors"].dtypes == ("F16", "F32")
    assert not manifest.licence.commercial_use
    for name, part in (("vqvae", "vqvae"), *((f"prior_level_{n}", n) for n in (0, 1, 2))):
        found = load_file(folder / f"{name}.safetensors")
        assert found.keys() == states[part].keys()
        for key, tensor in states[part].items():
            assert found[key].dtype == tensor.dtype, key
            assert torch.equal(found[key], tensor), key


def test_imported_models_load(tmp_path: Path, source: Path) -> None:
    bundle = open_bundle(imported(tmp_path, source))
    state = random_state(tiny_prior(1))
    vqvae, prior = load_vqvae(bundle), load_prior(bundle, 1)
    assert torch.equal(
        vqvae.codebook(0).k, random_state(tiny_vqvae())["bottleneck.level_blocks.0.k"]
    )
    assert not prior.training
    for key, tensor in prior.state_dict().items():
        assert torch.equal(tensor, state[key])
    assert prior.prior.x_out.weight is prior.prior.x_emb.weight
    assert load_prior(bundle, 2, dtype=torch.float16).prior.x_emb.weight.dtype == torch.float16


@pytest.mark.parametrize("form", ["bin", "legacy bin", "sharded bin", "safetensors", "sharded"])
def test_hugging_face_form_gives_the_same_bundle(tmp_path: Path, source: Path, form: str) -> None:
    folder = tmp_path / "hf"
    write_hugging_face_texts(folder)
    states = write_openai_model(source)
    state = hugging_face_state(states)
    ending = "bin" if "bin" in form else "safetensors"
    stem = "pytorch_model" if ending == "bin" else "model"
    if ending == "safetensors":
        # safetensors refuses tensors that share memory, so one key of a tied head is left out.
        state = {k: t.clone() for k, t in state.items() if not k.endswith("fc_proj_out.weight")}
    shards = {f"{stem}.{ending}": state}
    if "sharded" in form:
        keys = list(state)
        halves = {f"{stem}-0000{i + 1}-of-00002.{ending}": keys[i::2] for i in range(2)}
        shards = {name: {key: state[key] for key in half} for name, half in halves.items()}
        index = {"weight_map": {key: name for name, half in shards.items() for key in half}}
        (folder / f"{stem}.{ending}.index.json").write_text(json.dumps(index), encoding="utf-8")
    for name, part in shards.items():
        if ending == "safetensors":
            save_file(part, folder / name)
        else:
            torch.save(part, folder / name, _use_new_zipfile_serialization="legacy" not in form)

    theirs = verify(imported(tmp_path, folder))
    ours = verify(import_checkpoints(source, "ours", tmp_path / "models"))
    assert theirs.vqvae == ours.vqvae
    assert theirs.priors == ours.priors
    weights = [name for name in ours.files if not name.startswith("ATTR")]
    assert len(weights) == 7
    for name in weights:
        assert theirs.files[name] == ours.files[name], name


def test_hugging_face_names_go_there_and_back() -> None:
    parts = {"vqvae": random_state(tiny_vqvae()), 1: random_state(tiny_prior(1))}
    for top in (MERGED_LYRICS, LYRIC_ENCODER):
        parts[2] = random_state(tiny_prior(2, **top))
        names = {
            hugging_face_key(key, part, 3): (part, key)
            for part, state in parts.items()
            for key in state
        }
        # A checkpoint has all its priors; the number of the last says which is the top.
        back = openai_keys([*names, "priors.2.prior.pos_emb.pos_emb"])
        assert {name: back[name] for name in names} == names


def test_names_of_hugging_face_as_they_are() -> None:
    examples = {
        "vqvae.encoders.1.level_blocks.0.downsample_block.2.weight": (
            "vqvae",
            "encoders.1.level_blocks.0.model.1.0.weight",
        ),
        "vqvae.encoders.1.level_blocks.0.proj_out.bias": (
            "vqvae",
            "encoders.1.level_blocks.0.model.2.bias",
        ),
        "vqvae.decoders.0.level_blocks.0.upsample_block.3.bias": (
            "vqvae",
            "decoders.0.level_blocks.0.model.2.1.bias",
        ),
        "vqvae.bottleneck.level_blocks.2.codebook": ("vqvae", "bottleneck.level_blocks.2.k"),
        "priors.0.metadata_embedding.artist_emb.weight": (2, "y_emb.artist_emb.emb.weight"),
        "priors.0.encoder.final_layer_norm.bias": (2, "prime_state_ln.bias"),
        "priors.0.prior.transformer._attn_mods.18.attn.c_enc_kv.weight": (
            2,
            "prior.transformer._attn_mods.18.attn.c_enc_kv.w",
        ),
        "priors.2.conditioner_blocks.upsampler.upsample_block.2.resnet_block.7.conv1d_2.bias": (
            0,
            "conditioner_blocks.0.cond.model.2.0.blocks.7.model.3.bias",
        ),
    }
    assert openai_keys(examples) == examples


def test_published_shapes_need_no_hyperparameters(tmp_path: Path, source: Path) -> None:
    # The tiny model stands in for the published ones, which are recognised by their shapes alone.
    state = random_state(tiny_prior(1))
    write_openai(source / "5b/prior_level_1.pth.tar", state, {"level": 1})
    sentence = refused(tmp_path, source)
    assert "hyper-parameters" in sentence
    assert "prior_level_1.pth.tar" in sentence


def test_published_shape_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: Path
) -> None:
    published = {f"p{n}": tiny_prior(n, **(MERGED_LYRICS if n == 2 else {})) for n in (0, 1, 2)}
    monkeypatch.setattr(convert, "PUBLISHED_VQVAE", tiny_vqvae())
    monkeypatch.setattr(convert, "PUBLISHED_PRIORS", published)
    for level in (0, 1):
        state = random_state(published[f"p{level}"])
        write_openai(source / f"5b/prior_level_{level}.pth.tar", state, None)
    manifest = verify(imported(tmp_path, source))
    assert manifest.priors[0].conditioner == tiny_prior(0).conditioner
    assert manifest.priors[1].conditioner.res_scale
    assert manifest.licence.name == "OpenAI Noncommercial Use License (2020)"


def test_the_layout_is_found_from_a_sub_folder_and_flat(tmp_path: Path, source: Path) -> None:
    from_sub_folder = find_checkpoints(source / "1b_lyrics")
    assert from_sub_folder.files[2] == (source / "1b_lyrics/prior_level_2.pth.tar",)
    assert from_sub_folder.files["vqvae"] == (source / "5b/vqvae.pth.tar",)
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in from_sub_folder.paths:
        (flat / path.name).write_bytes(path.read_bytes())
    assert {path.parent for path in find_checkpoints(flat).paths} == {flat}


def test_which_top_prior(tmp_path: Path, source: Path) -> None:
    state, hps = random_state(tiny_prior(2, **LYRIC_ENCODER)), tiny_hps(2, **LYRIC_ENCODER)
    write_openai(source / "5b_lyrics/prior_level_2.pth.tar", state, hps)
    assert "--top" in refused(tmp_path, source)
    manifest = verify(imported(tmp_path, source, top="5b_lyrics"))
    assert manifest.alignment == (3, 0)


def test_files_by_option(tmp_path: Path, source: Path) -> None:
    other = tmp_path / "other.pt"
    (source / "5b/prior_level_1.pth.tar").rename(other)
    assert "--level-1" in refused(tmp_path, source)
    verify(imported(tmp_path, source, files={1: other}))


def test_missing_label_tables(tmp_path: Path, source: Path) -> None:
    for path in (source / "ids").iterdir():
        path.unlink()
    sentence = refused(tmp_path, source)
    assert "--labels" in sentence
    assert "v2_artist_ids.txt" in sentence or "v3_artist_ids.txt" in sentence


def test_label_tables_of_another_model(tmp_path: Path, source: Path) -> None:
    (source / "ids/v2_artist_ids.txt").write_text("unknown;0\nsomebody;99\n", encoding="utf-8")
    assert "99" in refused(tmp_path, source)


def rewrite(path: Path, level: int, change) -> None:
    state = random_state(tiny_prior(level))
    change(state)
    write_openai(path, state, tiny_hps(level))


def test_wrong_shape(tmp_path: Path, source: Path) -> None:
    path = source / "5b/prior_level_1.pth.tar"
    key = "prior.transformer._attn_mods.2.mlp.c_fc.w"
    rewrite(path, 1, lambda state: state.update({key: torch.zeros(8, 9)}))
    sentence = refused(tmp_path, source)
    assert all(part in sentence for part in (str(path), key, "(8, 9)", "(8, 8)"))


def test_missing_key(tmp_path: Path, source: Path) -> None:
    path = source / "5b/prior_level_1.pth.tar"
    rewrite(path, 1, lambda state: state.pop("conditioner_blocks.0.ln.bias"))
    sentence = refused(tmp_path, source)
    assert f"{path} does not fit" in sentence
    assert "conditioner_blocks.0.ln.bias is missing" in sentence


def test_unknown_key(tmp_path: Path, source: Path) -> None:
    path = source / "5b/prior_level_0.pth.tar"  # legacy: found out while copying
    rewrite(path, 0, lambda state: state.update(surprise=torch.zeros(3)))
    sentence = refused(tmp_path, source)
    assert "surprise of shape (3) was not expected" in sentence


def test_unknown_key_of_hugging_face(tmp_path: Path, source: Path) -> None:
    write_hugging_face_texts(tmp_path / "hf")
    state = hugging_face_state(write_openai_model(source))
    state["priors.1.surprise"] = torch.zeros(3)
    torch.save(state, tmp_path / "hf/pytorch_model.bin")
    assert "priors.1.surprise" in refused(tmp_path, tmp_path / "hf")


def test_level_swapped(tmp_path: Path, source: Path) -> None:
    write_openai(source / "5b/prior_level_0.pth.tar", random_state(tiny_prior(1)), tiny_hps(1))
    assert "holds the prior of level 1, expected 0" in refused(tmp_path, source)


@pytest.mark.parametrize("name", ["5b/prior_level_1.pth.tar", "5b/prior_level_0.pth.tar"])
@pytest.mark.parametrize("keep", [0, 3, 200, 0.5, 0.999])
def test_truncated(tmp_path: Path, source: Path, name: str, keep: float) -> None:
    path = source / name
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    sentence = refused(tmp_path, source)
    assert str(path) in sentence
    assert "\n" not in sentence


def test_not_a_checkpoint(tmp_path: Path, source: Path) -> None:
    path = source / "5b/vqvae.pth.tar"
    path.write_text("hello\n" * 100, encoding="utf-8")
    assert f"{path} is cut off, or is not a checkpoint" in refused(tmp_path, source)


def test_no_weights_in_it(tmp_path: Path, source: Path) -> None:
    path = source / "5b/vqvae.pth.tar"
    torch.save([1, 2], path)
    assert "holds no weights" in refused(tmp_path, source)
    torch.save({"model": {"a": 1}}, path)
    assert "'a' among the weights is not a tensor" in refused(tmp_path, source)


class Hyperparams(dict):
    """Stands for the original's class of that name, which torch will not unpickle."""


@pytest.mark.parametrize("zipped", [True, False])
def test_objects_are_not_unpickled(tmp_path: Path, source: Path, zipped: bool) -> None:
    path = source / "5b/prior_level_1.pth.tar"
    write_openai(path, random_state(tiny_prior(1)), Hyperparams(tiny_hps(1)), zipped=zipped)
    sentence = refused(tmp_path, source)
    assert "Hyperparams" in sentence
    assert "run code" in sentence


def test_missing_shard(tmp_path: Path) -> None:
    folder = tmp_path / "hf"
    write_hugging_face_texts(folder)
    assert "no weights" in refused(tmp_path, folder)
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    assert "model-00001-of-00002.safetensors is missing" in refused(tmp_path, folder)


def test_disk_full_while_writing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: Path
) -> None:
    original = tensor_file.write_streamed

    def full(path, entries, chunks, progress) -> None:
        if path.name == "prior_level_1.safetensors":
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        original(path, entries, chunks, progress)

    monkeypatch.setattr(convert, "write_streamed", full)
    sentence = refused(tmp_path, source)
    assert "No space left on device" in sentence
    assert "nothing was kept" in sentence


def test_interrupted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: Path) -> None:
    def interrupt(*_) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imported(tmp_path, source, progress=interrupt)
    assert not list((tmp_path / "models").iterdir())


def test_needs_are_told_and_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: Path
) -> None:
    plan = plan_import(find_checkpoints(source), tmp_path / "not/yet/there")
    names = [path.name for path in plan.whole]
    assert names == ["vqvae.pth.tar", "prior_level_0.pth.tar"]
    biggest = max(path.stat().st_size for path in plan.whole)
    assert plan.memory_bytes == convert.WORKING_BYTES + biggest
    assert "torch's older format" in plan.sentence()

    monkeypatch.setattr(convert, "_available_memory_bytes", lambda: 100_000_000)
    assert "not enough memory" in refused(tmp_path, source)
    monkeypatch.setattr(convert, "_available_memory_bytes", lambda: None)
    monkeypatch.setattr(convert.shutil, "disk_usage", lambda _: type("U", (), {"free": 1000}))
    assert "disk is too full" in refused(tmp_path, source)


def test_a_taken_name(tmp_path: Path, source: Path) -> None:
    imported(tmp_path, source)
    with pytest.raises(JukeboxError, match="already there"):
        imported(tmp_path, source)
    with pytest.raises(JukeboxError, match="cannot be the name"):
        import_checkpoints(source, "../up", tmp_path / "models")


def test_mapped_files_are_mapped_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: Path
) -> None:
    monkeypatch.setattr(convert, "_RELEASE_BYTES", 100)
    folder = imported(tmp_path, source)
    state = random_state(tiny_prior(1))
    for key, tensor in load_file(folder / "prior_level_1.safetensors").items():
        assert torch.equal(tensor, state[key])


def test_golden_models(tmp_path: Path, reference_folder: Path) -> None:
    for top in ("1b_lyrics", "5b_lyrics"):
        folder = import_checkpoints(
            reference_folder / "models", top, tmp_path, reference_folder / "ids", top=top
        )
        verify(folder)
        expected = torch.load(
            reference_folder / f"models/{top}/prior_level_2.pth.tar", weights_only=True
        )["model"]
        found = load_file(folder / "prior_level_2.safetensors")
        assert len(found) == len(expected)
        for key, tensor in expected.items():
            assert torch.equal(found[key.removeprefix("module.")], tensor)


def test_published_keys_and_shapes(reference_folder: Path) -> None:
    import gzip

    from jukebox_studio.model.config import PUBLISHED_PRIORS, PUBLISHED_VQVAE
    from jukebox_studio.model.shapes import differences, prior_shapes, vqvae_shapes

    path = reference_folder / "hparams/published/state_dicts.json.gz"
    for name, rows in json.loads(gzip.decompress(path.read_bytes())).items():
        if name == "vqvae":
            expected = vqvae_shapes(PUBLISHED_VQVAE)
        else:
            expected = prior_shapes(PUBLISHED_PRIORS[name])
        assert not differences({key: shape for key, shape, _ in rows}, expected), name


def test_vqvae_hps_without_a_field_fall_to_the_published_shape(
    tmp_path: Path, source: Path
) -> None:
    hps = {key: value for key, value in VQVAE_HPS.items() if key != "emb_width"}
    write_openai(source / "5b/vqvae.pth.tar", random_state(tiny_vqvae()), hps)
    assert "does not fit vqvae" in refused(tmp_path, source)
