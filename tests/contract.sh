#!/usr/bin/env bash
# The OpenAPI documents of both listeners against the server, by schemathesis: no status that is not described, no
# answer of another form, nothing from 500 on but the 503s that are described. All phases; once with invented ids, once
# with those of things that are there.
set -uo pipefail
cd "$(dirname "$0")/.."

. tests/support/need.sh
. tests/support/deployed.sh
need curl curl
need jq jq
# As `cargo test --workspace` builds them, else much is built twice.
[ -n "${ONSALE_BUILT:-}" ] || cargo build --workspace --locked --bins --tests || exit 1
built=${ONSALE_BUILT:-$(realpath "${CARGO_TARGET_DIR:-target}/debug")}
work=$(mktemp -d)
finish() {
  stop_all
  rm -rf "$work"
}
trap finish EXIT
[ -n "${ONSALE_VENV:-}" ] && ln -s "$ONSALE_VENV" "$work/python" || python3 -m venv "$work/python"
"$work/python/bin/pip" -q install schemathesis==4.32.5 || fail "schemathesis"

export SCHEMATHESIS_HOOKS=$PWD/tests/attacks/contract_hooks.py
checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance
checks=$checks,response_schema_conformance,unsupported_method
# run NAME DOCUMENT URL CASES [options...]: CASES for each operation and phase
run() {
  local name=$1 document=$2 url=$3 cases=$4
  shift 4
  # It leaves its cache where it stands.
  (cd "$work" && "$work/python/bin/st" --config-file "$work/settings.toml" run "$document" --url "$url" --max-examples "$cases" \
    --phases examples,coverage,fuzzing,stateful --checks "$checks" --workers 2 --request-timeout 10 --no-color \
    --suppress-health-check all --continue-on-failure --seed 1 "$@") >"$work/$name.log" 2>&1
  local code=$?
  if [ "$code" != 0 ]; then
    sed -n '/FAILURES/,/WARNINGS/p;/ERRORS/,/WARNINGS/p' "$work/$name.log" | head -150
    tail -40 "$work/$name.log"
    return 1
  fi
  echo "$name: $(sed -n 's/^ *\([0-9]* generated.*\)/\1/p' "$work/$name.log"), $(sed -n 's/.*Tested: \([0-9]*\)/\1/p' "$work/$name.log") operations"
}

start_onsale engine
say "schemathesis: the public document, ids invented"
: >"$work/settings.toml"
run invented "$engine_url/openapi.json" "$engine_url" "${CASES:-20}" || fail "the public document"

say "schemathesis: the public document, ids of what is there"
here=$engine_url/v1/events/present
json='Content-Type: application/json'
curl -sSf -o /dev/null -X POST "$engine_url/v1/events" -H "$json" -d '{"id":"present","name":"Present","pools":[{"id":"standing",
  "kind":"general","name":"Standing","capacity":1000000,"price":{"amount":1,"currency":"EUR"}}]}' || fail "no event"
id=$(curl -sSf -X POST "$here/reservations" -H "$json" -d '{"customer":"fan","lines":[{"pool":"standing","quantity":1}]}' | jq -r .id)
curl -sSf -o /dev/null -X POST "$here/bookings" -H "$json" \
  -d "{\"reservation\":\"$id\",\"payment\":{\"method\":\"card\",\"token\":\"tok_visa\"}}" || fail "no booking"
curl -sSf -o /dev/null -X PATCH "$here/waiting-room" -H "$json" -d '{}'
place=$(curl -sSf -X POST "$here/waiting-room/places" -H "$json" -d '{"customer":"fan"}' | jq -r .token)
cat >"$work/settings.toml" <<END
[parameters]
"path.event" = "present"
"path.id" = "$id"
"path.ticket" = "$id-1"
"header.Onsale-Place" = "$place"
END
# Streams have no end; what else they answer is tried above, as is what needs nothing that is there. Without the
# cancelling, else there is no ticket.
run present "$engine_url/openapi.json" "$engine_url" "${CASES:-20}" --exclude-path-regex '/stream$|/cancel$' \
  --exclude-checks unsupported_method || fail "the public document, of what is there"

say "schemathesis: the operators' document"
: >"$work/settings.toml"
run operators "$engine_admin/openapi.json" "$engine_admin" "${CASES:-20}" || fail "the operators' document"

say "schemathesis: it can fail"
curl -sS "$engine_url/openapi.json" | jq 'del(.paths["/v1/events/{event}"].get.responses["404"])
  | .components.schemas.Availability.properties.version = {"type": "string"}' >"$work/lying.json"
run lying "$work/lying.json" "$engine_url" 5 --include-path '/v1/events/{event}' >"$work/noticed" &&
  fail "a status that is not described is not noticed"
grep -m1 '❌ ST' "$work/noticed"
printf '[parameters]\n"path.event" = "present"\n' >"$work/settings.toml"
run lying "$work/lying.json" "$engine_url" 5 --include-path '/v1/events/{event}/availability' >"$work/noticed" &&
  fail "an answer of another form is not noticed"
grep '❌ ST.*violates schema' "$work/noticed" || fail "something else was noticed"

grep -E 'ERROR|panicked' "$work/engine/log" && fail "the server complained"
stop_onsale engine
"$built/onsale" verify "$work/engine/data" >"$work/verified" || { cat "$work/verified"; fail "the books"; }
tail -1 "$work/verified"
