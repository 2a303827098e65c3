package web

import (
	"maps"
	"math"
	"slices"
	"strconv"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// question reads a question and takes all its members.
func question(o object) *rowanv1.DecideRequest {
	q := &rowanv1.DecideRequest{
		Subject: o.subject(), Action: o.text("action"), Resource: o.text("resource"),
		ResourceAccount: o.text("resourceAccount"), Context: o.context("context"), Details: o.truth("details"),
	}
	o.closed()
	return q
}

// subject reads who asks; nil if the object does not say.
func (o object) subject() *rowanv1.Subject {
	x, ok := o.object("subject")
	if !ok {
		return nil
	}
	defer x.closed()
	of := &rowanv1.Subject{}
	kinds := 0
	if s, ok := x.object("session"); ok {
		kinds++
		of.Subject = &rowanv1.Subject_Session{Session: &rowanv1.Session{AccessKeyId: s.text("accessKeyId"), Token: s.text("token")}}
		s.closed()
	}
	if s, ok := x.object("idToken"); ok {
		kinds++
		of.Subject = &rowanv1.Subject_IdToken{IdToken: &rowanv1.IdToken{
			IdentityPool: s.text("identityPool"), Provider: s.text("provider"), Token: s.text("token"),
		}}
		s.closed()
	}
	if s, ok := x.object("principal"); ok {
		kinds++
		of.Subject = &rowanv1.Subject_Principal{Principal: s.principal()}
	}
	if kinds != 1 {
		x.fault("", "want one of session, idToken and principal")
	}
	return of
}

// principal reads whom a service vouches for.
func (o object) principal() *rowanv1.Principal {
	p := &rowanv1.Principal{
		Principal: o.text("principal"), SessionName: o.text("sessionName"), IdentityId: o.text("identityId"),
		IdentityPool: o.text("identityPool"), Amr: o.texts("amr"), Tags: o.tags("tags"),
	}
	o.closed()
	return p
}

// tags reads the tags of a session.
func (o object) tags(name string) map[string]string {
	x, ok := o.object(name)
	if !ok {
		return nil
	}
	out := map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(x.m)) {
		out[k] = x.text(k)
	}
	return out
}

// context reads context keys, in the order of their names: a text, a number, a
// boolean, or a list of these. Source: design §4, "Scenario".
func (o object) context(name string) []*rowanv1.ContextKey {
	x, ok := o.object(name)
	if !ok {
		return nil
	}
	var out []*rowanv1.ContextKey
	for _, k := range slices.Sorted(maps.Keys(x.m)) {
		v, ok := x.take(k)
		if !ok {
			continue
		}
		out = append(out, &rowanv1.ContextKey{Name: k, Values: x.values(k, v)})
	}
	return out
}

// values are those of a context key.
func (o object) values(name string, v any) []string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	out := make([]string, 0, len(list))
	for _, v := range list {
		s, ok := scalar(v)
		if !ok {
			o.fault(name, "want a text, a number, true or false, or a list of these")
			return nil
		}
		out = append(out, s)
	}
	return out
}

// batchQuestion reads many questions.
func batchQuestion(o object) *rowanv1.DecideBatchRequest {
	in := &rowanv1.DecideBatchRequest{Subject: o.subject()}
	for i, v := range o.list("requests") {
		if x, ok := o.as("requests["+strconv.Itoa(i)+"]", v); ok {
			in.Requests = append(in.Requests, question(x))
		}
	}
	o.closed()
	return in
}

// rowsQuestion reads a question about rows: columns has a list of values for each key,
// null where a row does not have it.
func rowsQuestion(o object) *rowanv1.DecideRowsRequest {
	in := &rowanv1.DecideRowsRequest{
		Subject: o.subject(), Action: o.text("action"), Resource: o.text("resource"),
		ResourceAccount: o.text("resourceAccount"), Context: o.context("context"),
	}
	columns, _ := o.object("columns")
	for i, k := range slices.Sorted(maps.Keys(columns.m)) {
		values := columns.list(k)
		if i == 0 {
			in.Rows = uint32(len(values))
		}
		in.Columns = append(in.Columns, columns.column(k, values))
	}
	o.closed()
	return in
}

// column packs the values of a column.
func (o object) column(key string, values []any) *rowanv1.Column {
	c := &rowanv1.Column{Key: key, Ends: make([]uint32, 0, len(values))}
	for i, v := range values {
		s, ok := scalar(v)
		switch {
		case v == nil:
			if c.Absent == nil {
				c.Absent = make([]byte, (len(values)+7)/8)
			}
			c.Absent[i/8] |= 1 << (i % 8)
		case !ok || len(c.Values)+len(s) > math.MaxUint32:
			o.fault(key+"["+strconv.Itoa(i)+"]", "want a text, a number, true, false or null")
			return c
		}
		c.Values = append(c.Values, s...)
		c.Ends = append(c.Ends, uint32(len(c.Values)))
	}
	return c
}

// dialects are the dialects of SQL by their names here.
var dialects = map[string]rowanv1.SqlDialect{
	"":         rowanv1.SqlDialect_SQL_DIALECT_UNSPECIFIED,
	"postgres": rowanv1.SqlDialect_SQL_DIALECT_POSTGRES,
	"mysql":    rowanv1.SqlDialect_SQL_DIALECT_MYSQL,
	"sqlite":   rowanv1.SqlDialect_SQL_DIALECT_SQLITE,
}

// filterQuestion reads a question for a filter.
func filterQuestion(o object) *rowanv1.FilterRequest {
	in := &rowanv1.FilterRequest{
		Subject: o.subject(), Action: o.text("action"), Resource: o.text("resource"),
		ResourceAccount: o.text("resourceAccount"), Context: o.context("context"), Unknown: o.texts("unknown"), Table: o.text("table"),
	}
	name := o.text("dialect")
	dialect, ok := dialects[name]
	if !ok {
		o.fault("dialect", "want postgres, mysql or sqlite")
	}
	in.Dialect = dialect
	o.closed()
	return in
}
