"""The toolchain without network and compiler."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.request
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from tests.harness.release_hosts import release_hosts
from tools.localcluster.toolchain import (
    ToolchainError,
    ensure,
    gobuild,
    layout,
    plan,
    resolve,
)
from tools.localcluster.toolchain.processes import Children
from tools.localcluster.toolchain.sources import releases
from tools.localcluster.toolchain.sources.pins import GROUPS, Copied, Group
from tools.platform.pulumi.environment import ENGINE_GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.release_hosts import ReleaseHosts

ETCD = next(group for group in GROUPS if group.name == "etcd")
PROMETHEUS = next(group for group in GROUPS if group.name == "prometheus")
KUBERNETES = next(group for group in GROUPS if group.name == "kubernetes")
PULUMI, PROVIDER = (group for group in GROUPS if group.name in ENGINE_GROUPS)
ARCHITECTURE = layout.architecture()
SOURCE = ETCD.assets[0].url.format(arch=ARCHITECTURE)
PINNED = releases.pinned
ANSWERS = releases.Hosts.answers


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NOTIFICATION_PLATFORM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(releases.Hosts, "answers", lambda _self, _host: False)
    return tmp_path / "cache"


@dataclass(slots=True)
class Served:
    """The checksum file, and the release hosts, which have no file yet."""

    file: Path
    content: bytes
    hosts: ReleaseHosts
    checksums: bytes = b""
    """The published checksum file; empty for that of the content."""

    def pin(self, url: str) -> None:
        """Pin the present content."""
        self.file.write_text(f"{hashlib.sha256(self.content).hexdigest()}  {url}\n")

    def answer(self) -> None:
        """Serve the archive and the published checksums."""
        names = {"arch": ARCHITECTURE}
        asset = ETCD.assets[0]
        line = f"{hashlib.sha256(self.content).hexdigest()}  {SOURCE.rpartition('/')[2]}\n".encode()
        self.hosts.files[SOURCE] = self.content
        self.hosts.files[asset.checksum_url.format(**names)] = self.checksums or line


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Release hosts with an archive of etcd that they do not serve yet, and an empty checksum file."""
    archive = tmp_path / "served.tar.gz"
    with tarfile.open(archive, "w:gz") as output:
        output.add(program(tmp_path / "in", "etcd"), ETCD.assets[0].members["etcd"].format(arch=ARCHITECTURE))
    file = tmp_path / "checksums.txt"
    file.touch()
    monkeypatch.setattr(releases, "pinned", lambda: PINNED(file))
    monkeypatch.setattr(releases.Hosts, "answers", ANSWERS)
    with release_hosts(tmp_path) as hosts:
        for name, value in hosts.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("NO_PROXY", "")
        # The first request of a process reads these variables.
        monkeypatch.setattr(urllib.request, "_opener", None)
        yield Served(file, archive.read_bytes(), hosts)


