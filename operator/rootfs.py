"""Fills a folder with what the operator's image has of its base: Python, shared libraries, certificates (DD-RELEASE-001).

The Dockerfile runs `python3 rootfs.py BASE ROOT` where it builds. BASE holds the base image of the target, which can be of another
architecture: none of its programs is run. ROOT holds the Python packages already, in app/lib.
"""

from __future__ import annotations

import shutil
import struct
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

USER: Final = 65532
"""kopf asks for the name of the user that it runs as, so there must be one."""
FILES: Final = {
    "etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\n"
    f"notification:x:{USER}:{USER}:notification operator:/nonexistent:/sbin/nologin\n",
    "etc/group": f"root:x:0:\nnotification:x:{USER}:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}
LINKS: Final = {
    "usr/lib/ssl/cert.pem": "/etc/ssl/certs/ca-certificates.crt",
    "usr/lib/ssl/certs": "/etc/ssl/certs",
    "usr/lib/ssl/openssl.cnf": "/etc/ssl/openssl.cnf",
}
COPIED: Final = ("etc/ssl/certs/ca-certificates.crt", "etc/ssl/openssl.cnf", "etc/os-release")
LEFT_OUT: Final = shutil.ignore_patterns(
    *(
        "__pycache__",
        "test",
        "idlelib",
        "tkinter",
        "turtledemo",
        "turtle.py",
        "lib2to3",
        "ensurepip",
        "pydoc_data",
    ),
    *("distutils", "nis.*", "config-*", "site-packages", "dist-packages", "*.a", "libpython*"),
    *(
        "sqlite3",
        "_sqlite3*",
        "_tkinter*",
        "_curses*",
        "curses",
        "readline*",
        "_dbm*",
        "_gdbm*",
        "_test*",
        "_ctypes_test*",
    ),
)
"""Parts of the standard library that no service uses."""
ELF: Final = b"\x7fELF"
LOAD, DYNAMIC, INTERPRETER = 1, 2, 3
NEEDED, STRING_TABLE = 1, 5
PACKAGES: Final = "var/lib/dpkg"
GENERATED_BY: Final = ("/usr/sbin/update-ca-certificates", "/usr/lib/os-release")
"""Files of the packages that the files in COPIED come from."""


def fill(base: Path, root: Path) -> None:
    """Copy from `base` to `root`.

    Raises:
        FileNotFoundError: the base lacks a library that a program or a package needs.
    """
    python, library = Path(sys.executable).resolve(), Path(sysconfig.get_path("stdlib"))
    shutil.copytree(_below(base, library), _below(root, library), ignore=LEFT_OUT)
    _copy(_below(base, python), _below(root, python))
    _below(root, python.with_name("python3")).symlink_to(python.name)
    libraries = copy_libraries(base, root)
    for name in COPIED:
        _copy(base / name, root / name)
    for name, text in FILES.items():
        (root / name).write_text(text, "utf-8")
    for name, target in LINKS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)
    (root / "tmp").mkdir(mode=0o1777)
    (root / "tmp").chmod(0o1777)
    record_packages(base, root, {*libraries, str(python), str(library / "os.py"), *GENERATED_BY})


def _below(folder: Path, path: Path) -> Path:
    return folder / path.relative_to("/")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def copy_libraries(base: Path, root: Path) -> set[str]:
    """Copy the libraries that the programs in `root` load, directly and indirectly; return the path of each in the base.

    They go to the loader's own folder, because there is no cache that names other ones.

    Raises:
        FileNotFoundError: the base lacks a library.
    """
    (libc,) = base.glob("usr/lib/*/libc.so.6")
    present = {file.name for file in root.rglob("*.so*")}
    waiting = [file for file in sorted(root.rglob("*")) if file.is_file() and _is_elf(file)]
    taken: set[str] = set()
    # Threads load it by its name when they end.
    names = {"libgcc_s.so.1"}
    while waiting or names:
        # The loader is in its own place, which programs name.
        for name in sorted(name for name in names - present if not name.startswith("ld-linux")):
            source = _found((libc.parent, base / "usr/local/lib"), name)
            waiting.append(root / libc.parent.relative_to(base) / name)
            _copy(source, waiting[-1])
            taken.add(f"/{source.relative_to(base)}")
        present |= names
        interpreter, names = dynamic(waiting.pop().read_bytes()) if waiting else ("", set())
        if interpreter and not (root / interpreter[1:]).exists():
            _copy(_found((libc.parent,), Path(interpreter).name), root / interpreter[1:])
    return taken


def _found(folders: Iterable[Path], name: str) -> Path:
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"the base image has no {name}, which a program or a Python package needs")


def _is_elf(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(ELF)) == ELF


def dynamic(program: bytes) -> tuple[str, set[str]]:
    """Return the loader that a program of 64 bits names, or "", and the names of the libraries that it needs."""
    start, size, count = *struct.unpack_from("<Q", program, 32), *struct.unpack_from("<HH", program, 54)
    headers = [struct.unpack_from("<I4xQQ8xQ", program, start + size * number) for number in range(count)]
    loads = [header for header in headers if header[0] == LOAD]
    interpreter = ""
    entries: list[tuple[int, int]] = []
    for kind, offset, _, length in headers:
        if kind == INTERPRETER:
            interpreter = _text(program, offset)
        elif kind == DYNAMIC:
            entries += struct.iter_unpack("<QQ", program[offset : offset + length])
    table = dict(entries).get(STRING_TABLE, 0)
    strings = next((table - at + offset for _, offset, at, length in loads if at <= table < at + length), 0)
    return interpreter, {_text(program, strings + value) for tag, value in entries if tag == NEEDED}


def _text(program: bytes, offset: int) -> str:
    return program[offset : program.index(0, offset)].decode()


def record_packages(base: Path, root: Path, taken: set[str]) -> None:
    """Record each Debian package that a file comes from, where scanners look for it: one file in status.d each."""
    owners = {
        file.stem.partition(":")[0]
        for file in (base / PACKAGES / "info").glob("*.list")
        if {_merged(line) for line in file.read_text("utf-8").splitlines()} & set(map(_merged, taken))
    }
    records = root / PACKAGES / "status.d"
    records.mkdir(parents=True)
    for stanza in (base / PACKAGES / "status").read_text("utf-8").split("\n\n"):
        name = stanza.partition("\n")[0].removeprefix("Package: ")
        if name in owners:
            (records / name).write_text(f"{stanza.strip()}\n", "utf-8")


def _merged(path: str) -> str:
    """Return a path without /usr: packages name either place of a file."""
    return path.removeprefix("/usr")


if __name__ == "__main__":
    fill(Path(sys.argv[1]), Path(sys.argv[2]))
