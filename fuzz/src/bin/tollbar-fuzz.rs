//! Runs one target guided by coverage. It is named by the first folder among the arguments that has the name of one, which
//! also takes its inputs; all other arguments are libFuzzer's. `cargo xtask soak` builds and runs this.
#![no_main]

use std::{io::Write, path::Path, sync::OnceLock};

use tollbar_fuzz::{TARGETS, Target, find_target};

libfuzzer_sys::fuzz_target!(|input: &[u8]| (target().run)(input));

fn target() -> &'static Target {
    static TARGET: OnceLock<&Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let of = |argument: String| find_target(Path::new(&argument).file_name()?.to_str()?);
        std::env::args().skip(1).find_map(of).unwrap_or_else(|| {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            let text = "give a folder with the name of a target";
            let _ = writeln!(std::io::stderr(), "{text}: {}", names.join(", "));
            std::process::exit(2)
        })
    })
}
