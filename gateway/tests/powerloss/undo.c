/* Power loss for a real process: an LD_PRELOAD library that can take back every write that was not synced.
 *
 * SIGKILL loses nothing that the kernel has: `synchronous=OFF` survives it. To test durability, what was written but not
 * synced must vanish. Before each change to a file or a name under $POWERLOSS_DIR this library appends what is needed to
 * take the change back to one log, $POWERLOSS_LOG_DIR/undo.log; a sync that succeeded is a record that makes the earlier
 * records of that file or directory void. After the process is dead, mod.rs walks the log backwards and undoes the records
 * that are not void. What is left is what a disk holds that kept nothing but what was synced.
 *
 * Invariants
 *  1. A record is complete in the log before its change is made, and log and change happen under one lock, across threads
 *     and processes. A record whose change did not happen undoes nothing: it puts back what is there.
 *  2. A sync makes void only what was logged before the sync began.
 *  3. A name is durable when its directory was synced after it changed. Syncing the file is not enough: POSIX promises no
 *     more, even where ext4 gives more. A move between two directories is durable when both were synced.
 *  4. No inode seen here is freed, so none is used again: each name that goes leaves a hard link kept-* in the log
 *     directory, which must be on the same file system.
 *  5. Between two changes nothing else happens to the disk: killing before change n + 1 is killing after change n.
 *
 * Not seen: stores through mmap (SQLite maps only its -shm, which it rebuilds from the WAL; -shm files are ignored here and
 * deleted at a cut), stdio's own writes, raw system calls, io_uring, symbolic links, owners, modes and times, sync(2), and
 * what other processes do in the directory without this library. sync_file_range promises nothing and so does nothing.
 *
 * Environment
 *  POWERLOSS_DIR      the directory whose files are watched, with all below it
 *  POWERLOSS_LOG_DIR  where the log goes: outside POWERLOSS_DIR, on the same file system
 *  POWERLOSS_LIE      1: syncs report success and make nothing durable
 *  POWERLOSS_KILL_AT  n: SIGKILL just before the n-th operation of this log (writes, resizes, syncs, names; from 1)
 *  POWERLOSS_FAIL_AT  n: the n-th operation fails instead: with POWERLOSS_FAIL_ERRNO (a number; 0 makes it a short write),
 *  POWERLOSS_FAIL_EVER 1: and so does each one after it
 *  POWERLOSS_SYNC_STALL_MS  each sync takes that much longer
 *
 * Build: cc -std=gnu11 -O2 -fPIC -shared -pthread -o powerloss.so undo.c     (Linux, 64 bits)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(off_t) == 8 && sizeof(long) == 8, "64-bit Linux only: off_t goes to system calls whole");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "undo_log.rs reads the log as little-endian");

/* ---- The log: one header, then records back to back. undo_log.rs reads them. ---- */

#define LOG_MAGIC 0x31474f4c4f444e55u /* "UNDOLOG1" */
#define RECORD_MAGIC 0x44524355u

enum kind {
    WRITE = 1,    /* bytes [offset, offset + length) of `inode` change; data = the old bytes that existed */
    RESIZE = 2,   /* `inode` gets the size `offset`; data = the old bytes beyond it */
    NAME = 3,     /* `path` appears in directory `inode` */
    UNNAME = 4,   /* `path` goes from directory `inode`; `path2` is the kept link */
    MOVE = 5,     /* `path` in `inode` becomes `path2` in `inode2`; data = the kept link of what `path2` was, if any */
    MAKE_DIR = 6, /* directory `path` appears in `inode` */
    DROP_DIR = 7, /* directory `path` goes from `inode` */
    SYNC = 8,     /* records of `inode` that begin before log offset `offset` are void */
};

struct header {
    uint64_t magic, end, operations; /* end: where the next record goes; what lies beyond is not part of the log */
    uint64_t syncing;                /* the inode of which a sync has begun and not ended, the last of them; 0 when there is none */
};

struct record {
    uint32_t magic, kind;
    uint64_t inode, inode2, moved; /* moved: the inode that MOVE or UNNAME is about */
    uint64_t offset, length, old_size;
    uint32_t path_len, path2_len;
    uint64_t data_len;
};

static char root[PATH_MAX], log_dir[PATH_MAX];
static size_t root_len;
static int log_fd = -1; /* -1: not switched on; every call goes straight through */
static struct header head;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t kill_at, fail_at;
static int fail_errno;
static bool fail_ever, lie;
static long sync_stall_ms;

static _Noreturn void die(const char *what)
{
    dprintf(2, "powerloss: %s: %s\n", what, strerror(errno));
    abort();
}

