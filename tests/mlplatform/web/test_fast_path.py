import io
import weakref

import pytest

from mlplatform.web.fast_path import RELEASE_BYTES, FullPath
from mlplatform.web.request_limits import DECOMPRESSED
from tests.mlplatform.web.test_request_body import Cycle


@pytest.mark.parametrize(
    ("bodies", "freed_of_each"),
    [
        ([{"CONTENT_LENGTH": str(RELEASE_BYTES)}], [1]),
        ([{"CONTENT_LENGTH": str(RELEASE_BYTES // 4)}] * 5, [0, 0, 0, 4, 4]),
        ([{"CONTENT_LENGTH": "4000", DECOMPRESSED: RELEASE_BYTES}] * 2, [1, 2]),
        ([{}] * 3, [0, 0, 0]),
    ],
    ids=["large", "many small", "compressed", "without"],
)
def test_the_memory_of_bodies_is_released_by_their_sum_of_bytes(bodies, freed_of_each):
    freed, counts = [], []

    def respond(environ, start):
        body = Cycle()
        weakref.finalize(body, freed.append, True)
        return Parts([body])

    application = FullPath(respond)
    for headers in bodies:
        application(headers | {"wsgi.input": io.BytesIO()}, None).close()
        counts.append(len(freed))
    assert counts == freed_of_each


class Parts(list):
    def close(self):
        pass
