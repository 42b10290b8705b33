//! What nodes say to find out what the other has: announcements, wishes, reconciliation, pages
//! of the book, inventories. Every list is bounded, and read strictly.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::lenient::List;
use crate::ledger::limits::MAX_INTEGER;
use crate::types::{Millis, NodeId, OrderId, Pair, Price, Side, StatementHash};

pub use crate::ledger::Prefix;

/// Prefixes in one `x_have` or `x_want`; more of them make the message invalid.
pub const MAX_PREFIXES: usize = 4096;

/// Bytes of one reconciliation message before they are written as text; more of them make the
/// message invalid.
pub const MAX_RECON_BYTES: usize = 126 * 1024;

/// Orders in the `have` of one `x_get` or the `list` of one `x_state`: twice what an owner may
/// have open. More of them make the message invalid.
pub const MAX_INVENTORY: usize = 400;

/// One message of a reconciliation: `x_recon` from the node that started it, `x_recon_answer`
/// from the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recon {
    /// Which reconciliation: chosen by the node that started it, below 2^53.
    pub sid: u64,
    /// How many items the sender has, by its own word.
    pub count: u64,
    /// What the reconciliation says; at most [`MAX_RECON_BYTES`]. Empty in an answer that
    /// declines.
    pub data: Vec<u8>,
}

/// A part of the book that is read page by page, and the place after which a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BookPart {
    /// The newest keep-alive of every owner, by owner.
    Heads {
        /// After this owner; from the first one if absent.
        after: Option<NodeId>,
    },
    /// The open orders of one side, best first.
    Side {
        /// Which side.
        side: Side,
        /// After this order, which need not be there any more; from the best one if absent.
        after: Option<BookPlace>,
    },
}

/// A place in one side of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BookPlace {
    /// The order's price.
    pub px: Price,
    /// When it was placed.
    pub ts: Millis,
    /// The order.
    pub id: OrderId,
}

/// `x_book`: a wish for one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookRequest {
    /// The pair whose book is asked for.
    pub pair: Pair,
    /// Which part, and where the page begins.
    pub part: BookPart,
}

/// `x_page`: the page that was asked for has been sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookPage {
    /// Which part it was, and where the next page begins; from the first place on if it was the
    /// last page.
    pub part: BookPart,
    /// Whether it was the last page.
    pub last: bool,
}

/// An order, and the highest sequence number that is known of it.
pub type InventoryEntry = (OrderId, u64);

/// `x_get`: a wish for what the asked node knows of one owner's open orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetOwner {
    /// Whose orders.
    pub owner: NodeId,
    /// What the asking node has of them; at most [`MAX_INVENTORY`].
    pub have: Vec<InventoryEntry>,
}

/// `x_state`: the answer to an `x_get`, after everything that the asking node lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerState {
    /// Whose orders.
    pub owner: NodeId,
    /// The owner's newest keep-alive that the answering node knows.
    pub ka: Option<StatementHash>,
    /// What that keep-alive lists, complete; at most [`MAX_INVENTORY`]. Absent where the answering node does
    /// not have all of it either.
    pub list: Option<Vec<InventoryEntry>>,
}

/// Prefixes as one text of hex digits.
pub(super) struct Prefixes<T>(pub(super) T);

impl Serialize for Prefixes<&[Prefix]> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0.as_flattened()))
    }
}

impl<'de> Deserialize<'de> for Prefixes<Vec<Prefix>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let upper = text.bytes().any(|b| b.is_ascii_uppercase());
        if text.len() > MAX_PREFIXES * 16 || text.len() % 16 != 0 || upper {
            let allowed = "ids are groups of 16 lower-case hex digits, at most 4096 of them";
            return Err(D::Error::custom(allowed));
        }
        let bytes = hex::decode(text.as_bytes()).map_err(D::Error::custom)?;
        let (prefixes, _) = bytes.as_chunks::<8>();
        Ok(Self(prefixes.to_vec()))
    }
}

/// Bytes as base64 without padding.
pub(super) struct Base64<T>(pub(super) T);

impl Serialize for Base64<&[u8]> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Base64<Vec<u8>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        if text.len() > MAX_RECON_BYTES / 3 * 4 {
            return Err(D::Error::custom("more than 126 KiB in base64"));
        }
        let bytes = STANDARD_NO_PAD.decode(text.as_bytes());
        bytes.map(Self).map_err(D::Error::custom)
    }
}

/// An integer below 2^53.
#[derive(Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Integer(u64);

impl TryFrom<u64> for Integer {
    type Error = &'static str;

    fn try_from(value: u64) -> Result<Self, Self::Error> {
        match value {
            ..MAX_INTEGER => Ok(Self(value)),
            _ => Err("an integer is 2^53 or more"),
        }
    }
}

