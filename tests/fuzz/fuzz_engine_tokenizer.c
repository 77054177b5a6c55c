/* The first byte says what the others are: a vocabulary, or text for a good one. A vocabulary is refused with
 * its name, or encodes; text in NFC comes back as it was. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/tokenizer.h"
#include "memfile.h"
#include "fuzz_vocabulary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_composed(const char *text, size_t size)
{
    utf8proc_uint8_t *composed = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)size,
                                      &composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    bool same = n >= 0 && (size_t)n == size && memcmp(composed, text, size) == 0;

    free(composed);
    return same;
}

static void encode(const rt_tokenizer *tokenizer, const char *text, size_t size, bool compare)
{
    rt_ids ids = {0};
    fm_buf back = {0};

    if (rt_tokenizer_encode(tokenizer, text, size, true, &ids, NULL) != FM_OK)
        abort();
    for (size_t i = 0; i < ids.n; i++) {
        size_t whole;

        if (rt_tokenizer_stream(tokenizer, ids.ids[i], &back, &whole, NULL) != FM_OK ||
            whole > back.size)
            abort();
    }
    if (compare && (back.size != size || memcmp(fm_buf_text(&back), text, size) != 0))
        abort();
    rt_ids_release(&ids);
    fm_buf_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 2) {
        encode(fuzz_vocabulary(), (const char *)data + 1, size - 1,
               is_composed((const char *)data + 1, size - 1));
        return 0;
    }
    memfile file = memfile_open(data + 1, size - 1);
    rt_tokenizer *tokenizer = NULL;
    fm_err err = {0};
    if (rt_tokenizer_open(&tokenizer, file.path, &err) == FM_OK)
        encode(tokenizer, "hello world <|im_end|> 1234", 27, false);
    else if (!strstr(err.text, file.path) || strchr(err.text, '\n'))
        abort();
    rt_tokenizer_free(tokenizer);
    memfile_close(&file);
    return 0;
}
