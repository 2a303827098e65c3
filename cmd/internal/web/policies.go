package web

import (
	"net/http"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
)

// describe describes the bundle in force.
func (x *exchange) describe() error {
	p, err := x.peer(x.r)
	if err != nil {
		return err
	}
	if err := x.admit(p); err != nil {
		return err
	}
	out, err := x.options.Decider.Describe(x.r.Context(), nil)
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, map[string]any{
		"bundle": newVersion(out.GetBundle()), "loadedAt": moment(out.GetLoadedAt()), "refusal": out.GetRefusal(),
		"account": out.GetAccount(), "partition": out.GetPartition(), "region": out.GetRegion(),
		"roles": out.GetRoles(), "policies": out.GetPolicies(), "resources": out.GetResources(),
		"identityPools": out.GetIdentityPools(), "userPools": out.GetUserPools(), "tables": out.GetTables(),
	})
}

// validate checks a policy document, which is a text: places in it are the
// author's.
func (x *exchange) validate() error {
	type fault struct {
		Line    uint32 `json:"line"`
		Column  uint32 `json:"column"`
		Message string `json:"message"`
	}
	read := func(o object) *rowanv1.ValidateRequest {
		in := &rowanv1.ValidateRequest{Name: o.text("name"), Document: []byte(o.text("document")), Kind: o.text("kind")}
		o.closed()
		return in
	}
	return ask(x, oneQuestion, read, x.options.Decider.Validate, func(_ *rowanv1.ValidateRequest, out *rowanv1.ValidateResponse) any {
		faults := make([]fault, 0, len(out.GetFaults()))
		for _, f := range out.GetFaults() {
			faults = append(faults, fault{f.GetLine(), f.GetColumn(), f.GetMessage()})
		}
		return map[string]any{"faults": faults}
	})
}

// test runs the tests of the bundle in force.
func (x *exchange) test() error {
	read := func(o object) *rowanv1.TestRequest {
		in := &rowanv1.TestRequest{Run: o.text("run")}
		o.closed()
		return in
	}
	return ask(x, oneQuestion, read, x.options.Decider.Test, func(_ *rowanv1.TestRequest, out *rowanv1.TestResponse) any {
		return map[string]any{
			"passed": out.GetPassed(), "tests": out.GetTests(), "failures": out.GetFailures(), "text": out.GetText(), "bundle": newVersion(out.GetBundle()),
		}
	})
}
