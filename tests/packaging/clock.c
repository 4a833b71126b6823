/* The clock of a process, off by as many seconds as stand in a file of eight bytes: LD_PRELOAD, CLOCK_OFF=FILE. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

static const volatile long long *off;

__attribute__((constructor)) static void open_file(void) {
  int file = open(getenv("CLOCK_OFF"), O_RDONLY);
  void *seconds = mmap(NULL, sizeof *off, PROT_READ, MAP_SHARED, file, 0);
  if (seconds == MAP_FAILED) abort();
  off = seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int failed = real(clock, now);
  if (!failed && clock == CLOCK_REALTIME && off) now->tv_sec += *off;
  return failed;
}

time_t time(time_t *kept) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (kept) *kept = now.tv_sec;
  return now.tv_sec;
}

/* Whoever waits until a time that the clock above told would wait for ever, or not at all. What is told in seconds
   since the machine's start, and not since 1970, is another clock's. */
int pthread_cond_timedwait(pthread_cond_t *told, pthread_mutex_t *lock, const struct timespec *until) {
  struct timespec real = *until;
  if (real.tv_sec < 1000000000) return pthread_cond_clockwait(told, lock, CLOCK_MONOTONIC, &real);
  if (off) real.tv_sec -= *off;
  return pthread_cond_clockwait(told, lock, CLOCK_REALTIME, &real);
}
