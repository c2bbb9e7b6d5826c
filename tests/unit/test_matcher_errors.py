"""Bad matchers and settings that would do nothing there: told with their place and with what to write."""

from pathlib import Path

import pytest

from support.complaints import FOUND, shop


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            '{ kind = "cookie", mode = "prefix", name = "A", unless = { path = "/a" } }',
            [
                f'{FOUND}.unless: found a key that does not apply to mode = "prefix"; '
                'leave it out, or write mode = "insert" or mode = "learn"'
            ],
        ),
        (
            '{ kind = "cookie", mode = "learn", name = "A", duplicates = "last" }',
            [
                f'{FOUND}.duplicates: found a key that does not apply to mode = "learn"; '
                'leave it out, or write mode = "insert", mode = "rewrite" or mode = "prefix"'
            ],
        ),
        (
            '{ kind = "address", duplicates = "last" }',
            [
                f'{FOUND}.duplicates: found a key that does not apply to kind = "address"; '
                'leave it out, or write kind = "cookie" or kind = "field"'
            ],
        ),
        ('{ kind = "cookie", duplicates = "newst" }', [f'{FOUND}.duplicates: found "newst"; write "newest"']),
        (
            '{ kind = "cookie", unless = [] }',
            [f"{FOUND}.unless: found an empty list; write at least one, or leave it out"],
        ),
        (
            '{ kind = "cookie", unless = [{ path = "/a" }, {}] }',
            [f'{FOUND}.unless[1]: found an empty table; write a table such as {{ path = "/static/*" }}'],
        ),
        (
            '{ kind = "cookie", when = "*.css" }',
            [f'{FOUND}.when: found "*.css"; write a list such as [{{ path = "/static/*" }}]'],
        ),
        (
            '{ kind = "cookie", unless = { paths = "/a" } }',
            [f"{FOUND}.unless.paths: found a key that is not known here; write path"],
        ),
        (
            '{ kind = "cookie", unless = { path = ["/a", "b?c"], method = "get", host = "shop:80", '
            'client = "10.1.2.3/8", scheme = "ftp", field = { "User Agent" = "x", A = " b" } } }',
            [
                f'{FOUND}.unless.client: found "10.1.2.3/8"; write "10.0.0.0/8"',
                f'{FOUND}.unless.field."User Agent": found the name "User Agent"; '
                """write 1 to 64 letters, digits or any of !#$%&'*+-.^_`|~, such as "X-Tenant\"""",
                f'{FOUND}.unless.field.A: found " b"; '
                'write a text such as "*bot*", up to 1024 characters, without spaces around it',
                f'{FOUND}.unless.host: found "shop:80"; write a host such as "shop.example", '
                'or "*.shop.example" for all below it, without a port',
                f'{FOUND}.unless.method: found "get"; write "GET"',
                f'{FOUND}.unless.path[1]: found "b?c"; '
                'write a path such as "/static/*" or "*.css", without a query',
                f'{FOUND}.unless.scheme: found "ftp"; write "http" or "https"',
            ],
        ),
        (
            '{ kind = "cookie", unless = { client = "10.0.0", field = {}, method = [], path = 5 } }',
            [
                f'{FOUND}.unless.client: found "10.0.0"; '
                'write an address or a prefix, such as "192.0.2.0/24" or "2001:db8::/32"',
                f"{FOUND}.unless.field: found an empty table; "
                'write at least one, such as { User-Agent = "*bot*" }',
                f"{FOUND}.unless.method: found an empty list; write at least one, or leave it out",
                f'{FOUND}.unless.path: found 5; write a text such as "/static/*"',
            ],
        ),
        (
            "[" + ", ".join(f'{{ kind = "hash", over = "query", name = "a{n}" }}' for n in range(33)) + "]",
            [f"{FOUND}: found 33; write at most 32 kinds"],
        ),
    ],
)
def test_a_matcher_that_cannot_match_is_told(written: str, expected: list[str], tmp_path: Path) -> None:
    assert shop("persistence", written, tmp_path) == expected