def program(folder: Path, name: str, output: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{output}'\n")
    path.chmod(0o755)
    return path


def addresses(group: Group) -> Iterator[str]:
    """Yield the address of every release file, for every machine."""
    for asset in group.assets:
        for machine in releases.machines_of(group):
            arch = machine.architecture
            yield asset.url.format(os=machine.system, arch=arch, pulumi_arch=arch.replace("amd64", "x64"))


def script(folder: Path, name: str, line: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin; {line}")
    path.chmod(0o755)


def test_every_program_belongs_to_one_group_that_provides_it() -> None:
    programs = [name for group in GROUPS for name in group.programs]
    assert len(programs) == len(set(programs))
    for group in GROUPS:
        for step in group.steps:
            assert isinstance(step, Copied) or (layout.RECIPES / step.folder / "go.mod").exists()
        assert group.steps or (group.package and set(group.package.files) == set(group.programs))


def test_optional_program_of_earlier_pins_does_not_count(tmp_path: Path) -> None:
    earlier = replace(ETCD, optional=True)
    later = replace(earlier, version="2")
    toolchain = layout.Toolchain(root=tmp_path)
    toolchain.bin.mkdir()
    toolchain.program("etcd").symlink_to(program(tmp_path / "parts" / layout.part_name(earlier), "etcd"))
    assert toolchain.is_complete([earlier])
    assert not toolchain.is_complete([later])


def test_every_released_asset_is_https_and_has_a_checksum() -> None:
    for group in GROUPS:
        for asset in group.assets:
            assert asset.url.startswith("https://")
            assert asset.checksum_url.startswith("https://")
        assert not group.assets or {name for asset in group.assets for name in asset.members} == set(
            group.programs
        )


def test_key_changes_with_a_pin() -> None:
    assert layout.toolchain_key() == layout.toolchain_key()
    bumped = [replace(group, version="9.9.9") if group is ETCD else group for group in GROUPS]
    assert layout.toolchain_key(bumped) != layout.toolchain_key()


def test_hash_of_a_group_does_not_depend_on_other_groups() -> None:
    assert layout.group_hash(replace(ETCD, version="9.9.9")) != layout.group_hash(ETCD)
    assert layout.group_hash(KUBERNETES) == layout.group_hash(KUBERNETES)


def test_hash_changes_with_a_file_in_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = layout.group_hash(ETCD)
    shutil.copytree(layout.RECIPES / "programs", tmp_path / "programs")
    monkeypatch.setattr(layout, "RECIPES", tmp_path)
    assert layout.group_hash(ETCD) == before
    (tmp_path / "programs" / "etcd" / "main.go").write_text("package main\n\nfunc main() {}\n")
    assert layout.group_hash(ETCD) != before


def test_estimate_does_not_change_the_hash_of_a_group() -> None:
    assert layout.group_hash(replace(ETCD, seconds=999)) == layout.group_hash(ETCD)


def test_program_on_path_at_the_pinned_version_is_used(tmp_path: Path) -> None:
    place = program(tmp_path / "path", "etcd", f"etcd Version: {ETCD.version}")
    toolchain = ensure(["etcd"])
    assert toolchain.program("etcd").resolve() == place


def test_program_on_path_at_another_version_is_not_used(tmp_path: Path) -> None:
    program(tmp_path / "path", "etcd", "etcd Version: 3.4.0")
    assert plan.find_installed(ETCD) is None


def test_group_is_used_from_path_only_if_it_is_complete(tmp_path: Path) -> None:
    for name in KUBERNETES.programs:
        program(tmp_path / "path", name, f"Kubernetes v{KUBERNETES.version}")
    assert plan.find_installed(KUBERNETES) is not None
    program(tmp_path / "path", "kubectl", "Client Version: v1.20.2")
    assert plan.find_installed(KUBERNETES) is None


def test_newer_pulumi_of_the_same_major_version_is_used(tmp_path: Path) -> None:
    for name in PULUMI.programs:
        program(tmp_path / "path", name, "v3.999.0")
    assert plan.find_installed(PULUMI) is not None
    program(tmp_path / "path", "pulumi", "v4.0.0")
    assert plan.find_installed(PULUMI) is None


def test_cached_group_is_not_searched_again(tmp_path: Path) -> None:
    place = program(tmp_path / "path", "etcd", ETCD.version)
    ensure(["etcd"])
    place.write_text("#!/bin/sh\nexit 1\n")
    start = time.monotonic()
    assert ensure(["etcd"]).program("etcd").exists()
    assert time.monotonic() - start < 0.5


def test_program_that_was_uninstalled_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "path", "etcd", f"etcd Version: {ETCD.version}")
    ensure(["etcd"])
    (tmp_path / "path" / "etcd").unlink()
    place = program(tmp_path / "other", "etcd", f"etcd Version: {ETCD.version}")
    monkeypatch.setenv("PATH", str(tmp_path / "other"))
    assert ensure(["etcd"]).program("etcd").resolve() == place


def test_missing_go_and_release_are_an_error_with_the_next_step(served: Served) -> None:
    served.pin(SOURCE)
    with pytest.raises(ToolchainError, match=r"etcd 3\.6\.16 .*HTTP Error 404.*install Go"):
        ensure(["etcd"])


def test_release_without_a_pinned_checksum_is_refused_with_the_remedy(served: Served) -> None:
    served.answer()
    with pytest.raises(
        ToolchainError, match=r"etcd .*checksums\.txt has no line for .*--checksums --only etcd"
    ):
        ensure(["etcd"])
    assert served.hosts.requests == []


def test_release_with_the_pinned_checksum_is_used(served: Served) -> None:
    served.pin(SOURCE)
    served.answer()
    assert os.access(ensure(["etcd"]).program("etcd"), os.X_OK)


def test_release_of_a_host_that_refuses_head_is_used(served: Served) -> None:
    served.pin(SOURCE)
    served.answer()
    served.hosts.refuses_head = True
    assert os.access(ensure(["etcd"]).program("etcd"), os.X_OK)


def test_release_that_its_host_replaced_is_rejected(served: Served) -> None:
    served.pin(SOURCE)
    served.content = b"replaced, together with the published checksum"
    served.answer()
    with pytest.raises(ToolchainError, match=r"has the SHA-256 .* the expected one is"):
        ensure(["etcd"])
    assert not any("SUMS" in request for request in served.hosts.requests)


def test_package_is_extracted_after_an_update_of_the_package_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    calls = tmp_path / "calls"
    script(
        tmp_path / "path",
        "apt-get",
        f"echo $1 >> {calls}; case $1 in update) exit;; esac; grep -q update {calls} && touch prometheus_2.42.0_all.deb",
    )
    script(
        tmp_path / "path", "dpkg-deb", "mkdir -p $3/usr/bin; touch $3/usr/bin/prometheus $3/usr/bin/promtool"
    )
    toolchain = ensure(["prometheus"])
    assert all(toolchain.program(name).exists() for name in PROMETHEUS.programs)
    assert calls.read_text().split() == ["download", "update", "download"]


def test_missing_apt_is_an_error_with_the_next_step() -> None:
    with pytest.raises(
        ToolchainError,
        match=r"prometheus .*extracted from a Debian package: apt-get is not.*put them on PATH",
    ):
        ensure(["prometheus"])


def test_old_go_is_a_problem_unless_it_may_download_a_newer_one(tmp_path: Path) -> None:
    program(tmp_path / "path", "go", "go1.20.1\nlocal")
    assert "Go is go1.20" in (gobuild.go_problem() or "")
    program(tmp_path / "path", "go", "go1.21.0\nauto")
    assert gobuild.go_problem() is None


def test_failed_run_leaves_no_finished_group(cache: Path) -> None:
    with pytest.raises(ToolchainError):
        ensure(["etcd"])
    assert list((cache / "toolchain" / "parts").iterdir()) == []
    assert not layout.Toolchain(root=cache / "toolchain" / layout.toolchain_key()).is_complete([ETCD])


def test_read_only_cache_is_an_error_that_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NOTIFICATION_PLATFORM_CACHE", str(tmp_path / "file"))
    with pytest.raises(ToolchainError, match="set NOTIFICATION_PLATFORM_CACHE"):
        ensure(["etcd"])


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that calls itself a Mac."""
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")


@pytest.mark.usefixtures("mac")
def test_program_of_local_node_needs_linux_and_error_names_alternatives() -> None:
    with pytest.raises(ToolchainError, match=r"this is Darwin on arm64.*set clusterKind"):
        ensure(["etcd"])


@pytest.mark.usefixtures("mac")
def test_installed_pulumi_and_provider_are_used_on_a_mac(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PULUMI.programs:
        program(tmp_path / "path", name, f"v{PULUMI.version}")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    provider = program(layout.plugin_folder(tmp_path / "home"), *PROVIDER.programs)
    toolchain = ensure(ENGINE_GROUPS)
    assert toolchain.program("pulumi").resolve() == tmp_path / "path" / "pulumi"
    assert (toolchain.plugins / provider.name).resolve() == provider


@pytest.mark.usefixtures("mac")
def test_release_for_a_mac_is_used_there(served: Served, tmp_path: Path) -> None:
    archive = tmp_path / "provider.tar.gz"
    with tarfile.open(archive, "w:gz") as output:
        output.add(program(tmp_path / "in", *PROVIDER.programs), arcname=PROVIDER.programs[0])
    served.content = archive.read_bytes()
    address = PROVIDER.assets[0].url.format(os="darwin", arch="arm64")
    served.pin(address)
    served.hosts.files[address] = served.content
    toolchain = ensure([PROVIDER.name])
    assert os.access(toolchain.plugins / PROVIDER.programs[0], os.X_OK)


def test_system_without_a_release_compiles_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "FreeBSD")
    with pytest.raises(ToolchainError, match=r"there is no release for freebsd on .*install Go"):
        ensure(ENGINE_GROUPS)


def test_releases_of_the_engine_have_pinned_checksums_for_every_machine() -> None:
    wanted = {*addresses(PULUMI), *addresses(PROVIDER)}
    assert len(wanted) == 8
    assert wanted <= releases.pinned().keys()


def test_program_of_the_cache_is_kept_apart_by_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    here = layout.group_hash(PULUMI)
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert layout.group_hash(PULUMI) != here


def test_command_exits_with_1_and_the_reason_if_a_program_is_missing(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "tools.localcluster.toolchain", "--only", "etcd"],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert f"error: etcd {ETCD.version}" in process.stderr


def test_environment_contains_programs_and_provider_folder(
    tmp_path: Path,
) -> None:
    toolchain = layout.Toolchain(root=tmp_path)
    environment = toolchain.env()
    assert environment["PATH"].split(os.pathsep)[0] == str(tmp_path / "bin")
    assert toolchain.plugins.is_relative_to(environment["PULUMI_HOME"])


def test_checksum_file_contains_only_files_of_the_pinned_releases() -> None:
    assert releases.pinned().keys() <= {address for group in GROUPS for address in addresses(group)}


@pytest.mark.parametrize("line", ["abc  https://x", f"{'0' * 64} https://x", f"{'0' * 64}  http://x"])
def test_invalid_line_of_the_checksum_file_is_an_error(tmp_path: Path, line: str) -> None:
    (tmp_path / "checksums.txt").write_text(f"# comment\n{line}\n")
    with pytest.raises(ValueError, match=r"checksums\.txt, line 2"):
        releases.pinned(tmp_path / "checksums.txt")


def test_published_checksums_are_printed_as_lines_of_the_file(served: Served) -> None:
    served.checksums = b"".join(
        f"{digit * 64}  etcd-v{ETCD.version}-linux-{arch}.tar.gz\n".encode()
        for digit, arch in (("1", "amd64"), ("2", "arm64"))
    )
    served.answer()
    lines = list(releases.published(ETCD, releases.Hosts()))
    assert lines[0].startswith(f"{'1' * 64}  https://github.com/etcd-io/etcd/")
    served.file.write_text("\n".join(lines))
    assert len(PINNED(served.file)) == 2


@pytest.mark.parametrize(
    "published",
    ["a" * 64, f"{'b' * 64}  other.tgz\n{'a' * 64} *dir/file.tgz\n", f"# sums\n{'a' * 64}  file.tgz\n"],
)
def test_published_checksum_of_a_file_is_returned(published: str) -> None:
    assert releases.expected_sha256(published, "file.tgz") == "a" * 64


def test_file_without_published_checksum_is_rejected() -> None:
    with pytest.raises(releases.ReleaseUnavailableError, match=r"do not name file\.tgz"):
        releases.expected_sha256(f"{'b' * 64}  other.tgz", "file.tgz")


def test_released_archive_is_unpacked_and_removed(tmp_path: Path) -> None:
    program(tmp_path / "in", "etcd")
    archive = tmp_path / "etcd.tar.gz"
    with tarfile.open(archive, "w:gz") as output:
        output.add(tmp_path / "in" / "etcd", "v1/etcd")
    releases.unpack(archive, {"etcd": "v1/etcd"}, tmp_path)
    assert os.access(tmp_path / "etcd", os.X_OK)
    assert not archive.exists()


def test_archive_without_a_program_is_an_error_that_names_it(tmp_path: Path) -> None:
    archive = tmp_path / "etcd.tar.gz"
    with tarfile.open(archive, "w:gz") as output:
        output.add(program(tmp_path / "in", "etcdctl"), "./v1/etcdctl")
    with pytest.raises(releases.ReleaseUnavailableError, match=r"etcd\.tar\.gz does not contain v1/etcd$"):
        releases.unpack(archive, {"etcd": "v1/etcd", "etcdctl": "v1/etcdctl"}, tmp_path)


def test_no_program_starts_after_an_interrupt(tmp_path: Path) -> None:
    children = Children()
    children.kill_all()
    with pytest.raises(ToolchainError, match="finished groups are kept"):
        children.run(["/bin/sleep", "60"], cwd=tmp_path, env={}, log=tmp_path / "log")


def test_failed_program_is_an_error_with_the_end_of_its_output(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="the reason"):
        Children().run(
            ["/bin/sh", "-c", "echo the reason; exit 3"], cwd=tmp_path, env={}, log=tmp_path / "log"
        )


def test_lock_admits_one_run_at_a_time(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a") as first, (tmp_path / "lock").open("a") as second:
        assert resolve.try_lock(first.fileno())
        assert not resolve.try_lock(second.fileno())


def test_group_without_version_check_is_not_used_from_path(tmp_path: Path) -> None:
    program(tmp_path / "path", "etcd")
    assert plan.find_installed(replace(ETCD, version_arguments={})) is None
