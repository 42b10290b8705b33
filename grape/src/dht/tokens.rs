//! Tokens: proof that who announces can receive at the address it announces from.

use std::net::Ipv4Addr;
use std::time::Duration;

use sha1::{Digest, Sha1};

/// How long a secret makes tokens; its tokens are taken for as long again.
pub(super) const SECRET_LIFE: Duration = Duration::from_secs(5 * 60);

/// Makes tokens and knows its own.
#[derive(Debug)]
pub(super) struct Tokens {
    secrets: [[u8; 20]; 2],
    since: Duration,
}

impl Tokens {
    pub(super) fn new(secrets: [[u8; 20]; 2], now: Duration) -> Self {
        let since = now;
        Self { secrets, since }
    }

    pub(super) fn token(&self, address: Ipv4Addr) -> [u8; 20] {
        token(&self.secrets[0], address)
    }

    pub(super) fn is_valid(&self, address: Ipv4Addr, claimed: &[u8]) -> bool {
        let mut tokens = self.secrets.iter().map(|secret| token(secret, address));
        tokens.any(|token| token == claimed)
    }

    /// Takes a new secret where it is time, made by `fresh`.
    pub(super) fn rotate(&mut self, now: Duration, fresh: impl FnOnce() -> [u8; 20]) {
        if now.saturating_sub(self.since) >= SECRET_LIFE {
            self.secrets = [fresh(), self.secrets[0]];
            self.since = now;
        }
    }
}

fn token(secret: &[u8; 20], address: Ipv4Addr) -> [u8; 20] {
    let hash = Sha1::new().chain_update(secret);
    hash.chain_update(address.octets()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::{SECRET_LIFE, Tokens};

    #[test]
    fn a_token_is_of_one_address_and_ends() {
        let (one, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let mut tokens = Tokens::new([[1; 20], [2; 20]], SECRET_LIFE);
        let token = tokens.token(one);
        assert!(tokens.is_valid(one, &token));
        assert!(!tokens.is_valid(other, &token));
        assert!(!tokens.is_valid(one, b""));
        tokens.rotate(SECRET_LIFE * 2, || [3; 20]);
        assert!(tokens.is_valid(one, &token));
        assert_ne!(tokens.token(one), token);
        tokens.rotate(SECRET_LIFE * 2, || [4; 20]);
        assert!(tokens.is_valid(one, &token), "it is not time yet");
        tokens.rotate(SECRET_LIFE * 3, || [5; 20]);
        assert!(!tokens.is_valid(one, &token));
    }
}
