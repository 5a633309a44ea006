#!/usr/bin/env bash
# The official `stripe` package for Python beside our Stripe provider: each judges the other's signatures, fresh,
# stale and changed; and the package calls the stand-in of our tests, which must speak as Stripe does.
# Nothing leaves this machine but the installation of the package.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/python"
python=$work/python/bin/python
"$work/python/bin/pip" -q install stripe==16.1.0

run() { # one ignored test by its name
  # A name that fits nothing would pass without having run.
  cargo test --locked --test payment -- --ignored --exact "official::$1" | tee "$work/out"
  grep -q "test result: ok. 1 passed" "$work/out"
}

"$python" tests/payment/official.py sign "$work/vectors.json"
ONSALE_STRIPE_VECTORS=$work/vectors.json run we_judge_signatures_as_the_official_package_does
ONSALE_STRIPE_OURS=$work/ours.json run we_sign_for_the_official_package_to_judge
"$python" tests/payment/official.py judge "$work/ours.json"
ONSALE_STRIPE_PYTHON=$python run the_official_package_understands_the_stand_in
echo "both agree"
