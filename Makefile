# slurmq - keeps a Slurm queue full.  GNU make, no configure.
#
#   make                    build/slurmq
#   make check              unit tests, scripts, static checks (boots a private Slurm)
#   make check-fast         the same without what needs Slurm
#   make check T="t1000-main.sh test_buf"    only these
#   make static             build/slurmq-static, one file without shared libraries
#   make static ARCH=arm64  the same for arm64: build/arm64/slurmq-static
#   make dist               build/slurmq-VERSION.tar.gz, the sources of the last commit
#   make deb                a Debian package of them, in build/deb
#   make install            to $(DESTDIR)$(PREFIX)
#   make demo               a sweep on a Slurm of its own, in build/demo: look on
#   make sim SEEDS=100000   so many seeds of the simulator (t/sim); SEED=17 replays one
#   make fuzz SECONDS=600   clang's libFuzzer on the readers, so long for each
#   make check-slurm SUITE=trixie    the tests that need Slurm, with the Slurm of another Debian release (as root)
#   make deps               the packages that all of this needs
#
# SANITIZE=address,undefined and DEBUG=1 build in folders of their own; V=1 shows the commands.

VERSION := 0.2.0

PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHCOMPDIR  ?= $(PREFIX)/share/zsh/site-functions
FISHCOMPDIR ?= $(PREFIX)/share/fish/vendor_completions.d

INSTALL      ?= install
PKG_CONFIG   ?= pkg-config
CLANG_FORMAT ?= clang-format

empty :=
space := $(empty) $(empty)
comma := ,

# Where the build goes

B := build
ifneq ($(SANITIZE),)
B := $(B)/san-$(subst $(comma),-,$(SANITIZE))
endif
ifneq ($(DEBUG),)
B := $(B)/debug
endif

# Flags: CFLAGS, CPPFLAGS, LDFLAGS and LDLIBS are the caller's, the rest is ours

ifneq ($(DEBUG),)
CFLAGS ?= -O0 -g3
else ifneq ($(SANITIZE),)
CFLAGS ?= -O1 -g
else
CFLAGS ?= -O2 -g -fstack-protector-strong
FORTIFY := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif

WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wwrite-strings \
	-Wmissing-prototypes -Wvla
ifneq ($(WERROR),)
WARN += -Werror
endif

DEFS := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DSLURMQ_VERSION='"$(VERSION)"' -Isrc
SAN  := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)

LIBS := sqlite3 yaml-0.1 libmd
lib_cflags := $(shell $(PKG_CONFIG) --cflags $(LIBS) 2>/dev/null)
lib_libs   := $(shell $(PKG_CONFIG) --libs $(LIBS) 2>/dev/null)
ifeq ($(strip $(lib_libs)),)
lib_libs   := -lsqlite3 -lyaml -lmd
endif

COMPILE = $(CC) -std=c11 $(DEFS) $(FORTIFY) $(WARN) $(SAN) $(lib_cflags) $(CPPFLAGS) $(CFLAGS)
# bound at the start, which nobody waits for, and not symbol by symbol while a slot is held
LINK    = $(CC) $(SAN) $(CFLAGS) -Wl,-z,relro,-z,now $(LDFLAGS)

# What there is

