"""A slow request whose lease expires, so that a repeat takes over and does the work first."""

import pytest
from rest_framework.response import Response
from rest_framework.test import force_authenticate
from rest_framework.views import APIView

from mlplatform.errors import Conflict, NotReady
from mlplatform.idempotency.models import IdempotentRequest
from mlplatform.idempotency.replay import idempotent


@pytest.mark.parametrize("error", [NotReady("No answer."), Conflict("It is live already.")])
def test_a_request_that_fails_after_another_one_with_its_key_did_the_work_gets_that_result(
    rf, admin, make_dataset, error
):
    dataset = make_dataset().dataset

    class Overtaken(APIView):
        authentication_classes = permission_classes = []

        def respond(self, request, result):
            return Response(result.name)

        @idempotent
        def post(self, request):
            work = {"result_model": "catalog.Dataset", "result_id": dataset.pk}
            IdempotentRequest.objects.update(**work)
            raise error

    request = rf.post("/", {}, content_type="application/json", headers={"Idempotency-Key": "k1"})
    force_authenticate(request, admin)
    response = Overtaken.as_view()(request)
    assert (response.status_code, response.data) == (200, "flowers")
    assert response["Idempotency-Replayed"] == "true"
    assert IdempotentRequest.objects.get().status == 200
