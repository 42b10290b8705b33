import { sweep } from '../book.js';
import { Exact, shown } from '../decimals.js';
import { byId, setAttribute, setText } from '../dom.js';
import type { Frames } from '../frames.js';
import type { Market } from '../market.js';
import { type OrderType, type PlacedOrder, type Side, type TimeInForce, codeOf, messageOf } from '../node.js';
import { type Draft, LIMITS, check, isValue, valueFault } from '../validation.js';
import type { Choice } from './ladder.js';

const TIMES: Record<TimeInForce, [name: string, help: string]> = {
  gtc: ['Good till cancelled', 'Stands until it is filled or you cancel it.'],
  ioc: ['Immediate or cancel', 'Fills what it can at once; the rest is cancelled.'],
  fok: ['Fill or kill', 'Fills all of it at once, or nothing.'],
  post: ['Post only', 'Only rests in the book: refused if it would trade at once.'],
};
const ALLOWED: Record<OrderType, TimeInForce[]> = { limit: ['gtc', 'ioc', 'fok', 'post'], market: ['ioc', 'fok'] };

/** The node's refusals in the words of this form. */
const REFUSALS: Record<string, string> = {
  POST_ONLY_WOULD_TAKE: 'A post-only order may not trade at once: choose a price further from the other side.',
  FILL_OR_KILL_NOT_ENOUGH: 'Not enough stands in the book to fill all of it at once.',
  RATE_LIMITED: 'Too many orders in a short time. Wait a moment and try again.',
  NOT_INITIALIZED: 'The node has not started yet.',
  STORAGE_STALLED: 'The browser could not keep the order, so it is not published. It is cancelled as soon as the storage works again.',
  STORAGE_LOST: 'The order was not placed: the browser has removed what this node keeps.',
  STORAGE_FAILED: 'The browser could not keep the order, so it was not placed. Is its storage full?',
};

type FieldName = 'price' | 'amount';

export class OrderForm {
  readonly #market: Market;
  readonly #form = byId<HTMLFormElement>('order-form');
  readonly #fields = { price: byId<HTMLInputElement>('price'), amount: byId<HTMLInputElement>('amount') };
  readonly #time = byId<HTMLSelectElement>('tif');
  readonly #submit = byId<HTMLButtonElement>('submit');
  readonly #units: { base: string; quote: string };
  #placing = false;
  /** The amount came from the book and not from a person. */
  #taken = false;