SRC   := $(wildcard src/*.c src/*/*.c)
UNIT  := $(wildcard t/unit/test_*.c)
TOOL  := $(wildcard t/tool/*.c)
FUZZ  := $(wildcard t/fuzz/fuzz_*.c)
PRELOAD := $(wildcard t/preload/*.c)
SIM   := $(wildcard t/sim/*.c)

OBJ   := $(SRC:%.c=$(B)/%.o)
LIB   := $(B)/libslurmq.a
LIBOBJ := $(filter-out $(B)/src/main.o,$(OBJ)) $(B)/page_data.o
MAN   := $(sort $(wildcard man/*.[157]))
TESTOBJ := $(UNIT:%.c=$(B)/%.o) $(TOOL:%.c=$(B)/%.o) $(FUZZ:%.c=$(B)/%.o) $(SIM:%.c=$(B)/%.o)
UNITS := $(UNIT:t/unit/%.c=$(B)/t/%)
TOOLS := $(TOOL:t/tool/%.c=$(B)/t/%)
FUZZERS := $(FUZZ:t/fuzz/%.c=$(B)/t/%)
PRELOADS := $(PRELOAD:t/preload/%.c=$(B)/t/%.so)

ifeq ($(filter src/main.c,$(SRC)),)
BIN :=
else
BIN := $(B)/slurmq
endif

# The program for tests that kill it (failpoint.h): the archive, but for what holds such points

FPSRC := $(shell grep -l 'FAILPOINT."' $(SRC) /dev/null)
FPOBJ := $(patsubst %.c,$(B)/failpoints/%.o,$(filter-out src/main.c,$(FPSRC)) $(filter %/failpoint.c,$(SRC)))
FPBIN := $(B)/failpoints/slurmq

# Speaking: a short line a step, the commands with V=1, nothing with -s

ifneq ($(V),)
Q   :=
say  = @:
else
Q   := @
say  = @$(if $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),:,printf '  %-7s %s\n' $(1) $(2))
endif


.PHONY: all tests check check-fast check-slurm fuzz fuzzers sim bench show-compile static dist deb demo install uninstall format deps clean FORCE
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

all: $(LIB) $(BIN)
	@:

# Everything built depends on the flags that it was built with

flags := $(CC) $(AR) $(subst ','\'',$(COMPILE) | $(LINK) | $(lib_libs) $(LDLIBS))
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(flags)' | cmp -s - $@ || printf '%s\n' '$(flags)' > $@

$(B)/%.o: %.c $(B)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

$(TESTOBJ): DEFS += -It/unit

$(FPOBJ): DEFS += -DSLURMQ_TEST

$(B)/failpoints/%.o: %.c $(B)/flags
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

# The manual pages, in the binary: one that was copied to a cluster brings its manual

$(B)/page_data.c: $(MAN) $(B)/objects
	$(call say,GEN,$@)
	$(Q){ printf '#include "cmd/page.h"\n\nconst struct page pages[] = {\n'; \
	for f in $(MAN); do \
		name=$${f##*/}; \
		printf '\t{"%s", "%s",\n' "$${name%.*}" "$${name##*.}"; \
		sed 's/[\\"?]/\\&/g; s/.*/\t "&\\n"/' $$f || exit 1; \
		printf '\t},\n'; \
	done; \
	printf '\t{0, 0, 0},\n};\n'; } > $@

$(B)/page_data.o: $(B)/page_data.c $(B)/flags
	$(call say,CC,$@)
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

# The lists of objects and pages in a file: one that is deleted leaves the archive. Two folders may hold files of
# one name, so members are appended (q), never replaced by name

$(B)/objects: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(LIBOBJ) $(MAN)' | cmp -s - $@ || printf '%s\n' '$(LIBOBJ) $(MAN)' > $@

$(LIB): $(LIBOBJ) $(B)/objects
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) qcs $@ $(LIBOBJ)

$(B)/slurmq: $(B)/src/main.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(B)/src/main.o $(LIB) $(lib_libs) $(LDLIBS)

$(FPBIN): $(B)/src/main.o $(FPOBJ) $(LIB)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(B)/src/main.o $(FPOBJ) $(LIB) $(lib_libs) $(LDLIBS)

# Tests.  A unit test comes before the archive: where it defines all that an object of the
# archive would bring, its own definitions are taken

$(B)/t/test_%: $(B)/t/unit/test_%.o $(LIB)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $< $(LIB) -lcmocka $(lib_libs) $(LDLIBS)

$(B)/t/fuzz_%: $(B)/t/fuzz/fuzz_%.o $(LIB)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $< $(LIB) $(lib_libs) $(LDLIBS)

$(B)/t/%: $(B)/t/tool/%.o $(LIB)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $< $(LIB) $(lib_libs) $(LDLIBS)

# The simulator: the archive's system calls come by it, and what defines a bug on purpose

sim_calls := open64 openat64 close read pread64 write pwrite64 ftruncate64 fstat64 stat64 fstatat64 \
	unlinkat unlink renameat mkdir mkdirat fsync fdatasync futimens fchmodat fcntl64 mmap64 munmap realpath \
	fopen64 getcwd fdopendir readdir64 closedir getpid gethostname setenv \
	claim_file_win ingest_apply journal_file_post policy_decide \
	folder_file_ages manifest_age slurm_state_alive db_job_hold_value bad_node_judge state_set_node

$(B)/t/simulate: $(SIM:%.c=$(B)/%.o) $(LIB)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) $(sim_calls:%=-Wl,--wrap=%) -o $@ $^ $(lib_libs) $(LDLIBS)

