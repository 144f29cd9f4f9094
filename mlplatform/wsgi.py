import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings")
django = get_wsgi_application()

from mlplatform.resilience import circuit_breaker  # noqa: E402
from mlplatform.web.request_log import RequestLog  # noqa: E402
from serving.lane import Lane  # noqa: E402

circuit_breaker.enable()
application = RequestLog(Lane(django))
