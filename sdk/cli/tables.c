/*
 * rowhouse tables: what a datasource contains.
 */
#include "cli/cli.h"
#include "cli/plain.h"

#include "base/err.h"
#include "base/text.h"
#include "base/type.h"
#include "rows/session.h"

#include <string.h>

#define NAME_WIDTH 40 /* longer ones push to the right */
#define NATIVE_WIDTH 24

static const struct rh_cli_option options[] = {
    {"columns", NULL, "also the columns of each table", false},
    {0},
};

static const char help[] = "Examples:\n"
                           "  rowhouse tables shop.db\n"
                           "  rowhouse tables postgres://localhost/crm customers --columns\n";

static bool in_key(const struct rh_table *table, uint32_t column)
{
    for (uint32_t i = 0; i < table->n_key; i++)
        if (table->key[i] == column)
            return true;
    return false;
}

static void print_columns(const struct rh_table *table)
{
    size_t width = 0;
    for (uint32_t c = 0; c < table->n_columns; c++) {
        size_t own = rh_plain_width(table->columns[c].name);
        width = own > width ? own : width;
    }
    width = width < NAME_WIDTH ? width : NAME_WIDTH;
    for (uint32_t c = 0; c < table->n_columns; c++) {
        const struct rh_column *column = &table->columns[c];
        bool more = in_key(table, c) || column->flags & RH_COLUMN_NOT_NULL;
        fputs("  ", stdout);
        rh_plain_print(stdout, column->name, width);
        printf("  %-10s", rh_type_name(column->type));
        rh_plain_print(stdout, column->native_type, more ? NATIVE_WIDTH : 0);
        printf("%s%s\n", in_key(table, c) ? " key" : "",
               column->flags & RH_COLUMN_NOT_NULL ? " not null" : "");
    }
}

static void print_table(const struct rh_table *table, bool with_columns)
{
    static const char *const kinds[] = {"table", "view", "materialized view", "foreign table"};
    rh_plain_print(stdout, table->schema, 0);
    if (table->schema.len)
        putchar('.');
    rh_plain_print(stdout, table->name, 0);
    printf("  (%s, %u column%s", table->kind < 4 ? kinds[table->kind] : "table", table->n_columns,
           table->n_columns == 1 ? "" : "s");
    if (table->est_rows >= 0)
        printf(", about %lld rows", (long long)table->est_rows);
    puts(")");
    if (with_columns)
        print_columns(table);
}

static int run(struct rh_cli *cli, const struct rh_cli_words *words)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_datasource *datasource = NULL;
    struct rh_tableset *tables = NULL;
    bool with_columns = rh_cli_value(words, "columns") != NULL;
    int rc =
        rh_datasource_from_url(cli->registry, rh_text_of(words->operands[0]), &datasource, &error);
    if (rc == RH_OK)
        rc = rh_datasource_tables(datasource, &cli->op, &tables, &error);
    if (rc == RH_OK && words->n_operands == 2) {
        const struct rh_table *table = NULL;
        rc = rh_tableset_find(tables, rh_text_of(words->operands[1]), &table, &error);
        if (rc == RH_OK)
            print_table(table, true);
    } else if (rc == RH_OK) {
        for (uint32_t i = 0; i < rh_tableset_count(tables); i++)
            print_table(rh_tableset_at(tables, i), with_columns);
    }
    rh_tableset_unref(tables);
    if (datasource)
        rh_datasource_unref(datasource);
    return rc == RH_OK ? RH_CLI_OK : rh_cli_fail(&error);
}

const struct rh_cli_command rh_cli_tables = {
    .name = "tables",
    .operands = "URL [TABLE]",
    .min_operands = 1,
    .max_operands = 2,
    .summary = "tables of a datasource, and the columns of one",
    .help = help,
    .options = options,
    .run = run,
};
