"""Sign-in: find the caller behind an access token or an identity, and notice when a sign-in ends or changes."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from hashlib import sha256
from hmac import compare_digest
from string import ascii_uppercase
from typing import Literal

from models import Role
from models.engine.database import Row
from models.errors import Unauthenticated
from models.fields import from_microseconds, to_microseconds
from models.people import SCOPES_BY_ROLE, Person, scopes_read
from models.text import fold
from resolvers.access.roles import lowest
from resolvers.operation.context import Caller, Context, Services
from resolvers.operation.scope import Scope

LAST_USE_GRAIN = timedelta(minutes=1)  # a finer one would make every read a write
_CREDENTIALS = re.compile(r"(?i:bearer) +(muster_[\w-]{43})", re.ASCII)
_ASCII_LOWERED = {ord(letter): letter.lower() for letter in ascii_uppercase}

_FIND = """
SELECT id, account_id, user_id, created_by_id, hash, scopes, expires_at, last_used_at, (SELECT role FROM users WHERE id = user_id) AS role
FROM access_tokens WHERE hash = :hash
"""
_TOKENS = """
SELECT token.id, token.account_id, token.user_id, token.created_by_id, token.scopes, token.expires_at, users.role
FROM access_tokens AS token JOIN users ON users.id = token.user_id
WHERE token.id = ANY(:ids)
"""
_BY_ADDRESS = "SELECT id, account_id, role, email FROM users WHERE email_folded = :folded ORDER BY id"
_BY_SUBJECT = "SELECT id, account_id, role FROM users WHERE subject = :subject ORDER BY id"
_ROLES = "SELECT id, account_id, role FROM users WHERE id = ANY(:ids)"


async def authenticate(services: Services, authorization: str | None) -> Context:
    """Return the context of the user whose access token this `Authorization` header carries. Raises `Unauthenticated`."""
    token = await _find(services, authorization or "")
    await _mark_used(services, token)
    caller = _caller(token, await _creators(services, [token]))
    if caller is None:
        raise Unauthenticated
    return context_of(services, caller)


def context_of(services: Services, caller: Caller) -> Context:
    """Return a new context that acts for a caller."""
    return Context(services, caller, Scope(caller.account_id, caller.user_id, caller.role, caller.people))


async def _find(services: Services, authorization: str) -> Row:
    credentials = _CREDENTIALS.fullmatch(authorization.strip())
    if not credentials:
        raise Unauthenticated
    hashed = hash_of(credentials[1])
    for token in await services.database.rows(_FIND, hash=hashed):
        # The time of the index look-up depends on hashes, which nobody can choose. The comparison takes constant time.
        if compare_digest(token["hash"], hashed) and not _is_over(token["expires_at"], services.wall_clock()):
            return token
    raise Unauthenticated


def _is_over(expires_at: int | None, now: datetime) -> bool:
    return expires_at is not None and expires_at <= to_microseconds(now)


def _caller(token: Row, creators: Mapping[int, Person]) -> Caller | None:
    """Return the caller that a token signs in, or None if its creator is gone.

    The caller may do what the token's scopes, its user's role and its creator's role allow.
    """
    people, expires_at = _people(token, creators), token["expires_at"]
    if people is None:
        return None
    role = lowest(person.role for person in people)
    scopes = scopes_read(token["scopes"]) & SCOPES_BY_ROLE[role]
    expiry = None if expires_at is None else from_microseconds(expires_at)
    return Caller(token["account_id"], token["user_id"], role, token["id"], scopes=scopes, expires_at=expiry, people=people)


def _people(token: Row, creators: Mapping[int, Person]) -> tuple[Person, ...] | None:
    """Return the user of a token, and its creator if that is somebody else, or None if the creator is gone."""
    user = Person(token["user_id"], Role(token["role"]))
    if not _is_made_for_another(token):
        return (user,)
    creator = creators.get(token["created_by_id"])
    return creator and (user, creator)


def _is_made_for_another(token: Row) -> bool:
    return token["created_by_id"] not in (None, token["user_id"])


async def _creators(services: Services, tokens: Sequence[Row]) -> dict[int, Person]:
    """Return the creators of tokens that were created for other users, by their ids."""
    ids = sorted({token["created_by_id"] for token in tokens if _is_made_for_another(token)})
    users = await services.database.rows(_ROLES, ids=ids) if ids else []
    return {user["id"]: Person(user["id"], Role(user["role"])) for user in users}


async def _mark_used(services: Services, token: Row) -> None:
    now = services.wall_clock()
    last = token["last_used_at"]
    if last is None or last <= to_microseconds(now - LAST_USE_GRAIN):
        await services.last_uses.store(services.database, token["account_id"], token["id"], to_microseconds(now))


def hash_of(secret: str) -> str:
    """Return the hash under which a token's secret is stored."""
    return sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Identity:
    """The user that an identity provider vouches for, until when, and in which account if the provider names one."""

    known_by: Literal["email", "subject"]
    name: str
    expires_at: datetime
    account_id: int | None = None


