//! SQLite's checksum of a write-ahead log, forwards and backwards.

pub(super) const FRAME_HEADER_BYTES: usize = 24;

/// What a checksum comes to that goes on from these sums.
pub(super) fn checksum((mut first, mut second): (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    for pair in bytes.as_chunks::<8>().0 {
        let (a, b) = words(*pair, big_endian);
        first = first.wrapping_add(a).wrapping_add(second);
        second = second.wrapping_add(b).wrapping_add(first);
    }
    (first, second)
}

/// The checksum of the header that a log's first frame was written under. The frame tells it where the header itself
/// cannot be read: its own sums lead back to it, and it has the same salts. Of the header only the count of the logs before
/// this one is unknown then; it stands once in the first sum and twice in the second, which must agree. `None` where they
/// do not: this is not the first frame of a log, or it is damaged.
pub(super) fn before_first(frame: &[u8], header: &[u8], big_endian: bool) -> Option<(u32, u32)> {
    let (head, page) = frame.split_at_checked(FRAME_HEADER_BYTES)?;
    let told = (word(head, 16), word(head, 20));
    let sums = unwind(unwind(told, page, big_endian), head.get(..8)?, big_endian);
    let uncounted = [header.get(..12)?, &[0; 4], head.get(8..16)?].concat();
    let (first, second) = checksum((0, 0), &uncounted, big_endian);
    let count = sums.0.wrapping_sub(first);
    (sums.1.wrapping_sub(second) == count.wrapping_mul(2)).then_some(sums)
}

pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    u32::from_be_bytes(bytes.unwrap_or_default())
}

/// The sums that a checksum of these bytes went on from.
fn unwind((mut first, mut second): (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    for pair in bytes.as_chunks::<8>().0.iter().rev() {
        let (a, b) = words(*pair, big_endian);
        second = second.wrapping_sub(b).wrapping_sub(first);
        first = first.wrapping_sub(a).wrapping_sub(second);
    }
    (first, second)
}

fn words([a, b, c, d, e, f, g, h]: [u8; 8], big_endian: bool) -> (u32, u32) {
    let read = if big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
    (read([a, b, c, d]), read([e, f, g, h]))
}
