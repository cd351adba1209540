//! SQLite's checksum of a write-ahead log.

pub(super) const FRAME_HEADER_BYTES: usize = 24;

/// What a checksum comes to that goes on from these sums.
pub(super) fn checksum((mut first, mut second): (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    let read = |bytes: [u8; 4]| {
        if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    for [a, b, c, d, e, f, g, h] in bytes.as_chunks::<8>().0.iter().copied() {
        first = first.wrapping_add(read([a, b, c, d])).wrapping_add(second);
        second = second.wrapping_add(read([e, f, g, h])).wrapping_add(first);
    }
    (first, second)
}

/// The checksum of the header that a log's first frame was written under, where that header itself cannot be read. It had the
/// frame's salts; and it counted as many logs before it as what stands there now, or one less: the next log's header
/// was being written over it, from its front. `None`: no such header leads to this frame, or the frame is damaged too.
pub(super) fn before_first(frame: &[u8], header: &[u8], big_endian: bool) -> Option<(u32, u32)> {
    let (head, page) = frame.split_at_checked(FRAME_HEADER_BYTES)?;
    let (page_and_size, salts, told) = (head.get(..8)?, head.get(8..16)?, (word(head, 16), word(head, 20)));
    // Where adding one carries, the bytes that were written say more than one.
    let counts = [0, 1, 1 << 8, 1 << 16, 1 << 24].map(|more| word(header, 12).wrapping_sub(more));
    counts.into_iter().find_map(|count| {
        let under = [header.get(..12)?, &count.to_be_bytes(), salts].concat();
        let sums = checksum((0, 0), &under, big_endian);
        let leads_to = checksum(checksum(sums, page_and_size, big_endian), page, big_endian);
        (leads_to == told).then_some(sums)
    })
}

/// What the first two words of a frame were when its checksum was made, which goes on from these sums: its page's number, and
/// its mark. They are others than those that stand there where just these are damaged; and any where something else is.
pub(super) fn first_words(sums: (u32, u32), page: &[u8], told: (u32, u32), big_endian: bool) -> (u32, u32) {
    let (mut first, mut second) = told;
    let read = |bytes: [u8; 4]| {
        if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    let before = |sum: u32, word: u32, other: u32| sum.wrapping_sub(word).wrapping_sub(other);
    for [a, b, c, d, e, f, g, h] in page.as_chunks::<8>().0.iter().rev().copied() {
        second = before(second, read([e, f, g, h]), first);
        first = before(first, read([a, b, c, d]), second);
    }
    let words = (before(first, sums.0, sums.1), before(second, sums.1, first));
    // They stand there big-endian, however they are added.
    if big_endian { words } else { (words.0.swap_bytes(), words.1.swap_bytes()) }
}

pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    u32::from_be_bytes(bytes.unwrap_or_default())
}
