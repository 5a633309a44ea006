#!/usr/bin/env bash
# Two verifiers of draws in two languages, one written from the page alone: they must say the same, word for
# word, about good draws, changed ones and files that are none.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/support/need.sh
need python3 python3

out=$(mktemp)
trap 'rm -f "$out"' EXIT
# A name that fits nothing would pass without having run.
cargo test --workspace --locked --test draw -- --ignored --exact the_python_script_says_the_same --nocapture | tee "$out"
grep -q "test result: ok. 1 passed" "$out"