# What a test puts before a program's libc is never sanitized: it is loaded first

$(B)/t/%.so: t/preload/%.c $(B)/flags
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 $(DEFS) $(WARN) -O2 -g -fPIC -shared -MMD -MP -MF $(@:.so=.d) -o $@ $< -ldl

tests: all $(UNITS) $(TOOLS) $(PRELOADS) $(FPBIN) $(B)/t/simulate
	@:

run = SLURMQ=$(CURDIR)/$(B)/slurmq TEST_BUILD=$(CURDIR)/$(B) t/run

# What looks at the sources says the same whatever they were built with

SCRIPTS := $(filter-out $(if $(SANITIZE),t/t000%),$(wildcard t/t[0-9]*.sh))

check: tests
	@$(run) $(or $(T),$(UNITS) $(SCRIPTS))

check-fast: tests
	@$(run) $(or $(T),$(UNITS) $(filter t/t0%,$(SCRIPTS)))

# Any bytes for the readers, under the sanitizers; build/fuzz keeps the corpus and what was found.
# SECONDS is for each

FUZZ_CC ?= clang
SECONDS ?= 60

fuzz:
	@$(MAKE) --no-print-directory fuzzers B=build/fuzz CC='$(FUZZ_CC)' CFLAGS='-O1 -g' \
		SANITIZE=fuzzer-no-link,address,undefined
	@t/fuzz/run -b build/fuzz -s $(SECONDS)

fuzzers: $(FUZZERS)
	@:

SEEDS ?= 1000

sim: $(B)/t/simulate
	@$< $(if $(GRIDS),-g) $(if $(SEED),-s $(SEED),-n $(SEEDS) -j $$(nproc))

# The other Slurms: a root of that Debian release in build/root-SUITE

check-slurm:
	@t/check-slurm '$(SUITE)' $(T)

bench: tests
	@SLURMQ=$(CURDIR)/$(B)/slurmq TEST_BUILD=$(CURDIR)/$(B) t/bench.sh

# For tests that compile: the compiler and its flags, quoted for a shell

show-compile:
	@printf '%s\n' '$(subst ','\'',$(COMPILE))'

# One file that runs on any Linux of this architecture, or of ARCH.  The linker warns of functions
# that load libraries at run time all the same (getpwuid, getaddrinfo: the name service): an error,
# but for SQLite's dlopen, which is for extensions, and these are never loaded

STATIC_MAX := 4194304

# some sites have a variable ARCH in the environment
ifneq ($(origin ARCH),command line)
ARCH :=
endif

ifeq ($(ARCH),)
STATIC := build/slurmq-static
static_vars := B=build/static
else
TRIPLET_arm64 := aarch64-linux-gnu
TRIPLET := $(TRIPLET_$(ARCH))
STATIC  := build/$(ARCH)/slurmq-static
static_pkg_config := PKG_CONFIG_LIBDIR=/usr/lib/$(TRIPLET)/pkgconfig $(PKG_CONFIG)
static_vars  := B=build/$(ARCH) CC=$(TRIPLET)-gcc AR=$(TRIPLET)-ar PKG_CONFIG='$(static_pkg_config)'
static_needs := gcc-$(TRIPLET) libsqlite3-dev:$(ARCH) zlib1g-dev:$(ARCH) libyaml-dev:$(ARCH) libmd-dev:$(ARCH)
endif

static:
ifneq ($(ARCH),)
	@test -n '$(TRIPLET)' || { echo "cannot build for ARCH=$(ARCH): use ARCH=arm64" >&2; exit 1; }
	@command -v $(TRIPLET)-gcc >/dev/null && $(static_pkg_config) --exists $(LIBS) zlib || { \
		echo "cannot build for ARCH=$(ARCH) without these packages (Debian, after" \
			"dpkg --add-architecture $(ARCH)): $(static_needs)" >&2; exit 1; }
endif
	@$(MAKE) --no-print-directory $(STATIC) $(static_vars) \
		CFLAGS='-O2 -ffunction-sections -fdata-sections' LDFLAGS='-static -s -Wl,--gc-sections'

$(STATIC): $(B)/src/main.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $^ $$($(PKG_CONFIG) --static --libs $(LIBS)) $(LDLIBS) 2> $(B)/ld.log || \
		{ cat $(B)/ld.log >&2; exit 1; }
	$(Q)! grep warning: $(B)/ld.log | grep -v "'dlopen'" >&2
	$(Q)test "$$(stat -c %s $@)" -lt $(STATIC_MAX) || { echo "$@ is not under $(STATIC_MAX) bytes" >&2; exit 1; }

