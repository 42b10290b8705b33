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

export function readSettings(page: { search: string; host: string; node: string }): Settings {
  const query = new URLSearchParams(page.search);
  // A node fills in what it trades; nobody else knows.
  const node = page.node === '' ? undefined : new URLSearchParams(page.node);
  const value = (key: string): string | undefined => query.get(key) || node?.get(key) || undefined;
  return {
    peers: peers(query.get('peers'), node === undefined ? undefined : page.host),
    pair: value('pair'),
    network: value('network'),
    name: query.get('node') || 'meshbook',
  };
}

function peers(named: string | null, server: string | undefined): string[] {
  const list = (named ?? '').split(',').map((peer) => peer.trim());
  const wanted = list.filter((peer) => peer !== '').slice(0, MAX_PEERS);
  if (wanted.length > 0) return wanted;
  if (server !== undefined) return [withPort(server)];
  return WELL_KNOWN;
}

/** A page on port 80 has no port in its host. */
function withPort(host: string): string {
  return /:\d+$/.test(host) ? host : `${host}:80`;
}

/** What is wrong with an address of a peer; nothing if it is `undefined`. */
export function addressFault(address: string): string | undefined {
  if (address === '') return 'Enter an address like 192.168.1.20:3000';
  if (address.includes('://')) return 'Leave out the scheme: an address is host:port';
  const parts = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(address);
  if (!parts) return 'An address is host:port, like 192.168.1.20:3000';
  const port = Number(parts[2]);
  return port >= 1 && port <= 65535 ? undefined : 'A port is a number from 1 to 65535';
}
