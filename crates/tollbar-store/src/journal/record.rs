//! A record on disk: 32 bytes, little-endian, so that none crosses a page.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | `T` |
//! | 1 | the layout's version, 1 |
//! | 2 | event: 0 rated, 1 charged, 2 ended, 3 not sent |
//! | 3 | environment: 0 live, 1 sandbox |
//! | 4..6 | status of an ended request, else 0 |
//! | 6..8 | 0 |
//! | 8..12 | endpoint |
//! | 12..20 | client |
//! | 20..28 | at, in milliseconds since the epoch |
//! | 28..32 | CRC-32 of the 28 bytes before |

use tollbar_contract::Environment;
use tollbar_core::{
    ClientId, EndpointId, Timestamp,
    port::{JournalEvent, JournalRecord},
};

pub(crate) const RECORD_BYTES: usize = 32;

const MARK: u8 = b'T';
const VERSION: u8 = 1;
const CHECKED_BYTES: usize = 28;

pub(crate) fn encode(record: &JournalRecord) -> [u8; RECORD_BYTES] {
    let (event, status) = match record.event {
        JournalEvent::Rated => (0, 0),
        JournalEvent::Charged => (1, 0),
        JournalEvent::Ended { status } => (2, status),
        JournalEvent::NotSent => (3, 0),
    };
    let environment = match record.environment {
        Environment::Live => 0,
        Environment::Sandbox => 1,
    };
    let mut bytes = [0; RECORD_BYTES];
    bytes[..4].copy_from_slice(&[MARK, VERSION, event, environment]);
    bytes[4..6].copy_from_slice(&status.to_le_bytes());
    bytes[8..12].copy_from_slice(&record.endpoint.0.to_le_bytes());
    bytes[12..20].copy_from_slice(&record.client.number().to_le_bytes());
    bytes[20..28].copy_from_slice(&record.at.as_millis().to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..CHECKED_BYTES]);
    bytes[CHECKED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// `None`: torn, damaged, or never written.
pub(crate) fn parse_record(bytes: &[u8; RECORD_BYTES]) -> Option<JournalRecord> {
    let checksum = crc32fast::hash(&bytes[..CHECKED_BYTES]);
    let [MARK, VERSION, event, environment, ..] = *bytes else { return None };
    if field::<4>(bytes, CHECKED_BYTES) != checksum.to_le_bytes() {
        return None;
    }
    let event = match event {
        0 => JournalEvent::Rated,
        1 => JournalEvent::Charged,
        2 => JournalEvent::Ended { status: u16::from_le_bytes(field(bytes, 4)) },
        3 => JournalEvent::NotSent,
        _ => return None,
    };
    Some(JournalRecord {
        event,
        client: ClientId::from_number(u64::from_le_bytes(field(bytes, 12))),
        environment: Environment::from_index(environment.into())?,
        endpoint: EndpointId(u32::from_le_bytes(field(bytes, 8))),
        at: Timestamp::from_millis(u64::from_le_bytes(field(bytes, 20))),
    })
}

fn field<const N: usize>(bytes: &[u8; RECORD_BYTES], from: usize) -> [u8; N] {
    bytes.get(from..from + N).and_then(|part| part.try_into().ok()).unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_is_read_back_and_a_damaged_one_is_not(
            event in prop_oneof![
                Just(JournalEvent::Rated), Just(JournalEvent::Charged), Just(JournalEvent::NotSent),
                any::<u16>().prop_map(|status| JournalEvent::Ended { status }),
            ],
            client in any::<u64>(), endpoint in any::<u32>(), at in any::<u64>(), live in any::<bool>(),
            damaged in 0..RECORD_BYTES, bit in 0..8_u8,
        ) {
            let record = JournalRecord {
                event,
                client: ClientId::from_number(client),
                environment: if live { Environment::Live } else { Environment::Sandbox },
                endpoint: EndpointId(endpoint),
                at: Timestamp::from_millis(at),
            };
            let mut bytes = encode(&record);
            prop_assert_eq!(parse_record(&bytes), Some(record));
            bytes[damaged] ^= 1 << bit;
            prop_assert_eq!(parse_record(&bytes), None);
        }
    }

    #[test]
    fn what_was_never_written_is_no_record() {
        assert_eq!(parse_record(&[0; RECORD_BYTES]), None);
    }
}
