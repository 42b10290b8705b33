// What waits for a listener that is slow.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventQueue, MAX_WAITING_EVENTS } from '../dist/events.js';

const told = (bid) => ({ type: 'book', bid: String(bid), ask: null });

test('who takes events too slowly is told how many are lost, and gets the newest', async () => {
  const queue = new EventQueue(() => {});
  for (let i = 0; i < MAX_WAITING_EVENTS + 5; i += 1) queue.push(told(i));
  const { value } = await queue.next();
  assert.deepEqual([value.type, value.error.code], ['error', 'EVENTS_LOST']);
  assert.match(value.error.message, /^5 events/);
  for (let i = 5; i < MAX_WAITING_EVENTS + 5; i += 1) assert.equal((await queue.next()).value.bid, String(i));
  const next = queue.next();
  queue.push(told('new'));
  assert.equal((await next).value.bid, 'new');
});

test('an end leaves what waits, and a reason forgets it', async () => {
  const ended = new EventQueue(() => {});
  ended.push(told(1));
  ended.end();
  assert.equal((await ended.next()).value.bid, '1');
  assert.deepEqual(await ended.next(), { value: undefined, done: true });
  const aborted = new EventQueue(() => {});
  aborted.push(told(1));
  aborted.end(new Error('enough'));
  await assert.rejects(aborted.next(), /enough/);
  assert.deepEqual(await aborted.next(), { value: undefined, done: true });
});
