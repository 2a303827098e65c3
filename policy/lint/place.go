package lint

import (
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// placeRules are about where in AWS a resource is. They come with a Catalogue.
var placeRules = []Rule{
	{
		Code: "unknown-partition", Severity: Error,
		Summary:  "an ARN of a partition that AWS does not have",
		Why:      "It matches no resource.",
		Analyzer: []string{"INVALID_PARTITION"},
	},
	{
		Code: "unknown-region", Severity: Warning,
		Summary:  "a region that AWS did not have in 2026",
		Why:      "Unless it is new, no resource is there: an Allow gives nothing, and a Deny keeps nothing from anybody.",
		Analyzer: []string{"INVALID_ARN_REGION", "INVALID_REGION"},
	},
	{
		Code: "arn-account", Severity: Error,
		Summary:  "an ARN whose account is not twelve digits",
		Why:      "It matches no resource.",
		Analyzer: []string{"INVALID_ARN_ACCOUNT"},
	},
}

// partitions of AWS. Source: AWS General Reference, "Amazon Resource Names".
var partitions = []string{"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"}

// regions of all partitions, as of November 2026. Source: AWS General Reference,
// "Service endpoints", and the endpoints that AWS SDKs know.
var regions = strings.Fields(`
	af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2
	ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7
	ca-central-1 ca-west-1 cn-north-1 cn-northwest-1 eu-central-1 eu-central-2 eu-isoe-west-1 eu-north-1
	eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 eusc-de-east-1 il-central-1 me-central-1 me-south-1
	me-west-1 mx-central-1 sa-east-1 sa-west-1 us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 us-iso-east-1
	us-iso-west-1 us-isob-east-1 us-isob-west-1 us-isof-east-1 us-isof-south-1 us-west-1 us-west-2`)

// places looks at the ARNs of a statement, and at the regions that it names.
func (l *linter) places(s *statement) {
	l.in(name("Resource", &s.Resource), func() {
		for _, t := range s.Resource.Values {
			l.arn(t)
		}
	})
	for i := range s.conditions {
		c := &s.conditions[i]
		if c.key != "aws:requestedregion" || c.base == "Null" {
			continue
		}
		l.within(c, func() {
			for _, v := range c.Values {
				l.region(v.Text, v.Value)
			}
		})
	}
}

func (l *linter) arn(t policy.Text) {
	parts := strings.SplitN(t.Value, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return
	}
	if p := parts[1]; !strings.ContainsAny(p, "*?$") && !slices.Contains(partitions, p) {
		l.find("unknown-partition", t.Pos, "AWS has no partition %q%s", p, meant(p, partitions))
	}
	l.region(t, parts[3])
	if a := parts[4]; a != "" && a != "aws" && !strings.ContainsAny(a, "*?$") && !accountID(a) {
		l.find("arn-account", t.Pos, "account %q: want twelve digits", a)
	}
}

// region looks at a region, or a pattern of some, at the place of a text.
func (l *linter) region(t policy.Text, region string) {
	if region == "" || strings.Contains(region, "$") || slices.ContainsFunc(regions, func(r string) bool { return glob(region, r) }) {
		return
	}
	l.find("unknown-region", t.Pos, "AWS has no region %q%s", region, meant(region, regions))
}
