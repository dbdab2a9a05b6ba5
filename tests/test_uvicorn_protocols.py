"""Sending past ASGI: the frames are those that any client reads, whatever their size."""

import pytest
from websockets.frames import Frame, Opcode

from app.graphql.transport.uvicorn_protocols import text_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_frame_is_what_the_library_would_have_made(size: int) -> None:
    text = "é" * (size // 2) + "x" * (size % 2)
    assert text_frame(text) == Frame(Opcode.TEXT, text.encode()).serialize(mask=False)
