"""One process of the window's for what computes with SciPy and the like.

Their imports hold the interpreter, and so the window, for a quarter of a second, in whatever thread
they are. Not a pool of Python's: its processes outlive a program that is killed, and one that ends
waits for them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from jukebox_studio.errors import JukeboxError
from ui.words import translate

P = ParamSpec("P")
T = TypeVar("T")
_COMMAND = (sys.executable, "-P", "-m", "ui.helper_process")
CLOSE_SECONDS = 1.0
_log = logging.getLogger(__name__)


class HelperProcess:
    """Begun when it is first needed, and kept; it ends when this process does."""

    def __init__(self, command: tuple[str, ...] = _COMMAND) -> None:
        self._command = command
        self._one_at_a_time = threading.Lock()
        self.popen: subprocess.Popen[bytes] | None = None

    def result(self, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Of a function of a module, waited for: to be called in a thread of `Background`.

        A process that died is begun anew, once. Raises what the work raises; JukeboxError where
        that process dies too.
        """
        with self._one_at_a_time:
            for is_last in (False, True):
                try:
                    made, error = self._asked((work, args, named))
                    break
                except (OSError, EOFError, pickle.UnpicklingError) as fault:
                    _log.warning("the helper process ended: %r", fault)
                    self.close()
                    if is_last:
                        raise JukeboxError(
                            translate(
                                "Project",
                                "The process that listens to files ended twice. Close other"
                                " programs and try again; where it is always one file, export that"
                                " again.",
                            )
                        ) from fault
        if error is not None:
            raise error
        return made  # type: ignore[no-any-return]

    def _asked(self, call: object) -> tuple[Any, Exception | None]:
        if self.popen is None:
            self.popen = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                start_new_session=True,  # Ctrl-C in a terminal is for the window
            )
        asked, answers = self.popen.stdin, self.popen.stdout
        if asked is None or answers is None:
            raise EOFError
        pickle.dump(call, asked)
        asked.flush()
        return pickle.load(answers)  # type: ignore[no-any-return]

    def close(self) -> None:
        """End it; what it works on is lost."""
        popen, self.popen = self.popen, None
        if popen is None:
            return
        popen.kill()
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            popen.wait(CLOSE_SECONDS)
            popen.communicate()


HELPER = HelperProcess()


def main() -> None:
    """Do what is asked for, until nobody is there to ask."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    while True:
        try:
            work, args, named = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        answer: tuple[Any, Exception | None]
        try:
            answer = work(*args, **named), None
        except JukeboxError as error:
            answer = None, error
        except Exception:
            answer = None, RuntimeError(traceback.format_exc())
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    main()
