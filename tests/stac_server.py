"""Local STAC API that serves scenes like the archives, with faults on demand.

Landing page, conformance and `/search` with ids, collections, bbox, intersects, datetime, query,
filter (CQL2), sortby, limit and paging by token; assets by byte range, counted; signatures that
expire.
"""

import json
import re
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import shapely
from cql2 import Expr

CLASSES = ("core", "item-search", "item-search#query", "item-search#sort", "item-search#filter")
COMPARISONS = {"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


class StacServer:
    """Serve the `items.json` of `folder` and the files in the same folder.

    `faults` lists the responses of the next searches: a status code, `"malformed"`, `"reset"`,
    `"slow"` or `"endless"` (a page that links to itself). `broken` maps a part of a file's name to
    the response of each request for such a file: a status code, `"reset"`, `"truncated"`,
    `"slow"`; or a list of those, one per request, until it is empty. With `signed`, files are in a
    simulated blob storage, for which this server is the proxy. They require a token from `/token`,
    with a stated lifetime of `lifetime` seconds, which is valid until `expire` is called.
    """

    def __init__(self, folder: Path, page: int = 4, signed: bool = False, lifetime: float = 3600):
        self.folder = Path(folder)
        self.page = page
        self.signed = signed
        self.lifetime = lifetime
        self.faults: list = []
        self.broken: dict = {}
        self.searches = self.bytes = self.refused = self.tokens = self.expired = 0
        self.requested: list[str] = []
        self.items = json.loads((self.folder / "items.json").read_text(encoding="utf-8"))[
            "features"
        ]
        for item in self.items:
            if item["collection"] == "gdiv-synthetic-twin":
                item["collection"] = "sentinel-2-l2a"

    def __enter__(self):
        self.http = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Bound", (Handler,), {"server_of": self})
        )
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.http.shutdown()
        self.http.server_close()

    def token(self) -> str:
        """Make a signature."""
        self.tokens += 1
        return f"sig=secret-{self.tokens}"

    def expire(self):
        """Invalidate all signatures made so far."""
        self.expired = self.tokens

    def fault_of(self, name: str):
        for part, fault in self.broken.items():
            if part in name:
                return (fault.pop(0) if fault else None) if isinstance(fault, list) else fault
        return None

    def landing(self):
        paths = [
            ("self", "GET", "/"),
            ("root", "GET", "/"),
            ("conformance", "GET", "/conformance"),
            ("search", "POST", "/search"),
        ]
        links = [
            {"rel": r, "method": m, "href": self.url + p, "type": "application/geo+json"}
            for r, m, p in paths
        ]
        top = {
            "type": "Catalog",
            "id": "local",
            "stac_version": "1.0.0",
            "description": "scenes on this machine",
        }
        return top | {"conformsTo": self.conformance()["conformsTo"], "links": links}

    def conformance(self):
        return {"conformsTo": [f"https://api.stacspec.org/v1.0.0/{part}" for part in CLASSES]}

    def search(self, query):
        matching = [item for item in self.items if matches(item, query)]
        for rule in reversed(query.get("sortby") or [{"field": "datetime", "direction": "desc"}]):
            name = rule["field"].removeprefix("properties.")
            matching.sort(
                key=lambda i: i.get(name, i["properties"].get(name)),
                reverse=rule["direction"] == "desc",
            )
        start, size = int(query.get("token", 0)), min(query.get("limit", self.page), self.page)
        links = []
        if start + size < len(matching):
            links = [self.next(query, start + size)]
        return {
            "type": "FeatureCollection",
            "features": [self.absolute(i) for i in matching[start : start + size]],
            "links": links,
        }

    def next(self, query, token):
        body = query | {"token": str(token)}
        return {
            "rel": "next",
            "method": "POST",
            "href": f"{self.url}/search",
            "body": body,
            "type": "application/geo+json",
        }

    def absolute(self, item):
        host = "http://scenes.blob.core.windows.net" if self.signed else self.url
        assets = {
            name: asset | {"href": f"{host}/files/{asset['href'].removeprefix('./')}"}
            for name, asset in item["assets"].items()
        }
        return item | {"assets": assets}


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def matches(item, query):
    """Check whether an item matches a search."""
    properties = item["properties"]
    if item["collection"] not in query.get("collections", [item["collection"]]):
        return False
    if item["id"] not in query.get("ids", [item["id"]]):
        return False
    if "datetime" in query:
        first, _, last = query["datetime"].partition("/")
        when = moment(properties["datetime"])
        if (first not in ("", "..") and when < moment(first)) or (
            last not in ("", "..") and when > moment(last)
        ):
            return False
    if item["geometry"] is not None:
        geometry = shapely.geometry.shape(item["geometry"])
        if "bbox" in query and not geometry.intersects(shapely.box(*query["bbox"])):
            return False
        if "intersects" in query and not geometry.intersects(
            shapely.geometry.shape(query["intersects"])
        ):
            return False
    for name, rules in (query.get("query") or {}).items():
        for operator, value in rules.items():
            if not Expr({"op": COMPARISONS[operator], "args": [{"property": name}, value]}).matches(
                item
            ):
                return False
    return "filter" not in query or Expr(query["filter"]).matches(item)


