//! The published order of checks.

use serde::{Deserialize, Serialize};

macro_rules! stages {
    ($($variant:ident $number:literal $name:literal $text:literal;)*) => {
        /// One step of the published order. The first that fails answers; declaration order is precedence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Stage { $(#[doc = $text] $variant,)* }

        impl Stage {
            /// All stages, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// The number in the published table.
            pub const fn number(self) -> u8 { match self { $(Self::$variant => $number,)* } }
            /// A short name for tables and logs.
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $name,)* } }
            /// What is checked.
            pub const fn description(self) -> &'static str { match self { $(Self::$variant => $text,)* } }
        }
    };
}

stages! {
    Http 0 "http" "A request id is given; the HTTP itself is sane.";
    Platform 1 "platform" "The platform is switched on.";
    Presented 2 "presented" "A credential is present and readable.";
    Known 3 "known" "The credential is known and in date.";
    Revoked 4 "revoked" "The credential is not revoked.";
    Standing 5 "standing" "The client is in good standing.";
    Address 6 "address" "The address is allowed.";
    Environment 7 "environment" "The credential's environment is the one called.";
    Endpoint 8 "endpoint" "Path and method exist.";
    Access 9 "access" "API access is enabled for the client.";
    Scope 10 "scope" "The credential has the scope that the endpoint requires.";
    Write 11 "write" "Write endpoints: the client has write access.";
    Switch 12 "switch" "Neither the endpoint nor its category is switched off.";
    Rate 13 "rate" "The per-minute rate has room; takes one.";
    Idempotency 14 "idempotency" "The body is read; the Idempotency-Key is new, or its answer is replayed.";
    Validity 15 "validity" "The request is valid against the catalogue.";
    Allowance 16 "allowance" "The monthly allowance has room; takes one.";
    Upstream 17 "upstream" "The upstream is reached and answers.";
}
