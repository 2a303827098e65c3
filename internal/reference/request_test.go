package reference

import "github.com/rowan-authz/rowan/policy"

// asking is a request with a context and nothing else.
func asking(context map[string][]string) *request {
	q := &Question{Action: "app:Read", Resource: "*", Context: context}
	return &request{q: q, context: buildContext(q, "")}
}

// condition is one entry as Parse would make it.
func condition(operator, key string, values ...string) *policy.Condition {
	c := &policy.Condition{Operator: policy.Text{Value: operator}, Key: policy.Text{Value: key}}
	for _, v := range values {
		c.Values = append(c.Values, policy.Value{Text: policy.Text{Value: v}})
	}
	return c
}

func texts(values ...string) []policy.Text {
	var out []policy.Text
	for _, v := range values {
		out = append(out, policy.Text{Value: v})
	}
	return out
}
