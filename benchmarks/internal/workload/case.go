package workload

import "strings"

// Case is a request whose answer is known from the meaning of the policies.
type Case struct {
	Name    string
	Request Request
	Allowed bool
}

// Cases are what every engine must answer alike before it is timed: each condition met, and each
// one failing alone.
func (w *Workload) Cases() []Case {
	own := w.Requests(One, true)[0]
	wild := w.Resources != Exact
	return []Case{
		{"own row", own, true},
		{"another identity's row", w.Requests(One, false)[0], false},
		{"own row and another's", own.with(func(r *Request) { r.LeadingKeys = append(r.LeadingKeys, Region+":other") }), false},
		{"key that extends the identity", own.with(func(r *Request) { r.LeadingKeys = []string{r.Identity + "0"} }), false},
		{"key that is a wildcard", own.with(func(r *Request) { r.LeadingKeys = []string{"*"} }), false},
		{"no key is vacuously own", own.with(func(r *Request) { r.LeadingKeys = []string{} }), true},
		{"one attribute", own.with(func(r *Request) { r.Attributes = []string{"UserId"} }), true},
		{"no attribute is vacuously listed", own.with(func(r *Request) { r.Attributes = []string{} }), true},
		{"attribute not listed", own.with(func(r *Request) { r.Attributes[4] = "Salary" }), false},
		{"attribute in another case", own.with(func(r *Request) { r.Attributes[0] = "userid" }), false},
		{"other granted action", own.with(func(r *Request) { r.Action = "dynamodb:Query" }), true},
		{"action not granted", own.with(func(r *Request) { r.Action = "dynamodb:Scan" }), false},
		{"table without a policy", own.with(func(r *Request) { r.Resource = ARN(Region, "Payroll") }), false},
		{"table with a longer name", own.with(func(r *Request) { r.Resource += "Archive" }), wild},
		{"table of another region", own.with(func(r *Request) { r.Resource = ARN("eu-west-1", Table) }), false},
		{"index", own.with(func(r *Request) { r.Resource += "/index/ByTitle" }), wild},
		{"index in another region", own.with(func(r *Request) { r.Resource = ARN("eu-west-1", Table) + "/index/ByTitle" }), wild},
	}
}

// with is a copy of r, its slices included, that edit has changed.
func (r Request) with(edit func(*Request)) Request {
	r.LeadingKeys = cloneAll(r.LeadingKeys)
	r.Attributes = cloneAll(r.Attributes)
	edit(&r)
	return r
}

func cloneAll(values []string) []string {
	clones := make([]string, len(values))
	for i, v := range values {
		clones[i] = strings.Clone(v)
	}
	return clones
}
