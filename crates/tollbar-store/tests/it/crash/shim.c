/*
 * Stands before the C library's file calls (LD_PRELOAD) and writes down, in their true order, those that change files
 * beneath one folder, or sync them. SHIM_ROOT names the folder, SHIM_LOG the file of the record.
 *
 * SHIM_KILL=N:MODE ends the process with SIGKILL at the N-th of these calls: MODE is b (before it), t (in the middle of a
 * write: half of the bytes are written) or a (after it).
 *
 * SHIM_FAIL names a folder: while there is `always` in it, or `once` (which is taken away), syncs fail and do nothing.
 *
 * An entry: kind (1 byte), handle (4), number (8), length (4), then so many bytes; in the machine's byte order.
 * What is memory-mapped is not seen: SQLite does that to -shm files only, which it builds anew.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPENED = 1, WRITTEN, CUT, SYNCED, UNLINKED, RENAMED, FOLDER_MADE };
enum { HANDLES = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[4096];
static size_t root_length;
static int log_fd = -1;
static uint32_t handles[HANDLES];
static uint32_t next_handle = 1;
static uint64_t calls, kill_at;
static char kill_mode;
static char fail_once[4096], fail_always[4096];

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("SHIM_ROOT"), *log = getenv("SHIM_LOG"), *end = getenv("SHIM_KILL");
    if (!folder || !log || strlen(folder) >= sizeof root) return;
    strcpy(root, folder);
    root_length = strlen(root);
    log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (end) {
        char *mode;
        kill_at = strtoull(end, &mode, 10);
        kill_mode = mode[0] ? mode[1] : 'b';
    }
    const char *fail = getenv("SHIM_FAIL");
    if (fail) {
        snprintf(fail_once, sizeof fail_once, "%s/once", fail);
        snprintf(fail_always, sizeof fail_always, "%s/always", fail);
    }
}

static int sync_fails(void) {
    return fail_once[0]
        && (syscall(SYS_unlinkat, AT_FDCWD, fail_once, 0) == 0 || access(fail_always, F_OK) == 0);
}

/* A path relative to the folder; NULL if it is elsewhere, or nothing that counts. */
static const char *inside(const char *path) {
    size_t length = strlen(path);
    if (log_fd < 0 || strncmp(path, root, root_length) != 0) return NULL;
    if (path[root_length] != '/' && path[root_length] != 0) return NULL;
    if (length > 4 && strcmp(path + length - 4, "-shm") == 0) return NULL;
    return path + root_length;
}

static uint32_t handle_of(int fd) {
    return fd >= 0 && fd < HANDLES ? handles[fd] : 0;
}

static void note(uint8_t kind, uint32_t handle, uint64_t number, const void *bytes, size_t length) {
    int before = errno;
    uint32_t short_length = length;
    char head[17];
    head[0] = kind;
    memcpy(head + 1, &handle, 4);
    memcpy(head + 5, &number, 8);
    memcpy(head + 13, &short_length, 4);
    struct iovec parts[2] = {{head, sizeof head}, {(void *)bytes, length}};
    if (syscall(SYS_writev, log_fd, parts, 2) != (long)(sizeof head + length)) abort();
    errno = before;
}

static void end_process(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

/* Counts a call; whether the process is to end at it, and how. */
static char next_call(void) {
    char mode = ++calls == kill_at ? kill_mode : 0;
    if (mode == 'b') end_process();
    return mode;
}

static void after_call(char mode) {
    if (mode) end_process();
}

static int open_file(const char *path, int flags, mode_t mode) {
    const char *name = inside(path);
    if (!name) return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat status;
    int is_new = (flags & O_CREAT) && stat(path, &status) != 0;
    int changes = is_new || (flags & O_TRUNC);
    char end = changes ? next_call() : 0;
    int fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd >= HANDLES) abort();
    if (fd >= 0) {
        handles[fd] = next_handle++;
        note(OPENED, handles[fd], (is_new ? 1 : 0) | (flags & O_TRUNC ? 2 : 0), name, strlen(name));
    }
    after_call(end);
    pthread_mutex_unlock(&lock);
    return fd;
}