/// The fields of `x_have` and `x_want`.
#[derive(Deserialize)]
pub(super) struct IdsBody {
    pub(super) ids: Prefixes<Vec<Prefix>>,
}

/// The fields of `x_recon`.
#[derive(Deserialize)]
pub(super) struct QueryBody {
    sid: Integer,
    count: Integer,
    q: Base64<Vec<u8>>,
}

/// The fields of `x_recon_answer`.
#[derive(Deserialize)]
pub(super) struct AnswerBody {
    sid: Integer,
    count: Integer,
    a: Base64<Vec<u8>>,
}

impl From<QueryBody> for Recon {
    fn from(body: QueryBody) -> Self {
        Self {
            sid: body.sid.0,
            count: body.count.0,
            data: body.q.0,
        }
    }
}

impl From<AnswerBody> for Recon {
    fn from(body: AnswerBody) -> Self {
        Self {
            sid: body.sid.0,
            count: body.count.0,
            data: body.a.0,
        }
    }
}

/// A place as the wire has it: which kind it is follows from the part.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
pub(super) enum Place {
    Owner(NodeId),
    Order(BookPlace),
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        let place = match json.get().starts_with('"') {
            true => serde_json::from_str(json.get()).map(Self::Owner),
            false => serde_json::from_str(json.get()).map(Self::Order),
        };
        place.map_err(D::Error::custom)
    }
}

impl BookPart {
    /// The part's name on the wire.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Heads { .. } => "heads",
            Self::Side { side, .. } => side.as_str(),
        }
    }

    /// The place as the wire has it.
    pub(super) fn place(&self) -> Option<Place> {
        match self {
            Self::Heads { after } => after.map(Place::Owner),
            Self::Side { after, .. } => after.map(Place::Order),
        }
    }

    fn read(name: &str, place: Option<Place>) -> Result<Self, &'static str> {
        let side = match (name, place) {
            ("heads", None) => return Ok(Self::Heads { after: None }),
            ("heads", Some(Place::Owner(owner))) => return Ok(Self::Heads { after: Some(owner) }),
            ("heads", Some(Place::Order(_))) => return Err("a place among heads is an owner"),
            ("buy", _) => Side::Buy,
            ("sell", _) => Side::Sell,
            _ => return Err("a part of the book is heads, buy or sell"),
        };
        match place {
            None => Ok(Self::Side { side, after: None }),
            Some(Place::Order(order)) => Ok(Self::Side {
                side,
                after: Some(order),
            }),
            Some(Place::Owner(_)) => Err("a place in a side of the book is px, ts and id"),
        }
    }
}

/// The fields of `x_book`.
#[derive(Deserialize)]
pub(super) struct BookBody {
    pair: Pair,
    part: String,
    after: Option<Place>,
}

/// The fields of `x_page`.
#[derive(Deserialize)]
pub(super) struct PageBody {
    part: String,
    next: Option<Place>,
}

impl TryFrom<BookBody> for BookRequest {
    type Error = &'static str;

    fn try_from(body: BookBody) -> Result<Self, Self::Error> {
        Ok(Self {
            pair: body.pair,
            part: BookPart::read(&body.part, body.after)?,
        })
    }
}

impl TryFrom<PageBody> for BookPage {
    type Error = &'static str;

    fn try_from(body: PageBody) -> Result<Self, Self::Error> {
        Ok(Self {
            last: body.next.is_none(),
            part: BookPart::read(&body.part, body.next)?,
        })
    }
}

/// One entry of an inventory on the wire: `[id, n]`.
#[derive(Deserialize)]
struct Entry(OrderId, Integer);

fn entries(list: List<Entry, MAX_INVENTORY>) -> Vec<InventoryEntry> {
    let entries = list.0.into_iter();
    entries.map(|Entry(id, n)| (id, n.0)).collect()
}

/// The fields of `x_get`.
#[derive(Deserialize)]
pub(super) struct GetBody {
    owner: NodeId,
    have: List<Entry, MAX_INVENTORY>,
}

/// The fields of `x_state`.
#[derive(Deserialize)]
pub(super) struct StateBody {
    owner: NodeId,
    ka: Option<StatementHash>,
    list: Option<List<Entry, MAX_INVENTORY>>,
}

impl From<GetBody> for GetOwner {
    fn from(body: GetBody) -> Self {
        Self {
            owner: body.owner,
            have: entries(body.have),
        }
    }
}

impl From<StateBody> for OwnerState {
    fn from(body: StateBody) -> Self {
        Self {
            owner: body.owner,
            ka: body.ka,
            list: body.list.map(entries),
        }
    }
}
