#!/usr/bin/env bash
# The release gate: what takes too long for every change, needs the network, or tells something only of a release
# build on a machine at rest. docs/releasing.md has when to run it and what it last said.
#
# Usage: tests/release.sh [PART...]; all parts when none is named. Goes on after a part that fails, and names it.
set -uo pipefail
cd "$(dirname "$0")/.."
parts=(advisories operations tokens paths refusals attacks laws million)

advisories() { # the RustSec database comes from the network
  cargo audit --version >/dev/null 2>&1 || cargo install --locked cargo-audit || return 1
  cargo audit --deny warnings
}
operations() { # docs/operations.md, followed under a running systemd
  ONSALE_BUILT=$built tests/operations.sh
}
tokens() { # 1,000,000 changed tokens and as many changed keys, none taken
  cargo test --release --locked --test identity -- --ignored a_million
}
paths() { # 1,000,000 random paths, methods and agents: fewer than 2,000 series
  cargo test --release --locked --test edge -- --ignored --nocapture --exact \
    series::a_million_random_paths_methods_and_agents_make_no_series
}
refusals() { "$built/loadtest" refusals --programs "$built"; }
attacks() { # no allowance for a machine that is busy: refused within a second, 5,000 slow clients cost 10 ms at most
  ONSALE_BUILT=$built ONSALE_REFUSED_WITHIN_S=1 ONSALE_NOISE_MS=10 tests/attacks.sh
}
laws() { # each law of the waiting room's ledger finds a room that breaks it, in real time
  cargo test --release --locked -p loadtest -- --ignored each_law
}
million() { "$built/loadtest" waiting-room --programs "$built" --out "$work"; }

for part in "$@"; do
  [[ " ${parts[*]} " == *" $part "* ]] || { echo "no part $part; there are: ${parts[*]}"; exit 2; }
done
[ $# = 0 ] || parts=("$@")
cargo build --release --workspace --locked --bins || exit 1
built=$(realpath "${CARGO_TARGET_DIR:-target}/release")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=()
for part in "${parts[@]}"; do
  printf '\n== %s\n' "$part"
  "$part" || failed+=("$part")
done
printf '\n'
[ ${#failed[@]} = 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
echo "ready to release: ${parts[*]}"
