"""What the operator's image takes of its base: each library that a program in it needs, and the records of their packages."""

from __future__ import annotations

import shutil
import struct
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from tools.platform.pulumi.environment import ROOT

LIBRARIES = "usr/lib/x86_64-linux-gnu"
OTHER = "usr/local/lib"


def _rootfs() -> Any:
    spec = spec_from_file_location("rootfs", ROOT / "operator" / "rootfs.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rootfs = _rootfs()


def program(*needed: str, loader: str = "") -> bytes:
    """Return a program of 64 bits that needs these libraries; its addresses are 4096 more than its offsets."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in needed)
    offsets = [names.index(name.encode()) for name in needed]
    header, entry = 64, 56
    strings = header + 3 * entry
    dynamic_at = strings + len(names)
    entries = b"".join(struct.pack("<QQ", 1, offset) for offset in offsets)
    entries += struct.pack("<QQQQ", 5, 4096 + strings, 0, 0)
    loader_at = dynamic_at + len(entries)
    end = loader_at + len(loader) + 1
    segments = [(1, 0, 4096, end), (2, dynamic_at, 4096 + dynamic_at, len(entries))]
    segments.append((3, loader_at, 4096 + loader_at, len(loader) + 1) if loader else (0, 0, 0, 0))
    table = b"".join(
        struct.pack("<IIQQQQQQ", kind, 0, at, v, v, size, size, 0) for kind, at, v, size in segments
    )
    start = b"\x7fELF\x02\x01\x01".ljust(32, b"\0") + struct.pack(
        "<QQIHHHHHH", header, 0, 0, 64, entry, 3, 0, 0, 0
    )
    return start + table + names + entries + loader.encode() + b"\0"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A base image with a loader, the libraries of C and TLS, and one of Python outside of the loader's folder."""
    files = {
        f"{LIBRARIES}/ld-linux-x86-64.so.2": program(),
        f"{LIBRARIES}/libc.so.6": program("ld-linux-x86-64.so.2"),
        f"{LIBRARIES}/libgcc_s.so.1": program("libc.so.6"),
        f"{LIBRARIES}/libssl.so.3": program("libcrypto.so.3", "libc.so.6"),
        f"{LIBRARIES}/libcrypto.so.3": program("libc.so.6"),
        f"{LIBRARIES}/libunused.so.1": program("libc.so.6"),
        f"{OTHER}/libpython3.13.so.1.0": program("libc.so.6"),
    }
    for name, content in files.items():
        (tmp_path / "base" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "base" / name).write_bytes(content)
    return tmp_path / "base"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An image with a program, and a package that brings a library."""
    folder = tmp_path / "root"
    (folder / "app" / "lib" / "package.libs").mkdir(parents=True)
    (folder / "app" / "python3").write_bytes(
        program("libpython3.13.so.1.0", loader="/lib64/ld-linux-x86-64.so.2")
    )
    (folder / "app" / "lib" / "fast.so").write_bytes(program("libssl.so.3", "libbrought-1.so"))
    (folder / "app" / "lib" / "package.libs" / "libbrought-1.so").write_bytes(program("libc.so.6"))
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="the interpreter is a program of Linux")
def test_needs_of_the_interpreter_are_read() -> None:
    loader, needed = rootfs.dynamic(Path(sys.executable).resolve().read_bytes())
    assert Path(loader).exists()
    assert "libc.so.6" in needed


def test_libraries_are_copied_with_those_that_they_need(base: Path, root: Path) -> None:
    taken = rootfs.copy_libraries(base, root)
    names = {file.name for file in (root / LIBRARIES).iterdir()}
    assert names == {"libc.so.6", "libgcc_s.so.1", "libssl.so.3", "libcrypto.so.3", "libpython3.13.so.1.0"}
    assert (root / "lib64" / "ld-linux-x86-64.so.2").is_file()
    assert f"/{OTHER}/libpython3.13.so.1.0" in taken


def test_library_that_the_base_lacks_is_named(base: Path, root: Path) -> None:
    (base / LIBRARIES / "libcrypto.so.3").unlink()
    with pytest.raises(FileNotFoundError, match=r"the base image has no libcrypto\.so\.3"):
        rootfs.copy_libraries(base, root)


def test_packages_of_the_files_are_recorded_for_scanners(base: Path, root: Path) -> None:
    lists = base / "var/lib/dpkg/info"
    lists.mkdir(parents=True)
    (lists / "libc6:amd64.list").write_text("/.\n/lib/x86_64-linux-gnu/libc.so.6\n")
    (lists / "bash.list").write_text("/bin/bash\n")
    (lists.parent / "status").write_text("Package: bash\nVersion: 5\n\nPackage: libc6\nVersion: 2.41\n\n")
    rootfs.record_packages(base, root, {"/usr/lib/x86_64-linux-gnu/libc.so.6"})
    recorded = {file.name: file.read_text() for file in (root / "var/lib/dpkg/status.d").iterdir()}
    assert recorded == {"libc6": "Package: libc6\nVersion: 2.41\n"}


def test_standard_library_has_no_part_that_no_service_uses(tmp_path: Path) -> None:
    library = tmp_path / "python"
    for name in ("asyncio", "test", "ensurepip", "site-packages", "__pycache__"):
        (library / name).mkdir(parents=True)
    shutil.copytree(library, tmp_path / "copy", ignore=rootfs.LEFT_OUT)
    assert [file.name for file in (tmp_path / "copy").iterdir()] == ["asyncio"]
