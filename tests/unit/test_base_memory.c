/* base/arena, base/buffer, base/size and base/idmap: caps, overflow and what a failure leaves
 * behind. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/hash.h"
#include "base/idmap.h"
#include "base/size.h"

Test(arena, memory_is_zeroed_and_aligned_also_after_a_reset)
{
    fm_arena arena = {0};

    for (int round = 0; round < 3; round++) {
        for (size_t n = 1; n < 5000; n += 37) {
            unsigned char *p = fm_arena_alloc(&arena, n, 1);

            cr_assert(p != NULL);
            cr_assert(0 == (uintptr_t)p % alignof(max_align_t));
            for (size_t i = 0; i < n; i++)
                cr_assert(p[i] == 0);
            memset(p, 0xAA, n);
        }
        fm_arena_reset(&arena);
        cr_assert(arena.used_bytes == 0);
    }
    fm_arena_release(&arena);
}

Test(arena, cap_counts_what_was_handed_out_and_a_reset_frees_it)
{
    fm_arena arena = {.cap_bytes = 1024};

    cr_expect(fm_arena_alloc(&arena, 512, 1) != NULL);
    cr_expect(fm_arena_alloc(&arena, 513, 1) == NULL);
    cr_expect(fm_arena_alloc(&arena, 512, 1) != NULL);
    cr_expect(fm_arena_alloc(&arena, 1, 1) == NULL);
    cr_expect(fm_arena_alloc(&arena, 0, 1) == NULL, "even nothing takes a place");
    fm_arena_reset(&arena);
    cr_expect(fm_arena_alloc(&arena, 1024, 1) != NULL);
    fm_arena_release(&arena);
}

Test(arena, sizes_that_overflow_are_refused)
{
    fm_arena arena = {.cap_bytes = SIZE_MAX};

    cr_expect(fm_arena_alloc(&arena, SIZE_MAX / 2, 3) == NULL);
    cr_expect(fm_arena_alloc(&arena, SIZE_MAX, 1) == NULL);
    cr_expect(fm_arena_alloc(&arena, SIZE_MAX - 15, 1) == NULL);
    cr_expect(fm_arena_memdup(&arena, "", SIZE_MAX) == NULL);
    cr_expect(arena.used_bytes == 0);
    fm_arena_release(&arena);
}

Test(arena, copies_are_terminated)
{
    fm_arena arena = {0};

    cr_expect(eq(str, fm_arena_strdup(&arena, "abc"), "abc"));
    cr_expect(fm_arena_strdup(&arena, NULL) == NULL);
    cr_expect(memcmp(fm_arena_memdup(&arena, "a\0b", 3), "a\0b", 4) == 0);
    cr_expect(eq(str, fm_arena_memdup(&arena, NULL, 0), ""));
    fm_arena_release(&arena);
}

Test(arena, release_and_reset_accept_an_unused_one)
{
    fm_arena arena = {0};

    fm_arena_reset(&arena);
    fm_arena_release(&arena);
    fm_arena_release(NULL);
}

Test(buffer, is_terminated_after_each_append)
{
    fm_buf buf = {0};

    cr_expect(eq(str, (char *)fm_buf_text(&buf), ""));
    fm_buf_puts(&buf, "");
    cr_expect(eq(str, buf.data, ""));
    for (int i = 0; i < 1000; i++) {
        fm_buf_putc(&buf, 'x');
        cr_assert(strlen(buf.data) == buf.size);
    }
    fm_buf_printf(&buf, "%0600d", 7);
    cr_expect(buf.size == 1600 && buf.data[1599] == '7' && strlen(buf.data) == 1600);
    fm_buf_release(&buf);
}

Test(buffer, printf_fits_on_either_side_of_its_small_store)
{
    for (int width = 250; width < 260; width++) {
        fm_buf buf = {0};

        fm_buf_printf(&buf, "%*d|", width, 5);
        cr_expect(buf.size == (size_t)width + 1 && buf.data[width - 1] == '5');
        fm_buf_release(&buf);
    }
}

Test(buffer, append_past_the_cap_leaves_the_content_and_is_remembered)
{
    fm_buf buf = {.cap_bytes = 8};
    fm_err err = {0};

    fm_buf_puts(&buf, "1234567");
    cr_expect(fm_buf_check(&buf, "a test", &err) == FM_OK);
    fm_buf_putc(&buf, '8');
    fm_buf_puts(&buf, "");
    cr_expect(eq(str, buf.data, "1234567"));
    cr_expect(fm_buf_check(&buf, "a test", &err) == FM_E_NOMEM);
    cr_expect(eq(str, err.text, "no memory for a test"));
    cr_expect(buf.capacity <= 8, "the cap bounds the memory, too");
    fm_buf_clear(&buf);
    cr_expect(not(buf.failed));
    fm_buf_puts(&buf, "again");
    cr_expect(eq(str, buf.data, "again"));
    fm_buf_release(&buf);
}

Test(buffer, sizes_that_overflow_are_refused)
{
    fm_buf buf = {.cap_bytes = SIZE_MAX};

    fm_buf_putc(&buf, 'a');
    cr_expect(fm_buf_room(&buf, SIZE_MAX) == NULL);
    cr_expect(buf.failed && buf.size == 1);
    fm_buf_release(&buf);
}

Test(size, products_and_sums_refuse_to_overflow)
{
    size_t out = 5;

    cr_expect(fm_size_mul(SIZE_MAX, 1, &out) && out == SIZE_MAX);
    cr_expect(not(fm_size_mul(SIZE_MAX / 2 + 1, 2, &out)));
    cr_expect(fm_size_add(SIZE_MAX - 1, 1, &out) && out == SIZE_MAX);
    cr_expect(not(fm_size_add(SIZE_MAX, 1, &out)));
}

/* ---- ids ---- */

