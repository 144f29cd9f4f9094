"""The redirect to the sign-in page of a request without a session, and the way back."""

import pytest

LOGIN = "/accounts/login/?next="
PROMOTE = "/registry/models/iris/1/promote/"
PAGE = "http://testserver/registry/models/iris/1/?tab=a%26b"


@pytest.mark.parametrize(
    ("referer", "address"),
    [
        (PAGE, LOGIN + "/registry/models/iris/1/%3Ftab%3Da%2526b"),
        ("https://elsewhere.example/registry/", LOGIN + "/"),
        ("", LOGIN + "/"),
    ],
)
def test_a_form_of_an_expired_session_leads_back_to_its_page(client, db, referer, address):
    response = client.post(PROMOTE, {"stage": "staging"}, headers={"referer": referer})
    assert (response.status_code, response["Location"]) == (302, address)
    sign_in_page = client.get(response["Location"]).text
    assert "Your session has expired. Sign in and submit the form again." in sign_in_page


def test_a_page_leads_back_to_itself(client, db):
    response = client.get("/catalog/?q=iris", headers={"referer": PAGE})
    assert response["Location"] == LOGIN + "/catalog/%3Fq%3Diris"
    assert "session has expired" not in client.get(response["Location"]).text


def test_a_part_of_a_page_is_not_replaced_by_the_sign_in_page(client, db):
    response = client.get("/registry/jobs/1/", headers={"hx-request": "true", "referer": PAGE})
    assert response["HX-Redirect"] == LOGIN + "/registry/models/iris/1/%3Ftab%3Da%2526b"
    assert not response.content
