import { InvalidValueError } from './errors.js';

const ALLOWED = 'host:port, or the URL of a WebSocket like wss://node.example/path/';

/** Where peers are reached: the core knows `host:port` only. @internal */
export class Addresses {
  readonly #urls = new Map<string, string>();

  /**
   * The address of a peer that the user named, as the core takes it.
   *
   * @throws InvalidValueError for a URL that is none of a WebSocket
   */
  read(peer: string, field: string): string {
    if (typeof peer !== 'string') throw new InvalidValueError(field, String(peer), ALLOWED);
    if (!peer.includes('://')) return peer;
    const url = URL.canParse(peer) ? new URL(peer) : undefined;
    const isSocket = url?.protocol === 'ws:' || url?.protocol === 'wss:';
    if (!url || !isSocket || url.username !== '' || url.password !== '' || url.hash !== '') {
      throw new InvalidValueError(field, peer.slice(0, 64), ALLOWED);
    }
    const address = withPort(url);
    this.#urls.set(address, url.href);
    return address;
  }

  /** The URL that is dialed for an address. */
  url(address: string): string {
    const known = this.#urls.get(address);
    if (known !== undefined) return known;
    // Pages that came encrypted may dial in clear only on their own machine.
    const isSecure = globalThis.location?.protocol === 'https:' && !isLocal(address);
    return `${isSecure ? 'wss' : 'ws'}://${address}/`;
  }
}

/** URLs leave out the port that their scheme has by default. */
function withPort({ protocol, hostname, port }: URL): string {
  return `${hostname}:${port || (protocol === 'wss:' ? 443 : 80)}`;
}

/** Whether a browser takes the address for this machine. */
function isLocal(address: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]):\d+$/.test(address);
}
