"""Every error that Muster raises on purpose, as one tree.

    MusterError                    code
    ├── Unauthenticated            UNAUTHENTICATED      no token, or one that is unknown, expired or revoked
    ├── Forbidden                  FORBIDDEN            the caller's role or the group's permission does not allow it
    ├── NotFound                   NOT_FOUND            an id that names nothing in the caller's account
    ├── BadInput                   BAD_USER_INPUT       a malformed argument: id, cursor, page size
    │   └── TooCostly              BAD_USER_INPUT       an operation that costs more points than are allowed
    ├── Refused                    (userErrors)         valid input that breaks a rule, with its Problems
    ├── Conflict                   CONFLICT             a write that conflicted with others at each attempt
    ├── AnswerTooLarge             ANSWER_TOO_LARGE     an answer with more bytes than one may have
    │   └── AnswersTooLarge        ANSWER_TOO_LARGE     several answers that together hold too many bytes
    ├── RateLimited                RATE_LIMITED         the caller's allowance for this minute is used up
    ├── DeadlineExceeded           DEADLINE_EXCEEDED    an operation that took longer than one may take
    └── Unavailable                UNAVAILABLE          the deployment, not the request, is at fault
        ├── Overloaded             more requests at once than the server accepts
        ├── DatabaseUnreachable
        ├── DatabaseNotWritable    it is read-only, or its disk is full
        ├── DatabaseInUse          a second server on one SQLite file
        ├── SchemaOutdated         run `muster migrate`
        └── SchemaTooNew           run a newer Muster

A code becomes `extensions.code` of a GraphQL error, and the Problems of `Refused` become `userErrors` of a payload.
Any other exception is a defect, of which only the log has the details.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class ProblemCode(StrEnum):
    """What kind of rule the input is against."""

    BLANK = "BLANK"
    TOO_LONG = "TOO_LONG"
    INVALID = "INVALID"
    TAKEN = "TAKEN"
    NOT_FOUND = "NOT_FOUND"
    IN_USE = "IN_USE"
    CONFLICT = "CONFLICT"
    CYCLE = "CYCLE"
    TOO_COMPLEX = "TOO_COMPLEX"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    NEGATIVE_UNDER_ANY = "NEGATIVE_UNDER_ANY"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing the caller can correct: what is wrong, where (`path` into the input), and how to correct it."""

    code: ProblemCode
    message: str
    path: tuple[str, ...] = ()

    def under(self, *prefix: str) -> "Problem":
        """The same problem, seen from an input that encloses this one."""
        return Problem(self.code, self.message, (*prefix, *self.path))


class MusterError(Exception):
    """The root: its message is written for the client and may be shown to it."""

    code = "INTERNAL_SERVER_ERROR"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def details(self) -> Mapping[str, object]:
        """What clients may need besides the code, as `extensions` of the error."""
        return {}


class Unauthenticated(MusterError):
    """The request carries no valid access token."""

    code = "UNAUTHENTICATED"

    def __init__(self, message: str = "Send a valid access token: `Authorization: Bearer <token>`.") -> None:
        super().__init__(message)


class Forbidden(MusterError):
    """The caller is known and may not do this."""

    code = "FORBIDDEN"


class NotFound(MusterError):
    """The id names nothing that this caller can see. Ids of other accounts get the same answer."""

    code = "NOT_FOUND"


class BadInput(MusterError):
    """An argument is malformed. The message says which one, and what is expected."""

    code = "BAD_USER_INPUT"


class TooCostly(BadInput):
    """An operation costs more than is allowed. It was not run."""

    def __init__(self, cost: int, limit: int) -> None:
        super().__init__(
            f"The operation costs {cost} points, and at most {limit} are allowed: ask for smaller pages, send fewer conditions or values,"
            " or split it into several requests."
        )
        self.cost = cost
        self.limit = limit

    def details(self) -> Mapping[str, object]:
        """The cost, and how much is allowed."""
        return {"cost": {"requested": self.cost, "limit": self.limit}}


class Refused(MusterError):
    """The input breaks one or more rules, and nothing was changed."""

    code = "REFUSED"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems[0].message)
        self.problems = tuple(problems)


class Conflict(MusterError):
    """A write conflicted with others at each of its attempts. It can safely be sent again."""

    code = "CONFLICT"


class AnswerTooLarge(MusterError):
    """An answer has more bytes than are allowed, and is not sent. What a mutation has changed is saved."""

    code = "ANSWER_TOO_LARGE"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The answer has more than {limit:,} bytes: ask for smaller pages or fewer fields. "
            "If this was a mutation, its changes are saved."
        )
        self.limit = limit

    def details(self) -> Mapping[str, object]:
        """How many bytes are allowed."""
        return {"bytes": {"limit": self.limit}}


class AnswersTooLarge(AnswerTooLarge):
    """The answers of a caller that are put together or not read yet have too many bytes together. This one is not sent."""

    def __init__(self) -> None:
        MusterError.__init__(
            self,
            "Your answers that are being put together or wait to be read hold too many bytes: read them, or send fewer requests at once. "
            "If this was a mutation, its changes are saved.",
        )

    def details(self) -> Mapping[str, object]:
        """The seconds to wait."""
        return {"retryAfter": 1}


class RateLimited(MusterError):
    """An allowance is used up. Nothing was run, and the request can be sent again later."""

    code = "RATE_LIMITED"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too much was asked for in the last minute. Try again in {retry_after} s.")
        self.retry_after = retry_after

    def details(self) -> Mapping[str, object]:
        """The seconds to wait."""
        return {"retryAfter": self.retry_after}


class DeadlineExceeded(MusterError):
    """An operation took longer than one may take. What it was waiting for was cancelled at the database."""

    code = "DEADLINE_EXCEEDED"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The operation took longer than {seconds:g} seconds and was cancelled: narrow the criteria, ask for smaller pages, "
            "or split it into several requests."
        )


class Unavailable(MusterError):
    """The deployment is at fault. The message says what its operator can do."""

    code = "UNAVAILABLE"


class Overloaded(Unavailable):
    """Too much of this account's work waits already. Nothing was run, and the request can be sent again later."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"The server is busy, and too many requests of this account are waiting. Try again in {retry_after} s.")
        self.retry_after = retry_after

    def details(self) -> Mapping[str, object]:
        """The seconds to wait."""
        return {"retryAfter": self.retry_after}


class DatabaseUnreachable(Unavailable):
    """The database does not answer at the configured URL."""


class DatabaseNotWritable(Unavailable):
    """The database answers and refuses to write. Nothing was changed."""


class DatabaseInUse(Unavailable):
    """Another server already serves this SQLite file."""


class SchemaOutdated(Unavailable):
    """The database's schema is older than this program."""


class SchemaTooNew(Unavailable):
    """The database's schema is newer than this program."""


def refuse(code: ProblemCode, message: str, *path: str) -> Refused:
    """A refusal for one problem."""
    return Refused([Problem(code, message, path)])