Test(id_map, an_id_that_comes_again_gives_its_old_value_and_takes_the_new_one)
{
    fm_id_map map = {0};
    bool fresh;
    uint64_t value, before = 0;

    cr_assert(fm_id_map_find(&map, "a", &value) == false);
    cr_assert(fm_id_map_put(&map, "a", 1, &fresh, NULL) && fresh);
    cr_assert(fm_id_map_put(&map, "a", 2, &fresh, &before) && !fresh);
    cr_assert(eq(u64, before, 1));
    cr_assert(fm_id_map_find(&map, "a", &value) && value == 2);
    cr_assert(fm_id_map_find(&map, "b", &value) == false);
    fm_id_map_release(&map);
}

Test(id_map, ids_made_to_have_the_same_hash_are_told_apart)
{
    static const char a[] = "8yn0iYCKYHlIj4-BwPqk", b[] = "GReLUrM4wMqfg9yzV3KQ";
    fm_id_map map = {0};
    bool fresh;
    uint64_t value;

    cr_assert(eq(u64, fm_hash_quick(a, sizeof(a) - 1), fm_hash_quick(b, sizeof(b) - 1)));
    cr_assert(fm_id_map_put(&map, a, 1, &fresh, NULL) && fresh);
    cr_assert(fm_id_map_find(&map, b, &value) == false);
    cr_assert(fm_id_map_put(&map, b, 2, &fresh, NULL) && fresh);
    cr_assert(fm_id_map_find(&map, a, &value) && value == 1);
    cr_assert(fm_id_map_find(&map, b, &value) && value == 2);
    fm_id_map_release(&map);
}

Test(id_map, every_id_is_found_after_growing)
{
    fm_id_map map = {0};
    char id[16];
    bool fresh;
    uint64_t value;

    for (unsigned i = 0; i < 5000; i++) {
        snprintf(id, sizeof(id), "%u", i);
        cr_assert(fm_id_map_put(&map, id, i, &fresh, NULL) && fresh);
    }
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(id, sizeof(id), "%u", i);
        cr_assert(fm_id_map_find(&map, id, &value) && value == i);
    }
    cr_assert(eq(sz, map.n, 5000));
    fm_id_map_release(&map);
}
