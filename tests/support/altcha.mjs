// Solves challenges with the official library, and joins with what the npm widget would post.
import { solveChallenge } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2';

const room = process.argv[2];
const fail = (text) => { console.error(text); process.exit(1); };

// As src/lib of the widget: base64 of JSON, what the challenge carries beside parameters and signature left out.
const payload = ({ parameters, signature }, solution) =>
  btoa(JSON.stringify({ challenge: { parameters, signature }, solution }));

async function solved(method) {
  const response = await fetch(`${room}/challenge`, { method });
  if (response.status !== 200) fail(`challenge: ${response.status} ${await response.text()}`);
  const challenge = await response.json();
  const solution = await solveChallenge({ challenge, deriveKey });
  if (!solution) fail('no solution in time');
  return payload(challenge, solution);
}

async function join(customer, altcha) {
  const response = await fetch(`${room}/places`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ customer, altcha }),
  });
  return { status: response.status, body: await response.json() };
}

// The widget asks with GET, our own pages with POST.
for (const [customer, method] of [['ann', 'POST'], ['bob', 'GET']]) {
  const altcha = await solved(method);
  const first = await join(customer, altcha);
  if (first.status !== 201 || !first.body.token) fail(JSON.stringify(first));
  const again = await join(`${customer}-2`, altcha);
  if (again.status !== 403 || again.body.reason !== 'used') fail(JSON.stringify(again));
  console.log(`${customer} joined with a challenge of ${method}, and nobody a second time`);
}
const made = await join('eve', payload({ parameters: {}, signature: '' }, {}));
if (made.status !== 403 || made.body.code !== 'challenge_failed') fail(JSON.stringify(made));
