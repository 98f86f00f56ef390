"""Creates the channel of a receiver from its spec and the values of its Secrets; knows every channel for receivers."""

from __future__ import annotations

from dataclasses import dataclass
from time import thread_time
from typing import TYPE_CHECKING

from notification_contract.kinds.channel_names import ReceiverType
from notification_contract.kinds.channel_types.discord import Discord
from notification_contract.kinds.channel_types.email import Email
from notification_contract.kinds.channel_types.mattermost import Mattermost
from notification_contract.kinds.channel_types.pagerduty import PagerDuty
from notification_contract.kinds.channel_types.slack import Slack
from notification_contract.kinds.channel_types.sms import Sms
from notification_contract.kinds.channel_types.webhook import Webhook
from notification_operator.delivery.channels.apprise import AppriseChannel, AppriseOptions, AppriseSecrets
from notification_operator.delivery.channels.discord import DiscordChannel, DiscordSecrets
from notification_operator.delivery.channels.email import (
    EmailAccess,
    EmailChannel,
    EmailOptions,
    EmailSecrets,
    Security,
)
from notification_operator.delivery.channels.mattermost import (
    MattermostChannel,
    MattermostOptions,
    MattermostSecrets,
)
from notification_operator.delivery.channels.pagerduty import (
    PagerDutyChannel,
    PagerDutyOptions,
    PagerDutySecrets,
)
from notification_operator.delivery.channels.slack.bot import (
    SlackBotChannel,
    SlackBotOptions,
    SlackBotSecrets,
)
from notification_operator.delivery.channels.slack.receiver_webhook import (
    SlackWebhookChannel,
    SlackWebhookSecrets,
)
from notification_operator.delivery.channels.sms import SmsChannel, SmsOptions, SmsSecrets, UnknownOutcome
from notification_operator.delivery.channels.teams import TeamsChannel, TeamsSecrets
from notification_operator.delivery.channels.webhook import (
    WebhookChannel,
    WebhookFormat,
    WebhookOptions,
    WebhookSecrets,
)
from notification_operator.delivery.receivers.creation import Created
from notification_operator.delivery.receivers.network import Network
from notification_operator.delivery.rendering.compose import Composer, Facts, Templates
from notification_operator.delivery.rendering.templating.templates import Template, TemplateInvalidError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification_contract.kinds.receiver import ReceiverSpec
    from notification_operator.delivery.channel import Channel
    from notification_operator.delivery.receivers.creation import Tools
    from notification_operator.delivery.rendering.pool import RenderingPool
    from notification_operator.delivery.rendering.templating.overrides import TemplateSource
    from notification_operator.domain.receivers.catalog import Receiver
    from notification_operator.domain.receivers.references import References


def _templates(sources: Mapping[str, str]) -> tuple[Templates, str]:
    """Return the compiled templates, and why one is not valid; the built-in one takes its place."""
    compiled: dict[str, Template | None] = {}
    problems: list[str] = []
    for key, text in sources.items():
        try:
            compiled[key] = Template(text) if text else None
        except TemplateInvalidError as error:
            problems.append(f"template, {key}: {error}")
    return Templates(subject=compiled.get("subject"), body=compiled.get("body")), "; ".join(problems)


def composer(  # noqa: PLR0913 - what it is made of
    receiver: Receiver,
    sources: Mapping[str, str],
    *,
    redact: Callable[[str], str],
    cluster: str = "",
    overrides: TemplateSource | None = None,
    pool: RenderingPool | None = None,
) -> tuple[Composer, str]:
    """Return what composes the messages of a receiver, and why one of its templates is not valid; else an empty text.

    `sources` holds its templates by their keys, `subject` and `body`; `overrides` reads those of notifications.
    """
    texts, problem = _templates(sources)
    facts = Facts(cluster=cluster, receiver=str(receiver.key), receiver_type=receiver.spec.type)
    composing = Composer(
        facts=facts, clock=thread_time, templates=texts, redact=redact, overrides=overrides, pool=pool
    )
    return composing, problem


