"""Refusing variables that the operation does not declare: they would be kept without being used, and are often misspelt."""

from collections.abc import Collection

from graphql import DocumentNode, GraphQLError, get_operation_ast

from schema.errors import BAD_USER_INPUT

UNDECLARED = "The operation does not declare these variables: {names}. Declare them, or do not send them."
MOST_NAMED, LONGEST_NAME = 5, 40  # names of undeclared variables in an error, and characters of each


def undeclared_variables(document: DocumentNode, operation_name: str | None, variables: Collection[str]) -> list[GraphQLError]:
    """The error that names the variables that were sent and that the operation does not declare. Empty if there are none."""
    operation = get_operation_ast(document, operation_name) if variables else None
    declared = {each.variable.name.value for each in operation.variable_definitions or ()} if operation else set()
    names = sorted(set(variables) - declared)
    if not names:
        return []
    told = ", ".join(f"`${name[:LONGEST_NAME]}`" for name in names[:MOST_NAMED])
    return [GraphQLError(UNDECLARED.format(names=told), extensions={"code": BAD_USER_INPUT})]
