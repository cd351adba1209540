#!/usr/bin/env bash
# Takes each stage of the pipeline out, one after the other, in a scratch copy, and runs `tollbar tour` against what is
# left: every time it must turn red. A change that no longer applies, or does not compile, is a failure too.
#
#   xtask/soak/stages-removed.sh             all of them
#   xtask/soak/stages-removed.sh recheck     those with this in their name
set -euo pipefail

cd "$(dirname "$0")/../.."
. xtask/soak/scratch.sh
only=${1:-}
scratch=$PWD/target/stages-removed
tree=$scratch/tree
export CARGO_TARGET_DIR=$scratch/build CARGO_TERM_COLOR=never
pipeline=crates/tollbar-gateway/src/pipeline
keyed=crates/tollbar-gateway/src/keyed
request=crates/tollbar-gateway/src/forward/request
response=crates/tollbar-gateway/src/forward/response
admission=crates/tollbar-core/src/admission
presented=crates/tollbar-core/src/presented
grant=crates/tollbar-core/src/grant
failures=0
count=0

build() {
    (cd "$tree" && cargo build --quiet --locked --package tollbar) >"$scratch/build.log" 2>&1
}

# Runs the tour; 0 if it is green. Its rows are in rows.json.
tour() {
    timeout 120 "$CARGO_TARGET_DIR/debug/tollbar" tour --json >"$scratch/rows.json" 2>"$scratch/errors.txt"
}

# How many rows are red, and what they are.
red_rows() {
    python3 - "$scratch/rows.json" <<'PYTHON'
import json, sys
try:
    rows = json.load(open(sys.argv[1]))
except ValueError:
    # The tour ended without its table.
    rows = []
red = [row["code"] or "(none)" for row in rows if not row["passed"]]
print(f"{len(red):3}  {' '.join(dict.fromkeys(red))}")
PYTHON
}

say() {
    printf '%5s  %-46s  %s\n' "$1" "$2" "$3"
}

fail() {
    failures=$((failures + 1))
    say "$1" "$2" "FAILED: $3"
}

# without STAGE NAME ROOM PERL: the tour of a build with this change must be red. A room is foo.rs with foo/.
without() {
    local stage=$1 name=$2 room=$3 change=$4 file
    case $name in *"$only"*) ;; *) return 0 ;; esac
    count=$((count + 1))
    find "$room.rs" "$room" -name '*.rs' 2>"$scratch/errors.txt" >"$scratch/files.txt" || true
    while read -r file; do perl -0777 -pi -e "$change" "$tree/$file"; done <"$scratch/files.txt"
    if diff -rq "$room.rs" "$tree/$room.rs" >"$scratch/errors.txt" &&
        { [ ! -d "$room" ] || diff -rq "$room" "$tree/$room" >"$scratch/errors.txt"; }; then
        fail "$stage" "$name" "the change does not apply to $room.rs"
    elif ! build; then
        fail "$stage" "$name" "it does not compile: $(grep -m1 '^error' "$scratch/build.log" || true)"
    elif tour; then
        fail "$stage" "$name" "the tour stays green"
    else
        local rows
        rows=$(red_rows)
        if [ "$rows" = "  0  " ]; then
            fail "$stage" "$name" "no row is red: $(head -c 200 "$scratch/errors.txt")"
        else
            say "$stage" "$name" "$rows"
        fi
    fi
    # Only what was changed, and with its own time: cargo goes by it.
    while read -r file; do cmp -s "$file" "$tree/$file" || cp "$file" "$tree/$file"; done <"$scratch/files.txt"
}

# A check of its own that lets everything pass.
passes() {
    echo "s/(pub fn $1\\([^{]*-> Result<\\(\\), Rejection> \\{)/\$1 return Ok(());/"
}

copy_workspace "$tree"
pristine=$scratch/pristine
rm -rf "$pristine"
cp -r "$tree" "$pristine"
# What is being worked on meanwhile does not matter: the copy is compared with itself.
cd "$pristine"

