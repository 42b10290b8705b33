//! The one way to write a payload as text, and the strict reader of exactly that.
//!
//! The reader takes no other spelling of the same meaning: keys in one order, no white space, no
//! escapes that need not be. So a duplicate or unknown key has no place to stand, and nobody can
//! make two statements that say the same.

use std::fmt::Write;
use std::str::FromStr;

use thiserror::Error;

use crate::types::{Amount, InvalidValue, Millis, PeerAddress, Price, Side, StatementHash};

use super::limits::{MAX_ADDRS, MAX_FREED, MAX_INTEGER};
use super::{Fill, Ka, Ord, OrdStatus, Payload, Place, PlaceTif, RawStatement, Rej, Req};

/// Why a text is no payload.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The text departs from the canonical form.
    #[error("at byte {at} of the payload: expected {expected}")]
    Text {
        /// Where, in bytes from the beginning.
        at: usize,
        /// What would have been canonical there.
        expected: &'static str,
    },
    /// The text is canonical, but a value is not allowed.
    #[error(transparent)]
    Value(#[from] InvalidValue),
}

impl FromStr for Payload {
    type Err = PayloadError;

    /// Reads exactly the texts that `Display` gives for payloads that pass [`Payload::check`].
    fn from_str(text: &str) -> Result<Self, PayloadError> {
        let mut reader = Reader { text, rest: text };
        reader.expect(r#"{"t":"#)?;
        let payload = match reader.string("a payload kind")? {
            "place" => Self::Place(reader.place()?),
            "ord" => Self::Ord(reader.ord()?),
            "ka" => Self::Ka(reader.ka()?),
            "req" => Self::Req(reader.req()?),
            "fill" => Self::Fill(reader.fill()?),
            "rej" => Self::Rej(reader.rej()?),
            t => {
                let allowed = "place, ord, ka, req, fill or rej";
                return Err(InvalidValue::new("t", t, allowed).into());
            }
        };
        reader.expect("}")?;
        if !reader.rest.is_empty() {
            return Err(reader.error("the end"));
        }
        payload.check()?;
        Ok(payload)
    }
}

/// Reads a text from its beginning, one expected thing after the other.
struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn error(&self, expected: &'static str) -> PayloadError {
        PayloadError::Text {
            at: self.text.len() - self.rest.len(),
            expected,
        }
    }

    fn take(&mut self, literal: &str) -> bool {
        match self.rest.strip_prefix(literal) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, literal: &'static str) -> Result<(), PayloadError> {
        if self.take(literal) {
            Ok(())
        } else {
            Err(self.error(literal))
        }
    }

