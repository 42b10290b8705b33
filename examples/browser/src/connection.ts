import type { Peer } from './node.js';

/** How the node stands to others. `none` means that nobody answers. */
export type ConnectionState = 'starting' | 'connecting' | 'connected' | 'reconnecting' | 'none' | 'offline' | 'ended';

export interface Connection {
  state: ConnectionState;
  /** The state in words. */
  text: string;
}

export interface Circumstances {
  running: boolean;
  /** Whether the device says that it has a network; a node on this machine is reached without. */
  online: boolean;
  peers: Peer[];
  /** Whether there was a peer since the start. */
  wasConnected: boolean;
  /** Milliseconds without a peer. */
  alone: number;
}

/** A first dial may take so long before "no peer answers" is said. */
export const PATIENCE = 6000;

export function connection(now: Circumstances): Connection {
  if (!now.running) return { state: 'starting', text: 'Starting…' };
  const connected = now.peers.filter((peer) => peer.status === 'connected').length;
  if (connected > 0) {
    return { state: 'connected', text: connected === 1 ? 'Connected to 1 peer' : `Connected to ${connected} peers` };
  }
  if (!now.online) return { state: 'offline', text: 'Offline: this device has no network' };
  if (now.wasConnected) {
    const text = now.alone < PATIENCE ? 'Connection lost, reconnecting…' : 'No peer: reconnecting…';
    return { state: 'reconnecting', text };
  }
  if (now.peers.length === 0) return { state: 'none', text: 'No peer known: add one' };
  if (now.alone < PATIENCE) return { state: 'connecting', text: 'Connecting…' };
  return { state: 'none', text: 'No peer answers, trying again…' };
}
