import { random, toHex } from './random.js';

/** How long another tab has for saying that it runs the node. */
const ANSWER_TIME = 1_000;

/**
 * Takes a name for this tab or worker; gives how to give it back, or undefined if another one has it.
 *
 * Web Locks are missing in pages that came by plain http from another machine. There the tabs ask each other. One
 * that sleeps does not answer, so that two may take themselves for the owner: {@link Store} lets only the last of
 * them write.
 *
 * @internal
 */
export async function own(name: string): Promise<(() => void) | undefined> {
  const key = `meshbook-${name}`;
  const locks = navigator.locks as LockManager | undefined;
  return locks ? lock(locks, key) : ask(key);
}

async function lock(locks: LockManager, key: string): Promise<(() => void) | undefined> {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const got = await new Promise<boolean>((resolve, reject) => {
    const owning = locks.request(key, { ifAvailable: true }, (granted) => {
      resolve(granted !== null);
      return granted ? held : undefined;
    });
    owning.catch(reject);
  });
  return got ? release : undefined;
}

/** A question for the owner of a name, and who asks since when, or the owner's answer. */
type Said = ['ask', number, string] | ['owned'];

async function ask(key: string): Promise<(() => void) | undefined> {
  const channel = new BroadcastChannel(key);
  const me = toHex(random());
  const since = performance.timeOrigin + performance.now();
  let isOwner = false;
  const isFree = await new Promise<boolean>((resolve) => {
    const unanswered = setTimeout(() => resolve(true), ANSWER_TIME);
    channel.onmessage = ({ data }: MessageEvent<Said>) => {
      if (data[0] === 'owned') {
        clearTimeout(unanswered);
        resolve(isOwner);
        return;
      }
      const [, start, other] = data;
      // Of two that start at once the first one goes on.
      const isFirst = since < start || (since === start && me < other);
      if (isOwner || isFirst) channel.postMessage(['owned'] satisfies Said);
    };
    channel.postMessage(['ask', since, me] satisfies Said);
  });
  if (!isFree) {
    channel.close();
    return undefined;
  }
  isOwner = true;
  return () => channel.close();
}
