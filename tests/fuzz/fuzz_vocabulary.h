/* The tokenizer of the tests' data, for programs without Criterion; opened once, never closed. */
#ifndef FM_TESTS_FUZZ_FUZZ_VOCABULARY_H
#define FM_TESTS_FUZZ_FUZZ_VOCABULARY_H

#include <stdio.h>
#include <stdlib.h>

#include "engine/tokenizer.h"

static inline const rt_tokenizer *fuzz_vocabulary(void)
{
    static rt_tokenizer *tokenizer;
    const char *source = getenv("FATHOM_SOURCE_DIR");
    char path[4096];

    snprintf(path, sizeof(path), "%s/tests/data/engine/tokenizer", source ? source : ".");
    if (!tokenizer && rt_tokenizer_open(&tokenizer, path, NULL) != FM_OK)
        abort();
    return tokenizer;
}

#endif
