//! What a statement says: the payload kinds, and the checks that need nothing but the payload.

use crate::types::{
    Amount, InvalidValue, Millis, OrderId, Pair, PeerAddress, Price, Side, TakeId, UserId,
};

use super::limits::{
    EXP_MAX, LEAST_AMOUNT, MAX_ADDRS, MAX_FREED, MAX_INTEGER, OPEN_PER_OWNER, VALID_MAX,
};
use super::{OrdWhy, Piece, RawStatement, RejWhy};

/// How long an order may wait for its counterpart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlaceTif {
    /// Good till cancelled: what does not trade at once rests in the book.
    Gtc,
    /// Immediate or cancel: never rests, so it is never published and never a maker.
    Ioc,
    /// Post-only: rests, and never takes.
    Post,
}

impl PlaceTif {
    /// The wire's word: `GTC`, `IOC` or `POST`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gtc => "GTC",
            Self::Ioc => "IOC",
            Self::Post => "POST",
        }
    }
}

/// Whether an order is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrdStatus {
    /// It may be taken, up to the stated `open`.
    Open,
    /// It is over, for good.
    Closed,
}

impl OrdStatus {
    /// The wire's word: `open` or `closed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// A new order. Its id is the first half of this statement's hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The owner's sequence number.
    pub n: u64,
    /// When it was signed, by the owner's clock since the Unix epoch; decides time priority.
    pub ts: Millis,
    /// What is traded.
    pub pair: Pair,
    /// Bid or ask.
    pub side: Side,
    /// The limit price, above 0.
    pub px: Price,
    /// The amount, at least [`LEAST_AMOUNT`].
    pub amt: Amount,
    /// When it ends; after `ts`, by at most [`EXP_MAX`].
    pub exp: Millis,
    /// Time in force.
    pub tif: PlaceTif,
    /// The user's label under this owner.
    pub u: UserId,
    /// Published as resting at once, all of `amt` open. Otherwise the order is only known, from
    /// takes and trades, until an [`Ord`](struct@Ord) with status open publishes it.
    pub rest: bool,
    /// An older order of the same owner that this one closes.
    pub replaces: Option<OrderId>,
}

/// The state of an order, stated in full; the highest `n` wins, and closed is for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ord {
    /// The owner's sequence number.
    pub n: u64,
    /// When it was signed.
    pub ts: Millis,
    /// The order.
    pub id: OrderId,
    /// What takers may ask for now; 0 when closed.
    pub open: Amount,
    /// Open or closed.
    pub status: OrdStatus,
    /// What brought it about.
    pub why: OrdWhy,
    /// The order's whole amount, once it has shrunk.
    pub amt: Option<Amount>,
}

/// A keep-alive: a sign of life, and the root of all that the owner has open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ka {
    /// The owner's sequence number.
    pub n: u64,
    /// When it was signed.
    pub ts: Millis,
    /// Whether the owner goes on; false is its goodbye, which hides its orders at once.
    pub live: bool,
    /// How many orders its inventory has; at most [`OPEN_PER_OWNER`].
    pub cnt: u64,
    /// The root of its inventory; see [`Inventory`](super::Inventory).
    pub root: [u8; 32],
    /// Where it can be dialed; at most [`MAX_ADDRS`].
    pub addrs: Vec<PeerAddress>,
}

/// A taker's request for a piece of a maker's order. Its hash is the take's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Req {
    /// The taker's sequence number.
    pub n: u64,
    /// When it was signed.
    pub ts: Millis,
    /// Until when the maker may accept; at or after `ts`, by at most [`VALID_MAX`].
    pub until: Millis,
    /// The taker's own order.
    pub order: OrderId,
    /// Where the held piece of the taker's order begins.
    pub at: Amount,
    /// The length of the held piece: the most that is asked for, above 0.
    pub qty: Amount,
    /// The least that is asked for, above 0 and at most `qty`.
    pub min: Amount,
    /// The worst price that the taker accepts.
    pub lim: Price,
    /// The maker's order.
    pub maker: OrderId,
    /// Signed refusals of earlier takes, which freed this piece; at most [`MAX_FREED`].
    pub freed: Vec<RawStatement>,
}