static void write_header(void)
{
    if (syscall(SYS_pwrite64, log_fd, &head, sizeof head, 0) != (long)sizeof head)
        die("cannot write the log's header");
}

static void lock_log(void)
{
    pthread_mutex_lock(&mutex);
    while (flock(log_fd, LOCK_EX) != 0)
        if (errno != EINTR)
            die("cannot lock the log");
    if (pread(log_fd, &head, sizeof head, 0) != (ssize_t)sizeof head || head.magic != LOG_MAGIC)
        die("the log has no header");
}

static void unlock_log(void)
{
    int saved = errno;
    flock(log_fd, LOCK_UN);
    pthread_mutex_unlock(&mutex);
    errno = saved;
}

/* Counts an operation, with the log locked when it returns 0 or SHORT. Anything else is the errno to fail with. */
#define SHORT (-1)
static int begin(void)
{
    lock_log();
    head.operations++;
    write_header();
    if (kill_at != 0 && head.operations == kill_at) {
        kill(getpid(), SIGKILL);
        for (;;)
            pause();
    }
    if (fail_at != 0 && (head.operations == fail_at || (fail_ever && head.operations > fail_at))) {
        if (fail_errno == 0)
            return SHORT;
        unlock_log();
        errno = fail_errno;
        return fail_errno;
    }
    return 0;
}

static void append(struct record r, const char *path, const char *path2, const void *data)
{
    r.magic = RECORD_MAGIC;
    r.path_len = path ? strlen(path) : 0;
    r.path2_len = path2 ? strlen(path2) : 0;
    struct iovec parts[] = {{&r, sizeof r}, {(void *)path, r.path_len}, {(void *)path2, r.path2_len}, {(void *)data, r.data_len}};
    uint64_t at = head.end;
    for (int i = 0; i < 4; i++)
        for (size_t done = 0; done < parts[i].iov_len;) {
            long n = syscall(SYS_pwrite64, log_fd, (char *)parts[i].iov_base + done, parts[i].iov_len - done, at);
            if (n <= 0)
                die("cannot write the log");
            done += n, at += n;
        }
    head.end = at;
    write_header();
}

static uint64_t number(const char *name)
{
    const char *value = getenv(name);
    return value ? strtoull(value, NULL, 10) : 0;
}

__attribute__((constructor)) static void start(void)
{
    const char *dir = getenv("POWERLOSS_DIR"), *logs = getenv("POWERLOSS_LOG_DIR");
    if (!dir || !logs)
        return;
    if (!realpath(dir, root))
        die("POWERLOSS_DIR");
    if (!realpath(logs, log_dir))
        die("POWERLOSS_LOG_DIR");
    root_len = strlen(root);
    if (strncmp(log_dir, root, root_len) == 0 && (log_dir[root_len] == '/' || log_dir[root_len] == 0)) {
        errno = EINVAL;
        die("POWERLOSS_LOG_DIR is inside POWERLOSS_DIR");
    }
    lie = number("POWERLOSS_LIE");
    kill_at = number("POWERLOSS_KILL_AT");
    fail_at = number("POWERLOSS_FAIL_AT");
    fail_errno = number("POWERLOSS_FAIL_ERRNO");
    fail_ever = number("POWERLOSS_FAIL_EVER");
    sync_stall_ms = number("POWERLOSS_SYNC_STALL_MS");

    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/undo.log", log_dir);
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) != 0)
        die("cannot open the log");
    if (lseek(fd, 0, SEEK_END) < (off_t)sizeof head) {
        head = (struct header){LOG_MAGIC, sizeof head, 0, 0};
        log_fd = fd;
        write_header();
    }
    flock(fd, LOCK_UN);
    log_fd = fd;
}

/* ---- What is watched. ---- */

static bool under_root(const char *path)
{
    size_t len = strlen(path);
    if (strncmp(path, root, root_len) != 0 || (path[root_len] != '/' && path[root_len] != 0))
        return false;
    return len < 4 || strcmp(path + len - 4, "-shm") != 0;
}

static bool fd_path(int fd, char path[PATH_MAX])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    path[n < 0 ? 0 : n] = 0;
    return n > 0;
}

/* Asked anew at each call: a table of descriptors would have to follow dup, fcntl, exec and rename. */
static bool watched(int fd, struct stat *st)
{
    char path[PATH_MAX];
    int saved = errno;
    bool yes = log_fd >= 0 && fstat(fd, st) == 0 && (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)) && fd_path(fd, path) &&
               under_root(path);
    errno = saved;
    return yes;
}

