"""A real mail server for tests, with STARTTLS, a certificate of its own and authentication. What a
recipient is called says how it behaves: refused@ 550, later@ 450, refused.data@ 554 after the
message, lost@ the connection ends after the message without a reply. It writes one JSON object a
line: {"listening": port, "ca": file} first, then each message that it took."""

import argparse
import asyncio
import email
import email.policy
import hashlib
import json
import ssl
import subprocess
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


SHOWN = 100_000  # bytes of a raw message
TAKEN = 50_000_000


def say(document):
    print(json.dumps(document), flush=True)


def attachment(part):
    content = part.get_payload(decode=True)
    return {"name": part.get_filename(), "type": part.get_content_type(),
            "encoding": part["Content-Transfer-Encoding"], "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "defects": [str(defect) for header in part.values() for defect in header.defects]}


def described(envelope):
    """What a reader of mail sees, by Python's own parser."""
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    leaves = [part for part in message.walk() if not part.is_multipart()]
    parts = {part.get_content_type(): part.get_content() for part in leaves
             if not part.is_attachment()}
    attachments = [attachment(part) for part in leaves if part.is_attachment()]
    return {"from": envelope.mail_from, "to": envelope.rcpt_tos,
            "headers": [[name, str(value)] for name, value in message.items()],
            "defects": [str(defect) for defect in message.defects], "parts": parts,
            "attachments": attachments, "raw": envelope.content[:SHOWN].decode("ascii")}


class Handler:
    def __init__(self, options):
        self.options = options

    async def handle_MAIL(self, server, session, envelope, address, mail_options):
        if self.options.refuse:
            return f"{self.options.refuse} not here"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address.startswith("refused@"):
            return "550 5.1.1 there is no such person"
        if address.startswith("later@"):
            return "450 4.2.1 come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        address = envelope.rcpt_tos[0]
        if address.startswith("refused.data@"):
            return "554 5.6.0 not such a message"
        say({"message": described(envelope)})
        if address.startswith("lost@"):
            server.transport.abort()
        return "250 taken"


def certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-keyout", folder / "key.pem", "-out", folder / "ca.pem",
                    "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


async def serve(options, context):
    def check(server, session, envelope, mechanism, data):
        known = isinstance(data, LoginPassword) and (data.login, data.password) == (
            options.user.encode(), options.password.encode())
        return AuthResult(success=known, handled=False)

    def protocol():
        tls = options.tls == "starttls"
        return SMTP(Handler(options), hostname="mail.test", decode_data=False,
                    data_size_limit=TAKEN,
                    tls_context=context if tls else None, require_starttls=tls,
                    auth_required=bool(options.user), authenticator=check,
                    auth_require_tls=tls)

    wrapped = context if options.tls == "implicit" else None
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=wrapped)
    say({"listening": server.sockets[0].getsockname()[1], "ca": str(options.folder / "ca.pem")})
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True, help="where its certificate goes")
    parser.add_argument("--tls", choices=["starttls", "implicit", "none"], default="starttls")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--refuse", type=int, default=0, help="answer every sender with this")
    options = parser.parse_args()
    asyncio.run(serve(options, certificate(options.folder)))


if __name__ == "__main__":
    main()
