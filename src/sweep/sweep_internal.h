/*
 * sweep_internal.h - how a struct sweep is laid out, for the files that fill and read one alone.
 *
 * Strings without another word are the document's, which the sweep owns. Names have numbers
 * ("symbols"), by which values are looked up: a name has one number in the whole sweep.
 */
#ifndef SLURMQ_SWEEP_INTERNAL_H
#define SLURMQ_SWEEP_INTERNAL_H

#include "sweep/sweep_cond.h"
#include "sweep/doc.h"
#include "lib/number.h"
#include "sweep/sweep.h"
#include "sweep/template.h"

enum {
	SWEEP_NAMES_MOST = 2000,
	SWEEP_STEPS_MOST = 10000,	     /* of one job */
	SWEEP_COMBINATIONS_MOST = 100000,    /* of a job's steps, before exclude */
	SWEEP_JOBS_MOST = 5000000,	     /* unless the caller says another number */
	SWEEP_WORD_MOST = 128 * 1024 - 1024, /* MAX_ARG_STRLEN (execve(2)) less some slack */
};

enum axis_kind {
	AXIS_VALUES,
	AXIS_RANGE,
	AXIS_FILE,
	AXIS_COLUMN,  /* of a table */
	AXIS_UNIFORM, /* this and the following are drawn */
	AXIS_LOGUNIFORM,
	AXIS_RANDINT,
	AXIS_CHOICE,
};

struct axis {
	const char *name;
	size_t sym;
	struct pos pos; /* of its name */
	enum axis_kind kind;
	struct range range;
	const char *low, *high; /* of a draw */
	const char *path;	/* AXIS_FILE, as written */
	const char *fallback;	/* default: a value that is left out of the identity; NULL: none */
	struct strs values;	/* known when files are loaded; a list's and a choice's at once */
	char *packed;		/* NULL, or what all of values lie in: there can be millions */
};

/* One dimension: a parameter, or several that advance together. */
struct group {
	struct pos pos;
	bool zip;
	const char *table; /* its file, as written; NULL: none */
	struct strs names; /* of a table's columns: its axes' names */
	struct axis *axes;
	size_t n, cap;
	size_t length; /* 1 for a draw; 0 until files are loaded */
};

struct groups {
	struct group **v;
	size_t n, cap;
};

struct rules {
	struct rule *v;
	size_t n, cap;
};

/* A scalar with placeholders, and where it stands. */
struct field {
	struct template t;
	const struct node *node;
};

enum setting_kind { SETTING_VALUE, SETTING_FLAG, SETTING_OFF };

/* An option of sbatch, or a variable of the environment. */
struct setting {
	const char *name;
	struct pos pos;
	enum setting_kind kind;
	struct field value;
};

struct settings {
	struct setting *v;
	size_t n, cap;
};

struct let_case {
	const char *value;
	struct field text;
};

struct let {
	const char *name;
	size_t sym;
	struct pos pos;
	struct field text; /* without by */
	const char *by;	   /* NULL: none */
	size_t by_sym;
	struct pos by_pos;
	struct let_case *cases;
	size_t ncases;
};

struct lets {
	struct let *v;
	size_t n, cap;
};

/* A sub-space: the sweep itself, or a variant of it. */
struct space {
	const char *variant; /* NULL: the sweep itself */
	struct pos pos;
	struct groups groups; /* lent: sweep.groups has them */
	struct groups own;    /* lent: those that it names itself, zip first */
	int64_t samples;      /* of `sample`, inherited; 0: not said */
	bool drawn;	      /* some axis is: else samples count for nothing */
	const char *seed;
	struct pos sample_pos;
	struct rules exclude;
	struct lets lets; /* its own; sweep.lets where it has none of a name */
	struct settings sbatch, env;
};

struct include {
	struct pos pos;
	struct sweep_param *params;
	size_t n;
};

struct override {
	struct rule when;
	struct settings sbatch, env;
};

enum command_kind { COMMAND_WORDS, COMMAND_SCRIPT };

struct command {
	enum command_kind kind;
	struct field *words; /* one of them for a script */
	size_t n;
};

struct step {
	const char *name;
	struct pos pos;
	struct command run;
	struct groups groups;
	struct rules exclude;
	struct strs needs;
	int on_fail;
};

struct sweep {
	struct doc *doc;
	char *dir;
	const char *name;
	struct strs syms; /* names by symbol */

	struct groups groups; /* all of them; their owner */
	struct space *spaces;
	size_t nspaces;
	struct space
		base; /* the top level; spaces[0] has the same groups where there is no variant */
	bool variants;
	struct rules exclude;
	struct include *includes;
	size_t nincludes;
	bool tables; /* a table's columns are not known yet */
	bool loaded;
	uint64_t most; /* jobs that it may have; 0: any number that can be counted */

	struct lets lets;
	struct settings sbatch, env;
	struct override *overrides;
	size_t noverrides;
	struct field setup, title; /* node NULL: none */
	struct step *steps;
	size_t nsteps;

	char *script_path, *script;
	struct pos script_pos;

	struct sweep_retry retry;
	bool restartable;
	const char *checkpoint;
};

/* The number of a name, new where it has none yet. */
size_t sweep_sym(struct sweep *sweep, const char *name);
/* PART_NO_SYM where it has none. */
size_t sweep_sym_find(const struct sweep *sweep, const char *name);
/* The axis of a name in a space; NULL: none. */
const struct axis *space_axis(const struct space *space, size_t sym);
/* The space of a variant's name (NULL: none): the sweep's own where there is none such. */
const struct space *sweep_space(const struct sweep *sweep, const char *variant);
/* The let of that symbol that a space sees; NULL: none. */
const struct let *sweep_let(const struct sweep *sweep, const struct space *space, size_t sym);
bool axis_is_drawn(const struct axis *axis);
/* How many values it has, those of a range counted where they are not made yet; 1 where it is
 * drawn. */
size_t axis_length(const struct axis *axis);
/* Give it n values, which lie one behind the other in packed (given), a NUL behind each. */
void axis_pack(struct axis *axis, char *packed, size_t n);
/* Those of its range; -1 with *why (constant text). */
int axis_pack_range(struct axis *axis, const char **why);
/* Append a draw's text. */
void axis_draw(const struct axis *axis, const char *seed, uint64_t i, struct buf *out);

/* Growing the lists. A group is given to the sweep. */
struct group *sweep_add_group(struct sweep *sweep);
/* Fill every space's groups (and drawn) from the sweep's and its own. A variant's axis takes the
 * place of the inherited one, or of the whole zip group that holds it. To be called again when tables
 * are read. */
void sweep_compose(struct sweep *sweep);
struct axis *group_add(struct group *group);
void groups_push(struct groups *list, struct group *group);
struct rule *rules_add(struct rules *list);
struct setting *settings_add(struct settings *list);
struct let *lets_add(struct lets *list);

#endif
