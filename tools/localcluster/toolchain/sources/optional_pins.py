"""The pins of the groups that are provided only on request, by their name."""

from __future__ import annotations

from tools.localcluster.toolchain.group import Asset, Build, Group, Package

KUBE_ROUTER = "2.1.0"
ACTIONLINT = "1.7.12"
PROMETHEUS = "2.42.0"
REGISTRY = "2.8.2"

_KUBE_ROUTER = "github.com/cloudnativelabs/kube-router/v2"
_GITHUB = "https://github.com/"

OPTIONAL_GROUPS: tuple[Group, ...] = (
    Group(
        name="kube-router",
        version=KUBE_ROUTER,
        programs=("kube-router",),
        version_arguments={"kube-router": ("--version",)},
        optional=True,
        seconds=240,
        steps=(
            Build(
                folder="kube-router",
                packages={"kube-router": f"{_KUBE_ROUTER}/cmd/kube-router"},
                variables={f"{_KUBE_ROUTER}/pkg/version.Version": f"v{KUBE_ROUTER}"},
            ),
        ),
    ),
    Group(
        name="actionlint",
        version=ACTIONLINT,
        programs=("actionlint",),
        version_arguments={"actionlint": ("-version",)},
        optional=True,
        seconds=20,
        assets=(
            Asset(
                url=f"{_GITHUB}rhysd/actionlint/releases/download/v{ACTIONLINT}/actionlint_{ACTIONLINT}_linux_{{arch}}.tar.gz",
                checksum_url=f"{_GITHUB}rhysd/actionlint/releases/download/v{ACTIONLINT}/actionlint_{ACTIONLINT}_checksums.txt",
                members={"actionlint": "actionlint"},
            ),
        ),
        steps=(
            Build(
                folder="actionlint",
                packages={"actionlint": "github.com/rhysd/actionlint/cmd/actionlint"},
                variables={"github.com/rhysd/actionlint.version": ACTIONLINT},
            ),
        ),
    ),
    Group(
        name="prometheus",
        version=PROMETHEUS,
        programs=("prometheus", "promtool"),
        version_arguments=dict.fromkeys(("prometheus", "promtool"), ("--version",)),
        optional=True,
        seconds=10,
        assets=(
            Asset(
                url=f"{_GITHUB}prometheus/prometheus/releases/download/v{PROMETHEUS}/"
                f"prometheus-{PROMETHEUS}.linux-{{arch}}.tar.gz",
                checksum_url=f"{_GITHUB}prometheus/prometheus/releases/download/v{PROMETHEUS}/sha256sums.txt",
                members={
                    program: f"prometheus-{PROMETHEUS}.linux-{{arch}}/{program}"
                    for program in ("prometheus", "promtool")
                },
            ),
        ),
        steps=(),
        package=Package(
            name="prometheus",
            version=PROMETHEUS,
            files={program: f"usr/bin/{program}" for program in ("prometheus", "promtool")},
        ),
    ),
    Group(
        name="registry",
        version=REGISTRY,
        programs=("docker-registry",),
        version_arguments={"docker-registry": ("--version",)},
        optional=True,
        seconds=5,
        assets=(
            Asset(
                url=f"{_GITHUB}distribution/distribution/releases/download/v{REGISTRY}/registry_{REGISTRY}_linux_{{arch}}.tar.gz",
                checksum_url=f"{_GITHUB}distribution/distribution/releases/download/v{REGISTRY}/registry_{REGISTRY}_linux_{{arch}}.tar.gz.sha256",
                members={"docker-registry": "registry"},
            ),
        ),
        steps=(),
        package=Package(
            name="docker-registry",
            version=REGISTRY,
            files={"docker-registry": "usr/bin/docker-registry"},
        ),
    ),
)
