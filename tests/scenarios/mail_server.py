"""A real mail server of the scenarios' own, with STARTTLS and a password, that hands out what it
took."""

import email
import email.policy
import json
import subprocess
import tempfile
from pathlib import Path

MAIL_SERVER = Path(__file__).resolve().parents[1] / "support/smtp_server.py"
DEBIANS_PYTHON = "/usr/bin/python3"  # which Debian's aiosmtpd belongs to


class MailServer:
    def __init__(self, *options):
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [DEBIANS_PYTHON, MAIL_SERVER, "--folder", self.folder.name, *options],
            stdout=subprocess.PIPE, text=True)
        told = json.loads(self.process.stdout.readline())
        self.port, self.certificate = told["listening"], told["ca"]

    def message(self):
        return json.loads(self.process.stdout.readline())["message"]

    def mail(self):
        """The next one, as Python's own parser reads it."""
        return email.message_from_string(self.message()["raw"], policy=email.policy.default)

    def settings(self, username="carryall", password="s3cret"):
        """Of a worker that sends by this server."""
        return {"CARRYALL_MAIL_FROM": "carryall@example.com", "CARRYALL_MAIL_HOST": "127.0.0.1",
                "CARRYALL_MAIL_PORT": str(self.port), "CARRYALL_MAIL_USERNAME": username,
                "CARRYALL_MAIL_PASSWORD": password, "CARRYALL_MAIL_CA_FILE": self.certificate}

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()
