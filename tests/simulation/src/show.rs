//! What traces say: parties by their numbers, ids by their first digits.

use meshbook::ledger::Statement;
use meshbook::node::{Incoming, NewOrder, OrderKind};
use meshbook::protocol::{Message, Prefix};
use meshbook::types::NodeId;

use crate::world::World;

/// Digits of an id that are shown, here as everywhere.
const DIGITS: usize = 8;
/// So many digits in a row are an id.
const ID: usize = 32;

/// Whether a message says nothing about the market.
pub(crate) fn is_chatter(message: &Incoming) -> bool {
    match message {
        Incoming::Plain(message) => !message.kind().starts_with("x_"),
        _ => false,
    }
}

impl World {
    /// What a party is called.
    pub(crate) fn name(&self, party: usize) -> String {
        match self.rogue_of(party) {
            Some(rogue) => format!("rogue {rogue}"),
            None => format!("node {party}"),
        }
    }

    /// What an owner is called; strangers by their keys.
    fn name_of(&self, owner: NodeId) -> String {
        let hosts = self.hosts.iter().map(|host| host.id);
        let mut ids = hosts.chain(self.rogues.iter().map(|rogue| rogue.id));
        let party = ids.position(|id| id == owner);
        party.map_or_else(|| owner.short(), |party| self.name(party))
    }

    /// A message in a few words.
    pub(crate) fn show(&self, message: &Incoming) -> String {
        match message {
            Incoming::Plain(message) => show_plain(message),
            Incoming::Statements { valid, refused } => {
                let valid: Vec<String> = valid.iter().map(|s| self.show_statement(s)).collect();
                format!("{}{}", valid.join(", "), but(refused))
            }
            Incoming::Trades { valid, refused } => {
                let valid: Vec<String> = valid.iter().map(|trade| trade.id().short()).collect();
                format!("trades {}{}", valid.join(", "), but(refused))
            }
            Incoming::Proofs { valid, refused } => {
                let proof = |proof: &meshbook::ledger::Proof| {
                    let owner = self.name_of(proof.owner());
                    format!("that {owner} cheats: {}", shorten(&proof.wire()))
                };
                let valid: Vec<String> = valid.iter().map(proof).collect();
                format!("proofs {}{}", valid.join(", "), but(refused))
            }
            Incoming::Take { req, .. } => format!("take {}", self.show_statement(req)),
            Incoming::Answer { answer, .. } => format!("answer {}", self.show_statement(answer)),
            Incoming::Forward(relayed) => {
                let to = self.name_of(relayed.to);
                format!("something for {to}, to be passed on")
            }
            Incoming::Invalid { reason, .. } => format!("nonsense: {reason}"),
        }
    }

    fn show_statement(&self, statement: &Statement) -> String {
        let owner = self.name_of(statement.owner());
        let hash = statement.hash().short();
        // What a request embeds is long, and was seen before.
        let said = statement.payload().to_string();
        let (said, freed) = match said.split_once(r#","freed":["#) {
            Some((said, freed)) if freed.starts_with(']') => (said, ""),
            Some((said, _)) => (said, " with refusals"),
            None => (said.as_str(), ""),
        };
        format!("{hash} {}{freed} of {owner}", shorten(said))
    }
}

/// What did not hold.
fn but(refused: &[&'static str]) -> String {
    match refused {
        [] => String::new(),
        refused => format!(", and what does not hold: {refused:?}"),
    }
}

fn show_plain(message: &Message) -> String {
    match message {
        Message::Have(ids) | Message::Want(ids) => {
            let ids: Vec<String> = ids.iter().map(prefix).collect();
            format!("{} {}", message.kind(), ids.join(" "))
        }
        Message::Recon(recon) | Message::ReconAnswer(recon) => {
            let (count, bytes) = (recon.count, recon.data.len());
            format!("{} of {count} items in {bytes} bytes", message.kind())
        }
        message => format!("{message:?}"),
    }
}

fn prefix(prefix: &Prefix) -> String {
    let [a, b, c, d, ..] = prefix;
    format!("{a:02x}{b:02x}{c:02x}{d:02x}")
}

/// The text with only the first digits of each id, without the signs that are the same everywhere.
pub(crate) fn shorten(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        let (run, behind) = rest.split_at(digits);
        short.push_str(match digits >= ID {
            true => &run[..DIGITS],
            false => run,
        });
        let mut others = behind.chars();
        short.extend(others.next().filter(|other| !matches!(other, '"' | '\\')));
        rest = others.as_str();
    }
    short
}

/// An order in its user's words.
pub(crate) fn show_order(order: &NewOrder) -> String {
    let NewOrder {
        side,
        amount,
        kind,
        time_in_force,
        user,
        lifetime,
    } = order;
    let user = user.as_ref().map_or("", |user| user.as_str());
    let lifetime = lifetime.map_or_else(String::new, |ms| format!(" for {} ms", ms.0));
    let kind = match kind {
        OrderKind::Limit(price) => format!("at {price}"),
        OrderKind::Market => "at any price".to_owned(),
    };
    format!("{side:?} {amount} {kind} {time_in_force:?}{lifetime} of {user}")
}
