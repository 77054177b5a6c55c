/* The fuzzer's bytes as a file with a name, for readers that take a path. */
#ifndef FM_FUZZ_MEMFILE_H
#define FM_FUZZ_MEMFILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
    int fd;
    char path[64];
} memfile;

static inline memfile memfile_open(const uint8_t *data, size_t size)
{
    memfile file = {.fd = memfd_create("fuzz", MFD_CLOEXEC)};

    if (file.fd < 0 || (size && write(file.fd, data, size) != (ssize_t)size))
        abort();
    snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", file.fd);
    return file;
}

static inline void memfile_close(memfile *file)
{
    close(file->fd);
}

#endif
