//! Our own access tokens: making and judging them, and the keys that they are signed with.
//!
//! The signature itself is `jsonwebtoken`'s; every other rule stands here, because that crate's own are too kind: it takes
//! what is missing for right, and looks neither at `typ` nor at `crit` nor at members that stand twice.

mod algorithm;
mod claims;
mod jwks;
mod kept;
mod key;
mod refusal;
mod ring;
mod rotate;
mod statements;
mod tokens;
mod wire;

pub use algorithm::Algorithm;
pub use claims::{Claims, ForeignClaims, IssuedToken, NewToken, TenantHint, Verified};
pub use jwks::JwksDocument;
pub use kept::TokenStats;
pub use refusal::Refusal;
pub use rotate::{Maintained, Rotated};
pub use tokens::Tokens;

pub(crate) use claims::{Window, names};
pub(crate) use kept::{Judged, SignedBy};
pub(crate) use statements::STATEMENTS;
pub(crate) use tokens::Fault;
pub(crate) use wire::{Object, Parts, strict};
