"""Logs for people: one line each, to standard error."""

import sys

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
