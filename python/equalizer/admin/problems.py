"""What goes wrong, as JSON with a sentence that says what to write instead (RFC 9457)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from equalizer.errors import (
    ConfigError,
    EngineError,
    EqualizerError,
    NotNowError,
    NotThereError,
    RequestError,
)

MEDIA_TYPE: Final = "application/problem+json"
_SHOWN = 80  # characters of what was found
_NO_JSON = "found a body that is not JSON; write a JSON object"
_STATUS: Final[Sequence[tuple[type[EqualizerError], int]]] = (
    (NotThereError, 404),
    (NotNowError, 409),
    (RequestError, 422),
    (ConfigError, 422),
    (EngineError, 500),
    (EqualizerError, 409),  # the system refuses what a configuration asks for
)


class Mistake(BaseModel):
    """One thing wrong, and where."""

    where: str
    """A file, or `request`."""
    line: int | None
    key: str
    message: str


class Problem(BaseModel):
    """What is answered where something went wrong, as `application/problem+json`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    problems: list[Mistake] = []
    """Each mistake, where there are several."""


def answer(
    status: int, detail: str, problems: Sequence[Mistake] = (), fields: Mapping[str, str] | None = None
) -> JSONResponse:
    """The response."""
    title = HTTPStatus(status).phrase
    problem = Problem(title=title, status=status, detail=detail, problems=list(problems))
    content = problem.model_dump(exclude=None if problems else {"problems"})
    return JSONResponse(content, status, fields, MEDIA_TYPE)


def told_by(app: FastAPI) -> None:
    """Let every error of an application be told so."""
    app.add_exception_handler(EqualizerError, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _unknown)
    app.add_exception_handler(Exception, _defect)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, EqualizerError)  # noqa: S101 - it is what this was registered for
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    problems = error.problems if isinstance(error, ConfigError) else ()
    return answer(status, str(error), [Mistake(**asdict(each)) for each in problems])


async def _defect(request: Request, error: Exception) -> JSONResponse:
    return answer(500, "the request failed inside the running Equalizer; its log says why")


async def _malformed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    problems = [
        Mistake(where="request", line=None, key=_key(each), message=_sentence(each))
        for each in error.errors()
    ]
    detail = "; ".join(f"{each.key}: {each.message}" if each.key else each.message for each in problems)
    return answer(422, detail, problems)


def _key(error: Mapping[str, Any]) -> str:
    """Where no JSON was found, the library has the place of a character instead of a key."""
    return "" if error["type"] == "json_invalid" else ".".join(map(str, error["loc"][1:]))


def _sentence(error: Mapping[str, Any]) -> str:
    """As the library has it, but with what was found."""
    should = error["msg"].replace("Input", "it", 1)
    if error["type"] == "missing":
        return "found nothing; it is required"
    if error["type"] == "json_invalid":
        return _NO_JSON
    if error["type"] == "extra_forbidden":
        return "found a key that is not known here; leave it out"
    if error["type"] == "model_attributes_type" and isinstance(error["input"], bytes):
        return "found a body that does not say what it is; write Content-Type: application/json"
    if error["type"] == "model_attributes_type":
        should = "write a JSON object"
    return f"found {json.dumps(error['input'], default=str)[:_SHOWN]}; {should[:1].lower()}{should[1:]}"


async def _unknown(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == 404:
        detail = f"found no {request.url.path}; what there is, /api/v1/openapi.json says"
        return answer(404, detail)
    if error.status_code == 400:
        return answer(400, _NO_JSON)
    allowed = (error.headers or {}).get("Allow")
    hint = f"write {allowed}" if allowed else str(error.detail)
    # Whatever GET reads, HEAD does too.
    fields = {"Allow": "GET, HEAD"} if allowed == "GET" else error.headers
    return answer(error.status_code, f"found {request.method} {request.url.path}; {hint}", fields=fields)
