"""check-reference must pass on the golden vectors and fail on damaged ones, at the damage.

Part of the vectors lies in tests/data, so that these tests stand alone; those on models need the
whole set (fixture `reference_folder`).
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jukebox_studio import cli
from jukebox_studio.errors import JukeboxError
from jukebox_studio.reference import run
from jukebox_studio.reference.run import run_reference

DATA = Path(__file__).parent.parent / "data"
SMALL = {
    "lyric_windows.json": "labels",
    "text.json": "labels",
    "timing_bins.json": "labels",
    "timing_bins.npz": "labels",
    "get_starts.json": "sampling",
    "split_chunks.json": "sampling",
}
NOT_IN_SMALL = {"labels/artist_genre", "labels/labels"}
"""They quote the published tables, which are not ours to ship."""


class Copy:
    """A folder of vectors that may be damaged."""

    def __init__(self, root: Path, source: Path | None = None, names: Iterable[str] = ()) -> None:
        self.root = root
        for name in names:
            assert source is not None
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, root / name)
        self.list(names)

    def list(self, names: Iterable[str]) -> None:
        files = {n: hashlib.sha256((self.root / n).read_bytes()).hexdigest() for n in names}
        (self.root / "cases.json").write_text(json.dumps({"files": files}))
        self.names = list(files)

    def relist(self) -> None:
        """Make the hashes right again, so that only numbers can give damage away."""
        self.list(self.names)

    def json(self, name: str, change: Callable[[Any], None]) -> None:
        value = json.loads((self.root / name).read_text("utf-8"))
        change(value)
        (self.root / name).write_text(json.dumps(value))
        self.relist()

    def array(self, name: str, key: str, index: tuple[int, ...], add: float) -> None:
        with np.load(self.root / name) as file:
            arrays = dict(file)
        arrays[key][index] += add
        np.savez_compressed(self.root / name, **arrays)
        self.relist()

    def weight(self, name: str, key: str, add: float) -> None:
        checkpoint = torch.load(self.root / name, weights_only=True)
        checkpoint["model"][key].view(-1)[0] += add
        torch.save(checkpoint, self.root / name)
        self.relist()

    def failures(self, ids: Path | None = None) -> set[str]:
        lines: list[str] = []
        passed = run_reference(self.root, ids, lines.append)
        failed = {line.split()[1] for line in lines if line.startswith("FAIL")}
        count = sum(line.startswith("pass") for line in lines)
        assert lines[-1] == f"{count} passed, {len(failed)} failed"
        assert passed == (not failed)
        return failed


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Copy:
    """The vectors of tests/data, checked by the parts they belong to."""
    monkeypatch.setattr(run, "PARTS", ("labels", "sampling"))
    for file, folder in SMALL.items():
        (tmp_path / folder).mkdir(exist_ok=True)
        shutil.copyfile(DATA / file, tmp_path / folder / file)
    copy = Copy(tmp_path)
    copy.list(f"{folder}/{file}" for file, folder in SMALL.items())
    return copy


def test_the_small_vectors_pass(small: Copy) -> None:
    assert small.failures() == NOT_IN_SMALL


def test_a_line_tells_deviation_and_tolerance(small: Copy) -> None:
    lines: list[str] = []
    run_reference(small.root, None, lines.append)
    [line] = [line for line in lines if "get_starts" in line]
    assert re.fullmatch(r"pass  sampling/get_starts +0 of 0 +19 rows", line)


@pytest.mark.parametrize("path", ["python", "tensor"])
def test_one_lyric_index_changed_fails_there(small: Copy, path: str) -> None:
    def change(value: Any) -> None:
        value["rows"][100][path]["first"] += 1

    small.json("labels/lyric_windows.json", change)
    assert small.failures() - NOT_IN_SMALL == {f"labels/lyric_windows/rows/{path}"}


def test_one_lyric_token_changed_fails_there(small: Copy) -> None:
    def change(value: Any) -> None:
        value["v3"]["cases"][3]["tokens"][2] += 1

    small.json("labels/text.json", change)
    assert small.failures() - NOT_IN_SMALL == {"labels/text/v3/tokens"}


def test_one_bin_changed_fails_there(small: Copy) -> None:
    small.array("labels/timing_bins.npz", "prior_5b/relative", (4, 100), 1)
    assert small.failures() - NOT_IN_SMALL == {"labels/timing_bins/prior_5b/relative"}


def test_one_window_start_changed_fails_there(small: Copy) -> None:
    def change(value: Any) -> None:
        value[2]["starts"][-1] -= 1

    small.json("sampling/get_starts.json", change)
    assert small.failures() - NOT_IN_SMALL == {"sampling/get_starts"}


def test_a_missing_file_fails_and_is_not_skipped(small: Copy) -> None:
    (small.root / "sampling/get_starts.json").unlink()
    assert small.failures() - NOT_IN_SMALL == {
        "sampling/get_starts",
        "files/sampling/get_starts.json",
    }


def test_a_file_with_another_hash_fails_even_if_its_numbers_are_right(small: Copy) -> None:
    with (small.root / "sampling/split_chunks.json").open("a") as file:
        file.write("\n")
    assert small.failures() - NOT_IN_SMALL == {
        "sampling/split_chunks",
        "files/sampling/split_chunks.json",
    }


def test_a_listed_file_that_no_check_uses_fails(small: Copy) -> None:
    (small.root / "labels/extra.json").write_text("{}")
    small.list([*small.names, "labels/extra.json"])
    assert small.failures() - NOT_IN_SMALL == {"files/labels/extra.json"}


def test_a_part_that_cannot_be_imported_fails_and_others_run(
    small: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "PARTS", ("nowhere", "sampling"))
    failed = small.failures()
    assert "nowhere" in failed
    assert "sampling/get_starts" not in failed


def test_made_up_tables_are_read_from_where_ids_says(small: Copy, tmp_path: Path) -> None:
    ids = tmp_path / "tables"
    ids.mkdir()
    for version in ("v2", "v3"):
        (ids / f"{version}_artist_ids.txt").write_text("unknown;0\nvarious;0\nann;1\n")
        (ids / f"{version}_genre_ids.txt").write_text("unknown;0\nloud;1\n")
    group = {
        "artist": [["Ann", 1], ["Bo", 0]],
        "genre": [["Loud", [1]]],
        "reverse_artist": [[0, "unknown_various"]],
        "reverse_genre": [[1, "loud"]],
        "counts": {f"artist_{k}": v for k, v in (("names", 3), ("ids", 2), ("min", 0), ("max", 1))}
        | {f"genre_{k}": v for k, v in (("names", 2), ("ids", 2), ("min", 0), ("max", 1))},
    }
    label = {
        "labeller": "made_up",
        "args": {"v3": False, "max_genre_words": 2, "n_tokens": 4, "sample_length": 100},
        "meta": {"artist": "Ann", "genre": "loud", "lyrics": "a=b", "total_length": 9, "offset": 0},
        "y": [9, 0, 100, 1, 1, -1, 0, 0, 27, 28],
        "full_tokens": [27, 28],
        "lyrics": "ab",
        "describe": {"artist": "ann", "genre": "loud", "lyrics": "ab"},
    }
    (small.root / "labels/artist_genre.json").write_text(json.dumps({"v2": group, "v3": group}))
    (small.root / "labels/labels.json").write_text(json.dumps([label]))
    small.list([*small.names, "labels/artist_genre.json", "labels/labels.json"])
    assert small.failures(ids) == set()
    assert small.failures() == {
        "labels/artist_genre/v2",
        "labels/artist_genre/v3",
        "labels/labels",
    }, "without --ids there are no tables"

    def change(value: Any) -> None:
        value[0]["y"][-1] += 1

    small.json("labels/labels.json", change)
    assert small.failures(ids) == {"labels/labels/made_up/0/y"}


def test_a_folder_without_cases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JukeboxError, match=r"cases\.json"):
        run_reference(tmp_path, None, print)
    for text in ("[]", "{}", "no json", '{"files": 3}'):
        (tmp_path / "cases.json").write_text(text)
        with pytest.raises(JukeboxError, match=r"cases\.json"):
            run_reference(tmp_path, None, print)


@pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")
def test_the_exit_code_tells(
    small: Copy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def code(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["jukebox-studio", "check-reference", *arguments])
        with pytest.raises(SystemExit) as raised:
            cli.main()
        return int(raised.value.code or 0)

    assert code(str(small.root)) == 1
    assert capsys.readouterr().out.endswith(" passed, 2 failed\n")
    assert code(str(small.root), "--ids", str(small.root / "none")) == 2
    assert "none is not a folder" in capsys.readouterr().err
    assert code(str(small.root / "labels")) == 2
    assert "holds no cases.json" in capsys.readouterr().err


# With the whole set


def test_the_whole_set_passes(reference_folder: Path) -> None:
    lines: list[str] = []
    assert run_reference(reference_folder, None, lines.append), "\n".join(
        line for line in lines if line.startswith("FAIL")
    )


@pytest.fixture
def model_copy(
    reference_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Copy]:
    """The vectors of one model, checked by one part."""

    def make(part: str, *names: str) -> Copy:
        monkeypatch.setattr(run, "PARTS", (part,))
        vqvae = ("hparams/vqvae.json", "models/5b/vqvae.pth.tar")
        return Copy(tmp_path, reference_folder, (*vqvae, *names))

    return make


SONG_5B = (
    "hparams/5b_prior_level_2.json",
    "models/5b/prior_level_2.pth.tar",
    "windows/5b.json",
    "windows/5b.npz",
)
SONG_SMALL = (
    "hparams/small_sep_enc_dec_prior.json",
    "models/small/sep_enc_dec_prior.pth.tar",
    "windows/small_sep.json",
    "windows/small_sep.npz",
)


def test_one_sampled_token_changed_fails_there(model_copy: Callable[..., Copy]) -> None:
    copy = model_copy("windows", *SONG_5B)
    assert copy.failures() == set()
    copy.array("windows/5b.npz", "z2", (1, 77), 1)
    assert copy.failures() == {"windows/5b/z2"}


def test_one_lyric_index_of_a_song_changed_fails_there(model_copy: Callable[..., Copy]) -> None:
    copy = model_copy("windows", *SONG_SMALL)
    copy.array("windows/small_sep.npz", "lyric_indices_windows", (3, 0, 5), 1)
    assert copy.failures() == {"windows/small_sep/lyric_indices_windows"}


def test_one_alignment_weight_changed_fails_there(model_copy: Callable[..., Copy]) -> None:
    copy = model_copy("windows", *SONG_SMALL)
    copy.array("windows/small_sep.npz", "alignment1", (100, 4), 2e-5)
    assert copy.failures() == {"windows/small_sep/alignment1"}


def test_an_array_that_no_check_knows_fails(model_copy: Callable[..., Copy]) -> None:
    copy = model_copy("windows", *SONG_5B)
    path = copy.root / "windows/5b.npz"
    with np.load(path) as file:
        np.savez(copy.root / "windows/5b", **file, z2_again=file["z2"])
    copy.relist()
    assert copy.failures() == {"windows/5b/arrays"}


def test_one_weight_changed_fails_at_the_logits(model_copy: Callable[..., Copy]) -> None:
    names = (*SONG_5B[:2], "prior/5b_level_2.npz")
    copy = model_copy("prior", *names)
    before = copy.failures()
    assert not {f for f in before if f.startswith("prior/5b_level_2")}
    copy.weight(names[1], "prior.transformer._attn_mods.3.mlp.c_proj.b", 0.01)
    assert "prior/5b_level_2/logits" in copy.failures() - before


def test_one_codebook_weight_changed_fails_at_the_codes(model_copy: Callable[..., Copy]) -> None:
    copy = model_copy("vqvae", "vqvae/encode_decode.npz")
    before = copy.failures()
    assert not {f for f in before if f.startswith("vqvae/encode_decode")}
    copy.weight("models/5b/vqvae.pth.tar", "bottleneck.level_blocks.2.k", 0.01)
    # The code is never the nearest one to that audio, but it is among the random codes decoded.
    assert copy.failures() - before == {"vqvae/encode_decode/rand_dec_l2"}
