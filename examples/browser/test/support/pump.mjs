// Places and cancels orders at a native node, so many a second, for so many seconds: a process of its own.
import { Agent, request } from 'node:http';

const [address, token, rate, seconds] = process.argv.slice(2);
const [host, port] = address.split(':');
/** Each keeps so many orders open; a node may have 200. */
const [HANDS, OPEN] = [24, 7];
const agent = new Agent({ keepAlive: true, maxSockets: HANDS });
const start = Date.now();
const end = start + Number(seconds) * 1000;
let calls = 0;

function call(method, path, body) {
  const text = body && JSON.stringify(body);
  const headers = { authorization: `Bearer ${token}` };
  if (text) Object.assign(headers, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, method, path, agent, headers }, (answer) => {
      let said = '';
      answer.on('data', (data) => (said += data));
      answer.on('end', () => (answer.statusCode < 300 ? resolve(JSON.parse(said)) : reject(new Error(said))));
    });
    sent.on('error', reject);
    sent.end(text);
  });
}

async function hand(number) {
  const open = [];
  for (let step = number; Date.now() < end; ) {
    if (calls > ((Date.now() - start) / 1000) * Number(rate)) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      continue;
    }
    calls += 1;
    step += 7;
    if (open.length >= OPEN) {
      await call('DELETE', `/v1/orders/${open.shift()}`);
      continue;
    }
    const side = step % 2 === 0 ? 'buy' : 'sell';
    const price = String(side === 'buy' ? 60000 - (step % 61) - 1 : 60000 + (step % 59) + 1);
    const { orderId } = await call('POST', '/v1/orders', { side, price, amount: `${(step % 3) + 1}.${(step % 89) + 10}`, type: 'limit' });
    open.push(orderId);
  }
  return open;
}

const left = await Promise.all(Array.from({ length: HANDS }, (_, number) => hand(number)));
console.log(JSON.stringify({ rate: Math.round(calls / ((Date.now() - start) / 1000)) }));
// A few stay, so that there is a book to compare.
for (const id of left.flat().slice(10)) await call('DELETE', `/v1/orders/${id}`);
agent.destroy();