class Handler(BaseHTTPRequestHandler):
    """One connection; `server_of` is the StacServer."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server_of: StacServer

    def log_message(self, *args):
        pass

    def do_GET(self):
        server, path = self.server_of, urlsplit(self.path)
        if path.path.startswith("/files/"):
            return self.file(path.path.removeprefix("/files/"), parse_qs(path.query))
        if path.path.startswith("/token"):
            return self.reply({"token": server.token(), "msft:expiry": expiry(server.lifetime)})
        return self.reply(server.landing() if path.path in ("", "/") else server.conformance())

    do_HEAD = do_GET

    def do_POST(self):
        server = self.server_of
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.searches += 1
        fault = server.faults.pop(0) if server.faults else None
        if fault == "endless" or query.get("token") == "endless":
            page = server.search({k: v for k, v in query.items() if k != "token"})
            return self.reply(page | {"links": [server.next(query, "endless")]})
        if fault == "malformed":
            return self.send(200, b'{"type": "FeatureCollection", "features": [{"id"', {})
        if not self.fail(fault):
            self.reply(server.search(query))

    def fail(self, fault) -> bool:
        """End the request with a status code, a closed connection or a wait, if `fault` is one."""
        if isinstance(fault, int):
            self.reply({"description": "not now"}, fault, {"Retry-After": "0"})
        elif fault == "reset":
            self.close_connection = True
            self.connection.close()
        elif fault == "slow":
            time.sleep(5)
            self.close_connection = True
        return fault in ("reset", "slow") or isinstance(fault, int)

    def reply(self, content, status=200, headers=None):
        self.send(status, json.dumps(content).encode(), headers or {})

    def send(self, status, body, headers):
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/geo+json",
            "Content-Length": len(body),
            **headers,
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def file(self, name, query):
        server = self.server_of
        server.requested.append(name)
        if server.signed and not fresh(query, server.expired):
            server.refused += 1
            return self.reply({"code": "AuthenticationFailed"}, 403)
        fault = server.fault_of(name)
        if self.fail(fault):
            return None
        path = server.folder / name
        if not path.is_file():
            return self.reply({"code": "NotFound"}, 404)
        data, headers, status = path.read_bytes(), {"Accept-Ranges": "bytes"}, 200
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            start, end = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            data, status = data[start : end + 1], 206
        if self.command == "GET":
            server.bytes += len(data)
        if fault == "truncated":  # fewer bytes than announced
            self.close_connection = True
            self.send_response(status)
            for key, value in {"Content-Length": len(data), **headers}.items():
                self.send_header(key, str(value))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            return self.connection.close()
        return self.send(status, data, {"Content-Type": "image/tiff", **headers})


def fresh(query, expired):
    signature = query.get("sig", [""])[0].removeprefix("secret-")
    return bool(signature) and int(signature) > expired


def expiry(lifetime):
    return (datetime.now(UTC) + timedelta(seconds=lifetime)).isoformat()
