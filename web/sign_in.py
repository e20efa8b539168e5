"""Signing in with a browser: a plain page with a form, and the session that a token begins."""

import html
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from web.api.dependencies import Context
from web.context import WebContext
from web.dashboard.texts import LANGUAGE_COOKIE, Texts, preferred_language
from web.problems import ProblemError
from web.sessions import COOKIE, LENGTH

router = APIRouter(include_in_schema=False)

HOME = "/"
_FORM = "application/x-www-form-urlencoded"
_PAGE = """\
<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 0; background: #f5f6f8; color: #1c2430; }}
main {{ max-width: 22rem; margin: 15vh auto 0; padding: 2rem; background: #fff;
  border: 1px solid #d9dee6; border-radius: 8px; }}
h1 {{ font-size: 1.25rem; margin: 0 0 .5rem; }}
label, input, button {{ display: block; width: 100%; box-sizing: border-box; font: inherit; }}
input {{ margin: .25rem 0 1rem; padding: .5rem; border: 1px solid #6b7687; border-radius: 4px; }}
button {{ padding: .5rem; border: 0; border-radius: 4px; background: #1f4fd8; color: #fff; }}
input:focus-visible, button:focus-visible {{ outline: 3px solid #1f4fd8; outline-offset: 2px; }}
[role=alert] {{ color: #a31515; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{lead}</p>
{problem}<form method="post" action="/sign-in{query}">
<label for="token">{token}</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>{submit}</button>
</form>
</main>
</body>
</html>
"""


@router.get("/sign-in")
async def sign_in_page(request: Request, context: Context) -> Response:
    """The form; whoever needs no token, or is signed in, goes on."""
    if context.access.person(request) is not None:
        return RedirectResponse(_next(request), status_code=303)
    return _page(request, wrong=False)


@router.post("/sign-in")
async def sign_in(request: Request, context: Context) -> Response:
    """Begin a session for the form's token."""
    if not request.headers.get("content-type", "").startswith(_FORM):
        raise ProblemError("NOT_JSON", f"the body must be {_FORM}", of="NOT_JSON")
    form = await request.form(max_files=0, max_fields=5)
    session = _begin(context, form.get("token"))
    if session is None:
        return _page(request, wrong=True)
    response = RedirectResponse(_next(request), status_code=303)
    response.set_cookie(
        COOKIE,
        session,
        max_age=LENGTH,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@router.post("/sign-out")
async def sign_out(request: Request, context: Context) -> Response:
    """End the session, here and in the browser."""
    context.access.sign_out(request)
    response = RedirectResponse("/sign-in", status_code=303)
    response.delete_cookie(
        COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return response


def _begin(context: WebContext, token: object) -> str | None:
    return context.access.sign_in(token.strip()) if isinstance(token, str) else None


def _next(request: Request) -> str:
    """The page that the person wanted to see: one of ours, or the first one."""
    wanted = request.query_params.get("next", HOME)
    foreign = not wanted.startswith("/") or wanted.startswith("//") or "\\" in wanted
    return HOME if foreign or not wanted.isprintable() else quote(wanted, safe="/?&=+-._~%")


def _page(request: Request, *, wrong: bool) -> Response:
    texts = Texts(
        preferred_language(
            request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", "")
        )
    )
    problem = f'<p role="alert">{html.escape(texts("sign_in.wrong"))}</p>\n' if wrong else ""
    wanted = _next(request)
    page = _PAGE.format(
        language=texts.language.value,
        title=html.escape(texts("sign_in.title")),
        lead=html.escape(texts("sign_in.lead")),
        token=html.escape(texts("sign_in.token")),
        submit=html.escape(texts("sign_in.submit")),
        problem=problem,
        query="" if wanted == HOME else f"?next={quote(wanted, safe='/')}",
    )
    headers = {"Cache-Control": "no-store"}
    return HTMLResponse(page, status_code=401 if wrong else 200, headers=headers)
