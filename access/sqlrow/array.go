package sqlrow

import (
	"github.com/rowan-authz/rowan/conditions"
)

// array writes a residual's test of several values: what counts for none of
// them is Null, one is a text as any other, and several are asked each.
func (e *emitter) array(r *conditions.Residual, name string) (string, error) {
	if e.dialect != PostgreSQL {
		return "", reasonError("a column of several values")
	}
	each := text{e: e, raw: "rowan_each.value", made: true}
	some := func(p string) string {
		return "EXISTS (SELECT 1 FROM unnest(" + name + ") AS rowan_each(value) WHERE " + p + ")"
	}
	one, err := e.text(each, r, r.HoldsText(""))
	if err != nil {
		return "", err
	}
	several, err := e.several(each, r, some)
	if err != nil {
		return "", err
	}
	value := some(one)
	if value != several {
		value = "CASE WHEN cardinality(" + name + ") = 1 THEN " + value + " ELSE " + several + " END"
	}
	value = allOf("array_ndims("+name+") = 1", not(some(each.raw+" IS NULL")), value)
	empty := "cardinality(" + name + ") = 0"
	if r.Null {
		return anyOf(empty, value), nil
	}
	return allOf(not(empty), value), nil
}

// several is the answer for two values or more.
func (e *emitter) several(each text, r *conditions.Residual, some func(string) string) (string, error) {
	k := r.Key
	if r.Single() {
		return never, nil
	}
	readable, err := each.readable(k.Kind)
	if err != nil {
		return "", err
	}
	if readable != always {
		readable = not(some(not(readable)))
	}
	if r.Of == conditions.One {
		return allOf(readable, constant(r.Many)), nil
	}
	holds, err := e.text(each, r, r.Test.Holds(""))
	if err != nil {
		return "", err
	}
	if r.Of == conditions.Any {
		return allOf(readable, some(holds)), nil
	}
	return allOf(readable, not(some(not(holds)))), nil
}
