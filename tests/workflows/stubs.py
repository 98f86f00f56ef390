"""Programs on PATH that stand for Docker, GitHub's command line and cosign in the workflows.

Docker pushes an image without layers to the registry of the test, which also stands for ghcr.io; it cannot log in while `no-login` is in
`state`. cosign knows which images it has signed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

DOCKER = """#!/usr/bin/env python3
import hashlib, json, os, sys, urllib.request
REGISTRY = "@REGISTRY@"
arguments = sys.argv[1:]
if arguments[:1] == ["login"] and os.path.exists("@STATE@/no-login"):
    sys.exit("unauthorized")
if arguments[:2] != ["buildx", "build"]:
    sys.exit(0)

def send(method, url, content, kind):
    request = urllib.request.Request(url, data=content, method=method, headers={"Content-Type": kind})
    return urllib.request.urlopen(request)

def blob(content):
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    place = send("POST", base + "/blobs/uploads/", b"", "application/octet-stream").headers["Location"]
    send("PUT", place + ("&" if "?" in place else "?") + "digest=" + digest, content, "application/octet-stream")
    return digest

tag = arguments[arguments.index("--tag") + 1]
path, _, label = tag.partition("/")[2].rpartition(":")
base = f"http://{REGISTRY}/v2/{path}"
labels = [arguments[place + 1] for place, word in enumerate(arguments) if word == "--label"]
config = json.dumps({"config": {"Labels": labels}, "tag": label}).encode()
kind = "application/vnd.oci.image.manifest.v1+json"
part = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": blob(config), "size": len(config)}
manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": part, "layers": []}).encode()
digest = send("PUT", f"{base}/manifests/{label}", manifest, kind).headers["Docker-Content-Digest"]
with open(arguments[arguments.index("--metadata-file") + 1], "w") as file:
    json.dump({"containerimage.digest": digest}, file)
"""
GH = """#!/bin/bash
case "$1 $2" in
"api repos/"*"/commits/main") git ls-remote origin refs/heads/main | cut -f 1 ;;
"run list") [ ! -f "@STATE@/deployed" ] || cat "@STATE@/deployed" ;;
"pr create") while [ $# -gt 0 ]; do [ "$1" != --head ] || echo "$2" >>"@STATE@/opened"; shift; done ;;
"pr comment") while [ $# -gt 0 ]; do [ "$1" != --body-file ] || cp "$2" "@STATE@/comment"; shift; done ;;
"attestation verify" | "auth setup-git" | "pr list" | "release create") ;;
*) echo "no stub for gh $*" >&2; exit 1 ;;
esac
"""
PUBLISH = """#!/bin/sh
mkdir -p build/release
exec tools/publish "$1/operator"
"""
COSIGN = """#!/bin/bash
image=${@: -1}
case $1 in
sign) echo "$image" >>"@STATE@/signed" ;;
attest) ;;
verify | verify-attestation) grep -qxF "$image" "@STATE@/signed" || { echo "no signature of $image" >&2; exit 1; } ;;
*) exit 1 ;;
esac
"""


def write_stubs(folder: Path, *, state: Path, registry: str) -> None:
    """Write the programs into a folder; they keep what they are told in `state`."""
    folder.mkdir()
    state.mkdir()
    for name, script in (("docker", DOCKER), ("gh", GH), ("cosign", COSIGN), ("publish-a-stub", PUBLISH)):
        file = folder / name
        file.write_text(script.replace("@REGISTRY@", registry).replace("@STATE@", str(state)), "utf-8")
        file.chmod(0o755)
