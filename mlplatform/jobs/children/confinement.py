"""Take rights from the calling thread, and those it starts, before it reads what a stranger has made.

What Linux lets any process give up, without a package: https://docs.kernel.org/userspace-api/landlock.html and
https://docs.kernel.org/userspace-api/no_new_privs.html. Limits of size hold for the whole process.
"""

import ctypes
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
TCP, WITH_TCP = 0b11, 4  # to bind and to connect; since Linux 6.7
SCOPES = 0b11  # abstract sockets of other processes, and signals to them


class _Rules(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Folder(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("descriptor", ctypes.c_int32))


def confine(folder: str, *, file_mb: int) -> list[str]:
    """Write files in `folder` only, each of at most `file_mb`; start no programs, and open no connections.

    Returns what the kernel does not offer or permit. What is open already stays open.
    """
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    size = file_mb * MB if allowed == resource.RLIM_INFINITY else min(file_mb * MB, allowed)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    tempfile.tempdir = folder
    if sys.platform != "linux":
        return ["everything but sizes"]
    libc = ctypes.CDLL(None, use_errno=True)
    lacking = []
    if libc.prctl(NO_NEW_PRIVILEGES, *map(ctypes.c_ulong, (1, 0, 0, 0))):
        lacking.append("no_new_privs")
    has_network = libc.unshare(NEW_NETWORK) != 0  # only root may leave it
    version = _restrict(libc, folder)
    if not version:
        lacking.append("Landlock")
    if has_network and version < WITH_TCP:
        lacking.append("a limit of connections")
    return lacking


def _restrict(libc: ctypes.CDLL, folder: str) -> int:
    """The version of Landlock that restricts this thread now; 0 if none does."""
    version = libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), RULES_VERSION)
    if version < 1:
        return 0
    changes = CHANGES | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    rules = _Rules(changes, TCP if version >= WITH_TCP else 0, SCOPES if version >= 6 else 0)
    size = 8 if version < WITH_TCP else 16 if version < 6 else 24
    descriptor = libc.syscall(CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    if descriptor < 0:
        return 0
    try:
        inside = WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_FILE | (changes & TRUNCATE)
        _allow(libc, descriptor, folder, inside)
        _allow(libc, descriptor, os.devnull, WRITE_FILE)
        return 0 if libc.syscall(RESTRICT_SELF, descriptor, 0) else version
    finally:
        os.close(descriptor)


def _allow(libc: ctypes.CDLL, rules: int, path: str | Path, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        libc.syscall(ADD_RULE, rules, PATH_BENEATH, ctypes.byref(_Folder(rights, place)), 0)
    finally:
        os.close(place)