#define OPEN(NAME)                                    \
    int NAME(const char *path, int flags, ...) {      \
        va_list rest;                                 \
        va_start(rest, flags);                        \
        mode_t mode = va_arg(rest, mode_t);           \
        va_end(rest);                                 \
        return open_file(path, flags, mode);          \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    if (handle_of(fd)) {
        pthread_mutex_lock(&lock);
        handles[fd] = 0;
        pthread_mutex_unlock(&lock);
    }
    return syscall(SYS_close, fd);
}

static ssize_t write_at(int fd, const void *bytes, size_t length, off_t at, int has_place) {
    uint32_t handle = handle_of(fd);
    if (!handle) {
        return has_place ? syscall(SYS_pwrite64, fd, bytes, length, at) : syscall(SYS_write, fd, bytes, length);
    }
    pthread_mutex_lock(&lock);
    char end = next_call();
    if (!has_place) {
        struct stat status;
        int appends = syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND;
        at = appends && fstat(fd, &status) == 0 ? status.st_size : lseek(fd, 0, SEEK_CUR);
    }
    if (end == 't') length /= 2;
    ssize_t written =
        has_place ? syscall(SYS_pwrite64, fd, bytes, length, at) : syscall(SYS_write, fd, bytes, length);
    if (written > 0) note(WRITTEN, handle, at, bytes, written);
    after_call(end);
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t write(int fd, const void *bytes, size_t length) { return write_at(fd, bytes, length, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return write_at(fd, bytes, length, at, 1); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return write_at(fd, bytes, length, at, 1); }

/* Not used for what is watched; if that changes, it must not go unseen. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (handle_of(fd)) abort();
    return syscall(SYS_writev, fd, parts, count);
}

static int numbered(long call, uint8_t kind, int fd, uint64_t number) {
    uint32_t handle = handle_of(fd);
    if (!handle) return syscall(call, fd, number);
    pthread_mutex_lock(&lock);
    char end = next_call();
    int fails = kind == SYNCED && sync_fails();
    int result = fails ? -1 : syscall(call, fd, number);
    if (fails) errno = EIO;
    if (result == 0) note(kind, handle, number, NULL, 0);
    after_call(end);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t length) { return numbered(SYS_ftruncate, CUT, fd, length); }
int ftruncate64(int fd, off64_t length) { return numbered(SYS_ftruncate, CUT, fd, length); }
int fsync(int fd) { return numbered(SYS_fsync, SYNCED, fd, 0); }
int fdatasync(int fd) { return numbered(SYS_fdatasync, SYNCED, fd, 0); }

int unlink(const char *path) {
    const char *name = inside(path);
    if (!name) return syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    pthread_mutex_lock(&lock);
    char end = next_call();
    int result = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (result == 0) note(UNLINKED, 0, 0, name, strlen(name));
    after_call(end);
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *from, const char *to) {
    const char *old = inside(from), *new = inside(to);
    if (!old || !new) return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    pthread_mutex_lock(&lock);
    char end = next_call(), both[8192];
    int result = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    size_t length = strlen(old) + 1;
    memcpy(both, old, length);
    strcpy(both + length, new);
    if (result == 0) note(RENAMED, 0, 0, both, length + strlen(new));
    after_call(end);
    pthread_mutex_unlock(&lock);
    return result;
}

int mkdir(const char *path, mode_t mode) {
    const char *name = inside(path);
    if (!name) return syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    pthread_mutex_lock(&lock);
    char end = next_call();
    int result = syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    if (result == 0) note(FOLDER_MADE, 0, 0, name, strlen(name));
    after_call(end);
    pthread_mutex_unlock(&lock);
    return result;
}
