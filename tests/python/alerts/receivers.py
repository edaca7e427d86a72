"""Those who are told: a web server that remembers and answers as it is told, a mail server, an Alertmanager."""

import base64
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request

from .server import until

HANG = "hang"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Request:
    """A request as it came."""

    def __init__(self, handler):
        self.method, self.path = handler.command, handler.path
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        self.answered = None

    @property
    def json(self):
        return json.loads(self.body)


class Recorder:
    """Keeps requests. `answer` is given each and says what it gets: a status, (status, text, headers), or HANG."""

    def __init__(self, answer=lambda request: 200):
        self.requests, self.answer = [], answer
        # Told of each request when it has come, and when it has been answered.
        self.on_request = self.on_answered = lambda request: None
        self.over = threading.Event()
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                recorder._take(self)

            do_PUT = do_POST

            def log_message(self, *args):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, address):
                """A sender that was killed breaks off: that is what it is for."""

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _take(self, handler):
        request = Request(handler)
        self.requests.append(request)
        self.on_request(request)
        answer = self.answer(request)
        if answer == HANG:
            self.over.wait()
            return
        status, said, headers = answer if isinstance(answer, tuple) else (answer, "ok", {})
        request.answered = status
        handler.send_response(status)
        for name, value in {"content-length": str(len(said.encode())), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(said.encode())
        handler.wfile.flush()
        self.on_answered(request)

    def wait(self, count):
        """The requests, once there are so many."""
        until(lambda: len(self.requests) >= count, lambda: f"{count} requests, there are {len(self.requests)}")
        assert len(self.requests) == count, [request.body for request in self.requests]
        return self.requests

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


def signing_secret(key):
    """As Standard Webhooks writes a key."""
    return "whsec_" + base64.b64encode(key).decode()


def check_signature(request, key):
    """Standard Webhooks 1.0, worked out by Python's own hmac."""
    headers = request.headers
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 300
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


class Mailbox:
    """What a mail server took."""

    def __init__(self):
        self.mails, self.envelopes = [], []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
        return "250 taken"


class MailServer:
    """aiosmtpd."""

    def __init__(self):
        from aiosmtpd.controller import Controller

        self.box = Mailbox()
        self.controller = Controller(self.box, hostname="127.0.0.1", port=free_port())

    def __enter__(self):
        self.controller.start()
        self.port = self.controller.port
        return self

    def __exit__(self, *_):
        self.controller.stop()


class Alertmanager:
    """The package's own, with one receiver: a recorder."""

    PROGRAM = "prometheus-alertmanager"

    def __init__(self, directory, recorder):
        self.url = f"http://127.0.0.1:{free_port()}"
        config, self.log = directory / "alertmanager.yml", directory / "alertmanager.log"
        config.write_text(f"""
route: {{receiver: hook, group_by: [alertname, model], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: hook
    webhook_configs: [{{url: "{recorder.url}/from-alertmanager", send_resolved: true}}]
""")
        self.command = [
            self.PROGRAM,
            f"--config.file={config}",
            f"--storage.path={directory}/alertmanager",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            "--cluster.listen-address=",
        ]

    @classmethod
    def is_there(cls):
        return shutil.which(cls.PROGRAM) is not None

    def __enter__(self):
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        until(lambda: self.get("/-/ready") is not None, lambda: f"alertmanager: {self.log.read_text()}")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)

    def get(self, path):
        """The body of an answer; None where there is none."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return answer.read()
        except OSError:
            return None

    def alerts(self):
        """What its API says of alerts."""
        return json.loads(self.get("/api/v2/alerts"))
