"""One decoding step beside Hugging Face's Jukebox, with the same random weights in both.

    VENV/bin/pip install -r benchmarks/requirements.txt
    VENV/bin/python benchmarks/decoding_step.py [--case 512 1024 2048] [--threads 1 2]
    VENV/bin/python benchmarks/decoding_step.py --draw docs/images/decoding_step.png
        [--document docs/performance.md]

Every case runs in a process of its own, and what does not fit into memory beside the others in one
more, after them. Caches are filled, and steps are taken at the start, in the
middle and at the end of a window, a few of each program in turn. The bandwidth is that of the
fastest bare product of a matrix with a vector over weights larger than the cache, in the same
process; the floor of a step is the time in which all its weights can be read so.

Each part goes into RESULTS (benchmarks/results/decoding_step.json) as it is done, the table is
printed of all there is, and a part run again replaces what it was.
VENV is an environment with this project that may hold older packages than the project's lock.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor

from jukebox_studio.model.config import LyricsConfig, Precision, PriorConfig, TransformerConfig
from jukebox_studio.model.prior import Prior
from jukebox_studio.model.shapes import cache_values
from jukebox_studio.sampling.decode import Decoder
from jukebox_studio.sampling.weights import native

RESULTS = Path(__file__).parent / "results" / "decoding_step.json"
BATCHES = (1, 4, 16)
TURN = 16
"""Steps of one program before it is another's turn: the first of each find a cold cache."""
BEGIN, END = "<!-- the table of benchmarks/decoding_step.py -->", "<!-- end of the table -->"
PROGRAMS = ("transformers", "float32", "int8")


@dataclass(frozen=True)
class Case:
    width: int
    depth: int
    heads: int
    blocks: int
    n_ctx: int
    lyric_tokens: int = 0
    """Ahead of the codes in one sequence, as 1b_lyrics has them."""

    @property
    def positions(self) -> int:
        return self.n_ctx + self.lyric_tokens

    def config(self) -> PriorConfig:
        lyrics = None
        if self.lyric_tokens:
            lyrics = LyricsConfig("v3", self.lyric_tokens, 80, 0.4, None, None, None)
        order = 12 if self.lyric_tokens else 2
        return PriorConfig(
            name=f"{self.width} x {self.depth}",
            level=2,
            n_ctx=self.n_ctx,
            codebook_size=2048,
            hop_samples=128,
            sample_rate_hz=44_100,
            transformer=TransformerConfig(self.width, self.depth, self.heads, order, self.blocks),
            labels=None,
            lyrics=lyrics,
            conditioner=None,
            untied_head=True,
        )


CASES = {
    "512": Case(512, 12, 1, 128, 8192),
    "1024": Case(1024, 24, 1, 128, 8192),
    "2048": Case(2048, 72, 2, 64, 6144, 384),
}


class Peer:
    """Hugging Face's transformer, one position at a time as its own sampling loop feeds it."""

    def __init__(self, case: Case) -> None:
        from transformers.models.deprecated.jukebox.configuration_jukebox import JukeboxPriorConfig
        from transformers.models.deprecated.jukebox.modeling_jukebox import (
            JukeboxConditionalAutoregressive,
        )

        lyrics = case.lyric_tokens > 0
        pattern = "enc_dec_with_lyrics" if lyrics else "raw_column_previous_row_attention"
        config = JukeboxPriorConfig(
            hidden_size=case.width,
            num_layers=case.depth,
            n_heads=case.heads,
            blocks=case.blocks,
            n_ctx=case.positions,
            attention_pattern=pattern,
            nb_relevant_lyric_tokens=case.lyric_tokens,
            mask=True,  # its default is not causal
            merged_decoder=True,
        )
        vocabulary = 2048 + (80 if lyrics else 0)
        self.model = JukeboxConditionalAutoregressive(config, case.positions, vocabulary).eval()
        self.positions = case.positions
        self.fill(torch.Generator().manual_seed(0))

    def fill(self, generator: torch.Generator) -> None:
        for name, parameter in self.model.named_parameters():
            mean = 1.0 if "layer_norm" in name and name.endswith("weight") else 0.0
            torch.nn.init.normal_(parameter.requires_grad_(False), mean, 0.02, generator=generator)

    def weights(self) -> dict[str, Tensor]:
        """By our names, the same memory."""
        renamed = {
            "embed_tokens": "x_emb",
            "fc_proj_out": "x_out",
            "layer_norm_": "ln_",
            "c_attn.weight": "c_attn.w",
            "c_attn.bias": "c_attn.b",
            "c_proj.weight": "c_proj.w",
            "c_proj.bias": "c_proj.b",
            "c_fc.weight": "c_fc.w",
            "c_fc.bias": "c_fc.b",
        }
        weights = {}
        for key, parameter in self.model.named_parameters():
            for theirs, ours in renamed.items():
                key = key.replace(theirs, ours)
            weights[f"prior.{key}"] = parameter
        return weights

    def begin(self, batch: int, position: int) -> None:
        self.batch, self.position = batch, position
        self.nothing = torch.zeros(batch, 1, self.model.width)
        for block in self.model.transformer._attn_mods:
            attention = block.attn
            attention.del_cache()
            attention.sample_t = position
            if position:
                kept = min(attention._suff_cache_len(), position)
                for what in ("key", "value"):
                    attention.cache[what] = torch.randn(batch, kept, attention.hidden_dim)

    def cache_bytes(self) -> int:
        caches = (block.attn.cache.values() for block in self.model.transformer._attn_mods)
        return sum(tensor.nbytes for of in caches for tensor in of)

    @torch.no_grad()
    def step(self, last: Tensor) -> Tensor:
        model = self.model
        tokens = last.unsqueeze(1)
        h, _ = model.get_emb(self.position, self.batch, tokens, self.nothing, None)
        self.position += 1
        return model.fc_proj_out(model.transformer(h, sample=True)).squeeze(1)


