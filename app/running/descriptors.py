"""Notices that this process has no file descriptors left. The event loop then drops new connections without a word."""

import errno
import os
import resource

import structlog

EXHAUSTED = (errno.EMFILE, errno.ENFILE)  # this process, or the whole machine
BESIDES_SOCKETS = 200  # descriptors for the database, the bus, files and ordinary requests

log = structlog.get_logger(__name__)


class DescriptorWatch:
    """Logs when the last descriptor is taken, and when there are some again."""

    def __init__(self, most_sockets: int) -> None:
        self._exhausted = False
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limit != resource.RLIM_INFINITY and limit < most_sockets + BESIDES_SOCKETS:
            hint = "Raise LimitNOFILE or `ulimit -n`, or lower MUSTER_MAX_SOCKETS."
            log.warning("fewer file descriptors than sockets", descriptors=limit, sockets=most_sockets, hint=hint)

    def look(self) -> None:
        """Try to open a file."""
        exhausted = _is_exhausted()
        if exhausted and not self._exhausted:
            log.error("out of file descriptors", consequence="New connections are dropped.", hint="Raise LimitNOFILE or `ulimit -n`.")
        if self._exhausted and not exhausted:
            log.info("file descriptors are free again")
        self._exhausted = exhausted


def _is_exhausted() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        if error.errno not in EXHAUSTED:
            raise
        return True
    return False
