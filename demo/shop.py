"""A small real shop that keeps baskets in its own memory, as many do: another process knows nothing of them.

One is run by hand with `SHOP_NAME=web1 uvicorn --factory demo.shop:shop --port 9001`.
"""

import html
import os
import secrets
import socket
import sys
from collections import defaultdict

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

COOKIE = "basket"  # the shop's own cookie, which says whose basket it is
GOODS = ("tea", "teapot", "biscuits", "honey")

_PAGE = """<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shop on {name}</title>
<style>
  body {{ font: 18px/1.5 system-ui, sans-serif; max-width: 32rem; margin: 3rem auto; padding: 0 1rem }}
  form {{ display: inline }}
  button {{ font: inherit; padding: .2rem .8rem }}
  b {{ color: #06c }}
</style>
<h1>The shop</h1>
<p>You are served by <b>{name}</b>, which alone knows your basket.</p>
<p>In it: {basket}</p>
<p>{buttons}</p>
"""


class Shop:
    """One shop process: its name, and the baskets that only it knows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.baskets: defaultdict[str, list[str]] = defaultdict(list)

    async def page(self, request: Request) -> Response:
        """What a person sees."""
        visitor = self._visitor(request)
        basket = ", ".join(map(html.escape, self.baskets[visitor])) or "nothing"
        buttons = [
            f'<form method="post" action="/basket/{item}"><button>{item}</button></form>' for item in GOODS
        ]
        buttons.append('<form method="post" action="/pay"><button>Pay</button></form>')
        text = _PAGE.format(name=html.escape(self.name), basket=basket, buttons="\n".join(buttons))
        return _for_visitor(HTMLResponse(text), visitor)

    async def basket(self, request: Request) -> Response:
        """What is in the basket."""
        return self._answer(request, self._visitor(request))

    async def add(self, request: Request) -> Response:
        """Put one thing into the basket."""
        item, visitor = request.path_params["item"], self._visitor(request)
        if item not in GOODS:
            return JSONResponse({"error": f"no {item} here; there is {', '.join(GOODS)}"}, 404)
        self.baskets[visitor].append(item)
        return self._answer(request, visitor)

    async def pay(self, request: Request) -> Response:
        """Buy what is in the basket, which is empty then."""
        visitor = self._visitor(request)
        paid = self.baskets.pop(visitor, [])
        return self._answer(request, visitor, paid=paid, status=200 if paid else 409)

    def _visitor(self, request: Request) -> str:
        """Whose request it is; a visitor whom this process does not know is a new one."""
        known = request.cookies.get(COOKIE, "")
        return known if known in self.baskets else secrets.token_hex(8)

    def _answer(self, request: Request, visitor: str, *, status: int = 200, **more: object) -> Response:
        """JSON for programs; people are led back to the page."""
        if request.method == "POST" and "text/html" in request.headers.get("accept", ""):
            return _for_visitor(RedirectResponse("/", 303), visitor)
        seen = {"shop": self.name, "basket": self.baskets[visitor], "cookies": sorted(request.cookies)}
        return _for_visitor(JSONResponse(seen | more, status), visitor)


def _for_visitor(response: Response, visitor: str) -> Response:
    response.set_cookie(COOKIE, visitor, httponly=True, samesite="lax")
    response.headers["cache-control"] = "no-store"
    return response


def shop() -> Starlette:
    """The application, named by SHOP_NAME."""
    this = Shop(os.environ.get("SHOP_NAME", "shop"))
    return Starlette(
        routes=[
            Route("/", this.page),
            Route("/basket", this.basket),
            Route("/basket/{item}", this.add, methods=["POST"]),
            Route("/pay", this.pay, methods=["POST"]),
        ]
    )


def main(descriptor: int) -> None:
    """Serve on a socket that listens already."""
    config = uvicorn.Config(shop(), log_level="warning", access_log=False)
    with socket.socket(fileno=descriptor) as listening:
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(int(sys.argv[1]))
