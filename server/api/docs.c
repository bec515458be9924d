/* The readable page and the reference, printed from the command table and the table of problems. */
#include "base/text.h"
#include "server/api/command.h"
#include "server/api/config.h"
#include "server/api/openapi.h"
#include "server/api/problem.h"

/* Answered by libmicrohttpd itself, which has no way to be told how. */
#define OUTSIDE                                                                                    \
    "What is no well-formed HTTP, and request lines and headers of more than 32 KiB together, "    \
    "are "                                                                                         \
    "answered in HTML before they come here: 400, 413, 414, 431, 505. Long queries are sent as a " \
    "body: `POST …/query`."

static const char *const PLACES[] = {"path", "query", "header"};
static const char *const PERMISSIONS[] = {"none", "any", "read", "write", "build", "admin"};

/* ---- HTML -------------------------------------------------------------------------------- */

static void add_escaped(struct rh_buf *buf, const char *text)
{
    bool code = false;

    for (; *text; text++) {
        switch (*text) {
        case '&':
            rh_buf_add_str(buf, "&amp;");
            break;
        case '<':
            rh_buf_add_str(buf, "&lt;");
            break;
        case '>':
            rh_buf_add_str(buf, "&gt;");
            break;
        case '"':
            rh_buf_add_str(buf, "&quot;");
            break;
        case '`':
            rh_buf_add_str(buf, code ? "</code>" : "<code>");
            code = !code;
            break;
        default:
            rh_buf_add_char(buf, *text);
        }
    }
    if (code)
        rh_buf_add_str(buf, "</code>");
}

static void add_html_command(struct rh_buf *buf, const struct rh_command *command)
{
    rh_buf_addf(buf, "<section id=\"%s\"><h2><b>%s</b> ", command->name, command->method);
    add_escaped(buf, command->path);
    rh_buf_addf(buf, "</h2><p><i>%s</i> ", command->name);
    add_escaped(buf, command->summary);
    rh_buf_add_str(buf, ".</p>");
    if (command->help) {
        rh_buf_add_str(buf, "<p>");
        add_escaped(buf, command->help);
        rh_buf_add_str(buf, "</p>");
    }
    rh_buf_addf(buf, "<p>Permission: %s</p>", PERMISSIONS[command->permission]);
    if (command->n_parameters) {
        rh_buf_add_str(buf, "<table>");
        for (unsigned i = 0; i < command->n_parameters; i++) {
            const struct rh_parameter *parameter = &command->parameters[i];
            rh_buf_addf(buf, "<tr><td><code>%s</code></td><td>%s%s</td><td>", parameter->name,
                        PLACES[parameter->place], parameter->required ? "" : ", optional");
            add_escaped(buf, parameter->help);
            rh_buf_add_str(buf, "</td></tr>");
        }
        rh_buf_add_str(buf, "</table>");
    }
    if (command->example) {
        rh_buf_add_str(buf, "<pre>");
        add_escaped(buf, command->example);
        rh_buf_add_str(buf, "</pre>");
    }
    rh_buf_add_str(buf, "</section>");
}

void rh_docs_write_html(struct rh_buf *buf)
{
    const struct rh_command *command;
    const struct rh_problem *problem;

    rh_buf_add_str(
        buf, "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
             "content=\"width=device-width\"><title>Rowhouse API</title><style>body{font:16px/1.5 "
             "system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 "
             "1rem;color:#222}h2{font-size:"
             "1rem;background:#f3f3f0;padding:.5rem;overflow-wrap:anywhere}table{border-collapse:"
             "collapse;"
             "width:100%}td{border-top:1px solid #ddd;padding:.25rem "
             ".5rem;vertical-align:top}pre{background:"
             "#f3f3f0;padding:.5rem;overflow:auto}code{background:#f3f3f0}nav{columns:3}nav "
             "a{display:block}"
             "@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}h2,pre,code{"
             "background:"
             "#282828}td{border-color:#444}a{color:#8bf}}</style><h1>Rowhouse API</h1><p>Generated "
             "from the "
             "command table of this server. <a href=\"/api/v1/openapi.json\">OpenAPI document</a>. "
             "Every "
             "command can also be called by name: <code>POST /api/rpc/{command}</code>.</p><nav>");
    for (unsigned i = 0; (command = rh_command_at(i)); i++)
        rh_buf_addf(buf, "<a href=\"#%s\">%s</a>", command->name, command->name);
    rh_buf_add_str(buf, "</nav>");
    for (unsigned i = 0; (command = rh_command_at(i)); i++)
        add_html_command(buf, command);
    rh_buf_add_str(buf, "<h2 id=\"problems\">Problems</h2><table>");
    for (unsigned i = 0; (problem = rh_problem_at(i)); i++) {
        rh_buf_addf(buf, "<tr><td><code>%s</code></td><td>%u</td><td>", problem->code,
                    problem->status);
        add_escaped(buf, problem->title);
        rh_buf_add_str(buf, "</td></tr>");
    }
    rh_buf_add_str(buf, "</table><p>");
    add_escaped(buf, OUTSIDE);
    rh_buf_add_str(buf, "</p></html>");
}

/* ---- Markdown ---------------------------------------------------------------------------- */

static void add_cell(struct rh_buf *buf, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            rh_buf_add_char(buf, '\\');
        rh_buf_add_char(buf, *text);
    }
}

static void add_markdown_command(struct rh_buf *buf, const struct rh_command *command)
{
    rh_buf_addf(buf, "\n### %s\n\n`%s %s`\n\n%s.", command->name, command->method, command->path,
                command->summary);
    if (command->help)
        rh_buf_addf(buf, " %s", command->help);
    rh_buf_addf(buf, " Permission: %s.\n", PERMISSIONS[command->permission]);
    if (command->n_parameters)
        rh_buf_add_str(buf, "\n| parameter | in | meaning |\n|---|---|---|\n");
    for (unsigned i = 0; i < command->n_parameters; i++) {
        const struct rh_parameter *parameter = &command->parameters[i];
        rh_buf_addf(buf, "| `%s` | %s%s | ", parameter->name, PLACES[parameter->place],
                    parameter->required ? "" : ", optional");
        add_cell(buf, parameter->help);
        rh_buf_add_str(buf, " |\n");
    }
    if (command->example)
        rh_buf_addf(buf, "\nBody, for example:\n\n```\n%s\n```\n", command->example);
}

void rh_docs_write_markdown(struct rh_buf *buf)
{
    const struct rh_command *command;
    const struct rh_problem *problem;

    rh_buf_add_str(buf, "# Reference\n\nPrinted by `rowhouse-server --print-reference`.\n\n"
                        "## Settings\n\n");
    rh_config_markdown(buf);
    rh_buf_add_str(buf, "\n## Commands\n");
    for (unsigned i = 0; (command = rh_command_at(i)); i++)
        add_markdown_command(buf, command);
    rh_buf_add_str(buf, "\n## Problems\n\nErrors are `application/problem+json` (RFC 9457).\n\n"
                        "| code | status | title |\n|---|---|---|\n");
    for (unsigned i = 0; (problem = rh_problem_at(i)); i++)
        rh_buf_addf(buf, "| `%s` | %u | %s |\n", problem->code, problem->status, problem->title);
    rh_buf_add_str(buf, "\n" OUTSIDE "\n");
}
