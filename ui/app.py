"""`jukebox-studio` without a command, and `jukebox-studio window`: opens the window."""

from __future__ import annotations

import getpass
import logging
import sys
from pathlib import Path
from types import TracebackType

from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtNetwork import QLocalServer, QLocalSocket
from PyQt6.QtWidgets import QApplication

from jukebox_studio.client import EngineClient
from ui.daw_link import DawLink
from ui.diagnostics import log_path, note_crashes, start_log
from ui.first_start import is_project
from ui.garbage import GarbageCollector
from ui.helper_process import HELPER
from ui.language import speak
from ui.playback_link import remove_leftovers
from ui.player import Player
from ui.settings import SettingsStore, playback_settings
from ui.settings_file import settings_path
from ui.theme import THEMES, apply_theme
from ui.window import MainWindow

CONNECT_MILLISECONDS = 300
IDLE_MILLISECONDS = 3_000
SWITCH_SECONDS = 0.0005
_log = logging.getLogger(__name__)


def run(paths: list[Path]) -> int:
    """The exit code, once the window is closed."""
    app = application()
    folder = next((path for path in paths if is_project(path)), None)
    files = [path for path in paths if path != folder]
    # One window of a user; another project may be named, whose own lock then counts.
    server = None
    if folder is None:
        if tell_running(server_name(), files):
            return 0
        server = listen(server_name())
    log = log_path()
    fault = start_log(log)
    note_crashes(log)
    made = make_window(app, log)
    if server is not None:
        server.newConnection.connect(lambda: _heed(server, made))
    made.show()
    if fault:
        made.messages.say(fault, "warning")
    if made.store.fault:
        made.messages.say(made.store.fault, "warning")
    if folder is not None:
        made.open_project(folder)
    else:
        made.open_first_project()
    made.add_files(files)
    try:
        return app.exec()
    finally:
        HELPER.close()


def _import_midi() -> None:
    """What the settings need, in a thread, before anybody opens them."""
    import bridge.midi_map  # noqa: F401


def application() -> QApplication:
    """The one of this process, with its name."""
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication(sys.argv[:1])
    app.setApplicationName("Jukebox Studio")
    app.setDesktopFileName("jukebox-studio")
    QGuiApplication.setQuitOnLastWindowClosed(True)
    return app


def make_window(app: QApplication, log: Path) -> MainWindow:
    """The window with its engine, player and bridge; not shown, and without a project yet."""
    store = SettingsStore(settings_path())
    settings = store.settings
    speak(app, settings.language)
    apply_theme(app, THEMES[settings.theme])
    remove_leftovers()

    def make_engine() -> EngineClient:
        return EngineClient(threads=store.settings.engine_threads or None)

    made = MainWindow(
        store,
        make_engine,
        Player(playback_settings(settings)),
        DawLink(settings_path().with_name("midi-map.json")),
        log_path=log,
    )
    store.setParent(made)
    made.player.setParent(made)
    made.daw.setParent(made)
    if settings.uses_bridge:
        made.daw.start_bridge()
    if settings.uses_link:
        made.daw.set_link(True)
    if settings.uses_midi:
        made.daw.set_midi(True)
    sys.excepthook = _Hook(made)
    # How long a thread of ours that computes may keep the interpreter from the window, which asks
    # for it dozens of times for one key. With the usual 5 ms an import of SciPy holds it up twice
    # as long.
    sys.setswitchinterval(SWITCH_SECONDS)
    GarbageCollector(made)
    idle = QTimer(made)
    idle.setSingleShot(True)
    idle.timeout.connect(lambda: made.background.start(_import_midi, lambda _: None))
    idle.start(IDLE_MILLISECONDS)
    return made


class _Hook:
    """What no one caught is logged and told, and the window goes on."""

    def __init__(self, made: MainWindow) -> None:
        self._window = made

    def __call__(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._window.close()
            return
        _log.error("not caught", exc_info=(kind, error, trace))
        self._window.told_of_fault(f"{kind.__name__}: {error}")


# One window of a user ----------------------------------------------------------------------------


def server_name() -> str:
    return f"jukebox-studio-{getpass.getuser()}"


def tell_running(name: str, files: list[Path]) -> bool:
    """Whether a window is open already; it comes to the front and gets the files."""
    socket = QLocalSocket()
    socket.connectToServer(name)
    if not socket.waitForConnected(CONNECT_MILLISECONDS):
        return False
    socket.write(("\n".join(map(str, files)) + "\n").encode())
    socket.waitForBytesWritten(CONNECT_MILLISECONDS)
    socket.disconnectFromServer()
    return True


def listen(name: str) -> QLocalServer | None:
    """Hear of further starts; None where that cannot be, which only costs the convenience."""
    server = QLocalServer()
    server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
    if not server.listen(name):
        QLocalServer.removeServer(name)  # of one that was killed
        if not server.listen(name):
            _log.warning("no server: %s", server.errorString())
            return None
    return server


def _heed(server: QLocalServer, made: MainWindow) -> None:
    """Another start: come to the front, and take its files."""
    socket = server.nextPendingConnection()
    if socket is None:
        return

    def read() -> None:
        while socket.canReadLine():
            name = bytes(socket.readLine().data()).decode(errors="replace").strip()
            if name:
                made.add_files([Path(name)])

    socket.readyRead.connect(read)
    socket.disconnected.connect(socket.deleteLater)
    read()
    made.showNormal() if made.isMinimized() else made.show()
    made.raise_()
    made.activateWindow()
