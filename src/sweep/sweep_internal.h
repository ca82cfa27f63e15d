/*
 * sweep_internal.h - the definition of struct sweep, only for the files that fill and read it.
 *
 * Strings are borrowed from the document, which the sweep owns, unless a comment states
 * otherwise. Names have numbers ("symbols"), which index the values: a name has one number in
 * the whole sweep.
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
	SWEEP_STEPS_MOST = 10000,	  /* steps of one job */
	SWEEP_COMBINATIONS_MOST = 100000, /* combinations of the steps of a job, before exclude */
	SWEEP_LIMIT_MOST = 1000000,	  /* `limit` */
	SWEEP_JOBS_MOST = 5000000,	  /* jobs, unless the caller sets another number */
	SWEEP_WORD_MOST = 128 * 1024 - 1024, /* MAX_ARG_STRLEN (execve(2)) less some slack */
};

enum axis_kind {
	AXIS_VALUES,
	AXIS_RANGE,
	AXIS_FILE,
	AXIS_COLUMN,  /* a column of a table */
	AXIS_UNIFORM, /* this kind and the following are drawn */
	AXIS_LOGUNIFORM,
	AXIS_RANDINT,
	AXIS_CHOICE,
};

struct axis {
	const char *name;
	size_t sym;
	struct pos pos; /* place of its name */
	enum axis_kind kind;
	struct range range;
	const char *low, *high; /* ends of a draw */
	const char *path;	/* AXIS_FILE: the path as written */
	const char *fallback;	/* default: a value that the identity omits; NULL: none */
	struct strs values; /* known after files are loaded; those of a list and a choice at once */
	char *packed;	    /* NULL, or the memory of all values: there can be millions */
};

/* One dimension: a parameter, or several that advance together. */
struct group {
	struct pos pos;
	bool zip;
	const char *table; /* the file of the table, as written; NULL: none */
	struct strs names; /* names of the table's columns, which are its axes */
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

/* A scalar with placeholders, and its place. */
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
	struct field text; /* the text if `by` is NULL */
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
	struct groups groups; /* borrowed from sweep.groups */
	struct groups own;    /* borrowed: the groups that the space itself names, zip first */
	int64_t samples;      /* n of `sample`, inherited; 0: not set */
	bool drawn;	      /* some axis is drawn; otherwise samples has no effect */
	const char *seed;
	struct pos sample_pos;
	struct rules exclude;
	struct lets lets; /* its own lets; sweep.lets has the others */
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
	struct field *words; /* the words; a script is one word */
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

	struct groups groups; /* all groups of the sweep, which owns them */
	struct space *spaces;
	size_t nspaces;
	struct space base; /* the top level; spaces[0] has the same groups if there is no variant */
	bool variants;
	bool tables; /* the columns of a table are not known yet */
	bool loaded;
	bool read_by_program; /* a file that a command executes names SLURMQ_PARAM... */
	bool restartable;
	bool shuffled; /* order: random */
	struct rules exclude;
	struct include *includes;
	size_t nincludes;
	uint64_t most; /* maximum number of jobs; 0: any number that can be counted */

	struct lets lets;
	struct settings sbatch, env;
	struct override *overrides;
	size_t noverrides;
	struct field setup, title; /* node NULL: none */
	struct step *steps;
	size_t nsteps;

	const char *script_name;    /* the path of the batch script as written; NULL: none */
	char *script_path, *script; /* its absolute path, its text */
	struct pos script_pos;

	struct sweep_retry retry;
	const char *checkpoint; /* name of a signal; NULL: none */
	int64_t notice_s;	/* `before` of checkpoint; 0: not set */
	int64_t limit;		/* 0: none */
};

/* Returns the number of a name; a new name gets a new number. */
size_t sweep_sym(struct sweep *sweep, const char *name);
/* Returns the number of a name, or PART_NO_SYM if it has none. */
size_t sweep_sym_find(const struct sweep *sweep, const char *name);
/* Returns the axis of a name in a space; NULL if there is none. */
const struct axis *space_axis(const struct space *space, size_t sym);
/* Returns the space of a variant (NULL: none); the space of the sweep itself if there is no
 * such variant. */
const struct space *sweep_space(const struct sweep *sweep, const char *variant);
/* Returns the let of that symbol that is valid in a space; NULL if there is none. */
const struct let *sweep_let(const struct sweep *sweep, const struct space *space, size_t sym);
bool axis_is_drawn(const struct axis *axis);
/* Returns the number of values of an axis, for a range also before they are made; 1 if it is
 * drawn. */
size_t axis_length(const struct axis *axis);
/* Gives the axis n values, each followed by a NUL, which lie one after another in packed. The
 * axis owns packed from then on. */
void axis_pack(struct axis *axis, char *packed, size_t n);
/* Gives the axis the values of its range. Returns -1 with *why (constant text) on failure. */
int axis_pack_range(struct axis *axis, const char **why);
/* Appends the text of a draw. */
void axis_draw(const struct axis *axis, const char *seed, uint64_t i, struct buf *out);

/* Appends the text of a template without {@args} and {@kv}. values: by symbol, NULL for lets and for
 * a parameter that has its default. Returns 1, 0 if an empty {name?} drops the word, or -1 if the
 * text cannot be made. */
int sweep_render(const struct sweep *sweep, const struct space *space, const char *const *values,
		 const struct template *t, struct buf *out);

/* These add an element to a list. The sweep owns the group. */
struct group *sweep_add_group(struct sweep *sweep);
/* Fills groups and drawn of every space from the sweep's groups and its own. An axis of a
 * variant replaces the inherited axis, or the whole zip group that holds it. Called again after
 * tables are read. */
void sweep_compose(struct sweep *sweep);
struct axis *group_add(struct group *group);
void groups_push(struct groups *list, struct group *group);
struct rule *rules_add(struct rules *list);
struct setting *settings_add(struct settings *list);
struct let *lets_add(struct lets *list);

#endif
