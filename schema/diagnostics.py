"""The type of warnings about criteria."""

import strawberry

from resolvers.criteria.diagnostics.diagnose import DiagnosticCode

strawberry.enum(DiagnosticCode)


@strawberry.type
class CriteriaDiagnostic:
    """A warning about criteria."""

    code: DiagnosticCode
    path: list[str]
    message: str
