/*
 * Two tables of ranges (never, private) and the administrator's list, all compared as 128-bit
 * prefixes: IPv4 stands at ::ffff:0:0/96.
 */
#include "host/http/egress.h"

#include "base/err.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAPPED_BITS 96
#define MAX_PATTERN 255

struct address {
    uint8_t bytes[16];
};

struct range {
    struct address start;
    unsigned bits;
};

struct name {
    char text[MAX_PATTERN + 1]; /* without "*" */
    size_t len;
    bool suffix;
};

struct rh_egress {
    struct range *ranges;
    struct name *names;
    uint32_t n_ranges;
    uint32_t n_names;
};

/* Link-local, this network, multicast, reserved; the metadata services of AWS, Alibaba, Oracle and
 * Azure that are not link-local. */
static const char *const never[] = {
    "0.0.0.0/8",     "169.254.0.0/16",    "192.0.0.0/24",       "224.0.0.0/4",      "240.0.0.0/4",
    "fe80::/10",     "fec0::/10",         "ff00::/8",           "::/128",           "100::/64",
    "2001:db8::/32", "fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32",
};
static const char *const private_ranges[] = {
    "10.0.0.0/8",  "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
    "127.0.0.0/8", "198.18.0.0/15", "::1/128",        "fc00::/7",
};

/* ---- Addresses ---------------------------------------------------------------------------- */

static void map_v4(const uint8_t v4[4], struct address *ret)
{
    memset(ret->bytes, 0, sizeof(ret->bytes));
    ret->bytes[10] = ret->bytes[11] = 0xff;
    memcpy(ret->bytes + 12, v4, 4);
}

/* IPv4 that is wrapped into IPv6 comes out. */
static void unwrap(struct address *address)
{
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
    static const uint8_t compatible[12] = {0};
    const uint8_t *bytes = address->bytes;
    uint8_t v4[4];

    if (memcmp(bytes, nat64, sizeof(nat64)) == 0 ||
        (memcmp(bytes, compatible, sizeof(compatible)) == 0 && (bytes[12] || bytes[13])))
        memcpy(v4, bytes + 12, 4);
    else if (bytes[0] == 0x20 && bytes[1] == 0x02)
        memcpy(v4, bytes + 2, 4);
    else
        return;
    map_v4(v4, address);
}

static bool read_address(const char *text, struct address *ret, bool *ret_v4)
{
    uint8_t v4[4];

    *ret_v4 = inet_pton(AF_INET, text, v4) == 1;
    if (*ret_v4) {
        map_v4(v4, ret);
        return true;
    }
    return inet_pton(AF_INET6, text, ret->bytes) == 1;
}

static bool of_socket(const struct sockaddr *from, struct address *ret)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (from->sa_family == AF_INET) {
        memcpy(&v4, from, sizeof(v4));
        map_v4((const uint8_t *)&v4.sin_addr, ret);
        return true;
    }
    if (from->sa_family != AF_INET6)
        return false;
    memcpy(&v6, from, sizeof(v6));
    memcpy(ret->bytes, &v6.sin6_addr, sizeof(ret->bytes));
    unwrap(ret);
    return true;
}

static bool covers(const struct range *range, const struct address *address)
{
    unsigned whole = range->bits / 8, rest = range->bits % 8;

    if (memcmp(range->start.bytes, address->bytes, whole) != 0)
        return false;
    return rest == 0 || (range->start.bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0;
}

/* False when it is no address or range. */
static bool read_range(struct rh_text text, struct range *ret)
{
    struct rh_text bits = text, address = rh_text_cut(&bits, '/');
    char room[INET6_ADDRSTRLEN];
    uint64_t n;
    bool v4;

    if (address.len >= sizeof(room))
        return false;
    memcpy(room, address.data, address.len);
    room[address.len] = 0;
    if (!read_address(room, &ret->start, &v4))
        return false;
    n = v4 ? 32 : 128;
    if (bits.data && (!rh_text_to_u64(bits, &n) || n > (v4 ? 32 : 128)))
        return false;
    ret->bits = (unsigned)n + (v4 ? MAPPED_BITS : 0);
    return true;
}

static bool in_table(const char *const *table, size_t n, const struct address *address)
{
    struct range range;

    for (size_t i = 0; i < n; i++)
        if (read_range(rh_text_of(table[i]), &range) && covers(&range, address))
            return true;
    return false;
}

static bool is_never(const struct address *address)
{
    return in_table(never, sizeof(never) / sizeof(never[0]), address);
}

static bool is_private(const struct address *address)
{
    return in_table(private_ranges, sizeof(private_ranges) / sizeof(private_ranges[0]), address);
}

/* ---- The list ----------------------------------------------------------------------------- */

static bool read_name(struct rh_text text, struct name *ret)
{
    ret->suffix = rh_text_starts(text, "*.");
    if (ret->suffix) {
        text.data++;
        text.len--;
    }
    if (text.len < (ret->suffix ? 2u : 1u) || text.len > MAX_PATTERN)
        return false;
    for (uint64_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c | 0x20);
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-._", c) || !c)
            return false;
        ret->text[i] = c;
    }
    ret->len = text.len;
    return true;
}

