/*
 * What the tests of the MySQL connector share: a table of people with every kind of collation, and
 * a stock that is written to. ROWHOUSE_TEST_MARIADB holds the URL of a database that may be written
 * to (tests/lib/mariadb.sh run …); without it everything is skipped.
 */
#pragma once

#include "connector_fixture.h"

/* ---- people ---- */

static const struct rh_table *people;

static inline void make_people(void)
{
    sql("CREATE OR REPLACE TABLE people (id int PRIMARY KEY, g varchar(40), u varchar(40) COLLATE"
        " utf8mb4_unicode_ci, b varchar(40) COLLATE utf8mb4_bin, nb varchar(40) COLLATE"
        " utf8mb4_nopad_bin, l varchar(40) CHARACTER SET latin1, u3 varchar(40) CHARACTER SET"
        " utf8mb3, ch char(8), e enum('z','a','B'), st set('p','q'), ok tinyint(1), n "
        "decimal(10,2),"
        " f float, d date, t time, dt datetime(6), y year, u8 bigint unsigned, bits bit(8),"
        " by_ varbinary(20), j json, uu uuid, ip inet6, ub binary(16) COMMENT 'UUID',"
        " KEY(g), KEY(u), KEY(b), KEY(nb), KEY(l), KEY(u3), KEY(ch), KEY(e), KEY(d), KEY(dt),"
        " KEY(uu))");
    sql("INSERT INTO people VALUES"
        " (1,'Anna','Anna','Anna','Anna','Anna','Anna','Anna','z','p',1,1.00,0.1,'2024-02-29',"
        "'10:00:00','2024-02-29 23:59:59.999999',2024,18446744073709551615,1,x'00','[1,\"a\"]',"
        "'00000000-0000-0000-0000-000000000001','::1',x'00000000000000000000000000000001'),"
        " (2,'anna','anna','anna','anna','anna','anna','anna','a','p,q',0,1.50,-0.5,'2024-03-01',"
        "'-01:00:00','2024-03-01',1999,0,255,x'ff','[]','00000000-0000-0000-0000-000000000002',"
        "'2001:db8::1',x'ff000000000000000000000000000000'),"
        " (3,'anna ','anna ','anna ','anna ','anna ','anna ','anna ','B','',5,-0.50,3,'0000-00-00',"
        "'25:00:00','0000-00-00',0,1,0,'','\"\"',NULL,NULL,NULL),"
        " (4,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,"
        "NULL,NULL,NULL,NULL,NULL,NULL),"
        " (5,'','','','','','','',NULL,'',-3,99999999.99,1e20,'2024-00-05','00:00:00','1970-01-01',"
        "2155,5,7,x'0001','null',NULL,NULL,NULL),"
        " (6,'stra\xc3\x9f"
        "e','stra\xc3\x9f"
        "e','stra\xc3\x9f"
        "e','stra\xc3\x9f"
        "e',"
        "'stra\xc3\x9f"
        "e','stra\xc3\x9f"
        "e','stra\xc3\x9f"
        "e','a','q',1,2,0,'1000-01-01',"
        "'24:00:00','0001-01-01',1901,6,8,x'61','{\"a\":1}',NULL,NULL,NULL)");
    sql("INSERT INTO people (id, g, u, b, nb) VALUES (7, 'a\\0b', 'a\\0b', 'a\\0b', 'a\\0b'),"
        " (8, '\xf0\x9f\x98\x80 100%', '\xf0\x9f\x98\x80 100%', '\xf0\x9f\x98\x80 100%',"
        " '\xf0\x9f\x98\x80 100%'), (9, 'back\\\\slash_\\n', 'back\\\\slash_\\n',"
        " 'back\\\\slash_\\n', 'back\\\\slash_\\n'), (10, 'anna\\t', 'anna\\t', 'anna\\t',"
        " 'anna\\t')");
    people = table_named("people");
}

static inline uint32_t position_of(const char *name)
{
    return (uint32_t)(column_named(people, name) - people->columns);
}

static inline struct rh_query query_of(const struct rh_node *node, const struct rh_value *values)
{
    static const uint32_t conjunct = 0;
    struct rh_query query = select_all(people);

    query.n_select = 1;
    query.nodes = node;
    query.n_nodes = 1;
    query.conjuncts = &conjunct;
    query.n_conjuncts = 1;
    query.values = values;
    query.n_values = node->n;
    return query;
}

static inline uint32_t verdict_of(const struct rh_query *query)
{
    uint8_t verdict = 9;
    uint32_t needs[64];
    struct rh_plan plan = {.struct_size = sizeof plan, .verdicts = &verdict, .needs = needs};

    ok(connector->plan(conn, query, &plan, &error));
    return verdict;
}

/* ---- a stock ---- */

static const struct rh_table *stock;

static inline void make_stock(void)
{
    sql("CREATE OR REPLACE TABLE stock (id int AUTO_INCREMENT PRIMARY KEY, code varchar(10) UNIQUE,"
        " name varchar(20) NOT NULL DEFAULT 'none', qty int CHECK (qty >= 0), t text)");
    stock = table_named("stock");
}

static inline int64_t n_stock(void)
{
    return sql_int("SELECT COUNT(*) FROM stock");
}

static inline struct rh_value missing(void)
{
    return (struct rh_value){.type = RH_TYPE_MISSING};
}

/* A spec over the named columns. */
static struct rh_column picked[8];

static inline struct rh_write_spec spec_of(const char *names, const struct rh_value *cells,
                                           uint64_t n_rows)
{
    struct rh_text rest = rh_text_of(names);
    uint32_t n = 0;

    while (rest.len) {
        struct rh_text name = rh_text_cut(&rest, ' ');
        char text[64];
        (void)snprintf(text, sizeof text, "%.*s", RH_TEXT_ARG(name));
        picked[n++] = *column_named(stock, text);
    }
    return spec_for(stock, picked, n, cells, n_rows);
}

static inline void return_all(struct rh_write_spec *spec)
{
    spec->returning = stock->columns;
    spec->n_returning = stock->n_columns;
}

static const uint32_t first_key[] = {0};

static inline struct rh_write_spec keyed(const char *names, const struct rh_value *cells,
                                         uint64_t n_rows)
{
    struct rh_write_spec spec = spec_of(names, cells, n_rows);

    spec.key = first_key;
    spec.n_key = 1;
    return spec;
}

#define MYSQL_TESTS(...) CONNECTOR_TESTS("mysql", "ROWHOUSE_TEST_MARIADB", __VA_ARGS__)