struct name {
    char path[2 * PATH_MAX];
    bool watched, exists;
    uint64_t directory; /* inode */
    struct stat st;
};

/* Where a path leads, its directory made canonical. False when nothing can be there. */
static bool look_up(int at, const char *path, struct name *name)
{
    char directory[PATH_MAX];
    size_t len = log_fd < 0 || !path ? 0 : strnlen(path, PATH_MAX);
    int saved = errno;
    while (len > 1 && path[len - 1] == '/')
        len--;
    size_t base = len;
    while (base > 0 && path[base - 1] != '/')
        base--;
    if (len == 0 || len >= PATH_MAX || base == len)
        return false;
    memcpy(directory, base ? path : ".", base ? base : 1);
    directory[base ? base : 1] = 0;
    int fd = syscall(SYS_openat, at, directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    bool found = fd >= 0 && fstat(fd, &st) == 0 && fd_path(fd, directory);
    if (found) {
        snprintf(name->path, sizeof name->path, "%s/%.*s", strcmp(directory, "/") ? directory : "", (int)(len - base), path + base);
        name->watched = under_root(directory) && under_root(name->path);
        name->directory = st.st_ino;
        name->exists = syscall(SYS_newfstatat, AT_FDCWD, name->path, &name->st, AT_SYMLINK_NOFOLLOW) == 0;
    }
    if (fd >= 0)
        close(fd);
    errno = saved;
    return found;
}

/* ---- Records of changes. The log is locked in all of these. ---- */

/* Logs bytes [from, from + length) of the file as they are, and its size. */
static void save(int fd, enum kind kind, uint64_t offset, uint64_t from, uint64_t length)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        die("cannot stat what is about to change");
    uint64_t size = st.st_size;
    uint64_t count = from >= size ? 0 : length < size - from ? length : size - from;
    char *data = malloc(count ? count : 1), self[64];
    int reader = fd;
    if (count && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) {
        snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
        reader = syscall(SYS_openat, AT_FDCWD, self, O_RDONLY | O_CLOEXEC);
    }
    for (uint64_t done = 0; done < count;) {
        ssize_t n = data ? pread(reader, data + done, count - done, from + done) : -1;
        if (n <= 0)
            die("cannot read what is about to change");
        done += n;
    }
    append((struct record){.kind = kind, .inode = st.st_ino, .offset = offset, .length = length, .old_size = size, .data_len = count},
           NULL, NULL, data);
    if (reader != fd)
        close(reader);
    free(data);
}

static void save_resize(int fd, uint64_t new_size)
{
    save(fd, RESIZE, new_size, new_size, UINT64_MAX - new_size);
}

/* Keeps what a name leads to, so that its going can be undone and its inode is not used again. */
static const char *keep(const struct name *name, char kept[PATH_MAX + 64])
{
    kept[0] = 0;
    if (!name->exists || !S_ISREG(name->st.st_mode))
        return kept;
    snprintf(kept, PATH_MAX + 64, "%s/kept-%llu-%llu", log_dir, (unsigned long long)name->st.st_ino, (unsigned long long)head.end);
    if (syscall(SYS_linkat, AT_FDCWD, name->path, AT_FDCWD, kept, 0) != 0 && errno != EEXIST)
        die("cannot keep a link (is POWERLOSS_LOG_DIR on the same file system?)");
    return kept;
}

static void save_sync(uint64_t inode, uint64_t upto)
{
    if (!lie)
        append((struct record){.kind = SYNC, .inode = inode, .offset = upto}, NULL, NULL, NULL);
}

/* ---- Bytes. ---- */

#define CURRENT (-1) /* at the file's own position */

static ssize_t write_through(int fd, const struct iovec *parts, int count, off_t at)
{
    return at == CURRENT ? syscall(SYS_writev, fd, parts, count) : syscall(SYS_pwritev, fd, parts, count, at, 0);
}

static ssize_t do_write(int fd, const struct iovec *parts, int count, off_t at)
{
    struct stat st;
    if (!watched(fd, &st))
        return write_through(fd, parts, count, at);
    uint64_t length = 0;
    for (int i = 0; i < count; i++)
        length += parts[i].iov_len;
    if (length == 0)
        return write_through(fd, parts, count, at);
    int fault = begin();
    if (fault > 0)
        return -1;
    struct iovec half = {parts[0].iov_base, parts[0].iov_len > 1 ? parts[0].iov_len / 2 : parts[0].iov_len};
    int flags = fcntl(fd, F_GETFL);
    if (fstat(fd, &st) != 0)
        die("cannot stat what is about to be written");
    off_t from = flags & O_APPEND ? st.st_size : at == CURRENT ? lseek(fd, 0, SEEK_CUR) : at;
    save(fd, WRITE, from, from, length);
    ssize_t written = fault == SHORT ? write_through(fd, &half, 1, at) : write_through(fd, parts, count, at);
    if (written >= 0 && flags & O_DSYNC)
        save_sync(st.st_ino, head.end);
    unlock_log();
    return written;
}

