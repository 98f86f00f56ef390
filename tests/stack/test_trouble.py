"""What must not hurt: a directory that cannot be written to."""

import pytest

from tests.harness.eventually import eventually
from tests.harness.notifications import fast, notification
from tests.stack.suite import Suite


@pytest.mark.needs_pod
def test_a_file_channel_that_cannot_write_fails_with_the_reason_and_recovers(served: Suite) -> None:
    obj = notification(served.namespace, channels=["file"], retryPolicy=fast(5))
    name = obj["metadata"]["name"]
    with served.read_only_files():
        served.cluster.create(obj)
        failing = eventually(
            lambda: served.cluster.get(served.namespace, name),
            lambda seen: seen is not None and bool(seen["status"].get("deliveryAttempts")),
            within=10,
        )
    assert failing is not None
    first = failing["status"]["deliveryAttempts"][0]
    assert (first["status"], first.get("permanent", False)) == ("failed", False)
    assert "cannot write to /var/lib/notifications: Permission denied" in first["error"]
    served.cluster.phase(served.namespace, name, "Sent", within=15)
