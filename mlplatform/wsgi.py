import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings")
django = get_wsgi_application()

from mlplatform import outages  # noqa: E402
from mlplatform.requestlog import RequestLog  # noqa: E402
from serving.lane import Lane  # noqa: E402

outages.give_up_on_silence()
application = RequestLog(Lane(django))