static bool matches(const struct name *name, struct rh_text host)
{
    if (host.len && host.data[host.len - 1] == '.')
        host.len--;
    if (name->suffix ? host.len <= name->len : host.len != name->len)
        return false;
    return memcmp(host.data + host.len - name->len, name->text, name->len) == 0;
}

int rh_egress_new(const char *const *hosts, uint32_t n_hosts, struct rh_egress **ret_egress,
                  struct rh_error *error)
{
    struct rh_egress *egress = calloc(1, sizeof(*egress));
    int rc = RH_OK;

    if (egress && n_hosts) {
        egress->ranges = calloc(n_hosts, sizeof(*egress->ranges));
        egress->names = calloc(n_hosts, sizeof(*egress->names));
    }
    if (!egress || (n_hosts && (!egress->ranges || !egress->names))) {
        rc = rh_fail_nomem(error);
        goto out;
    }
    for (uint32_t i = 0; i < n_hosts; i++) {
        struct rh_text text = rh_text_of(hosts[i]);

        if (read_range(text, &egress->ranges[egress->n_ranges])) {
            egress->n_ranges++;
        } else if (read_name(text, &egress->names[egress->n_names])) {
            egress->n_names++;
        } else {
            rh_fail(error, RH_CONFIG, "\"%.80s\" is no host that requests may go to",
                    text.data ? text.data : "");
            rc = rh_error_hint(error, "write a name, \"*.example.com\", or a range as 10.0.0.0/8");
            goto out;
        }
    }
    *ret_egress = egress;
    egress = NULL;
out:
    rh_egress_free(egress);
    return rc;
}

void rh_egress_free(struct rh_egress *egress)
{
    if (!egress)
        return;
    free(egress->ranges);
    free(egress->names);
    free(egress);
}

/* ---- Verdicts ----------------------------------------------------------------------------- */

static bool has_list(const struct rh_egress *egress)
{
    return egress && (egress->n_ranges || egress->n_names);
}

static bool is_named(const struct rh_egress *egress, struct rh_text host)
{
    for (uint32_t i = 0; i < egress->n_names; i++)
        if (matches(&egress->names[i], host))
            return true;
    return false;
}

static bool verdict(const struct rh_egress *egress, struct rh_text host,
                    const struct address *address, bool configured)
{
    if (has_list(egress)) {
        for (uint32_t i = 0; i < egress->n_ranges; i++)
            if (covers(&egress->ranges[i], address))
                return true;
        return is_named(egress, host) && !is_never(address);
    }
    return !is_never(address) && (configured || !is_private(address));
}

bool rh_egress_allows_host(const struct rh_egress *egress, struct rh_text host, bool configured,
                           bool proxied)
{
    char room[INET6_ADDRSTRLEN];
    struct address address;
    bool v4;

    if (host.len && host.len < sizeof(room)) {
        memcpy(room, host.data, host.len);
        room[host.len] = 0;
        if (read_address(room, &address, &v4)) {
            unwrap(&address);
            return verdict(egress, host, &address, configured);
        }
    }
    /* a name; ranges can tell only when it has been resolved */
    return !has_list(egress) || (egress->n_ranges && !proxied) || is_named(egress, host);
}

bool rh_egress_allows_address(const struct rh_egress *egress, struct rh_text host,
                              const struct sockaddr *from, bool configured)
{
    struct address address;

    return of_socket(from, &address) && verdict(egress, host, &address, configured);
}