# The sources of the last commit: the same bytes each time

DIST := build/slurmq-$(VERSION).tar

dist:
	@git diff --quiet HEAD || { \
		echo "cannot pack the last commit: this is no clone, or it has changes that are not committed" >&2; exit 1; }
	$(call say,PACK,$(DIST).gz)
	@mkdir -p build
	$(Q)git -c tar.umask=0022 archive --prefix=slurmq-$(VERSION)/ -o $(DIST) HEAD
	$(Q)gzip -9nf $(DIST)

# A Debian package of them.  The variables are those of dch(1)

DEBFULLNAME ?= $(shell git config user.name)
DEBEMAIL    ?= $(shell git config user.email)
DEBTREE := build/deb/slurmq-$(VERSION)

deb: dist
	$(Q)test -n '$(DEBFULLNAME)' -a -n '$(DEBEMAIL)' || { \
		echo "no maintainer of the package: set DEBFULLNAME and DEBEMAIL" >&2; exit 1; }
	$(call say,DEB,build/deb)
	$(Q)rm -rf build/deb && mkdir -p build/deb && tar -C build/deb -xzf $(DIST).gz
	$(Q)mv $(DEBTREE)/.ci/debian $(DEBTREE)/debian
	$(Q)sed -i 's/@MAINTAINER@/$(DEBFULLNAME) <$(DEBEMAIL)>/' $(DEBTREE)/debian/control
	$(Q)printf 'slurmq (%s-1) unstable; urgency=medium\n\n  * Package of slurmq %s.\n\n -- %s <%s>  %s\n' \
		'$(VERSION)' '$(VERSION)' '$(DEBFULLNAME)' '$(DEBEMAIL)' "$$(git log -1 --format=%cD)" \
		> $(DEBTREE)/debian/changelog
	$(Q)cd $(DEBTREE) && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL dpkg-buildpackage -b -us -uc \
		> ../build.log 2>&1 || { tail -n 20 ../build.log >&2; exit 1; }

# A first sweep to look at.  make is called anew: what was installed changes the flags

demo:
	@.ci/deps build slurm
	@$(MAKE) --no-print-directory all
	@SLURMQ='$(CURDIR)/$(B)/slurmq' t/demo.sh

# Installation

install: all
	$(Q)$(INSTALL) -d '$(DESTDIR)$(BINDIR)'
	$(Q)$(INSTALL) -m 755 $(B)/slurmq '$(DESTDIR)$(BINDIR)/slurmq'
	$(Q)for f in $(MAN); do \
		$(INSTALL) -D -m 644 $$f "$(DESTDIR)$(MANDIR)/man$${f##*.}/$${f##*/}" || exit 1; done
	$(Q)if test -f completions/slurmq.bash; then \
		$(INSTALL) -D -m 644 completions/slurmq.bash '$(DESTDIR)$(BASHCOMPDIR)/slurmq'; \
		$(INSTALL) -D -m 644 completions/_slurmq '$(DESTDIR)$(ZSHCOMPDIR)/_slurmq'; \
		$(INSTALL) -D -m 644 completions/slurmq.fish '$(DESTDIR)$(FISHCOMPDIR)/slurmq.fish'; fi

uninstall:
	$(Q)rm -f '$(DESTDIR)$(BINDIR)/slurmq' '$(DESTDIR)$(BASHCOMPDIR)/slurmq' \
		'$(DESTDIR)$(ZSHCOMPDIR)/_slurmq' '$(DESTDIR)$(FISHCOMPDIR)/slurmq.fish'
	$(Q)for f in $(MAN); do rm -f "$(DESTDIR)$(MANDIR)/man$${f##*.}/$${f##*/}"; done

# Upkeep

format:
	$(Q)$(CLANG_FORMAT) -i $(wildcard src/*.[ch] src/*/*.[ch] t/unit/*.[ch] t/tool/*.[ch] t/preload/*.[ch] t/fuzz/*.c t/sim/*.[ch])

deps:
	@.ci/deps

clean:
	$(Q)rm -rf build

-include $(OBJ:.o=.d) $(B)/page_data.d $(TESTOBJ:.o=.d) $(FPOBJ:.o=.d) $(PRELOADS:.so=.d)
