/*
 * site_table.c - every key of steward.yaml: kind, default, bounds, meaning, and the field of struct
 * site that it fills. docs/configuration.md is written from here.
 */
#include "domain/policy_table.h"
#include "domain/site_priv.h"

#define SECOND_MS    INT64_C(1000)
#define YEAR_MS      INT64_C(31536000000)
#define NAME_MAX_LEN 64

static const char *const drivers[] = {"sqlite", NULL};
static const char *const open_on[] = {"answered", "wrap_up", "manual", NULL};
static const char *const same[] = {"building", "riser", "category", "estate", NULL};
static const char *const fallbacks[] = {"email", "none", NULL};
static const char *const ticket_kinds[] = {"repair",     "complaint", "enquiry",
                                           "suggestion", "praise",    NULL};
static const char *const care_after[] = {"delivery", "tenure", NULL};
static const char *const care_what[] = {"callback", "message", "ticket", NULL};
static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const tls_for[] = {"line", "http", NULL};

#define F(member) offsetof(struct site, member)
#define R         .flags = CONF_RELOAD

static const struct conf_key site_keys[] = {
    {"name", &conf_text, F(site.name), "steward", .min = 1, .max = 256, R,
     .help = "What the site is called."},
    {"language", &site_lang_kind, F(site.lang), "zh-Hans", R,
     .help = "Default language of owners and of the desk: zh-Hans (zh), zh-Hant or en."},
    {"timezone", &site_timezone_kind, F(site.timezone), "Asia/Shanghai", R,
     .help = "Time zone of quiet hours, and of calendars that name none."},
    {"public_url", &conf_url, F(site.public_url),
     .help = "How the outside reaches the HTTP port; used in links and for gateways' receipts."},
    {0}};

static const struct conf_key store_keys[] = {
    {"driver", &conf_word, F(store.driver), "sqlite", .words = drivers, .help = "The database."},
    {"path", &conf_path, F(store.path), "steward.db",
     .help = "The database file, relative to this file."},
    {"backups", &conf_path, F(store.backups), NULL, R,
     .help =
         "Folder for the copies that `backup NAME` makes over the network; without it, copies are "
         "made over the control socket alone."},
    {0}};

static const struct conf_key tls_keys[] = {
    {"certificate", &conf_path, F(listen.tls.certificate),
     .help = "PEM file with the certificate and its chain."},
    {"key", &conf_path, F(listen.tls.key), .help = "PEM file with the private key."},
    {"for", &conf_texts_kind, F(listen.tls.ports), "[line, http]", .words = tls_for,
     .help = "Where TLS is spoken once a certificate is given."},
    {0}};

static const struct conf_key listen_keys[] = {
    {"line", &site_address_kind, F(listen.line), "127.0.0.1:7070",
     .help = "Address of the CTI line protocol; `none` closes it."},
    {"http", &site_address_kind, F(listen.http), "127.0.0.1:8080",
     .help = "Address of the API, the desk and the hooks; `none` closes it."},
    {"control", &conf_path, F(listen.control), "steward.sock",
     .help = "Unix socket for stewardctl; its file permissions are the key. Empty for none."},
    {"dev_token", &conf_text, F(listen.dev_token), .min = 1, .max = 512, .flags = CONF_SECRET,
     .help = "Token of the machine account `dev`, which may do everything and is nobody."},
    {"tls", &conf_map, 0, .sub = tls_keys, .help = "TLS; without a certificate there is none."},
    {0}};

