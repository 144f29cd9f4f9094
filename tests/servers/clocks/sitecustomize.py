import os
from datetime import timedelta

from django.utils import timezone

now, ahead = timezone.now, timedelta(seconds=int(os.environ["CLOCK_AHEAD_S"]))
timezone.now = lambda: now() + ahead
