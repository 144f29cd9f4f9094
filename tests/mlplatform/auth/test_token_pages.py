"""The page of API tokens."""

import re

import pytest


def test_a_new_token_is_shown_once_and_is_valid(page, client):
    text = page.post("/accounts/tokens/").text
    token = re.search(r'value="(mlmp_\w+)"', text)[1]
    assert token not in page.get("/accounts/tokens/").text
    client.logout()
    assert client.get("/datasets", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_the_page_with_a_new_token_is_not_cached(page):
    assert "no-store" in page.post("/accounts/tokens/")["Cache-Control"]


def test_a_revoked_token_is_not_listed(page):
    page.post("/accounts/tokens/")
    key = page.get("/accounts/tokens/").context["tokens"][0].token_key
    response = page.post(f"/accounts/tokens/{key}/revoke/", follow=True)
    assert "The token was revoked." in response.text
    assert "No tokens yet" in response.text


@pytest.mark.parametrize("path", ["/accounts/tokens/", "/"])
def test_an_anonymous_visitor_is_redirected_to_sign_in(client, db, path):
    assert client.get(path)["Location"].startswith("/accounts/login/")
