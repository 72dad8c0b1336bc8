"""Throw broken datagrams, exchange files and audio files at the bridge.

    python benchmarks/fuzz_bridge.py --count 1000000 --files 10000

Half of what is sent knows the token, so that what lies behind it is reached too. It fails (exit
code 1) where something raises, makes the program fail inside, takes more than 50 ms of processor
time or a second by the clock whenever it is tried, writes outside the spool, or where memory grows.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import json
import logging
import os
import random
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bridge.clip_message import clip_to_values
from bridge.datagram import build
from bridge.pace import Pace
from bridge.paths import Roots
from bridge.protocol import MESSAGES, PREFIX, TYPE_TAGS, Argument, Kind
from bridge.service import Service
from bridge.spool import Spool
from jukebox_studio import audio
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import SongTime

TOKEN = "5a" * 32
MOST_GROWTH_BYTES = 24 * 2**20
HANGS_SECONDS = 60
SPOOL_EVERY = 100
"""Datagrams to one exchange file."""

_NUMBERS = [0, 1, -1, -4, 3, 127, 2**31 - 1, -(2**31), 2**32 - 1, 0x7FC00000, 0x7F800000]
_TEXTS = [
    "",
    "/",
    "..",
    "\n",
    "*",
    "%s%n",
    "a" * 999,
    "ä" * 99,
    "0:120",
    "0:1/3 1:9",
    "0:4/4",
    "-1",
]
_PATHS = ["/dev/zero", "/dev/stdin", "/proc/self/mem", "/etc/passwd", "/", "~", "a.wav", "//x/y"]


HERE = ("127.0.0.1", 1_024)


class Idle:
    """Actions that do nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: None


class Watch:
    """Notes every attempt of Python to write, while it looks."""

    def __init__(self, allowed: Path) -> None:
        self._allowed = str(allowed)
        self.looks = False
        self.outside: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.looks:
            return
        if event == "open":
            path, _, flags = arguments
            if not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
                return
            paths = [path]
        elif event in ("os.rename", "os.link", "os.symlink"):
            paths = list(arguments[:2])
        elif event in ("os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.truncate", "os.utime"):
            paths = [arguments[0]]
        else:
            return
        for path in paths:
            if isinstance(path, int):  # a file that was opened before
                continue
            if not os.path.abspath(os.fsdecode(path)).startswith(self._allowed + os.sep):
                self.outside.append(f"{event} {path!r}")


class Bench:
    """The service and all that is held against it."""

    def __init__(self, root: Path, slowest_ms: float) -> None:
        self.music = root / "music"
        self.music.mkdir()
        self.spool_folder = root / "spool"
        self.spool = Spool(self.spool_folder, lambda: 4e9)
        self.answers = 0
        self.service = Service(
            Idle(),
            TOKEN,
            Roots.of([self.music]),
            self._transmit,
            self.spool,
            pace=Pace(burst=2**60),
        )
        self.watch = Watch(self.spool_folder)
        self.slowest: dict[str, float] = {}
        self.faults: list[str] = []
        self._slowest_ms = slowest_ms

    def _transmit(self, datagram: bytes, address: tuple[str, int]) -> None:
        self.answers += 1

    def time(self, what: str, call: Callable[[], object], shown: Callable[[], str]) -> None:
        """Run it. A slow run counts only if it is slow again: other programs run, too."""
        ms = self._run(call, shown)
        tries = 1
        while self._slowest_ms and ms > self._slowest_ms / 10 and tries < 5:
            ms, tries = min(ms, self._run(call, shown)), tries + 1
        if self._slowest_ms and ms > self._slowest_ms:
            self.faults.append(f"{what} took {ms:.0f} ms: {shown()}")
        self.slowest[what] = max(self.slowest.get(what, 0.0), ms)

    def _run(self, call: Callable[[], object], shown: Callable[[], str]) -> float:
        began, began_working = time.perf_counter(), time.thread_time()
        self.watch.looks = True
        try:
            call()
        except Exception as error:
            self.faults.append(f"{type(error).__name__}: {error}: {shown()}")
        finally:
            self.watch.looks = False
        seconds = time.perf_counter() - began
        # On a busy machine most of a short time goes by in wait for a processor.
        return 1_000 * (seconds if seconds > 1.0 else time.thread_time() - began_working)


# Datagrams ---------------------------------------------------------------------------------------


