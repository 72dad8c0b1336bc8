"""Fetch the pinned Debian packages and read verified files out of them."""

import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

from errors import RecipeError

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Package:
    """A Debian package: its exact version and the SHA-256 of the .deb file."""

    name: str
    version: str
    sha256: str
    use: str


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pinned_packages(use: str) -> list[Package]:
    """Return the pinned packages that a part of the recipe ("music" or "singing") needs."""
    pins = json.loads((HERE / "packages.json").read_text(encoding="utf-8"))
    packages = [Package(**pin) for pin in pins["packages"]]
    return [package for package in packages if package.use == use]


def fetch(package: Package, cache: Path) -> Path:
    """Return the folder with the unpacked package; download and unpack it when it is missing.

    The folder appears only after the .deb has matched its pin, so its being there is enough.
    """
    folder = cache / f"{package.name}_{package.version.replace(':', '%3a')}"
    if folder.is_dir():
        return folder
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise RecipeError(
                f"The recipe needs the program {tool}, which Debian and Ubuntu have and this "
                "system has not. Run it on Debian 12, for example in a container."
            )
    cache.mkdir(parents=True, exist_ok=True)
    deb = _downloaded(package, cache)
    found = sha256_of(deb)
    if found != package.sha256:
        deb.unlink()
        raise RecipeError(
            f"{deb.name} is not the pinned file: its SHA-256 is {found}, expected "
            f"{package.sha256}. It was deleted; run the command again."
        )
    unpacking = folder.with_name(folder.name + ".unpacking")
    shutil.rmtree(unpacking, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-x", str(deb), str(unpacking)], check=True)
    os.replace(unpacking, folder)
    return folder


def require_installed(packages: list[Package]) -> None:
    """Make sure that programs and voices are installed in their pinned versions.

    The same words sung by another version would be other bytes. apt checks the files' hashes
    against the signed index itself.
    """
    wanted = [f"{p.name}={p.version}" for p in packages if _installed_version(p) != p.version]
    if not wanted:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *wanted]
    sentence = f"The recipe needs these Debian 12 packages: run `{' '.join(command)}` as root."
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise RecipeError(sentence)
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        raise RecipeError(f"apt-get could not install what is missing. {sentence}")


def _installed_version(package: Package) -> str:
    if shutil.which("dpkg-query") is None:
        return ""
    command = ["dpkg-query", "--show", "--showformat=${Version}", package.name]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _downloaded(package: Package, cache: Path) -> Path:
    """Return the .deb of a package in the cache, downloading it when it is not there."""
    version = package.version.replace(":", "%3a")
    for deb in cache.glob(f"{package.name}_{version}_*.deb"):
        return deb
    result = subprocess.run(
        ["apt-get", "download", f"{package.name}={package.version}"],
        cwd=cache,
        capture_output=True,
        text=True,
        check=False,
    )
    for deb in cache.glob(f"{package.name}_{version}_*.deb"):
        return deb
    raise RecipeError(
        f"apt-get could not download {package.name} {package.version}. Run `apt-get update` and "
        f"try again; this recipe is written for Debian 12. apt-get said: {result.stderr.strip()}"
    )


def read_verified(folder: Path, file: str, sha256: str) -> bytes:
    """Return the bytes of a file of an unpacked package and check them against the pin.

    `file` is a path in the package; "archive!member" names a file in a zip archive.
    """
    name, _, member = file.partition("!")
    path = folder / name
    if not path.is_file():
        raise RecipeError(f"The package folder {folder} lacks {name}; delete it and run again.")
    if member:
        with zipfile.ZipFile(path) as archive:
            data = archive.read(member)
    else:
        data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise RecipeError(
            f"{file} in {folder} is not the pinned file: SHA-256 {found}, expected {sha256}. "
            "Delete that folder and run again."
        )
    return data