static const struct conf_key numbering_keys[] = {
    {"country", &conf_text, F(numbering.country), "CN", .min = 2, .max = 2, R,
     .help = "Country (ISO 3166) by which bare numbers are read."},
    {"alt_countries", &conf_texts_kind, F(numbering.alt_countries), "[]", .max = 16, R,
     .help = "Countries whose bare numbers are read too, for example [HK, MO]."},
    {"area_code", &site_digits_kind, F(numbering.area_code), "", R,
     .help = "For local numbers without an area code."},
    {"outside_prefix", &site_digits_kind, F(numbering.outside_prefix), "", R,
     .help = "What agents dial to get an outside line."},
    {"carrier_prefixes", &conf_texts_kind, F(numbering.carrier_prefixes), "[]", .max = 32, R,
     .help = "Prefixes of carriers that the PBX may show before a number."},
    {"outbound_number", &site_digits_kind, F(numbering.outbound_number), R,
     .help = "The number that owners see when rung."},
    {0}};

#define K(member) offsetof(struct site_calendar, member)
static const struct conf_key calendar_keys[] = {
    {"timezone", &site_timezone_kind, K(timezone), R,
     .help = "Its time zone; the site's when not given."},
    {"hours", &site_hours_kind, K(days), .flags = CONF_REQUIRED | CONF_RELOAD,
     .help = "Working hours by day: {mon-fri: [\"08:30-12:00\", \"13:30-18:00\"], sat: "
             "\"09:00-12:00\"}."},
    {"holidays", &conf_paths, K(holidays), "[]", .max = 32, R,
     .help =
         "iCalendar files: days off; a VEVENT with CATEGORIES:WORKDAY is a make-up working day."},
    {0}};
#undef K

#define D(member) offsetof(struct site_department, member)
static const struct conf_key department_keys[] = {
    {"name", &site_local_kind, D(title), R, .help = "What it is called."},
    {"head", &conf_text, D(head), .min = 1, .max = NAME_MAX_LEN, R,
     .help = "Account of its head: `department_head` in a ladder."},
    {0}};
#undef D

#define G(member) offsetof(struct site_category, member)
static const struct conf_key category_keys[] = {
    {"name", &site_local_kind, G(title), R, .help = "What it is called."},
    {"department", &conf_text, G(department), .min = 1, .max = NAME_MAX_LEN, R,
     .help = "Who does such work."},
    {"policy", &conf_text, G(policy), .min = 1, .max = NAME_MAX_LEN, R,
     .help = "Its promises; `tickets.policy` when not given."},
    {"guide", &site_local_kind, G(guide), R,
     .help = "What to ask and say; shown when the category is picked."},
    {"kind", &conf_word, G(kind), "repair", .words = ticket_kinds, R,
     .help = "Kind of its tickets unless given."},
    {"priority", &conf_int, G(priority), "3", .min = 1, .max = 4, R,
     .help = "Priority of its tickets unless given; 1 is the highest."},
    {0}};
#undef G

static const struct conf_key group_alert_keys[] = {
    {"same", &conf_texts_kind, F(tickets.group_alert.same), "[building, category]", .words = same,
     R, .help = "What the tickets have in common; `[]` for no alert."},
    {"owners", &conf_int, F(tickets.group_alert.owners), "5", .min = 2, .max = 10000, R,
     .help = "How many different owners."},
    {"within", &conf_span, F(tickets.group_alert.within), "24h", .min = SECOND_MS, .max = YEAR_MS,
     R, .help = "The time within which they complained."},
    {"tell", &conf_texts_kind, F(tickets.group_alert.tell), "[supervisor]", .max = 32, R,
     .help = "Who is told."},
    {0}};

static const struct conf_key ticket_keys[] = {
    {"open_on", &conf_word, F(tickets.open_on), "answered", .words = open_on, R,
     .help = "When an inbound call opens a ticket: once a person answers it, at wrap-up, or by "
             "hand alone."},
    {"policy", &conf_text, F(tickets.policy), "standard", .min = 1, .max = NAME_MAX_LEN, R,
     .help = "Promises for tickets without category."},
    {"reopen_within", &conf_span, F(tickets.reopen_within), "7d", .min = SECOND_MS, .max = YEAR_MS,
     R, .help = "A closed ticket can be reopened for so long."},
    {"sample", &conf_percent, F(tickets.sample), "5%", .min = 0, .max = 100, R,
     .help = "Share of the confirmations typed by staff that a supervisor rings."},
    {"group_alert", &conf_map, 0, .sub = group_alert_keys,
     .help = "Many owners, one complaint: who is warned, when."},
    {0}};

