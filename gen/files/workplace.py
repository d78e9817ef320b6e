"""Work folders: made beside what they replace, locked by their process, swept by the next one when that is gone.

``.NAME.new-XXXXXXXX/`` stands beside NAME and holds ``lock``, ``new`` (what is being made) and, for a moment, ``old``
(what was there). A process holds the lock of its folder as long as it lives, whatever ends it; so a folder whose lock
can be taken is nobody's. Process numbers would not tell: they are given again, and on a network drive they are another
machine's.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from .undisturbed import undisturbed

LOCK, NEW, OLD = "lock", "new", "old"
WORK = re.compile(r"\.(.+)\.new-[0-9a-f]{8}", re.DOTALL)
"""A work folder's name. It has 40 characters of the other: 255 bytes are allowed, and a character takes up to 4."""
_SIGNED = b"bitsmith\0"
_ATTEMPTS = 100
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextmanager
def work_folder(place: Path) -> Iterator[Path]:
    """An empty folder beside ``place``, removed in the end; those that killed processes left there are swept first."""
    sweep(place.parent)
    claimed = None
    try:
        with undisturbed:
            claimed = _claim(place)
        yield claimed[0]
    finally:
        with undisturbed:
            if claimed:
                _remove(claimed[0])
                os.close(claimed[1])


@contextmanager
def remaking(place: Path) -> Iterator[Path]:
    """A new folder that takes the place of ``place`` when the block ends well, and is removed when it doesn't.

    Of several processes that do so at the same time the last one wins, and each leaves a whole folder. OSError where it
    cannot be written; then what was there is there.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with work_folder(place) as work:
        fresh = work / NEW
        fresh.mkdir()
        yield fresh
        flush(fresh, *fresh.rglob("*"))
        _put(work, place)
        flush(place.parent)


def sweep(parent: Path) -> None:
    """Remove the work folders in ``parent`` that are nobody's. What one of them took away is put back, if it lacks."""
    with suppress(OSError):
        for name in os.listdir(parent):
            if WORK.fullmatch(name):
                with suppress(OSError):
                    _sweep(parent / name)


def outliving(folder: Path) -> Path:
    """``folder``, or where that is in a work folder, what the work folder is in: a log is put there and stays."""
    inside = [parent for parent in (folder, *folder.parents) if WORK.fullmatch(parent.name)]
    return inside[-1].parent if inside else folder


def flush(*paths: Path) -> None:
    """See to it that files and folders survive a power cut.

    Several at a time: the file system then writes its journal once for many of them, here in a tenth of the time.
    """
    with ThreadPoolExecutor(min(8, len(paths))) as pool:
        list(pool.map(_flush, paths))


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems without it
            raise
    finally:
        os.close(descriptor)


def _claim(place: Path) -> tuple[Path, int]:
    """A new folder and its lock. Where another process took it for an abandoned one, the next name is tried."""
    while True:
        folder = place.with_name(f".{place.name[:40]}.new-{secrets.token_hex(4)}")
        folder.mkdir()
        try:
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileNotFoundError:
            continue
        try:
            if _taken(lock, folder, unknown=True):
                os.write(lock, _SIGNED + os.fsencode(place.name))
                return folder, os.dup(lock)
        except BaseException:  # a full disk
            _remove(folder)
            raise
        finally:
            os.close(lock)


def _taken(lock: int, folder: Path, unknown: bool) -> bool:
    """Whether the lock is ours now and still the folder's; ``unknown`` where the file system has no locks."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return unknown
    try:
        return os.path.samestat((folder / LOCK).stat(), os.fstat(lock))
    except FileNotFoundError:
        return False


def _sweep(folder: Path) -> None:
    try:
        lock = os.open(folder / LOCK, os.O_RDWR)
    except FileNotFoundError:
        folder.rmdir()  # killed before it had a lock; what is not empty is somebody else's
        return
    try:
        if _taken(lock, folder, unknown=False):
            signature = os.read(lock, 4096)
            if signature.startswith(_SIGNED):
                _bring_back(folder / OLD, folder.with_name(os.fsdecode(signature.removeprefix(_SIGNED))))
                _remove(folder)
            elif not signature and os.listdir(folder) == [LOCK]:
                _remove(folder)
    finally:
        os.close(lock)


def _bring_back(old: Path, place: Path) -> None:
    if old.exists() and not os.path.lexists(place):
        old.rename(place)


def _remove(folder: Path) -> None:
    """All of it, and the lock last: while something is left, it says whose it is."""
    with suppress(OSError):
        for name in sorted(os.listdir(folder), key=lambda name: name == LOCK):
            path = folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        folder.rmdir()


def _put(work: Path, place: Path) -> None:
    """``work/new`` to ``place``; where another process does the same just now, again and again."""
    if not any(_moved(work, place) for _ in range(_ATTEMPTS)):
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def _moved(work: Path, place: Path) -> bool:
    """In one step where the system can; False where ``place`` came or went meanwhile."""
    try:
        if not os.path.lexists(place):
            (work / NEW).rename(place)
        elif not exchange(work / NEW, place):
            _two_renames(work, place)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY):
            return False
        raise
    return True


def _two_renames(work: Path, place: Path) -> None:
    """Where the system cannot exchange. Killed between the two, the next ``sweep`` puts the old one back."""
    old = work / OLD
    place.rename(old)
    try:
        (work / NEW).rename(place)
    except BaseException:  # Ctrl-C, too
        with suppress(OSError):  # another process put its own there
            old.rename(place)
        raise
    finally:
        with suppress(FileNotFoundError):
            old.rename(work / secrets.token_hex(4))  # not to be brought back when half of it is deleted


def exchange(one: Path, other: Path) -> bool:
    """Swap two paths in one step; False where the system or its C library cannot. OSError as ``rename``."""
    swap = _renameat2()
    if swap is None:
        return False
    if swap(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


def _renameat2() -> Callable[..., int] | None:
    """Linux's call; None where the C library lacks it."""
    try:
        found = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return None
    found.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    function: Callable[..., int] = found
    return function
