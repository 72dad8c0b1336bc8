"""Import and verify a model of the full published size: how long, how much memory.

Writes random weights with every key and shape of 1b_lyrics, its upsamplers and its VQ-VAE
(11.6 GB), in OpenAI's form (zip; then one file in torch's older format) and in the Hugging Face
form (shards of pytorch_model.bin; then of safetensors), one after the other; imports each, checks
it, compares every number with what was written, and deletes it. Needs 24 GB of disk.

    nice python benchmarks/full_size_import.py --work /some/large/disk

Memory is that of the process that imports, read from /proc (Linux) every 20 ms: the most resident
in all, and without mapped files.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import shutil
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

PARTS: dict[str | int, str] = {
    "vqvae": "vqvae",
    0: "upsampler_level_0",
    1: "upsampler_level_1",
    2: "prior_1b_lyrics",
}
FORMS = ("openai-zip", "openai-legacy", "hf-bin", "hf-safetensors")
SHARD_BYTES = 2_000_000_000
LABEL_COUNTS = {"v2": (4111, 120), "v3": (7898, 604)}
LIMIT_BYTES = 500_000_000

Keys = dict[str | int, dict[str, tuple[int, ...]]]


def published_keys(reference: Path) -> Keys:
    """Key -> shape of every part, as published."""
    path = reference / "hparams/published/state_dicts.json.gz"
    table = json.loads(gzip.decompress(path.read_bytes()))
    return {
        part: {key: tuple(shape) for key, shape, _ in table[name]} for part, name in PARTS.items()
    }


# Writing ---------------------------------------------------------------------------------------


class RandomWeights:
    """Tensors cut out of one random block, so that making 11.6 GB costs no more than copying."""

    def __init__(self) -> None:
        import torch

        generator = torch.Generator().manual_seed(1)
        self.block = torch.randn(1 << 24, generator=generator) * 0.02

    def tensor(self, part: str | int, key: str, shape: tuple[int, ...]):
        if key == "prior.x_out.weight":  # tied to the embedding in all of these
            key = "prior.x_emb.weight"
        count = math.prod(shape)
        start = zlib.crc32(f"{part}/{key}".encode()) % (1 << 20)
        usable = self.block[start:]
        # A copy of its own, as torch.save writes the whole block for a piece of it.
        repeats = -(-count // len(usable))
        piece = usable[:count] if repeats == 1 else usable.repeat(repeats)[:count]
        return piece.clone().reshape(shape)


def write_openai(folder: Path, keys: Keys, legacy: tuple[str | int, ...]) -> None:
    import torch

    weights = RandomWeights()
    for part, shapes in keys.items():
        name = "vqvae" if part == "vqvae" else f"prior_level_{part}"
        path = folder / ("1b_lyrics" if part == 2 else "5b") / f"{name}.pth.tar"
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = "module." if part == 2 else ""
        state = {prefix + key: weights.tensor(part, key, shape) for key, shape in shapes.items()}
        torch.save(
            {"hps": None, "model": state, "opt": None, "step": 1},
            path,
            _use_new_zipfile_serialization=part not in legacy,
        )


def write_hugging_face(folder: Path, keys: Keys, safetensors: bool) -> None:
    import torch
    from hugging_face_names import hugging_face_key

    from jukebox_studio.model.load import save_weights

    weights = RandomWeights()
    folder.mkdir(parents=True)
    stem, ending = ("model", "safetensors") if safetensors else ("pytorch_model", "bin")
    names = [
        (hugging_face_key(key, part, 3), part, key, shape)
        for part, shapes in keys.items()
        for key, shape in shapes.items()
        if not (safetensors and key == "prior.x_out.weight")
    ]
    shards: list[list[tuple[str, str | int, str, tuple[int, ...]]]] = [[]]
    size = 0
    for row in names:
        if size > SHARD_BYTES:
            shards.append([])
            size = 0
        shards[-1].append(row)
        size += 4 * math.prod(row[3])
    weight_map = {}
    for number, rows in enumerate(shards, 1):
        file = f"{stem}-{number:05}-of-{len(shards):05}.{ending}"
        state = {name: weights.tensor(part, key, shape) for name, part, key, shape in rows}
        if safetensors:
            save_weights(folder / file, state)
        else:
            torch.save(state, folder / file)
        weight_map.update(dict.fromkeys(state, file))
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / f"{stem}.{ending}.index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "config.json").write_text('{"model_type": "jukebox"}', encoding="utf-8")


def write_labels(folder: Path, hugging_face: bool) -> None:
    """Made-up names, as many as published."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, column in (("artist", 0), ("genre", 1)):
        table = {}
        for version, counts in LABEL_COUNTS.items():
            names = [f"{kind} {number}" for number in range(counts[column])]
            suffix = ".v2" if version == "v2" else ""
            table.update({name + suffix: number for number, name in enumerate(names)})
            if not hugging_face:
                lines = "".join(f"{name};{number}\n" for number, name in enumerate(names))
                path = folder / f"{version}_{kind}_ids.txt"
                path.write_text(lines, encoding="utf-8")
        if hugging_face:
            (folder / f"{kind}s.json").write_text(json.dumps(table), encoding="utf-8")


