"""The cookie as a kind of persistence: one class a mode, so that no mode has settings that do nothing."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, Tag, model_validator

from equalizer.model.carried import Conditional, Recorded, Sealed
from equalizer.model.duration import OptionalSeconds
from equalizer.model.noun import Noun, Refusal, refuse_keys, told_apart
from equalizer.model.words import CookieName, CookiePath, Domain, Parameter

SameSite = Annotated[
    Literal["lax", "strict", "none"] | None,
    BeforeValidator(
        lambda value: None if value == "off" else value,
        json_schema_input_type=Literal["lax", "strict", "none", "off"],
    ),
    PlainSerializer(lambda value: value or "off"),
]


class _Cookie(Noun):
    kind: Literal["cookie"]


class InsertCookie(Conditional, Sealed, _Cookie):
    """Our own sealed cookie: nothing to store, nothing to read in it."""

    mode: Literal["insert"] = "insert"
    """We set the cookie, sealed."""
    name: CookieName = Field(default="EQ", examples=["EQ"])
    """The cookie's name, without its prefix."""
    prefix: Literal["__Host-", "__Secure-"] | None = Field(default=None, examples=["__Host-"])
    """Written before the name; browsers then refuse the cookie from plain connections and other hosts."""
    path: CookiePath = Field(default="/", examples=["/"])
    """The part of the site that it is sent back to."""
    domain: Domain | None = Field(default=None, examples=["shop.example"])
    """The host and all below it that it is sent back to; absent for the very host that set it."""
    same_site: SameSite = "lax"
    """Whether browsers send it with requests that another site caused."""
    secure: Literal["auto", "always", "never"] = "auto"
    """Whether browsers keep it from plain connections; `auto`: when it was set over TLS."""
    http_only: bool = Field(default=True, strict=True, examples=[True])
    """Whether scripts of the page cannot read it."""
    partitioned: bool = Field(default=False, strict=True, examples=[True])
    """Whether browsers keep one for each site that embeds ours; over TLS only."""
    max_age: OptionalSeconds = None
    """How long browsers keep it; absent until they close."""
    strip: bool = Field(default=True, strict=True, examples=[False])
    """Whether it is taken out of the request before the server sees it."""
    preserve: bool = Field(default=False, strict=True, examples=[True])
    """Whether a server may set it itself, to end or to take over persistence."""
    post_only: bool = Field(default=False, strict=True, examples=[True])
    """Whether it is set only in answers to POST and its like, not to GET."""
    cache: Literal["skip", "private", "always"] = "skip"
    """What happens where a shared cache may store the response."""

    @property
    def full_name(self) -> str:
        """The name as browsers see it."""
        return f"{self.prefix or ''}{self.name}"

    @model_validator(mode="after")
    def _browsers_keep_it(self) -> Self:
        """Refuses what browsers would drop without a word (RFC 6265bis, 5.6 and 5.7)."""
        refusals: list[Refusal] = []
        name = self.full_name.lower()
        guard = next((prefix for prefix in ("__Host-", "__Secure-") if name.startswith(prefix.lower())), None)
        if self.prefix and self.name.lower().startswith("__"):
            refusals.append(Refusal("name", f'"{self.name}" beside prefix = "{self.prefix}"', "one prefix"))
        if guard == "__Host-" and self.path != "/":
            refusals.append(Refusal("path", f'"{self.path}" for a cookie named "__Host-…"', 'path = "/"'))
        if guard == "__Host-" and self.domain is not None:
            found = f'"{self.domain}" for a cookie named "__Host-…"'
            refusals.append(Refusal("domain", found, 'no domain, or prefix = "__Secure-"'))
        needs = [
            (guard is not None, f'a cookie named "{guard}…"'),
            (self.same_site == "none", 'same_site = "none"'),
            (self.partitioned, "partitioned = true"),
        ]
        for needed, what in needs if self.secure == "never" else ():
            if needed:
                refusals.append(Refusal("secure", f'"never" for {what}', '"auto" or "always"'))
        refuse_keys(refusals)
        return self


class RewriteCookie(Sealed, _Cookie):
    """The application's cookie, whose value is ours: the server says when, we say where."""

    mode: Literal["rewrite"]
    """The server sets the cookie, we put our sealed value in place of its own."""
    name: CookieName = Field(examples=["SERVERID"])
    """The cookie that the server sets; its value is replaced by ours."""


class PrefixCookie(Sealed, _Cookie):
    """The application's own cookie with our sealed value before its own."""

    mode: Literal["prefix"]
    """The server sets the cookie, we put our sealed value before its own."""
    name: CookieName = Field(examples=["JSESSIONID"])
    """The cookie that the server sets, and gets back as it set it."""
    seal_value: bool = Field(default=False, strict=True, examples=[True])
    """Whether the server's own value is sealed too, so that clients cannot read it."""


class LearnCookie(Conditional, Recorded, _Cookie):
    """A table of the application's cookie: which server set which value."""

    mode: Literal["learn"]
    """The server sets the cookie, we remember which server set which value."""
    name: CookieName = Field(examples=["PHPSESSID"])
    """The cookie that the server sets."""


class RouteCookie(_Cookie):
    """The application's cookie, whose value ends in a dot and the server's name."""

    mode: Literal["route"]
    """The server sets the cookie to a value that ends in a dot and the server's name."""
    name: CookieName = Field(examples=["JSESSIONID"])
    """The cookie that the server sets."""
    parameters: Annotated[
        tuple[Parameter, ...],
        BeforeValidator(
            lambda value: tuple(value) if isinstance(value, list) else value,
            json_schema_input_type=list[Parameter],
        ),
        Field(examples=[["jsessionid"]]),
    ] = ()
    """Path parameters (`;jsessionid=`) and query parameters that carry the same value."""


Cookie = Annotated[
    Annotated[InsertCookie, Tag("mode=insert")]
    | Annotated[RewriteCookie, Tag("mode=rewrite")]
    | Annotated[PrefixCookie, Tag("mode=prefix")]
    | Annotated[LearnCookie, Tag("mode=learn")]
    | Annotated[RouteCookie, Tag("mode=route")],
    told_apart("mode", default="insert"),
]
