"""How an author describes a message: the values are those of the schema."""

from notification_contract.crds import notification_request
from notification_contract.kinds.choices import BodyFormat, LifecycleEvent

(VERSION,) = notification_request()["spec"]["versions"]
FIELDS = VERSION["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]


def test_values_are_those_of_the_schema() -> None:
    assert [*LifecycleEvent] == FIELDS["event"]["enum"]
    assert [*BodyFormat] == FIELDS["format"]["enum"]
