"""The page of `notif web` over a real API server."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urljoin

import pytest

from tests.cli.served import answer, page, read
from tests.cli.test_cli import FAILED, READ
from tests.cli.test_receivers import SLACK, status

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.cluster import Cluster


@pytest.mark.check("page-12")
def test_page_shows_the_notifications_of_the_cluster(cluster: Cluster) -> None:
    for number in range(130):
        cluster.create(f"n{number:03}")
    cluster.create("zz-failed", status=FAILED)
    with page(cluster, "-A") as url:
        listed = read(f"{url}?namespace={cluster.namespace}")
        assert (listed.count("<tr>"), len(listed.encode()) <= 100_000) == (101, True)
        (following,) = re.findall(r'href="([^"]*)" rel="next"', listed)
        assert read(urljoin(url, unescape(following))).count("<tr>") == 32
        failed = read(f"{url}?namespace={cluster.namespace}&phase=Failed&phase=PartiallySent")
        assert (failed.count("<tr>"), "About zz-failed" in failed) == (2, True)
        assert "teams failed permanently" in read(f"{url}n/{cluster.namespace}/zz-failed")
        version = re.findall(r"version=(\d+)", listed)[0]
        cluster.create("later")
        assert "event: change" in read(f"{url}events?namespace={cluster.namespace}&version={version}")
        with pytest.raises(HTTPError, match="404"):
            read(f"{url}n/{cluster.namespace}/absent")


@pytest.mark.check("page-13")
def test_interrupted_page_ends_with_success(cluster: Cluster) -> None:
    with page(cluster, "-n", cluster.namespace) as url:
        assert "No notification meets these filters." in read(url)


@pytest.mark.check("page-14")
def test_page_shows_the_receivers_of_the_cluster(cluster: Cluster) -> None:
    sick = status(healthy="False", reason="CircuitOpen", consecutiveFailures=7)
    cluster.create_receiver("checkout", SLACK, status=sick)
    for number in range(60):
        cluster.create(f"n{number:02}", receiverRefs=[{"name": "checkout" if number % 3 else "other"}])
    with page(cluster, "-A") as url:
        listed = read(f"{url}receivers?namespace={cluster.namespace}")
        assert (listed.count("<tr>"), "False (CircuitOpen)" in listed) == (2, True)
        shown = read(f"{url}r/{cluster.namespace}/checkout")
        assert "<dt>Failures in a row</dt><dd>7</dd>" in shown
        (events,) = re.findall(r'data-events="([^"]*)"', shown)
        cluster.report("checkout", status())
        assert "event: change" in read(urljoin(url, unescape(events)))
        assert "Ready True, Healthy True" in read(f"{url}r/{cluster.namespace}/checkout")
        theirs = read(f"{url}?namespace={cluster.namespace}&receiver=checkout")
        assert (theirs.count("<tr>"), "40 of 60 notifications" in theirs) == (41, True)
        assert answer(f"{url}?receiver=a/b/c")[0] == 400
        assert answer(f"{url}r/{cluster.namespace}/absent")[0] == 404


@pytest.mark.check("page-15")
def test_missing_right_to_list_receivers_is_a_sentence_on_the_page(cluster: Cluster, tmp_path: Path) -> None:
    cluster.create("order", receiverRefs=[{"name": "checkout"}], status={"phase": "Sending", "message": "m"})
    reader = cluster.user(tmp_path, READ)
    with page(cluster, "-n", cluster.namespace, kubeconfig=reader) as url:
        code, text = answer(f"{url}receivers")
        right = f"may not list notificationreceivers.kubernaut.ai in namespace {cluster.namespace}"
        assert (code, right in text, text.count("missing right")) == (403, True, 1)
        assert "About order" in read(url)
        shown = read(f"{url}n/{cluster.namespace}/order")
        assert ("About order" in shown, "it cannot be read" in shown) == (True, True)
        assert f"may not get notificationreceivers.kubernaut.ai in namespace {cluster.namespace}" in shown
