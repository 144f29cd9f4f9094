"""A Django view that parses and returns JSON, as a measure of what Django can do on this machine.

PLAIN_MIDDLEWARE=default has the middleware of `startproject`; PLAIN_MIDDLEWARE=none has none.
"""

import json
import os

from django.conf import settings

DEFAULT = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
APPS = ["auth", "contenttypes", "sessions", "messages"]
settings.configure(
    SECRET_KEY="plain",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=[f"django.contrib.{name}" for name in APPS],
    MIDDLEWARE=DEFAULT if os.environ["PLAIN_MIDDLEWARE"] == "default" else [],
    DATA_UPLOAD_MAX_MEMORY_SIZE=64 * 1024**2,
)

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402


@csrf_exempt
def predict(request):
    rows = json.loads(request.body)["input_data"]["features"]
    return JsonResponse({"predictions": ["Adelie"] * len(rows)})


urlpatterns = [path("predict", predict)]
application = get_wsgi_application()
