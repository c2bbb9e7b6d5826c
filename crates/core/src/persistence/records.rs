//! Decides how the records of all pools lie in a file, so that they outlive a restart.
//!
//! ```text
//! "EQRECORD" · version 2
//! for each table: what 1 · length 2, pool · length 2, name · seed 8 · count 8 · records
//! checksum 8: XXH3 of all before it
//! record: key 16 · home 8 · seen 4, in Unix seconds
//! ```
//!
//! Numbers are big-endian. A home is a server's name, as in cookies, so that servers may be reordered and moved in
//! between. The checksum is against accidents: who may write the file may say what he likes, and is told nothing.
//! With the seeds in it, the file tells the values of the application's cookies to whoever can guess them: it is as
//! private as the sessions.

use xxhash_rust::xxh3::xxh3_64;

use super::cookie::Home;
use super::table::{Kept, Restored};
use super::{Carrier, Kind, Learned};
use crate::snapshot::Snapshot;

const MAGIC: &[u8] = b"EQRECORD";
const VERSION: u16 = 1;
const RECORD: usize = 28;
const CHECKSUM: usize = 8;

/// Why a file is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It begins with something else.
    #[error("it is no file of records")]
    Foreign,
    /// Another Equalizer wrote it.
    #[error("it is of version {0}, and this Equalizer reads version {VERSION}")]
    Version(u16),
    /// Something is missing, or not as it was written.
    #[error("it is cut off or damaged")]
    Damaged,
}

/// What became of the records of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Taken {
    /// Those whose pool and kind are there.
    #[serde(flatten)]
    pub restored: Restored,
    /// Those whose pool or kind is gone.
    pub unclaimed: u64,
}

/// The records of all tables of a snapshot; workers go on meanwhile.
pub fn write(snapshot: &Snapshot, now: u64) -> Vec<u8> {
    let mut file = [MAGIC, &VERSION.to_be_bytes()].concat();
    for pool in &snapshot.pools {
        for kind in pool.persistence.kinds() {
            match kind {
                Kind::Address(address) => {
                    let records = address.table().export(now);
                    write_table(&mut file, What::Address, &pool.name, "", 0, records);
                }
                Kind::Learned(learned) => {
                    let (what, name) = What::of(learned.carrier());
                    let table = learned.table();
                    let records = table.export(now);
                    write_table(&mut file, what, &pool.name, name, table.seed(), records);
                }
                _ => {}
            }
        }
    }
    let checksum = xxh3_64(&file);
    file.extend(checksum.to_be_bytes());
    file
}

/// Gives the tables of a snapshot, before anybody uses them, the records of a file; none if it cannot be read.
pub fn read(file: &[u8], snapshot: &mut Snapshot, now: u64) -> Result<Taken, Unreadable> {
    let mut taken = Taken::default();
    for table in tables(file)? {
        let pool = snapshot.pools.iter_mut().find(|pool| pool.name.as_bytes() == table.pool);
        let kinds = pool.map(|pool| pool.persistence.kinds_mut());
        match kinds.and_then(|kinds| kinds.iter_mut().find(|kind| table.is_of(kind))) {
            Some(kind) => taken.restored += table.fill(kind, now),
            None => taken.unclaimed += table.records().count() as u64,
        }
    }
    Ok(taken)
}

/// What a table's records are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Address,
    Cookie,
    Field,
}

impl What {
    fn byte(self) -> u8 {
        match self {
            Self::Address => 1,
            Self::Cookie => 2,
            Self::Field => 3,
        }
    }

    fn from(byte: u8) -> Option<Self> {
        [Self::Address, Self::Cookie, Self::Field].into_iter().find(|what| what.byte() == byte)
    }

    fn of(carrier: &Carrier) -> (Self, &str) {
        match carrier {
            Carrier::Cookie(name) => (Self::Cookie, name),
            Carrier::Field(name) => (Self::Field, name),
        }
    }
}

/// One table of a file.
struct Table<'a> {
    what: What,
    pool: &'a [u8],
    name: &'a [u8],
    seed: u64,
    records: &'a [u8],
}

impl Table<'_> {
    fn is_of(&self, kind: &Kind) -> bool {
        match kind {
            Kind::Address(_) => self.what == What::Address,
            Kind::Learned(learned) => {
                let (what, name) = What::of(learned.carrier());
                (self.what, self.name) == (what, name.as_bytes())
            }
            _ => false,
        }
    }

    fn fill(&self, kind: &mut Kind, now: u64) -> Restored {
        match kind {
            Kind::Address(address) => address.table().import(self.records(), now),
            Kind::Learned(learned) => {
                let table = learned.table().seeded(self.seed);
                let restored = table.import(self.records(), now);
                *learned = Learned::new(learned.carrier().clone(), table.into());
                restored
            }
            _ => Restored::default(),
        }
    }

    fn records(&self) -> impl Iterator<Item = Kept> {
        let mut rest = Rest(self.records);
        std::iter::from_fn(move || {
            Some(Kept {
                key: rest.array()?,
                home: Home(u64::from_be_bytes(rest.array()?)),
                seen: u32::from_be_bytes(rest.array()?).into(),
            })
        })
    }
}

fn write_table(
    file: &mut Vec<u8>,
    what: What,
    pool: &str,
    name: &str,
    seed: u64,
    records: impl Iterator<Item = Kept>,
) {
    file.push(what.byte());
    for text in [pool, name] {
        // Names are far shorter: 63 letters for a pool, 64 for a cookie.
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        file.extend(length.to_be_bytes());
        file.extend(&text.as_bytes()[..length.into()]);
    }
    file.extend(seed.to_be_bytes());
    let place = file.len();
    file.extend([0; 8]);
    let mut count = 0_u64;
    for Kept { key, home, seen } in records {
        file.extend(key);
        file.extend(home.0.to_be_bytes());
        file.extend(u32::try_from(seen).unwrap_or(u32::MAX).to_be_bytes());
        count += 1;
    }
    file[place..place + 8].copy_from_slice(&count.to_be_bytes());
}

/// The tables of a whole, undamaged file.
fn tables(file: &[u8]) -> Result<Vec<Table<'_>>, Unreadable> {
    let mut rest = Rest(file.strip_prefix(MAGIC).ok_or(Unreadable::Foreign)?);
    let version = rest.array().map(u16::from_be_bytes).ok_or(Unreadable::Damaged)?;
    if version != VERSION {
        return Err(Unreadable::Version(version));
    }
    let (body, checksum) = file.split_last_chunk::<CHECKSUM>().ok_or(Unreadable::Damaged)?;
    let inner = rest.0.len().checked_sub(CHECKSUM).ok_or(Unreadable::Damaged)?;
    if xxh3_64(body) != u64::from_be_bytes(*checksum) {
        return Err(Unreadable::Damaged);
    }
    let mut rest = Rest(&rest.0[..inner]);
    let mut tables = Vec::new();
    while !rest.0.is_empty() {
        tables.push(rest.table().ok_or(Unreadable::Damaged)?);
    }
    Ok(tables)
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = u16::from_be_bytes(self.array()?);
        self.bytes(length.into())
    }

    fn table(&mut self) -> Option<Table<'a>> {
        let [what] = self.array()?;
        let (what, pool, name) = (What::from(what)?, self.text()?, self.text()?);
        let seed = u64::from_be_bytes(self.array()?);
        let count = usize::try_from(u64::from_be_bytes(self.array()?)).ok()?;
        let records = self.bytes(count.checked_mul(RECORD)?)?;
        Some(Table { what, pool, name, seed, records })
    }
}