/// A maker's acceptance of a take, which commits the trade. Its hash is the trade's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The maker's sequence number.
    pub n: u64,
    /// When it was signed.
    pub ts: Millis,
    /// The take that it accepts.
    pub take: TakeId,
    /// The maker's order.
    pub id: OrderId,
    /// Where the burned piece of the maker's order begins.
    pub at: Amount,
    /// The traded amount, above 0.
    pub qty: Amount,
    /// The price, which is the maker's.
    pub px: Price,
    /// What takers may ask of the maker's order from now on.
    pub open: Amount,
    /// Closes the maker's order for good, whatever of it is not burned; `open` is 0 then. Such a
    /// fill may be smaller than the order's [smallest piece](super::smallest_piece).
    pub last: bool,
    /// Signed refusals of takes that the maker's order made before, which freed this piece; at
    /// most [`MAX_FREED`].
    pub freed: Vec<RawStatement>,
}

/// A maker's refusal of a take. The one kind without a sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rej {
    /// When it was signed.
    pub ts: Millis,
    /// The take that it refuses.
    pub take: TakeId,
    /// The reason.
    pub why: RejWhy,
    /// What takers may ask of the maker's order now, where that is known.
    pub open: Option<Amount>,
}

/// What a statement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A new order.
    Place(Place),
    /// An order's state.
    Ord(Ord),
    /// A keep-alive.
    Ka(Ka),
    /// A take.
    Req(Req),
    /// Its acceptance.
    Fill(Fill),
    /// Its refusal.
    Rej(Rej),
}

impl Payload {
    /// The kind, as the wire's `t`.
    #[must_use]
    pub const fn t(&self) -> &'static str {
        match self {
            Self::Place(_) => "place",
            Self::Ord(_) => "ord",
            Self::Ka(_) => "ka",
            Self::Req(_) => "req",
            Self::Fill(_) => "fill",
            Self::Rej(_) => "rej",
        }
    }

    /// The signed refusals that it embeds.
    #[must_use]
    pub const fn freed(&self) -> &[RawStatement] {
        match self {
            Self::Req(req) => req.freed.as_slice(),
            Self::Fill(fill) => fill.freed.as_slice(),
            _ => &[],
        }
    }

    /// The owner's sequence number; a `rej` has none.
    #[must_use]
    pub const fn n(&self) -> Option<u64> {
        match self {
            Self::Place(place) => Some(place.n),
            Self::Ord(ord) => Some(ord.n),
            Self::Ka(ka) => Some(ka.n),
            Self::Req(req) => Some(req.n),
            Self::Fill(fill) => Some(fill.n),
            Self::Rej(_) => None,
        }
    }

    /// When it was signed, by the owner's clock since the Unix epoch.
    #[must_use]
    pub const fn ts(&self) -> Millis {
        match self {
            Self::Place(place) => place.ts,
            Self::Ord(ord) => ord.ts,
            Self::Ka(ka) => ka.ts,
            Self::Req(req) => req.ts,
            Self::Fill(fill) => fill.ts,
            Self::Rej(rej) => rej.ts,
        }
    }

    /// Checks all that the payload alone can show to be wrong.
    ///
    /// # Errors
    /// The first field that breaks its contract.
    pub fn check(&self) -> Result<(), InvalidValue> {
        integer("n", self.n().unwrap_or(0))?;
        integer("ts", self.ts().0)?;
        match self {
            Self::Place(place) => place.check(),
            Self::Ord(ord) => ord.check(),
            Self::Ka(ka) => ka.check(),
            Self::Req(req) => req.check(),
            Self::Fill(fill) => fill.check(),
            Self::Rej(_) => Ok(()),
        }
    }
}

impl Place {
    /// Whether the two orders can trade with each other, whatever their prices: they are of one
    /// pair and on opposite sides.
    #[must_use]
    pub fn is_opposite(&self, other: &Self) -> bool {
        self.pair == other.pair && self.side != other.side
    }

