/** Parts of the page that are drawn apart. */
export type Part = 'book' | 'depth' | 'trades' | 'candles' | 'orders' | 'peers';

interface Painter {
  paint: () => void;
  /** The shortest pause between two paintings, in milliseconds. */
  every: number;
  last: number;
}

/** After so many milliseconds of a frame the rest is drawn in the next one: style, layout and paint follow. */
const BUDGET = 3;

/**
 * Draws what has changed once a frame, however often it changed, and what doesn't fit a frame in the next.
 * Without a change, and in a tab that nobody sees, nothing runs.
 */
export class Frames {
  readonly #painters = new Map<Part, Painter[]>();
  readonly #dirty = new Set<Painter>();
  #frame: number | undefined;

  /** `paint` is called in a frame after `mark(part)`, and at most once in `every` milliseconds. */
  on(part: Part, paint: () => void, every = 0): void {
    const painters = this.#painters.get(part) ?? [];
    painters.push({ paint, every, last: -Infinity });
    this.#painters.set(part, painters);
  }

  mark(...parts: Part[]): void {
    for (const part of parts) {
      for (const painter of this.#painters.get(part) ?? []) this.#dirty.add(painter);
    }
    if (this.#dirty.size > 0) this.#frame ??= requestAnimationFrame((now) => this.#paint(now));
  }

  #paint(now: number): void {
    this.#frame = undefined;
    const start = performance.now();
    // In the order in which they were marked, so what had to wait is first.
    for (const painter of this.#dirty) {
      if (now - painter.last < painter.every) continue;
      if (performance.now() - start > BUDGET) break;
      this.#dirty.delete(painter);
      painter.last = now;
      painter.paint();
    }
    if (this.#dirty.size > 0) this.#frame ??= requestAnimationFrame((next) => this.#paint(next));
  }
}
