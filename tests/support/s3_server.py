"""An S3 service for tests that checks every signature as AWS's document on Signature Version 4
says, with no code of anybody's signer: a wrong one is refused. What a key is called says how the
service behaves: "lost" answers 200 and keeps nothing, "short" keeps one byte too few, "busy"
answers 503 to its first upload, "late" is not shown to the first two questions, "forbidden" is not
allowed. It writes one JSON object a line: {"listening": port} first, then {"request": "PUT /…"}
for each."""

import argparse
import datetime
import hashlib
import hmac
import json
import re
import shutil
import sys
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote

EMPTY = hashlib.sha256(b"").hexdigest()
ALLOWED_SKEW = datetime.timedelta(minutes=15)
CHUNK = 1 << 16


class Refusal(Exception):
    def __init__(self, status, code, message=""):
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


def encoded(text, kept=""):
    return quote(text, safe="-._~" + kept)


def canonical_query(raw):
    pairs = [part.partition("=")[::2] for part in raw.split("&") if part]
    return "&".join(f"{name}={value}" for name, value in
                    sorted((encoded(unquote(name)), encoded(unquote(value)))
                           for name, value in pairs))


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def expected_signature(secret, scope, method, path, query, headers, signed, when):
    """As "Create a signed AWS API request" describes it, step by step."""
    canonical_headers = "".join(
        f"{name}:{' '.join(headers[name].split())}\n" for name in signed)
    canonical = "\n".join([method, encoded(unquote(path), "/"), canonical_query(query),
                           canonical_headers, ";".join(signed), headers["x-amz-content-sha256"]])
    date, region, service, _ = scope.split("/")
    to_sign = "\n".join(["AWS4-HMAC-SHA256", when, scope,
                         hashlib.sha256(canonical.encode()).hexdigest()])
    key = mac(f"AWS4{secret}".encode(), date)
    for part in (region, service, "aws4_request"):
        key = mac(key, part)
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    options = None
    asked = Counter()

    def check_signature(self, path, query):
        headers = {name.lower(): value for name, value in self.headers.items()}
        match = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8}/[^/]+/[^/]+/aws4_request), ?"
            r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})",
            headers.get("authorization", ""))
        if not match:
            raise Refusal(403, "AccessDenied", "not signed")
        access_key, scope, signed, signature = match.groups()
        signed = signed.split(";")
        must_be_signed = {"host", "x-amz-date", "x-amz-content-sha256"} | {
            name for name in headers if name.startswith("x-amz-")} | (
            {"content-type"} & set(headers))
        if signed != sorted(signed) or not must_be_signed <= set(signed):
            raise Refusal(403, "AccessDenied", f"unsigned: {must_be_signed - set(signed)}")
        if "x-amz-security-token" in headers:
            raise Refusal(403, "InvalidToken")
        if access_key != self.options.access_key:
            raise Refusal(403, "InvalidAccessKeyId")
        if scope.split("/")[1:3] != [self.options.region, "s3"]:
            raise Refusal(400, "AuthorizationHeaderMalformed")
        when = headers["x-amz-date"]
        sent = datetime.datetime.strptime(when, "%Y%m%dT%H%M%SZ")
        now = datetime.datetime.utcnow() + datetime.timedelta(minutes=self.options.clock_ahead)
        if abs(now - sent) > ALLOWED_SKEW:
            raise Refusal(403, "RequestTimeTooSkewed")
        wanted = expected_signature(self.options.secret, scope, self.command, path, query, headers,
                                    signed, when)
        if not hmac.compare_digest(wanted, signature):
            raise Refusal(403, "SignatureDoesNotMatch")
        return headers["x-amz-content-sha256"]

    def receive(self, wanted_hash, target):
        """The body, to a file; the file is there only if the body is what was signed."""
        arriving = self.options.folder / f"arriving-{id(self)}"
        seen = hashlib.sha256()
        left = int(self.headers.get("Content-Length", 0))
        with open(arriving, "wb") as file:
            while left:
                chunk = self.rfile.read(min(CHUNK, left))
                if not chunk:
                    raise ConnectionError
                seen.update(chunk)
                file.write(chunk)
                left -= len(chunk)
        if seen.hexdigest() != wanted_hash:
            raise Refusal(400, "XAmzContentSHA256Mismatch")
        if target:
            arriving.rename(target)

    def handle_one(self):
        path, _, query = self.path.partition("?")
        print(json.dumps({"request": f"{self.command} {self.path}"}), flush=True)
        hash_of_body = self.check_signature(path, query)
        host = self.headers["Host"].split(":")[0]
        if host.endswith(".localhost"):
            bucket, key = host.removesuffix(".localhost"), unquote(path[1:])
        else:
            bucket, _, key = unquote(path[1:]).partition("/")
        stored = self.options.folder / hashlib.sha256(key.encode()).hexdigest()
        self.asked[self.command, key] += 1
        if self.command == "PUT":
            if "busy" in key and self.asked["PUT", key] == 1:
                self.receive(hash_of_body, None)
                raise Refusal(503, "SlowDown")
            self.receive(hash_of_body, None if "lost" in key else stored)
            if "short" in key:
                with open(stored, "r+b") as file:
                    file.truncate(max(0, stored.stat().st_size - 1))
        elif hash_of_body != EMPTY:
            raise Refusal(400, "XAmzContentSHA256Mismatch")
        if bucket != self.options.bucket:
            raise Refusal(404, "NoSuchBucket")
        if "forbidden" in key:
            raise Refusal(403, "AccessDenied")
        if self.command == "PUT" or not key:
            return None
        hidden = "late" in key and self.asked["HEAD", key] <= 2
        if hidden or not stored.exists():
            raise Refusal(404, "NoSuchKey")
        return stored

    def answer(self):
        try:
            stored = self.handle_one()
        except Refusal as refusal:
            body = (f"<?xml version=\"1.0\"?>\n<Error><Code>{refusal.code}</Code>"
                    f"<Message>{refusal.message}</Message></Error>").encode()
            self.send_response(refusal.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            self.close_connection = True
            return
        size = stored.stat().st_size if stored else 0
        is_part = "Range" in self.headers
        self.send_response(206 if is_part else 200)
        self.send_header("Content-Length", str(1 if is_part else size))
        self.end_headers()
        if stored and self.command == "GET":
            with open(stored, "rb") as file:
                if is_part:
                    self.wfile.write(file.read(1))
                else:
                    shutil.copyfileobj(file, self.wfile, CHUNK)

    do_GET = do_HEAD = do_PUT = answer

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True, help="where objects are kept")
    parser.add_argument("--bucket", default="lists")
    parser.add_argument("--region", default="eu-central-1")
    parser.add_argument("--access-key", default="AKIDEXAMPLE")
    parser.add_argument("--secret", default="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    parser.add_argument("--clock-ahead", type=int, default=0, help="minutes")
    Handler.options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(json.dumps({"listening": server.server_port}), flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
