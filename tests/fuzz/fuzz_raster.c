/* Any bytes as a picture, a mask and a depth map: refused, or a raster of the size that its header told. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fathom/raster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef fm_status load(const char *path, fm_raster *out, fm_err *err);

static void check(load *loader, const char *path, int channels, int bits)
{
    fm_raster raster = {0};
    fm_raster_info info;
    fm_status st = loader(path, &raster, NULL);

    if (st == FM_OK) {
        if (raster.channels != channels || raster.bits != bits || raster.width < 1 ||
            raster.height < 1 ||
            (size_t)raster.width * (size_t)raster.height > FM_RASTER_MAX_PIXELS)
            abort();
        if (fm_raster_probe(path, &info, NULL) != FM_OK || info.width != raster.width ||
            info.height != raster.height)
            abort();
    }
    fm_raster_release(&raster);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char path[64];
    fm_raster_info info;

    if (fd < 0 && (fd = memfd_create("fuzz", 0)) < 0)
        abort();
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    /* Pictures of a size that only tests patience are judged by their header alone. */
    if (fm_raster_probe(path, &info, NULL) == FM_OK && (int64_t)info.width * info.height > 1 << 20)
        return 0;
    check(fm_raster_load_rgb, path, 3, 8);
    check(fm_raster_load_mask, path, 1, 8);
    check(fm_raster_load_depth, path, 1, 16);
    return 0;
}
