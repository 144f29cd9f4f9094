import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings")
django = get_wsgi_application()

from mlplatform.web.fast_path import FastPath, FullPath  # noqa: E402 - it reads the settings
from mlplatform.web.proxies import UrlPrefix  # noqa: E402
from mlplatform.web.request_body import RequestBody  # noqa: E402
from mlplatform.web.request_log import RequestLog  # noqa: E402

application = RequestLog(UrlPrefix(RequestBody(FastPath(FullPath(django)))))
