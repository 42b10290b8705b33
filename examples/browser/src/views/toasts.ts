import { byId, h } from '../dom.js';

/** How long a message stays. */
const STAYS = 6000;
/** Messages that come faster than this are said together. */
const PAUSE = 1500;
const MAX_SHOWN = 3;

/** Short messages, read out too; many at once become one, so that nobody is talked over. */
export class Toasts {
  readonly #box = byId('toasts');
  #waiting: string[] = [];
  #last = -Infinity;
  #timer: number | undefined;

  say(text: string): void {
    this.#waiting.push(text);
    const wait = Math.max(0, this.#last + PAUSE - performance.now());
    this.#timer ??= window.setTimeout(() => this.#show(), wait);
  }

  #show(): void {
    this.#timer = undefined;
    const [first, ...others] = this.#waiting;
    this.#waiting = [];
    if (first === undefined) return;
    this.#last = performance.now();
    const text = others.length === 0 ? first : `${first}, and ${others.length} more`;
    const toast = h('p', { class: 'toast' }, text);
    this.#box.append(toast);
    while (this.#box.childElementCount > MAX_SHOWN) this.#box.firstElementChild?.remove();
    setTimeout(() => toast.remove(), STAYS);
  }
}