def make(form: str, folder: Path, reference: Path) -> None:
    keys = published_keys(reference)
    if form.startswith("openai"):
        write_openai(folder, keys, (0,) if form == "openai-legacy" else ())
        write_labels(folder / "ids", hugging_face=False)
    else:
        write_hugging_face(folder, keys, form == "hf-safetensors")
        write_labels(folder, hugging_face=True)


# Measuring -------------------------------------------------------------------------------------


def memory_lines(pid: int | str) -> dict[str, int]:
    """RssAnon, VmRSS, VmHWM of a process, in bytes."""
    wanted = ("VmRSS", "VmHWM", "RssAnon")
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    pairs = (line.split(":", 1) for line in lines if line.startswith(wanted))
    return {name: int(value.split()[0]) * 1024 for name, value in pairs}


def measured(arguments: list[str]) -> dict[str, float]:
    """Run this script in another process; its seconds, and its most memory in bytes."""
    most_anonymous = 0
    start = time.monotonic()
    process = subprocess.Popen([sys.executable, __file__, *arguments], stdout=subprocess.PIPE)
    done = threading.Event()

    def watch() -> None:
        nonlocal most_anonymous
        while not done.wait(0.02):
            try:
                now = memory_lines(process.pid)
            except OSError:
                return
            most_anonymous = max(most_anonymous, now.get("RssAnon", 0))

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    done.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed")
    last = json.loads(output.splitlines()[-1])
    return {"seconds": time.monotonic() - start, "anonymous": most_anonymous, **last}


def report_self(**more: float) -> None:
    cpu = time.process_time()
    print(json.dumps({"peak": memory_lines("self")["VmHWM"], "cpu": cpu, **more}))


def do_import(source: Path, models: Path) -> None:
    from jukebox_studio import convert

    before = memory_lines("self")["VmRSS"]
    plan = convert.plan_import(convert.find_checkpoints(source), models)
    print(plan.sentence(), file=sys.stderr)
    convert.import_checkpoints(source, "full", models)
    report_self(before=before, told=plan.memory_bytes)


def do_verify(folder: Path) -> None:
    from jukebox_studio import bundle

    before = memory_lines("self")["VmRSS"]
    bundle.verify(folder)
    report_self(before=before, told=LIMIT_BYTES)


def compare(folder: Path, reference: Path) -> None:
    """Every number of the bundle is the one that was written."""
    import torch
    from safetensors import safe_open

    weights = RandomWeights()
    for part, shapes in published_keys(reference).items():
        name = "vqvae" if part == "vqvae" else f"prior_level_{part}"
        with safe_open(folder / f"{name}.safetensors", framework="pt") as file:
            assert set(file.keys()) == set(shapes)
            for key, shape in shapes.items():
                assert torch.equal(file.get_tensor(key), weights.tensor(part, key, shape)), key
    report_self()


def rows(work: Path, reference: Path, forms: list[str]) -> Iterator[str]:
    yield (
        "| form | step | seconds | of it computing | most memory, GB | "
        "of it not mapped files, GB | limit, GB |"
    )
    yield "|---|---|---|---|---|---|---|"
    largest = max(
        4 * math.prod(s) for shapes in published_keys(reference).values() for s in shapes.values()
    )
    for form in forms:
        source, models = work / form, work / "models"
        shutil.rmtree(source, ignore_errors=True)
        shutil.rmtree(models, ignore_errors=True)
        measured(["--make", form, "--to", str(source), "--reference", str(reference)])
        os.sync()
        steps = {
            "import": ["--import", str(source), "--to", str(models)],
            "verify": ["--verify", str(models / "full")],
        }
        for step, arguments in steps.items():
            result = measured(arguments)
            limit = result["told"] + (largest if step == "import" else 0)
            verdict = "" if result["peak"] <= limit else " EXCEEDED"
            yield (
                f"| {form} | {step} | {result['seconds']:.0f} | {result['cpu']:.0f} | "
                f"{result['peak'] / 1e9:.2f} | "
                f"{result['anonymous'] / 1e9:.2f} | {limit / 1e9:.2f}{verdict} |"
            )
        measured(["--compare", str(models / "full"), "--reference", str(reference)])
        shutil.rmtree(source)
        shutil.rmtree(models)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    reference = os.environ.get("JUKEBOX_REFERENCE", ROOT.parent / "shared" / "reference")
    parser.add_argument("--work", type=Path, default=Path("build/full_size_import"))
    parser.add_argument("--reference", type=Path, default=Path(reference))
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    # What the processes of one run say to each other:
    parser.add_argument("--make", help=argparse.SUPPRESS)
    parser.add_argument("--import", dest="source", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--verify", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--compare", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--to", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make(options.make, options.to, options.reference)
        report_self()
    elif options.source:
        do_import(options.source, options.to)
    elif options.verify:
        do_verify(options.verify)
    elif options.compare:
        compare(options.compare, options.reference)
    else:
        for row in rows(options.work, options.reference, options.forms):
            print(row, flush=True)


if __name__ == "__main__":
    main()
