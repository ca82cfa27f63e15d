#include "slurm/sbatch_form.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "lib/number.h"
#include "slurm/amount.h"

#define DIGITS "0123456789"

/* ---- times ---- */

static bool is_time(const char *value)
{
	int64_t minutes;
	size_t digits = strspn(value, DIGITS);

	if (amount_time(value, &minutes) == 0)
		return true;
	/* "1-", and numbers that are too long for amount_time(), are accepted by sbatch */
	return digits && (!value[digits] || !strcmp(value + digits, "-"));
}

/* Returns the seconds of a unit of time, of which a word begins with the text; 0 if it is none. Sets
 * *len to the length of the unit. */
static int64_t find_unit(const char *text, size_t *len)
{
	static const struct {
		const char *words; /* each between blanks */
		int64_t seconds;
	} units[] = {{" d day days ", 86400},
		     {" h hr hrs hour hours ", 3600},
		     {" m min mins minute minutes ", 60},
		     {" s sec secs second seconds ", 1}};
	char word[12];

	*len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
	if (*len == 0 || *len > sizeof(word) - 3)
		return 0;
	word[0] = ' ';
	for (size_t i = 0; i < *len; i++)
		word[i + 1] = (char)(text[i] | 0x20);
	word[*len + 1] = ' ';
	word[*len + 2] = '\0';
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (strstr(units[i].words, word))
			return units[i].seconds;
	return 0;
}

/* Reads "4h", "1 hour", "1h30m" or "1.5 h". Returns the minutes, rounded up; 0 if it is none. */
static int64_t read_units(const char *text)
{
	double seconds = 0;

	while (*text) {
		char number[16];
		size_t len = strspn(text, DIGITS "."), n;
		int64_t unit;

		if (len == 0 || len >= sizeof(number))
			return 0;
		memcpy(number, text, len);
		number[len] = '\0';
		if (!number_is(number))
			return 0;
		text += len + strspn(text + len, " ");
		unit = find_unit(text, &n);
		if (!unit)
			return 0;
		seconds += number_to_double(number) * (double)unit;
		text += n + strspn(text + n, " ");
	}
	return seconds < 1e9 ? ((int64_t)seconds + 59) / 60 : 0;
}

static void suggest_time(const char *value, struct buf *instead)
{
	int64_t minutes = read_units(value);

	if (minutes) {
		buf_addstr(instead, "write ");
		amount_add_time(instead, minutes);
	} else {
		buf_addstr(instead, "a time is minutes, min:sec, h:m:s, d-h, d-h:m or d-h:m:s");
	}
}

/* ---- memory ---- */

static bool is_mem(const char *value)
{
	size_t digits;

	value += strspn(value, " ");
	digits = strspn(value, DIGITS);
	value += digits;
	/* newer versions may know P */
	if (digits && *value && strchr("kKmMgGtTpP", *value))
		value += 1 + (value[1] == 'b' || value[1] == 'B');
	return digits && !*value;
}

/* Suggests the amount that "16 GB", "16GiB" or "1.5G" means. */
static void suggest_mem(const char *value, struct buf *instead)
{
	size_t len = strspn(value, DIGITS "."), rest = len + strspn(value + len, " ");
	const char *unit = value[rest] ? strchr("KMGT", value[rest] & ~0x20) : "M";
	char number[16];
	int64_t mib = 0;

	if (len && len < sizeof(number) && unit && *unit) {
		const char *end = value + rest + (value[rest] ? 1 : 0);

		memcpy(number, value, len);
		number[len] = '\0';
		if (number_is(number) && (!*end || !strcasecmp(end, "b") || !strcasecmp(end, "i") ||
					  !strcasecmp(end, "ib")))
			mib = amount_times(*unit == 'T'	  ? 1024 * 1024
					   : *unit == 'G' ? 1024
							  : 1,
					   number);
		if (*unit == 'K')
			mib = (mib + 1023) / 1024;
	}
	if (mib > 0 && mib < INT64_C(1) << 40) {
		buf_addstr(instead, "write ");
		amount_add_mem(instead, mib);
	} else {
		buf_addstr(instead, "an amount of memory is a whole number with K, M, G or T, as "
				    "in 16G");
	}
}

/* ---- numbers of things ---- */

static bool is_count(const char *value)
{
	value += strspn(value, " ");
	return *value && !value[strspn(value, DIGITS)] && value[strspn(value, "0")];
}

static void suggest_count(const char *value, struct buf *instead)
{
	size_t len = strspn(value, DIGITS);

	if (len && value[len] == '.' && value[len + 1] &&
	    !value[len + 1 + strspn(value + len + 1, "0")] && strspn(value, "0") < len)
		buf_addf(instead, "write %.*s", (int)len, value);
	else
		buf_addstr(instead, "give a whole number above 0");
}

