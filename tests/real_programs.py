"""The programs that tests talk to: found, started apart from the machine's own, and ended."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def needed(*programs: str, package: str) -> None:
    """Skip where one is not installed; fail in CI, which has them all."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        cannot(f"{missing[0]} is not installed (Debian's package {package})")


def needed_file(pattern: str, *, package: str) -> None:
    """As `needed`, for something that is no program. pattern: an absolute path, `*` allowed."""
    if not glob.glob(pattern):
        cannot(f"there is no {pattern} (Debian's package {package})")


def cannot(why: str) -> None:
    """Skip, or fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"CI must have everything: {why}")
    pytest.skip(why)


def own_network() -> tuple[str, ...]:
    """The prefix that runs a command in a network of its own, with multicast over loopback."""
    needed("unshare", package="util-linux")
    needed("ip", package="iproute2")
    set_up = 'ip link set lo up multicast on && ip route add 224.0.0.0/4 dev lo && exec "$@"'
    for options in (("-n",), ("-rn",)):
        prefix = ("unshare", *options, "sh", "-c", set_up, "sh")
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
            return prefix
    # No program that could be installed: a container may forbid it.
    pytest.skip("this machine cannot make a network namespace")


@contextmanager
def running(
    *command: str, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A program without input or output, ended afterwards."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def jack_server() -> Iterator[dict[str, str]]:
    """A JACK server without sound cards; gives the environment that finds it."""
    # JACK has room for eight names on a machine, and gives that of a server that was killed to none
    # but the next one of the same name. So there are few, one for each run of the tests at once.
    options = ("-r", "-t", "10000", "-d", "dummy", "-r", "48000", "-p", "1024")
    for name in ("jukebox-test-1", "jukebox-test-2", "jukebox-test-3"):
        environment = os.environ | {"JACK_DEFAULT_SERVER": name, "JACK_NO_AUDIO_RESERVATION": "1"}
        with running("jackd", "-n", name, *options, environment=environment) as server:
            if _answers(server, environment):
                yield environment
                return
    pytest.fail("jackd ended at once, under each of its names")


def _answers(server: subprocess.Popen[bytes], environment: dict[str, str]) -> bool:
    """Whether a server is there and is this one, and not one of its name that was there before."""
    give_up = time.monotonic() + 30
    while server.poll() is None:
        asked = subprocess.run(["jack_lsp"], env=environment, capture_output=True, check=False)
        if asked.returncode == 0 and server.poll() is None:
            return True
        assert time.monotonic() < give_up, "jackd does not answer"
        time.sleep(0.1)
    return False
