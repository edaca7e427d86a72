//! Questions to a whole database, embedded and over Arrow Flight: one half of `benches/peers/run`, which asks the peers
//! the same. What is asked, and when, is said there.

mod ask;
mod load;
mod request;

pub use ask::serve;
pub use load::{Load, load};
