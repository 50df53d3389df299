// Sets the clock of one process wrong: the wall clock shows as many seconds more as the file CLOCK_OFFSET says.
// The steady clocks stay as they are, as on a machine whose battery is flat or whose date somebody has set.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long offset(void) {
    const char *path = getenv("CLOCK_OFFSET");
    char text[32] = {0};
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) {
        return 0;
    }
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    return length > 0 ? atol(text) : 0;
}

int clock_gettime(clockid_t id, struct timespec *time) {
    long done = syscall(SYS_clock_gettime, id, time);
    if (done == 0 && id == CLOCK_REALTIME) {
        time->tv_sec += offset();
    }
    return (int)done;
}
