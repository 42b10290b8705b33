import {
  CandlestickSeries,
  ColorType,
  CrosshairMode,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  TickMarkType,
  type Time,
  type UTCTimestamp,
  createChart,
} from 'lightweight-charts';
import { mostPlaces } from '../book.js';
import { type Candle, Candles } from '../candles.js';
import { coordinate, shown } from '../decimals.js';
import { byId, setText } from '../dom.js';
import type { Frames } from '../frames.js';
import type { Market } from '../market.js';
import type { Trade } from '../node.js';
import { colour } from '../views/theme.js';
import { clockTime } from '../views/time.js';

/** Trades of which candles are made at the start, and when the interval is changed. */
const TRADES = 2000;
const INTERVALS: [name: string, milliseconds: number][] = [['1 s', 1000], ['10 s', 10_000], ['1 min', 60_000], ['15 min', 900_000]];
const EVERY = 100;

/** Candles of the trades, with their volume. What it draws are coordinates; values are written by their decimals. */
export class TradeChart {
  readonly #market: Market;
  readonly #box = byId('trade-chart');
  readonly #chart: IChartApi;
  readonly #prices: ISeriesApi<'Candlestick'>;
  readonly #volumes: ISeriesApi<'Histogram'>;
  #candles: Candles;
  /** Changed since they were drawn. */
  #changed = new Set<Candle>();
  #all = true;
  #newest = 0;

  constructor(market: Market, frames: Frames) {
    this.#market = market;
    this.#chart = createChart(this.#box, {
      autoSize: true,
      layout: { attributionLogo: false, fontSize: 11, fontFamily: getComputedStyle(document.body).fontFamily },
      crosshair: { mode: CrosshairMode.Normal },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.08, bottom: 0.24 } },
      timeScale: {
        borderVisible: false,
        timeVisible: true,
        secondsVisible: true,
        rightOffset: 3,
        barSpacing: 8,
        tickMarkFormatter: (time: Time, kind: TickMarkType) => tick(milliseconds(time), kind),
      },
      localization: { timeFormatter: (time: Time) => clockTime(milliseconds(time)), priceFormatter: axisText },
      handleScale: { axisPressedMouseMove: { price: false } },
    });
    this.#volumes = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: '',
      priceLineVisible: false,
      lastValueVisible: false,
    });
    this.#volumes.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.#prices = this.#chart.addSeries(CandlestickSeries, { borderVisible: false });
    this.recolour();
    const trades = market.trades(TRADES);
    this.#candles = this.#make(trades, fitting(trades));
    this.#makeIntervals(frames);
    market.onTrade((trade) => this.#changed.add(this.#candles.add(trade)));
    frames.on('candles', () => this.#paint(), EVERY);
    frames.on('candles', () => this.#describe(), 2000);
    this.#chart.subscribeCrosshairMove(({ time }) => this.#title(time === undefined ? undefined : milliseconds(time)));
    frames.mark('candles');
  }

  /** Takes the colours of the present scheme. */
  recolour(): void {
    const [up, down, line] = [colour('buy'), colour('sell'), colour('line')];
    this.#chart.applyOptions({
      layout: { background: { type: ColorType.Solid, color: 'transparent' }, textColor: colour('muted') },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
    });
    this.#prices.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down });
    this.#all = true;
  }

  #make(trades: Trade[], interval: number): Candles {
    const candles = new Candles(interval);
    for (const trade of trades.toReversed()) candles.add(trade);
    this.#all = true;
    return candles;
  }

  #makeIntervals(frames: Frames): void {
    const box = byId('intervals');
    for (const [name, interval] of INTERVALS) {
      const label = document.createElement('label');
      const input = document.createElement('input');
      input.type = 'radio';
      input.name = 'interval';
      input.checked = interval === this.#candles.interval;
      input.addEventListener('change', () => {
        this.#candles = this.#make(this.#market.trades(TRADES), interval);
        frames.mark('candles');
      });
      const text = document.createElement('span');
      text.textContent = name;
      label.append(input, text);
      box.append(label);
    }
  }

  #paint(): void {
    const late = [...this.#changed].some(({ start }) => start < this.#newest);
    if (this.#all || late) {
      const list = this.#candles.list();
      this.#prices.setData(list.map(bar));
      this.#volumes.setData(list.map(volume));
      this.#newest = list.at(-1)?.start ?? 0;
      byId('trade-chart-empty').hidden = list.length > 0;
    } else {
      const list = [...this.#changed].sort((one, other) => one.start - other.start);
      for (const candle of list) {
        this.#prices.update(bar(candle));
        this.#volumes.update(volume(candle));
        this.#newest = candle.start;
      }
      if (list.length > 0) byId('trade-chart-empty').hidden = true;
    }
    this.#all = false;
    this.#changed.clear();
    this.#title(undefined);
  }

  /** The values of the candle below the pointer, or of the last one. */
  #title(start: number | undefined): void {
    const candle = this.#candles.at(start ?? this.#newest);
    const box = byId('ohlc');
    box.hidden = candle === undefined;
    if (!candle) return;
    const values = [candle.open, candle.high, candle.low, candle.close];
    const digits = mostPlaces(values.map((value) => value.toFixed()));
    box.querySelectorAll('dd').forEach((cell, at) => setText(cell, shown(values[at]!, digits)));
    box.dataset['way'] = candle.close.gte(candle.open) ? 'buy' : 'sell';
  }

  #describe(): void {
    const list = this.#candles.list();
    const last = list.at(-1);
    const high = list.reduce((most, { high }) => (high.gt(most) ? high : most), list[0]?.high ?? 0);
    const low = list.reduce((least, { low }) => (low.lt(least) ? low : least), list[0]?.low ?? 0);
    const text = last
      ? `Trades since ${clockTime(list[0]!.start)}: last ${shown(last.close)}, lowest ${low.toString()}, highest ${high.toString()}.`
      : 'No trades yet.';
    setText(byId('trade-chart-text'), text);
  }
}

/** The interval at which the known trades are some dozens of candles. */
function fitting(trades: Trade[]): number {
  const age = Date.now() - (trades.at(-1)?.timestamp ?? Date.now());
  return INTERVALS.find(([, length]) => age / length < 150)?.[1] ?? 900_000;
}

function bar({ start, open, high, low, close }: Candle) {
  const [o, h, l, c] = [coordinate(open), coordinate(high), coordinate(low), coordinate(close)];
  return { time: seconds(start), open: o, high: h, low: l, close: c };
}

function volume({ start, open, close, volume }: Candle) {
  const color = close.gte(open) ? colours.up : colours.down;
  return { time: seconds(start), value: coordinate(volume), color };
}

/** Pale enough for both schemes. */
const colours = { up: 'rgba(46, 189, 133, 0.28)', down: 'rgba(240, 80, 100, 0.28)' };

const seconds = (start: number): UTCTimestamp => (start / 1000) as UTCTimestamp;
const milliseconds = (time: Time): number => Number(time) * 1000;

/** A mark of the axis, which is a coordinate and no value. */
function axisText(at: number): string {
  return at.toLocaleString('en-US', { minimumFractionDigits: 0, maximumFractionDigits: Math.abs(at) < 10 ? 4 : 2 });
}

function tick(time: number, kind: TickMarkType): string {
  const date = new Date(time);
  if (kind === TickMarkType.TimeWithSeconds) return clockTime(time);
  if (kind === TickMarkType.Time) return clockTime(time).slice(0, 5);
  return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
}