/* Returns whether the value is a number of nodes, a range, or a list, which newer versions accept. */
static bool is_nodes(const char *value)
{
	return value[strspn(value, " ")] && !value[strspn(value, DIGITS "kKmM-,: ")];
}

static void suggest_nodes(const char *value, struct buf *instead)
{
	(void)value;
	buf_addstr(instead, "give a number of nodes, as in 2 or 2-4 (names of nodes belong to "
			    "'nodelist')");
}

/* ---- generic resources ---- */

/* Checks each item of a list: name[:type][:number] has up to `most` parts, the last of which is a
 * number if all are there. bare: the first part may be a number. */
static bool are_items(const char *value, size_t most, bool bare)
{
	while (*value) {
		const char *at = value + strspn(value, " ");
		size_t len = strcspn(at, ","), n = 1, first, last = 0;

		if (most == 3 && !strncmp(at, "gres:", 5)) {
			at += 5;
			len -= 5;
		}
		first = strcspn(at, ":,");
		for (size_t i = 0; i < len; i++) {
			if (at[i] != ':')
				continue;
			n++;
			last = i + 1;
		}
		if (n > most || memchr(at, ' ', first) ||
		    (n == most && !strchr(DIGITS, at[last])) ||
		    (!bare && first && strspn(at, DIGITS) == first))
			return false;
		value = at + len + (at[len] == ',');
	}
	return true;
}

static bool is_gres(const char *value)
{
	return are_items(value, 3, false);
}

static void suggest_gres(const char *value, struct buf *instead)
{
	if (*value && !value[strspn(value, DIGITS)])
		buf_addf(instead, "write gpu:%s, or another name of a resource", value);
	else
		buf_addstr(instead, "it is name:number or name:type:number, as in gpu:2");
}

static bool is_gpus(const char *value)
{
	return are_items(value, 2, true);
}

static void suggest_gpus(const char *value, struct buf *instead)
{
	(void)value;
	buf_addstr(instead, "it is a number or type:number, as in 2 or a100:2");
}

/* ---- an option that may have no value ---- */

static bool is_exclusive(const char *value)
{
	static const char *const wrong[] = {"yes", "no", "on", "off", "true", "false", "1", "0"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (!strcasecmp(value, wrong[i]))
			return false;
	return true;
}

static void suggest_exclusive(const char *value, struct buf *instead)
{
	(void)value;
	buf_addstr(instead, "write true without quotes, or user or mcs");
}

struct form {
	bool (*is)(const char *value);
	void (*suggest)(const char *value, struct buf *instead);
};

static const struct form of_time = {is_time, suggest_time}, of_mem = {is_mem, suggest_mem},
			 of_count = {is_count, suggest_count}, of_nodes = {is_nodes, suggest_nodes},
			 of_gres = {is_gres, suggest_gres}, of_gpus = {is_gpus, suggest_gpus},
			 of_exclusive = {is_exclusive, suggest_exclusive};

static const struct {
	const char *name;
	const struct form *form;
} options[] = {
	{"time", &of_time},
	{"time-min", &of_time},
	{"mem", &of_mem},
	{"mem-per-cpu", &of_mem},
	{"mem-per-gpu", &of_mem},
	{"tmp", &of_mem},
	{"cpus-per-task", &of_count},
	{"cpus-per-gpu", &of_count},
	{"ntasks", &of_count},
	{"ntasks-per-core", &of_count},
	{"ntasks-per-gpu", &of_count},
	{"ntasks-per-node", &of_count},
	{"ntasks-per-socket", &of_count},
	{"mincpus", &of_count},
	{"cores-per-socket", &of_count},
	{"sockets-per-node", &of_count},
	{"threads-per-core", &of_count},
	{"nodes", &of_nodes},
	{"gres", &of_gres},
	{"gpus", &of_gpus},
	{"gpus-per-node", &of_gpus},
	{"gpus-per-socket", &of_gpus},
	{"gpus-per-task", &of_gpus},
	{"exclusive", &of_exclusive},
};

static const struct form *find_form(const char *name)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (!strcmp(options[i].name, name))
			return options[i].form;
	return NULL;
}

bool sbatch_form_known(const char *name)
{
	return find_form(name) != NULL;
}

bool sbatch_form(const char *name, const char *value, struct buf *instead)
{
	const struct form *form = find_form(name);

	if (!form || form->is(value))
		return true;
	form->suggest(value, instead);
	return false;
}
