# The operator's image: Python, what it needs of Debian, the packages and the code. It has no shell, no package manager and no pip.
# The base is an argument: any Debian-like image with Python 3.11 or newer as python3.
# The digest identifies the base's content and is part of the image's name; Renovate updates it.
ARG BASE=python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
# The same base for the processor that the image is for. Files are copied from it and no program is run, so it needs no emulation.
ARG TARGET_BASE=${BASE}

FROM ${TARGET_BASE} AS target

FROM ${BASE} AS build
# The processor that the image is for: x86_64 or aarch64; empty is that of the build.
ARG MACHINE=
COPY --from=target /usr /target/usr
COPY --from=target /etc /target/etc
COPY --from=target /var/lib/dpkg /target/var/lib/dpkg
# wheelhouse/ is there when the build has no way to a package index; it then holds every pinned wheel, and pip.
COPY operator/installer.lock operator/requirements.lock wheelhouse* /wheelhouse/
RUN set -eu; cd /wheelhouse; \
    machine="${MACHINE:-$(uname -m)}"; \
    pip="$(ls pip-*.whl 2>/dev/null || true)"; \
    if [ -n "$pip" ]; then set -- "$pip/pip" install --no-index --find-links .; else set -- -m pip install; fi; \
    for version in 2_17 2_24 2_26 2_28 2_31 2_34; do set -- "$@" --platform "manylinux_${version}_$machine"; done; \
    python3 "$@" --quiet --no-cache-dir --no-compile --no-deps --require-hashes --only-binary :all: \
      --platform "manylinux2014_$machine" --target /root-folder/app/lib --requirement requirements.lock
# The operator uses the asyncio half of the kubernetes package, and little of that: of its API classes the one for custom objects.
# Its two packages import every part of themselves, with requests, oauthlib and websocket (260 modules, 7 MB of memory); empty ones
# import none.
RUN set -eu; cd /root-folder/app/lib; \
    rm -rf bin; \
    find kubernetes -mindepth 1 -maxdepth 1 ! -name aio ! -name py.typed -exec rm -rf {} +; \
    find kubernetes/aio/client/api -type f ! -name __init__.py ! -name custom_objects_api.py -exec rm {} +; \
    : > kubernetes/__init__.py; : > kubernetes/aio/__init__.py; \
    find . -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +; \
    find . -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.c' -o -name '*.h' \) -exec rm {} +
COPY operator/rootfs.py /build/
# Bytecode is valid without a look at its source, and the same in every build: files are compiled one after the other, with one seed.
RUN set -eu; export PYTHONHASHSEED=0; \
    python3 -B /build/rootfs.py /target /root-folder; \
    python3 -m compileall -q --invalidation-mode unchecked-hash -s /root-folder -p / \
      -x 'kubernetes/aio/client/models/|pygments/lexers/' /root-folder

FROM build AS code
ARG MACHINE=
COPY operator/atomic_status /code/app/atomic_status
COPY operator/notification_contract /code/app/notification_contract
COPY operator/notification_domain /code/app/notification_domain
COPY operator/notification_runtime /code/app/notification_runtime
COPY operator/notification_operator /code/app/notification_operator
COPY operator/notification_gateway /code/app/notification_gateway
# The command line, for drills on a schedule and for `kubectl exec`; without its page, which nobody serves from here.
COPY operator/notification_client /code/app/notification_client
COPY operator/notification_cli /code/app/notification_cli
# A checkout may have been made with any umask.
RUN set -eu; \
    rm -rf /code/app/notification_cli/web; \
    chmod -R u=rwX,go=rX /code/app; \
    PYTHONHASHSEED=0 python3 -m compileall -q --invalidation-mode unchecked-hash -s /code -p / /code; \
    python="$(python3 -c 'import sys; print(sys.executable)')"; \
    for program in notification-operator:notification_operator notification-gateway:notification_gateway notif:notification_cli; do \
      printf '#!%s\nimport runpy\n\nrunpy.run_module("%s", run_name="__main__", alter_sys=True)\n' "$python" "${program#*:}" \
        > "/code/app/${program%:*}"; \
      chmod 755 "/code/app/${program%:*}"; \
    done; \
    [ "${MACHINE:-$(uname -m)}" = "$(uname -m)" ] || exit 0; \
    cp -r /code/app /root-folder/; \
    for modules in notification_operator.cli,notification_operator.app notification_gateway.cli,notification_gateway.app \
      notification_cli.app,notification_cli.actions.drilling,notification_cli.actions.single,notification_cli.session; do \
      PYTHONPATH=/app:/app/lib chroot /root-folder "$python" -B -c "import $modules"; \
    done

FROM scratch AS runtime
# The version of the settings that the operator reads (docs/settings.md#versions-of-the-settings).
LABEL ai.kubernaut.settings-version=1
ENV PYTHONPATH=/app:/app/lib PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PATH=/app:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8
# Large blocks, such as a big body's, go back to the system when they are freed: by default malloc learns to keep them.
ENV MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072
COPY --from=build /root-folder /
COPY --from=code /code /
USER 65532:65532
EXPOSE 8081 9090
ENTRYPOINT ["notification-operator"]
CMD ["run", "--config", "/etc/notification/config.yaml"]
