"""Logs for people: one line each, to standard error."""

import sys
import traceback

import structlog


def to_stderr() -> None:
    """Colours only where a person looks."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def failed(what: str) -> None:
    """Tell a defect of ours where it is caught, and its place; never values, which may be secrets."""
    structlog.get_logger().error(f"{what}\n{traceback.format_exc()}".rstrip())
