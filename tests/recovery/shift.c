/* For LD_PRELOAD: the wall clock is off by as many seconds as the file SHIFT_FILE says by now.

   What waits until a moment of the wall clock is given the true moment, for the kernel knows
   nothing of the shift. Monotonic time is left alone, as it is when a clock is set. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define THIS_MILLENNIUM 1000000000
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static long shift(void) {
    char text[32] = "0";
    const char *path = getenv("SHIFT_FILE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        ssize_t got = read(file, text, sizeof text - 1);
        text[got > 0 ? got : 0] = 0;
        close(file);
    }
    return atol(text);
}

static struct timespec true_moment(const struct timespec *moment) {
    struct timespec found = *moment;
    if (found.tv_sec > THIS_MILLENNIUM) found.tv_sec -= shift(); /* else it is monotonic time */
    return found;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static __typeof__(&clock_gettime) real;
    if (!real) real = NEXT(clock_gettime);
    int code = real(clock, now);
    if (!code && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift();
    return code;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec found;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &found);
    now->tv_sec = found.tv_sec;
    now->tv_usec = found.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *kept) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (kept) *kept = found.tv_sec;
    return found.tv_sec;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
    static __typeof__(&pthread_cond_timedwait) real;
    if (!real) real = (__typeof__(real))dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    struct timespec moment = true_moment(until);
    return real(condition, mutex, &moment);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until) {
    static __typeof__(&sem_timedwait) real;
    if (!real) real = NEXT(sem_timedwait);
    struct timespec moment = true_moment(until);
    return real(semaphore, &moment);
}

long syscall(long number, ...) {
    static __typeof__(&syscall) real;
    if (!real) real = NEXT(syscall);
    long given[6];
    va_list rest;
    va_start(rest, number);
    for (int place = 0; place < 6; place++) given[place] = va_arg(rest, long);
    va_end(rest);
    struct timespec moment;
    if (number == SYS_futex && (given[1] & FUTEX_CLOCK_REALTIME) && given[3]) {
        moment = true_moment((const struct timespec *)given[3]);
        given[3] = (long)&moment;
    }
    return real(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}
