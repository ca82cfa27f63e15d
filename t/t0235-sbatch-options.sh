#!/bin/bash
# slurmq knows every option that the installed sbatch has, the hidden ones too
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

command -v sbatch >/dev/null || skip_all 'sbatch is not installed'
command -v jq >/dev/null || skip_all 'jq is not installed'

printf '%s\n' 'ClusterName=x' 'SlurmctldHost=localhost' 'AuthType=auth/none' 'CredType=cred/none' \
	'NodeName=localhost' 'PartitionName=p Nodes=localhost' >slurm.conf
export SLURM_CONF=$TEST_TMP/slurm.conf LC_ALL=C
sbatch --help >help 2>&1 || skip_all 'sbatch does not run here'

# For a prefix of several options, getopt_long(3) names them all. The text of --help is not reliable: on 24.11 it
# still lists --power
list_options() {
	local letter
	for letter in {a..z}; do
		sbatch "--$letter" </dev/null 2>&1 | grep -oE -- "'--[a-z-]{2,}'" | tr -d "'"
	done
}
list_options | sed 's/^--//' | sort -u >installed
ok 'sbatch names its options' test "$(wc -l <installed)" -gt 80

version=$(sbatch --version | sed -n 's/^[^0-9]*\([0-9]*\)\.\([0-9]*\).*/\1\2/p')
note "sbatch is of $version"
# options FILTER: prints the options of this release. The schema has no release for an option that slurmq sets itself
options() {
	slurmq help --schema | jq -r --argjson version "${version:-0}" '.definitions.sbatch.properties | to_entries[] |
		((.value.description? // "") | capture("^(?<word>since|until) Slurm (?<y>[0-9]+)[.](?<m>[0-9]+)$")? //
			{word: "since", y: "0", m: "0"}) as $in |
		(($in.y + $in.m) | tonumber) as $release |
		select(if $in.word == "since" then $version >= $release else $version <= $release end) |
		'"$1"' | .key' | sort
}
options . >known
options 'select(.value.not | not)' >passed
is "$(comm -23 installed known)" '' 'slurmq knows each of them'
case $version in
2011 | 2205 | 2411) is "$(comm -13 installed passed)" '' 'and each that it knows is there' ;;
*) skip 1 "the table gives the options of other releases than $version" ;;
esac

done_testing