ssize_t write(int fd, const void *data, size_t length)
{
    struct stat st;
    if (!watched(fd, &st))
        return syscall(SYS_write, fd, data, length);
    return do_write(fd, &(struct iovec){(void *)data, length}, 1, CURRENT);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at)
{
    return do_write(fd, &(struct iovec){(void *)data, length}, 1, at);
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) __attribute__((alias("pwrite")));

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    return do_write(fd, parts, count, CURRENT);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    return do_write(fd, parts, count, at);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) __attribute__((alias("pwritev")));

/* A copy inside the kernel, as std::fs::copy makes it: logged as one write of `length` bytes at most. */
static int begin_copy(int to, const off_t *at, size_t length)
{
    int fault = begin();
    if (fault > 0)
        return -1;
    uint64_t from = at ? *at : lseek(to, 0, SEEK_CUR);
    save(to, WRITE, from, from, length);
    return 0;
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags)
{
    struct stat st;
    bool logged = watched(to, &st);
    if (logged && begin_copy(to, to_at, length) != 0)
        return -1;
    ssize_t copied = syscall(SYS_copy_file_range, from, from_at, to, to_at, length, flags);
    if (logged)
        unlock_log();
    return copied;
}

ssize_t sendfile(int to, int from, off_t *from_at, size_t length)
{
    struct stat st;
    bool logged = watched(to, &st);
    if (logged && begin_copy(to, NULL, length) != 0)
        return -1;
    ssize_t copied = syscall(SYS_sendfile, to, from, from_at, length);
    if (logged)
        unlock_log();
    return copied;
}
ssize_t sendfile64(int to, int from, off64_t *from_at, size_t length) __attribute__((alias("sendfile")));

/* ---- Sizes. ---- */

int ftruncate(int fd, off_t size)
{
    struct stat st;
    if (!watched(fd, &st))
        return syscall(SYS_ftruncate, fd, size);
    if (begin() > 0)
        return -1;
    save_resize(fd, size);
    int result = syscall(SYS_ftruncate, fd, size);
    unlock_log();
    return result;
}
int ftruncate64(int fd, off64_t size) __attribute__((alias("ftruncate")));

int truncate(const char *path, off_t size)
{
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int result = ftruncate(fd, size), saved = errno;
    close(fd);
    errno = saved;
    return result;
}
int truncate64(const char *path, off64_t size) __attribute__((alias("truncate")));

int fallocate(int fd, int mode, off_t from, off_t length)
{
    struct stat st;
    if (!watched(fd, &st) || mode == FALLOC_FL_KEEP_SIZE)
        return syscall(SYS_fallocate, fd, mode, from, length);
    if (mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) {
        errno = ENOTSUP;
        die("fallocate that moves bytes");
    }
    if (begin() > 0)
        return -1;
    if (mode != 0)
        save(fd, WRITE, from, from, length);
    else if (fstat(fd, &st) == 0 && st.st_size < from + length)
        save_resize(fd, from + length);
    int result = syscall(SYS_fallocate, fd, mode, from, length);
    unlock_log();
    return result;
}
int fallocate64(int fd, int mode, off64_t from, off64_t length) __attribute__((alias("fallocate")));

int posix_fallocate(int fd, off_t from, off_t length)
{
    int saved = errno, result = fallocate(fd, 0, from, length) == 0 ? 0 : errno;
    errno = saved;
    return result;
}
int posix_fallocate64(int fd, off64_t from, off64_t length) __attribute__((alias("posix_fallocate")));

/* ---- Syncs. ---- */

static int do_sync(int fd, long call)
{
    struct stat st;
    if (!watched(fd, &st))
        return syscall(call, fd);
    if (begin() > 0)
        return -1;
    uint64_t upto = head.end; /* Changes that other threads make while the disk works are not covered. */
    head.syncing = st.st_ino;
    write_header();
    unlock_log();
    if (sync_stall_ms > 0)
        usleep(sync_stall_ms * 1000);
    int result = syscall(call, fd), saved = errno;
    lock_log();
    if (head.syncing == st.st_ino)
        head.syncing = 0;
    if (result == 0)
        save_sync(st.st_ino, upto);
    write_header();
    unlock_log();
    errno = saved;
    return result;
}

