//! The published order of checks: of two faults at once, the earlier stage's answers. For every pair.

mod fault;
mod world;

use fault::Fault::{self, *};
use tollbar_contract::Stage;
use world::{Request, World};

/// Pairs that cannot occur together, and why. The list may only shrink.
const IMPOSSIBLE: [(Fault, Fault, &str); 14] = [
    (NoCredential, MistypedKey, "nothing is presented that could be mistyped"),
    (NoCredential, KeyPastItsDate, "nothing is presented that could be past its date"),
    (NoCredential, TokenOfDeletedClient, "no token is presented"),
    (NoCredential, ThrottledAddress, "a failure is counted at stage 3, for a credential"),
    (NoCredential, RevokedKey, "nothing is presented that could be revoked"),
    (NoCredential, RevokedToken, "nothing is presented that could be revoked"),
    (NoCredential, OtherEnvironment, "nothing is presented that could be of another environment"),
    (MistypedKey, RevokedToken, "a key is no token"),
    (KeyPastItsDate, RevokedToken, "a key is no token"),
    (ThrottledAddress, RevokedToken, "the failure that is counted is a key's; a key is no token"),
    (TokenOfDeletedClient, RevokedKey, "a token is no key"),
    (TokenOfDeletedClient, DeletedClient, "for a token, the two are the same"),
    (UnknownPath, EndpointOff, "there is no endpoint that could be off"),
    (UnknownPath, CategoryOff, "there is no category that could be off"),
];

/// Where the contract lets the later stage answer: a tombstone stays, also when the key is past its date as well.
const LATER_ANSWERS: [(Fault, Fault); 2] = [(KeyPastItsDate, RevokedKey), (KeyPastItsDate, DeletedClient)];

/// Every pair of faults of different stages that can occur together, and the one that answers.
fn pairs() -> Vec<(Vec<Fault>, Fault)> {
    let mut pairs = Vec::new();
    for (n, &first) in Fault::ALL.iter().enumerate() {
        for &second in &Fault::ALL[n + 1..] {
            assert!(first.stage() <= second.stage(), "the faults are listed in the order of the stages");
            let is_impossible = IMPOSSIBLE.iter().any(|(a, b, _)| (*a, *b) == (first, second));
            if first.stage() == second.stage() || is_impossible {
                continue;
            }
            let answers = if LATER_ANSWERS.contains(&(first, second)) { second } else { first };
            pairs.push((vec![first, second], answers));
        }
    }
    pairs
}

#[test]
fn every_stage_has_a_fault_and_each_fault_answers_by_itself() {
    for stage in Stage::ALL {
        assert!(Fault::ALL.iter().any(|fault| fault.stage() == *stage), "{stage:?}");
    }
    check(Fault::ALL.iter().map(|&fault| (vec![fault], fault)).collect());
}

#[test]
fn of_two_faults_the_earlier_stage_answers() {
    let pairs = pairs();
    assert!(pairs.len() > 300, "{}", pairs.len());
    check(pairs);
}

#[test]
fn of_many_faults_at_once_the_earliest_stage_answers() {
    let key = [
        MethodOverride,
        PlatformOff,
        TwoCredentials,
        MistypedKey,
        RevokedKey,
        Suspended,
        AddressNotAllowed,
        OtherEnvironment,
        OtherMethod,
        AccessDisabled,
        ScopeMissing,
        NoWriteAccess,
        EndpointOff,
        RateUsedUp,
        KeyReused,
        InvalidParameter,
        AllowanceUsedUp,
        UpstreamGone,
    ];
    let token = [
        UnreadableHead,
        PlatformOff,
        TwoCredentials,
        TokenOfDeletedClient,
        RevokedToken,
        Suspended,
        AddressNotAllowed,
        OtherEnvironment,
        UnknownPath,
        AccessDisabled,
        RateUsedUp,
        BadIdempotencyKey,
        AllowanceUsedUp,
        UpstreamGone,
    ];
    // Each tail of a chain: what stands first in it answers.
    let tails =
        |chain: &[Fault]| (0..chain.len()).map(|n| (chain[n..].to_vec(), chain[n])).collect::<Vec<_>>();
    check([tails(&key), tails(&token)].concat());
}

/// Builds a world for each case, sends its request, and compares code and stage.
fn check(cases: Vec<(Vec<Fault>, Fault)>) {
    let (with_platform_off, with_platform_on): (Vec<_>, Vec<_>) =
        cases.into_iter().partition(|(faults, _)| faults.contains(&PlatformOff));
    let world = World::open();
    let prepare = |cases: Vec<(Vec<Fault>, Fault)>| {
        let prepared = cases.into_iter().map(|(faults, answers)| (world.prepare(&faults), faults, answers));
        prepared.collect::<Vec<_>>()
    };
    let (on, off) = (prepare(with_platform_on), prepare(with_platform_off));
    world.wait_until_keys_are_past_their_date();
    let seen = world.bytes_seen();
    let compare = |prepared: &[(Request, Vec<Fault>, Fault)]| {
        for (request, faults, answers) in prepared {
            let response = world.send(request);
            assert_eq!(response.code(), answers.code().as_str(), "{faults:?}: {response:?}");
            let entry = world.look_up(&response);
            assert_eq!(entry["refused_at"], answers.stage().name(), "{faults:?}: {entry}");
        }
    };
    compare(&on);
    world.switch_the_platform_off();
    compare(&off);
    assert_eq!(world.bytes_seen(), seen, "a refused request reached the upstream");
}
