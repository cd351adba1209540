//! A file system that turns read-only beneath the running process, as one does after an error of its disk. It cannot be
//! remounted while files are open, so that a library in front of the system's calls does it: from when a file is there,
//! whatever would write below the data folder fails as the kernel would let it fail.

use std::{path::PathBuf, process::Command};

use tempfile::TempDir;

use super::*;

const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int refuses_path(const char *path) {
    const char *flag = getenv("READ_ONLY_FLAG"), *folder = getenv("READ_ONLY_FOLDER");
    return flag && folder && access(flag, F_OK) == 0 && strstr(path, folder) != NULL;
}
static int refuses(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return path[0] == '/' && refuses_path(path);
}
#define NEXT(result, name, ...) \
    static result (*next)(__VA_ARGS__); \
    if (!next) next = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name);
#define REFUSE(file) if (refuses(file)) { errno = EROFS; return -1; }

ssize_t write(int f, const void *b, size_t n) { NEXT(ssize_t, write, int, const void *, size_t) REFUSE(f) return next(f, b, n); }
ssize_t pwrite(int f, const void *b, size_t n, off_t o) { NEXT(ssize_t, pwrite, int, const void *, size_t, off_t) REFUSE(f) return next(f, b, n, o); }
ssize_t pwrite64(int f, const void *b, size_t n, off64_t o) { NEXT(ssize_t, pwrite64, int, const void *, size_t, off64_t) REFUSE(f) return next(f, b, n, o); }
int ftruncate(int f, off_t l) { NEXT(int, ftruncate, int, off_t) REFUSE(f) return next(f, l); }
int ftruncate64(int f, off64_t l) { NEXT(int, ftruncate64, int, off64_t) REFUSE(f) return next(f, l); }
#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
        NEXT(int, name, const char *, int, ...) \
        if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && refuses_path(path)) { errno = EROFS; return -1; } \
        return next(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
int rename(const char *a, const char *b) { NEXT(int, rename, const char *, const char *) if (refuses_path(b)) { errno = EROFS; return -1; } return next(a, b); }
int unlink(const char *a) { NEXT(int, unlink, const char *) if (refuses_path(a)) { errno = EROFS; return -1; } return next(a); }
"#;

/// The library, made with the compiler that the program itself needs.
fn library(folder: &TempDir) -> PathBuf {
    let (source, library) = (folder.path().join("read_only.c"), folder.path().join("read_only.so"));
    std::fs::write(&source, LIBRARY).unwrap();
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(&source)
        .arg("-ldl")
        .output();
    let made = made.expect("this test needs a C compiler (`cc`): install gcc or clang");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    library
}

#[test]
fn a_disk_that_turns_read_only_refuses_what_it_cannot_record_and_goes_on_afterwards() {
    let folder = TempDir::with_prefix("tollbar-test-").unwrap();
    let flag = folder.path().join("read-only");
    let platform = Platform::with()
        .variable("LD_PRELOAD", library(&folder).to_str().unwrap())
        .variable("READ_ONLY_FLAG", flag.to_str().unwrap())
        .variable("READ_ONLY_FOLDER", "/data/")
        .start();
    let shop = busy(platform);
    assert!(post(&shop, "before").status < 400);
    let callers = Callers::start(&shop);
    callers.wait_for("reads are served", |counts| &counts.served);
    File::create(&flag).unwrap();
    callers.wait_for("reads are refused", |counts| &counts.refused);
    assert_refused(&post(&shop, "while-read-only"));
    assert!(post(&shop, "before").header("idempotent-replayed").is_some());
    wait_until("health says so", || health(&shop) == 503);
    assert_eq!(get(shop.platform.ops, "/livez", &[]).status, 200);
    std::fs::remove_file(&flag).unwrap();
    let recovered = recovery(&shop, "while-read-only");
    println!("after a read-only disk: everything works {recovered:?} after it could be written");
    assert!(recovered < RECOVERY_LIMIT, "{recovered:?}");
    callers.wait_for("reads are served again", |counts| &counts.served);
    let (served, refused) = callers.stop();
    println!("{served} reads served, {refused} refused");
    let charged = shop.live.count();
    assert_counted(shop, charged);
}
