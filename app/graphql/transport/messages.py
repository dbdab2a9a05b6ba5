"""The messages of the graphql-transport-ws protocol: their check, and those about one operation."""

from collections.abc import Mapping
from typing import cast

from app.graphql.execution.wire import encode, read_request
from app.graphql.transport.strawberry_websockets import Message
from models.errors import BadInput

LONGEST_ID = 128  # characters: the id stands in every message of its operation, and is kept as long as that


def begin_of_next(key: str) -> str:
    """The begin of a message with an answer, which follows it."""
    return f'{{"id":{encode(key).decode()},"type":"next","payload":'


def operation_message(key: str, kind: str, payload: object) -> Message:
    """A message about one operation."""
    return cast(Message, {"id": key, "type": kind, "payload": payload})


def checked_message(message: object) -> Message:
    """The message if it has the shape that the protocol gives to its type. Raises `BadInput`."""
    match message:
        case {"type": "connection_init" | "ping" | "pong", **rest} if isinstance(rest.get("payload"), dict | None):
            return cast(Message, message)
        case {"type": "subscribe", "id": str(key), "payload": payload} if key:
            _require_short(key)
            read_request(payload)
            return cast(Message, message)
        case {"type": "complete", "id": str(key)} if key:
            _require_short(key)
            return cast(Message, message)
    raise BadInput("Invalid message: see the graphql-transport-ws protocol")


def _require_short(key: str) -> None:
    if len(key) > LONGEST_ID:
        raise BadInput(f"The id of an operation may have {LONGEST_ID} characters")


def authorization(payload: Mapping[str, object]) -> str | None:
    """The token in a connection_init message. The case of its name does not matter."""
    values = [value for name, value in payload.items() if name.lower() == "authorization"]
    return next((value for value in values if isinstance(value, str)), None)
