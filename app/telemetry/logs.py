"""Configures logging of Muster and its libraries as one stream of lines on standard error."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

from app.settings import Settings

QUIET = ("uvicorn", "websockets", "asyncio", "tortoise")  # their INFO messages are details here

SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure_logging(settings: Settings) -> None:
    """Configure logging as in the settings."""
    level = logging.getLevelName(settings.log_level.upper())
    output = logging.StreamHandler(sys.stderr)
    output.setFormatter(_formatter(settings.log_format))
    logging.basicConfig(handlers=[output], level=level, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(level if level == logging.DEBUG else max(level, logging.WARNING))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _formatter(written_for: Literal["console", "json"]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(written_for)],
    )


def _rendering(written_for: Literal["console", "json"]) -> tuple[Processor, ...]:
    if written_for == "json":
        # Local variables are left out, because they may contain secrets.
        tracebacks = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
        return tracebacks, structlog.processors.JSONRenderer()
    plain = structlog.dev.plain_traceback
    return (structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain),)
