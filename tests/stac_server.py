"""A STAC API on this machine: Earth Search's answers for a folder of items, with faults on demand.

Landing page, conformance and `/search` with bbox, datetime, collections, limit and paging by token; assets
by byte range.
"""

import json
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class StacServer:
    """Serve `items.json` of `folder`; `faults` is a list of status codes the next searches answer with."""

    def __init__(self, folder: Path, page: int = 4):
        self.folder, self.page = Path(folder), page
        self.faults: list[int] = []
        self.searches = 0
        self.items = json.loads((self.folder / "items.json").read_text(encoding="utf-8"))["features"]

    def __enter__(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def log_message(self, *args):
                pass

            def do_GET(self):
                path = self.path.split("?")[0]
                if path.startswith("/files/"):
                    return self.file(server.folder / path.removeprefix("/files/"))
                return self.answer(server.landing() if path in ("", "/") else {"conformsTo": server.conformance()})

            do_HEAD = do_GET

            def do_POST(self):
                query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.searches += 1
                if server.faults:
                    status = server.faults.pop(0)
                    return self.answer({"description": "not now"}, status, {"Retry-After": "0"})
                return self.answer(server.search(query))

            def answer(self, content, status=200, headers=None):
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/geo+json")
                self.send_header("Content-Length", str(len(body)))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def file(self, path):
                if not path.is_file():
                    return self.answer({"code": "NotFound"}, 404)
                data, start, status = path.read_bytes(), 0, 200
                end = len(data) - 1
                if wanted := self.headers.get("Range"):
                    first, _, last = wanted.removeprefix("bytes=").partition("-")
                    start, end, status = int(first), min(int(last or end), end), 206
                self.send_response(status)
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("Content-Length", str(end - start + 1))
                if status == 206:
                    self.send_header("Content-Range", f"bytes {start}-{end}/{len(data)}")
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(data[start : end + 1])
                return None

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.http.shutdown()
        self.http.server_close()

    def conformance(self):
        return [f"https://api.stacspec.org/v1.0.0/{part}" for part in ("core", "item-search", "item-search#query")]

    def landing(self):
        links = [
            ("self", "GET", "/"),
            ("root", "GET", "/"),
            ("conformance", "GET", "/conformance"),
            ("search", "POST", "/search"),
        ]
        return {
            "type": "Catalog", "id": "local", "stac_version": "1.0.0", "description": "scenes on this machine", "conformsTo": self.conformance(),
            "links": [{"rel": rel, "method": method, "href": self.url + path, "type": "application/geo+json"} for rel, method, path in links],
        }  # fmt: skip

    def search(self, query):
        first, last = (datetime.fromisoformat(part.replace("Z", "+00:00")) for part in query["datetime"].split("/"))
        west, south, east, north = query["bbox"]
        found = [
            item for item in self.items
            if item["collection"] in query["collections"]
            and first <= datetime.fromisoformat(item["properties"]["datetime"].replace("Z", "+00:00")) <= last
            and item["bbox"][0] < east and item["bbox"][2] > west and item["bbox"][1] < north and item["bbox"][3] > south
        ]  # fmt: skip
        start = int(query.get("token", 0))
        page = [self.absolute(item) for item in found[start : start + self.page]]
        links = []
        if start + self.page < len(found):
            body = query | {"token": str(start + self.page)}
            links = [
                {
                    "rel": "next",
                    "method": "POST",
                    "href": f"{self.url}/search",
                    "body": body,
                    "type": "application/geo+json",
                }
            ]
        return {"type": "FeatureCollection", "features": page, "links": links}

    def absolute(self, item):
        assets = {
            name: asset | {"href": f"{self.url}/files/{asset['href'].removeprefix('./')}"}
            for name, asset in item["assets"].items()
        }
        return item | {"assets": assets}
