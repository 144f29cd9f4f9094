"""What proxies say counts, the client's address and the prefix, and nothing that a client can make up."""

import html
import io
import json
import re
from ipaddress import ip_network

import pytest
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import resolve

from mlplatform.auth import tokens
from mlplatform.web.fast_path import FastPath
from mlplatform.web.proxies import UrlPrefix, client_address
from mlplatform.web.request_body import RequestBody
from registry.releases.promotion import promote
from serving.batch.service import score


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
        ("172.18.0.2", "1.2.3.4, nonsense", "172.18.0.2"),
        ("172.18.0.2", "1.2.3.4, unknown, 172.18.0.3", "172.18.0.3"),
        ("172.18.0.2", "1.2.3.4:1,203.0.113.9:4711", "203.0.113.9"),
        ("::ffff:172.18.0.2", "::ffff:203.0.113.9", "203.0.113.9"),
        ("172.18.0.2", "[2001:db8:1:2:3::4]:443", "2001:db8:1:2::"),
        ("172.18.0.2", "2001:db8:1:2:ffff::9", "2001:db8:1:2::"),
        ("fe80::1%eth0", "", "fe80::"),
        ("", "203.0.113.9", None),
    ],
)
def test_the_address_is_the_last_one_that_is_no_trusted_proxy(rf, settings, remote, forwarded, expected):
    settings.TRUSTED_PROXIES = [ip_network("172.16.0.0/12")]
    request = rf.get("/", REMOTE_ADDR=remote, headers={"X-Forwarded-For": forwarded})
    assert client_address(request) == expected


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("", "172.18.0.2"),
        ("203.0.113.9", "203.0.113.9"),  # called without the first proxy
        ("203.0.113.9, 198.51.100.1", "203.0.113.9"),
        ("1.2.3.4, 203.0.113.9, 198.51.100.1", "203.0.113.9"),
        ("1.2.3.4, 203.0.113.9, unknown", "172.18.0.2"),
    ],
)
def test_the_address_is_that_before_a_number_of_proxies(rf, settings, forwarded, expected):
    settings.TRUSTED_PROXIES = 2
    request = rf.get("/", REMOTE_ADDR="172.18.0.2", headers={"X-Forwarded-For": forwarded})
    assert client_address(request) == expected


def test_no_proxy_is_trusted_by_default(rf):
    request = rf.get("/", REMOTE_ADDR="127.0.0.1", headers={"X-Forwarded-For": "203.0.113.9"})
    assert client_address(request) == "127.0.0.1"


PREFIX = "/teams/ml"
ADDRESS = re.compile(r'(?:href|src|action|hx-(?:get|post|delete))="([^"]*)"')


@pytest.fixture
def proxied(page):
    """Calls the application as a proxy does that publishes it under PREFIX, signed in with a session."""
    application = UrlPrefix(RequestBody(FastPath(get_wsgi_application())))

    def call(path, *, method="GET", body=b"", peer="10.0.0.1", **headers):
        headers = {"X-Forwarded-Prefix": PREFIX, "Accept": "text/html,*/*;q=0.8"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        request = RequestFactory().generic(
            method, path, body, content_type="application/json", headers=headers
        )
        request.environ["REMOTE_ADDR"] = peer
        if "cookie" not in headers:
            request.environ["HTTP_COOKIE"] = f"sessionid={page.cookies['sessionid'].value}"
        begun = []
        parts = application(request.environ, lambda status, headers: begun.extend([status, headers]))
        response = HttpResponse(b"".join(parts), status=int(begun[0][:3]))
        response.raw_headers = begun[1]
        for name, value in begun[1]:
            response[name] = value
        return response

    return call


@pytest.fixture
def trusted(settings):
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]


def test_every_address_on_every_page_begins_with_the_prefix(proxied, trusted, make_version, admin):
    version = make_version()
    promote(version, stage="staging", by=admin)
    table = io.BytesIO(b"length,width,colour\n9,1.6,blue\n")
    score("flowers", stage="dev", file=table, filename="rows.csv", by=admin, as_job=True)
    waiting, visited = ["/", "/docs"], set()
    while waiting:
        path = waiting.pop()
        name = resolve(path.partition("?")[0]).view_name
        if name in visited or name == "logout":
            continue
        visited.add(name)
        response = proxied(path)
        assert response.status_code in {200, 302, 405}, path
        assert response.get("Location", PREFIX).startswith(PREFIX)
        if not response["Content-Type"].startswith("text/html"):
            continue
        text = html.unescape(response.content.decode())
        assert not re.search(f"//testserver(?!{PREFIX}/)", text), path
        for address in map(html.unescape, ADDRESS.findall(response.content.decode())):
            if (
                address
                and address[0] not in "#?"
                and not address.startswith(("http", "data:", "javascript:"))
            ):
                assert address.startswith(f"{PREFIX}/"), (path, address)
                inner = address.removeprefix(PREFIX).partition("#")[0]
                if not inner.startswith(("/static/", "/admin/")):
                    waiting.append(inner)
    assert {
        "home",
        "registry:model",
        "registry:job",
        "serving:stage",
        "serving:job",
        "tokens",
        "docs",
    } <= visited


def test_the_api_under_a_prefix_works_whether_the_proxy_removes_it_or_not(
    proxied, trusted, make_version, admin
):
    make_version()
    token = {"authorization": f"Bearer {tokens.create(admin).token}", "Accept": "application/json"}
    body = {"dataset_name": "flowers", "environment": "dev", "input_data": {"features": [[5, 1.5, "red"]]}}
    for path in ("/predict", f"{PREFIX}/predict"):
        response = proxied(path, method="POST", body=json.dumps(body), **token)
        assert json.loads(response.content)["predictions"] == ["tulip"]
    [job] = json.loads(proxied("/jobs", **token).content)["results"]
    assert job["url"].startswith(f"{PREFIX}/jobs/")
    assert f"{PREFIX}/schema" in proxied("/docs").content.decode()
    assert json.loads(proxied("/schema?format=json", **token).content)["servers"] == [{"url": PREFIX}]


def test_redirects_and_cookies_keep_the_prefix(proxied, trusted):
    assert proxied("/catalog")["Location"] == f"{PREFIX}/catalog/"
    signed_out = proxied("/catalog/", cookie="")
    assert signed_out["Location"] == f"{PREFIX}/accounts/login/?next={PREFIX}/catalog/"
    cookies = [value for name, value in proxied("/accounts/tokens/").raw_headers if name == "Set-Cookie"]
    assert cookies
    assert all(f"Path={PREFIX}/" in cookie for cookie in cookies)


def test_the_prefix_of_an_untrusted_client_and_an_invalid_one_are_ignored(proxied, trusted):
    assert proxied("/catalog", peer="203.0.113.1")["Location"] == "/catalog/"
    for prefix in ("//evil.example", "ml", "/a b", "/../x?", "/../evil", '/"><script>'):
        assert proxied("/catalog", X_Forwarded_Prefix=prefix)["Location"] == "/catalog/"


def test_a_number_of_proxies_trusts_the_prefix_of_every_peer(proxied, settings):
    settings.TRUSTED_PROXIES = 1
    assert proxied("/catalog", peer="203.0.113.1")["Location"] == f"{PREFIX}/catalog/"


def test_the_setting_is_the_prefix_without_the_header(proxied, settings):
    settings.URL_PREFIX = "/ml"
    assert proxied("/catalog")["Location"] == "/ml/catalog/"
    assert proxied("/ml/catalog")["Location"] == "/ml/catalog/"
    assert proxied("/ml").status_code == 200
