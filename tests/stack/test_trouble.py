"""A directory that is read-only for a while. A test that fails when its file is not written at once is in the group `files`, too."""

import pytest

from tests.harness.eventually import eventually
from tests.harness.notifications import fast, notification
from tests.harness.operator_under_test import OperatorUnderTest


@pytest.mark.needs_pod
@pytest.mark.xdist_group("files")
def test_read_only_file_channel_fails_with_the_reason_and_recovers(
    shipped_operator: OperatorUnderTest,
) -> None:
    obj = notification(shipped_operator.namespace, channels=["file"], retryPolicy=fast(5))
    name = obj["metadata"]["name"]
    with shipped_operator.read_only_files():
        shipped_operator.cluster.create(obj)
        failing = eventually(
            lambda: shipped_operator.cluster.get(shipped_operator.namespace, name),
            lambda seen: seen is not None and bool(seen["status"].get("deliveryAttempts")),
            within=10,
        )
    assert failing is not None
    first = failing["status"]["deliveryAttempts"][0]
    assert (first["status"], first.get("permanent", False)) == ("failed", False)
    assert "cannot write to /var/lib/notifications: Permission denied" in first["error"]
    shipped_operator.cluster.phase(shipped_operator.namespace, name, "Sent", within=15)