  constructor(market: Market, frames: Frames, pair: string) {
    this.#market = market;
    const [base = '', quote = ''] = pair.split('/');
    this.#units = { base, quote };
    for (const unit of document.querySelectorAll<HTMLElement>('[data-unit]')) {
      setText(unit, unit.dataset['unit'] === 'base' ? base : quote);
    }
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#place();
    });
    this.#form.addEventListener('change', () => this.#paint());
    for (const name of ['price', 'amount'] as const) {
      const field = this.#fields[name];
      field.addEventListener('input', () => {
        if (name === 'amount') this.#taken = false;
        // What was wrong may be right now; what is half written isn't wrong yet.
        if (field.getAttribute('aria-invalid') === 'true') this.#judge(name);
        this.#paintTotal();
      });
      field.addEventListener('blur', () => {
        if (field.value.trim() !== '') this.#judge(name);
      });
    }
    frames.on('book', () => this.#paintTotal(), 250);
    this.#paint();
  }

  /** Takes a level of the book: its price, the other side, and what stands up to it. */
  fill({ side, price, total }: Choice): void {
    this.#choose('side', side === 'buy' ? 'sell' : 'buy');
    this.#choose('type', 'limit');
    this.#fields.price.value = price;
    if (this.#fields.amount.value.trim() === '' || this.#taken) {
      this.#fields.amount.value = total;
      this.#taken = true;
      this.#judge('amount');
    }
    this.#judge('price');
    this.#paint();
    this.#fields.amount.focus();
  }

  #draft(): Draft {
    const value = (name: string): string => {
      const field = this.#form.elements.namedItem(name);
      return field instanceof RadioNodeList ? field.value : '';
    };
    return {
      side: value('side') as Side,
      type: value('type') as OrderType,
      price: this.#fields.price.value,
      amount: this.#fields.amount.value,
      timeInForce: this.#time.value as TimeInForce,
    };
  }

  #choose(name: string, value: string): void {
    const field = this.#form.elements.namedItem(name);
    if (field instanceof RadioNodeList) field.value = value;
  }

  #paint(): void {
    const { side, type } = this.#draft();
    const allowed = ALLOWED[type];
    if ([...this.#time.options].map(({ value }) => value).join() !== allowed.join()) {
      const before = this.#time.value as TimeInForce;
      this.#time.replaceChildren(...allowed.map((time) => new Option(TIMES[time][0], time)));
      this.#time.value = allowed.includes(before) ? before : allowed[0]!;
    }
    setText(byId('tif-help'), TIMES[this.#time.value as TimeInForce][1]);
    byId('price-field').hidden = type === 'market';
    this.#form.dataset['side'] = side;
    this.#paintButton(side);
    this.#paintTotal();
  }

  #paintButton(side: Side): void {
    const verb = side === 'buy' ? 'Buy' : 'Sell';
    setText(this.#submit, this.#placing ? 'Placing…' : `${verb} ${this.#units.base}`);
    // Not `disabled`: that would take the focus away from who pressed it.
    setAttribute(this.#submit, 'aria-disabled', this.#placing ? 'true' : undefined);
  }

  #paintTotal(): void {
    const draft = this.#draft();
    setText(byId('total-label'), draft.type === 'market' ? 'About' : 'Total');
    setText(byId('total'), this.#total(draft));
  }

  #total({ side, type, price, amount }: Draft): string {
    const { quote } = this.#units;
    if (!isValue(amount)) return '–';
    if (type === 'limit') {
      return isValue(price) ? `${shown(new Exact(price.trim()).times(amount.trim()))} ${quote}` : '–';
    }
    const { bids, asks } = this.#market.book();
    const { filled, cost, worst } = sweep(side === 'buy' ? asks : bids, new Exact(amount.trim()));
    if (worst === undefined) return side === 'buy' ? 'nobody sells now' : 'nobody buys now';
    const short = filled.lt(amount.trim()) ? `, for ${shown(filled)} only` : '';
    return `${shown(cost)} ${quote}${short}`;
  }

  #judge(name: FieldName): void {
    const max = name === 'price' ? LIMITS.maxPrice : LIMITS.maxAmount;
    this.#mark(name, valueFault(name, this.#fields[name].value, max));
  }

  #mark(name: FieldName, fault: string | undefined): void {
    setAttribute(this.#fields[name], 'aria-invalid', fault === undefined ? undefined : 'true');
    setText(byId(`${name}-error`), fault ?? '');
  }

  async #place(): Promise<void> {
    if (this.#placing) return;
    const draft = this.#draft();
    const { order, faults } = check(draft);
    this.#mark('price', faults?.price);
    this.#mark('amount', faults?.amount);
    this.#say('', '');
    if (order === undefined) {
      this.#fields[faults.price === undefined ? 'amount' : 'price'].focus();
      return;
    }
    this.#placing = true;
    this.#paintButton(draft.side);
    try {
      const placed = await this.#market.node.placeOrder(order);
      this.#say(this.#outcome(draft, order.amount, placed), '');
      this.#fields.amount.value = '';
      this.#taken = false;
    } catch (error) {
      this.#refused(error);
    } finally {
      this.#placing = false;
      this.#paint();
    }
  }

  #outcome({ side }: Draft, amount: string, { trades, remainingOrder }: PlacedOrder): string {
    const { base } = this.#units;
    const verb = side === 'buy' ? 'Buy' : 'Sell';
    const filled = trades.reduce((sum, trade) => sum.plus(trade.amount), new Exact(0));
    if (filled.eq(amount)) return `${verb} ${shown(amount)} ${base}: filled.`;
    const partly = filled.isZero() ? '' : `${shown(filled)} filled, `;
    if (remainingOrder) {
      const rest = new Exact(amount).minus(filled);
      const at = remainingOrder.price === null ? '' : ` at ${shown(remainingOrder.price)}`;
      return `${verb} ${shown(amount)} ${base}${at}: ${partly}${shown(rest)} open.`;
    }
    return `${verb} ${shown(amount)} ${base}: ${filled.isZero() ? 'nothing found a partner' : `${shown(filled)} filled`}, the rest is cancelled.`;
  }

  #refused(error: unknown): void {
    const field = error instanceof Error && 'field' in error ? error.field : undefined;
    if (field === 'price' || field === 'amount') {
      this.#mark(field, messageOf(error));
      this.#fields[field].focus();
      return;
    }
    const known = REFUSALS[codeOf(error) ?? ''];
    this.#say('', known ?? `Not placed: ${messageOf(error)}`);
  }

  #say(result: string, fault: string): void {
    setText(byId('form-result'), result);
    setText(byId('form-error'), fault);
  }
}
