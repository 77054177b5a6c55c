/**
 * Headers of both ways: those of a reply as they arrive line by line, and those of a request in the
 * form that curl takes, kept as long as any request in flight uses them. One thread at a time.
 */
#ifndef FM_WIRE_HEADERS_H
#define FM_WIRE_HEADERS_H

#include <curl/curl.h>

#include "wire/client.h"
#include "wire/secrets.h"

/* Of a reply: "name\0value\0" a header, names in lower case. */
typedef struct {
    fm_buf text;
    bool ended; /* the empty line was seen: what follows are trailers, which nobody asks for */
} fm_wire_reply_headers;

#define FM_WIRE_HEADERS_CAP ((size_t)64 << 10)

/* One line as the server sent it; a status line begins anew. False: past the cap, or no memory. */
bool fm_wire_reply_headers_take(fm_wire_reply_headers *headers, const char *line, size_t size);
bool fm_wire_reply_headers_add(fm_wire_reply_headers *headers, const char *name, const char *value);
/* Walk: *at starts at 0; false at the end. */
bool fm_wire_reply_headers_next(const fm_wire_reply_headers *headers, size_t *at, const char **name,
                                const char **value);
void fm_wire_reply_headers_clear(fm_wire_reply_headers *headers);

/* Of a request. */
typedef struct {
    int references;
    fm_wire_header *list; /* copies */
    size_t n;
    struct curl_slist *all, *open; /* with and without the secret ones */
    fm_secrets secrets;
} fm_wire_headers;

/* FM_E_USAGE for a name or value that would end its line; the value is not told. */
FM_MUST_CHECK fm_status fm_wire_headers_new(fm_wire_headers **out, const fm_wire_header *list,
                                            size_t n, fm_err *err);
bool fm_wire_headers_equal(const fm_wire_headers *headers, const fm_wire_header *list, size_t n);
fm_wire_headers *fm_wire_headers_share(fm_wire_headers *headers);
void fm_wire_headers_free(fm_wire_headers *headers); /* gives up one reference; accepts NULL */

#endif
