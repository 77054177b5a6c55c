/* Owns the forms of secret values and the search for them. */
#include "wire/secrets.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"

static bool has_form(const fm_secrets *secrets, const char *bytes, size_t size)
{
    for (size_t i = 0; i < secrets->n; i++)
        if (secrets->forms[i].size == size && memcmp(secrets->forms[i].data, bytes, size) == 0)
            return true;
    return false;
}

/* Longest first: a form that holds another one must go as a whole. */
static bool add_form(fm_secrets *secrets, const char *bytes, size_t size)
{
    fm_buf form = {0}, *grown;
    size_t at = secrets->n;

    if (size < FM_SECRET_LEAST_BYTES || has_form(secrets, bytes, size))
        return true;
    fm_buf_append(&form, bytes, size);
    grown = form.failed ? NULL : realloc(secrets->forms, (secrets->n + 1) * sizeof(*grown));
    if (!grown) {
        fm_buf_release(&form);
        return false;
    }
    secrets->forms = grown;
    for (; at > 0 && grown[at - 1].size < size; at--)
        grown[at] = grown[at - 1];
    grown[at] = form;
    secrets->n++;
    return true;
}

static bool add_url_encoded(fm_secrets *secrets, const char *value)
{
    static const char plain[] = "-._~";
    fm_buf form = {0};

    for (const char *p = value; *p; p++) {
        bool letter = (*p >= '0' && *p <= '9') || ((*p | 32) >= 'a' && (*p | 32) <= 'z');

        if (letter || strchr(plain, *p))
            fm_buf_putc(&form, *p);
        else
            fm_buf_printf(&form, "%%%02X", (unsigned)(unsigned char)*p);
    }
    bool added = !form.failed && add_form(secrets, fm_buf_text(&form), form.size);
    fm_buf_release(&form);
    return added;
}

/* Where a value stands behind `before` other bytes (modulo 3), the digits of base64 that depend on
 * nothing but the value. */
static bool add_base64(fm_secrets *secrets, const char *value, size_t before)
{
    static const size_t shared[] = {0, 2, 3}; /* leading digits that hold bits of what precedes */
    fm_buf bytes = {0}, form = {0};
    size_t last = (strlen(value) + before) * 8 / 6;

    fm_buf_append(&bytes, "\0\0", before);
    fm_buf_puts(&bytes, value);
    fm_base64_encode(&form, fm_buf_text(&bytes), bytes.size);
    bool added = !bytes.failed && !form.failed &&
                 (last <= shared[before] ||
                  add_form(secrets, form.data + shared[before], last - shared[before]));
    fm_buf_release(&bytes);
    fm_buf_release(&form);
    return added;
}

static bool add_all_forms(fm_secrets *secrets, const char *value)
{
    if (strlen(value) < FM_SECRET_LEAST_BYTES)
        return true;
    return add_form(secrets, value, strlen(value)) && add_url_encoded(secrets, value) &&
           add_base64(secrets, value, 0) && add_base64(secrets, value, 1) &&
           add_base64(secrets, value, 2);
}

bool fm_secrets_add(fm_secrets *secrets, const char *value)
{
    const char *space = strchr(value, ' ');

    return add_all_forms(secrets, value) && (!space || add_all_forms(secrets, space + 1));
}

void fm_secrets_release(fm_secrets *secrets)
{
    for (size_t i = 0; i < secrets->n; i++)
        fm_buf_release(&secrets->forms[i]);
    free(secrets->forms);
    *secrets = (fm_secrets){0};
}

void fm_secrets_scrub(const fm_secrets *secrets, fm_buf *out, const char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t first = size, length = 0;

        /* Each search ends where the nearest find so far begins. */
        for (size_t i = 0; i < secrets->n; i++) {
            const fm_buf *form = &secrets->forms[i];
            size_t room = first - at;

            if (length)
                room += form->size - 1 < size - first ? form->size - 1 : size - first;
            const char *found = memmem(bytes + at, room, form->data, form->size);
            if (found && (size_t)(found - bytes) < first) {
                first = (size_t)(found - bytes);
                length = form->size;
            }
        }
        fm_buf_append(out, bytes + at, first - at);
        if (length)
            fm_buf_puts(out, FM_SECRET_REMOVED);
        at = first + length;
    }
}
