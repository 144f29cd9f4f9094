"""Instants by the clock of the database, for everything that one machine writes and another one compares.

The clocks of machines differ. By its own, a machine whose clock is ahead would take every lease for expired.
"""

from datetime import timedelta

from django.db.models import Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

NOW = Now()  # of the statement, also inside a transaction
LEASE_EXPIRED = Q(lease_expires_at__lt=NOW)


def from_now(duration: timedelta) -> CombinedExpression:
    """When a lease that is taken or renewed now expires."""
    return NOW + duration


def ago(duration: timedelta) -> CombinedExpression:
    return NOW - duration
