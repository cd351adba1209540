use std::time::Duration;

use super::{
    super::splitter::{HEADER_BYTES, PADDED},
    *,
};

fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
    let length = u32::try_from(payload).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
    bytes.resize(HEADER_BYTES + payload, 0xff);
    bytes
}

/// Whether so many of a frame pass at one moment, in pieces of a size.
fn passes(frames: &[Vec<u8>], piece: usize) -> Result<(), Fault> {
    let now = Instant::now();
    let mut meter = Frames::new(now);
    let mut bytes = [vec![0; PREFACE_BYTES], frame(kind::SETTINGS, 0, 0)].concat();
    bytes.extend(frames.concat());
    bytes.chunks(piece).try_for_each(|piece| meter.count(piece, now, |_| ()))
}

#[test]
fn floods_are_noticed_and_ordinary_traffic_is_not() {
    let (settings, ping, priority, unknown) = (kind::SETTINGS, 6, 2, 77);
    let many = |count: usize, frame: Vec<u8>| vec![frame; count];
    for piece in [1, 7, 4096] {
        for (frames, verdict) in [
            (many(5000, frame(kind::HEADERS, END_HEADERS | END_STREAM, 30)), Ok(())),
            (many(5000, frame(kind::DATA, 0, 100)), Ok(())),
            (many(5000, frame(kind::DATA, END_STREAM, 0)), Ok(())),
            (many(200, frame(kind::RST_STREAM, 0, 4)), Ok(())),
            (many(201, frame(kind::RST_STREAM, 0, 4)), Err(Fault::Resets)),
            (many(100, frame(ping, 0, 8)), Ok(())),
            (many(201, frame(ping, 0, 8)), Err(Fault::IdleFrames)),
            (many(201, frame(settings, 0, 0)), Err(Fault::IdleFrames)),
            (many(1, frame(settings, 0, 36)), Ok(())),
            (many(1, frame(settings, 0, 16_380)), Err(Fault::IdleFrames)),
            (many(201, frame(priority, 0, 5)), Err(Fault::IdleFrames)),
            (many(201, frame(unknown, 0, 0)), Err(Fault::IdleFrames)),
            (many(201, frame(kind::DATA, 0, 0)), Err(Fault::IdleFrames)),
            (many(201, frame(kind::DATA, PADDED, 256)), Err(Fault::IdleFrames)),
            (many(1000, frame(kind::DATA, PADDED, 257)), Ok(())),
            (many(1000, frame(kind::WINDOW_UPDATE, 0, 4)), Ok(())),
            (many(1001, frame(kind::WINDOW_UPDATE, 0, 4)), Err(Fault::WindowUpdates)),
            (many(1, frame(kind::HEADERS, 0, 65_537)), Err(Fault::HeaderBlock)),
        ] {
            assert_eq!(passes(&frames, piece), verdict, "{:?} in pieces of {piece}", &frames[0][..9]);
        }
    }
}

#[test]
fn a_header_block_is_bounded_in_bytes_and_frames() {
    let block = |continuations: usize, payload: usize| {
        let mut frames = vec![frame(kind::HEADERS, 0, payload)];
        frames.extend(vec![frame(kind::CONTINUATION, 0, payload); continuations]);
        frames
    };
    assert_eq!(passes(&block(16, 10), 64), Ok(()));
    assert_eq!(passes(&block(17, 10), 64), Err(Fault::HeaderBlock));
    assert_eq!(passes(&block(4, 16_384), 64), Err(Fault::HeaderBlock));
}

#[test]
fn an_allowance_comes_back_with_time_and_work_earns_more() {
    let began = Instant::now();
    let mut bucket = Bucket::full(Allowance { burst: 2.0, per_second: 10.0, earned_max: 5.0 }, began);
    assert!(bucket.spend(2.0, began));
    assert!(!bucket.spend(1.0, began));
    assert!(bucket.spend(1.0, began + Duration::from_millis(250)));
    let later = began + Duration::from_secs(100);
    assert!(!bucket.spend(3.0, later), "time alone gives back the burst");
    bucket.earn(100.0);
    assert!(bucket.spend(5.0, later));
    assert!(!bucket.spend(1.0, later));
}