static const struct conf_key quiet_keys[] = {
    {"from", &site_time_kind, F(messages.quiet.from), "00:00", R,
     .help = "Begin, by `site.timezone`."},
    {"to", &site_time_kind, F(messages.quiet.to), "00:00", R,
     .help = "End; when both are equal there are no quiet hours."},
    {0}};

static const struct conf_key sms_keys[] = {
    {"gateway", &conf_text, F(messages.sms.gateway), "sms", .min = 1, .max = NAME_MAX_LEN, R,
     .help = "The plugin instance that carries SMS."},
    {"signature", &conf_text, F(messages.sms.signature), .min = 1, .max = 64, R,
     .help = "Written before the text as 【…】."},
    {"fallback", &conf_word, F(messages.sms.fallback), "none", .words = fallbacks, R,
     .help = "What is tried when an SMS fails for good."},
    {0}};

static const struct conf_key email_keys[] = {
    {"gateway", &conf_text, F(messages.email.gateway), "mail", .min = 1, .max = NAME_MAX_LEN, R,
     .help = "The plugin instance that carries e-mail."},
    {"from", &conf_text, F(messages.email.from), .min = 3, .max = 256, R,
     .help = "Sender; the gateway's own when not given."},
    {0}};

static const struct conf_key provider_template_keys[] = {
    {"id", &site_local_kind, offsetof(struct site_provider_template, id), .flags = CONF_RELOAD,
     .help = "The provider's name of the approved template, one or by language."},
    {0}};

static const struct conf_key message_keys[] = {
    {"quiet_hours", &conf_map, 0, .sub = quiet_keys, .help = "When owners are left alone."},
    {"sms", &conf_map, 0, .sub = sms_keys, .help = "SMS."},
    {"email", &conf_map, 0, .sub = email_keys, .help = "E-mail."},
    {"templates", &conf_path, F(messages.templates), "templates", R,
     .help = "Folder of NAME.LANGUAGE.txt files that replace the built-in texts."},
    {"provider_templates", &conf_dict, F(messages.provider_templates), "{}",
     .sub = provider_template_keys, .size = sizeof(struct site_provider_template),
     .shorthand = "id", .max = 200, R,
     .help = "Approved templates of the SMS provider, by our template's name."},
    {"expire_after", &conf_span, F(messages.expire_after), "24h", .min = SECOND_MS, .max = YEAR_MS,
     R, .help = "A message that could not be sent for so long is given up as `expired`."},
    {0}};

static const struct conf_key callback_keys[] = {
    {"policy", &conf_text, F(callbacks.policy), "standard", .min = 1, .max = NAME_MAX_LEN, R,
     .help = "The policy whose `claim` clock a callback carries."},
    {"tries", &conf_int, F(callbacks.tries), "3", .min = 1, .max = 100, R,
     .help = "Unanswered tries after which the ticket's no-answer protocol goes on."},
    {0}};

static const struct conf_key call_keys[] = {
    {"forget_after", &conf_span, F(calls.forget_after), "6h", .min = SECOND_MS, .max = YEAR_MS, R,
     .help = "A call that is silent for so long is closed and marked `gap`."},
    {0}};

static const struct conf_key report_keys[] = {
    {"digest_at", &site_time_kind, F(reports.digest_at), "08:00", R,
     .help = "When the digest of yesterday's complaints is sent, by `site.timezone`."},
    {"digest_tell", &conf_texts_kind, F(reports.digest_tell), "[director, manager]", .max = 32, R,
     .help = "Who gets it: roles or accounts; `[]` for nobody."},
    {0}};

