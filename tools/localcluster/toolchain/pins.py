"""The pins: every program of the toolchain, its version, its releases and its build steps.

README.md in this folder describes how to update a pin: the version here and the group's go.mod change together.
"""

from __future__ import annotations

from tools.localcluster.toolchain.group import Asset, Build, Copied, Generated, Group, Package

GO_MINIMUM = (1, 26)
PULUMI = "3.259.0"
PULUMI_KUBERNETES = "4.25.0"
PULUMI_LANGUAGE = "3.79.0"
KUBERNETES = "1.36.3"
ETCD = "3.6.16"
CONTAINERD = "2.2.9"
COREDNS = "1.12.4"
KUBE_ROUTER = "2.1.0"
ACTIONLINT = "1.7.12"
PROMETHEUS = "2.42.0"
REGISTRY = "2.8.2"

_PULUMI_VERSION = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
_PROVIDER = "github.com/pulumi/pulumi-kubernetes/provider/v4"
_KUBE_ROUTER = "github.com/cloudnativelabs/kube-router/v2"
_CONTAINERD = "github.com/containerd/containerd/v2"
_GITHUB = "https://github.com/"


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
        seconds=160,
        assets=(
            Asset(
                url=f"{_GITHUB}pulumi/pulumi/releases/download/v{PULUMI}/pulumi-v{PULUMI}-linux-{{pulumi_arch}}.tar.gz",
                checksum_url=f"{_GITHUB}pulumi/pulumi/releases/download/v{PULUMI}/pulumi-{PULUMI}-checksums.txt",
                members={program: f"pulumi/{program}" for program in _PULUMI_RELEASED},
            ),
        ),
        steps=(
            Build(
                folder="pulumi",
                packages={"pulumi": "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"},
                variables={_PULUMI_VERSION: f"v{PULUMI}"},
            ),
            Build(
                folder="pulumi-language",
                packages={
                    "pulumi-language-python": "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"
                },
                variables={_PULUMI_VERSION: f"v{PULUMI_LANGUAGE}"},
            ),
            Copied(
                folder="pulumi",
                module="github.com/pulumi/pulumi/sdk/v3",
                files={
                    "pulumi-language-python-exec": "python/cmd/pulumi-language-python-exec",
                    "pulumi-resource-pulumi-python": "python/dist/pulumi-resource-pulumi-python",
                },
            ),
        ),
    ),
    Group(
        name="pulumi-kubernetes",
        version=PULUMI_KUBERNETES,
        programs=("pulumi-resource-kubernetes",),
        plugin=True,
        seconds=300,
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
            Generated(
                folder="pulumi-kubernetes",
                module=_PROVIDER,
                module_version="v4.0.0-20260115033456-f47bc2d6f199",
                sum="h1:j2bphCf7c2YhnBrhwht2f3TNRRgcMImltUlAgzxr9H4=",
                package="cmd/pulumi-resource-kubernetes",
                program="pulumi-resource-kubernetes",
                variables={f"{_PROVIDER}/pkg/version.Version": PULUMI_KUBERNETES},
                environment={"VERSION": PULUMI_KUBERNETES},
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
        seconds=240,
        assets=tuple(
            Asset(
                url=f"https://dl.k8s.io/release/v{KUBERNETES}/bin/linux/{{arch}}/{program}",
                checksum_url=f"https://dl.k8s.io/release/v{KUBERNETES}/bin/linux/{{arch}}/{program}.sha256",
                members={program: ""},
            )
            for program in _KUBERNETES_PROGRAMS
        ),
        steps=(
            Build(
                folder="kubernetes",
                packages={program: f"k8s.io/kubernetes/cmd/{program}" for program in _KUBERNETES_PROGRAMS},
                variables=_kubernetes_variables(),
            ),
        ),
    ),
    Group(
        name="coredns",
        version=COREDNS,
        programs=("coredns",),
        version_arguments={"coredns": ("-version",)},
        seconds=70,
        assets=(
            Asset(
                url=f"{_GITHUB}coredns/coredns/releases/download/v{COREDNS}/coredns_{COREDNS}_linux_{{arch}}.tgz",
                checksum_url=f"{_GITHUB}coredns/coredns/releases/download/v{COREDNS}/"
                f"coredns_{COREDNS}_linux_{{arch}}.tgz.sha256",
                members={"coredns": "coredns"},
            ),
        ),
        steps=(Build(folder="coredns", packages={"coredns": "."}, variables={}),),
    ),
    Group(
        name="containerd",
        version=CONTAINERD,
        programs=("containerd", "containerd-shim-runc-v2", "ctr"),
        version_arguments={"containerd": ("--version",)},
        seconds=40,
        assets=(
            Asset(
                url=f"{_GITHUB}containerd/containerd/releases/download/v{CONTAINERD}/"
                f"containerd-static-{CONTAINERD}-linux-{{arch}}.tar.gz",
                checksum_url=f"{_GITHUB}containerd/containerd/releases/download/v{CONTAINERD}/"
                f"containerd-static-{CONTAINERD}-linux-{{arch}}.tar.gz.sha256sum",
                members={
                    program: f"bin/{program}" for program in ("containerd", "containerd-shim-runc-v2", "ctr")
                },
            ),
        ),
        steps=(
            Build(
                folder="containerd",
                packages={
                    program: f"{_CONTAINERD}/cmd/{program}"
                    for program in ("containerd", "containerd-shim-runc-v2", "ctr")
                },
                variables={f"{_CONTAINERD}/version.Version": f"v{CONTAINERD}"},
                tags="no_btrfs no_zfs no_devmapper no_aufs",
            ),
        ),
    ),
    Group(
        name="etcd",
        version=ETCD,
        programs=("etcd",),
        version_arguments={"etcd": ("--version",)},
        seconds=20,
        assets=(
            Asset(
                url=f"{_GITHUB}etcd-io/etcd/releases/download/v{ETCD}/etcd-v{ETCD}-linux-{{arch}}.tar.gz",
                checksum_url=f"{_GITHUB}etcd-io/etcd/releases/download/v{ETCD}/SHA256SUMS",
                members={"etcd": f"etcd-v{ETCD}-linux-{{arch}}/etcd"},
            ),
        ),
        steps=(Build(folder="etcd", packages={"etcd": "."}, variables={}),),
    ),
    Group(
        name="pause",
        version="1",
        programs=("pause",),
        seconds=2,
        steps=(Build(folder="pause", packages={"pause": "."}, variables={}),),
    ),
    Group(
        name="kube-router",
        version=KUBE_ROUTER,
        programs=("kube-router",),
        version_arguments={"kube-router": ("--version",)},
        optional=True,
        seconds=120,
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
        seconds=10,
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
