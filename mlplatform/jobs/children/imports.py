"""Imported by the server that child processes are forked from: the slow imports, done once for all of them."""

import gc

import django
from django.conf import settings
from django.utils.module_loading import import_string

django.setup()
for path in settings.PRELOAD:
    import_string(path)()
gc.freeze()  # collections in the children would otherwise write to, and so copy, the shared pages
