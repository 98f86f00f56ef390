# The operator's image. The base is an argument: any Debian-like image with Python 3.11 or newer as python3.
# The digest identifies the base's content and is part of the image's name; Renovate updates it.
ARG BASE=python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE} AS base
# kopf asks for the name of the user that it runs as, so there must be one.
RUN echo 'notification:x:65532:65532:notification operator:/nonexistent:/usr/sbin/nologin' >> /etc/passwd \
 && echo 'notification:x:65532:' >> /etc/group

FROM base AS build
# wheelhouse/ is there when the build has no way to a package index; it then holds every pinned wheel, and pip.
COPY operator/installer.lock operator/requirements.lock wheelhouse* /wheelhouse/
RUN set -eu; cd /wheelhouse; \
    pip="$(ls pip-*.whl 2>/dev/null || true)"; \
    if [ -n "$pip" ]; then set -- "$pip/pip" install --no-index --find-links .; else set -- -m pip install; fi; \
    python3 "$@" --quiet --no-cache-dir --no-compile --no-deps --require-hashes \
      --target /app/lib --requirement requirements.lock
# The operator uses the asyncio half of the kubernetes package, and little of that: the other half's API classes
# go, and of its thousands of generated modules only those in use are compiled. Its two packages import every part
# of themselves, with requests, oauthlib and websocket (260 modules, 7 MB of memory); empty ones import none.
RUN set -eu; cd /app/lib; \
    rm -rf bin kubernetes/client/api; \
    : > kubernetes/__init__.py; : > kubernetes/aio/__init__.py; \
    find . -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +; \
    python3 -m compileall -q -j 0 -x 'kubernetes/(aio/)?client/(api|models)/' .

FROM build AS code
COPY operator/atomic_status /app/atomic_status
COPY operator/notification_contract /app/notification_contract
COPY operator/notification_operator /app/notification_operator
COPY operator/notification_gateway /app/notification_gateway
# The command line, for drills on a schedule; without its page, which nobody serves from here.
COPY operator/notification_client /app/notification_client
COPY operator/notification_cli /app/notification_cli
RUN set -eu; \
    rm -rf /app/notification_cli/web; \
    python3 -m compileall -q /app/atomic_status /app/notification_contract /app/notification_operator \
      /app/notification_gateway /app/notification_client /app/notification_cli; \
    PYTHONPATH=/app:/app/lib python3 -B -c 'import notification_operator.cli, notification_operator.app'; \
    PYTHONPATH=/app:/app/lib python3 -B -c 'import notification_gateway.cli, notification_gateway.app'; \
    PYTHONPATH=/app:/app/lib python3 -B -c 'import notification_cli.app, notification_cli.actions.drilling, notification_cli.kube.connection'; \
    printf '#!/bin/sh\nexec python3 -m notification_operator "$@"\n' > /app/notification-operator; \
    printf '#!/bin/sh\nexec python3 -m notification_gateway "$@"\n' > /app/notification-gateway; \
    printf '#!/bin/sh\nexec python3 -m notification_cli "$@"\n' > /app/notif; \
    chmod 755 /app/notification-operator /app/notification-gateway /app/notif

FROM base AS runtime
# The version of the settings that the operator reads (docs/operations.md#versions-of-the-settings).
LABEL ai.kubernaut.settings-version=1
ENV PYTHONPATH=/app:/app/lib PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PATH=/app:/usr/local/bin:/usr/bin:/bin
# Large blocks, such as a big body's, go back to the system when they are freed: by default malloc learns to keep them.
ENV MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072
COPY --from=build /app/lib /app/lib
COPY --from=code /app/atomic_status /app/atomic_status
COPY --from=code /app/notification_contract /app/notification_contract
COPY --from=code /app/notification_operator /app/notification_operator
COPY --from=code /app/notification_gateway /app/notification_gateway
COPY --from=code /app/notification_client /app/notification_client
COPY --from=code /app/notification_cli /app/notification_cli
COPY --from=code /app/notification-operator /app/notification-operator
COPY --from=code /app/notification-gateway /app/notification-gateway
COPY --from=code /app/notif /app/notif
USER 65532:65532
EXPOSE 8081 9090
ENTRYPOINT ["notification-operator"]
CMD ["run", "--config", "/etc/notification/config.yaml"]
