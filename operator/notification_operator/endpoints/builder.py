"""Builds channels: those of the settings at the start, and that of a receiver, or what the receiver lacks.

Each is declared as a function and its arguments: by a plugin in the settings, for a built-in channel from its section,
for a receiver from its spec, Secrets and templates. `factory.load` calls that function.
"""

from __future__ import annotations

import traceback
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import structlog

from notification_contract.kinds.channel_names import SHARED
from notification_contract.quantity import amount
from notification_contract.settings import Markup, PluginChannel
from notification_domain.receivers.health import Readiness, ReadyReason
from notification_domain.receivers.references import (
    References,
    excess_of,
    resolve_references,
    template_key,
)
from notification_runtime.channel_factory import CHANNEL_PACKAGE, load, trust_of
from notification_runtime.delivery.channel import InvalidOptionsError
from notification_runtime.delivery.http.egress_policy import AddressNotAllowedError
from notification_runtime.delivery.local.file_storage import DAY, Limits
from notification_runtime.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification_contract.settings import Channels
    from notification_contract.settings import FileChannel as FileSettings
    from notification_domain.receivers.catalog import Receiver
    from notification_domain.receivers.references import ObjectKey, ObjectState
    from notification_operator.endpoints.endpoint import Endpoint
    from notification_operator.endpoints.template_checks import TextChecks
    from notification_runtime.channel_factory import ChannelFactory
    from notification_runtime.delivery.channel import Channel


def channels(settings: Channels, *, cluster: str = "") -> dict[str, Channel]:
    """Return the enabled channels of the settings by name; `cluster` is what messages to other places call this cluster.

    Raises:
        SettingsError: a channel cannot be created; the error lists every such channel.
    """
    created: dict[str, Channel] = {}
    problems: list[str] = []
    for name, declared in _declared(settings, cluster).items():
        try:
            created[name] = load(declared.factory, declared.options)
        except Exception as error:  # noqa: BLE001 - foreign code; all problems are reported together
            setting = f"channels.plugins.{name}" if name in settings.plugins else f"channels.{name}"
            problems.append(f"{setting}: {declared.factory} failed to create a channel: {error!r}")
    if problems:
        raise SettingsError(problems)
    return created


def _declared(settings: Channels, cluster: str) -> dict[str, PluginChannel]:
    """Return the enabled channels, each as a plugin; those of the settings replace built-in ones of their names."""
    file, slack = settings.file, settings.slack
    enabled: dict[str, tuple[bool, str, Mapping[str, Any]]] = {
        "console": (settings.console.enabled, "console", {}),
        "file": (file.enabled, "file", {"directory": file.directory, "limits": _file_limits(file)}),
        "log": (settings.log.enabled, "log", {}),
        "slack": (
            slack.enabled,
            "slack_webhook",
            {
                "url": slack.url,
                "connections": slack.connections,
                "trusted": slack.mrkdwn is Markup.TRUSTED,
                "cluster": cluster,
            },
        ),
    }
    built_in = {
        name: PluginChannel(factory=f"{CHANNEL_PACKAGE}.{module}:create", options=options)
        for name, (is_enabled, module, options) in enabled.items()
        if is_enabled
    }
    return built_in | dict(settings.plugins)


def _file_limits(settings: FileSettings) -> Limits:
    return Limits(bytes=int(amount(settings.size)), seconds=settings.keep_days * DAY)


logger = structlog.get_logger(__name__)


