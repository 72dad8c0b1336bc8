"""The commands `jukebox-studio daw install | remove | list`."""

from __future__ import annotations

import contextlib
import logging
import queue
from collections.abc import Callable, Iterator

from cyclopts import App

from bridge.conversation import Heard
from bridge.daws.ardour.install import ArdourInstaller
from bridge.daws.install import Done, Installer, installed_files
from bridge.daws.install import install as put_in_place
from bridge.daws.install import remove as take_out
from bridge.daws.live.ableton_osc import AbletonOSC, answer, follow
from bridge.daws.live.install import LiveInstaller
from bridge.daws.reaper.install import ReaperInstaller
from bridge.editor import running_port
from bridge.osc import Client
from bridge.token import load_token, token_path
from jukebox_studio.errors import JukeboxError

DAWS: dict[str, Callable[[], Installer]] = {
    "ardour": ArdourInstaller.here,
    "live": LiveInstaller.here,
    "reaper": ReaperInstaller.here,
}
"""By the name that is typed."""

app = App(name="daw", help="Put the scripts for a DAW in place, and take them out again.")


@app.command
def install(name: str) -> None:
    """Put a DAW's scripts in place. What was there is kept in a backup.

    Parameters
    ----------
    name
        One that `daw list` names.
    """
    _tell(put_in_place(name, _daw(name)))


@app.command
def remove(name: str) -> None:
    """Take a DAW's scripts out again.

    Parameters
    ----------
    name
        One that `daw list` names.
    """
    _tell(take_out(name, _daw(name)))


@app.command(name="list")
def list_daws() -> None:
    """List the DAWs that there are scripts for, and what of them is installed."""
    for name, daw in DAWS.items():
        found = installed_files(name)
        print(f"{name:10} {daw().title}: {'installed' if found else 'not installed'}")
        for path in found:
            print(f"           {path}")


@app.command
def fetch() -> None:
    """Ask the DAWs to send what is selected there. Give it a key of your system."""
    with _connected("Key") as client:
        client.send("fetch", {})
        client.wait()


@app.command(name="live-osc")
def live_osc(*, once: bool = False) -> None:
    """Send from Live through AbletonOSC, without our own script, until Ctrl-C.

    Parameters
    ----------
    once
        Send the selected Session clip and end, instead of waiting for `daw fetch`.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
    with AbletonOSC() as live, _connected("Live (AbletonOSC)", heard.put) as client:
        if once:
            answer(live, client, Heard("fetch", {}))
            return
        port = running_port()
        print("Live is connected; 'jukebox-studio daw fetch' sends the selected Session clip.")
        follow(live, client, heard, lambda: running_port() == port)


@contextlib.contextmanager
def _connected(name: str, on_heard: Callable[[Heard], None] | None = None) -> Iterator[Client]:
    """To the program that runs, as a DAW or controller of that name."""
    port = running_port()
    if port is None:
        raise JukeboxError("Jukebox Studio does not run; start it and try again.")
    with Client(load_token(token_path()), port, on_heard=on_heard) as client:
        client.hello(name)
        try:
            yield client
        finally:
            client.send("goodbye", {})
            client.wait()


def _daw(name: str) -> Installer:
    if name not in DAWS:
        raise JukeboxError(f"There are no scripts for {name!r}; choose one of {', '.join(DAWS)}.")
    return DAWS[name]()


def _tell(done: Done) -> None:
    for what, paths in (
        ("Kept what was there in", done.backups),
        ("Wrote", done.written),
        ("Deleted", done.deleted),
    ):
        for path in paths:
            print(f"{what} {path}")
    for note in done.notes:
        print(note)
