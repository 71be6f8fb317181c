"""What is told outside, by whole programs: a worker is killed while it delivers, a receiver fails,
a mail server asks for TLS and a password. The judge is the receiver, which checks each signature by
the specification with Python's own hmac, and the mail as Python's own parser reads it."""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import unittest
from pathlib import Path

from mail_server import MailServer
from stage import Stage

ALLOWED = {"CARRYALL_WEBHOOKS_ALLOW_HTTP": "true",
           "CARRYALL_WEBHOOKS_PRIVATE_NETWORKS": "127.0.0.0/8"}
PATIENCE_SECONDS = 60
stage = None


def setUpModule():
    global stage
    stage = Stage(api=ALLOWED)


def tearDownModule():
    stage.close()


def is_signed(secret, headers, body):
    """As the specification says, from the text of the secret on."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(one, "v1," + wanted)
               for one in headers["webhook-signature"].split())


class Receiver:
    """A web server that keeps what it gets. `hold`: it answers nobody until it is released."""

    def __init__(self, statuses=(), hold=False):
        self.requests, self.statuses = [], list(statuses)
        self.came, self.released = threading.Condition(), threading.Event()
        if not hold:
            self.released.set()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.came:
                    receiver.requests.append((dict(self.headers.items()), body))
                    status = receiver.statuses.pop(0) if receiver.statuses else 204
                    receiver.came.notify_all()
                receiver.released.wait(PATIENCE_SECONDS)
                try:
                    self.send_response(status)
                    self.end_headers()
                except OSError:
                    pass  # the worker was killed

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait_for(self, count):
        with self.came:
            if not self.came.wait_for(lambda: len(self.requests) >= count, PATIENCE_SECONDS):
                raise AssertionError(f"{len(self.requests)} of {count} came")
            return list(self.requests)

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


class Notifications(unittest.TestCase):
    def enter(self, lines=20):
        self.scene = stage.scene(lines, None)
        self.addCleanup(self.scene.end_workers)
        return self.scene

    def receiver(self, **options):
        receiver = Receiver(**options)
        self.addCleanup(receiver.close)
        return receiver

    def carry_out(self, scene):
        number = scene.submit("--type", "carrier-plan", "--plan", "B")
        self.assertEqual(scene.finish(number)["status"], "PROCESSED")
        return number

    def deliveries(self, *words):
        return self.scene.platform.carryall("deliveries", "list", *words)

    def wait_until(self, holds, *words):
        """Each look at the deliveries is a request: the server's answer paces it."""
        for _ in range(2_000):
            found = self.deliveries(*words)
            if holds(found):
                return found
        raise AssertionError(f"it did not come to that: {found}")

    def test_a_finished_change_is_told_by_a_signed_webhook_though_the_worker_is_killed(self):
        scene, receiver = self.enter(), self.receiver(hold=True)
        made = scene.platform.carryall("webhooks", "create", receiver.url, "--types",
                                       "bulk_change.finished")
        worker = scene.start_worker(**ALLOWED, CARRYALL_WEBHOOKS_TIMEOUT_SECONDS="5")
        number = self.carry_out(scene)
        receiver.wait_for(1)
        worker.kill()  # it has told, and does not know whether it was heard
        worker.wait()
        receiver.released.set()
        self.assertEqual([one["state"] for one in self.deliveries()], ["sending"])
        scene.start_worker(**ALLOWED)
        # When its claim is over, the same event once more; nothing is lost or told anew.
        receiver.wait_for(2)
        self.wait_until(lambda found: found[0]["state"] == "sent")
        self.assertEqual(len(self.deliveries()), 1)
        self.assertEqual(len({headers["webhook-id"] for headers, _ in receiver.requests}), 1)
        for headers, body in receiver.requests:
            self.assertTrue(is_signed(made["secret"], headers, body))
            self.assertFalse(is_signed(made["secret"], headers, body + b" "))
            event = json.loads(body)
            self.assertEqual(event["type"], "bulk_change.finished")
            self.assertEqual(event["data"]["bulkChangeId"], number)
            self.assertEqual(event["data"]["counts"]["processed"], scene.lines)

    def test_a_secret_is_changed_without_a_gap_and_a_failing_receiver_gets_it_again(self):
        scene, receiver = self.enter(), self.receiver(statuses=[500])
        made = scene.platform.carryall("webhooks", "create", receiver.url)
        new = scene.platform.carryall("webhooks", "rotate-secret", made["webhookId"])
        scene.start_worker(**ALLOWED)
        scene.platform.carryall("webhooks", "test", made["webhookId"])
        for headers, body in receiver.wait_for(2):
            self.assertTrue(is_signed(made["secret"], headers, body))
            self.assertTrue(is_signed(new["secret"], headers, body))
        self.wait_until(lambda found: found[0]["state"] == "sent")
        shown = scene.platform.carryall("deliveries", "show", self.deliveries()[0]["deliveryId"])
        self.assertEqual([one["status"] for one in shown["attempts"]], [204, 500])

    def test_a_finished_change_is_told_by_mail_over_tls_the_first_server_refusing(self):
        scene = self.enter()
        known = ("--user", "carryall", "--password", "s3cret")
        first, second = MailServer("--refuse", "554", *known), MailServer(*known)
        self.addCleanup(first.close)
        self.addCleanup(second.close)
        scene.platform.carryall("recipients", "add", "night.shift@example.com")
        authorities = scene.write("authorities.pem", Path(first.certificate).read_text() +
                                  Path(second.certificate).read_text())
        scene.start_worker(
            CARRYALL_MAIL_FROM="carryall@example.com", CARRYALL_MAIL_HOST="127.0.0.1",
            CARRYALL_MAIL_PORT=str(first.port), CARRYALL_MAIL_USERNAME="carryall",
            CARRYALL_MAIL_PASSWORD="s3cret", CARRYALL_MAIL_SECOND_HOST="127.0.0.1",
            CARRYALL_MAIL_SECOND_PORT=str(second.port),
            CARRYALL_MAIL_SECOND_USERNAME="carryall", CARRYALL_MAIL_SECOND_PASSWORD="s3cret",
            CARRYALL_MAIL_CA_FILE=str(authorities))
        number = self.carry_out(scene)
        message = second.message()
        headers = dict(message["headers"])
        self.assertEqual(headers["Subject"], f"Bulk change {number} finished: PROCESSED")
        self.assertEqual(message["to"], ["night.shift@example.com"])
        self.assertIn(f"counts.processed: {scene.lines}", message["parts"]["text/plain"])
        self.assertIn("<table", message["parts"]["text/html"])
        sent = self.wait_until(lambda found: found[0]["state"] == "sent", "--channel", "mail")
        self.assertEqual(len(sent), 1)

    def test_without_leave_nothing_is_sent_into_the_own_network(self):
        scene, receiver = self.enter(), self.receiver()
        made = scene.platform.carryall("webhooks", "create", receiver.url)
        scene.start_worker()  # the API allows it, this worker does not
        scene.platform.carryall("webhooks", "test", made["webhookId"])
        found = self.wait_until(lambda some: some[0]["attemptCount"] == 1 and some[0]["reason"])
        self.assertEqual(found[0]["state"], "queued")
        self.assertEqual(receiver.requests, [])
        self.assertNotIn("s3cret", (scene.platform.logs / "worker0.log").read_text())


if __name__ == "__main__":
    unittest.main()
