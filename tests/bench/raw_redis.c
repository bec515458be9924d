/*
 * bench_raw_redis HOST PORT USER PASSWORD PREFIX FIELD…: the hand-written hiredis loop that the row SDK
 * is compared with. The same commands: SCAN, and HLEN and HMGET of each key, in pipelines.
 */
#include <hiredis/hiredis.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FIELDS 30

static redisReply *reply_of(redisContext *redis)
{
    redisReply *reply = NULL;

    if (redisGetReply(redis, (void **)&reply) != REDIS_OK || reply->type == REDIS_REPLY_ERROR) {
        fprintf(stderr, "%s\n", reply ? reply->str : redis->errstr);
        exit(1);
    }
    return reply;
}

static uint64_t read_keys(redisContext *redis, const redisReply *keys, const char **words, int n)
{
    uint64_t sum = 0;
    size_t lengths[MAX_FIELDS + 2];

    for (int i = 0; i < n; i++)
        lengths[i] = strlen(words[i]);
    for (size_t i = 0; i < keys->elements; i++) {
        words[1] = keys->element[i]->str;
        lengths[1] = keys->element[i]->len;
        redisAppendCommand(redis, "HLEN %b", words[1], lengths[1]);
        redisAppendCommandArgv(redis, n, words, lengths);
    }
    for (size_t i = 0; i < keys->elements; i++) {
        redisReply *reply = reply_of(redis);
        freeReplyObject(reply);
        reply = reply_of(redis);
        for (size_t f = 0; f < reply->elements; f++)
            sum += reply->element[f]->len;
        freeReplyObject(reply);
    }
    return sum;
}

int main(int argc, char **argv)
{
    const char *words[MAX_FIELDS + 2] = {"HMGET", ""};
    char cursor[32] = "0";
    uint64_t rows = 0, sum = 0;
    redisContext *redis;

    if (argc < 7 || argc - 6 > MAX_FIELDS)
        return 2;
    redis = redisConnect(argv[1], (int)strtol(argv[2], NULL, 10));
    if (!redis || redis->err)
        return 1;
    redisAppendCommand(redis, "AUTH %s %s", argv[3], argv[4]);
    freeReplyObject(reply_of(redis));
    for (int i = 6; i < argc; i++)
        words[i - 4] = argv[i];
    do {
        redisReply *reply;
        redisAppendCommand(redis, "SCAN %s MATCH %s:* COUNT 1000", cursor, argv[5]);
        reply = reply_of(redis);
        snprintf(cursor, sizeof(cursor), "%s", reply->element[0]->str);
        sum += read_keys(redis, reply->element[1], words, argc - 4);
        rows += reply->element[1]->elements;
        freeReplyObject(reply);
    } while (strcmp(cursor, "0") != 0);
    printf("%llu rows %llu\n", (unsigned long long)rows, (unsigned long long)sum);
    redisFree(redis);
    return 0;
}
