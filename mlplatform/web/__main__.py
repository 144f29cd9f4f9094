"""The web server: `python -m mlplatform.web`. WEB_SERVER chooses gunicorn or granian."""

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings")

from django.conf import settings

from mlplatform.resilience import parent_process
from mlplatform.web import process


def main() -> None:
    parent_process.end_with_parent(stop_s=process.STOP_S)
    os.chdir(settings.BASE_DIR)
    if settings.WEB_SERVER == "granian":
        from mlplatform.web import granian

        granian.serve()
    else:
        from gunicorn.app import wsgiapp

        sys.argv = ["gunicorn", "--config", "mlplatform/web/gunicorn.py"]
        wsgiapp.run()


if __name__ == "__main__":
    main()
