"""How one receiver reaches the network, by its spec and the values of its Secrets."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING

from yarl import URL

from notification_operator.delivery.channel import InvalidOptionsError
from notification_operator.delivery.http.egress_policy import EgressPolicy
from notification_operator.delivery.http.exchange import NetworkAccess
from notification_operator.delivery.receivers.sessions import Connection, Trust

if TYPE_CHECKING:
    from notification_contract.kinds.receiver import ReceiverSpec
    from notification_operator.delivery.receivers.creation import Tools
    from notification_operator.domain.receivers.references import References


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The policy, the certificates, the proxy and the URLs of a receiver."""

    tools: Tools
    namespace: str
    """That of the receiver."""
    spec: ReceiverSpec
    references: References

    def value(self, field: str) -> str:
        """Return a value of a Secret without surrounding white space, which files end with; empty without one."""
        return self.references.values.get(field, "").strip()

    def policy(self) -> EgressPolicy:
        """Return what the egress guard permits."""
        texts: tuple[str, ...] = getattr(self.spec.block, "allowed_networks", ())
        networks = tuple(ip_network(text, strict=False) for text in texts)
        return EgressPolicy(allowed_networks=networks, insecure=getattr(self.spec.block, "insecure", False))

    def trust(self) -> Trust:
        """Return the certificates."""
        return Trust(
            authorities=self.value("tls.caSecretRef"),
            certificate=self.value("tls.certSecretRef/tls.crt"),
            key=self.value("tls.certSecretRef/tls.key"),
        )

    def access(self) -> NetworkAccess:
        """Return the way to the receiver.

        Raises:
            InvalidOptionsError: a certificate, or the URL of the proxy, is not valid.
        """
        policy, trust, sessions = self.policy(), self.trust(), self.tools.sessions
        connection = Connection(policy=policy, trust=trust, proxy=self._proxy())
        return NetworkAccess(
            session=sessions.shared(connection, self.namespace),
            policy=policy,
            clock=self.tools.clock,
            timeout=self.spec.timeout_seconds,
            server_name=self.spec.tls.server_name if self.spec.tls else "",
            tls=sessions.context(trust),
            names=sessions.names,
            namespace=self.namespace,
        )

    def _proxy(self) -> str:
        """Return the URL of the proxy, which may contain credentials; empty without one."""
        text = self.value("proxySecretRef")
        try:
            valid = not text or (URL(text).scheme in {"http", "https"} and bool(URL(text).host))
        except ValueError:
            valid = False
        if not valid:
            raise InvalidOptionsError("proxySecretRef holds no URL such as http://proxy.example.com:3128")
        return text
