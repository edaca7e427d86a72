//! Which hosts a notifier may call. Whoever may make a notifier could otherwise make the database ask its own
//! machine, its network, or the cloud for what only the database may see.
//!
//! The host is looked up once, and connections go to the addresses that were judged: a name that answers otherwise
//! the second time gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::SendError;

/// Addresses of one host that are tried.
const ADDRESSES_MAX: usize = 4;

/// How far away an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Public,
    /// Called where `allow_private` is set.
    Private(&'static str),
    /// Never called.
    Never(&'static str),
}

/// The addresses of a host that may be called; at least one.
///
/// # Errors
/// [`SendError::Refused`] where none may be called, [`SendError::Later`] where the host is not found.
pub(super) async fn addresses(
    host: &str,
    port: u16,
    allow_private: bool,
) -> Result<Vec<SocketAddr>, SendError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => look_up(host, port).await?,
    };
    allowed(host, &found, allow_private)
}

async fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, SendError> {
    match tokio::net::lookup_host((host, port)).await {
        Ok(found) => Ok(found.collect()),
        Err(error) => Err(SendError::later(format!("the host {host} is not found: {error}"))),
    }
}

fn allowed(host: &str, found: &[SocketAddr], allow_private: bool) -> Result<Vec<SocketAddr>, SendError> {
    let mut allowed: Vec<SocketAddr> =
        found.iter().copied().filter(|to| judge(to.ip(), allow_private).is_ok()).collect();
    allowed.truncate(ADDRESSES_MAX);
    match (allowed.is_empty(), found.first()) {
        (false, _) => Ok(allowed),
        (true, None) => Err(SendError::later(format!("the host {host} has no address"))),
        (true, Some(first)) => {
            let why = judge(first.ip(), allow_private).err().unwrap_or_default();
            Err(SendError::Refused(format!("{host} is {}, {why}", first.ip())))
        }
    }
}

/// Whether the address may be called.
///
/// # Errors
/// What it is, and what helps.
pub(super) fn judge(ip: IpAddr, allow_private: bool) -> Result<(), String> {
    match reach(ip) {
        Reach::Public => Ok(()),
        Reach::Private(_) if allow_private => Ok(()),
        Reach::Private(what) => Err(format!(
            "{what}, which notifiers do not call; if it is meant, set allow_private = 'true' for this notifier"
        )),
        Reach::Never(what) => Err(format!("{what}, which no notifier may call")),
    }
}

fn reach(ip: IpAddr) -> Reach {
    match ip {
        IpAddr::V4(ip) => reach_v4(ip),
        IpAddr::V6(ip) => reach_v6(ip),
    }
}

fn reach_v4(ip: Ipv4Addr) -> Reach {
    match ip.octets() {
        // Link-local or not, and whatever network it pretends to be of: what hands out a cloud's credentials.
        [169, 254, 169, 254] | [168, 63, 129, 16] | [100, 100, 100, 200] | [192, 0, 0, 192] => {
            Reach::Never("a cloud's metadata service")
        }
        [127, ..] => Reach::Private("a loopback address"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Reach::Private("a private address"),
        [100, 64..=127, ..] => Reach::Private("an address behind a carrier's NAT"),
        [169, 254, ..] => Reach::Never("a link-local address"),
        [0, ..] => Reach::Never("an unspecified address"),
        [224..=239, ..] => Reach::Never("a multicast address"),
        [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [240..=255, ..] => Reach::Never("a reserved address"),
        _ => Reach::Public,
    }
}

fn reach_v6(ip: Ipv6Addr) -> Reach {
    if ip == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254) {
        return Reach::Never("a cloud's metadata service");
    }
    // An IPv4 address in IPv6 clothes is judged as what it is.
    if let Some(inner) = embedded(ip) {
        return reach_v4(inner);
    }
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Private("a loopback address"),
        [0, 0, 0, 0, 0, 0, 0, 0] => Reach::Never("an unspecified address"),
        [0xfc00..=0xfdff, ..] => Reach::Private("a private address"),
        [0xfe80..=0xfebf, ..] => Reach::Never("a link-local address"),
        [0xff00..=0xffff, ..] => Reach::Never("a multicast address"),
        // Special purposes (with Teredo, whose clients sit behind any NAT), and documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => {
            Reach::Never("a reserved address")
        }
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never("a reserved address"),
    }
}

/// The IPv4 address within: mapped, NAT64, 6to4, ISATAP.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [high, low] = match ip.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => [high, low],
        [0x2002, high, low, ..] => [high, low],
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => [high, low],
        _ => return None,
    };
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Some(Ipv4Addr::new(a, b, c, d))
}

#[cfg(test)]
mod tests;
