"""Whose address counts: the client's, and nothing that a client can make up."""

from ipaddress import ip_network

import pytest

from mlplatform.web.client_address import client_address


@pytest.mark.parametrize(
    ("remote", "forwarded", "expected"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("172.18.0.2", "203.0.113.9", "203.0.113.9"),
        ("172.18.0.2", "1.2.3.4, 203.0.113.9", "203.0.113.9"),
        ("172.18.0.2", "203.0.113.9, 172.18.0.3", "203.0.113.9"),
        ("172.18.0.2", "172.18.0.7", "172.18.0.7"),
        ("172.18.0.2", "", "172.18.0.2"),
        ("172.18.0.2", "nonsense", "nonsense"),
        ("", "203.0.113.9", ""),
    ],
)
def test_the_address_is_the_last_one_that_is_no_trusted_proxy(rf, settings, remote, forwarded, expected):
    settings.TRUSTED_PROXIES = [ip_network("172.16.0.0/12")]
    request = rf.get("/", REMOTE_ADDR=remote, headers={"X-Forwarded-For": forwarded})
    assert client_address(request) == expected


def test_no_proxy_is_trusted_by_default(rf):
    request = rf.get("/", REMOTE_ADDR="127.0.0.1", headers={"X-Forwarded-For": "203.0.113.9"})
    assert client_address(request) == "127.0.0.1"


@pytest.mark.django_db
def test_failed_sign_ins_behind_a_proxy_lock_out_only_their_client(client, settings):
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1")]

    def sign_in(number: int, address: str) -> int:
        form = {"username": f"nobody{number}", "password": "wrong"}
        return client.post("/accounts/login/", form, headers={"X-Forwarded-For": address}).status_code

    assert [sign_in(number, "203.0.113.9") for number in range(10)][-1] == 429
    assert sign_in(11, "203.0.113.9") == 429
    assert sign_in(12, "203.0.113.10") == 200
