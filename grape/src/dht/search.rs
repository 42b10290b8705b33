//! Finding the nodes nearest to a target, by asking nodes for nearer ones.

use std::collections::HashSet;
use std::net::SocketAddrV4;

use super::contact::{Contact, may_tell};
use super::id::{NodeId, nearer};
use super::message::Answer;
use super::table::K;

/// The most nodes that one search asks at a time.
const ALPHA: usize = 16;
/// The most nodes that one search asks: whoever always names a nearer one is left at some time.
pub(super) const MAX_ASKED: usize = 128;
/// The most nodes that one search keeps in mind.
const MAX_CANDIDATES: usize = 256;

/// A search under way.
#[derive(Debug)]
pub(super) struct Search {
    target: Vec<u8>,
    /// Addresses to ask, of nodes whose ids are not known.
    seeds: Vec<SocketAddrV4>,
    /// The nearest first.
    candidates: Vec<Candidate>,
    asked: HashSet<SocketAddrV4>,
    waiting_for: usize,
}

#[derive(Debug)]
struct Candidate {
    contact: Contact,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    New,
    Asked,
    Answered { token: Option<Vec<u8>> },
    Failed,
}

/// A node that may be told something about the target, and the token that lets us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) contact: Contact,
    pub(super) token: Vec<u8>,
}

impl Search {
    pub(super) fn new(target: &[u8], known: &[Contact], seeds: Vec<SocketAddrV4>) -> Self {
        let mut search = Self {
            target: target.to_vec(),
            seeds,
            candidates: Vec::new(),
            asked: HashSet::new(),
            waiting_for: 0,
        };
        for contact in known {
            search.add(*contact, State::New);
        }
        search
    }

    pub(super) fn target(&self) -> &[u8] {
        &self.target
    }

    /// Whom to ask next, and who should be there. `None` for nobody at the moment. Each must be
    /// followed by [`answered`](Self::answered) or [`failed`](Self::failed).
    pub(super) fn next(&mut self) -> Option<(SocketAddrV4, Option<NodeId>)> {
        if self.waiting_for >= ALPHA || self.asked.len() >= MAX_ASKED {
            return None;
        }
        while let Some(address) = self.seeds.pop() {
            if self.asked.insert(address) {
                self.waiting_for += 1;
                return Some((address, None));
            }
        }
        let alive = self.candidates.iter_mut();
        let mut nearest = alive.filter(|c| c.state != State::Failed).take(K);
        let next = nearest.find(|candidate| candidate.state == State::New)?;
        next.state = State::Asked;
        let Contact { id, address } = next.contact;
        self.asked.insert(address);
        self.waiting_for += 1;
        Some((address, Some(id)))
    }

    /// Whether nobody is left to ask.
    pub(super) fn is_over(&mut self) -> bool {
        if self.waiting_for > 0 {
            return false;
        }
        let alive = self.candidates.iter();
        let mut nearest = alive.filter(|c| c.state != State::Failed).take(K);
        let is_done = nearest.all(|candidate| candidate.state != State::New);
        self.asked.len() >= MAX_ASKED || (is_done && self.seeds.is_empty())
    }

    /// Notes what a node answered.
    pub(super) fn answered(&mut self, from: SocketAddrV4, answer: &Answer) {
        self.waiting_for = self.waiting_for.saturating_sub(1);
        let token = answer.token.clone();
        let contact = Contact {
            id: answer.id,
            address: from,
        };
        // Another node may have answered than the one that was thought to be there.
        self.candidates.retain(|c| c.contact.address != from);
        self.add(contact, State::Answered { token });
        for contact in &answer.nodes {
            let is_known = self.asked.contains(&contact.address);
            if !is_known && may_tell(*from.ip(), contact.address) {
                self.add(*contact, State::New);
            }
        }
    }

    /// Notes that a node did not answer.
    pub(super) fn failed(&mut self, from: SocketAddrV4) {
        self.waiting_for = self.waiting_for.saturating_sub(1);
        let mut candidates = self.candidates.iter_mut();
        if let Some(candidate) = candidates.find(|c| c.contact.address == from) {
            candidate.state = State::Failed;
        }
    }

