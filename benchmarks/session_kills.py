"""Kill a program that works on a session, over and over, and look at what it left.

    python benchmarks/session_kills.py --kills 100

A process works on one session as fast as it can: adds clips, jobs and results with files, rates,
renames, branches, prunes, reorders, exports, undoes and redoes. It tells before and after each
step, and is killed (SIGKILL) at a random moment. Then the session must open for writing and be
whole; hold all that was told as done; hold the step in between wholly or not at all (if it is
there, undoing it must give what was before); and have every file where its row says.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import multiprocessing
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from jukebox_studio.clip import Clip
from jukebox_studio.files import write_atomically
from jukebox_studio.session import Session
from jukebox_studio.tempo import SongTime

WHEN = datetime(2026, 3, 1, tzinfo=UTC)
CHANGES = ("clip", "rename", "rate", "branch", "prune", "reorder", "many")
FACTS = ("job", "result", "export", "state")
STEPS = (*CHANGES, *FACTS, "undo", "redo")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--longest-seconds", type=float, default=0.5, help="before a kill")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    # Forked where that is to be had: loading Python would take longer than the work.
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    steps_done = in_between = 0
    with tempfile.TemporaryDirectory() as root:
        folder, exports = Path(root, "session ü"), Path(root, "exports")
        Session.create(folder).close()
        before = digest_of(folder, exports)
        for kill in range(options.kills):
            here, there = context.Pipe(duplex=False)
            seed = chance.getrandbits(32)
            child = context.Process(target=work, args=(folder, exports, seed, there))
            child.start()
            there.close()
            here.recv()  # it is open
            time.sleep(chance.uniform(0.0, options.longest_seconds))
            child.kill()
            child.join()
            begun = ""
            with contextlib.suppress(EOFError):
                while True:
                    what, value = here.recv()
                    if what == "begin":
                        begun = value
                    else:
                        begun, before = "", value
                        steps_done += 1
            fault, happened = look(folder, exports, before, begun)
            in_between += happened
            if fault:
                print(f"kill {kill + 1}, in {begun or 'between steps'}: {fault}")
                return 1
            before = digest_of(folder, exports)
    print(
        f"{options.kills} kills, {steps_done} steps done before them, {in_between} finished but "
        "not told yet: the session opened whole every time, nothing was lost"
    )
    return 0


def work(folder: Path, exports: Path, seed: int, told: Connection) -> None:
    chance = random.Random(seed)
    session = Session.open(folder, exports=exports)
    told.send(("open", ""))
    while True:
        step = chance.choice(STEPS)
        told.send(("begin", step))
        take(session, step, chance)
        told.send(("done", digest(session)))


def take(session: Session, step: str, chance: random.Random) -> None:
    """One step, if there is something to take it on."""
    clips, variants, jobs = session.clips(), session.variants(), session.jobs()
    waiting = [job.id for job in jobs if job.state == "queued"]
    said = f"{step} {chance.random()}"
    if step == "undo":
        session.undo()
    elif step == "redo":
        session.redo()
    elif step == "clip" or not clips:
        song = SongTime.steady(120)
        session.add_clip(Clip(Path("/nowhere.wav"), 0, 8, 8_000, song, 8_000, name=said), when=WHEN)
    elif step == "job" or not jobs:
        session.add_job({"said": said}, chance.choice(clips).id, when=WHEN, operation="continue")
    elif step == "result" or not variants:
        job = chance.choice(jobs)
        job.results_folder.mkdir(parents=True, exist_ok=True)
        path = job.results_folder / f"{chance.getrandbits(64):x}.wav"
        write_atomically(path, said.encode())
        session.record_variant(
            job.id, chance.randrange(4), seed=1, state="full", audio_path=path,
            length_samples=8, rate_hz=8_000, when=WHEN,
        )  # fmt: skip
    elif step == "state" and waiting:
        session.set_job_state(chance.choice(waiting), "cancelled")
    elif step == "reorder" and waiting:
        session.move_job(chance.choice(waiting), chance.choice([None, *waiting]), when=WHEN)
    elif step == "export":
        session.export_variant(chance.choice(variants).id, when=WHEN)
    elif step == "rename":
        session.rename(chance.choice(variants).id, said, when=WHEN)
    elif step == "rate":
        session.rate([chance.choice(variants).id], chance.randint(0, 5), when=WHEN)
    elif step == "branch":
        session.branch(chance.choice(variants).id, said, when=WHEN)
    elif step == "prune":
        session.prune([chance.choice(variants).id], when=WHEN)
    elif step == "many":
        with session.one_step("Many", when=WHEN):
            for variant in variants[:20]:
                session.rename(variant.id, said, when=WHEN)
                session.hide([variant.id], when=WHEN)


def look(folder: Path, exports: Path, before: str, begun: str) -> tuple[str, bool]:
    """What is wrong with the session, and whether the step in between had happened."""
    with Session.open(folder, exports=exports) as session:
        if session.read_only or session.database_damage():
            return f"it is damaged: {session.damage}", False
        for variant in session.variants(pruned=True):
            if not variant.audio_path.is_file():
                return f"{variant.audio_path} is missing", False
        for export in session.exports():
            if not export.path.is_file() or not export.path.stat().st_size:
                return f"{export.path} is missing", False
        if digest(session) == before:
            return "", False
        if not begun:
            return "it is not as it was told to be", False
        if begun in CHANGES:
            session.undo()
        elif begun == "undo":
            session.redo()
        elif begun == "redo":
            session.undo()
        else:
            return "", True  # a fact: there, and none of it is missing
        # A first clip, job or result may have stood in for the step.
        if digest(session) != before and session.variants():
            return "the step in between is there in part", False
        return "", True


def digest_of(folder: Path, exports: Path) -> str:
    with Session.open(folder, exports=exports) as session:
        return digest(session)


def digest(session: Session) -> str:
    seen = (session.clips(), session.variants(), session.jobs(), session.exports())
    return hashlib.sha256(repr(seen).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
