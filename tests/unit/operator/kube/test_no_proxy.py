"""The entries of NO_PROXY: the cases of Go's golang.org/x/net/http/httpproxy, of curl, and those between them."""

from __future__ import annotations

import pytest
from yarl import URL

from notification_runtime.kube.proxy import bypasses_proxy

GO_ENTRIES = (
    "foobar.com, .barbaz.net, *.quux.com, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, 10.0.0.0/30, "
    "2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, 2002:db8:a::45/64, example.com:8443"
)
"""The entries of Go's own table."""


@pytest.mark.parametrize(
    ("host", "direct"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.0.0.2", True),
        ("[::1]", True),
        ("[::2]", False),
        ("192.168.1.1", True),
        ("192.168.1.2", False),
        ("192.168.1.2:81", True),
        ("192.168.1.3", True),
        ("192.168.1.4", False),
        ("10.0.0.2", True),
        ("10.0.0.4", False),
        ("[2001:db8::52:0:1]", True),
        ("[2001:db8::52:0:2]", False),
        ("[2001:db8::52:0:2]:443", True),
        ("[2001:db8::52:0:3]", True),
        ("[2002:db8:a::123]", True),
        ("[fe80::424b:c8be:1643:a1b6]", False),
        ("www.barbaz.net", True),
        ("foobar.com", True),
        ("www.foobar.com", True),
        ("www.quux.com", True),
        ("quux.com", False),
        ("foofoobar.com", False),
        ("baz.com", False),
        ("localhost.net", False),
        ("local.localhost", False),
        ("barbarbaz.net", False),
        ("example.com", False),
        ("example.com:8443", True),
        ("[::ffff:192.168.1.1]", True),
        ("FOOBAR.com", True),
        ("foobar.com.", True),
    ],
)
def test_host_bypasses_the_proxy_as_in_go(host: str, *, direct: bool) -> None:
    assert bypasses_proxy(URL(f"http://{host}/"), GO_ENTRIES) is direct


@pytest.mark.parametrize(
    ("entries", "url", "direct"),
    [
        ("10.0.0.0/8", "https://10.96.0.1", True),
        ("10.0.0.0/8", "https://11.0.0.1", False),
        ("10.1.2.3/8", "https://10.96.0.1", True),
        ("fd00::/8", "https://[fd00:10:96::1]:443", True),
        ("fd00::/8", "https://[2001:db8::1]", False),
        ("fd00::/8", "https://10.0.0.1", False),
        ("0.0.0.0/0", "https://hooks.example", False),
        ("10.0.0.0/33", "https://10.0.0.1", False),
        ("example.com/8", "https://example.com", False),
        ("::ffff:10.0.0.1", "https://10.0.0.1", True),
        ("[fd00::1]", "https://[fd00::1]", True),
        ("fe80::1%eth0", "https://[fe80::1]", True),
        ("*", "https://hooks.example", True),
        ("10.0.0.0/8,*", "https://hooks.example", True),
        ("*.svc", "https://kubernetes.default.svc", True),
        ("*.svc", "https://svc", False),
        (".svc", "https://svc", True),
        ("other.example hooks.example", "https://hooks.example", True),
        (" , ,", "https://hooks.example", False),
        ("", "https://hooks.example", False),
        (".", "https://hooks.example", False),
        (":443", "https://hooks.example", False),
        ("hooks.example:443", "https://hooks.example", True),
        ("hooks.example:80", "https://hooks.example", False),
        ("hooks.example:", "https://hooks.example", True),
        ("bücher.example", "https://www.bücher.example", True),
        ("xn--bcher-kva.example", "https://bücher.example", True),
        ("bü\N{ZERO WIDTH JOINER}.example", "https://hooks.example", False),
        ("10.0.0", "https://10.0.0.1", False),
    ],
)
def test_entry_matches_hosts_in_every_form(entries: str, url: str, *, direct: bool) -> None:
    assert bypasses_proxy(URL(url), entries) is direct
