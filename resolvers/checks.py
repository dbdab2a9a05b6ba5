"""Rules for single values that several nouns share; each refusal names the place and the remedy."""

from email_validator import EmailNotValidError, validate_email

from models.errors import ProblemCode, refuse
from models.text import fold, storable


def checked_name(name: str, longest: int, *path: str) -> str:
    """The name without surrounding white space; refused if it is blank, too long or not storable."""
    if not fold(name):
        raise refuse(ProblemCode.BLANK, "Give it a name.", *path)
    if len(name.strip()) > longest:
        raise refuse(ProblemCode.TOO_LONG, f"The name has {len(name.strip())} characters, and at most {longest} are allowed.", *path)
    if not storable(name):
        raise refuse(ProblemCode.INVALID, "The name contains a character that cannot be stored: NUL or half of a surrogate pair.", *path)
    return name.strip()


def checked_email(email: str, *path: str) -> str:
    """The e-mail address as given, without surrounding white space; refused if mail cannot be sent to it."""
    if not fold(email):
        raise refuse(ProblemCode.BLANK, "Give an e-mail address.", *path)
    try:
        validate_email(email.strip(), check_deliverability=False)
    except EmailNotValidError as error:
        raise refuse(ProblemCode.INVALID, f"This is not an e-mail address: {error}", *path) from None
    return email.strip()