#define A(member) offsetof(struct site_care, member)
static const struct conf_key care_keys[] = {
    {"name", &conf_text, A(name), .min = 1, .max = NAME_MAX_LEN,
     .flags = CONF_REQUIRED | CONF_RELOAD, .help = "What it is called."},
    {"after", &conf_word, A(after), "delivery", .words = care_after, R,
     .help = "The date from which `at` counts."},
    {"at", &conf_span_list, A(at), .min = 1, .max = 100, .flags = CONF_REQUIRED | CONF_RELOAD,
     .help = "How long after: [3 months, 11 months]."},
    {"do", &conf_word, A(what), "callback", .words = care_what, R, .help = "What is done."},
    {"template", &conf_text, A(template), .min = 1, .max = NAME_MAX_LEN, R,
     .help = "Template of the message."},
    {"category", &conf_text, A(category), .min = 1, .max = NAME_MAX_LEN, R,
     .help = "Category of the ticket."},
    {0}};
#undef A

static const struct conf_key plugin_keys[] = {
    {"path", &conf_path, F(plugins.path),
     .help = "Folder of the modules; `../lib/steward` beside the program when not given."},
    {"instances", &conf_path, F(plugins.instances), "plugins.d",
     .help = "Folder with one YAML file for each plugin instance."},
    {0}};

static const struct conf_key log_keys[] = {{"level", &conf_word, F(log.level), "info",
                                            .words = levels, R,
                                            .help = "Lines below this level are not written."},
                                           {0}};

const struct conf_key site_table[] = {
    {"site", &conf_map, 0, .sub = site_keys, .help = "The site itself."},
    {"store", &conf_map, 0, .sub = store_keys, .help = "Where everything is kept."},
    {"listen", &conf_map, 0, .sub = listen_keys, .help = "The doors."},
    {"numbering", &conf_map, 0, .sub = numbering_keys,
     .help = "How this site's PBXs show numbers."},
    {"packs", &conf_paths, F(packs), "[]", .max = 32, R,
     .help = "Files of ready policies, with the calendars, departments and categories that they "
             "need. A name that this file defines too is this file's; policies of packs are asked "
             "after this file's own."},
    {"calendars", &conf_dict, F(calendars), "{}", .sub = calendar_keys,
     .size = sizeof(struct site_calendar), .max = 200, R,
     .help = "Working hours by name. `always` exists unwritten."},
    {"departments", &conf_dict, F(departments), "{}", .sub = department_keys,
     .size = sizeof(struct site_department), .max = 1000, R, .help = "Who does the work, by key."},
    {"categories", &conf_dict, F(categories), "{}", .sub = category_keys,
     .size = sizeof(struct site_category), .max = 1000, R, .help = "What owners ask for, by key."},
    {"policies", &conf_dict, F(policies), "{}", .sub = policy_table, .size = sizeof(struct policy),
     .max = 200, R, .help = "Promises and ladders, by name. `standard` exists unwritten."},
    {"tickets", &conf_map, 0, .sub = ticket_keys, .help = "Tickets."},
    {"messages", &conf_map, 0, .sub = message_keys, .help = "Messages to owners and staff."},
    {"callbacks", &conf_map, 0, .sub = callback_keys, .help = "Calls that nobody answered."},
    {"calls", &conf_map, 0, .sub = call_keys, .help = "Calls."},
    {"care", &conf_maps, F(care), "[]", .sub = care_keys, .size = sizeof(struct site_care),
     .max = 200, R, .help = "What is done for owners at set times."},
    {"reports", &conf_map, 0, .sub = report_keys, .help = "Reports that are sent."},
    {"plugins", &conf_map, 0, .sub = plugin_keys,
     .help = "Plugins. Each instance has a file of its own."},
    {"log", &conf_map, 0, .sub = log_keys, .help = "The log on stderr."},
    {0}};
