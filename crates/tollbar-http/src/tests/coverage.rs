//! Each reason to refuse is provoked somewhere. A new one without a place in `number` does not compile.

use std::collections::BTreeSet;

use super::{chunks, requests_refused as requests, responses};
use crate::Malformed::{self, *};

/// Those that need a limit or a count, and are provoked beside the tables. `FieldValue` and nothing else cannot be
/// provoked: the structural pass is stricter than `httparse` about the bytes of a value.
const BESIDE_THE_TABLES: &[Malformed] = &[
    HeadTooLarge { limit_bytes: 0 },
    TooManyFields { limit: 0 },
    TargetTooLong { limit_bytes: 0 },
    TooManyInterim { limit: 0 },
    ChunkLineTooLong { limit_bytes: 0 },
    ChunkOverhead,
    TrailerTooLarge { limit_bytes: 0 },
    InvalidHost,
    FieldValue,
];

#[test]
fn every_reason_is_provoked() {
    let tables =
        [requests::RAW, requests::REQUEST_LINES, requests::FIELDS, chunks::REFUSED, responses::REFUSED];
    let in_tables = tables.into_iter().flatten().map(|(_, malformed)| *malformed);
    let seen: BTreeSet<u32> = in_tables.chain(BESIDE_THE_TABLES.iter().copied()).map(number).collect();
    assert_eq!(seen, (0..COUNT).collect());
    let refused: usize = tables.iter().map(|table| table.len()).sum();
    assert!(refused + requests::HOSTS.len() >= 250, "tables may only grow");
}

const COUNT: u32 = 52;

fn number(malformed: Malformed) -> u32 {
    match malformed {
        HeadTooLarge { .. } => 0,
        TooManyFields { .. } => 1,
        BareLf => 2,
        BareCr => 3,
        ControlByte { .. } => 4,
        FoldedField => 5,
        EmptyStartLine => 6,
        LeadingSpace => 7,
        RequestLine => 8,
        Method => 9,
        MethodTooLong { .. } => 10,
        Version => 11,
        TargetTooLong { .. } => 12,
        TargetForm => 13,
        TargetByte { .. } => 14,
        PercentEscape => 15,
        AsteriskTarget => 16,
        Connect => 17,
        Scheme => 18,
        Userinfo => 19,
        StatusLine => 20,
        TooManyInterim { .. } => 21,
        InterimBody => 22,
        FieldWithoutColon => 23,
        EmptyFieldName => 24,
        SpaceBeforeColon => 25,
        FieldName => 26,
        FieldValue => 27,
        MissingHost => 28,
        RepeatedHost => 29,
        InvalidHost => 30,
        HostMismatch => 31,
        LengthAndTransferEncoding => 32,
        RepeatedLength => 33,
        InvalidLength => 34,
        LengthOverflow => 35,
        RepeatedTransferEncoding => 36,
        TransferEncoding => 37,
        TransferEncodingInHttp10 => 38,
        LookalikeField => 39,
        Connection => 40,
        Expect => 41,
        ChunkSize => 42,
        ChunkSizeOverflow => 43,
        ChunkLineTooLong { .. } => 44,
        ChunkExtension => 45,
        ChunkLineEnd => 46,
        ChunkDataEnd => 47,
        ChunkOverhead => 48,
        TrailerTooLarge { .. } => 49,
        Trailer => 50,
        ForbiddenTrailer => 51,
    }
}