    /// A string without escapes, up to its closing quote.
    fn string(&mut self, expected: &'static str) -> Result<&'a str, PayloadError> {
        let inner = self.rest.strip_prefix('"').and_then(|rest| {
            let (inner, rest) = rest.split_once('"')?;
            // Every value has its own, narrower alphabet; this keeps escapes out of all.
            (!inner.contains('\\')).then_some((inner, rest))
        });
        let (inner, rest) = inner.ok_or_else(|| self.error(expected))?;
        self.rest = rest;
        Ok(inner)
    }

    /// An integer below 2^53 without leading zeros.
    fn integer(&mut self) -> Result<u64, PayloadError> {
        let end = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(end);
        let canonical = end == 1 || !digits.starts_with('0');
        match digits.parse() {
            Ok(value) if canonical && value < MAX_INTEGER => {
                self.rest = rest;
                Ok(value)
            }
            _ => Err(self.error("an integer below 2^53 without leading zeros")),
        }
    }

    fn n(&mut self) -> Result<u64, PayloadError> {
        self.expect(r#","n":"#)?;
        self.integer()
    }

    fn millis(&mut self, key: &'static str) -> Result<Millis, PayloadError> {
        self.expect(key)?;
        self.integer().map(Millis)
    }

    fn value<T: FromStr<Err = InvalidValue>>(
        &mut self,
        key: &'static str,
        field: &'static str,
    ) -> Result<T, PayloadError> {
        self.expect(key)?;
        let text = self.string(field)?;
        text.parse()
            .map_err(|error: InvalidValue| error.for_field(field).into())
    }

    fn amount(&mut self, key: &'static str, field: &'static str) -> Result<Amount, PayloadError> {
        self.expect(key)?;
        let text = self.string(field)?;
        Amount::parse_canonical(text).map_err(|error| error.for_field(field).into())
    }

    fn price(&mut self, key: &'static str, field: &'static str) -> Result<Price, PayloadError> {
        self.expect(key)?;
        let text = self.string(field)?;
        Price::parse_canonical(text).map_err(|error| error.for_field(field).into())
    }

    fn place(&mut self) -> Result<Place, PayloadError> {
        Ok(Place {
            n: self.n()?,
            ts: self.millis(r#","ts":"#)?,
            pair: self.value(r#","pair":"#, "pair")?,
            side: self.value::<Side>(r#","side":"#, "side")?,
            px: self.price(r#","px":"#, "px")?,
            amt: self.amount(r#","amt":"#, "amt")?,
            exp: self.millis(r#","exp":"#)?,
            tif: {
                self.expect(r#","tif":"#)?;
                match self.string("tif")? {
                    "GTC" => PlaceTif::Gtc,
                    "IOC" => PlaceTif::Ioc,
                    "POST" => PlaceTif::Post,
                    tif => return Err(InvalidValue::new("tif", tif, "GTC, IOC or POST").into()),
                }
            },
            u: self.value(r#","u":"#, "u")?,
            rest: self.take(r#","rest":true"#),
            replaces: if self.rest.starts_with(r#","replaces":"#) {
                Some(self.value(r#","replaces":"#, "replaces")?)
            } else {
                None
            },
        })
    }

    fn ord(&mut self) -> Result<Ord, PayloadError> {
        Ok(Ord {
            n: self.n()?,
            ts: self.millis(r#","ts":"#)?,
            id: self.value(r#","id":"#, "id")?,
            open: self.amount(r#","open":"#, "open")?,
            status: {
                self.expect(r#","status":"#)?;
                match self.string("status")? {
                    "open" => OrdStatus::Open,
                    "closed" => OrdStatus::Closed,
                    status => {
                        let allowed = "open or closed";
                        return Err(InvalidValue::new("status", status, allowed).into());
                    }
                }
            },
            why: self.value(r#","why":"#, "why")?,
            amt: if self.rest.starts_with(r#","amt":"#) {
                Some(self.amount(r#","amt":"#, "amt")?)
            } else {
                None
            },
        })
    }

    fn ka(&mut self) -> Result<Ka, PayloadError> {
        Ok(Ka {
            n: self.n()?,
            ts: self.millis(r#","ts":"#)?,
            live: {
                self.expect(r#","live":"#)?;
                if self.take("true") {
                    true
                } else if self.take("false") {
                    false
                } else {
                    return Err(self.error("true or false"));
                }
            },
            cnt: {
                self.expect(r#","cnt":"#)?;
                self.integer()?
            },
            root: self.value::<StatementHash>(r#","root":"#, "root")?.0,
            addrs: {
                self.expect(r#","addrs":["#)?;
                self.addrs()?
            },
        })
    }

    /// The addresses up to the closing bracket, each in the one spelling that is shown.
    fn addrs(&mut self) -> Result<Vec<PeerAddress>, PayloadError> {
        let mut addrs = Vec::new();
        if self.take("]") {
            return Ok(addrs);
        }
        loop {
            let text = self.string("an address")?;
            let address: PeerAddress = text
                .parse()
                .map_err(|error: InvalidValue| error.for_field("addrs"))?;
            if address.to_string() != text {
                let allowed = "lower-case host:port in its shortest form";
                return Err(InvalidValue::new("addrs", text, allowed).into());
            }
            if address.is_link_local() {
                let allowed = "an address that means the same on every machine";
                return Err(InvalidValue::new("addrs", text, allowed).into());
            }
            addrs.push(address);
            if self.take("]") {
                return Ok(addrs);
            }
            if addrs.len() >= MAX_ADDRS {
                return Err(self.error("at most 4 addresses"));
            }
            self.expect(",")?;
        }
    }

    fn req(&mut self) -> Result<Req, PayloadError> {
        Ok(Req {
            n: self.n()?,
            ts: self.millis(r#","ts":"#)?,
            until: self.millis(r#","until":"#)?,
            order: self.value(r#","order":"#, "order")?,
            at: self.amount(r#","at":"#, "at")?,
            qty: self.amount(r#","qty":"#, "qty")?,
            min: self.amount(r#","min":"#, "min")?,
            lim: self.price(r#","lim":"#, "lim")?,
            maker: self.value(r#","maker":"#, "maker")?,
            freed: self.freed()?,
        })
    }

    /// The refusals that a statement embeds. A list of none is not written.
    fn freed(&mut self) -> Result<Vec<RawStatement>, PayloadError> {
        let mut freed = Vec::new();
        if !self.take(r#","freed":["#) {
            return Ok(freed);
        }
        loop {
            self.expect(r#"{"p":"#)?;
            let p = self.quoted_payload()?;
            let k = self.value(r#","k":"#, "k")?;
            let s = self.value(r#","s":"#, "s")?;
            self.expect("}")?;
            freed.push(RawStatement { p, k, s });
            if self.take("]") {
                return Ok(freed);
            }
            if freed.len() >= MAX_FREED {
                return Err(self.error("at most 16 refusals"));
            }
            self.expect(",")?;
        }
    }

    /// A string in which quotes, and nothing else, are escaped: a refusal's own text.
    fn quoted_payload(&mut self) -> Result<String, PayloadError> {
        let expected = "a refusal's text with its quotes escaped";
        let Some(mut rest) = self.rest.strip_prefix('"') else {
            return Err(self.error(expected));
        };
        let mut text = String::new();
        loop {
            let Some(at) = rest.find(['"', '\\']) else {
                return Err(self.error(expected));
            };
            let (plain, from) = rest.split_at(at);
            text.push_str(plain);
            if let Some(behind) = from.strip_prefix("\\\"") {
                text.push('"');
                rest = behind;
            } else if let Some(behind) = from.strip_prefix('"') {
                self.rest = behind;
                return Ok(text);
            } else {
                return Err(self.error(expected));
            }
        }
    }

    fn fill(&mut self) -> Result<Fill, PayloadError> {
        Ok(Fill {
            n: self.n()?,
            ts: self.millis(r#","ts":"#)?,
            take: self.value(r#","take":"#, "take")?,
            id: self.value(r#","id":"#, "id")?,
            at: self.amount(r#","at":"#, "at")?,
            qty: self.amount(r#","qty":"#, "qty")?,
            px: self.price(r#","px":"#, "px")?,
            open: self.amount(r#","open":"#, "open")?,
            last: self.take(r#","last":true"#),
            freed: self.freed()?,
        })
    }

    fn rej(&mut self) -> Result<Rej, PayloadError> {
        Ok(Rej {
            ts: self.millis(r#","ts":"#)?,
            take: self.value(r#","take":"#, "take")?,
            why: self.value(r#","why":"#, "why")?,
            open: if self.rest.starts_with(r#","open":"#) {
                Some(self.amount(r#","open":"#, "open")?)
            } else {
                None
            },
        })
    }
}

impl std::fmt::Display for Payload {
    /// Writes the canonical text, which is what gets signed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let t = self.t();
        write!(f, r#"{{"t":"{t}""#)?;
        if let Some(n) = self.n() {
            write!(f, r#","n":{n}"#)?;
        }
        write!(f, r#","ts":{}"#, self.ts().0)?;
        match self {
            Self::Place(place) => place.write(f)?,
            Self::Ord(ord) => ord.write(f)?,
            Self::Ka(ka) => ka.write(f)?,
            Self::Req(req) => req.write(f)?,
            Self::Fill(fill) => fill.write(f)?,
            Self::Rej(rej) => rej.write(f)?,
        }
        f.write_char('}')
    }
}

impl Place {
    fn write(&self, f: &mut impl Write) -> std::fmt::Result {
        let Self {
            pair,
            side,
            px,
            amt,
            ..
        } = self;
        write!(
            f,
            r#","pair":"{pair}","side":"{side}","px":"{px}","amt":"{amt}""#
        )?;
        let (exp, tif, u) = (self.exp.0, self.tif.as_str(), &self.u);
        write!(f, r#","exp":{exp},"tif":"{tif}","u":"{u}""#)?;
        if self.rest {
            f.write_str(r#","rest":true"#)?;
        }
        match self.replaces {
            Some(id) => write!(f, r#","replaces":"{id}""#),
            None => Ok(()),
        }
    }
}

impl Ord {
    fn write(&self, f: &mut impl Write) -> std::fmt::Result {
        let Self { id, open, why, .. } = self;
        let status = self.status.as_str();
        write!(
            f,
            r#","id":"{id}","open":"{open}","status":"{status}","why":"{why}""#
        )?;
        match self.amt {
            Some(amt) => write!(f, r#","amt":"{amt}""#),
            None => Ok(()),
        }
    }
}

impl Ka {
    fn write(&self, f: &mut impl Write) -> std::fmt::Result {
        let Self { live, cnt, .. } = self;
        let root = StatementHash(self.root);
        write!(f, r#","live":{live},"cnt":{cnt},"root":"{root}","addrs":["#)?;
        for (i, address) in self.addrs.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, r#"{comma}"{address}""#)?;
        }
        f.write_char(']')
    }
}

impl Req {
    fn write(&self, f: &mut impl Write) -> std::fmt::Result {
        let Self {
            order,
            at,
            qty,
            min,
            lim,
            maker,
            ..
        } = self;
        let until = self.until.0;
        write!(
            f,
            r#","until":{until},"order":"{order}","at":"{at}","qty":"{qty}","min":"{min}""#
        )?;
        write!(f, r#","lim":"{lim}","maker":"{maker}""#)?;
        write_freed(&self.freed, f)
    }
}

fn write_freed(freed: &[RawStatement], f: &mut impl Write) -> std::fmt::Result {
    for (i, raw) in freed.iter().enumerate() {
        f.write_str(if i == 0 { r#","freed":["# } else { "," })?;
        raw.write(f)?;
    }
    if !freed.is_empty() {
        f.write_char(']')?;
    }
    Ok(())
}

impl Fill {
    fn write(&self, f: &mut impl Write) -> std::fmt::Result {
        let Self {
            take,
            id,
            at,
            qty,
            px,
            open,
            ..
        } = self;
        write!(
            f,
            r#","take":"{take}","id":"{id}","at":"{at}","qty":"{qty}","px":"{px}","open":"{open}""#
        )?;
        if self.last {
            f.write_str(r#","last":true"#)?;
        }
        write_freed(&self.freed, f)
    }
}

impl Rej {
    fn write(&self, f: &mut impl Write) -> std::fmt::Result {
        let Self { take, why, .. } = self;
        write!(f, r#","take":"{take}","why":"{why}""#)?;
        match self.open {
            Some(open) => write!(f, r#","open":"{open}""#),
            None => Ok(()),
        }
    }
}

impl RawStatement {
    /// Writes the wire's JSON object. Whatever else a text may hold, quotes, backslashes and
    /// control characters are escaped as JSON demands.
    pub(super) fn write(&self, f: &mut impl Write) -> std::fmt::Result {
        f.write_str(r#"{"p":""#)?;
        let mut rest = self.p.as_str();
        while let Some(at) = rest.find(|c: char| matches!(c, '"' | '\\' | '\0'..='\x1f')) {
            let (plain, from) = rest.split_at(at);
            f.write_str(plain)?;
            let mut chars = from.chars();
            match chars.next() {
                Some(c @ ('"' | '\\')) => write!(f, "\\{c}")?,
                Some(c) => write!(f, "\\u{:04x}", u32::from(c))?,
                None => {}
            }
            rest = chars.as_str();
        }
        f.write_str(rest)?;
        write!(f, r#"","k":"{}","s":"{}"}}"#, self.k, self.s)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Verifier;
    use super::super::testing::{Draft, any_payload, identity, network, place, sign};
    use super::*;

    fn parse(text: &str) -> Result<Payload, PayloadError> {
        text.parse()
    }

    #[test]
    fn a_place_has_the_text_of_the_protocol() {
        let text = r#"{"t":"place","n":1,"ts":1000,"pair":"BTC/USD","side":"buy","px":"100","amt":"10","exp":3600000,"tif":"GTC","u":"alice","rest":true}"#;
        let payload = Payload::Place(place(1, Side::Buy));
        assert_eq!(payload.to_string(), text);
        assert_eq!(parse(text).unwrap(), payload);
    }

    #[test]
    fn every_other_spelling_of_the_same_meaning_is_refused() {
        let good = Payload::Place(place(1, Side::Buy)).to_string();
        let changes = [
            (r#""n":1"#, r#""n":01"#),
            (r#""n":1"#, r#""n":1.0"#),
            (r#""n":1"#, r#""n":1e0"#),
            (r#""n":1"#, r#""n":-1"#),
            (r#""n":1"#, r#""n":"1""#),
            (r#""n":1"#, r#""n": 1"#),
            (r#""n":1"#, r#""n":1,"n":1"#),
            (r#""n":1"#, r#""n":9007199254740992"#),
            (r#""n":1,"ts":1000"#, r#""ts":1000,"n":1"#),
            (r#""100""#, r#""100.0""#),
            (r#""100""#, r#""0100""#),
            (r#""100""#, r#""1e2""#),
            (r#""100""#, r#""+100""#),
            (r#""100""#, "100"),
            ("BTC/USD", r"BTC\/USD"),
            ("BTC/USD", "BTC/\u{55}\u{301}SD"),
            ("alice", r"\u0061lice"),
            ("\"rest\":true", "\"rest\":false"),
            (",\"rest\":true", ",\"rest\":true,\"x\":1"),
            ("GTC", "gtc"),
            ("}", "} "),
            ("{", " {"),
        ];
        for (from, to) in changes {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good);
            assert!(parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_keep_alive_has_the_text_of_the_protocol_and_no_other() {
        let root = "ab".repeat(32);
        let text = format!(
            r#"{{"t":"ka","n":7,"ts":1000,"live":true,"cnt":2,"root":"{root}","addrs":["node.example.org:3000","[::1]:65535"]}}"#
        );
        let payload = parse(&text).unwrap();
        let Payload::Ka(ka) = &payload else {
            panic!("{payload:?}");
        };
        assert_eq!((ka.n, ka.ts, ka.live, ka.cnt), (7, Millis(1000), true, 2));
        assert_eq!(ka.root, [0xab; 32]);
        assert_eq!(ka.addrs.len(), 2);
        assert_eq!(payload.to_string(), text);
        let bare = text.replace(r#""node.example.org:3000","[::1]:65535""#, "");
        assert!(parse(&bare).is_ok());
        let five = [r#""a:1""#; 5].join(",");
        let changes = [
            ("true", "1"),
            ("true", "null"),
            (r#""cnt":2"#, r#""cnt":"2""#),
            (r#""cnt":2"#, r#""cnt":02"#),
            ("abab", "ABAB"),
            ("abab", "ab"),
            ("node.example", "Node.Example"),
            ("[::1]", "[0:0::1]"),
            (":3000", ":03000"),
            (r#"3000","[::1]:65535""#, r#"3000",""#),
            (r#""node.example.org:3000","[::1]:65535""#, &five),
            (r#","addrs":["node.example.org:3000","[::1]:65535"]"#, ""),
        ];
        for (from, to) in changes {
            let other = text.replacen(from, to, 1);
            assert_ne!(other, text);
            assert!(parse(&other).is_err(), "{other}");
        }
    }

    #[test]
    fn an_error_says_where_and_what() {
        let error = parse(r#"{"t":"ord","n":1,"when":5}"#).unwrap_err();
        let shown = error.to_string();
        assert_eq!(shown, r#"at byte 16 of the payload: expected ,"ts":"#);
        let error = parse(r#"{"t":"orders"}"#).unwrap_err();
        assert!(matches!(error, PayloadError::Value(ref value) if value.field == "t"));
    }

    #[test]
    fn each_value_that_a_payload_may_not_have_is_refused_by_its_field() {
        let good = Payload::Place(place(1, Side::Buy)).to_string();
        let req = r#"{"t":"req","n":2,"ts":5,"until":9,"order":"00000000000000000000000000000001","at":"0","qty":"4","min":"1","lim":"3","maker":"00000000000000000000000000000002"}"#;
        let ord = r#"{"t":"ord","n":2,"ts":5,"id":"00000000000000000000000000000001","open":"4","status":"open","why":"rest","amt":"5"}"#;
        parse(req).unwrap();
        parse(ord).unwrap();
        let ka = format!(
            r#"{{"t":"ka","n":7,"ts":1000,"live":true,"cnt":200,"root":"{}","addrs":["a:1"]}}"#,
            "00".repeat(32)
        );
        parse(&ka).unwrap();
        let cases = [
            (good.as_str(), r#""px":"100""#, r#""px":"0""#, "px"),
            (&good, r#""amt":"10""#, r#""amt":"0""#, "amt"),
            (&good, r#""exp":3600000"#, r#""exp":1000"#, "exp"),
            (&good, r#""exp":3600000"#, r#""exp":2592001001"#, "exp"),
            (&good, "GTC", "IOC", "rest"),
            (&good, "GTC", "FOK", "tif"),
            (&good, "alice", "al", "u"),
            (&good, "BTC/USD", "BTC", "pair"),
            (&good, "buy", "bid", "side"),
            (req, r#""until":9"#, r#""until":4"#, "until"),
            (req, r#""until":9"#, r#""until":60006"#, "until"),
            (req, r#""qty":"4""#, r#""qty":"0""#, "qty"),
            (req, r#""at":"0""#, r#""at":"999999999999999""#, "qty"),
            (req, r#""min":"1""#, r#""min":"0""#, "min"),
            (req, r#""min":"1""#, r#""min":"5""#, "min"),
            (req, r#""lim":"3""#, r#""lim":"0""#, "lim"),
            (req, "0002", "0001", "maker"),
            (ord, "\"open\",", "\"closed\",", "open"),
            (ord, "\"open\",", "\"done\",", "status"),
            (ord, r#""amt":"5""#, r#""amt":"3""#, "open"),
            (ord, "rest", "Rest", "why"),
            (&ka, "200", "201", "cnt"),
            (&ka, "0000", "zz00", "root"),
            (&ka, "a:1", "a:0", "addrs"),
            (&ka, "a:1", "A:1", "addrs"),
        ];
        for (base, from, to, field) in cases {
            let text = base.replacen(from, to, 1);
            match parse(&text).unwrap_err() {
                PayloadError::Value(error) => assert_eq!(error.field, field, "{text}"),
                error => panic!("{error} for {text}"),
            }
        }
    }

    #[test]
    fn a_fill_shows_up_to_sixteen_refusals_and_no_more() {
        let rej = |number: usize| {
            let rej = Rej {
                ts: Millis(MAX_INTEGER - 1),
                take: crate::types::TakeId([number as u8; 32]),
                why: "gone".parse().unwrap(),
                open: Some("999999999999999.99999999".parse().unwrap()),
            };
            sign(1, Payload::Rej(rej)).raw()
        };
        let fill = |count: usize| {
            let [.., fill] = Draft::new().statements();
            let mut fill = fill.as_fill().unwrap().clone();
            fill.freed = (0..count).map(rej).collect();
            Payload::Fill(fill)
        };
        let bare = fill(0).to_string();
        assert!(!bare.contains("freed"));
        let empty = bare.replacen(r#""open":"6""#, r#""open":"6","freed":[]"#, 1);
        assert!(empty != bare && parse(&empty).is_err());
        let most = fill(MAX_FREED);
        assert_eq!(parse(&most.to_string()).as_ref(), Ok(&most));
        let verifier = Verifier::new(network());
        let signed = identity(1).sign(&network(), most.clone()).unwrap();
        assert_eq!(verifier.verify(signed.raw()).unwrap().payload(), &most);
        let more = fill(MAX_FREED + 1);
        let error = parse(&more.to_string()).unwrap_err();
        assert!(error.to_string().contains("at most 16 refusals"), "{error}");
        assert!(identity(1).sign(&network(), more).is_err());
    }

    /// A small change of a text, such as a careless or hostile writer might make.
    fn mutate(text: &str, at: usize, kind: u8, with: u8) -> String {
        let mut bytes = text.as_bytes().to_vec();
        let at = at % bytes.len();
        let alphabet = br#"{}[]",:\ 0123456789.-+eE/abcxyznptrue"#;
        let with = alphabet[with as usize % alphabet.len()];
        match kind % 5 {
            0 => bytes[at] = with,
            1 => bytes.insert(at, with),
            2 => {
                bytes.remove(at);
            }
            3 => bytes.truncate(at),
            // A stretch of the text once more, which duplicates keys.
            _ => {
                let end = (at + with as usize).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    proptest! {
        #[test]
        fn a_payload_reads_back_as_itself_and_is_json(payload in any_payload()) {
            let text = payload.to_string();
            prop_assert_eq!(parse(&text), Ok(payload));
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            prop_assert!(value.is_object());
        }

        #[test]
        fn an_accepted_text_is_the_only_text_of_its_payload(
            payload in any_payload(),
            changes in prop::collection::vec((any::<usize>(), any::<u8>(), any::<u8>()), 1..3),
        ) {
            let mut text = payload.to_string();
            for (at, kind, with) in changes {
                if !text.is_empty() {
                    text = mutate(&text, at, kind, with);
                }
            }
            if let Ok(read) = parse(&text) {
                prop_assert_eq!(read.to_string(), text);
            }
        }
    }
}
