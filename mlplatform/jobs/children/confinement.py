"""Take rights from the calling thread, and those it starts, before it reads what a stranger has made.

What Linux lets any process give up, without a package: https://docs.kernel.org/userspace-api/landlock.html and
https://docs.kernel.org/userspace-api/no_new_privs.html. Limits of size hold for the whole process.
"""

import ctypes
import logging
import os
import resource
import sys
import tempfile
from pathlib import Path

MB = 1024**2
NO_NEW_PRIVILEGES = 38  # of prctl
NEW_NETWORK = 0x40000000  # of unshare: one without interfaces
# System calls, with the same numbers on every architecture.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RULES_VERSION, PATH_BENEATH = 1, 1
# Rights of Landlock on files, by bit. Those after 12 came with later versions of it.
EXECUTE, WRITE_FILE, REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_FILE = (1 << bit for bit in (0, 1, 4, 5, 7, 8))
CHANGES = EXECUTE | WRITE_FILE | sum(1 << bit for bit in range(4, 13))
REFER, TRUNCATE = 1 << 13, 1 << 14
TCP = 0b11  # to bind and to connect
SCOPES = 0b11  # abstract sockets of other processes, and signals to them

logger = logging.getLogger(__name__)


class _Rules(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Folder(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("descriptor", ctypes.c_int32))


def confine(folder: str, *, file_mb: int) -> list[str]:
    """Write files in `folder` only, each of at most `file_mb`; start no programs, and open no connections.

    Returns what the kernel does not offer or permit, which is logged. What is open already stays open.
    """
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_mb * MB, file_mb * MB))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    tempfile.tempdir = folder
    if sys.platform != "linux":
        return ["everything but sizes"]
    libc = ctypes.CDLL(None, use_errno=True)
    lacking = []
    if libc.prctl(NO_NEW_PRIVILEGES, *map(ctypes.c_ulong, (1, 0, 0, 0))):
        lacking.append("no_new_privs")
    if libc.unshare(NEW_NETWORK) and os.geteuid() == 0:  # others may not, and have Landlock
        lacking.append("a network of its own")
    if not _restrict(libc, folder):
        lacking.append("Landlock")
    if lacking:
        logger.warning("the process is confined without %s", ", ".join(lacking))
    return lacking


def _restrict(libc: ctypes.CDLL, folder: str) -> bool:
    """Whether Landlock restricts this thread now."""
    version = libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), RULES_VERSION)
    if version < 1:
        return False
    changes = CHANGES | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    rules = _Rules(changes, TCP if version >= 4 else 0, SCOPES if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    descriptor = libc.syscall(CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    if descriptor < 0:
        return False
    try:
        inside = WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_FILE | (changes & TRUNCATE)
        _allow(libc, descriptor, folder, inside)
        _allow(libc, descriptor, os.devnull, WRITE_FILE)
        return libc.syscall(RESTRICT_SELF, descriptor, 0) == 0
    finally:
        os.close(descriptor)


def _allow(libc: ctypes.CDLL, rules: int, path: str | Path, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        libc.syscall(ADD_RULE, rules, PATH_BENEATH, ctypes.byref(_Folder(rights, place)), 0)
    finally:
        os.close(place)