    /// The nearest nodes that answered with a token.
    pub(super) fn holders(&self) -> Vec<Holder> {
        let answered = self.candidates.iter().filter_map(|candidate| {
            let State::Answered { token: Some(token) } = &candidate.state else {
                return None;
            };
            Some(Holder {
                contact: candidate.contact,
                token: token.clone(),
            })
        });
        answered.take(K).collect()
    }

    fn add(&mut self, contact: Contact, state: State) {
        let same = |other: &Contact| other.address == contact.address || other.id == contact.id;
        if self.candidates.iter().any(|c| same(&c.contact)) {
            return;
        }
        let target = &self.target;
        let place = self
            .candidates
            .partition_point(|c| nearer(target, &c.contact.id, &contact.id).is_le());
        self.candidates.insert(place, Candidate { contact, state });
        if self.candidates.len() > MAX_CANDIDATES {
            let last = self.candidates.iter().rposition(|c| c.state == State::New);
            if let Some(last) = last {
                self.candidates.remove(last);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::net::SocketAddrV4;

    use super::{Answer, Contact, MAX_ASKED, NodeId, Search};

    fn contact(number: u16) -> Contact {
        let mut id = [0; 20];
        id[..2].copy_from_slice(&number.to_be_bytes());
        let address = SocketAddrV4::new([10, 0, 0, 1].into(), number + 1);
        let id = NodeId(id);
        Contact { id, address }
    }

    fn answer(by: Contact, nodes: &[Contact]) -> Answer {
        let mut answer = Answer::of(by.id);
        answer.token = Some(vec![1]);
        answer.nodes = nodes.to_vec();
        answer
    }

    #[test]
    fn a_search_goes_on_until_the_nearest_have_answered() {
        // Everybody knows those whose numbers are a little smaller than its own.
        let mut search = Search::new(&[0; 20], &[contact(100)], Vec::new());
        let mut asked = VecDeque::new();
        loop {
            while let Some((address, id)) = search.next() {
                assert_eq!(id, Some(contact(address.port() - 1).id));
                asked.push_back(address.port() - 1);
            }
            let Some(number) = asked.pop_front() else {
                break;
            };
            let nearer: Vec<Contact> = (number.saturating_sub(30)..number).map(contact).collect();
            match number {
                3 => search.failed(contact(3).address),
                _ => search.answered(contact(number).address, &answer(contact(number), &nearer)),
            }
        }
        assert!(search.is_over());
        let holders = search.holders();
        let holders: Vec<Contact> = holders.iter().map(|holder| holder.contact).collect();
        let nearest: Vec<Contact> = (0..=20).filter(|n| *n != 3).map(contact).collect();
        assert_eq!(holders, nearest);
    }

    #[test]
    fn a_search_that_is_led_on_ends() {
        let mut search = Search::new(&[0; 20], &[contact(60_000)], Vec::new());
        let mut asked = 0;
        while let Some((address, _)) = search.next() {
            asked += 1;
            let number = address.port() - 1;
            search.answered(address, &answer(contact(number), &[contact(number - 1)]));
        }
        assert_eq!(asked, MAX_ASKED);
        assert!(search.is_over());
    }

    #[test]
    fn seeds_are_asked_first_and_known_once_they_answer() {
        let seed = contact(5);
        let mut search = Search::new(&[0; 20], &[], vec![seed.address]);
        assert!(!search.is_over());
        assert_eq!(search.next(), Some((seed.address, None)));
        assert_eq!(search.next(), None);
        search.answered(seed.address, &answer(seed, &[seed]));
        assert!(search.is_over());
        assert_eq!(search.holders()[0].contact, seed);
    }

    #[test]
    fn nobody_answers_for_another() {
        let mut search = Search::new(&[0; 20], &[contact(5)], Vec::new());
        let (address, _) = search.next().unwrap();
        search.answered(address, &answer(contact(6), &[]));
        assert_eq!(search.holders()[0].contact.id, contact(6).id);
    }
}
