package celop_test

import (
	"fmt"

	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/conditions/celop"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/policy"
)

// A policy that compares two context keys, which IAM's own operators cannot.
func Example() {
	op, err := celop.New(celop.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	vocabulary, err := conditions.AWS().With(nil, op)
	if err != nil {
		fmt.Println(err)
		return
	}
	document, err := policy.Parse("tags.json", []byte(`{
		"Version": "2012-10-17",
		"Statement": {
			"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*",
			"Condition": {"CelTrue": {
				"own team in office hours": "request.time.getHours('UTC') < 18 && principal.tags['team'] == context['s3:RequestObjectTag/team'][0]"
			}}
		}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err := engine.Compile(vocabulary, policy.Identity, document)
	if err != nil {
		fmt.Println(err)
		return
	}
	evaluator := engine.Evaluator{Identity: set}

	ann, err := engine.ParsePrincipal("arn:aws:iam::111122223333:user/ann")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, team := range []string{"red", "blue", ""} {
		context := vocabulary.NewContext()
		err := ann.Describe(context)
		for key, value := range map[string]string{
			"aws:CurrentTime": "2026-11-23T05:00:00Z", "aws:PrincipalTag/team": "red", "s3:RequestObjectTag/team": team,
		} {
			if err == nil && value != "" {
				err = context.Set(key, value)
			}
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		explanation := evaluator.Explain(&engine.Request{
			Principal: ann, Action: "s3:PutObject",
			Resource: "arn:aws:s3:::team-files/report", ResourceAccount: "111122223333", Context: context,
		})
		fmt.Println(explanation.Decision.Outcome, explanation.Looked[0].Conditions[0].Err)
	}
	// Output:
	// allowed <nil>
	// implicitDeny <nil>
	// implicitDeny 1:99: no such key: s3:RequestObjectTag/team
}
