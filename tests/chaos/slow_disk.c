/* Loaded before a program: waiting for the disk takes longer by the milliseconds that the file
   named in SLOW_DISK_FILE holds. Writing itself stays quick, as with a disk that lags behind. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void lag(void) {
    const char *name = getenv("SLOW_DISK_FILE");
    FILE *file = name ? fopen(name, "r") : NULL;
    long ms = 0;
    if (file == NULL) return;
    if (fscanf(file, "%ld", &ms) != 1) ms = 0;
    fclose(file);
    struct timespec wait = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&wait, NULL);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    lag();
    return real(fd);
}

int fsync(int fd) {
    static int (*real)(int);
    if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    lag();
    return real(fd);
}
