//! What the node knows of one socket of the page.

use meshbook::protocol::{Established, Handshaking, Message, SessionReader, SessionWriter};
use meshbook::types::{Millis, NodeId, PeerAddress};

/// A socket, and how far it has come.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) address: PeerAddress,
    pub(crate) state: State,
    /// The peer does not drain what it is sent.
    pub(crate) congested: bool,
}

#[derive(Debug)]
pub(crate) enum State {
    /// The page opens it.
    Opening {
        /// Who must be there, if known.
        expect: Option<NodeId>,
    },
    /// It is open, and no session yet.
    Shaking(Box<Handshaking>),
    /// A session.
    Ready(Box<Ready>),
}

/// A session, and what came in it and is not yet looked at.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) reader: SessionReader,
    pub(crate) writer: SessionWriter,
    pub(crate) messages: Vec<Message>,
    /// Bytes of frames that were read into `messages`, or are waiting to be whole ones.
    pub(crate) unread: usize,
}

impl Socket {
    pub(crate) const fn opening(address: PeerAddress, expect: Option<NodeId>) -> Self {
        Self {
            address,
            state: State::Opening { expect },
            congested: false,
        }
    }

    pub(crate) fn make_ready(&mut self, established: Established) {
        self.state = State::Ready(Box::new(Ready {
            reader: established.reader,
            writer: established.writer,
            messages: established.early,
            unread: 0,
        }));
    }

    /// When it must be a session.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        match &self.state {
            State::Shaking(shaking) => Some(shaking.deadline()),
            State::Opening { .. } | State::Ready(_) => None,
        }
    }
}
