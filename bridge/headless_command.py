"""The command `jukebox-studio bridge`."""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import platformdirs

from bridge.headless import Headless, OperationName, Settings
from bridge.osc import LOOPBACK
from bridge.paths import Roots
from bridge.protocol import DEFAULT_PORT
from bridge.server import Bridge, tell_where
from bridge.spool import Spool, spool_folder
from bridge.token import configuration_folder, load_token, token_path
from bridge.watched import Watched
from jukebox_studio.bundle import check_usable, find_bundle
from jukebox_studio.client import EngineClient
from jukebox_studio.errors import JukeboxError
from jukebox_studio.job_queue import FolderJobStore, JobQueue
from jukebox_studio.session import Session
from jukebox_studio.worker_link import default_threads

POLL_SECONDS = 0.5
IDLE_SECONDS = 15.0

log = logging.getLogger(__name__)


def run_bridge(
    *,
    session: Path | None = None,
    model: str = "starter",
    operation: OperationName = "continue",
    bars: float = 4.0,
    variants: int = 3,
    keep: float = 0.5,
    artist: str = "",
    artist_b: str = "",
    on_clip: bool = False,
    insert: bool = False,
    port: int = DEFAULT_PORT,
    host: str = LOOPBACK,
    on_network: bool = False,
    root: tuple[Path, ...] = (),
    watch: tuple[Path, ...] = (),
    tempo: float = 120.0,
    until_idle: bool = False,
    threads: int = 0,
) -> None:
    """Run bridge and engine without a window, until Ctrl-C; what is done is logged.

    Parameters
    ----------
    session
        The session's folder, made where there is none; else one in the user's data folder.
    model
        Name or folder of the model.
    operation
        What is made of a clip where a message leaves it open.
    bars
        Length of continuations.
    variants
        How many of each.
    keep
        How much of the clip is kept, from 0 to 1.
    artist
        In whose style: a name, or a blend like A:0.5,B:0.5.
    artist_b
        The style at the other end of the `blend` message.
    on_clip
        Render each clip as it arrives.
    insert
        Put the first variant of each render on the DAW's timeline.
    port
        Where to listen, or the next free one.
    host
        The address to listen at.
    on_network
        Allow an address that other machines reach. Messages need the token either way.
    root
        Folders that messages may name files in; else the home folder and removable disks.
    watch
        Folders in which each new audio file becomes a clip, as of bounces in place.
    tempo
        Quarter notes per minute of the files in watched folders.
    until_idle
        End by itself once nobody is connected and nothing is rendered.
    threads
        Processor threads; 0 leaves one core free for the DAW.
    """
    settings = Settings(
        find_bundle(model).folder.resolve(),
        operation,
        bars,
        variants,
        keep,
        (artist, artist_b),
        on_clip=on_clip,
        insert_first=insert,
    )
    check_usable(find_bundle(model))
    roots = Roots.of(root) if root else Roots.usual()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    opened = running(settings, session, roots, threads, host=host, port=port, on_network=on_network)
    with opened as (headless, bridge), contextlib.ExitStack() as stack:
        if watch:
            stack.enter_context(Watched(watch, Fraction(str(tempo)), headless.came))
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGTERM, lambda *_: stop.set())
        idle_since = time.monotonic()
        while not stop.wait(POLL_SECONDS):  # a wait without an end hears no Ctrl-C on Windows
            if bridge.service.peers or headless.is_busy:
                idle_since = time.monotonic()
            if until_idle and time.monotonic() - idle_since > IDLE_SECONDS:
                break
        log.info("Ending; what was rendered so far is kept")


@contextlib.contextmanager
def running(
    settings: Settings,
    session: Path | None,
    roots: Roots,
    threads: int,
    *,
    host: str = LOOPBACK,
    port: int = DEFAULT_PORT,
    on_network: bool = False,
) -> Iterator[tuple[Headless, Bridge]]:
    """Bridge, engine, session and queue, ended in the right order."""
    token = load_token(token_path())
    with contextlib.ExitStack() as stack:
        opened = stack.enter_context(_session(session or _usual_session()))
        store = stack.enter_context(FolderJobStore(opened.folder / "queue"))
        engine = EngineClient(threads or default_threads())
        queue = stack.enter_context(JobQueue(engine, store))
        headless = Headless(opened, queue, settings)
        bridge = stack.enter_context(
            Bridge(
                headless,
                token,
                roots,
                spool=Spool(spool_folder()),
                host=host,
                port=port,
                on_network=on_network,
            )
        )
        headless.tell = bridge.send
        queue.resume()  # what an earlier start left undone
        where = configuration_folder() / "bridge.json"
        tell_where(where, bridge, spool_folder())
        stack.callback(_untell, where, bridge)
        if bridge.note:
            log.warning("%s", bridge.note)
        log.info(
            "Listening at %s, port %d; exchange folder %s; session %s; model %s",
            bridge.host,
            bridge.port,
            spool_folder(),
            opened.folder,
            settings.model,
        )
        yield headless, bridge


def _untell(where: Path, bridge: Bridge) -> None:
    """So that scripts do not write to a program that has ended."""
    try:
        if json.loads(where.read_bytes())["port"] == bridge.port:
            where.unlink()
    except (OSError, ValueError, KeyError):
        return


def _usual_session() -> Path:
    return platformdirs.user_data_path("jukebox-studio", appauthor=False) / "bridge-session"


def _session(folder: Path) -> Session:
    try:
        return Session.open(folder)
    except JukeboxError:
        if (folder / "session.sqlite").exists():
            raise
        return Session.create(folder)
