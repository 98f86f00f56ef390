"""Official releases: downloaded, checked against the SHA-256 in checksums.txt, unpacked.

That file is not part of a group's pins, because those determine the name of a group in the cache: a checksum that is added later
requires no new build. A file that is not in it is refused: a checksum of its own host would not protect against that (DD-SUPPLY-001).
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from tools.localcluster.toolchain.layout import LINUX, RELEASED, Machine, this_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from urllib.response import addinfourl

    from tools.localcluster.toolchain.sources.pins import Asset, Group

CONNECT_SECONDS = 4.0
_READ_SECONDS = 20.0
_PART_BYTES = 1 << 20
_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")


class ReleaseUnavailableError(Exception):
    """The release is not available or not valid; the message says why."""


class Hosts:
    """Remembers which hosts answer, so that an unreachable host costs a few seconds only once."""

    def __init__(self) -> None:
        self._reachable: dict[str, bool] = {}
        self._lock = threading.Lock()

    def answers(self, host: str) -> bool:
        """Return whether `host` answered its first request of this run in time."""
        with self._lock:
            if host not in self._reachable:
                self._reachable[host] = self._probe(host)
            return self._reachable[host]

    def mark_unreachable(self, host: str) -> None:
        with self._lock:
            self._reachable[host] = False

    def _probe(self, host: str) -> bool:
        answered = threading.Event()

        def head() -> None:
            request = _request(f"https://{host}/", method="HEAD")
            try:
                urllib.request.urlopen(request, timeout=CONNECT_SECONDS).close()  # noqa: S310 - an https URL
            except urllib.error.HTTPError as error:
                error.close()
            except OSError:
                return
            answered.set()

        # A thread, because the lookup of a name has no timeout.
        thread = threading.Thread(target=head, daemon=True)
        thread.start()
        thread.join(CONNECT_SECONDS + 1)
        return answered.is_set()


def size(group: Group, hosts: Hosts) -> int:
    """Return the bytes of the group's release files, or 0 if a host does not say how large a file is.

    Raises:
        ReleaseUnavailableError: the group has no release, or a host does not answer or does not have it.
    """
    sizes = [_size(file, hosts) for file in files_of(group)]
    return sum(sizes) if all(sizes) else 0


def _size(file: ReleaseFile, hosts: Hosts) -> int:
    try:
        with _open(_request(file.url, method="HEAD"), hosts) as response:
            return int(response.headers.get("Content-Length") or 0)
    except ReleaseUnavailableError as error:
        refusal = error.__cause__
        # A host that refuses HEAD may still answer GET.
        if isinstance(refusal, urllib.error.HTTPError) and refusal.code != HTTPStatus.NOT_FOUND:
            return 0
        raise


def fetch(group: Group, into: Path, hosts: Hosts, received: Callable[[int], None] = lambda _: None) -> None:
    """Download the group's released programs into the folder `into`; `received` gets the bytes of each part.

    Raises:
        ReleaseUnavailableError: the group has no release, a checksum differs, or a host does not answer.
    """
    expected = pinned()
    for file in files_of(group):
        checksum = expected[file.url]
        target = into / file.name
        _download(file.url, target, hosts, received)
        with target.open("rb") as content:
            actual = hashlib.file_digest(content, "sha256").hexdigest()
        if actual != checksum:
            target.unlink()
            raise ReleaseUnavailableError(
                f"{file.url} has the SHA-256 {actual}; the expected one is {checksum}"
            )
        unpack(target, file.members, into)


def files_of(group: Group) -> list[ReleaseFile]:
    """Return the group's release files for this machine.

    Raises:
        ReleaseUnavailableError: there are none, or one has no checksum.
    """
    if not group.assets:
        raise ReleaseUnavailableError("there is no release")
    machine = this_machine()
    if machine not in machines_of(group):
        raise ReleaseUnavailableError(f"there is no release for {machine.system} on {machine.architecture}")
    files = [ReleaseFile.of(asset, machine) for asset in group.assets]
    for missing in (file.url for file in files if file.url not in pinned()):
        raise ReleaseUnavailableError(
            f"checksums.txt has no line for {missing}; compare the output of python3 -m tools.localcluster.toolchain "
            f"--checksums --only {group.name} with a second source, and add it"
        )
    return files


def machines_of(group: Group) -> list[Machine]:
    """Return the machines that a group has releases for."""
    return [machine for machine in RELEASED if group.portable or machine.system == LINUX]


def published(group: Group, hosts: Hosts) -> Iterator[str]:
    """Yield the lines of checksums.txt for the group's release, as its hosts publish them, for every machine."""
    for asset in group.assets:
        for machine in machines_of(group):
            file = ReleaseFile.of(asset, machine)
            yield f"{expected_sha256(_text(file.checksum_url, hosts), file.name)}  {file.url}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFile:
    """A release file for one machine; `members` maps a program to its path inside the archive."""

    url: str
    checksum_url: str
    members: dict[str, str]

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[1]

    @classmethod
    def of(cls, asset: Asset, machine: Machine) -> ReleaseFile:
        arch = machine.architecture
        names = {"os": machine.system, "arch": arch, "pulumi_arch": "x64" if arch == "amd64" else arch}
        return cls(
            url=asset.url.format(**names),
            checksum_url=asset.checksum_url.format(**names),
            members={program: member.format(**names) for program, member in asset.members.items()},
        )