class Builder:
    """Builds the channels of receivers.

    Args:
        secret: returns the state of a Secret that receivers refer to.
        config_map: returns that of a ConfigMap with their templates.
        factory: creates the channels that send over the network.
        templates: finds out whether templates are valid.
        certificates: finds out whether certificates are.
    """

    def __init__(
        self,
        *,
        secret: Callable[[ObjectKey], ObjectState],
        config_map: Callable[[ObjectKey], ObjectState],
        factory: ChannelFactory,
        templates: TextChecks,
        certificates: TextChecks,
    ) -> None:
        self._secret = secret
        self._config_map = config_map
        self._factory = factory
        self._templates = templates
        self._certificates = certificates

    def build(self, receiver: Receiver, host: Endpoint | None) -> tuple[Readiness, Channel | None]:
        """Return what a receiver lacks, and its channel; None if it cannot be used.

        `host` is the endpoint of the settings with the name of its type, whose channel receivers of some types use.
        """
        references = resolve_references(receiver, self._secret)
        ready = Readiness(
            generation=receiver.generation,
            references=references.reason,
            references_message=references.message,
            secret_version=references.version,
        )
        if not references.resolved:
            return replace(ready, sendable=False), None
        if invalid := self._certificate_problem(receiver, references):
            return _invalid(ready, invalid), None
        sources, _ = self._template_sources(receiver)
        try:
            channel = self._created(receiver, references, sources, host)
        except (InvalidOptionsError, AddressNotAllowedError) as error:
            return _invalid(ready, str(error)), None
        except Exception as error:  # noqa: BLE001 - whatever a channel raises
            # A fault of one receiver must not fail other notifications; its text may hold a secret.
            place = traceback.extract_tb(error.__traceback__)[-1]
            logger.error(  # noqa: TRY400 - without the text of the error
                "receiver not usable",
                receiver=str(receiver.key),
                error=type(error).__name__,
                at=f"{place.filename}:{place.lineno}",
            )
            return _invalid(ready, "the receiver cannot be used; see the log of the operator"), None
        if invalid := self._template_problem(receiver):
            # The built-in templates are used: a message is never lost to a template.
            ready = replace(ready, reason=ReadyReason.TEMPLATE_INVALID, message=invalid)
        return ready, channel

    def has_examined(self, receiver: Receiver) -> bool:
        """Return whether it is known if the templates and certificates of a receiver are valid."""
        references = resolve_references(receiver, self._secret)
        return None not in (
            self._template_problem(receiver),
            self._certificate_problem(receiver, references),
        )

    def _certificate_problem(self, receiver: Receiver, references: References) -> str | None:
        """Return what is wrong with the certificates of a receiver; empty if nothing is, None while that is found out."""
        return self._certificates.problem(receiver.key, asdict(trust_of(references)))

    def _template_problem(self, receiver: Receiver) -> str | None:
        """Return what is wrong with the templates of a receiver; empty if nothing is, None while that is found out."""
        sources, missing = self._template_sources(receiver)
        # A shared channel shows the content as it is.
        return missing or (
            "" if receiver.spec.type in SHARED else self._templates.problem(receiver.key, sources)
        )

    def _template_sources(self, receiver: Receiver) -> tuple[Mapping[str, str], str]:
        """Return the templates of a receiver by key, and why they are missing."""
        source, key = receiver.spec.template, template_key(receiver)
        if source is not None and source.inline is not None:
            return {"subject": source.inline.subject, "body": source.inline.body}, ""
        if key is None:
            return {}, ""
        state = self._config_map(key)
        if (data := state.data) is None:
            problem = f"ConfigMap {key.name} in namespace {key.namespace} cannot be read; create it"
            return {}, f"template.configMapRef: {excess_of('ConfigMap', key) if state.excess else problem}"
        return {name: data.get(name, "") for name in ("subject", "body")}, ""

    def _created(
        self, receiver: Receiver, references: References, sources: Mapping[str, str], host: Endpoint | None
    ) -> Channel:
        """Return the channel of a receiver.

        Raises:
            InvalidOptionsError, AddressNotAllowedError: a value can never work.
        """
        spec = receiver.spec
        if spec.type not in SHARED:
            return self._factory.create(receiver, references, sources)
        if host is None or host.channel is None:
            raise InvalidOptionsError(
                f"the operator has no channel {spec.type}; enable channels.{spec.type} in its settings"
            )
        if not host.limits.allows(receiver.key.namespace):
            raise InvalidOptionsError(
                f"namespace {receiver.key.namespace} may not use the channel {spec.type}"
            )
        return host.channel


def _invalid(ready: Readiness, problem: str) -> Readiness:
    return replace(ready, reason=ReadyReason.INVALID, message=problem, sendable=False)
