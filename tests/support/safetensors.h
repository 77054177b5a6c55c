/* Small safetensors files for tests. */
#ifndef FM_TESTS_SAFETENSORS_H
#define FM_TESTS_SAFETENSORS_H

#include <criterion/criterion.h>
#include <stdint.h>

#include "base/files.h"
#include "base/json.h"

typedef struct {
    const char *name;
    size_t shape[4];
    int rank;
    const float *data;
} given_tensor;

static inline size_t given_elements(const given_tensor *tensor)
{
    size_t n = 1;

    for (int i = 0; i < tensor->rank; i++)
        n *= tensor->shape[i];
    return n;
}

/* All of them as F32, one after another. */
static inline void write_safetensors(const char *path, const given_tensor *tensors, size_t n)
{
    fm_buf header = {0};
    fm_json_writer w = {.out = &header};
    fm_file_writer file;
    size_t at = 0;

    fm_json_open(&w, NULL, '{');
    for (size_t i = 0; i < n; i++) {
        double shape[4] = {0};
        size_t bytes = given_elements(&tensors[i]) * sizeof(float);

        for (int d = 0; d < tensors[i].rank; d++)
            shape[d] = (double)tensors[i].shape[d];
        fm_json_open(&w, tensors[i].name, '{');
        fm_json_put_string(&w, "dtype", "F32");
        fm_json_put_vector(&w, "shape", shape, (size_t)tensors[i].rank);
        fm_json_put_vector(&w, "data_offsets", (double[]){(double)at, (double)(at + bytes)}, 2);
        fm_json_close(&w, '}');
        at += bytes;
    }
    fm_json_close(&w, '}');
    uint64_t length = header.size;
    if (fm_file_writer_begin(&file, path, NULL) != FM_OK ||
        fwrite(&length, sizeof(length), 1, file.stream) != 1 ||
        fwrite(fm_buf_text(&header), header.size, 1, file.stream) != 1)
        cr_fatal("cannot write '%s'", path);
    for (size_t i = 0; i < n; i++)
        if (fwrite(tensors[i].data, sizeof(float), given_elements(&tensors[i]), file.stream) !=
            given_elements(&tensors[i]))
            cr_fatal("cannot write '%s'", path);
    if (fm_file_writer_commit(&file, NULL) != FM_OK)
        cr_fatal("cannot write '%s'", path);
    fm_buf_release(&header);
}

#endif
