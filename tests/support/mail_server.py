"""A real mail server on loopback for tests/mail.sh: STARTTLS or TLS, then a login, then mails.

Usage: mail_server.py CERTIFICATE KEY PASSWORD MAILS READY
Writes each mail to MAILS/<n>.eml, and its two ports to READY once it listens.
"""

import asyncio
import pathlib
import signal
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

certificate, key, password, mails, ready = sys.argv[1:]
mails = pathlib.Path(mails)


class Handler:
    taken = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("unknown@"):
            return "550 5.1.1 no such user"
        if address.startswith("greylisted@"):
            return "451 4.7.1 come back later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        to = envelope.rcpt_tos[0]
        if to.startswith("spam@"):
            return "554 5.7.1 not wanted"
        if to.startswith("dropped@"):
            server.transport.abort()  # and yet the mail is kept
        if to.startswith("slow@"):
            await asyncio.sleep(10)
        Handler.taken += 1
        head = f"X-Test-From: {envelope.mail_from}\r\nX-Test-To: {to}\r\n".encode()
        (mails / f"{Handler.taken}.eml").write_bytes(head + envelope.original_content)
        return "250 2.0.0 taken"


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword)
    good = good and (data.login, data.password) == (b"onsale", password.encode())
    return AuthResult(success=good, handled=False)


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def server(**more):
        return SMTP(
            Handler(), hostname="localhost", enable_SMTPUTF8=True, authenticator=authenticate,
            auth_required=True, **more,
        )

    loop = asyncio.get_running_loop()
    starttls = await loop.create_server(
        lambda: server(tls_context=context, require_starttls=True), "localhost", 0
    )
    # Behind TLS from the first byte the library sees no STARTTLS; it is told that a login is fine.
    wrapped = await loop.create_server(
        lambda: server(auth_require_tls=False), "localhost", 0, ssl=context
    )
    done = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    ports = [listening.sockets[0].getsockname()[1] for listening in (starttls, wrapped)]
    pathlib.Path(ready).write_text(f"{ports[0]} {ports[1]}\n")
    await done.wait()


asyncio.run(main())
