#!/usr/bin/env bash
# What a buyer gets, read by programs that are not ours: PDFs by qpdf and poppler, their pictures and the
# SVG by a QR reader, the codes' signatures by OpenSSL with the published keys. DIR as argument keeps the
# files there for looking at.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/support/need.sh
need pdftoppm poppler-utils
need rsvg-convert librsvg2-bin
need zbarimg zbar-tools
need qpdf qpdf
need openssl openssl
[ -e /usr/share/fonts/truetype/noto/NotoSansTamil-Regular.ttf ] || need no-command fonts-noto-core
[ -e /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc ] || need no-command fonts-noto-cjk

if [ $# = 1 ]; then
  out=$1
  mkdir -p "$out"
else
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
fi

# With the tests, else features differ and much is built twice.
cargo build --locked --example ticket_sample
built=${CARGO_TARGET_DIR:-target}/debug
"$built/examples/ticket_sample" "$out" \
  --fonts /usr/share/fonts/truetype/noto --fonts /usr/share/fonts/opentype/noto >"$out/said"
if grep -v "uncovered \[\]$" "$out/said" | grep uncovered; then
  echo "characters without a font" >&2
  exit 1
fi

fail() {
  echo "$1" >&2
  exit 1
}

for pdf in "$out"/ticket-?.pdf; do
  base=${pdf%.pdf}
  qpdf --check "$pdf" >"$base.check" || fail "$pdf: $(cat "$base.check")"
  # In logical order, as it was written: what a search or a screen reader finds. Marks of direction are
  # poppler's.
  pdftotext "$pdf" - | sed 's/[\xE2][\x80][\x8E\x8F\xAA-\xAE]//g' >"$base.txt"
  grep -qF "$(cat "$base.name")" "$base.txt" || fail "$pdf: the name $(cat "$base.name") is not found"
  # 100 dots an inch: coarser than any printer or phone.
  pdftoppm -r 100 -png "$pdf" "$base-page"
  for page in "$base"-page-*.png; do
    zbarimg --quiet --raw "$page" 2>>"$out/zbar" # it misses a desktop
  done >"$base.read"
  cmp "$base.codes" "$base.read" || fail "$pdf: the QRs do not say the codes"
done

rsvg-convert --width 300 --background-color white "$out/ticket-0.svg" >"$out/ticket-0-svg.png"
zbarimg --quiet --raw "$out/ticket-0-svg.png" >"$out/svg.read" 2>>"$out/zbar"
[ "$(cat "$out/svg.read")" = "$(head -n 1 "$out/ticket-0.codes")" ] || fail "the SVG does not say the code"

# Offline, with nothing of ours: the layout of src/domain/ticket, the key of the public set.
python3 - "$out" <<'PYTHON'
import base64, json, pathlib, subprocess, sys

out = pathlib.Path(sys.argv[1])
keys = {key["kid"]: key for key in json.loads((out / "keys.json").read_text())["keys"]}


def verify(code, change):
    body = code.removeprefix("ONSALE1.")
    raw = bytearray(base64.b32decode(body + "=" * (-len(body) % 8)))
    payload, signature = raw[:-64], raw[-64:]
    x = base64.urlsafe_b64decode(keys[payload[:4].hex()]["x"] + "=")
    # SubjectPublicKeyInfo of Ed25519: a fixed head, then the key.
    (out / "key.der").write_bytes(bytes.fromhex("302a300506032b6570032100") + x)
    payload[-1] ^= change
    (out / "message").write_bytes(b"ONSALE1." + payload)
    (out / "signature").write_bytes(signature)
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER"]
    command += ["-inkey", out / "key.der", "-in", out / "message", "-sigfile", out / "signature"]
    return subprocess.run(command, capture_output=True).returncode == 0


codes = (out / "ticket-0.codes").read_text().split()
assert all(verify(code, 0) for code in codes), "OpenSSL refuses a code"
assert not any(verify(code, 1) for code in codes), "OpenSSL takes a changed code"
print(f"OpenSSL agrees on {len(codes)} codes")
PYTHON

echo "documents are read by all readers"
