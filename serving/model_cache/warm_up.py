"""Load the models that are in use before a new web process takes requests.

While servers are restarted one after another, a new one gets its share of the requests as soon as it listens. Those for
a model that is not in memory would wait for it, and the load takes longer while the processor has other work.
"""

import logging
import threading
from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, connection

from mlplatform.resilience import circuit_breaker
from registry.releases import usage
from serving.model_cache.cache import ModelCache, shared_cache

WAIT_S = 10  # then the process takes requests, and the rest is loaded meanwhile

logger = logging.getLogger(__name__)


def start(is_on: Callable[[], bool]) -> None:
    """Warm up the cache of this process, and return when that is done, after WAIT_S at most."""
    thread = threading.Thread(target=_run, args=[is_on], name="warm-up", daemon=True)
    thread.start()
    thread.join(WAIT_S)


def _run(is_on: Callable[[], bool]) -> None:
    try:
        warm_up(shared_cache(), is_on)
    except (OperationalError, InterfaceError) as error:
        logger.warning("The models in use could not be loaded at the start: %s", error)
    except Exception:  # it only saves time
        logger.exception("Loading the models in use at the start failed")
    finally:
        connection.close()


def warm_up(cache: ModelCache, is_on: Callable[[], bool] = lambda: True) -> None:
    """Load what was called in the last 24 hours, the most used first, into half of the memory. Raises database errors.

    A model that cannot be loaded is left to the requests for it, and all are if the object store does not respond.
    """
    with circuit_breaker.short_timeout():
        stages = usage.stages_in_use()
    for dataset, stage in stages:
        if not (is_on() and cache.models.has_space()):
            return
        try:
            cache.get(dataset, stage=stage)
        except ValidationError as error:
            logger.info("%s in %s was not loaded at the start: %s", dataset, stage, error.messages[0])
            if error.code == "storage_unavailable":
                return