int fsync(int fd)
{
    return do_sync(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return do_sync(fd, SYS_fdatasync);
}

/* ---- Names. ---- */

static int do_open(int at, const char *path, int flags, mode_t mode)
{
    struct name name;
    bool creates = flags & O_CREAT, empties = flags & O_TRUNC;
    if ((!creates && !empties) || (flags & O_TMPFILE) == O_TMPFILE || !look_up(at, path, &name) || !name.watched ||
        (name.exists ? !empties || !S_ISREG(name.st.st_mode) || name.st.st_size == 0 || (creates && flags & O_EXCL) : !creates))
        return syscall(SYS_openat, at, path, flags, mode);
    if (begin() > 0)
        return -1;
    look_up(at, path, &name); /* again, under the lock */
    if (!name.exists) {
        append((struct record){.kind = NAME, .inode = name.directory}, name.path, NULL, NULL);
    } else if (empties) {
        int old = syscall(SYS_openat, AT_FDCWD, name.path, O_RDONLY | O_CLOEXEC);
        if (old < 0)
            die("cannot open what is about to be emptied");
        save_resize(old, 0);
        close(old);
    }
    int fd = syscall(SYS_openat, at, path, flags, mode);
    unlock_log();
    return fd;
}

#define MODE(mode, flags)                                          \
    mode_t mode = 0;                                               \
    if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) { \
        va_list rest;                                              \
        va_start(rest, flags);                                     \
        mode = va_arg(rest, mode_t);                               \
        va_end(rest);                                              \
    }

int open(const char *path, int flags, ...)
{
    MODE(mode, flags)
    return do_open(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int openat(int at, const char *path, int flags, ...)
{
    MODE(mode, flags)
    return do_open(at, path, flags, mode);
}
int openat64(int at, const char *path, int flags, ...) __attribute__((alias("openat")));

int creat(const char *path, mode_t mode)
{
    return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) __attribute__((alias("creat")));

int unlinkat(int at, const char *path, int flags)
{
    struct name name;
    char kept[PATH_MAX + 64];
    bool is_dir = flags & AT_REMOVEDIR;
    if (!look_up(at, path, &name) || !name.watched || !name.exists || !(is_dir ? S_ISDIR(name.st.st_mode) : S_ISREG(name.st.st_mode)))
        return syscall(SYS_unlinkat, at, path, flags);
    if (begin() > 0)
        return -1;
    struct record r = {.kind = is_dir ? DROP_DIR : UNNAME, .inode = name.directory, .moved = name.st.st_ino};
    append(r, name.path, is_dir ? NULL : keep(&name, kept), NULL);
    int result = syscall(SYS_unlinkat, at, path, flags);
    unlock_log();
    return result;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
    struct name old, new;
    char kept[PATH_MAX + 64];
    if (!look_up(from_at, from, &old) || !look_up(to_at, to, &new) || !(old.watched || new.watched) || !old.exists ||
        (new.exists && (flags & RENAME_NOREPLACE || old.st.st_ino == new.st.st_ino)))
        return syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    if (flags & RENAME_EXCHANGE) {
        errno = ENOTSUP;
        die("rename that exchanges");
    }
    if (begin() > 0)
        return -1;
    struct record r = {.kind = MOVE, .inode = old.directory, .inode2 = new.directory, .moved = old.st.st_ino};
    keep(&new, kept);
    r.data_len = strlen(kept);
    append(r, old.path, new.path, kept);
    int result = syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    unlock_log();
    return result;
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
    return renameat2(from_at, from, to_at, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
    struct name new;
    if (!look_up(to_at, to, &new) || !new.watched || new.exists)
        return syscall(SYS_linkat, from_at, from, to_at, to, flags);
    if (begin() > 0)
        return -1;
    append((struct record){.kind = NAME, .inode = new.directory}, new.path, NULL, NULL);
    int result = syscall(SYS_linkat, from_at, from, to_at, to, flags);
    unlock_log();
    return result;
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int mkdirat(int at, const char *path, mode_t mode)
{
    struct name name;
    if (!look_up(at, path, &name) || !name.watched || name.exists)
        return syscall(SYS_mkdirat, at, path, mode);
    if (begin() > 0)
        return -1;
    append((struct record){.kind = MAKE_DIR, .inode = name.directory}, name.path, NULL, NULL);
    int result = syscall(SYS_mkdirat, at, path, mode);
    unlock_log();
    return result;
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}
