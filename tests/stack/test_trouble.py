"""What must not hurt: deletion at any moment, a killed operator, a full disk, a competing writer."""

import time
from concurrent.futures import ThreadPoolExecutor

from tests.stack.suite import Suite
from tests.support.eventually import eventually, steadily
from tests.support.notifications import fast, notification


def test_a_notification_deleted_while_it_is_delivered_is_delivered_once_and_leaves_no_trace(
    scripted: Suite,
) -> None:
    obj = notification(scripted.namespace, channels=["file"])
    name = obj["metadata"]["name"]
    scripted.sink.script(scripted.namespace, name, "file", {"do": "succeed", "delay": 2})
    scripted.cluster.create(obj)
    scripted.cluster.phase(scripted.namespace, name, "Sending", within=5)
    scripted.cluster.delete(scripted.namespace, name)
    assert scripted.cluster.get(scripted.namespace, name) is None
    steadily(lambda: scripted.sink.calls(scripted.namespace, name), lambda made: len(made) == 1, during=3)
    assert scripted.metric("kubernaut_notification_unsaved_attempts") == 0
    assert f"{scripted.namespace}/{name}" not in scripted.errors()


def test_creating_and_deleting_at_once_many_times_does_no_harm(served: Suite) -> None:
    def round_trip(index: int) -> str:
        obj = notification(served.namespace, name=f"brief-{index}")
        served.cluster.create(obj)
        served.cluster.delete(served.namespace, f"brief-{index}")
        return str(obj["spec"]["body"])

    with ThreadPoolExecutor(4) as pool:
        bodies = list(pool.map(round_trip, range(20)))
    last = notification(served.namespace)
    served.cluster.create(last)
    served.cluster.phase(served.namespace, last["metadata"]["name"], "Sent", within=10)
    printed = served.console()
    assert all(printed.count(body) <= 1 for body in bodies)
    assert served.namespace not in served.errors()


def test_a_name_used_again_starts_a_new_life(served: Suite) -> None:
    uids = set()
    for _ in range(3):
        obj = notification(served.namespace, name="again")
        uids.add(served.cluster.create(obj)["metadata"]["uid"])
        status = served.cluster.phase(served.namespace, "again", "Sent", within=10)["status"]
        assert (status["totalAttempts"], served.console().count(obj["spec"]["body"])) == (1, 1)
        served.cluster.delete(served.namespace, "again")
    assert len(uids) == 3


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


def test_the_fields_of_a_competing_writer_survive(scripted: Suite) -> None:
    obj = notification(scripted.namespace, channels=["file"])
    name = obj["metadata"]["name"]
    scripted.sink.script(scripted.namespace, name, "file", {"do": "succeed", "delay": 1})
    scripted.cluster.create(obj)
    scripted.cluster.phase(scripted.namespace, name, "Sending", within=5)
    for index in range(5):
        scripted.cluster.write_status(scripted.namespace, name, note=f"from another writer, {index}")
        time.sleep(0.3)  # spread over the time of the delivery and its write
    status = scripted.cluster.phase(scripted.namespace, name, "Sent", within=10)["status"]
    assert status["note"] == "from another writer, 4"
    assert (status["totalAttempts"], status["successfulDeliveries"]) == (1, 1)
