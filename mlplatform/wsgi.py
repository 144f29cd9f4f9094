import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings")
django = get_wsgi_application()

from serving.lane import Lane  # noqa: E402

application = Lane(django)
