//! What is played: fixed scripts, one for each part of the store, and random ones.

use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Script {
    /// Names the start of the machine.
    pub(super) boot: String,
    /// Numbers of calls, requests and changes begin here, so that scripts played after each other have their own.
    pub(super) first: u64,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Step {
    /// Charges a request as the gateway does: leases where that is needed, journals, and journals the outcome too.
    Charge {
        client: u64,
        writer: usize,
        ends: Ending,
    },
    /// Journals many records with one call.
    Burst {
        client: u64,
        writer: usize,
        count: u64,
    },
    Rate {
        client: u64,
        writer: usize,
    },
    Start {
        slot: u8,
        seconds: u64,
    },
    Answer {
        slot: u8,
        bytes: usize,
    },
    Release {
        slot: u8,
    },
    /// Starts three slots and leases, all at once; then answers and releases.
    Together {
        slot: u8,
        client: u64,
    },
    Ids {
        count: u64,
    },
    Apply {
        tier: u8,
        throw: bool,
    },
    Number {
        path: u8,
    },
    Log,
    Fold,
    Pass {
        seconds: u64,
    },
    /// Ends the store and opens it again.
    Close,
    /// Lets go of the store without ending it, and opens it again.
    Abandon,
    /// Ends the writers of the journal, and waits until what is old has been taken away.
    Clean,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ending {
    /// Still under way at the end.
    Never,
    Status(u16),
    NotSent,
}

use Ending::{Never, NotSent, Status};

impl Script {
    fn of(steps: Vec<Step>) -> Self {
        Self { boot: "first".to_owned(), first: 1, steps }
    }

    /// Charges over a month's end, files of the journal that end and begin, folds, an end and another start.
    pub(super) fn ledger() -> Self {
        let charge = |client, writer, ends| Step::Charge { client, writer, ends };
        Self::of(vec![
            charge(0, 0, Status(200)),
            charge(1, 1, Status(503)),
            Step::Burst { client: 0, writer: 0, count: 5 },
            Step::Rate { client: 0, writer: 1 },
            charge(0, 1, NotSent),
            Step::Fold,
            Step::Burst { client: 0, writer: 1, count: 12 },
            charge(0, 0, Never),
            Step::Abandon,
            charge(0, 0, Status(200)),
            Step::Pass { seconds: 90 },
            charge(0, 0, Status(200)),
            Step::Fold,
            charge(1, 1, Status(404)),
            Step::Close,
            charge(0, 0, Status(500)),
            charge(1, 0, Never),
        ])
    }

    /// Each state of a slot and each way on from it, alone and many at once.
    pub(super) fn idempotency() -> Self {
        Self::of(vec![
            Step::Start { slot: 0, seconds: 86_400 },
            Step::Answer { slot: 0, bytes: 300 },
            Step::Start { slot: 0, seconds: 86_400 },
            Step::Start { slot: 1, seconds: 86_400 },
            Step::Start { slot: 1, seconds: 86_400 },
            Step::Answer { slot: 1, bytes: 0 },
            Step::Start { slot: 2, seconds: 5 },
            Step::Answer { slot: 2, bytes: 9_000 },
            Step::Together { slot: 10, client: 0 },
            Step::Release { slot: 0 },
            Step::Pass { seconds: 10 },
            Step::Start { slot: 2, seconds: 86_400 },
            Step::Start { slot: 3, seconds: 86_400 },
            Step::Abandon,
            Step::Answer { slot: 3, bytes: 40_000 },
            Step::Release { slot: 1 },
        ])
    }

    /// Changes of policy with their audit entries, numbers of endpoints, request ids, the request log.
    pub(super) fn policy() -> Self {
        Self::of(vec![
            Step::Ids { count: 100 },
            Step::Apply { tier: 0, throw: true },
            Step::Number { path: 0 },
            Step::Log,
            Step::Apply { tier: 1, throw: false },
            Step::Ids { count: 7 },
            Step::Number { path: 1 },
            Step::Close,
            Step::Log,
            Step::Apply { tier: 0, throw: true },
            Step::Number { path: 0 },
            Step::Ids { count: 1 },
            Step::Log,
        ])
    }

    /// Old files of the journal and expired records are taken away, while others are in use.
    pub(super) fn house() -> Self {
        Self::of(vec![
            Step::Burst { client: 0, writer: 0, count: 9 },
            Step::Burst { client: 1, writer: 1, count: 9 },
            Step::Start { slot: 0, seconds: 100 },
            Step::Start { slot: 1, seconds: 86_400 },
            Step::Pass { seconds: 200 },
            Step::Clean,
            Step::Charge { client: 0, writer: 0, ends: Status(200) },
            Step::Start { slot: 0, seconds: 86_400 },
            Step::Abandon,
            Step::Charge { client: 1, writer: 0, ends: Status(502) },
            Step::Fold,
        ])
    }

    /// So much in the write-ahead log that it is written back and begun anew in the middle.
    pub(super) fn large() -> Self {
        let mut steps = Vec::new();
        for slot in 0..6 {
            steps.push(Step::Start { slot, seconds: 86_400 });
            steps.push(Step::Answer { slot, bytes: 900_000 });
            steps.push(Step::Charge { client: 0, writer: 0, ends: Status(200) });
        }
        Self::of(steps)
    }

    /// What another start does with what a crash has left.
    pub(super) fn again(first: u64) -> Self {
        let steps = vec![
            Step::Charge { client: 0, writer: 0, ends: Status(200) },
            Step::Start { slot: 0, seconds: 86_400 },
            Step::Ids { count: 3 },
            Step::Apply { tier: 0, throw: false },
            Step::Fold,
        ];
        Self { first, ..Self::of(steps) }
    }

    /// The random script of a seed.
    pub(super) fn random(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), random);
        Self::of(vec(any_step(), 5..25).new_tree(&mut runner).unwrap().current())
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let ending = prop_oneof![
        1 => Just(Never),
        1 => Just(NotSent),
        4 => prop_oneof![Just(200), Just(404), Just(500), Just(503)].prop_map(Status),
    ];
    let life = prop_oneof![3 => Just(86_400_u64), 1 => Just(20)];
    let answer = prop_oneof![Just(0), 1..2000_usize, Just(50_000)];
    prop_oneof![
        5 => (0..3_u64, 0..2_usize, ending).prop_map(|(client, writer, ends)| Step::Charge { client, writer, ends }),
        2 => (0..3_u64, 0..2_usize, 2..20_u64)
            .prop_map(|(client, writer, count)| Step::Burst { client, writer, count }),
        1 => (0..3_u64, 0..2_usize).prop_map(|(client, writer)| Step::Rate { client, writer }),
        4 => (0..4_u8, life).prop_map(|(slot, seconds)| Step::Start { slot, seconds }),
        4 => (0..4_u8, answer).prop_map(|(slot, bytes)| Step::Answer { slot, bytes }),
        2 => (0..4_u8).prop_map(|slot| Step::Release { slot }),
        2 => (4..7_u8, 0..3_u64).prop_map(|(slot, client)| Step::Together { slot, client }),
        1 => (1..50_u64).prop_map(|count| Step::Ids { count }),
        2 => (0..3_u8, any::<bool>()).prop_map(|(tier, throw)| Step::Apply { tier, throw }),
        1 => (0..3_u8).prop_map(|path| Step::Number { path }),
        1 => Just(Step::Log),
        2 => Just(Step::Fold),
        2 => (1..60_u64).prop_map(|seconds| Step::Pass { seconds }),
        1 => Just(Step::Close),
        2 => Just(Step::Abandon),
    ]
}
