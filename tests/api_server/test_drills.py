"""Drills of a stack on a real API server: what their account may do, what is accepted, and a drill with a real operator.

DD-DRILL-001 has the reasons.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from notification_contract import names as contract
from platform_infra import names
from platform_infra.monitoring.rules import Limits, groups
from platform_infra.workload.drills import arguments
from tests.api_server.conftest import KIND, NAMESPACE, objects
from tests.harness.eventually import eventually
from tests.harness.notifications import notification
from tests.harness.operator_deployment import METRICS
from tests.harness.operator_process import OperatorProcess
from tests.harness.operators import LABEL, OperatorSpec
from tests.harness.pod_command import notif_in_pod
from tests.harness.process_account import ProcessAccount
from tests.kit.recording import record_bundle
from tests.unit.operator.contract.test_cron import INVALID, VALID
from tools.localcluster.toolchain import ensure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api_server.conftest import ApiServer

pytestmark = pytest.mark.xdist_group("api-server")
WEEKLY = {"drillSchedule": "0 9 * * 1"}
DRILL = f"system:serviceaccount:{NAMESPACE}:{names.DRILL}"
CRON_JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/cronjobs?dryRun=All&fieldValidation=Strict"
RECEIVERS = f"{KIND}/{{namespace}}/{names.RECEIVER_PLURAL}"
MISSING_SECRET = {"type": "slack", "slack": {"webhookUrlSecretRef": {"name": "absent"}}}
LAST_SUCCESS = "kubernaut_notification_drill_last_success_timestamp_seconds"
SCHEDULED = "kubernaut_notification_drill_scheduled"
OVERDUE = "NotificationDrillOverdue"
STRICTER = ("@every 1h", "0 9 31 2 *")
"""What the API server accepts and a stack refuses."""


def drill_objects(**values: str) -> list[dict[str, Any]]:
    """Return the objects of a stack that give the account of its drills its permissions."""
    return [
        obj
        for obj in objects(**WEEKLY, **values)
        if obj["metadata"]["labels"].get("app.kubernetes.io/component") == "drill"
    ]


def cron_job(**values: str) -> dict[str, Any]:
    job: dict[str, Any] = whole(
        record_bundle(None, monitoringMode="none", **WEEKLY, **values).one("CronJob").inputs
    )
    return job


def whole(value: Any) -> Any:
    """Return a value of the engine, which knows no other number than a float, as JSON has it."""
    match value:
        case dict():
            return {key: whole(each) for key, each in value.items()}
        case list():
            return [whole(each) for each in value]
        case float():
            return int(value)
    return value


@pytest.fixture(scope="module")
def account(api_server: ApiServer) -> str:
    """The account of the drills of the default stack."""
    for obj in drill_objects():
        api_server.apply(obj)
    listing = f"/apis/{names.GROUP}/{names.VERSION}/{names.RECEIVER_PLURAL}"
    eventually(lambda: api_server.send("GET", listing, user=DRILL).code, lambda code: code == 200, within=10)
    return DRILL


def test_account_lists_receivers_and_creates_and_reads_notifications_alone(
    api_server: ApiServer, account: str
) -> None:
    namespace = api_server.namespace()
    obj = drill(namespace)
    path = f"{KIND}/{namespace}/{names.PLURAL}"
    one, receivers = f"{path}/{obj['metadata']['name']}", RECEIVERS.format(namespace=namespace)
    receiver = {
        "apiVersion": contract.API_VERSION,
        "kind": names.RECEIVER_KIND,
        "metadata": {"name": "chat", "namespace": namespace},
        "spec": {"type": "console"},
    }
    assert api_server.create(receiver).code == 201
    calls = [
        ("GET", receivers, None, 200),
        ("POST", path, obj, 201),
        ("GET", one, None, 200),
        ("GET", f"{receivers}/chat", None, 403),
        ("GET", f"{receivers}?watch=true", None, 403),
        ("POST", receivers, receiver, 403),
        ("DELETE", f"{receivers}/chat", None, 403),
        ("GET", path, None, 403),
        ("PUT", one, obj, 403),
        ("PUT", f"{one}/status", obj, 403),
        ("DELETE", one, None, 403),
        ("DELETE", path, None, 403),
        ("GET", f"/api/v1/namespaces/{namespace}/secrets", None, 403),
        ("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps", None, 403),
        ("GET", "/api/v1/namespaces", None, 403),
    ]
    answers = [
        (method, where, api_server.send(method, where, body, user=account).code)
        for method, where, body, _ in calls
    ]
    assert answers == [(method, where, code) for method, where, _, code in calls]


def drill(namespace: str, *, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """Return a notification like that of `notif drill`."""
    labels = {contract.DRILL_LABEL: "1f2e"} if labels is None else labels
    fields = {"channels": None, "recipients": None, "receiverRefs": [{"name": "chat"}], **spec}
    return notification(namespace, labels=labels, **fields)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"labels": {}}, "has no label kubernaut.ai/drill"),
        ({"labels": {"team": "web"}}, "has no label kubernaut.ai/drill"),
        ({"receiverRefs": None}, "does not name exactly one receiver"),
        ({"receiverRefs": [{"name": "chat"}, {"name": "mail"}]}, "does not name exactly one receiver"),
        (
            {"receiverRefs": [{"name": "chat", "namespace": NAMESPACE}]},
            "does not name exactly one receiver",
        ),
        ({"channels": ["console"]}, "names channels or recipients"),
        ({"recipients": [{"email": "ann@example.com"}]}, "names channels or recipients"),
    ],
)
def test_account_creates_drills_alone(
    api_server: ApiServer, account: str, change: dict[str, Any], problem: str
) -> None:
    namespace = api_server.namespace()
    refused = api_server.create(drill(namespace, **change), user=account)
    assert (refused.code, problem in refused.message) == (403, True), refused.message
    # Only this account is limited, in whatever namespace it is.
    assert api_server.create(drill(namespace, **change)).code == 201
    own = [{"name": "chat", "namespace": namespace}]
    assert api_server.create(drill(namespace, receiverRefs=own), user=account).code == 201


@pytest.mark.parametrize("only_home", [True, False])
def test_account_of_drills_has_rights_in_no_other_namespace(
    api_server: ApiServer, *, only_home: bool
) -> None:
    home, shop, other = (api_server.namespace() for _ in range(3))
    drilled = home if only_home else shop
    values = {"receiversTypesElsewhere": "[]"} if only_home else {"watchNamespaces": json.dumps([shop])}
    for obj in drill_objects(operatorNamespace=home, **values):
        api_server.apply(obj)
    user = f"system:serviceaccount:{home}:{names.DRILL}"

    def listing(namespace: str) -> int:
        return api_server.send("GET", RECEIVERS.format(namespace=namespace), user=user).code

    eventually(lambda: listing(drilled), lambda code: code == 200, within=10)
    assert [listing(each) for each in (home, shop, other) if each != drilled] == [403, 403]
    assert api_server.send("GET", f"{KIND}/{other}/{names.PLURAL}/known", user=user).code == 403


def test_operator_reads_the_secret_of_the_external_heartbeat_and_no_other(api_server: ApiServer) -> None:
    home = api_server.namespace()
    values = {"operatorNamespace": home, "watchNamespaces": json.dumps([home])}
    for obj in objects(**WEEKLY, **values, monitoringExternalHeartbeatSecret="switch"):
        if obj["metadata"]["labels"].get("app.kubernetes.io/component") == "rbac":
            api_server.apply(obj)
    user = f"system:serviceaccount:{home}:{names.OPERATOR}"

    def read(path: str) -> int:
        return api_server.send("GET", path, user=user).code

    secrets, selector = f"/api/v1/namespaces/{home}/secrets", "?limit=1&fieldSelector=metadata.name="
    eventually(lambda: read(f"{secrets}{selector}switch"), lambda code: code == 200, within=10)
    jobs = f"/apis/batch/v1/namespaces/{home}/jobs"
    others = (f"{secrets}{selector}other", secrets, f"{secrets}/switch", f"{jobs}/drill")
    assert read(f"{jobs}?limit=500") == 200
    assert [read(path) for path in others] == [403] * len(others)


def test_cron_job_and_its_pod_are_accepted_in_the_restricted_namespace(
    api_server: ApiServer, account: str
) -> None:
    job = cron_job(drillTimeZone="Europe/Berlin")
    answer = api_server.send("POST", CRON_JOBS, job)
    assert answer.code == 201, answer
    template = job["spec"]["jobTemplate"]["spec"]["template"]
    assert template["spec"]["serviceAccountName"] == account.rpartition(":")[2]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        **template,
        "metadata": {"name": "drill", "labels": template["metadata"]["labels"]},
    }
    pods = f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All&fieldValidation=Strict"
    answer = api_server.send("POST", pods, pod)
    assert answer.code == 201, answer


@pytest.mark.parametrize(
    ("text", "accepted"),
    [*((text, True) for text in VALID), *((text, text in STRICTER) for text in INVALID)],
)
def test_schedule_is_accepted_where_the_api_server_accepts_it(
    api_server: ApiServer, text: str, *, accepted: bool
) -> None:
    job = cron_job()
    answer = api_server.send("POST", CRON_JOBS, {**job, "spec": {**job["spec"], "schedule": text}})
    assert (answer.code == 201) is accepted, answer.message


class DrillNamespace:
    """A namespace with an operator, its receivers, and the account of its drills."""

    def __init__(self, api_server: ApiServer, folder: Path, cleanup: contextlib.ExitStack) -> None:
        self.cluster = cluster = api_server.cluster
        unique = f"drill-{uuid.uuid4().hex[:8]}"
        self.namespace = cluster.create_namespace({**names.labels("namespace"), LABEL: unique})
        cleanup.callback(cluster.core.delete_namespace, self.namespace)
        account = ProcessAccount(cluster, self.namespace)
        cleanup.callback(account.remove)
        account.write_kubeconfig(folder / "kubeconfig")
        for obj in drill_objects(
            operatorNamespace=self.namespace, watchNamespaces=json.dumps([self.namespace])
        ):
            api_server.apply(obj)
        self.folder = folder
        self.operator = OperatorProcess(
            cluster=cluster,
            spec=OperatorSpec(
                name=unique, namespace=self.namespace, settings={**WEEKLY, "channelsSlackEnabled": False}
            ),
            sink="http://127.0.0.1:1",
            kubeconfig=folder / "kubeconfig",
        )
        cleanup.callback(self.operator.stop)

    def receiver(self, name: str, spec: dict[str, Any]) -> str:
        """Create a receiver, and return the label of its series."""
        self.cluster.apply(
            {
                "apiVersion": contract.API_VERSION,
                "kind": names.RECEIVER_KIND,
                "metadata": {"name": name, "namespace": self.namespace},
                "spec": spec,
            }
        )
        return f"{self.namespace}/{name}"

    def drill(self) -> subprocess.CompletedProcess[str]:
        """Run what the CronJob runs, with its account in the files that a pod has."""
        return notif_in_pod(
            self.cluster,
            namespace=self.namespace,
            account=names.DRILL,
            arguments=arguments([self.namespace]),
            folder=self.folder,
        )

    def series(self) -> dict[str, float]:
        """Return the times by receiver, as Prometheus reads them."""
        families = text_string_to_metric_families(self.operator.page(METRICS, "metrics"))
        return {
            each.labels["receiver"]: each.value
            for family in families
            if family.name == LAST_SUCCESS
            for each in family.samples
        }

    def stored_drill(self, name: str) -> str | None:
        """Return the time in the status of a receiver."""
        obj = self.cluster.request("GET", f"{RECEIVERS.format(namespace=self.namespace)}/{name}")
        time: str | None = obj.get("status", {}).get("lastDrillTime")
        return time


@pytest.fixture
def drills(api_server: ApiServer) -> Iterator[DrillNamespace]:
    with contextlib.ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="drill-")))
        yield DrillNamespace(api_server, folder, cleanup)


def overdue_after(hours: int, series: dict[str, float], namespace: str) -> str:
    """Let Prometheus keep these series for so long, and return which receivers the alert reports, as promtool says it."""
    labels = f'namespace="{namespace}"'
    inputs = {f"{SCHEDULED}{{{labels}}}": 1.0} | {
        f'{LAST_SUCCESS}{{{labels}, receiver="{receiver}"}}': value for receiver, value in series.items()
    }
    test = {
        "interval": "1h",
        "input_series": [
            {"series": name, "values": f"{value:.0f}x{hours + 1}"} for name, value in inputs.items()
        ],
        "alert_rule_test": [{"eval_time": f"{hours}h", "alertname": OVERDUE}],
    }
    promtool = str(ensure(["prometheus"]).program("promtool"))
    with tempfile.TemporaryDirectory(prefix="drill-") as folder:
        rules = {"groups": groups(namespace, Limits(), "docs/runbooks")}
        Path(folder, "rules.yml").write_text(yaml.safe_dump(rules), "utf-8")
        document = {"rule_files": ["rules.yml"], "evaluation_interval": "1h", "tests": [test]}
        Path(folder, "test.yml").write_text(yaml.safe_dump(document), "utf-8")
        done = subprocess.run(
            [promtool, "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True, check=False
        )
    return done.stdout + done.stderr


def test_drill_that_succeeds_is_recorded_and_one_that_fails_is_overdue(drills: DrillNamespace) -> None:
    good, bad = drills.receiver("good", {"type": "console"}), drills.receiver("bad", MISSING_SECRET)
    drills.receiver("resting", {"type": "console", "suspend": True})
    drills.operator.start()
    eventually(drills.series, lambda series: series == {good: 0, bad: 0}, within=20)

    began = time.time()
    done = drills.drill()

    results = {each["receiver"]: each for each in json.loads(done.stdout)["receivers"]}
    assert (done.returncode, results[good]["result"], results[bad]["result"]) == (1, "Delivered", "Failed")
    assert "absent" in results[bad]["detail"]
    series = eventually(drills.series, lambda series: series[good] > 0, within=10)
    assert (began - 1 <= series[good] <= time.time(), series[bad]) == (True, 0)

    # A restarted operator knows it from the status, which another replica reads as well.
    assert eventually(lambda: drills.stored_drill("good"), bool, within=20)
    assert drills.stored_drill("bad") is None
    drills.operator.restart()
    restored = eventually(drills.series, lambda series: series.get(good, 0) > 0, within=20)
    assert restored == pytest.approx(series, abs=0.001)

    assert "FAILED" not in overdue_after(191, restored, drills.namespace)
    report = overdue_after(194, restored, drills.namespace)
    assert (f'receiver="{bad}"' in report, f'receiver="{good}"' in report) == (True, False)
