"""Errors of the object store as sentences."""

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from mlplatform import storage
from mlplatform.errors import NotReady


@pytest.mark.parametrize("error", [ConnectTimeoutError, ReadTimeoutError])
def test_a_time_out_of_s3_is_not_ready(error):
    with pytest.raises(NotReady) as refusal, storage.faults_as_not_ready():
        raise error(endpoint_url="http://store.example")
    assert refusal.value.code == "storage_unavailable"
