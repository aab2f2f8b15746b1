"""A webhook receiver with nothing but Python's standard library."""

import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ["WEBHOOK_SECRET"].encode()
HEADER = os.environ.get("HEADER", "X-Kaie-Signature")
MAX_BYTES = 256 * 1024
seen: set[str] = set()  # a database, in a real one


def is_genuine(raw_body: bytes, signature: str) -> bool:
    """Whether the signature was made over exactly these bytes."""
    expected = "sha256=" + hmac.new(SECRET, raw_body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


def is_fresh(timestamp: str) -> bool:
    """Whether it was sent within the last five minutes."""
    return timestamp.isascii() and timestamp.isdigit() and abs(time.time() - int(timestamp)) <= 300


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BYTES:
            self.answer(413)
            return
        raw_body = self.rfile.read(length)
        # The raw body first: only then is it worth parsing.
        if not is_genuine(raw_body, self.headers.get(HEADER, "")):
            self.answer(401)
            return
        if not is_fresh(self.headers.get("webhook-timestamp", "")):
            self.answer(401)
            return
        event = json.loads(raw_body)
        if event["id"] not in seen:  # at least once means: sometimes twice
            seen.add(event["id"])
            print(event["type"], event["id"], flush=True)
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Receiver).serve_forever()
