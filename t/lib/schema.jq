# JSON Schema, the part of draft-07 that slurmq uses: prints the errors of the input, a line each.
#
#	jq -r --slurpfile schema SCHEMA -L t/lib 'include "schema"; errors($schema[0])'

def kind: if type == "number" and floor == . then "integer" else type end;

def is_of($types): kind as $k | ($types | if type == "array" then . else [.] end)
	| any(. == $k or (. == "number" and $k == "integer"));

# $top: the whole schema; $s: the part that the input has to match; $at: the path of the input
def check($top; $s; $at):
	. as $v
	| def valid($part): [check($top; $part; "")] == [];
	# an unknown keyword would accept any input
	($s | keys - ["$ref", "$schema", "title", "description", "definitions", "type", "enum", "pattern", "minLength",
		"minimum", "maximum", "minItems", "maxItems", "items", "minProperties", "maxProperties", "required",
		"properties", "additionalProperties", "propertyNames", "dependencies", "allOf", "anyOf", "oneOf", "not"]
		| .[] | "\($at): this checker does not know \(.)"),
	(if $s | has("$ref") then ($s["$ref"] | ltrimstr("#/definitions/")) as $name
		| check($top; $top.definitions[$name] // error("no definition of \($name)"); $at) else empty end),
	(if $s.type and (is_of($s.type) | not) then "\($at): is to be \($s.type)" else empty end),
	(if $s.enum and ($s.enum | index([$v]) | not) then "\($at): is none of \($s.enum)" else empty end),
	(if type == "string" then
		(if $s.pattern and (test($s.pattern) | not) then "\($at): is not as \($s.pattern)" else empty end),
		(if $s.minLength and length < $s.minLength then "\($at): is too short" else empty end)
	elif type == "number" then
		(if $s.minimum and . < $s.minimum then "\($at): is below \($s.minimum)" else empty end),
		(if $s.maximum and . > $s.maximum then "\($at): is above \($s.maximum)" else empty end)
	elif type == "array" then
		(if $s.minItems and length < $s.minItems then "\($at): has too few" else empty end),
		(if $s.maxItems and length > $s.maxItems then "\($at): has too many" else empty end),
		(if $s.items then to_entries[] | . as $e | $e.value | check($top; $s.items; "\($at)[\($e.key)]") else empty end)
	elif type == "object" then
		(if $s.minProperties and length < $s.minProperties then "\($at): has too few" else empty end),
		(if $s.maxProperties and length > $s.maxProperties then "\($at): has too many" else empty end),
		($s.required // [] | .[] as $k | if $v | has($k) then empty else "\($at): needs \($k)" end),
		($s.dependencies // {} | to_entries[] | . as $d
			| if $v | has($d.key) and ([has($d.value[])] | all | not) then "\($at): \($d.key) needs \($d.value)" else empty end),
		(to_entries[] | . as $e
			| (if $s.propertyNames then $e.key | check($top; $s.propertyNames; "\($at): the name \($e.key)") else empty end),
			(if $s.properties | (. != null and has($e.key)) then
				$e.value | check($top; $s.properties[$e.key]; "\($at).\($e.key)")
			elif $s.additionalProperties == false then "\($at): unknown key \($e.key)"
			elif $s.additionalProperties then $e.value | check($top; $s.additionalProperties; "\($at).\($e.key)")
			else empty end))
	else empty end),
	(select($s.allOf) | check($top; $s.allOf[]; $at)),
	(select($s.anyOf) | if any($s.anyOf[]; . as $p | $v | valid($p)) then empty else "\($at): is nothing that may stand there" end),
	(select($s.oneOf) | ([$s.oneOf[] | . as $p | $v | valid($p) | select(.)] | length) as $n
		| if $n == 1 then empty else "\($at): is \($n) of what it is to be one of" end),
	(select($s.not) | if valid($s.not) then "\($at): may not stand there" else empty end);

def errors($schema): check($schema; $schema; "");