class Ours:
    def __init__(self, prior: Prior, precision: Precision) -> None:
        self.prior, self.precision = prior, precision
        self.decoder: Decoder | None = None

    def begin(self, batch: int, position: int) -> None:
        self.decoder = None  # its caches go before there are new ones
        conditioning = self.prior.conditioning(None, None)
        self.decoder = Decoder(self.prior, batch, conditioning, precision=self.precision)
        stack = self.decoder._stack
        stack.position = position
        if position:
            for cache in stack.caches:
                cache.normal_()

    def cache_bytes(self) -> int:
        assert self.decoder is not None
        return sum(cache.nbytes for cache in self.decoder._stack.caches)

    def step(self, last: Tensor) -> Tensor:
        assert self.decoder is not None
        return self.decoder.step(last if self.decoder.position else None)


def bandwidth_gb_per_s() -> float:
    """Of weights through a bare product with one vector: the fastest there is, over 256 MiB."""
    rows, width = 1024, 2048
    matrices = [torch.randn(rows, width) for _ in range(32)]
    packed = [torch.ops.mkldnn._reorder_linear_weight(m) for m in matrices]
    x = torch.randn(1, width)
    pointwise = torch.ops.mkldnn._linear_pointwise

    def blocked() -> None:
        for m in packed:
            pointwise(x, m, None, "none", [], "")

    def plain() -> None:
        for m in matrices:
            torch.mv(m, x[0])

    size = rows * width * 4 * len(matrices)
    return max(size / min(_time(f) for _ in range(8)) / 1e9 for f in (plain, blocked))


