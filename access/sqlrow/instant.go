package sqlrow

import (
	"math/big"
	"time"

	"github.com/rowan-authz/rowan/conditions"
)

// nanoseconds counts them since 1970.
func nanoseconds(t time.Time) *big.Int {
	n := new(big.Int).Mul(big.NewInt(t.Unix()), big.NewInt(1e9))
	return n.Add(n, big.NewInt(int64(t.Nanosecond())))
}

// Timestamps are read after the one and before the other. The first instant is
// what Go has for no time, and the driver of MySQL for its 0000-00-00.
var (
	firstInstant = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	afterInstant = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
)

// timestamp writes a residual's test of an instant.
func (e *emitter) timestamp(k Type, r *conditions.Residual, name string) (present, value string, err error) {
	kind := argTimestamp
	if k == TimestampTZ {
		kind = argTimestampTZ
	}
	if e.dialect == SQLite || k == TimestampTZ && e.dialect != PostgreSQL {
		return "", "", reasonError("a column of type " + k.String())
	}
	if r.Key.Kind != conditions.Date && r.Key.Kind != conditions.Untyped {
		return "", "", reasonError("a key of kind " + r.Key.Kind.String() + " in a column of timestamps")
	}
	present = e.timestampRange(kind, name)
	t := &r.Test
	switch {
	case t.Never():
		return present, never, nil
	case t.Always():
		return present, always, nil
	case t.Op != conditions.CompareDate:
		return "", "", reasonError("the operator, in a column of timestamps")
	}
	hits := make([]string, len(t.Instants()))
	for i, at := range t.Instants() {
		hits[i] = e.instantOrder(kind, name, t.Comparison, at)
	}
	value = anyOf(hits...)
	if t.Not {
		value = not(value)
	}
	return present, value, nil
}

// timestampRange is what makes a timestamp readable. PostgreSQL's infinity is
// out of it, and so are MySQL's dates without a month or a day.
func (e *emitter) timestampRange(kind argKind, name string) string {
	first, last := "'0001-01-01 00:00:00'", "'9999-12-31 23:59:59.999999'"
	if e.dialect == MySQL {
		return allOf(name+" IS NOT NULL", name+" > "+first, "MONTH("+name+") > 0", "DAYOFMONTH("+name+") > 0")
	}
	zone := ""
	if kind == argTimestampTZ {
		zone = "+00"
	}
	literal := func(s string) string { return postgresTypes[kind] + " " + s[:len(s)-1] + zone + "'" }
	return allOf(name+" IS NOT NULL", name+" > "+literal(first), name+" <= "+literal(last))
}

// instantOrder compares a timestamp of whole microseconds with an instant of
// whole nanoseconds.
func (e *emitter) instantOrder(kind argKind, name string, order conditions.Comparison, at time.Time) string {
	floor := at.Truncate(time.Microsecond) // since year 1, which is before any instant that matters
	switch {
	case at.Before(firstInstant):
		return constant(order == conditions.Greater || order == conditions.GreaterOrEqual)
	case !at.Before(afterInstant):
		return constant(order == conditions.Less || order == conditions.LessOrEqual)
	case floor.Equal(at):
	case order == conditions.Same:
		return never
	case order == conditions.Less:
		order = conditions.LessOrEqual
	case order == conditions.GreaterOrEqual:
		order = conditions.Greater
	}
	layout := "2006-01-02 15:04:05.000000"
	if kind == argTimestampTZ {
		layout += "+00"
	}
	return name + comparisons[order] + e.arg(kind, floor.UTC().Format(layout))
}
