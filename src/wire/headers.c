/* Owns the headers of requests and replies. Knows none of them by name but Expect. */
#include "wire/headers.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/size.h"

/* ---- of a reply ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void put_text(fm_buf *out, const char *text, size_t size, bool lower)
{
    while (size > 0 && is_space(text[size - 1]))
        size--;
    while (size > 0 && is_space(text[0]))
        text++, size--;
    for (size_t i = 0; i < size; i++) {
        char c = text[i] ? text[i] : ' '; /* NUL separates what is kept here */

        fm_buf_putc(out, (char)(lower && c >= 'A' && c <= 'Z' ? c | 32 : c));
    }
    fm_buf_putc(out, '\0');
}

bool fm_wire_reply_headers_take(fm_wire_reply_headers *headers, const char *line, size_t size)
{
    const char *colon = memchr(line, ':', size);

    if (size >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        fm_wire_reply_headers_clear(headers); /* of a reply of status 100, or none */
        return true;
    }
    if (size == 0 || line[0] == '\r' || line[0] == '\n')
        headers->ended = true;
    if (headers->ended || !colon)
        return true;
    if (size > FM_WIRE_HEADERS_CAP || headers->text.size > FM_WIRE_HEADERS_CAP - size)
        return false;
    put_text(&headers->text, line, (size_t)(colon - line), true);
    put_text(&headers->text, colon + 1, size - (size_t)(colon + 1 - line), false);
    return !headers->text.failed;
}

bool fm_wire_reply_headers_add(fm_wire_reply_headers *headers, const char *name, const char *value)
{
    put_text(&headers->text, name, strlen(name), true);
    put_text(&headers->text, value, strlen(value), false);
    return !headers->text.failed;
}

bool fm_wire_reply_headers_next(const fm_wire_reply_headers *headers, size_t *at, const char **name,
                                const char **value)
{
    if (*at >= headers->text.size)
        return false;
    *name = headers->text.data + *at;
    *value = *name + strlen(*name) + 1;
    *at = (size_t)(*value + strlen(*value) + 1 - headers->text.data);
    return true;
}

void fm_wire_reply_headers_clear(fm_wire_reply_headers *headers)
{
    fm_buf_clear(&headers->text);
    headers->ended = false;
}

const char *fm_wire_header_value(const fm_wire_reply *reply, const char *name)
{
    const char *found, *value;

    for (size_t at = 0;
         reply->headers && fm_wire_reply_headers_next(reply->headers, &at, &found, &value);)
        if (strcasecmp(found, name) == 0)
            return value;
    return NULL;
}

/* ---- of a request ---- */

static fm_status check_header(const fm_wire_header *header, fm_err *err)
{
    if (!header->name[0] || strpbrk(header->name, ": \t\r\n"))
        return fm_fail(err, FM_E_USAGE, "'%.60s' is no name of a header", header->name);
    for (const char *p = header->value; *p; p++)
        if ((unsigned char)*p < ' ' && *p != '\t')
            return fm_fail(err, FM_E_USAGE,
                           "the value of the header '%.60s' holds a line break or another control "
                           "character: look for one at the end of the key",
                           header->name);
    return FM_OK;
}

static bool append_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer)
        *list = longer;
    return longer != NULL;
}

static bool add_header(fm_wire_headers *headers, const fm_wire_header *header)
{
    fm_wire_header *copy = &headers->list[headers->n++];
    fm_buf line = {0};

    *copy = (fm_wire_header){strdup(header->name), strdup(header->value), header->secret};
    /* "name;" is curl's way of saying: with an empty value. */
    fm_buf_printf(&line, header->value[0] ? "%s: %s" : "%s;", header->name, header->value);
    bool added = copy->name && copy->value && !line.failed &&
                 append_line(&headers->all, line.data) &&
                 (header->secret ? fm_secrets_add(&headers->secrets, header->value)
                                 : append_line(&headers->open, line.data));
    fm_buf_release(&line);
    return added;
}

fm_status fm_wire_headers_new(fm_wire_headers **out, const fm_wire_header *list, size_t n,
                              fm_err *err)
{
    fm_wire_headers *headers;
    fm_status st = FM_OK;

    for (size_t i = 0; i < n && st == FM_OK; i++)
        st = check_header(&list[i], err);
    if (st != FM_OK)
        return st;
    headers = calloc(1, sizeof(*headers));
    bool whole = headers && (headers->list = calloc(n + 1, sizeof(*headers->list)));
    if (headers)
        headers->references = 1;
    for (size_t i = 0; i < n && whole; i++)
        whole = add_header(headers, &list[i]);
    /* No question ahead of a large body whether the server wants it: that costs a round trip, or a
     * second where the server does not know the question. */
    whole =
        whole && append_line(&headers->all, "Expect:") && append_line(&headers->open, "Expect:");
    if (!whole) {
        fm_wire_headers_free(headers);
        return fm_fail(err, FM_E_NOMEM, "no memory for the headers of a request");
    }
    *out = headers;
    return FM_OK;
}

bool fm_wire_headers_equal(const fm_wire_headers *headers, const fm_wire_header *list, size_t n)
{
    if (headers->n != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (headers->list[i].secret != list[i].secret ||
            strcmp(headers->list[i].name, list[i].name) != 0 ||
            strcmp(headers->list[i].value, list[i].value) != 0)
            return false;
    return true;
}

fm_wire_headers *fm_wire_headers_share(fm_wire_headers *headers)
{
    headers->references++;
    return headers;
}

void fm_wire_headers_free(fm_wire_headers *headers)
{
    if (!headers || --headers->references > 0)
        return;
    for (size_t i = 0; headers->list && i < headers->n; i++) {
        free((char *)(uintptr_t)headers->list[i].name);
        free((char *)(uintptr_t)headers->list[i].value);
    }
    free(headers->list);
    curl_slist_free_all(headers->all);
    curl_slist_free_all(headers->open);
    fm_secrets_release(&headers->secrets);
    free(headers);
}