def _time(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def check_same(peer: Peer, ours: Ours) -> float:
    """The largest difference of logits over the first steps of both; fails where they differ."""
    generator = torch.Generator().manual_seed(1)
    peer.begin(2, 0)
    ours.begin(2, 0)
    worst = 0.0
    for _ in range(6):
        ids = torch.randint(2048, (2,), generator=generator)
        theirs = peer.step(ids)
        difference = float((theirs - ours.step(ids)).abs().max() / theirs.abs().max())
        worst = max(worst, difference)
    if worst > 1e-3:
        raise SystemExit(f"The two models differ: {worst:g} of the largest logit.")
    return worst


def measure(
    name: str, threads: int, batches: list[int], programs: list[str], steps: int, seconds: float
) -> Any:
    """One case: {batch: {program: {place: [seconds of each step]}}} and what goes with it."""
    torch.set_num_threads(threads)
    case = CASES[name]
    process = psutil.Process()
    bandwidth = [bandwidth_gb_per_s()]
    peer = Peer(case)
    peer_bytes = sum(p.nbytes for p in peer.model.parameters())
    with torch.device("meta"):
        prior = Prior(case.config())
    prior.load_state_dict(peer.weights(), assign=True)
    prior.eval().requires_grad_(False)
    runners: dict[str, Peer | Ours] = {"transformers": peer} if "transformers" in programs else {}
    held = {"transformers": peer_bytes}
    precisions: tuple[Precision, ...] = ("float32", "int8")
    native()  # before memory is looked at
    for precision in [p for p in precisions if p in programs]:
        before = process.memory_info().rss
        ours = Ours(prior, precision)
        ours.begin(1, 0)
        held[precision] = process.memory_info().rss - before - ours.cache_bytes()
        runners[precision] = ours
    read = sum(
        p.numel()
        for n, p in prior.prior.named_parameters()
        if not n.startswith(("pos_emb", "x_emb", "start_token"))
    )
    found: dict[str, Any] = {
        "weights": read,
        "held_bytes": held,
        "batches": {},
    }
    if len(programs) == len(PROGRAMS):
        found["difference"] = check_same(peer, Ours(prior, "float32"))
    places = {
        "start": 0,
        "middle": case.positions // 2 - steps // 2,
        "end": case.positions - steps,
    }
    for batch in batches:
        ids = torch.randint(2048, (steps, batch), generator=torch.Generator().manual_seed(2))
        times: dict[str, dict[str, list[float]]] = {}
        held_of: dict[str, int] = {}
        part = runners
        if len(runners) > 1 and not _fit(runners, cache_values(case.config()) * 4 * batch):
            part = {}
        for place, position in places.items():
            for program, runner in part.items():
                runner.begin(batch, position)
                times.setdefault(program, {})[place] = []
            spent = dict.fromkeys(part, 0.0)
            for first in range(0, steps, TURN):
                for program, runner in part.items():
                    for i in range(first, min(first + TURN, steps)):
                        # A slow program has fewer steps than others, but never none.
                        if spent[program] > seconds:
                            break
                        took = _time(partial(runner.step, ids[i]))
                        spent[program] += took
                        times[program][place].append(took)
        for program, runner in part.items():
            held_of[program] = runner.cache_bytes()
            runner.begin(1, 0)  # gives the memory back
        found["batches"][str(batch)] = {
            "ms": {
                program: {place: 1e3 * statistics.median(t) for place, t in by_place.items()}
                for program, by_place in times.items()
            },
            "steps": {
                program: sum(map(len, by_place.values())) for program, by_place in times.items()
            },
            "cache_bytes": held_of,
        }
        bandwidth.append(bandwidth_gb_per_s())
        line = {p: round(statistics.fmean(m.values()), 2) for p, m in _ms(found, batch).items()}
        print(f"{name}, {threads} threads, batch {batch}: {line} ms", file=sys.stderr, flush=True)
    found["bandwidth_gb_per_s"] = max(bandwidth)
    return found


def _fit(programs: Iterable[str], cache_bytes: int) -> bool:
    """Whether the caches of all fit into memory side by side.

    cache_bytes: of one program. The peer copies that of a layer when it adds to it; ours keeps what
    it is told of its positions too.
    """
    need = sum(cache_bytes * (1.5 if p == "transformers" else 1.2) for p in programs)
    return need <= 0.9 * psutil.virtual_memory().available


def _ms(found: Any, batch: int) -> dict[str, dict[str, float]]:
    ms: dict[str, dict[str, float]] = found["batches"][str(batch)]["ms"]
    return ms


# The table and the plot --------------------------------------------------------------------------


def rows_of(results: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for key in sorted(results["cases"], key=lambda k: [int(n) for n in k.split("/")]):
        name, threads = key.split("/")
        found = results["cases"][key]
        for batch, of in found["batches"].items():
            step = {p: statistics.fmean(ms.values()) for p, ms in of["ms"].items()}
            peer = step.get("transformers")
            for program in PROGRAMS:
                row: dict[str, Any] = {
                    "case": f"{CASES[name].width} x {CASES[name].depth}",
                    "threads": int(threads),
                    "batch": int(batch),
                    "program": program,
                }
                if program not in step:
                    rows.append(row)
                    continue
                ms = step[program]
                bytes_read = found["weights"] * (1 if program == "int8" else 4)
                floor = bytes_read / found["bandwidth_gb_per_s"] / 1e6
                held = found["held_bytes"][program] + of["cache_bytes"][program]
                measured = {
                    "ms": ms,
                    "places": list(of["ms"][program].values()),
                    "codes_per_s": int(batch) / ms * 1e3,
                    "ratio": peer and peer / ms,
                    "floor_share": floor / ms,
                    "held_mb": held / 1e6,
                    "steps": of["steps"][program],
                }
                rows.append(row | measured)
    return rows


def table(results: dict[str, Any]) -> str:
    """Markdown."""
    columns = "model, threads, batch, program, ms a step (start; middle; end), codes/s, ratio"
    columns += ", of the floor, memory, steps"
    names = columns.split(", ")
    lines = [
        f"{results['machine']}, torch {results['torch']}, transformers {results['transformers']}",
        "",
        f"| {' | '.join(names)} |",
        f"|{'---|' * len(names)}",
    ]
    for row in rows_of(results):
        which = f"| {row['case']} | {row['threads']} | {row['batch']} | {row['program']} | "
        if "ms" not in row:
            lines.append(which + "does not fit into memory | | | | | |")
            continue
        places = "; ".join(f"{ms:.1f}" for ms in row["places"])
        ratio = f"{row['ratio']:.1f}" if row["ratio"] else ""
        lines.append(
            f"{which}{row['ms']:.2f} ({places}) | {row['codes_per_s']:.0f} | {ratio} | "
            f"{row['floor_share']:.0%} | {row['held_mb']:.0f} MB | {row['steps']} |"
        )
    for key, found in sorted(results["cases"].items()):
        lines.append("")
        lines.append(
            f"{key}: {found['bandwidth_gb_per_s']:.1f} GB/s, {found['weights'] / 1e6:.0f} million "
            f"weights read a step, logits within {found['difference']:.1e} of the peer's"
        )
    return "\n".join(lines)


def draw(results: dict[str, Any], path: Path) -> None:
    import matplotlib.pyplot as plt

    rows = [row for row in rows_of(results) if "ms" in row]
    kinds = sorted(
        {(r["case"], r["threads"]) for r in rows}, key=lambda k: (int(k[0].split()[0]), k[1])
    )
    size = (3 * len(kinds), 3.3)
    figure, panels = plt.subplots(1, len(kinds), figsize=size, squeeze=False, layout="constrained")
    for axes, kind in zip(panels[0], kinds, strict=True):
        for program in PROGRAMS:
            of = [r for r in rows if (r["case"], r["threads"]) == kind and r["program"] == program]
            axes.plot([r["batch"] for r in of], [r["codes_per_s"] for r in of], "o-", label=program)
        axes.set(xscale="log", yscale="log", xlabel="batch", title=f"{kind[0]}, {kind[1]} threads")
        axes.set_xticks(BATCHES, [str(b) for b in BATCHES])
        axes.minorticks_off()
    panels[0][0].set_ylabel("codes per second")
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside upper left", ncols=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--case", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--batch", nargs="+", type=int, default=list(BATCHES))
    parser.add_argument("--steps", type=int, default=64, help="at each of the three places")
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="most of a program at a place: fewer steps then"
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--draw", type=Path, help="only draw and print what was measured")
    parser.add_argument("--document", type=Path, help="whose table to replace by this one")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)  # programs, of one process
    given = parser.parse_args()
    if given.one:
        case, threads = given.case[0], given.threads[0]
        found = measure(case, threads, given.batch, given.one, given.steps, given.seconds)
        print(json.dumps(found))
        return
    results: dict[str, Any] = {"cases": {}}
    if given.results.exists():
        results = json.loads(given.results.read_text())
    if given.draw is None:
        import transformers

        results |= {
            "machine": f"{_processor()}, {os.cpu_count()} cores",
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        }
        for name in given.case:
            for threads in given.threads:
                if (found := _apart(name, threads, given.batch, PROGRAMS, given)) is None:
                    print(f"{name}/{threads} failed; what was there of it stays.", file=sys.stderr)
                    continue
                for batch, of in found["batches"].items():
                    for program in [p for p in PROGRAMS if p not in of["ms"]]:
                        alone = _apart(name, threads, [int(batch)], [program], given)
                        if alone is not None:
                            for what, values in of.items():
                                values |= alone["batches"][batch][what]
                            read = "bandwidth_gb_per_s"
                            found[read] = max(found[read], alone[read])
                results["cases"][f"{name}/{threads}"] = found
                given.results.parent.mkdir(parents=True, exist_ok=True)
                given.results.write_text(json.dumps(results, indent=1) + "\n")
    else:
        draw(results, given.draw)
    print(table(results))
    if given.document is not None:
        text = given.document.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        if not after:
            raise SystemExit(f"{given.document} has no table between {BEGIN} and {END}.")
        picture = "![Codes per second by batch](images/decoding_step.png)"
        whole = f"{before}{BEGIN}\n{table(results)}\n\n{picture}\n{END}{after}"
        given.document.write_text(whole, encoding="utf-8")


def _apart(
    name: str, threads: int, batches: list[int], programs: Sequence[str], given: argparse.Namespace
) -> Any:
    """What `measure` finds in a process of its own; None where that failed."""
    command = [sys.executable, __file__, "--one", *programs, "--case", name]
    command += ["--threads", str(threads), "--batch", *map(str, batches)]
    command += ["--steps", str(given.steps), "--seconds", str(given.seconds)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=False)
    return None if done.returncode else json.loads(done.stdout)


def _processor() -> str:
    """The processor's name, and where it is not told, its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "CPU")


if __name__ == "__main__":
    main()
