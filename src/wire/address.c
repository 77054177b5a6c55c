/* Owns the reading of URLs, by curl's parser, so that what was checked is what is asked. */
#include "wire/address.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "wire/client.h"

/* NULL: there is none, or (*no_memory, which is only ever set) it could not be copied. */
static char *part_of(CURLU *parsed, CURLUPart part, unsigned flags, bool *no_memory)
{
    char *text = NULL;
    CURLUcode got = curl_url_get(parsed, part, &text, flags);

    *no_memory |= got == CURLUE_OUT_OF_MEMORY;
    return got == CURLUE_OK ? text : NULL;
}

static bool has_part(CURLU *parsed, CURLUPart part, bool *no_memory)
{
    char *text = part_of(parsed, part, 0, no_memory);
    bool there = text != NULL;

    curl_free(text);
    return there;
}

/* Schemes and names of hosts have no case. */
static void to_lower(char *text)
{
    for (; text && *text; text++)
        *text = (char)(*text >= 'A' && *text <= 'Z' ? *text | 32 : *text);
}

/* "localhost" and what is below it (RFC 6761), 127.0.0.0/8, ::1. Not "127.example.org". */
static bool is_loopback(const char *host)
{
    static const char name[] = "localhost";
    size_t size = strlen(host), n = sizeof(name) - 1;
    struct in_addr v4;

    if (size >= n && strcmp(host + size - n, name) == 0)
        return size == n || host[size - n - 1] == '.';
    if (strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
}

static char *joined(const char *a, const char *between, const char *b, const char *c)
{
    char *out = NULL;

    return a && b && c && asprintf(&out, "%s%s%s%s", a, between, b, c) >= 0 ? out : NULL;
}

static fm_status take_parts(fm_wire_address *address, CURLU *parsed, const char *what, fm_err *err)
{
    bool no_memory = false;
    char *scheme = part_of(parsed, CURLUPART_SCHEME, 0, &no_memory);
    char *host = part_of(parsed, CURLUPART_HOST, 0, &no_memory);
    char *port = part_of(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT, &no_memory);
    char *path = part_of(parsed, CURLUPART_PATH, 0, &no_memory);
    char *query = part_of(parsed, CURLUPART_QUERY, 0, &no_memory);
    fm_status st = FM_OK;

    to_lower(scheme);
    to_lower(host);
    address->tls = scheme && strcmp(scheme, "https") == 0;
    address->loopback = host && is_loopback(host);
    address->url = part_of(parsed, CURLUPART_URL, 0, &no_memory);
    char *authority = joined(host, ":", port, "");
    address->origin = joined(scheme, "://", authority, "");
    address->path = joined(path, query ? "?" : "", query ? query : "", "");
    free(authority);
    if (no_memory || !address->url || !address->origin || !address->path)
        st = fm_fail(err, FM_E_NOMEM, "no memory for the address in %s", what);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(path);
    curl_free(query);
    return st;
}

/* A user or a password is not repeated in the message. */
static fm_status check_parts(CURLU *parsed, const char *url, const char *what, fm_err *err)
{
    bool no_memory = false;
    char *scheme = part_of(parsed, CURLUPART_SCHEME, 0, &no_memory);
    char *host = part_of(parsed, CURLUPART_HOST, 0, &no_memory);
    bool account = has_part(parsed, CURLUPART_USER, &no_memory);
    bool password = has_part(parsed, CURLUPART_PASSWORD, &no_memory);
    fm_status st = FM_OK;

    if (no_memory)
        st = fm_fail(err, FM_E_NOMEM, "no memory for the address in %s", what);
    else if (account || password)
        st = fm_fail(err, FM_E_USAGE,
                     "the address in %s holds a user or a password: keys are given in the "
                     "environment",
                     what);
    else if (!scheme || (strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0))
        st = fm_fail(err, FM_E_USAGE, "%s is no address of http or https: '%.200s'", what, url);
    else if (!host || !host[0])
        st = fm_fail(err, FM_E_USAGE, "the address in %s names no host: '%.200s'", what, url);
    curl_free(scheme);
    curl_free(host);
    return st;
}

static fm_status make(fm_wire_address **out, const char *base, const char *url, const char *what,
                      fm_err *err)
{
    fm_wire_address *address = calloc(1, sizeof(*address));
    CURLU *parsed = curl_url();
    CURLUcode read = CURLUE_OUT_OF_MEMORY;
    fm_status st;

    if (parsed && base)
        read = curl_url_set(parsed, CURLUPART_URL, base, 0);
    if (parsed && (!base || read == CURLUE_OK))
        read = curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
    if (!address || read == CURLUE_OUT_OF_MEMORY)
        st = fm_fail(err, FM_E_NOMEM, "no memory for the address in %s", what);
    else if (read != CURLUE_OK)
        /* It may hold a password all the same: say what is wrong, not what it is. */
        st = fm_fail(err, FM_E_USAGE,
                     "%s is no usable address, with http:// or https:// before it: %s", what,
                     curl_url_strerror(read));
    else
        st = check_parts(parsed, url, what, err);
    if (st == FM_OK)
        (void)curl_url_set(parsed, CURLUPART_FRAGMENT, NULL, 0);
    if (st == FM_OK)
        st = take_parts(address, parsed, what, err);
    if (st == FM_OK && !(address->given = strdup(url)))
        st = fm_fail(err, FM_E_NOMEM, "no memory for the address in %s", what);
    curl_url_cleanup(parsed);
    if (st != FM_OK) {
        if (address)
            address->references = 1;
        fm_wire_address_free(address);
        return st;
    }
    address->references = 1;
    *out = address;
    return FM_OK;
}

fm_status fm_wire_address_new(fm_wire_address **out, const char *url, const char *what, fm_err *err)
{
    return make(out, NULL, url, what, err);
}

fm_status fm_wire_address_follow(fm_wire_address **out, const fm_wire_address *base,
                                 const char *location, fm_err *err)
{
    return make(out, base->url, location, "a redirect", err);
}

fm_wire_address *fm_wire_address_share(fm_wire_address *address)
{
    address->references++;
    return address;
}

void fm_wire_address_free(fm_wire_address *address)
{
    if (!address || --address->references > 0)
        return;
    free(address->given);
    curl_free(address->url);
    free(address->origin);
    free(address->path);
    free(address);
}

fm_status fm_wire_check_url(const char *url, const char *what, fm_err *err)
{
    fm_wire_address *address;
    fm_status st = fm_wire_address_new(&address, url, what, err);

    if (st == FM_OK)
        fm_wire_address_free(address);
    return st;
}
