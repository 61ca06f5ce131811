/*
 * How late a program can be here that has every right to run: one thread on each processor, SCHED_FIFO, locked memory, woken each millisecond. Whatever it is late by was the
 * hypervisor (steal), an interrupt, or a kernel that could not be preempted: no program on this machine can keep a promise that is shorter.
 * Prints 'ready'; when its input ends, the worst lateness of all threads in microseconds, how often a thread was late by more than argv[1] microseconds, and how often it was woken.
 * gcc -O2 -pthread -o witness witness.c
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { INTERVAL_NS = 1000000, PRIORITY = 90, MAX_PROCESSORS = 64 };

static atomic_int stopped;
static long limit_ns;

struct result { long worst_ns, over, woken; };

static long nanoseconds(struct timespec time) { return time.tv_sec * 1000000000L + time.tv_nsec; }

static void *watch(void *argument)
{
    struct result *result = argument;
    struct timespec due, now;
    clock_gettime(CLOCK_MONOTONIC, &due);
    while (!atomic_load(&stopped)) {
        due.tv_nsec += INTERVAL_NS;
        if (due.tv_nsec >= 1000000000L) { due.tv_nsec -= 1000000000L; due.tv_sec++; }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
        long late = nanoseconds(now) - nanoseconds(due);
        if (late > result->worst_ns) result->worst_ns = late;
        if (late > limit_ns) result->over++;
        result->woken++;
        if (late > INTERVAL_NS) due = now; /* one pause is one pause, not a burst of late wake-ups */
    }
    return NULL;
}

int main(int count, char **arguments)
{
    static struct result results[MAX_PROCESSORS];
    pthread_t threads[MAX_PROCESSORS];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (count != 2) { fprintf(stderr, "usage: witness MICROSECONDS\n"); return 2; }
    limit_ns = atol(arguments[1]) * 1000;
    if (processors > MAX_PROCESSORS) processors = MAX_PROCESSORS;
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) { perror("witness: locked memory"); return 1; }
    for (long i = 0; i < processors; i++) {
        pthread_attr_t attributes;
        struct sched_param priority = { .sched_priority = PRIORITY };
        cpu_set_t processor;
        CPU_ZERO(&processor);
        CPU_SET(i, &processor);
        pthread_attr_init(&attributes);
        pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
        pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
        pthread_attr_setschedparam(&attributes, &priority);
        pthread_attr_setaffinity_np(&attributes, sizeof processor, &processor);
        if (pthread_create(&threads[i], &attributes, watch, &results[i]) != 0) { fprintf(stderr, "witness: no thread with SCHED_FIFO on processor %ld\n", i); return 1; }
    }
    printf("ready\n");
    fflush(stdout);
    while (getchar() != EOF) { }
    atomic_store(&stopped, 1);
    struct result all = { 0, 0, 0 };
    for (long i = 0; i < processors; i++) {
        pthread_join(threads[i], NULL);
        if (results[i].worst_ns > all.worst_ns) all.worst_ns = results[i].worst_ns;
        all.over += results[i].over;
        all.woken += results[i].woken;
    }
    printf("%ld %ld %ld\n", all.worst_ns / 1000, all.over, all.woken);
    return 0;
}
