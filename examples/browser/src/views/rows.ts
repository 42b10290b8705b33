/**
 * Keeps the rows of a table body in line with a list: rows of keys that are still there stay, with the
 * focus that may be in them.
 */
export class Rows<T> {
  readonly #body: HTMLElement;
  readonly #key: (item: T) => string;
  readonly #make: (item: T) => HTMLTableRowElement;
  readonly #update: ((row: HTMLTableRowElement, item: T) => void) | undefined;
  #rows = new Map<string, HTMLTableRowElement>();

  constructor(
    body: HTMLElement,
    key: (item: T) => string,
    make: (item: T) => HTMLTableRowElement,
    update?: (row: HTMLTableRowElement, item: T) => void,
  ) {
    this.#body = body;
    this.#key = key;
    this.#make = make;
    this.#update = update;
  }

  show(items: T[]): void {
    const rows = new Map<string, HTMLTableRowElement>();
    for (const item of items) {
      const key = this.#key(item);
      const row = this.#rows.get(key) ?? this.#make(item);
      this.#update?.(row, item);
      rows.set(key, row);
    }
    for (const [key, row] of this.#rows) if (!rows.has(key)) row.remove();
    let next = this.#body.firstElementChild;
    for (const row of rows.values()) {
      if (row === next) next = next.nextElementSibling;
      else this.#body.insertBefore(row, next);
    }
    this.#rows = rows;
  }
}