    fn check(&self) -> Result<(), InvalidValue> {
        positive("px", self.px.is_zero())?;
        if self.amt < LEAST_AMOUNT {
            let allowed = format!("a decimal of at least {LEAST_AMOUNT}");
            return Err(InvalidValue::new("amt", self.amt.to_string(), allowed));
        }
        integer("exp", self.exp.0)?;
        if self.exp <= self.ts || self.exp - self.ts > EXP_MAX {
            let allowed = "a time after ts, by at most 30 days";
            return Err(InvalidValue::new("exp", self.exp.0.to_string(), allowed));
        }
        if self.rest && self.tif == PlaceTif::Ioc {
            let allowed = "nothing, as an IOC order never rests";
            return Err(InvalidValue::new("rest", "true", allowed));
        }
        Ok(())
    }
}

impl Ord {
    fn check(&self) -> Result<(), InvalidValue> {
        if self.status == OrdStatus::Closed && !self.open.is_zero() {
            let allowed = "0, as the order is closed";
            return Err(InvalidValue::new("open", self.open.to_string(), allowed));
        }
        if let Some(amt) = self.amt {
            positive("amt", amt.is_zero())?;
            if self.open > amt {
                let allowed = "at most amt";
                return Err(InvalidValue::new("open", self.open.to_string(), allowed));
            }
        }
        Ok(())
    }
}

impl Ka {
    fn check(&self) -> Result<(), InvalidValue> {
        if self.cnt > OPEN_PER_OWNER as u64 {
            let allowed = "at most 200 orders";
            return Err(InvalidValue::new("cnt", self.cnt.to_string(), allowed));
        }
        if self.addrs.len() > MAX_ADDRS {
            let allowed = "at most 4 addresses";
            let count = self.addrs.len().to_string();
            return Err(InvalidValue::new("addrs", count, allowed));
        }
        Ok(())
    }
}

impl Req {
    /// The piece of the taker's order that is held for this take.
    ///
    /// # Errors
    /// A length of zero, or an end above the largest amount.
    pub fn piece(&self) -> Result<Piece, InvalidValue> {
        Piece::at(self.at, self.qty)
    }

    fn check(&self) -> Result<(), InvalidValue> {
        integer("until", self.until.0)?;
        if self.until < self.ts || self.until - self.ts > VALID_MAX {
            let allowed = "a time from ts on, by at most 60 s";
            return Err(InvalidValue::new(
                "until",
                self.until.0.to_string(),
                allowed,
            ));
        }
        self.piece()?;
        positive("min", self.min.is_zero())?;
        if self.min > self.qty {
            let allowed = "at most qty";
            return Err(InvalidValue::new("min", self.min.to_string(), allowed));
        }
        positive("lim", self.lim.is_zero())?;
        if self.maker == self.order {
            let allowed = "another order than the taker's";
            return Err(InvalidValue::new("maker", self.maker.to_string(), allowed));
        }
        few_enough(&self.freed)
    }
}

impl Fill {
    /// The piece of the maker's order that is burned.
    ///
    /// # Errors
    /// A length of zero, or an end above the largest amount.
    pub fn piece(&self) -> Result<Piece, InvalidValue> {
        Piece::at(self.at, self.qty)
    }

    fn check(&self) -> Result<(), InvalidValue> {
        self.piece()?;
        positive("px", self.px.is_zero())?;
        if self.last && !self.open.is_zero() {
            let allowed = "0, as the fill is the order's last";
            return Err(InvalidValue::new("open", self.open.to_string(), allowed));
        }
        few_enough(&self.freed)
    }
}

fn few_enough(freed: &[RawStatement]) -> Result<(), InvalidValue> {
    if freed.len() <= MAX_FREED {
        return Ok(());
    }
    let allowed = format!("at most {MAX_FREED} refusals");
    Err(InvalidValue::new("freed", freed.len().to_string(), allowed))
}

fn integer(field: &'static str, value: u64) -> Result<(), InvalidValue> {
    if value < MAX_INTEGER {
        Ok(())
    } else {
        let allowed = "an integer below 2^53";
        Err(InvalidValue::new(field, value.to_string(), allowed))
    }
}

fn positive(field: &'static str, is_zero: bool) -> Result<(), InvalidValue> {
    if is_zero {
        Err(InvalidValue::new(field, "0", "a decimal above 0"))
    } else {
        Ok(())
    }
}
