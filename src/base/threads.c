/* Owns the short-lived worker threads of fm_parallel_for, and how many threads there should be. */
#include "base/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"

/* Of one cgroup: "<quota> <period>" in microseconds, or "max <period>"; 0: no limit. */
static int allowed_by(const char *folder)
{
    char path[FM_PATH_BYTES];
    long long quota = 0, period = 0;

    if (fm_path_join(path, folder, "cpu.max", NULL) != FM_OK)
        return 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    bool limited = fscanf(file, "%15lld %15lld", &quota, &period) == 2 && quota > 0 && period > 0;
    fclose(file);
    if (!limited)
        return 0;
    long long whole = (quota - 1) / period + 1;
    return whole < CPU_SETSIZE ? (int)whole : 0;
}

int fm_threads_allowed(const char *root, const char *own)
{
    char folder[FM_PATH_BYTES];
    int least = 0;
    int length = snprintf(folder, sizeof(folder), "%s%s", root, own);

    if (length < 0 || (size_t)length >= sizeof(folder))
        return 0;
    while (strlen(folder) >= strlen(root)) {
        int allowed = allowed_by(folder);
        char *slash = strrchr(folder, '/');

        if (allowed > 0 && (least == 0 || allowed < least))
            least = allowed;
        if (!slash)
            break;
        *slash = '\0';
    }
    return least;
}

/* The line of cgroup v2 is "0::<path>". */
static int allowed_here(void)
{
    char line[FM_PATH_BYTES];
    int allowed = 0;
    FILE *file = fopen("/proc/self/cgroup", "re");

    if (!file)
        return 0;
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, "0::/", 4) == 0) {
            line[strcspn(line, "\n")] = '\0';
            allowed = fm_threads_allowed("/sys/fs/cgroup", line + 3);
        }
    fclose(file);
    return allowed;
}

int fm_threads_available(void)
{
    cpu_set_t set;
    int allowed = allowed_here(), here = 1;

    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
        here = CPU_COUNT(&set);
    return allowed > 0 && allowed < here ? allowed : here;
}

typedef struct {
    fm_work work;
    void *context;
    size_t n;
    atomic_size_t next;
    atomic_bool stop;
    pthread_mutex_t lock; /* guards the three below */
    size_t failed_index;
    fm_status failed_status;
    fm_err failed_err;
} shared_work;

typedef struct {
    shared_work *shared;
    int worker;
    pthread_t thread;
} worker_thread;

static void *worker_main(void *argument)
{
    worker_thread *self = argument;
    shared_work *shared = self->shared;

    while (!atomic_load_explicit(&shared->stop, memory_order_relaxed)) {
        size_t index = atomic_fetch_add_explicit(&shared->next, 1, memory_order_relaxed);
        fm_err err = {0};

        if (index >= shared->n)
            break;
        fm_status st = shared->work(shared->context, index, self->worker, &err);
        if (st == FM_OK)
            continue;
        pthread_mutex_lock(&shared->lock);
        if (shared->failed_status == FM_OK || index < shared->failed_index) {
            shared->failed_index = index;
            shared->failed_status = st;
            shared->failed_err = err;
        }
        pthread_mutex_unlock(&shared->lock);
        atomic_store_explicit(&shared->stop, true, memory_order_relaxed);
    }
    return NULL;
}

fm_status fm_parallel_for(size_t n, int jobs, fm_work work, void *context, fm_err *err)
{
    enum { MOST = 256 };
    shared_work shared = {
        .work = work, .context = context, .n = n, .lock = PTHREAD_MUTEX_INITIALIZER};
    worker_thread *workers;
    int started = 1;

    if (jobs < 1)
        jobs = 1;
    if (jobs > MOST)
        jobs = MOST;
    if ((size_t)jobs > n)
        jobs = n ? (int)n : 1;
    workers = calloc((size_t)jobs, sizeof(*workers));
    if (!workers)
        return fm_fail(err, FM_E_NOMEM, "no memory for %d threads", jobs);
    for (int i = 0; i < jobs; i++)
        workers[i] = (worker_thread){.shared = &shared, .worker = i};
    /* A thread that cannot be had is no failure: the others do its share. */
    while (started < jobs &&
           pthread_create(&workers[started].thread, NULL, worker_main, &workers[started]) == 0)
        started++;
    worker_main(&workers[0]);
    for (int i = 1; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    free(workers);
    pthread_mutex_destroy(&shared.lock);
    if (shared.failed_status != FM_OK && err)
        *err = shared.failed_err;
    return shared.failed_status;
}
