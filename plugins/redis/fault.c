/*
 * What Redis's errors mean: the word in front of them tells. Their texts are for people and may
 * hold pieces of the command, but never a password.
 */
#include "redis.h"

#include <string.h>

static const struct fault {
    const char *code;
    int error_class;
    uint32_t retry;
    const char *hint; /* NULL: none */
} faults[] = {
    {"NOAUTH", RH_AUTH, 0, "give a password"},
    {"WRONGPASS", RH_AUTH, 0, NULL},
    {"NOPERM", RH_PERMISSION, 0, "the server's ACL does not allow it to this user"},
    {"ERR invalid password", RH_AUTH, 0, NULL},
    {"ERR AUTH", RH_AUTH, 0, NULL},
    {"ERR Client sent AUTH", RH_AUTH, 0, NULL},
    {"DENIED", RH_PERMISSION, 0, "the server is in protected mode"},
    {"LOADING", RH_UNAVAILABLE, RH_RETRY_SAFE, "the server reads its data from disk"},
    {"BUSY", RH_BUSY, RH_RETRY_SAFE, "the server runs a script"},
    {"MASTERDOWN", RH_UNAVAILABLE, RH_RETRY_SAFE, NULL},
    {"TRYAGAIN", RH_UNAVAILABLE, RH_RETRY_SAFE, NULL},
    {"ERR max number of clients", RH_BUSY, RH_RETRY_SAFE, NULL},
    {"OOM", RH_RESOURCE, 0, "the server's maxmemory is used up"},
    {"READONLY", RH_PERMISSION, 0, "it is a replica: use the primary's address"},
    {"NOREPLICAS", RH_UNAVAILABLE, RH_RETRY_SAFE, NULL},
    {"MISCONF", RH_UNAVAILABLE, 0, "the server cannot write to its disk"},
    {"MOVED", RH_UNSUPPORTED, 0, "Redis Cluster is not supported"},
    {"ASK", RH_UNSUPPORTED, 0, "Redis Cluster is not supported"},
    {"CROSSSLOT", RH_UNSUPPORTED, 0, "Redis Cluster is not supported"},
    {"CLUSTERDOWN", RH_UNSUPPORTED, 0, "Redis Cluster is not supported"},
    {"WRONGTYPE", RH_DATA, 0, NULL},
    {"ERR unknown command", RH_UNSUPPORTED, 0, NULL},
    {"ERR DB index", RH_NOT_FOUND, 0, NULL},
};

/* Bounded, and without what would not be shown well. */
static size_t show(struct rh_text text, char *to, size_t cap)
{
    size_t n = text.len < cap ? text.len : cap;

    memcpy(to, text.data, n);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)to[i] < ' ' || (unsigned char)to[i] > '~')
            to[i] = '?';
    return n;
}

bool rh_redis_is_error(const struct rh_redis_reply *reply, const char *code)
{
    return reply->type == RH_REDIS_REPLY_ERROR && rh_text_starts(reply->text, code);
}

int rh_redis_fail(struct rh_error *error, const struct rh_redis_reply *reply, const char *what)
{
    const struct fault *fault = faults, *end = faults + sizeof(faults) / sizeof(faults[0]);
    char shown[300];

    if (reply->type != RH_REDIS_REPLY_ERROR)
        return rh_fail(error, RH_PROTOCOL, "%s: the server's answer is of another kind", what);
    while (fault < end && !rh_redis_is_error(reply, fault->code))
        fault++;
    rh_fail(error, fault < end ? fault->error_class : RH_INVALID, "%s: %.*s", what,
            (int)show(reply->text, shown, sizeof(shown)), shown);
    if (fault < end && error) {
        error->retry = fault->retry;
        if (fault->hint)
            (void)rh_error_hint(error, "%s", fault->hint);
    }
    return fault < end ? fault->error_class : RH_INVALID;
}

int rh_redis_check(const struct rh_redis_reply *reply, const char *what, struct rh_error *error)
{
    return reply->type == RH_REDIS_REPLY_ERROR ? rh_redis_fail(error, reply, what) : RH_OK;
}

int rh_redis_check_array(const struct rh_redis_reply *reply, uint32_t n, const char *what,
                         struct rh_error *error)
{
    return reply->type == RH_REDIS_REPLY_ARRAY && reply->n >= n ? RH_OK
                                                                : rh_redis_fail(error, reply, what);
}
