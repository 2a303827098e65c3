package rego

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// builtins are the functions that guardrails may call, and no others that a
// later OPA may bring: what they answer follows from their arguments alone, and
// they need no more time and memory than these let expect.
var builtins = strings.Fields(`
	abs and array.concat array.flatten array.reverse array.slice assign base64.decode base64.encode base64.is_valid
	base64url.decode base64url.encode base64url.encode_no_pad bits.and bits.lsh bits.negate bits.or bits.rsh bits.xor
	ceil concat contains count crypto.hmac.equal crypto.hmac.sha256 crypto.hmac.sha512 crypto.sha256 div endswith eq
	equal floor format_int glob.match glob.quote_meta graph.reachable graph.reachable_paths gt gte hex.decode hex.encode
	indexof indexof_n internal.member_2 internal.member_3 internal.template_string intersection is_array is_boolean
	is_null is_number is_object is_set is_string json.filter json.is_valid json.marshal json.remove json.unmarshal
	lower lt lte max min minus mul neq net.cidr_contains net.cidr_contains_matches net.cidr_intersects
	net.cidr_is_valid net.cidr_merge numbers.range numbers.range_step object.filter object.get object.keys
	object.remove object.subset object.union object.union_n or plus product regex.find_all_string_submatch_n
	regex.find_n regex.is_valid regex.match regex.replace regex.split regex.template_match rem replace round
	semver.compare semver.is_valid sort split sprintf startswith strings.any_prefix_match strings.any_suffix_match
	strings.count strings.replace_n strings.reverse strings.split_n substring sum time.add_date time.clock time.date time.diff
	time.format time.parse_duration_ns time.parse_ns time.parse_rfc3339_ns time.weekday to_number trim trim_left
	trim_prefix trim_right trim_space trim_suffix type_name union units.parse units.parse_bytes upper
	uri.is_valid uri.parse urlquery.decode urlquery.decode_object urlquery.encode urlquery.encode_object uuid.parse walk
`)

// capabilities are what the compiler takes.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(slices.Clone(c.Builtins), func(b *ast.Builtin) bool { return !slices.Contains(builtins, b.Name) })
	c.AllowNet = []string{} // which is none, where nil is any
	return c
}
