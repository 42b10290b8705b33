//! Nodes under a virtual clock, joined by wires that lose what they are told to.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};

use crate::dht::io::{DhtConfig, OperationId, Outcome, Output, Request};
use crate::dht::node::Dht;

/// How long a datagram is under way.
const WIRE: Duration = Duration::from_millis(10);

pub(super) struct Network {
    pub(super) now: Duration,
    pub(super) nodes: BTreeMap<SocketAddrV4, Dht>,
    wires: VecDeque<(Duration, SocketAddrV4, SocketAddrV4, Vec<u8>)>,
    done: BTreeMap<(SocketAddrV4, OperationId), Outcome>,
    rng: ChaCha8Rng,
    /// How many datagrams of a hundred are lost.
    pub(super) loss: u64,
    /// How many were sent.
    pub(super) sent: usize,
}

pub(super) fn address(number: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, number), 20001)
}

impl Network {
    /// So many nodes, from number 1 on, of which each knows the first.
    pub(super) fn of(count: u8) -> Self {
        let mut network = Self {
            now: Duration::ZERO,
            nodes: BTreeMap::new(),
            wires: VecDeque::new(),
            done: BTreeMap::new(),
            rng: ChaCha8Rng::from_seed([9; 32]),
            loss: 0,
            sent: 0,
        };
        for number in 1..=count {
            network.start(number, number);
        }
        network.run(Duration::from_secs(3));
        network
    }

    /// Starts a node that joins by the first.
    pub(super) fn start(&mut self, number: u8, seed: u8) {
        let config = DhtConfig {
            seed: [seed; 32],
            port: 20001,
        };
        let mut node = Dht::new(config, self.now);
        let by = if number == 1 {
            vec![]
        } else {
            vec![address(1)]
        };
        node.set_bootstrap(by, self.now);
        self.nodes.insert(address(number), node);
        self.carry(address(number));
    }

    pub(super) fn node(&mut self, number: u8) -> &mut Dht {
        self.nodes.get_mut(&address(number)).unwrap()
    }

    /// Has a node do this, to its end.
    pub(super) fn request(&mut self, number: u8, request: Request) -> Outcome {
        let now = self.now;
        let operation = self.node(number).request(request, now).unwrap();
        self.carry(address(number));
        let limit = self.now + Duration::from_secs(10);
        loop {
            if let Some(outcome) = self.done.remove(&(address(number), operation)) {
                return outcome;
            }
            assert!(self.now < limit, "not done in time");
            self.run(WIRE);
        }
    }

    /// Gives a node a datagram of a stranger's, and takes what it sends back.
    pub(super) fn inject(
        &mut self,
        number: u8,
        from: SocketAddrV4,
        datagram: &[u8],
    ) -> Vec<Vec<u8>> {
        let now = self.now;
        let node = self.node(number);
        node.handle(datagram, from, now);
        let outputs = node.take_outputs().into_iter();
        let sent = outputs.filter_map(|output| match output {
            Output::Send { to, datagram } if to == from => Some(datagram),
            _ => None,
        });
        sent.collect()
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let arrival = self.wires.front().map(|(at, ..)| *at);
            let wakeups = self.nodes.values().map(Dht::next_wakeup);
            let next = wakeups.chain(arrival).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            let due: Vec<SocketAddrV4> = self.nodes.keys().copied().collect();
            for address in due {
                let now = self.now;
                self.nodes.get_mut(&address).unwrap().tick(now);
                self.carry(address);
            }
            while let Some((at, ..)) = self.wires.front()
                && *at <= self.now
            {
                let (_, from, to, datagram) = self.wires.pop_front().unwrap();
                if let Some(node) = self.nodes.get_mut(&to) {
                    node.handle(&datagram, from, self.now);
                    self.carry(to);
                }
            }
        }
        self.now = end;
    }

    fn carry(&mut self, from: SocketAddrV4) {
        for output in self.nodes.get_mut(&from).unwrap().take_outputs() {
            match output {
                Output::Send { to, datagram } => {
                    self.sent += 1;
                    if self.rng.next_u64() % 100 >= self.loss {
                        self.wires.push_back((self.now + WIRE, from, to, datagram));
                    }
                }
                Output::Done(operation, outcome) => {
                    self.done.insert((from, operation), outcome);
                }
            }
        }
    }
}
