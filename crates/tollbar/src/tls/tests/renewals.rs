use std::sync::{Mutex, atomic::Ordering::Relaxed};

use tollbar_core::{Clock, Timestamp};

use super::*;
use crate::tls::{
    meters::Meters,
    renewal::{Watched, Work},
};

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }
}

/// What the thread does, step by step.
struct Bench {
    folder: Folder,
    work: Mutex<Work>,
    in_force: Arc<arc_swap::ArcSwap<ServerConfig>>,
    meters: Arc<Meters>,
}

impl Bench {
    fn make(settings: impl FnOnce(&Folder) -> table::Tls) -> Self {
        let folder = Folder::make();
        let settings = settings(&folder);
        let contents = Contents::read(Server::files(&settings));
        let mut expiries = Expiries::default();
        let server = Server::load(&settings, true, &contents, &mut expiries).unwrap();
        let (in_force, meters) = (server.in_force.clone(), Arc::<Meters>::default());
        let watched = vec![Watched::new(&contents, server)];
        let work = Work::new(watched, expiries, 10, Arc::new(Noon), meters.clone());
        Self { folder, work: Mutex::new(work), in_force, meters }
    }

    fn step(&self, is_asked: bool) {
        self.work.lock().unwrap().step(is_asked);
    }

    /// As a client sees it that was never here.
    fn certificate(&self) -> Vec<u8> {
        let client = Arc::new(self.folder.client(None));
        shake(self.in_force.load_full(), &client, "a.test").unwrap().certificate
    }

    /// Taken, and not to be used.
    fn counts(&self) -> (u64, u64) {
        (self.meters.reloads.load(Relaxed), self.meters.reload_failures.load(Relaxed))
    }
}

fn one(folder: &Folder) -> table::Tls {
    folder.certificate("a", &["a.test"]);
    folder.settings(&["a"])
}

#[test]
fn changed_files_are_taken_when_they_no_longer_change() {
    let bench = Bench::make(one);
    let old = bench.certificate();
    bench.step(false);
    bench.step(false);
    assert_eq!((bench.counts(), bench.certificate()), ((0, 0), old.clone()));
    let key = std::fs::read(bench.folder.path("a.key")).unwrap();
    let new = bench.folder.certificate("a", &["a.test"]);
    let new_key = bench.folder.write("a.key", key);
    // The certificate is new, the key is not yet: that is no fault, but a renewal half done.
    bench.step(false);
    assert_eq!((bench.counts(), bench.certificate()), ((0, 0), old));
    let newest = bench.folder.certificate("a", &["a.test"]);
    assert!(new_key.exists() && new != newest);
    bench.step(false);
    assert_eq!(bench.counts(), (0, 0));
    bench.step(false);
    assert_eq!((bench.counts(), bench.certificate()), ((1, 0), newest));
    bench.step(false);
    bench.step(false);
    assert_eq!(bench.counts(), (1, 0));
}

#[test]
fn a_link_to_another_folder_is_a_change() {
    let bench = Bench::make(|folder| {
        for version in ["v1", "v2"] {
            std::fs::create_dir(folder.path(version)).unwrap();
            folder.certificate(&format!("{version}/a"), &["a.test"]);
        }
        std::os::unix::fs::symlink("v1", folder.path("..data")).unwrap();
        std::os::unix::fs::symlink("..data/a.pem", folder.path("a.pem")).unwrap();
        std::os::unix::fs::symlink("..data/a.key", folder.path("a.key")).unwrap();
        folder.settings(&["a"])
    });
    let old = bench.certificate();
    std::os::unix::fs::symlink("v2", bench.folder.path("..data_tmp")).unwrap();
    std::fs::rename(bench.folder.path("..data_tmp"), bench.folder.path("..data")).unwrap();
    bench.step(false);
    bench.step(false);
    assert_eq!(bench.counts(), (1, 0));
    assert_ne!(bench.certificate(), old);
}

#[test]
fn what_cannot_be_used_is_tried_once_and_what_was_in_force_stays() {
    let bench = Bench::make(one);
    let old = bench.certificate();
    let pem = std::fs::read(bench.folder.path("a.pem")).unwrap();
    for broken in [&b"nonsense"[..], &pem[..100]] {
        let (_, failures) = bench.counts();
        bench.folder.write("a.pem", broken);
        (0..4).for_each(|_| bench.step(false));
        assert_eq!((bench.counts(), bench.certificate()), ((0, failures + 1), old.clone()));
    }
    std::fs::remove_file(bench.folder.path("a.pem")).unwrap();
    bench.step(true);
    assert_eq!((bench.counts(), bench.certificate()), ((0, 3), old.clone()));
    // Back as it was: in force already, and said to be so.
    bench.folder.write("a.pem", &pem);
    (0..4).for_each(|_| bench.step(false));
    assert_eq!((bench.counts(), bench.certificate()), ((1, 3), old));
}

#[test]
fn who_asks_is_not_kept_waiting() {
    let bench = Bench::make(one);
    bench.step(true);
    assert_eq!(bench.counts(), (1, 0), "also where nothing has changed");
    let new = bench.folder.certificate("a", &["a.test"]);
    bench.step(true);
    assert_eq!((bench.counts(), bench.certificate()), ((2, 0), new));
    (0..3).for_each(|_| bench.step(false));
    assert_eq!(bench.counts(), (2, 0));
}

#[test]
fn the_metrics_say_when_certificates_end_and_what_came_of_reloads() {
    let bench = Bench::make(one);
    let text = "# TYPE tollbar_panics counter\ntollbar_panics_total 0\n# EOF\n".to_owned();
    assert_eq!(Meters::default().add_to(text.clone()), text, "nothing is said without TLS");
    bench.step(true);
    bench.folder.write("a.key", "");
    bench.step(true);
    let text = bench.meters.add_to(text);
    let end = format!(
        "tollbar_tls_certificate_end_seconds{{file=\"{}\"}} 67090118400\n# EOF\n",
        bench.folder.path("a.pem").display()
    );
    assert!(text.ends_with(&end), "{text}");
    for line in
        ["tollbar_panics_total 0", "tollbar_tls_reloads_total 1", "tollbar_tls_reload_failures_total 1"]
    {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert_eq!(text.matches("# EOF").count(), 1);
}
