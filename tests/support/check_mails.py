"""Reads the mails that arrived, with Python's own parser, and compares them with what was sent.

Usage: check_mails.py MAILS    (see mail() in tests/message/main.rs for what was sent)
"""

import email
import email.policy
import pathlib
import sys

PDF = b"%PDF-1.7\r\n.\r\n\n--\n" + bytes(i % 256 for i in range(3000))
TEXT = "Grüße!\n.\n..\nFrom here = there\n--=_mail-1_m--\nbye \n"
HTML = "<p>Grüße, " + "長い" * 400 + "!</p>\n"
TO = {
    "mail-1": "fan@example.org",
    "mail-2": "жанна@example.org",
    "mail-3": "fan@xn--mnchen-3ya.example",
    "mail-4": "fan@example.org",
    "mail-5": "fan@example.org",
}


def same(what, got, expected):
    if got != expected:
        sys.exit(f"{what}: got {got!r}, expected {expected!r}")


def text_of(part):
    return part.get_content().replace("\r\n", "\n")


seen = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.eml")):
    raw = path.read_bytes()
    # Headers may have UTF-8 in them (RFC 6532), which the parser takes from text only; bodies are ASCII.
    mail = email.message_from_string(raw.decode(), policy=email.policy.SMTPUTF8)
    name = mail["X-Onsale-Message-Id"]
    if name == "refused" and mail["X-Test-To"].startswith(("dropped@", "slow@")):
        continue  # We were told that it may have arrived, and it has.
    same(f"{name}, defects", mail.defects, [])
    same(f"{name}, twice", name in seen, False)
    seen[name] = mail
    same("Message-ID", mail["Message-ID"], f"<{name}@onsale.example>")
    same("Subject", mail["Subject"], "Ваши билеты 🎫 für Konzert A")
    same("From", str(mail["From"].addresses[0].display_name), "Tickets für alle")
    same("From", mail["From"].addresses[0].addr_spec, "tickets@onsale.example")
    same("Reply-To", mail["Reply-To"].addresses[0].addr_spec, "help@onsale.example")
    same("To", [a.display_name for a in mail["To"].addresses], ["Жанна д'Арк"])
    same("To", mail["To"].addresses[0].addr_spec, TO[name])
    same("RCPT TO", mail["X-Test-To"], TO[name])
    same("MAIL FROM", mail["X-Test-From"], "tickets@onsale.example")
    same("Date", mail["Date"].datetime.isoformat(), "2026-11-24T12:00:00+00:00")
    same("Auto-Submitted", mail["Auto-Submitted"], "auto-generated")
    same("ASCII", raw.isascii(), TO[name].isascii())
    if name == "mail-4":
        same("type", mail.get_content_type(), "text/plain")
        # SMTP ends a mail with a line end, and so may the library before it.
        same("text", text_of(mail).rstrip("\n"), TEXT.rstrip("\n"))
        continue
    same("type", mail.get_content_type(), "multipart/mixed")
    both, attached = mail.iter_parts()
    same("type", both.get_content_type(), "multipart/alternative")
    plain, html = both.iter_parts()
    for part, kind, expected in ((plain, "text/plain", TEXT), (html, "text/html", HTML)):
        same("type", (part.get_content_type(), part.get_content_charset()), (kind, "utf-8"))
        same("encoding", part["Content-Transfer-Encoding"], "quoted-printable")
        same(kind, text_of(part), expected)
    same("type", attached.get_content_type(), "application/pdf")
    same("encoding", attached["Content-Transfer-Encoding"], "base64")
    same("disposition", attached.get_content_disposition(), "attachment")
    same("file name", attached.get_filename(), "Билет № 1.pdf")
    same("bytes", attached.get_content(), PDF)
same("mails", sorted(seen), sorted(TO))
print(f"{len(seen)} mails arrived as they were sent")
