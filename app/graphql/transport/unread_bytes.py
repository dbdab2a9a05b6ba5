"""Counts the bytes that wait in the buffer of a connection because its client has not read them."""

import asyncio

from app.graphql.execution.answer_budgets import Holding

KEPT_UNREAD = 2**12  # bytes that wait for a client without being counted: more than a head, so that a small answer is sent at once


class UnreadBytes:
    """Counts the bytes that a connection keeps because its client has not read them."""

    def __init__(self, transport: asyncio.Transport) -> None:
        transport.set_write_buffer_limits(high=KEPT_UNREAD)
        self._transport = transport
        self._holding: Holding | None = None

    def count_into(self, holding: Holding) -> None:
        """Count into this holding from now on, and into no other."""
        if self._holding:
            self._holding.close()
        self._holding = holding
        self.count()

    def count(self) -> None:
        """Count the bytes that are kept now."""
        if self._holding:
            self._holding.wait_to_be_read(self._transport.get_write_buffer_size())

    def forget(self) -> None:
        """Keep nothing any more."""
        if self._holding:
            self._holding.release()

    def close(self) -> None:
        """Count nothing any more."""
        if self._holding:
            self._holding.close()
