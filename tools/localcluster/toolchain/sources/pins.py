"""The pins: every program of the toolchain, its version, its releases and its build steps.

README.md in this folder describes how to update a pin: the version here and the go.mod of its folder change together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.localcluster.toolchain.group import Asset, Build, Copied, Group, ModuleFiles, Package

if TYPE_CHECKING:
    from collections.abc import Mapping

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


GO_MINIMUM = (1, 26)
PULUMI = "3.259.0"
PULUMI_KUBERNETES = "4.25.0"
PULUMI_LANGUAGE = "3.79.0"
KUBERNETES = "1.36.3"
ETCD = "3.6.16"
CONTAINERD = "2.2.9"
COREDNS = "1.12.4"

_PULUMI_VERSION = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
_PROVIDER = "github.com/pulumi/pulumi-kubernetes/provider/v4"
_CONTAINERD = "github.com/containerd/containerd/v2"

# What these leave out is in no stack: other snapshotters of containerd, its tracing and its control of processor caches, and
# Google's direct path to its storage.
_TAGS = (
    *("no_aufs", "no_btrfs", "no_devmapper", "no_zfs", "no_rdt", "no_tracing"),
    "disable_grpc_modules",
)
_PROVIDER_PACKAGE = "pulumi-resource-kubernetes"
_SDK = "go/kubernetes"
_SOURCES = (
    ModuleFiles(
        module=_PROVIDER,
        version="v4.0.0-20260115033456-f47bc2d6f199",
        sum="h1:j2bphCf7c2YhnBrhwht2f3TNRRgcMImltUlAgzxr9H4=",
        documents={
            f"{_PROVIDER_PACKAGE}/{name}": f"cmd/{_PROVIDER_PACKAGE}/{name}"
            for name in ("schema.json", "terraform-mapping.json")
        },
        values={f"{_PROVIDER_PACKAGE}/schema.json": {"version": PULUMI_KUBERNETES}},
    ),
    # Without the packages of its kinds: see pulumi-kubernetes/sdk.
    ModuleFiles(
        module="github.com/pulumi/pulumi-kubernetes/sdk/v4",
        version="v4.24.0",
        sum="h1:dlDJvsugKow8tCaD0yJngc7PXdv8WT2YwPEUmj48tF4=",
        files={
            "sdk/go.mod": "go.mod",
            **{
                f"sdk/{_SDK}/{name}": f"{_SDK}/{name}"
                for name in (
                    *("customPulumiTypes.go", "init.go", "provider.go", "pulumiTypes.go"),
                    *("helm/v4", "utilities"),
                )
            },
        },
    ),
)


def _programs(packages: Mapping[str, str], variables: Mapping[str, str] | None = None) -> Build:
    """Return a build in the module of most programs, whose versions of shared modules agree, so each is compiled once."""
    return Build(folder="programs", packages=packages, variables=variables or {}, tags=_TAGS)


def _kubernetes_variables() -> dict[str, str]:
    major, minor, _ = KUBERNETES.split(".")
    values = {
        "gitVersion": f"v{KUBERNETES}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": "unknown",
        "buildDate": "2026-01-01T00:00:00Z",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return {f"{package}.{name}": value for package in packages for name, value in values.items()}


_KUBERNETES_PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
)
_CONTAINERD_PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr")
_PULUMI_RELEASED = (
    "pulumi",
    "pulumi-language-python",
    "pulumi-language-python-exec",
    "pulumi-resource-pulumi-python",
)

GROUPS: tuple[Group, ...] = (
    Group(
        name="pulumi",
        version=PULUMI,
        programs=_PULUMI_RELEASED,
        version_arguments={"pulumi": ("version",)},
        newer_is_fine=True,
        seconds=211,
        assets=(
            Asset(
                url=f"{_GITHUB}pulumi/pulumi/releases/download/v{PULUMI}/pulumi-v{PULUMI}-linux-{{pulumi_arch}}.tar.gz",
                checksum_url=f"{_GITHUB}pulumi/pulumi/releases/download/v{PULUMI}/pulumi-{PULUMI}-checksums.txt",
                members={program: f"pulumi/{program}" for program in _PULUMI_RELEASED},
            ),
        ),
        steps=(
            _programs(
                {"pulumi": "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"}, {_PULUMI_VERSION: f"v{PULUMI}"}
            ),
            Build(
                folder="pulumi-language",
                packages={
                    "pulumi-language-python": "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"
                },
                variables={_PULUMI_VERSION: f"v{PULUMI_LANGUAGE}"},
            ),
            Copied(
                source=ModuleFiles(
                    module="github.com/pulumi/pulumi/sdk/v3",
                    version=f"v{PULUMI}",
                    sum="h1:mJP9tXF9oxcfwidBgteXkUUchIz2L59SbGS5byZBo1w=",
                    files={
                        "pulumi-language-python-exec": "python/cmd/pulumi-language-python-exec",
                        "pulumi-resource-pulumi-python": "python/dist/pulumi-resource-pulumi-python",
                    },
                ),
            ),
        ),
    ),
    Group(
        name="pulumi-kubernetes",
        version=PULUMI_KUBERNETES,
        programs=("pulumi-resource-kubernetes",),
        plugin=True,
        seconds=94,
        assets=(
            Asset(
                url=f"{_GITHUB}pulumi/pulumi-kubernetes/releases/download/v{PULUMI_KUBERNETES}/"
                f"pulumi-resource-kubernetes-v{PULUMI_KUBERNETES}-linux-{{arch}}.tar.gz",
                checksum_url=f"{_GITHUB}pulumi/pulumi-kubernetes/releases/download/v{PULUMI_KUBERNETES}/"
                f"pulumi-kubernetes_{PULUMI_KUBERNETES}_checksums.txt",
                members={"pulumi-resource-kubernetes": "pulumi-resource-kubernetes"},
            ),
        ),
        steps=(
            Build(
                folder="pulumi-kubernetes",
                packages={_PROVIDER_PACKAGE: f"./{_PROVIDER_PACKAGE}"},
                variables={f"{_PROVIDER}/pkg/version.Version": PULUMI_KUBERNETES},
                tags=_TAGS,
                sources=_SOURCES,
            ),
        ),
    ),
    Group(
        name="kubernetes",
        version=KUBERNETES,
        programs=_KUBERNETES_PROGRAMS,
        version_arguments={
            program: ("version", "--client") if program == "kubectl" else ("--version",)
            for program in _KUBERNETES_PROGRAMS
        },
        seconds=530,
        assets=tuple(
            Asset(
                url=f"https://dl.k8s.io/release/v{KUBERNETES}/bin/linux/{{arch}}/{program}",
                checksum_url=f"https://dl.k8s.io/release/v{KUBERNETES}/bin/linux/{{arch}}/{program}.sha256",
                members={program: ""},
            )
            for program in _KUBERNETES_PROGRAMS
        ),
        steps=(_programs(dict.fromkeys(_KUBERNETES_PROGRAMS, "./kubernetes"), _kubernetes_variables()),),
    ),
    Group(
        name="coredns",
        version=COREDNS,
        programs=("coredns",),
        version_arguments={"coredns": ("-version",)},
        seconds=14,
        assets=(
            Asset(
                url=f"{_GITHUB}coredns/coredns/releases/download/v{COREDNS}/coredns_{COREDNS}_linux_{{arch}}.tgz",
                checksum_url=f"{_GITHUB}coredns/coredns/releases/download/v{COREDNS}/"
                f"coredns_{COREDNS}_linux_{{arch}}.tgz.sha256",
                members={"coredns": "coredns"},
            ),
        ),
        steps=(_programs({"coredns": "./coredns"}),),
    ),
    Group(
        name="containerd",
        version=CONTAINERD,
        programs=_CONTAINERD_PROGRAMS,
        version_arguments={"containerd": ("--version",)},
        seconds=73,
        assets=(
            Asset(
                url=f"{_GITHUB}containerd/containerd/releases/download/v{CONTAINERD}/"
                f"containerd-static-{CONTAINERD}-linux-{{arch}}.tar.gz",
                checksum_url=f"{_GITHUB}containerd/containerd/releases/download/v{CONTAINERD}/"
                f"containerd-static-{CONTAINERD}-linux-{{arch}}.tar.gz.sha256sum",
                members={program: f"bin/{program}" for program in _CONTAINERD_PROGRAMS},
            ),
        ),
        steps=(
            _programs(
                {program: f"{_CONTAINERD}/cmd/{program}" for program in _CONTAINERD_PROGRAMS},
                {f"{_CONTAINERD}/version.Version": f"v{CONTAINERD}"},
            ),
        ),
    ),
    Group(
        name="etcd",
        version=ETCD,
        programs=("etcd",),
        version_arguments={"etcd": ("--version",)},
        seconds=17,
        assets=(
            Asset(
                url=f"{_GITHUB}etcd-io/etcd/releases/download/v{ETCD}/etcd-v{ETCD}-linux-{{arch}}.tar.gz",
                checksum_url=f"{_GITHUB}etcd-io/etcd/releases/download/v{ETCD}/SHA256SUMS",
                members={"etcd": f"etcd-v{ETCD}-linux-{{arch}}/etcd"},
            ),
        ),
        steps=(_programs({"etcd": "./etcd"}),),
    ),
    Group(
        name="pause",
        version="1",
        programs=("pause",),
        seconds=1,
        steps=(_programs({"pause": "./pause"}),),
    ),
    *OPTIONAL_GROUPS,
)
