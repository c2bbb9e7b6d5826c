//! Decides whether an address belongs to one of some networks.

use std::net::{IpAddr, Ipv4Addr};

/// The addresses that share their leading bits with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u32,
}

impl Network {
    /// Reads `192.0.2.0/24`, or one address.
    pub fn read(text: &str) -> Option<Self> {
        let (first, bits) = text.split_once('/').map_or((text, None), |(first, bits)| (first, Some(bits)));
        let first: IpAddr = first.parse().ok()?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok())?;
        (bits <= most).then_some(Self { first, bits })
    }

    /// Whether an address is one of them; IPv4 written as IPv6 is IPv4.
    pub fn holds(self, address: IpAddr) -> bool {
        let differs = match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                (first.to_bits() ^ address.to_bits()).checked_shr(32 - self.bits).unwrap_or(0) != 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                (first.to_bits() ^ address.to_bits()).checked_shr(128 - self.bits).unwrap_or(0) != 0
            }
            _ => true,
        };
        !differs
    }
}

/// Several of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Box<[Network]>);

impl Networks {
    /// Reads them, or says which of the texts is none.
    pub fn read(texts: &[String]) -> Result<Self, String> {
        let read = |text: &String| Network::read(text).ok_or_else(|| no_network(text));
        Ok(Self(texts.iter().map(read).collect::<Result<_, _>>()?))
    }

    /// Whether an address is in one of them.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.holds(address))
    }
}

/// What is said of a text that means no network.
pub fn no_network(text: &str) -> String {
    format!("{text:?} is not an address or PREFIX/BITS")
}

/// The first address of a client's prefix, in IPv6's form, where IPv4 is `::ffff:0:0/96` (RFC 4291, section 2.5.5.2).
pub fn prefix(client: IpAddr, prefix4: u8, prefix6: u8) -> u128 {
    match client.to_canonical() {
        IpAddr::V4(client) => {
            let client = client.to_bits() & !u32::MAX.checked_shr(prefix4.into()).unwrap_or(0);
            Ipv4Addr::from_bits(client).to_ipv6_mapped().to_bits()
        }
        IpAddr::V6(client) => client.to_bits() & !u128::MAX.checked_shr(prefix6.into()).unwrap_or(0),
    }
}