class ChannelFactory:
    """Creates channels."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def create(self, receiver: Receiver, references: References, sources: Mapping[str, str]) -> Created:
        """Return the channel of a receiver that has one of its own.

        Args:
            receiver: the receiver.
            references: the values of its Secrets.
            sources: its templates by their keys, `subject` and `body`.

        Raises:
            InvalidOptionsError: a value of a Secret, or a field, can never work.
        """
        composing, problem = composer(
            receiver,
            sources,
            redact=self._tools.redact,
            cluster=self._tools.cluster,
            overrides=self._tools.overrides,
            pool=self._tools.pool,
        )
        network = Network(
            tools=self._tools, namespace=receiver.key.namespace, spec=receiver.spec, references=references
        )
        channel = _Build(self._tools, receiver.spec, network, composing).channel()
        return Created(channel=channel, template_problem=problem)


@dataclass(frozen=True, slots=True)
class _Build:
    """One channel in the making."""

    tools: Tools
    spec: ReceiverSpec
    network: Network
    composer: Composer

    def channel(self) -> Channel:
        makers: Mapping[ReceiverType, Callable[[], Channel]] = {
            ReceiverType.WEBHOOK: self._webhook,
            ReceiverType.EMAIL: self._email,
            ReceiverType.TEAMS: self._teams,
            ReceiverType.PAGERDUTY: self._pagerduty,
            ReceiverType.SMS: self._sms,
            ReceiverType.SLACK: self._slack,
            ReceiverType.DISCORD: self._discord,
            ReceiverType.MATTERMOST: self._mattermost,
            ReceiverType.APPRISE: self._apprise,
        }
        return makers[self.spec.type]()

    def _webhook(self) -> Channel:
        block = self.spec.block_as(Webhook)
        keys = [
            self.network.value(f"webhook.signingSecretRefs[{i}]")
            for i in range(len(block.signing_secret_refs))
        ]
        headers = self.network.references.groups.get("webhook.headersSecretRef", {})
        access = self.network.access(insecure=block.insecure)
        url = block.url or self.network.value("webhook.urlSecretRef")
        access.policy.check_url(url)
        return WebhookChannel(
            WebhookOptions(format=WebhookFormat(block.format), content_type=block.content_type),
            WebhookSecrets(
                url=url,
                signing_keys=tuple(keys),
                headers={name: value.strip() for name, value in headers.items()},
            ),
            access=access,
            composer=self.composer,
        )

    def _email(self) -> Channel:
        block = self.spec.block_as(Email)
        policy = self.network.policy()
        policy.check_host(block.host)
        return EmailChannel(
            EmailOptions(
                host=block.host,
                sender=block.sender,
                port=block.port,
                security=Security(block.security),
                timeout=self.spec.timeout_seconds,
                server_name=self.spec.tls.server_name if self.spec.tls else "",
            ),
            EmailSecrets(
                username=self.network.value("email.authSecretRef/username"),
                password=self.network.value("email.authSecretRef/password"),
            ),
            access=EmailAccess(
                policy=policy,
                clock=self.tools.clock,
                tls=self.tools.sessions.context(self.network.trust()),
                names=self.tools.sessions.names,
                namespace=self.network.namespace,
            ),
            composer=self.composer,
        )

    def _teams(self) -> Channel:
        secrets = TeamsSecrets(url=self.network.url("teams.urlSecretRef"))
        return TeamsChannel(secrets, access=self.network.access(), composer=self.composer)

    def _pagerduty(self) -> Channel:
        block = self.spec.block_as(PagerDuty)
        return PagerDutyChannel(
            PagerDutyOptions(**self.network.base(block.base_url)),
            PagerDutySecrets(routing_key=self.network.value("pagerduty.routingKeySecretRef")),
            access=self.network.access(),
            composer=self.composer,
        )

    def _sms(self) -> Channel:
        block = self.spec.block_as(Sms)
        options = SmsOptions(
            account_sid=block.account_sid,
            sender=block.sender,
            messaging_service_sid=block.messaging_service_sid,
            unknown_outcome=UnknownOutcome(block.unknown_outcome),
            **self.network.base(block.base_url),
        )
        secrets = SmsSecrets(
            username=self.network.value("sms.authSecretRef/username"),
            password=self.network.value("sms.authSecretRef/password"),
        )
        return SmsChannel(options, secrets, access=self.network.access(), composer=self.composer)

    def _slack(self) -> Channel:
        block = self.spec.block_as(Slack)
        if block.webhook_url_secret_ref is not None:
            return SlackWebhookChannel(
                SlackWebhookSecrets(url=self.network.url("slack.webhookUrlSecretRef")),
                access=self.network.access(),
                composer=self.composer,
                mentions=block.mentions,
            )
        options = SlackBotOptions(
            channel=block.channel,
            mentions=block.mentions,
            **self.network.base(block.base_url),
        )
        secrets = SlackBotSecrets(token=self.network.value("slack.botTokenSecretRef"))
        return SlackBotChannel(options, secrets, access=self.network.access(), composer=self.composer)

    def _discord(self) -> Channel:
        block = self.spec.block_as(Discord)
        secrets = DiscordSecrets(url=self.network.url("discord.urlSecretRef"))
        return DiscordChannel(
            secrets, access=self.network.access(), composer=self.composer, mentions=block.mentions
        )

    def _mattermost(self) -> Channel:
        block = self.spec.block_as(Mattermost)
        return MattermostChannel(
            MattermostOptions(channel=block.channel, username=block.username, mentions=block.mentions),
            MattermostSecrets(url=self.network.url("mattermost.urlSecretRef")),
            access=self.network.access(),
            composer=self.composer,
        )

    def _apprise(self) -> Channel:
        return AppriseChannel(
            AppriseOptions(timeout=self.spec.timeout_seconds),
            AppriseSecrets(url=self.network.value("apprise.urlSecretRef")),
            composer=self.composer,
        )
