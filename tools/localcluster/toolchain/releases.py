"""Official releases: downloaded, checked against the SHA-256 published beside them, unpacked.

The checksum comes from the same host as the file, over TLS: it guards against a damaged or half
download, and no more than TLS does against a host that lies.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tools.localcluster.toolchain.layout import architecture

if TYPE_CHECKING:
    from pathlib import Path
    from urllib.response import addinfourl

    from tools.localcluster.toolchain.group import Asset, Group

ANSWER_SECONDS = 4.0
_READ_SECONDS = 20.0
_NOT_FOUND = 404
_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")


class ReleaseUnavailableError(Exception):
    """The release cannot be had or trusted; the text says why."""


class Hosts:
    """Remembers which hosts answer, so that a silent one costs a few seconds once."""

    def __init__(self, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._answer_seconds = answer_seconds
        self._known: dict[str, bool] = {}
        self._lock = threading.Lock()

    def answers(self, host: str) -> bool:
        """Whether `host` answered a first request in time; asked once in a run."""
        with self._lock:
            if host not in self._known:
                self._known[host] = self._ask(host)
            return self._known[host]

    def give_up(self, host: str) -> None:
        """Nothing more is asked of this host."""
        with self._lock:
            self._known[host] = False

    def _ask(self, host: str) -> bool:
        answered = threading.Event()

        def head() -> None:
            request = urllib.request.Request(f"https://{host}/", method="HEAD")
            try:
                urllib.request.urlopen(request, timeout=self._answer_seconds).close()  # noqa: S310 (likewise)
            except urllib.error.HTTPError:
                answered.set()
            except OSError:
                return
            answered.set()

        # A thread, because looking up a name takes no timeout.
        asker = threading.Thread(target=head, daemon=True)
        asker.start()
        asker.join(self._answer_seconds + 1)
        return answered.is_set()


def fetch(group: Group, into: Path, hosts: Hosts) -> None:
    """Puts the group's released programs into the folder `into`.

    Raises:
        ReleaseUnavailableError: No release is known, a host does not answer, or a checksum differs.
    """
    if not group.assets:
        raise ReleaseUnavailableError("nothing is released")
    for asset in group.assets:
        _fetch_asset(asset, into, hosts)


def _fetch_asset(asset: Asset, into: Path, hosts: Hosts) -> None:
    arch = architecture()
    names = {"arch": arch, "pulumi_arch": "x64" if arch == "amd64" else arch}
    url = asset.url.format(**names)
    file = into / url.rsplit("/", 1)[1]
    expected = expected_sha256(_text(asset.checksum_url.format(**names), hosts), file.name)
    _download(url, file, hosts)
    with file.open("rb") as content:
        actual = hashlib.file_digest(content, "sha256").hexdigest()
    if actual != expected:
        file.unlink()
        raise ReleaseUnavailableError(f"{url} has SHA-256 {actual}, published is {expected}")
    members = {program: member.format(**names) for program, member in asset.members.items()}
    unpack(file, members, into)


def expected_sha256(published: str, name: str) -> str:
    """The checksum of `name` in a checksum file: a list of "hash  name", or one hash alone.

    Raises:
        ReleaseUnavailableError: The file does not name it.
    """
    lines = [line for line in published.splitlines() if _SHA256.search(line)]
    for line in lines:
        words = line.split()
        if len(words) == 1 or words[-1].lstrip("*").rsplit("/", 1)[-1] == name:
            return str(_SHA256.findall(line)[0])
    raise ReleaseUnavailableError(f"the published checksums do not name {name}")


def unpack(file: Path, members: dict[str, str], into: Path) -> None:
    """Moves the programs out of an archive (or the file itself, path "") to `into`, runnable."""
    for program, member in members.items():
        target = into / program
        if member:
            with tarfile.open(file) as archive:
                source = archive.extractfile(member)
                if source is None:
                    raise ReleaseUnavailableError(f"{file.name} holds no file {member}")
                with source, target.open("wb") as output:
                    shutil.copyfileobj(source, output)
        target.chmod(0o755)
    if "" not in members.values():
        file.unlink()


def _text(url: str, hosts: Hosts) -> str:
    try:
        with _open(url, hosts) as answer:
            return str(answer.read(), "utf-8")
    except OSError as error:
        raise ReleaseUnavailableError(f"{url}: {error}") from error


def _download(url: str, file: Path, hosts: Hosts) -> None:
    try:
        with _open(url, hosts) as answer, file.open("wb") as output:
            shutil.copyfileobj(answer, output, 1 << 20)
    except OSError as error:
        raise ReleaseUnavailableError(f"{url}: {error}") from error


def _open(url: str, hosts: Hosts) -> addinfourl:
    host = urlsplit(url).netloc
    if not hosts.answers(host):
        raise ReleaseUnavailableError(f"{host} does not answer")
    try:
        answer: addinfourl = urllib.request.urlopen(url, timeout=_READ_SECONDS)  # noqa: S310 (the pins are https)
    except OSError as error:
        # A 404 concerns this file alone; anything else would meet the next file of this host too.
        if not (isinstance(error, urllib.error.HTTPError) and error.code == _NOT_FOUND):
            hosts.give_up(host)
        raise ReleaseUnavailableError(f"{url}: {error}") from error
    return answer
