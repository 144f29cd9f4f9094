from mlplatform.settings import *  # noqa: F403
from mlplatform.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.servers.machines.next_version"]
