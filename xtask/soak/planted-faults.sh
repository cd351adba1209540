#!/usr/bin/env bash
# Plants a fault of each kind that the run of kills is there to find, one after the other, in a scratch copy: every time
# the run must find it, and name it. A change that no longer applies, or does not compile, is a failure too.
#
#   xtask/soak/planted-faults.sh             all of them
#   xtask/soak/planted-faults.sh claim       those with this in their name
set -euo pipefail

cd "$(dirname "$0")/../.."
. xtask/soak/scratch.sh
only=${1:-}
scratch=$PWD/target/planted-faults
tree=$scratch/tree
export CARGO_TARGET_DIR=$scratch/build CARGO_TERM_COLOR=never
charge=crates/tollbar-gateway/src/charge.rs
keyed=crates/tollbar-gateway/src/keyed.rs
failures=0
count=0

# The run of kills; its last line is in report.txt.
kills() {
    (cd "$tree" && TOLLBAR_CRASH_KILLS=60 TOLLBAR_CRASH_SEED=7 timeout 600 cargo test --quiet --locked --package tollbar \
        --test it -- --exact crash::kills_under_load_lose_double_and_stick_nothing --nocapture) >"$scratch/run.log" 2>&1
}

report() {
    grep -m1 -o 'lost [0-9]*, doubled [0-9]*, stuck [0-9]*' "$scratch/run.log" || tail -n 3 "$scratch/run.log"
}

# planted NAME WORD FILE PERL...: with these changes the run must be red, and count something under this word.
planted() {
    local name=$1 word=$2 file=$3 perl
    shift 3
    case $name in *"$only"*) ;; *) return 0 ;; esac
    count=$((count + 1))
    copy_workspace "$tree"
    for perl in "$@"; do
        if ! change "$tree/$file" "$perl"; then
            failures=$((failures + 1))
            echo "$name: FAILED: this does not apply to $file: $perl"
            return 0
        fi
    done
    if ! (cd "$tree" && cargo test --quiet --locked --package tollbar --test it --no-run) >"$scratch/build.log" 2>&1; then
        failures=$((failures + 1))
        echo "$name: FAILED: it does not compile: $(grep -m1 '^error' "$scratch/build.log" || true)"
    elif kills; then
        failures=$((failures + 1))
        echo "$name: FAILED: the run of kills found nothing: $(report)"
    elif ! report | grep -q "$word [1-9]"; then
        failures=$((failures + 1))
        echo "$name: FAILED: nothing is $word: $(report)"
    else
        echo "$name: found: $(report)"
    fi
}

mkdir -p "$scratch"
if [ -z "$only" ]; then
    copy_workspace "$tree"
    kills || { cat "$scratch/run.log"; echo "the run of kills is red before anything was planted"; exit 1; }
    echo "nothing planted: $(report)"
fi

planted "a charge after sending" lost $charge \
    's/, charged\.record\(JournalEvent::Charged\)//' \
    's/(pub\(crate\) fn settle\(mut self, status: u16\) \{)/$1 let _ = append(&self.worker, &[self.record(JournalEvent::Charged)]);/'

planted "an answer before it is durable" lost $keyed \
    's/bounded\(keeping\)\.await/{
        let (shared, slot, id) = (worker.shared.clone(), slot.clone(), exchange.request_id);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let _ = shared.idempotency.answer(slot, id, kept, expires_at).await;
        });
        Ok::<(), tollbar_core::port::StoreFailure>(())
    }/' \
    's/let keeping = [^;]*;//'

planted "a claim that is not durable" doubled $keyed \
    's/bounded\(started\)\.await/{
        let (shared, slot, print, id) = (shared.clone(), slot.clone(), claim.fingerprint, exchange.request_id);
        let expires_at = expiry::of_started(&shared, body_bytes);
        tokio::task::spawn_local(async move { let _ = shared.idempotency.start(slot, print, id, endpoint, now, expires_at).await; });
        Ok::<(), tollbar_core::port::StoreFailure>(())
    }/' \
    's/let started =\s[^;]*;//'

echo
echo "$count planted, $failures of them not found or not tried"
[ "$failures" -eq 0 ]
