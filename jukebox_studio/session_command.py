"""The commands `jukebox-studio session list | check | export | gc`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cyclopts import App

from jukebox_studio.errors import JukeboxError
from jukebox_studio.memory import size_text
from jukebox_studio.session import Session
from jukebox_studio.session_files import check as find_problems
from jukebox_studio.session_files import collect, export_zip, find_rubbish
from jukebox_studio.session_records import Variant

app = App(name="session", help="Look into a project folder, check it, pack it, clear it.")


@app.command(name="list")
def list_session(folder: Path) -> None:
    """List the clips of a session, what was made of them, and the queue.

    Parameters
    ----------
    folder
        The session's folder. It may be open elsewhere.
    """
    with Session.open(folder, read_only=True) as session:
        print("\n".join(_listing(session)))


@app.command
def check(folder: Path) -> None:
    """Say what is damaged or missing; exit code 2 if anything is. Changes nothing.

    Parameters
    ----------
    folder
        The session's folder. It may be open elsewhere.
    """
    with Session.open(folder, read_only=True) as session:
        problems = find_problems(session)
        for problem in problems:
            print(problem.sentence)
        if problems:
            many = f"{len(problems)} things are" if len(problems) > 1 else "one thing is"
            raise JukeboxError(f"In the session in {folder} {many} damaged or missing.")
        print(
            f"The session in {folder} is whole: {len(session.clips())} clips, "
            f"{len(session.variants())} variants, {len(session.exports())} exported files."
        )


@app.command
def export(folder: Path, file: Path) -> None:
    """Pack a session into one zip file: project.json, sounds and codes.

    Parameters
    ----------
    folder
        The session's folder. It may be open elsewhere.
    file
        The zip file to write. One that is there is not replaced.
    """
    if file.exists():
        raise JukeboxError(f"There is a file {file} already; choose another name.")
    with Session.open(folder, read_only=True) as session:
        packed = export_zip(session, file)
    for sentence in packed.left_out:
        print(f"Left out: {sentence}")
    print(f"{packed.path}: {packed.files} files, {size_text(packed.size_bytes)}.")


@app.command
def gc(folder: Path, *, remove: bool = False, trash: bool = False) -> None:
    """Show the files in a session's folder that nothing in it names; remove them only if asked.

    Files in the exports folder are listed and never touched: a DAW may be playing them.

    Parameters
    ----------
    folder
        The session's folder. To remove files it must not be open elsewhere.
    remove
        Remove the files that are shown.
    trash
        Also those of pruned variants, for good. Undo then ends here.
    """
    with Session.open(folder, read_only=not remove) as session:
        rubbish = find_rubbish(session)
        chosen = [*rubbish.files, *(rubbish.trash if trash else ())]
        for path in chosen:
            print(path)
        size = rubbish.size_bytes + (rubbish.trash_size_bytes if trash else 0)
        count = f"{len(chosen)} files, {size_text(size)}"
        if not remove:
            print(f"{count}, which nothing needs. To remove them, add --remove.")
        else:
            collect(session, trash=trash)
            print(f"Removed: {count}.")
        if rubbish.trash and not trash:
            print(
                f"In the trash: {len(rubbish.trash)} files, {size_text(rubbish.trash_size_bytes)}, "
                "which undo may bring back. To remove them too, add --trash."
            )
        for path in rubbish.exported:
            print(f"Exported, kept: {path}{'' if path.is_file() else ' (gone)'}")


def _listing(session: Session) -> Iterator[str]:
    yield from session.damage
    variants, jobs = session.variants(), session.jobs()
    for clip in session.clips():
        copied = ", copied" if clip.copy_path else ""
        yield f"Clip {clip.id}: {clip.name} ({clip.clip.path}{copied})"
        roots = [v for v in variants if v.clip_id == clip.id and v.parent_id is None]
        for root in roots:
            yield from _tree(root, variants, "  ")
    for job in jobs:
        why = f": {job.sentence}" if job.sentence else ""
        what = f"{job.operation} {job.styles} {job.length_said}".strip()
        yield f"Job {job.id}: {job.state}{why} ({' '.join(what.split())})"
    yield f"{len(session.clips())} clips, {len(variants)} variants, {len(jobs)} jobs."


def _tree(variant: Variant, every: list[Variant], indent: str) -> Iterator[str]:
    words = [f"variant {variant.id}", variant.name, "*" * variant.rating, variant.state]
    words += ["branch"] * variant.is_branch + ["hidden"] * variant.hidden
    seconds = variant.length_samples / variant.rate_hz
    said = " ".join(word for word in words if word)
    yield f"{indent}{said}, {seconds:.1f} s: {variant.audio_path}"
    for child in every:
        if child.parent_id == variant.id:
            yield from _tree(child, every, indent + "  ")
