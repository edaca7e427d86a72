//! Little-endian bytes in and out. Reading never trusts a length.

use crate::error::StorageError;

/// Appends fixed-width little-endian values and length-prefixed bytes to a buffer.
pub(crate) trait Put {
    /// One byte.
    fn put_u8(&mut self, value: u8);
    /// Two bytes.
    fn put_u16(&mut self, value: u16);
    /// Four bytes.
    fn put_u32(&mut self, value: u32);
    /// Eight bytes.
    fn put_u64(&mut self, value: u64);
    /// Eight bytes.
    fn put_i64(&mut self, value: i64);
    /// A u32 length and the bytes.
    fn put_bytes(&mut self, value: &[u8]);
    /// A u32 length and the text.
    fn put_str(&mut self, value: &str) {
        self.put_bytes(value.as_bytes());
    }
}

impl Put for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }
    fn put_u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_i64(&mut self, value: i64) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_bytes(&mut self, value: &[u8]) {
        // Everything written this way is far below 4 GiB: names, and batches of at most 16 MiB.
        self.put_u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.extend_from_slice(value);
    }
}

/// Reads what [`Put`] wrote; every step says what it expected and where.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Bytes that are not what they must be, at an offset of the buffer read.
#[derive(Debug)]
pub(crate) struct Malformed {
    pub(crate) offset: u64,
    pub(crate) expected: String,
}

impl Malformed {
    /// The same as damage of a file in which the buffer begins at `base`.
    pub(crate) fn at(self, path: &str, base: u64) -> StorageError {
        StorageError::corrupt(path, base.saturating_add(self.offset), self.expected)
    }
}

impl<'a> Cursor<'a> {
    /// Reads from the first byte.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How far it has read.
    pub(crate) fn offset(&self) -> u64 {
        self.at as u64
    }

    /// The bytes not read yet.
    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// An error at this place.
    pub(crate) fn fail<T>(&self, expected: impl Into<String>) -> Result<T, Malformed> {
        Err(Malformed { offset: self.offset(), expected: expected.into() })
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8], Malformed> {
        match self.bytes[self.at..].get(..count) {
            Some(taken) => {
                self.at += count;
                Ok(taken)
            }
            None => self.fail(format!("{what} of {count} bytes, found the end")),
        }
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self, what: &str) -> Result<u8, Malformed> {
        Ok(self.array::<1>(what)?[0])
    }
    pub(crate) fn u16(&mut self, what: &str) -> Result<u16, Malformed> {
        self.array(what).map(u16::from_le_bytes)
    }
    pub(crate) fn u32(&mut self, what: &str) -> Result<u32, Malformed> {
        self.array(what).map(u32::from_le_bytes)
    }
    pub(crate) fn u64(&mut self, what: &str) -> Result<u64, Malformed> {
        self.array(what).map(u64::from_le_bytes)
    }
    pub(crate) fn i64(&mut self, what: &str) -> Result<i64, Malformed> {
        self.array(what).map(i64::from_le_bytes)
    }

    /// Bytes with their length before them.
    pub(crate) fn bytes(&mut self, what: &str) -> Result<&'a [u8], Malformed> {
        let length = self.u32(what)?;
        self.take(length as usize, what)
    }

    /// Text with its length before it.
    pub(crate) fn str(&mut self, what: &str) -> Result<&'a str, Malformed> {
        let at = self.offset();
        let bytes = self.bytes(what)?;
        std::str::from_utf8(bytes).map_err(|_| Malformed { offset: at, expected: format!("{what} in UTF-8") })
    }

    /// A number of things to come, each of at least `bytes_each`, so that a damaged count asks for no memory.
    pub(crate) fn count(&mut self, bytes_each: usize, what: &str) -> Result<usize, Malformed> {
        let count = self.u32(what)? as usize;
        if count.saturating_mul(bytes_each) > self.remaining() {
            return self.fail(format!("{what} that fit the {} bytes left, found {count}", self.remaining()));
        }
        Ok(count)
    }

    /// Nothing may be left.
    pub(crate) fn end(&self, what: &str) -> Result<(), Malformed> {
        if self.remaining() == 0 { Ok(()) } else { self.fail(format!("the end of {what}")) }
    }
}