async def sign_in(services: Services, identity: Identity) -> Context:
    """Return the context of the one user with this identity. Raises `Unauthenticated` with the reason."""
    users = await _by_address(services, identity.name) if identity.known_by == "email" else await _by_subject(services, identity.name)
    meant = [user for user in users if identity.account_id in (None, user["account_id"])]
    if not meant:
        raise Unauthenticated("You have signed in, but not as a user of this API. Ask an admin of the account to add you.")
    if len(meant) > 1:
        raise Unauthenticated("You are a user of several accounts, and your token does not say of which. Use an access token.")
    (user,) = meant
    return context_of(services, Caller(user["account_id"], user["id"], Role(user["role"]), 0, expires_at=identity.expires_at))


async def _by_address(services: Services, address: str) -> list[Row]:
    """Return the users with this address, whatever the case of its ASCII letters.

    Stored addresses are found by full case folding, which equates more: a sharp s with two s, the Kelvin sign with a k. Those
    are other mailboxes and may belong to somebody else.
    """
    users = await services.database.rows(_BY_ADDRESS, folded=fold(address))
    return [user for user in users if _mailbox(user["email"]) == _mailbox(address)]


async def _by_subject(services: Services, subject: str) -> list[Row]:
    return await services.database.rows(_BY_SUBJECT, subject=subject)


def _mailbox(address: str) -> str:
    """Return an address composed and with ASCII letters in lower case, so that two spellings of it are equal."""
    text = address.strip().translate(_ASCII_LOWERED)
    # Composing also replaces a few single characters: the Kelvin sign becomes a K.
    exchanges = any(unicodedata.normalize("NFC", character) != character for character in text)
    return text if exchanges else unicodedata.normalize("NFC", text)


class Lapse(Enum):
    """Why a sign-in no longer gives the same caller."""

    OVER = auto()  # it has expired or was revoked
    CHANGED = auto()  # it is still valid, and allows something else now


async def lapsed(services: Services, callers: Collection[Caller]) -> Mapping[Caller, Lapse]:
    """Return those of these callers whose sign-in has ended or changed, with the reason."""
    now = services.wall_clock()
    present = await _present(services, {caller for caller in callers if not (caller.expires_at and caller.expires_at <= now)})
    return {caller: Lapse.CHANGED if caller in present else Lapse.OVER for caller in callers if present.get(caller) != caller}


async def _present(services: Services, callers: set[Caller]) -> dict[Caller, Caller]:
    """Return the caller that each sign-in gives now, without those that have ended."""
    with_token = {caller for caller in callers if caller.token_id}
    return {**await _by_their_tokens(services, with_token), **await _with_their_roles(services, callers - with_token)}


async def _by_their_tokens(services: Services, callers: set[Caller]) -> dict[Caller, Caller]:
    if not callers:
        return {}
    tokens = await services.database.rows(_TOKENS, ids=sorted({caller.token_id for caller in callers}))
    creators = await _creators(services, tokens)
    present = {token["id"]: _caller(token, creators) for token in tokens}
    return {caller: found for caller in callers if (found := present.get(caller.token_id))}


async def _with_their_roles(services: Services, callers: set[Caller]) -> dict[Caller, Caller]:
    if not callers:
        return {}
    users = await services.database.rows(_ROLES, ids=sorted({caller.user_id for caller in callers}))
    roles = {(user["account_id"], user["id"]): Role(user["role"]) for user in users}
    whose = {caller: (caller.account_id, caller.user_id) for caller in callers}
    return {caller: replace(caller, role=roles[user], people=()) for caller, user in whose.items() if user in roles}