def expected_sha256(published: str, name: str) -> str:
    """Return the checksum of `name` from a checksum file: lines of "hash  name", or a single hash."""
    lines = [line for line in published.splitlines() if _SHA256.search(line)]
    for line in lines:
        words = line.split()
        if len(words) == 1 or words[-1].lstrip("*").rsplit("/", 1)[-1] == name:
            return str(_SHA256.findall(line)[0])
    raise ReleaseUnavailableError(f"the published checksums do not name {name}")


def unpack(file: Path, members: dict[str, str], into: Path) -> None:
    """Extract the programs from an archive into `into` and make them executable; the path "" means the file itself."""
    programs = {member: program for program, member in members.items() if member}
    if programs:
        _extract(file, programs, into)
        file.unlink()
    for program in members:
        (into / program).chmod(0o755)


def _extract(file: Path, programs: dict[str, str], into: Path) -> None:
    missing = set(programs)
    with tarfile.open(file) as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if name in missing and (source := archive.extractfile(member)) is not None:
                missing.remove(name)
                with source, (into / programs[name]).open("wb") as output:
                    shutil.copyfileobj(source, output)
                if not missing:
                    return
    raise ReleaseUnavailableError(f"{file.name} does not contain {', '.join(sorted(missing))}")


def _text(url: str, hosts: Hosts) -> str:
    try:
        with _open(_request(url), hosts) as response:
            return str(response.read(), "utf-8")
    except OSError as error:
        raise ReleaseUnavailableError(f"{url}: {error}") from error


def _download(url: str, file: Path, hosts: Hosts, received: Callable[[int], None]) -> None:
    try:
        with _open(_request(url), hosts) as response, file.open("wb") as output:
            while part := response.read(_PART_BYTES):
                received(output.write(part))
    except OSError as error:
        raise ReleaseUnavailableError(f"{url}: {error}") from error


def _request(url: str, method: str = "GET") -> urllib.request.Request:
    return urllib.request.Request(url, method=method)  # noqa: S310 - the pins are https


def _open(request: urllib.request.Request, hosts: Hosts) -> addinfourl:
    url, host = request.full_url, request.host
    if not hosts.answers(host):
        raise ReleaseUnavailableError(f"{host} does not answer")
    try:
        response: addinfourl = urllib.request.urlopen(request, timeout=_READ_SECONDS)  # noqa: S310 - the pins are https
    except OSError as error:
        # An answer concerns only this request; any other failure would also fail the host's other files.
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        else:
            hosts.mark_unreachable(host)
        raise ReleaseUnavailableError(f"{url}: {error}") from error
    return response


CHECKSUMS = Path(__file__).with_name("checksums.txt")
_CHECKSUM_LINE = re.compile(r"(?P<checksum>[0-9a-f]{64})  (?P<address>https://\S+)")


def pinned(file: Path = CHECKSUMS) -> dict[str, str]:
    """Return the checksum of each address."""
    checksums: dict[str, str] = {}
    for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        match = _CHECKSUM_LINE.fullmatch(line)
        if match is None or match["address"] in checksums:
            raise ValueError(f"{file.name}, line {number}: invalid or repeated: {line}")
        checksums[match["address"]] = match["checksum"]
    return checksums
