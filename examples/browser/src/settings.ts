/** What this tab's node is to be, from the page's address and from who served it. */
export interface Settings {
  peers: string[];
  pair: string | undefined;
  network: string | undefined;
  /** The store that keeps key and orders; tabs of one name are one node. */
  name: string;
}

/** Where nodes of this machine listen by default. */
const WELL_KNOWN = [3001, 3002, 3003, 3004, 3005, 3000].map((port) => `127.0.0.1:${port}`);
/** The most peers that an address may name. */
const MAX_PEERS = 20;

/** Where the page is, and what the node that serves it has written there: nothing if none does. */
export interface Place {
  search: string;
  host: string;
  node: string;
  /** `http:` if absent. */
  protocol?: string;
  /** `/` if absent. */
  pathname?: string;
}

export function readSettings(page: Place): Settings {
  const query = new URLSearchParams(page.search);
  // A node fills in what it trades; nobody else knows.
  const node = page.node === '' ? undefined : new URLSearchParams(page.node);
  const value = (key: string): string | undefined => query.get(key) || node?.get(key) || undefined;
  return {
    peers: [namedPeers(page.search), usualPeers(page)].find((peers) => peers.length > 0) ?? [],
    pair: value('pair'),
    network: value('network'),
    name: query.get('node') || 'meshbook',
  };
}

/** The peers that the page's address names; whoever made a link to it chose them. */
export function namedPeers(search: string): string[] {
  const list = (new URLSearchParams(search).get('peers') ?? '').split(',').map((peer) => peer.trim());
  return list.filter((peer) => peer !== '').slice(0, MAX_PEERS);
}

/** The node that serves the page, else those of this machine. */
export function usualPeers(page: Place): string[] {
  return page.node === '' ? WELL_KNOWN : [server(page)];
}

/** How the node that serves the page is dialed: as the page was fetched, perhaps from a proxy for TLS, or below a path. */
function server({ host, protocol = 'http:', pathname = '/' }: Place): string {
  const folder = pathname.replace(/[^/]*$/, '');
  if (protocol === 'http:' && folder === '/') return /:\d+$/.test(host) ? host : `${host}:80`;
  return `${protocol === 'https:' ? 'wss' : 'ws'}://${host}${folder}`;
}

/** What is wrong with an address of a peer, or the URL of its WebSocket; nothing if it is `undefined`. */
export function addressFault(address: string): string | undefined {
  if (/^wss:\/\//.test(address) && URL.canParse(address)) {
    const { hostname, username, password, hash } = new URL(address);
    if (hostname !== '' && username === '' && password === '' && hash === '' && /^[\x21-\x7e]+$/.test(address)) return undefined;
  }
  if (address === '') return 'Enter an address like 192.168.1.20:3000';
  if (address.includes('://')) return 'Leave out the scheme: an address is host:port, or a URL with wss://';
  const parts = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(address);
  if (!parts) return 'An address is host:port, like 192.168.1.20:3000';
  const port = Number(parts[2]);
  return port >= 1 && port <= 65535 ? undefined : 'A port is a number from 1 to 65535';
}