build || { cat "$scratch/build.log"; exit 1; }
if ! tour; then
    echo "the tour is red before anything was taken out: $(red_rows)"
    exit 1
fi
echo "the tour is green with every stage in place"
echo
say STAGE "TAKEN OUT" "RED ROWS"

without 0 "strictness beyond framing" $pipeline 's/check_http\(head\)\?;//'
without 1 "platform switch" $admission "$(passes check_platform)"
without 1 "platform switch, first call" $pipeline 's/admission::check_platform\([^;]*\)\?;//'
without 1 "platform switch, recheck" $pipeline 's/(.*)admission::check_platform\([^;]*\)\?;/$1/s'
without 2 "credential present" $presented 's/\(None, None\) => \{\s*return Err\(.*?\);\s*\}/(None, None) => Self::ApiKey(b"nothing at all"),/s'
without 2 "only one credential" $presented 's/\(Some\(_\), Some\(_\)\) => return [^\n]*/(Some(key), Some(_)) => return Ok(Self::ApiKey(key.as_bytes())),/'
without 2 "credential readable" $presented 's/if !scheme\.eq_ignore_ascii_case\(b"bearer "\)/if false/'
without 3 "key known: the code" $admission 's/Rejection::new\(Code::InvalidApiKey, Stage::Known, cause\)\.challenging/Rejection::new(Code::MalformedCredentials, Stage::Known, cause).challenging/'
without 3 "key in date" $admission 's/if record\.expires_at\.is_some_and/if false && record.expires_at.is_some_and/'
without 3 "token in date" $admission 's/if claims\.is_expired\(now\)/if false/'
without 3 "throttle" $pipeline 's/(let Some\(seconds\) = [^\n]*)/let Some(seconds) = None::<u32> else { return failure };/'
without 4 "key or token not revoked" $admission 's/(let client = directory\.find_client\(authenticated\.client\);)/$1\n    if let Some(client) = \&client { return Ok(client.clone()); }/'
without 4 "key not revoked" $admission 's/if key\.is_revoked\(now\) \{/if false {/'
without 4 "client of the key not deleted" $admission 's/Some\(client\) if !client\.record\.deleted => Ok\(client\),/Some(client) => Ok(client),\n                #[allow(unreachable_patterns)]/'
without 4 "token not revoked" $admission 's/if let Some\(change\) = directory\.find_revoked_token\(&claims\.jti\)/if let Some(change) = directory.find_revoked_token("")/'
without 4 "credential of the token not revoked" $admission 's/if (is_past\(oauth\.revoked_at\)|oauth\.revoked_at\.is_some\(\)) \{(\s*let cause = format!\(\"credential)/if false {$2/'
without 4 "not all tokens revoked" $admission 's/claims\.issued_at\(\) < from/claims.issued_at() < from \&\& false/'
without 4 "caller, recheck" $pipeline 's/(.*)let client = check_caller\([^;]*\)\?;/$1/s'
without 5 "standing" $admission "$(passes check_standing)"
without 6 "address" $admission "$(passes check_address)"
without 7 "environment" $admission "$(passes check_environment)"
without 7 "environment, a sandbox credential on live" $admission 's/if own == called \{/if own == called || called == Environment::Live {/'
without 7 "environment, a live credential on sandbox" $admission 's/if own == called \{/if own == called || called == Environment::Sandbox {/'
without 8 "path exists" $admission 's/Find::NotFound => Err\(not_found\("no path[^\n]*/Find::NotFound => Ok(Operation { api: api.clone(), endpoint: 0, path_parameters: Vec::new() }),/'
without 8 "method exists" $admission 's/(Find::MethodNotAllowed \{ allow \} => \{)/Find::MethodNotAllowed { .. } if *method != Method::OPTIONS => Ok(Operation { api: api.clone(), endpoint: 0, path_parameters: Vec::new() }),\n        $1/'
without 9 "access" $admission "$(passes check_access)"
without 10 "scope" $admission "$(passes check_scope)"
without 10 "scope, of the credential" $admission 's/let own = authenticated\.own_scopes\(\);\n    let required/let own: Option<std::collections::BTreeSet<String>> = None;\n    let required/'
without 10 "scope, of the client" $admission 's/scope::find_missing\(required, own\.as_ref\(\), &client\.record\.scopes\)/scope::find_missing(required, own.as_ref(), own.as_ref().unwrap_or(\&client.record.scopes))/'
without 11 "write" $admission "$(passes check_write)"
without 12 "switches" $admission "$(passes check_switches)"
without 12 "switch of a category" $admission 's/\*name == endpoint\.category/*name == endpoint.category \&\& false/'
without 12 "switch of an endpoint" $admission 's/target\.is_endpoint\([^\n]*/false/'
without 12 "operation, recheck" $pipeline 's/(.*)let operation = check_operation\([^;]*\)\?;/$1/s'
without 13 "rate" $pipeline 's/exchange\.rate = Some\(admission::take_rate\([^;]*\)\?\);//'
without 13 "rate, the limit" $admission 's/take_rate\(tier\.rate_per_minute, now\)/take_rate(u32::MAX, now)/'
without 13 "rate, before the switches" $pipeline 's/(    \/\/ 8 to 12: path and method exist;[^\n]*\n.*?)    \/\/ 13 the per-minute rate\n(\s*exchange\.rate = Some\(admission::take_rate\([^;]*\)\?\);\n)/$2$1/s'
without 14 "idempotency" $pipeline 's/let key = if operation[^;]*;/let key: Option<String> = None;/'
without 14 "idempotency, the conflict" $keyed 's/if record\.fingerprint != fingerprint/if false \&\& record.fingerprint != fingerprint/'
without 14 "idempotency, the key itself" $pipeline 's/Err\(fault\) => Err\(Rejection::invalid\(Stage::Idempotency, fault\.to_string\(\)\)\),/Err(_) => Ok(None),/'
without 14 "idempotency, the key required" $pipeline 's/if operation\.endpoint\(\)\.idempotency_required/if false/'
without 15 "validity" $admission 's/(pub fn check_valid\([^{]*-> Result<Valid, Rejection> \{)/$1 return Ok(Valid(()));/'
without 15 "validity, the body" $pipeline 's/body\.given\(\)/tollbar_openapi::BodyGiven::Unchecked/'
without 16 "allowance" $admission 's/\.charge\(limit, client\.record\.overage, now\)/.charge(limit, Overage::Report, now)/'
without 16 "allowance, given back" $pipeline 's/charged\.settle\(rejection\.code\.status\(\)\)/charged.settle(200)/'
without 17 "forwarding" $pipeline 's/(    \/\/ 17 to the upstream\n)/$1    return Ok(respond::json(http::StatusCode::OK, b"{}".to_vec()));\n/'
without 17 "headers of ours to the upstream" $request 's/put_own\(&mut headers, exchange, head\);//'
without 17 "the caller's credential taken out" $request 's/HeaderName::from_static\(headers::API_KEY\),\s*AUTHORIZATION,//; s/\|\| name == headers::API_KEY//'
without 17 "the upstream's inside hidden" $response 's/let body = if is_explained\(head\.status\)/let body = if true/'
without - "token endpoint, the grant" $grant 's/Some\("client_credentials"\) => Ok\(\(\)\)/Some(_) => Ok(())/'
without - "token endpoint, the secret" $grant 's/if !is_right \{/if false {/'
without - "token endpoint, the scope" $grant 's/asked\.iter\(\)\.find\(\|scope\| [^\n]*/asked.iter().find(|scope| scope.is_empty()) {/'

echo
echo "$count taken out, $failures of them unnoticed or not tried"
[ "$failures" -eq 0 ]