def any_value(rng: random.Random, argument: Argument, sound: Path) -> object:
    if argument.name == "path":
        return rng.choice([str(sound), str(sound), *_PATHS, str(sound) + "/x", f"{sound}\n"])
    if argument.choices:
        return rng.choice(argument.choices)
    if argument.kind is Kind.TEXT:
        return rng.choice(_TEXTS)[: max(1, argument.longest_bytes // 2)]
    if argument.kind is Kind.SWITCH:
        return rng.random() < 0.5
    low, high = max(argument.lowest, -(2**31)), min(argument.highest, 2**53 - 1)
    if argument.kind in (Kind.INT, Kind.LONG):
        return rng.choice([int(low), int(high), rng.randint(int(low), int(high))])
    return rng.choice([low, high, rng.uniform(low, high)])


def values_of(rng: random.Random, name: str, sound: Path) -> dict[str, Any]:
    """Arguments in range, as a sender has them that knows the table."""
    kind = MESSAGES[name]
    values = {a.name: any_value(rng, a, sound) for a in kind.arguments}
    if name == "clip" and rng.random() < 0.5:
        clip = Clip(sound, 0, 1_000, 48_000, SongTime.steady(120), 48_000)
        values |= clip_to_values("c", clip)
    if kind.acting or "sender" in values:
        values["sender"] = rng.choice(["ardour-1", "reaper-1", f"daw-{rng.randrange(500)}"])
        values["sequence"] = rng.choice([0, 0, 1, 2, 3, rng.randrange(300), 2**31 - 1])
    if kind.acting:
        values["token"] = TOKEN if rng.random() < 0.7 else rng.choice(["", TOKEN[:-1], "0" * 64])
    return values


def well_formed(rng: random.Random, sound: Path) -> bytes:
    """OSC as it should be, with arguments that nobody asked for."""
    tags = "".join(rng.choice(TYPE_TAGS) for _ in range(rng.randrange(8)))
    head = b""
    if rng.random() < 0.7:
        tags, head = "ssi" + tags, padded(TOKEN) + padded("ardour-1") + struct.pack(">i", 0)
    body = head
    for tag in tags[3:] if head else tags:
        if tag == "s":
            body += padded(rng.choice(_TEXTS + _PATHS))
        elif tag in "if":
            body += struct.pack(">I", rng.choice(_NUMBERS) & 0xFFFFFFFF)
        elif tag in "hd":
            body += rng.randbytes(8)
    address = PREFIX + rng.choice([*MESSAGES, "x", "kee", "keep/x"])
    return padded(address) + padded("," + tags) + body


def padded(text: str) -> bytes:
    content = text.encode()
    return content + bytes(4 - len(content) % 4)


def bundle(rng: random.Random, parts: list[bytes]) -> bytes:
    content = b"#bundle\0" + bytes(8)
    for part in parts:
        size = len(part) if rng.random() < 0.8 else rng.choice(_NUMBERS)
        content += struct.pack(">I", size & 0xFFFFFFFF) + part
    return content


def damage(rng: random.Random, content: bytes, first: int | None = None) -> bytes:
    """One to four changes, in the first bytes only where `first` says so."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4])):
        if not changed:
            break
        at = rng.randrange(min(first or len(changed), len(changed)))
        how = rng.randrange(7)
        if how == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            changed[at] = rng.choice(b"\0\xff/*?[]{},#")
        elif how == 2:
            del changed[rng.randrange(len(changed)) :]
        elif how == 3:
            changed[at:at] = rng.randbytes(rng.choice([1, 4, 8]))
        elif how == 4:
            order = rng.choice("<>")
            at -= at % 4
            changed[at : at + 4] = struct.pack(order + "I", rng.choice(_NUMBERS) & 0xFFFFFFFF)
        elif how == 5:
            changed += changed[at : at + rng.randrange(64)]
        else:
            del changed[at : at + rng.randrange(1, 16)]
    return bytes(changed)


def datagram(rng: random.Random, sound: Path) -> bytes:
    kind = rng.randrange(10)
    if kind == 0:
        return rng.randbytes(rng.randrange(200))
    if kind <= 3:
        content = well_formed(rng, sound)
    else:
        try:
            name = rng.choice(list(MESSAGES))
            content = build(MESSAGES[name], values_of(rng, name, sound))
        except JukeboxError:  # not all of them are right
            content = well_formed(rng, sound)
    if kind == 9:
        content = bundle(rng, [content, well_formed(rng, sound)][: rng.randrange(3)])
    if rng.random() < 0.3:
        return content
    content = damage(rng, content)
    # Mostly of a length that is OSC's, else all would end at the first check.
    return content if rng.random() < 0.1 else content[: len(content) // 4 * 4]


def leave_file(rng: random.Random, inbox: Path, number: int, sound: Path) -> None:
    name = rng.choice(list(MESSAGES))
    told = {"address": PREFIX + name, "arguments": values_of(rng, name, sound)}
    content = json.dumps(told).encode()
    if rng.random() < 0.5:
        content = damage(rng, content)
    suffix = ".json" if rng.random() < 0.95 else rng.choice([".part", "", ".json.part"])
    (inbox / f"{number:09d}{suffix}").write_bytes(content)


def fuzz_messages(bench: Bench, count: int, seed: int) -> None:
    rng = random.Random(seed)
    sound = (bench.music / "a.wav").resolve()
    soundfile.write(sound, np.zeros(4_800, np.float32), 48_000)
    inbox = bench.spool_folder / "inbox"
    before = None
    for number in range(count):
        if number % 1_000 == 0:
            faulthandler.dump_traceback_later(HANGS_SECONDS, exit=True)
        if number == count // 5:  # by now every table and cache is full
            before = memory_bytes()
        content = datagram(rng, sound)
        source = ("127.0.0.1", 1_024 + rng.randrange(3_000))
        bench.time("datagram", lambda c=content, s=source: bench.service.receive(c, s), content.hex)
        if number % SPOOL_EVERY == 0:
            leave_file(rng, inbox, number, sound)
            bench.time("spool", bench.service.read_spool, lambda: "in the spool")
            bench.time("tick", bench.service.tick, lambda: "tick")
            for path in inbox.iterdir():  # foreign names, which the bridge leaves alone
                path.unlink()
    faulthandler.cancel_dump_traceback_later()
    grown = memory_bytes() - (before or 0)
    print(f"{count:,} datagrams, memory grew by {grown / 2**20:.1f} MiB after the first fifth")
    if grown > MOST_GROWTH_BYTES:
        bench.faults.append(f"memory grew by {grown:,} bytes")


def memory_bytes() -> int:
    """Of this process, now. Linux; elsewhere the most it had so far."""
    gc.collect()
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


# Audio files -------------------------------------------------------------------------------------


def sounds(folder: Path) -> list[Path]:
    """A short file of each kind that DAWs write and libsndfile reads."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (4_800, 2)).astype(np.float32)
    paths = []
    for container, subtype in (
        ("WAV", "PCM_16"),
        ("WAV", "PCM_24"),
        ("WAV", "FLOAT"),
        ("WAV", "IMA_ADPCM"),
        ("AIFF", "PCM_24"),
        ("FLAC", "PCM_16"),
        ("OGG", "VORBIS"),
        ("MP3", "MPEG_LAYER_III"),
        ("W64", "PCM_16"),
        ("RF64", "PCM_16"),
        ("CAF", "PCM_24"),
        ("AU", "PCM_16"),
    ):
        path = folder / f"{container}-{subtype}.{container.lower()}"
        if not soundfile.check_format(container, subtype):
            continue
        soundfile.write(path, noise, 48_000, format=container, subtype=subtype)
        paths.append(path)
    return paths


def fuzz_files(bench: Bench, count: int, seed: int) -> Counter[str]:
    rng = random.Random(seed)
    whole = [(path.stem, path.read_bytes()) for path in sounds(bench.music)]
    path = (bench.music / "damaged.wav").resolve()
    outcomes: Counter[str] = Counter()
    song = SongTime.steady(120)
    before = None
    for number in range(count):
        faulthandler.dump_traceback_later(HANGS_SECONDS, exit=True)
        container, content = rng.choice(whole)
        content = damage(rng, content, 400 if rng.random() < 0.7 else None)
        path.write_bytes(content)
        if rng.random() < 0.1:
            os.truncate(path, rng.choice([2**20, 2**32 - 1, 2**34]))  # sparse
        clip = Clip(path, 0, rng.choice([1, 1_000, 4_800, 2**40]), 48_000, song, 48_000)
        header = {"token": TOKEN, "sender": "ardour-1", "sequence": 0}
        message = build(MESSAGES["clip"], header | clip_to_values("c", clip))

        def shown(number: int = number, size_bytes: int = path.stat().st_size) -> str:
            kept = Path(tempfile.gettempdir()) / f"fuzz_bridge-{seed}-{number}.bin"
            kept.write_bytes(content)  # noqa: B023 (called in the same turn)
            return f"{container} of {size_bytes:,} bytes, kept as {kept}"  # noqa: B023

        bench.time("clip", lambda m=message: bench.service.receive(m, HERE), shown)

        def read() -> None:
            try:
                audio.read(path, length_samples=1_000)
                outcomes["read"] += 1
            except JukeboxError:
                outcomes["refused"] += 1

        bench.time("read", read, shown)
        if number == count // 5:
            before = memory_bytes()
    faulthandler.cancel_dump_traceback_later()
    path.unlink(missing_ok=True)
    grown = memory_bytes() - (before or 0)
    print(f"{count:,} damaged files, memory grew by {grown / 2**20:.1f} MiB after the first fifth")
    if grown > MOST_GROWTH_BYTES:
        bench.faults.append(f"memory grew by {grown:,} bytes")
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000, help="datagrams")
    parser.add_argument("--files", type=int, default=10_000, help="damaged audio files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--slowest-ms", type=float, default=50.0, help="0: do not look")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        print(f"in {folder}, which a hang leaves behind", flush=True)
        bench = Bench(Path(folder).resolve(), options.slowest_ms)
        if options.count:
            fuzz_messages(bench, options.count, options.seed)
        if options.files:
            print("files:", dict(fuzz_files(bench, options.files, options.seed)))
        if failed := bench.service.counts["refused: failed"]:
            bench.faults.append(f"{failed} messages made the program fail inside")
        bench.faults += [f"written outside the spool: {what}" for what in bench.watch.outside]
    print("counts:", dict(bench.service.counts.most_common()))
    print(
        f"answers: {bench.answers:,}; slowest, ms of processor time:",
        {k: round(v, 1) for k, v in bench.slowest.items()},
    )
    print(f"{time.monotonic() - began:.0f} s")
    for fault in bench.faults[:20]:
        print("FAULT:", fault[:2_000])
    return 1 if bench.faults else 0


if __name__ == "__main__":
    sys.exit(main())
