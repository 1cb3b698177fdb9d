#!/usr/bin/python3
# A mail server: SMTP on this port, one file a letter in this folder. With user and password it asks for them; with a
# certificate it offers STARTTLS, and takes letters by TLS only.
import signal
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

port, folder, user, password, certificate, key = (sys.argv[1:] + [""] * 6)[:6]


class Keep:
    async def handle_DATA(self, server, session, envelope):
        name = f"{folder}/{time.time_ns()}.eml"
        with open(name + ".new", "wb") as letter:
            letter.write(b"X-To: " + ",".join(envelope.rcpt_tos).encode() + b"\n" + envelope.content)
        import os

        os.rename(name + ".new", name)
        return "250 kept"


def known(server, session, envelope, mechanism, data):
    good = (data.login.decode(), data.password.decode()) == (user, password)
    return AuthResult(success=good, handled=False)


class Office(Controller):
    def factory(self):
        tls = None
        if certificate:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(certificate, key)
        asks = {"authenticator": known, "auth_required": True, "auth_require_tls": bool(tls)} if user else {}
        return SMTP(self.handler, hostname="mail.office.lan", tls_context=tls, require_starttls=bool(tls), **asks)


controller = Office(Keep(), hostname="0.0.0.0", port=int(port))
controller.start()
print("ready", flush=True)
signal.pause()
